#include "tests/support/family_fixtures.h"

#include <cmath>
#include <random>
#include <stdexcept>

namespace qroar::test {

namespace {

using Json = nlohmann::json;

/// Shapes that no two numbers share: a head size that is not hidden / heads, more layers than a pattern.
Json shape(const char* architecture, const char* type, int layers) {
    return {{"architectures", {architecture}},
            {"model_type", type},
            {"hidden_size", 24},
            {"intermediate_size", 40},
            {"num_hidden_layers", layers},
            {"num_attention_heads", 4},
            {"num_key_value_heads", 2},
            {"head_dim", 16},
            {"vocab_size", 64},
            {"max_position_embeddings", 128},
            {"rms_norm_eps", 1e-5},
            {"rope_theta", 500.0},
            {"tie_word_embeddings", false},
            {"bos_token_id", 1},
            {"eos_token_id", 2}};
}

Json merged(Json config, const Json& more) {
    config.update(more);
    return config;
}

FamilyFixture qwen3() {
    return {"qwen3",
            merged(shape("Qwen3ForCausalLM", "qwen3", 2),
                   {{"hidden_act", "silu"}, {"attention_bias", false}, {"use_sliding_window", false}}),
            {{"theta", {{"rope_theta", 900.0}}}, {"eps", {{"rms_norm_eps", 1e-2}}}}};
}

/// Windows in the layers from the second on, biases, tied.
FamilyFixture qwen3Windowed() {
    return {"qwen3 windows and biases",
            merged(shape("Qwen3ForCausalLM", "qwen3", 3), {{"attention_bias", true},
                                                           {"use_sliding_window", true},
                                                           {"sliding_window", 19},
                                                           {"max_window_layers", 1},
                                                           {"tie_word_embeddings", true}}),
            {{"window", {{"sliding_window", 11}}},
             {"first windowed layer", {{"max_window_layers", 2}}},
             {"layer types", {{"layer_types", {"sliding_attention", "full_attention", "full_attention"}}}}}};
}

FamilyFixture qwen2Windowed() {
    return {"qwen2 windows",
            merged(shape("Qwen2ForCausalLM", "qwen2", 3),
                   {{"use_sliding_window", true}, {"sliding_window", 19}, {"max_window_layers", 1}}),
            {{"first windowed layer", {{"max_window_layers", 2}}}}};
}

FamilyFixture phi3() {
    Json config = merged(shape("Phi3ForCausalLM", "phi3", 2), {{"sliding_window", 40},
                                                               {"attention_bias", false},
                                                               {"original_max_position_embeddings", 128},
                                                               {"rope_scaling", nullptr}});
    config.erase("head_dim");
    config["hidden_size"] = 32;
    config["num_key_value_heads"] = 4;
    return {"phi3", config, {{"window", {{"sliding_window", 33}}}}};
}

/// 12 of 16 dims rotate; both lists of longrope are far from 1.
FamilyFixture phi4Mini() {
    Json config =
        merged(shape("Phi3ForCausalLM", "phi3", 2), {{"partial_rotary_factor", 0.75},
                                                     {"original_max_position_embeddings", 64},
                                                     {"max_position_embeddings", 512},
                                                     {"tie_word_embeddings", true},
                                                     {"rope_scaling",
                                                      {{"type", "longrope"},
                                                       {"short_factor", {1.0, 1.1, 1.2, 1.3, 1.4, 1.5}},
                                                       {"long_factor", {1.0, 1.5, 2.0, 3.0, 4.0, 6.0}}}}});
    return {"phi4-mini longrope", config, {{"partial rotary", {{"original_max_position_embeddings", 256}}}}};
}

FamilyFixture gemma2() {
    Json config = merged(shape("Gemma2ForCausalLM", "gemma2", 3), {{"hidden_activation", "gelu_pytorch_tanh"},
                                                                   {"query_pre_attn_scalar", 10},
                                                                   {"attn_logit_softcapping", 1.5},
                                                                   {"final_logit_softcapping", 2.5},
                                                                   {"sliding_window", 17}});
    config.erase("tie_word_embeddings");
    return {
        "gemma2",
        config,
        {{"query scalar", {{"query_pre_attn_scalar", 16}}},
         {"attention cap", {{"attn_logit_softcapping", nullptr}}},
         {"logit cap", {{"final_logit_softcapping", nullptr}}},
         {"window", {{"sliding_window", 23}}},
         {"layer types", {{"layer_types", {"full_attention", "sliding_attention", "sliding_attention"}}}}}};
}

/// The spelling of transformers 4: two bases at the top level, a scaling that the local layers do not have.
FamilyFixture gemma3() {
    Json config = merged(shape("Gemma3ForCausalLM", "gemma3_text", 4),
                         {{"hidden_activation", "gelu_pytorch_tanh"},
                          {"query_pre_attn_scalar", 12},
                          {"rope_theta", 2000.0},
                          {"rope_local_base_freq", 100.0},
                          {"rope_scaling", {{"rope_type", "linear"}, {"factor", 4.0}}},
                          {"sliding_window", 17},
                          {"sliding_window_pattern", 3}});
    config.erase("tie_word_embeddings");
    return {"gemma3",
            config,
            {{"local base", {{"rope_local_base_freq", 300.0}}},
             {"global base", {{"rope_theta", 5000.0}}},
             {"scaling", {{"rope_scaling", nullptr}}},
             {"pattern", {{"sliding_window_pattern", 2}}},
             {"cap", {{"attn_logit_softcapping", 1.0}}}}};
}

/// The spelling of transformers 5: nested per layer type.
FamilyFixture gemma3Nested() {
    Json config = gemma3().config;
    for (const char* key : {"rope_theta", "rope_local_base_freq", "rope_scaling", "sliding_window_pattern"})
        config.erase(key);
    config["layer_types"] = {"sliding_attention", "full_attention", "sliding_attention", "full_attention"};
    config["rope_parameters"] = {
        {"full_attention", {{"rope_type", "linear"}, {"factor", 4.0}, {"rope_theta", 2000.0}}},
        {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 100.0}}}};
    return {"gemma3 nested", config, {}};
}

