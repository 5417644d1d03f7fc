#include "tests/support/safetensors_writer.h"

#include "core/base/half.h"
#include "core/base/strings.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <numbers>
#include <stdexcept>

namespace qroar::test {

namespace {

/// splitmix64 (Steele, Lea, Flood 2014) and Box-Muller: the standard library's distributions differ between
/// systems.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t bits() {
        std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return z ^ (z >> 31);
    }
    double normal() {
        const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
        return radius * std::cos(2.0 * std::numbers::pi * uniform());
    }
    std::vector<float> normals(long long count, double mean, double deviation) {
        std::vector<float> values;
        values.reserve(static_cast<std::size_t>(count));
        for (long long value = 0; value < count; ++value)
            values.push_back(static_cast<float>(mean + deviation * normal()));
        return values;
    }

  private:
    double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
    std::uint64_t state_;
};

/// Texts of tests are plain ASCII without anything to escape.
std::string jsonText(const std::string& text) {
    return "\"" + text + "\"";
}

/// Collects the tensors of a random model.
class TensorMaker {
  public:
    TensorMaker(const RandomModelOptions& options, std::uint64_t seed) : options_(options), random_(seed) {}
    std::vector<StoredTensor> tensors;

    void add(const std::string& name, std::vector<long long> shape, double mean, double deviation) {
        long long count = 1;
        for (const long long extent : shape) count *= extent;
        const bool prefixed = options_.modelPrefix && name != "lm_head.weight";
        tensors.push_back(makeTensor((prefixed ? "model." : "") + name, std::move(shape),
                                     random_.normals(count, mean, deviation), options_.dtype));
    }
    void projection(const std::string& name, int out, int in, bool bias) {
        add(name + ".weight", {out, in}, 0.0, options_.gain / std::sqrt(static_cast<double>(in)));
        if (bias) add(name + ".bias", {out}, 0.0, 0.1);
    }

  private:
    const RandomModelOptions& options_;
    Random random_;
};

void addLayer(TensorMaker& maker, const RandomModelOptions& options, int layer) {
    const std::string prefix = "layers." + std::to_string(layer) + ".";
    const int query = options.heads * options.headDim, key = options.kvHeads * options.headDim;
    maker.add(prefix + "input_layernorm.weight", {options.hidden}, 1.0, 0.1);
    maker.projection(prefix + "self_attn.q_proj", query, options.hidden, options.attentionBias);
    maker.projection(prefix + "self_attn.k_proj", key, options.hidden, options.attentionBias);
    maker.projection(prefix + "self_attn.v_proj", key, options.hidden, options.attentionBias);
    maker.projection(prefix + "self_attn.o_proj", options.hidden, query, options.attentionBias);
    if (options.architecture == "Qwen3ForCausalLM") {
        maker.add(prefix + "self_attn.q_norm.weight", {options.headDim}, 1.0, 0.2);
        maker.add(prefix + "self_attn.k_norm.weight", {options.headDim}, 1.0, 0.2);
    }
    maker.add(prefix + "post_attention_layernorm.weight", {options.hidden}, 1.0, 0.1);
    maker.projection(prefix + "mlp.gate_proj", options.intermediate, options.hidden, options.mlpBias);
    maker.projection(prefix + "mlp.up_proj", options.intermediate, options.hidden, options.mlpBias);
    maker.projection(prefix + "mlp.down_proj", options.hidden, options.intermediate, options.mlpBias);
}

void writeShards(const std::filesystem::path& folder, const std::vector<StoredTensor>& tensors, int shards) {
    std::string map;
    const std::size_t count = static_cast<std::size_t>(shards);
    for (std::size_t shard = 0; shard < count; ++shard) {
        const std::string name =
            "model-" + std::to_string(shard + 1) + "-of-" + std::to_string(shards) + ".safetensors";
        std::vector<StoredTensor> part;
        for (std::size_t tensor = shard; tensor < tensors.size(); tensor += count) {
            part.push_back(tensors[tensor]);
            map += (map.empty() ? "" : ", ") + jsonText(tensors[tensor].name) + ": " + jsonText(name);
        }
        writeBytes(folder / name, safetensorsBytes(part));
    }
    writeBytes(folder / "model.safetensors.index.json",
               R"({"metadata": {"total_size": 0}, "weight_map": {)" + map + "}}");
}

} // namespace

std::string encodeFloats(const std::vector<float>& values, const std::string& dtype) {
    if (dtype != "F32" && dtype != "F16" && dtype != "BF16")
        throw std::runtime_error("encodeFloats: no such dtype: " + dtype);
    const std::size_t size = dtype == "F32" ? 4 : 2;
    std::string bytes(values.size() * size, '\0');
    for (std::size_t value = 0; value < values.size(); ++value) {
        char* target = bytes.data() + value * size;
        if (dtype == "F32") {
            std::memcpy(target, &values[value], 4);
            continue;
        }
        const std::uint16_t half = dtype == "F16" ? floatToF16(values[value]) : floatToBf16(values[value]);
        std::memcpy(target, &half, 2);
    }
    return bytes;
}

