// Makes llama2.c checkpoints for tests, whose rows of q and k are interleaved. Not here: tokenizers.
#pragma once

#include "tests/support/safetensors_writer.h"

#include <stdexcept>

namespace qroar::test {

/// A random Llama in llama2.c's legacy layout: the tensors of an HF model with rows of q and k interleaved.
inline void writeLlama2c(const std::filesystem::path& path, const RandomModelOptions& options) {
    const auto tensors = randomModelTensors(options, 5);
    const auto bytesOf = [&](const std::string& name) {
        for (const StoredTensor& tensor : tensors)
            if (tensor.name == name) return tensor.bytes;
        throw std::runtime_error("no " + name);
    };
    const auto interleaved = [&](const std::string& bytes) {
        const std::size_t row = static_cast<std::size_t>(options.hidden) * 4,
                          half = static_cast<std::size_t>(options.headDim) / 2;
        std::string result;
        for (std::size_t head = 0; head * 2 * half * row < bytes.size(); ++head)
            for (std::size_t pair = 0; pair < half; ++pair)
                for (const std::size_t from : {pair, pair + half})
                    result += bytes.substr((head * 2 * half + from) * row, row);
        return result;
    };
    std::string file;
    for (const int number :
         {options.hidden, options.intermediate, options.layers, options.heads, options.kvHeads,
          options.tied ? options.vocab : -options.vocab, options.maxPositions})
        file.append(reinterpret_cast<const char*>(&number), 4);
    const auto list = [&](const std::string& suffix, bool pairs = false) {
        for (int layer = 0; layer < options.layers; ++layer) {
            const std::string bytes =
                bytesOf("model.layers." + std::to_string(layer) + "." + suffix + ".weight");
            file += pairs ? interleaved(bytes) : bytes;
        }
    };
    file += bytesOf("model.embed_tokens.weight");
    list("input_layernorm");
    list("self_attn.q_proj", true);
    list("self_attn.k_proj", true);
    list("self_attn.v_proj");
    list("self_attn.o_proj");
    list("post_attention_layernorm");
    list("mlp.gate_proj");
    list("mlp.down_proj");
    list("mlp.up_proj");
    file += bytesOf("model.norm.weight");
    file.append(static_cast<std::size_t>(options.maxPositions * options.headDim) * 4, '\0');
    if (!options.tied) file += bytesOf("lm_head.weight");
    writeBytes(path, file);
}

} // namespace qroar::test