FamilyFixture granite() {
    return {"granite",
            merged(shape("GraniteForCausalLM", "granite", 2), {{"embedding_multiplier", 3.0},
                                                               {"residual_multiplier", 0.4},
                                                               {"attention_multiplier", 0.5},
                                                               {"logits_scaling", 2.0},
                                                               {"attention_bias", true},
                                                               {"mlp_bias", true}}),
            {{"embedding", {{"embedding_multiplier", 1.0}}},
             {"residual", {{"residual_multiplier", 1.0}}},
             {"attention", {{"attention_multiplier", 0.25}}},
             {"logits", {{"logits_scaling", 1.0}}}}};
}

FamilyFixture smolLm3() {
    return {"smollm3",
            merged(shape("SmolLM3ForCausalLM", "smollm3", 4),
                   {{"no_rope_layers", {1, 0, 1, 1}}, {"use_sliding_window", false}}),
            {{"no_rope_layers", {{"no_rope_layers", {1, 1, 1, 0}}}},
             {"interval", {{"no_rope_layers", nullptr}, {"no_rope_layer_interval", 3}}},
             {"window", {{"use_sliding_window", true}, {"sliding_window", 15}}}}};
}

/// Collects random tensors.
class Maker {
  public:
    Maker(std::uint64_t seed, std::string dtype) : random_(seed), dtype_(std::move(dtype)) {}
    std::vector<StoredTensor> tensors;

    void add(const std::string& name, std::vector<long long> shape, double mean, double deviation) {
        long long count = 1;
        for (const long long extent : shape) count *= extent;
        std::vector<float> values(static_cast<std::size_t>(count));
        for (float& value : values) value = static_cast<float>(mean + deviation * normal());
        tensors.push_back(makeTensor(name, std::move(shape), values, dtype_));
    }
    void linear(const std::string& name, int out, int in, bool bias) {
        add(name + ".weight", {out, in}, 0, 1 / std::sqrt(static_cast<double>(in)));
        if (bias) add(name + ".bias", {out}, 0, 0.2);
    }