StoredTensor makeTensor(std::string name, std::vector<long long> shape, const std::vector<float>& values,
                        const std::string& dtype) {
    return {std::move(name), dtype, std::move(shape), encodeFloats(values, dtype)};
}

std::string rawSafetensors(const std::string& header, const std::string& data) {
    const std::uint64_t length = header.size();
    std::string file(8, '\0');
    std::memcpy(file.data(), &length, 8);
    return file + header + data;
}

std::string safetensorsBytes(const std::vector<StoredTensor>& tensors,
                             const std::vector<std::pair<std::string, std::string>>& metadata) {
    std::string header, data;
    const auto add = [&header](const std::string& entry) { header += (header.empty() ? "{" : ", ") + entry; };
    if (!metadata.empty()) {
        std::string texts;
        for (const auto& [key, text] : metadata)
            texts += (texts.empty() ? "" : ", ") + jsonText(key) + ": " + jsonText(text);
        add("\"__metadata__\": {" + texts + "}");
    }
    for (const StoredTensor& tensor : tensors) {
        add(jsonText(tensor.name) + R"(: {"dtype": ")" + tensor.dtype + R"(", "shape": )"
            + formatShape(tensor.shape) + R"(, "data_offsets": [)" + std::to_string(data.size()) + ", "
            + std::to_string(data.size() + tensor.bytes.size()) + "]}");
        data += tensor.bytes;
    }
    header += header.empty() ? "{}" : "}";
    header.append((8 - header.size() % 8) % 8, ' ');
    return rawSafetensors(header, data);
}

void writeBytes(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.close();
    if (!out) throw std::runtime_error("cannot write " + path.string());
}

std::vector<StoredTensor> randomModelTensors(const RandomModelOptions& options, std::uint64_t seed) {
    TensorMaker maker(options, seed);
    maker.add("embed_tokens.weight", {options.vocab, options.hidden}, 0.0, 1.0);
    for (int layer = 0; layer < options.layers; ++layer) addLayer(maker, options, layer);
    maker.add("norm.weight", {options.hidden}, 1.0, 0.1);
    if (!options.tied)
        maker.add("lm_head.weight", {options.vocab, options.hidden}, 0.0,
                  1.0 / std::sqrt(static_cast<double>(options.hidden)));
    return std::move(maker.tensors);
}

std::string randomModelConfig(const RandomModelOptions& options) {
    std::string text = "{\n";
    const auto add = [&text](const std::string& key, const std::string& value) {
        text += (text.size() > 2 ? ",\n" : "") + ("  " + jsonText(key)) + ": " + value;
    };
    add("architectures", "[" + jsonText(options.architecture) + "]");
    add("model_type", jsonText(options.architecture == "MistralForCausalLM" ? "mistral" : "llama"));
    add("hidden_size", std::to_string(options.hidden));
    add("intermediate_size", std::to_string(options.intermediate));
    add("num_hidden_layers", std::to_string(options.layers));
    add("num_attention_heads", std::to_string(options.heads));
    add("num_key_value_heads", std::to_string(options.kvHeads));
    const bool qwen3 = options.architecture == "Qwen3ForCausalLM"; // its default is another one
    if (qwen3 || options.hidden != options.heads * options.headDim)
        add("head_dim", std::to_string(options.headDim));
    add("vocab_size", std::to_string(options.vocab));
    add("max_position_embeddings", std::to_string(options.maxPositions));
    add("rope_theta", formatNumber(options.ropeTheta));
    add("rope_scaling", options.ropeScalingJson);
    if (options.partialRotaryFactor != 1.0)
        add("partial_rotary_factor", formatNumber(options.partialRotaryFactor));
    if (options.slidingWindow > 0) add("sliding_window", std::to_string(options.slidingWindow));
    add("rms_norm_eps", formatNumber(options.rmsEps));
    add("hidden_act", jsonText("silu"));
    add("tie_word_embeddings", options.tied ? "true" : "false");
    add("attention_bias", options.attentionBias ? "true" : "false");
    add("mlp_bias", options.mlpBias ? "true" : "false");
    add("bos_token_id", "1");
    add("eos_token_id", "2");
    if (!options.extraConfigJson.empty()) text += ",\n  " + options.extraConfigJson;
    return text + "\n}\n";
}

void writeHfFolder(const std::filesystem::path& folder, const std::string& config,
                   const std::vector<StoredTensor>& tensors, int shards) {
    std::filesystem::create_directories(folder);
    writeBytes(folder / "config.json", config);
    if (shards > 1)
        writeShards(folder, tensors, shards);
    else
        writeBytes(folder / "model.safetensors", safetensorsBytes(tensors));
}

void makeRandomHfModel(const std::filesystem::path& folder, const RandomModelOptions& options,
                       std::uint64_t seed) {
    writeHfFolder(folder, randomModelConfig(options), randomModelTensors(options, seed), options.shards);
}

} // namespace qroar::test
