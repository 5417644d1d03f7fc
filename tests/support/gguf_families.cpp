#include "tests/support/gguf_families.h"

#include <cstring>

namespace qroar::test {

namespace {

using Json = nlohmann::json;

std::vector<float> floatsOf(const std::string& bytes) {
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

std::string ggufName(std::string name, bool gemma) {
    name = name.starts_with("model.") ? name.substr(6) : name;
    const std::pair<std::string, std::string> parts[] = {
        {"layers.", "blk."},
        {"self_attn.q_norm", "attn_q_norm"},
        {"self_attn.k_norm", "attn_k_norm"},
        {"self_attn.qkv_proj", "attn_qkv"},
        {"self_attn.q_proj", "attn_q"},
        {"self_attn.k_proj", "attn_k"},
        {"self_attn.v_proj", "attn_v"},
        {"self_attn.o_proj", "attn_output"},
        {"mlp.gate_up_proj", "ffn_up"},
        {"mlp.gate_proj", "ffn_gate"},
        {"mlp.up_proj", "ffn_up"},
        {"mlp.down_proj", "ffn_down"},
        {"pre_feedforward_layernorm", "ffn_norm"},
        {"post_feedforward_layernorm", "post_ffw_norm"},
        {"post_attention_layernorm", gemma ? "post_attention_norm" : "ffn_norm"},
        {"input_layernorm", "attn_norm"},
        {"embed_tokens", "token_embd"},
        {"lm_head", "output"}};
    for (const auto& [from, to] : parts)
        if (const auto at = name.find(from); at != std::string::npos) {
            name.replace(at, from.size(), to);
            if (from != "layers.") break;
        }
    return name == "norm.weight" ? "output_norm.weight" : name;
}

/// New row h*D + 2i + b is old row h*D + b*D/2 + i.
std::vector<float> permuted(const std::vector<float>& values, int heads, int headDim) {
    const std::size_t width = values.size() / static_cast<std::size_t>(heads * headDim);
    std::vector<float> result;
    for (int head = 0; head < heads; ++head)
        for (int pair = 0; pair < headDim / 2; ++pair)
            for (int half = 0; half < 2; ++half) {
                const auto row = static_cast<std::size_t>(head * headDim + half * headDim / 2 + pair);
                result.insert(result.end(), values.begin() + static_cast<std::ptrdiff_t>(row * width),
                              values.begin() + static_cast<std::ptrdiff_t>((row + 1) * width));
            }
    return result;
}

void addTensors(GgufWriter& gguf, const Json& config, std::uint64_t seed) {
    const bool gemma = std::string(config["model_type"]).starts_with("gemma");
    const bool turned = config["model_type"] == "granite" || config["model_type"] == "smollm3";
    for (const StoredTensor& tensor : familyTensors(config, seed)) {
        std::vector<float> values = floatsOf(tensor.bytes);
        if (gemma && tensor.name.ends_with("norm.weight"))
            for (float& value : values) value += 1;
        const bool query = tensor.name.find("q_proj") != std::string::npos;
        const bool key = tensor.name.find("k_proj") != std::string::npos;
        if (turned && (query || key))
            values = permuted(values, config[query ? "num_attention_heads" : "num_key_value_heads"],
                              config["head_dim"]);
        gguf.tensorF32(ggufName(tensor.name, gemma),
                       std::vector<std::uint64_t>(tensor.shape.begin(), tensor.shape.end()), values);
    }
}

void addKeys(GgufWriter& gguf, const Json& config, const std::string& a) {
    const auto number = [&](const char* key, int value) {
        gguf.u32(a + "." + key, static_cast<std::uint32_t>(value));
    };
    const int hidden = config["hidden_size"], heads = config["num_attention_heads"];
    const int headDim = config.value("head_dim", hidden / heads);
    gguf.text("general.architecture", a);
    number("context_length", config["max_position_embeddings"]);
    number("embedding_length", hidden);
    number("block_count", config["num_hidden_layers"]);
    number("feed_forward_length", config["intermediate_size"]);
    number("attention.head_count", heads);
    number("attention.head_count_kv", config["num_key_value_heads"]);
    number("attention.key_length", headDim);
    number("attention.value_length", headDim);
    number("rope.dimension_count", static_cast<int>(headDim * config.value("partial_rotary_factor", 1.0)));
    gguf.f32(a + ".rope.freq_base", config["rope_theta"]);
    gguf.f32(a + ".attention.layer_norm_rms_epsilon", config["rms_norm_eps"]);
}

} // namespace

GgufPair ggufPair(const char* fixture, const std::string& architecture, const Json& change) {
    GgufPair pair{familyFixture(fixture).config, {}};
    pair.config.update(change);
    addKeys(pair.gguf, pair.config, architecture);
    addTensors(pair.gguf, pair.config, 5);
    return pair;
}

} // namespace qroar::test
