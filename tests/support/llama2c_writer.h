// Makes llama2.c checkpoints for tests, whose rows of q and k are interleaved. Not here: tokenizers.
#pragma once

#include "tests/support/safetensors_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace qroar::test {

/// The tensors of an HF model under their names, with rows of q and k interleaved.
class Llama2cTensors {
  public:
    explicit Llama2cTensors(const RandomModelOptions& options)
        : options_(options), tensors_(randomModelTensors(options, 5)) {}
    [[nodiscard]] std::string of(const std::string& name) const {
        for (const StoredTensor& tensor : tensors_)
            if (tensor.name == name)
                return name.find("q_proj") != std::string::npos || name.find("k_proj") != std::string::npos
                           ? interleaved(tensor.bytes)
                           : tensor.bytes;
        throw std::runtime_error("no " + name);
    }
    [[nodiscard]] std::string of(int layer, const std::string& suffix) const {
        return of("model.layers." + std::to_string(layer) + "." + suffix + ".weight");
    }

  private:
    [[nodiscard]] std::string interleaved(const std::string& bytes) const {
        const std::size_t row = static_cast<std::size_t>(options_.hidden) * 4,
                          half = static_cast<std::size_t>(options_.headDim) / 2;
        std::string result;
        for (std::size_t head = 0; head * 2 * half * row < bytes.size(); ++head)
            for (std::size_t pair = 0; pair < half; ++pair)
                for (const std::size_t from : {pair, pair + half})
                    result += bytes.substr((head * 2 * half + from) * row, row);
        return result;
    }
    RandomModelOptions options_;
    std::vector<StoredTensor> tensors_;
};

inline std::string llama2cHeader(const RandomModelOptions& options, int vocab) {
    std::string bytes;
    for (const int number : {options.hidden, options.intermediate, options.layers, options.heads,
                             options.kvHeads, vocab, options.maxPositions})
        bytes.append(reinterpret_cast<const char*>(&number), 4);
    return bytes;
}

/// A random Llama in llama2.c's legacy layout.
inline void writeLlama2c(const std::filesystem::path& path, const RandomModelOptions& options) {
    const Llama2cTensors tensors(options);
    std::string file = llama2cHeader(options, options.tied ? options.vocab : -options.vocab);
    const auto list = [&](const std::string& suffix) {
        for (int layer = 0; layer < options.layers; ++layer) file += tensors.of(layer, suffix);
    };
    file += tensors.of("model.embed_tokens.weight");
    for (const char* suffix :
         {"input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
          "post_attention_layernorm", "mlp.gate_proj", "mlp.down_proj", "mlp.up_proj"})
        list(suffix);
    file += tensors.of("model.norm.weight");
    file.append(static_cast<std::size_t>(options.maxPositions * options.headDim) * 4, '\0');
    if (!options.tied) file += tensors.of("lm_head.weight");
    writeBytes(path, file);
}

/// The same in version 2: norms as they are, everything else int8 in groups of `group`, a tensor's scales
/// behind its codes.
inline void writeLlama2cInt8(const std::filesystem::path& path, const RandomModelOptions& options,
                             int group) {
    const Llama2cTensors tensors(options);
    std::string file =
        std::string("24ka") + std::string("\2\0\0\0", 4) + llama2cHeader(options, options.vocab);
    file += static_cast<char>(options.tied ? 1 : 0);
    file.append(reinterpret_cast<const char*>(&group), 4);
    file.resize(256, '\0');
    for (const char* suffix : {"input_layernorm", "post_attention_layernorm"})
        for (int layer = 0; layer < options.layers; ++layer) file += tensors.of(layer, suffix);
    file += tensors.of("model.norm.weight");
    const auto add = [&](const std::string& bytes) {
        std::vector<float> values(bytes.size() / 4), scales;
        std::memcpy(values.data(), bytes.data(), bytes.size());
        for (std::size_t first = 0; first < values.size(); first += static_cast<std::size_t>(group)) {
            float most = 0;
            for (std::size_t at = first; at < first + static_cast<std::size_t>(group); ++at)
                most = std::max(most, std::abs(values[at]));
            scales.push_back(most / 127);
            for (std::size_t at = first; at < first + static_cast<std::size_t>(group); ++at)
                file += static_cast<char>(std::lrint(values[at] / scales.back()));
        }
        file += encodeFloats(scales, "F32");
    };
    add(tensors.of("model.embed_tokens.weight"));
    for (const char* suffix : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                               "mlp.gate_proj", "mlp.down_proj", "mlp.up_proj"})
        for (int layer = 0; layer < options.layers; ++layer) add(tensors.of(layer, suffix));
    if (!options.tied) add(tensors.of("lm_head.weight"));
    writeBytes(path, file);
}

} // namespace qroar::test