  private:
    /// The sum of twelve uniform numbers: near enough to normal, and the same everywhere.
    double normal() {
        double sum = -6;
        for (int at = 0; at < 12; ++at) sum += static_cast<double>(random_() >> 11) * 0x1p-53;
        return sum;
    }
    std::mt19937_64 random_;
    std::string dtype_;
};

void addLayer(Maker& maker, const Json& config, const std::string& prefix) {
    const std::string type = config["model_type"];
    const bool gemma = type.starts_with("gemma"), phi = type == "phi3";
    const int hidden = config["hidden_size"], inner = config["intermediate_size"];
    const int heads = config["num_attention_heads"], kvHeads = config["num_key_value_heads"];
    const int headDim = config.value("head_dim", hidden / heads);
    const bool bias = config.value("attention_bias", false), mlpBias = config.value("mlp_bias", false);
    const double norm = gemma ? 0 : 1;
    maker.add(prefix + "input_layernorm.weight", {hidden}, norm, 0.2);
    if (phi) {
        maker.linear(prefix + "self_attn.qkv_proj", (heads + 2 * kvHeads) * headDim, hidden, false);
    } else {
        maker.linear(prefix + "self_attn.q_proj", heads * headDim, hidden, bias || type == "qwen2");
        maker.linear(prefix + "self_attn.k_proj", kvHeads * headDim, hidden, bias || type == "qwen2");
        maker.linear(prefix + "self_attn.v_proj", kvHeads * headDim, hidden, bias || type == "qwen2");
    }
    maker.linear(prefix + "self_attn.o_proj", hidden, heads * headDim, bias);
    if (type == "qwen3" || type == "gemma3_text") {
        maker.add(prefix + "self_attn.q_norm.weight", {headDim}, norm, 0.2);
        maker.add(prefix + "self_attn.k_norm.weight", {headDim}, norm, 0.2);
    }
    maker.add(prefix + "post_attention_layernorm.weight", {hidden}, norm, 0.2);
    if (gemma) {
        maker.add(prefix + "pre_feedforward_layernorm.weight", {hidden}, norm, 0.2);
        maker.add(prefix + "post_feedforward_layernorm.weight", {hidden}, norm, 0.2);
    }
    if (phi) {
        maker.linear(prefix + "mlp.gate_up_proj", 2 * inner, hidden, false);
    } else {
        maker.linear(prefix + "mlp.gate_proj", inner, hidden, mlpBias);
        maker.linear(prefix + "mlp.up_proj", inner, hidden, mlpBias);
    }
    maker.linear(prefix + "mlp.down_proj", hidden, inner, mlpBias);
}

} // namespace

std::vector<FamilyFixture> familyFixtures() {
    return {qwen3(),  qwen3Windowed(), qwen2Windowed(), phi3(),    phi4Mini(),
            gemma2(), gemma3(),        gemma3Nested(),  granite(), smolLm3()};
}

const FamilyFixture& familyFixture(const std::string& name) {
    static const std::vector<FamilyFixture> all = familyFixtures();
    for (const FamilyFixture& fixture : all)
        if (fixture.name == name) return fixture;
    throw std::runtime_error("no such fixture: " + name);
}

std::vector<StoredTensor> familyTensors(const Json& config, std::uint64_t seed, const std::string& dtype) {
    Maker maker(seed, dtype);
    const int vocabulary = config["vocab_size"], hidden = config["hidden_size"];
    const bool gemma = std::string(config["model_type"]).starts_with("gemma");
    maker.add("model.embed_tokens.weight", {vocabulary, hidden}, 0, gemma ? 0.3 : 1.0);
    for (int layer = 0; layer < config["num_hidden_layers"]; ++layer)
        addLayer(maker, config, "model.layers." + std::to_string(layer) + ".");
    maker.add("model.norm.weight", {hidden}, gemma ? 0 : 1, 0.2);
    if (!config.value("tie_word_embeddings", true))
        maker.add("lm_head.weight", {vocabulary, hidden}, 0, 1 / std::sqrt(static_cast<double>(hidden)));
    return std::move(maker.tensors);
}

void writeFamily(const std::filesystem::path& folder, const Json& config, std::uint64_t seed,
                 const std::string& dtype) {
    writeHfFolder(folder, config.dump(2), familyTensors(config, seed, dtype));
}

} // namespace qroar::test
