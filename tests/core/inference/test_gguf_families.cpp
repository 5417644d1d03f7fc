// GGUF files of other families than llama: their tensors renamed, fused, permuted and offset as llama.cpp's
// converter does it (conversion of each model class), against the reference that reads the Hugging Face
// folder.
#include "core/inference/forward.h"
#include "tests/support/family_fixtures.h"
#include "tests/support/gguf_writer.h"
#include "tests/support/reference_family.h"

#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <cstring>
#include <random>

using namespace qroar;
using namespace qroar::test;

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
    const bool granite = config["model_type"] == "granite";
    for (const StoredTensor& tensor : familyTensors(config, seed)) {
        std::vector<float> values = floatsOf(tensor.bytes);
        if (gemma && tensor.name.ends_with("norm.weight"))
            for (float& value : values) value += 1;
        const bool query = tensor.name.find("q_proj") != std::string::npos;
        const bool key = tensor.name.find("k_proj") != std::string::npos;
        if (granite && (query || key))
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

/// What the reference and the file are made from.
struct Pair {
    Json config;
    GgufWriter gguf;
};

Pair pairOf(const char* fixture, const std::string& architecture, const Json& change = Json::object()) {
    Pair pair{familyFixture(fixture).config, {}};
    pair.config.update(change);
    addKeys(pair.gguf, pair.config, architecture);
    addTensors(pair.gguf, pair.config, 5);
    return pair;
}

} // namespace

class TestGgufFamilies : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    int number_ = 0;

    std::filesystem::path fresh(const char* suffix) {
        return folder_.filePath(QString::number(number_++) + suffix).toStdString();
    }
    Outcome<std::shared_ptr<const Model>> openedFile(const Pair& pair) {
        const auto path = fresh(".gguf");
        pair.gguf.write(path);
        return openModel(path);
    }
    double worst(const Pair& pair) {
        auto model = openedFile(pair);
        if (!model) qFatal("%s", model.error().message.c_str());
        const auto folder = fresh("-hf");
        writeFamily(folder, pair.config);
        std::vector<TokenId> ids(147);
        std::mt19937 random(4);
        for (TokenId& id : ids) id = static_cast<TokenId>(random() % 64);
        const auto expected = ReferenceFamily(folder).nll(ids);
        const auto table = buildFrequencyTable((*model)->config().storedRope, (*model)->config().ropeModel(),
                                               static_cast<int>(ids.size()));
        ForwardPass pass(*model, *table, QuantSpec{}, static_cast<int>(ids.size()));
        const Window window{0, 0, ids};
        NllSink nll(std::span(&window, 1));
        ProgressSink silent;
        WorkMeter meter(silent, 1e9);
        if (!pass.run(std::span(&window, 1), nullptr, nll, meter)) qFatal("the pass failed");
        double most = 0;
        for (std::size_t at = 0; at < expected.size(); ++at)
            most = std::max(most, std::abs(nll.nll().front()[at] - expected[at]));
        return most;
    }

  private slots:
    void qwen3() { QVERIFY(worst(pairOf("qwen3", "qwen3")) < 1e-5); }

    void phi3() { QVERIFY(worst(pairOf("phi3", "phi3", {{"sliding_window", nullptr}})) < 1e-5); }

    /// The converter stores the attention factor and both lists, no type and no factor.
    void phi4MiniLongRope() {
        Pair pair = pairOf("phi4-mini longrope", "phi3");
        const double ratio = 512.0 / 64;
        pair.gguf.u32("phi3.rope.scaling.original_context_length", 64);
        pair.gguf.f32("phi3.rope.scaling.attn_factor",
                      static_cast<float>(std::sqrt(1 + std::log(ratio) / std::log(64.0))));
        const Json& scaling = pair.config["rope_scaling"];
        pair.gguf.tensorF32("rope_factors_long.weight", {6},
                            scaling["long_factor"].get<std::vector<float>>());
        pair.gguf.tensorF32("rope_factors_short.weight", {6},
                            scaling["short_factor"].get<std::vector<float>>());
        QVERIFY(worst(pair) < 2e-5); // the factor is a 32-bit float
    }

    void gemma2() {
        Pair pair = pairOf("gemma2", "gemma2", {{"query_pre_attn_scalar", 16}});
        pair.gguf.f32("gemma2.attn_logit_softcapping", 1.5F);
        pair.gguf.f32("gemma2.final_logit_softcapping", 2.5F);
        pair.gguf.u32("gemma2.attention.sliding_window", 17);
        QVERIFY(worst(pair) < 1e-5);
    }

    void gemma3() {
        Pair pair = pairOf("gemma3", "gemma3",
                           {{"query_pre_attn_scalar", 16},
                            {"sliding_window_pattern", 6},
                            {"num_hidden_layers", 7},
                            {"rope_local_base_freq", 10000.0}});
        pair.gguf.u32("gemma3.attention.sliding_window", 17);
        pair.gguf.text("gemma3.rope.scaling.type", "linear");
        pair.gguf.f32("gemma3.rope.scaling.factor", 4);
        QVERIFY(worst(pair) < 2e-5);
    }

    void granite() {
        Pair pair = pairOf("granite", "granite");
        pair.gguf.f32("granite.attention.scale", 0.5F);
        pair.gguf.f32("granite.embedding_scale", 3.0F);
        pair.gguf.f32("granite.residual_scale", 0.4F);
        pair.gguf.f32("granite.logit_scale", 2.0F);
        QVERIFY(worst(pair) < 1e-5);
    }

    void refusedByName() {
        Pair pair = pairOf("gemma3", "gemma3");
        const auto missing = openedFile(pair);
        QVERIFY(!missing.ok() && missing.error().message.find("sliding_window") != std::string::npos);
        pair.gguf.u32("gemma3.attention.sliding_window", 17);
        pair.gguf.f32("gemma3.final_logit_softcapping", 30);
        const auto capped = openedFile(pair);
        QVERIFY(!capped.ok() && capped.error().message.find("final_logit_softcapping") != std::string::npos);
        pair = pairOf("granite", "granite");
        pair.gguf.boolean("granite.rope.scaling.finetuned", false);
        const auto still = openedFile(pair);
        QVERIFY(!still.ok() && still.error().message.find("finetuned") != std::string::npos);
    }
};

QTEST_APPLESS_MAIN(TestGgufFamilies)
#include "test_gguf_families.moc"
