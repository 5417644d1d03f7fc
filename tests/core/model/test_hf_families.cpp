// The keys that single families have in config.json: read, with their defaults, and refused by name.
#include "core/model/model.h"
#include "tests/core/model/model_test.h"
#include "tests/support/family_fixtures.h"

#include <cmath>

using namespace qroar;
using namespace qroar::test;

namespace {

Outcome<ModelConfig> parse(const nlohmann::json& config) {
    return parseHfConfig(config.dump(), "somewhere/config.json");
}

/// A fixture's config with some members exchanged.
nlohmann::json with(const char* fixture, const nlohmann::json& change = nlohmann::json::object()) {
    nlohmann::json config = familyFixture(fixture).config;
    config.update(change);
    return config;
}

std::vector<int> windowsOf(const ModelConfig& config) {
    std::vector<int> windows;
    for (int layer = 0; layer < config.layers; ++layer) windows.push_back(config.windowOf(layer));
    return windows;
}

} // namespace

class TestHfFamilies : public QObject {
    Q_OBJECT
  private slots:
    void defaultsOfAFamily() {
        nlohmann::json config = with("gemma3");
        for (const char* key : {"head_dim", "query_pre_attn_scalar", "rope_theta", "rope_local_base_freq",
                                "sliding_window", "sliding_window_pattern", "rope_scaling", "rms_norm_eps"})
            config.erase(key);
        const auto gemma = parse(config);
        QROAR_OPENED(gemma);
        QCOMPARE(gemma->headDim, 256);
        QVERIFY(gemma->attentionScale.value_or(0) == 1.0 / 16 && gemma->ropeTheta == 1e6);
        QVERIFY(gemma->localTheta.value_or(0) == 10000 && gemma->rmsEps == 1e-6);
        QVERIFY(gemma->embeddingScale == std::sqrt(24.0) && gemma->qkNorms && gemma->offsetNorms);
        QVERIFY(windowsOf(*gemma) == std::vector<int>(4, 4096)); // the sixth would be the first full one
        config = with("gemma2");
        config.erase("attn_logit_softcapping");
        config.erase("final_logit_softcapping");
        const auto capped = parse(config);
        QROAR_OPENED(capped);
        QVERIFY(capped->attentionCap.value_or(0) == 50 && capped->logitCap.value_or(0) == 30);
        config = with("qwen3");
        config.erase("head_dim");
        QCOMPARE(parse(config)->headDim, 128);
    }

    void layersOfAFamily() {
        const auto gemma = parse(with("gemma3"));
        QVERIFY(windowsOf(*gemma) == std::vector<int>({17, 17, 0, 17}));
        QVERIFY(gemma->ropeOf(1) == LayerRope::Local && gemma->ropeOf(2) == LayerRope::Scaled);
        QVERIFY(gemma->ropeModel().unscaledLayers == std::vector<int>({0, 1, 3}));
        QVERIFY(windowsOf(*parse(with("gemma2"))) == std::vector<int>({17, 0, 17}));
        QVERIFY(windowsOf(*parse(with("qwen2 windows"))) == std::vector<int>({0, 19, 19}));
        QVERIFY(windowsOf(*parse(with("qwen2 windows", {{"use_sliding_window", false}})))
                == std::vector<int>(3));
        const auto smol = parse(with("smollm3"));
        QVERIFY(smol->ropeOf(1) == LayerRope::None && smol->ropeOf(3) == LayerRope::Scaled);
        const auto usual = parse(with("smollm3", {{"no_rope_layers", nullptr}}));
        QVERIFY(usual->ropeOf(1) == LayerRope::Scaled && usual->ropeOf(3) == LayerRope::None);
        const auto granite = parse(with("granite"));
        QVERIFY(granite->logitScale == 0.5 && granite->attentionScale.value_or(0) == 0.5);
    }

    void refusedByName_data() {
        QTest::addColumn<QString>("fixture");
        QTest::addColumn<QString>("change");
        QTest::addColumn<QString>("named");
        const auto row = [](const char* fixture, const char* change, const char* named) {
            QTest::addRow("%s %s", fixture, change) << fixture << change << named;
        };
        row("gemma3", R"({"use_bidirectional_attention": true})", "use_bidirectional_attention");
        row("gemma3", R"({"hidden_activation": "gelu"})", "hidden_activation");
        row("gemma3", R"({"query_pre_attn_scalar": 0})", "query_pre_attn_scalar");
        row("gemma3", R"({"rope_local_base_freq": 1})", "rope_local_base_freq");
        row("gemma3", R"({"sliding_window_pattern": 0})", "sliding_window_pattern");
        row("gemma3", R"({"layer_types": ["full_attention"]})", "layer_types");
        row("gemma3", R"({"layer_types": "full_attention"})", "layer_types");
        row("gemma2", R"({"layer_types": ["full_attention", "chunked_attention", "full_attention"]})",
            "chunked_attention");
        row("gemma2", R"({"attn_logit_softcapping": "50"})", "attn_logit_softcapping");
        row("gemma3 nested", R"({"rope_parameters": {"sliding_attention": {"rope_type": "default"}}})",
            "full_attention");
        row("gemma3 nested",
            R"({"rope_parameters": {"full_attention": {"rope_type": "default"},
                "sliding_attention": {"rope_type": "linear", "factor": 2, "rope_theta": 100}}})",
            "sliding_attention");
        row("qwen3", R"({"use_sliding_window": 1})", "use_sliding_window");
        row("qwen3 windows and biases", R"({"max_window_layers": -1})", "max_window_layers");
        row("qwen3", R"({"hidden_act": "gelu"})", "hidden_act");
        row("granite", R"({"residual_multiplier": 0})", "residual_multiplier");
        row("granite", R"({"logits_scaling": "8"})", "logits_scaling");
        row("smollm3", R"({"no_rope_layers": [1, 0]})", "no_rope_layers");
        row("smollm3", R"({"no_rope_layers": [1, 0, 2, 1]})", "no_rope_layers");
        row("smollm3", R"({"no_rope_layers": 4})", "no_rope_layers");
        row("phi4-mini longrope", R"({"partial_rotary_factor": 0.7})", "partial_rotary_factor");
        row("phi4-mini longrope", R"({"rope_scaling": {"type": "longrope", "short_factor": [1]}})",
            "short_factor");
    }
    void refusedByName() {
        QFETCH(QString, fixture);
        QFETCH(QString, change);
        QFETCH(QString, named);
        const auto members = nlohmann::json::parse(change.toStdString());
        QROAR_REFUSED(parse(with(fixture.toUtf8().constData(), members)), named.toStdString(), "config.json");
    }

    void missingAndForeignTensors() {
        const auto openedWithout = [](const char* fixture, const std::string& removed,
                                      const std::string& added = {}) {
            const Scratch scratch;
            const auto& config = familyFixture(fixture).config;
            std::vector<StoredTensor> tensors;
            for (StoredTensor& tensor : familyTensors(config, 3))
                if (tensor.name != removed) tensors.push_back(std::move(tensor));
            if (!added.empty()) tensors.push_back(makeTensor(added, {4}, {1, 1, 1, 1}));
            writeHfFolder(scratch.path("model"), config.dump(), tensors);
            return openModel(scratch.path("model"));
        };
        for (const char* name : {"self_attn.q_norm.weight", "pre_feedforward_layernorm.weight"})
            QROAR_REFUSED(openedWithout("gemma3", std::string("model.layers.2.") + name), name, "missing");
        QROAR_REFUSED(openedWithout("phi3", "model.layers.1.mlp.gate_up_proj.weight"), "gate_up_proj",
                      "[80, 32]");
        QROAR_REFUSED(openedWithout("granite", "", "model.layers.0.self_attn.q_norm.weight"), "q_norm",
                      "not part of a GraniteForCausalLM");
        QROAR_REFUSED(openedWithout("qwen3", "", "model.layers.0.pre_feedforward_layernorm.weight"),
                      "pre_feedforward_layernorm", "not part of a Qwen3ForCausalLM");
    }

    /// Which of them is the layer's? Fused codes alone are read: test_compressed_int.
    void codesBesideDenseWeightsAreRefused() {
        const Scratch scratch;
        nlohmann::json config = with("phi3");
        config["quantization_config"] = {
            {"quant_method", "gptq"}, {"bits", 4}, {"group_size", 8}, {"sym", true}};
        auto tensors = familyTensors(config, 3);
        tensors.push_back({"model.layers.0.self_attn.qkv_proj.qweight", "I32", {1}, std::string(4, '\0')});
        writeHfFolder(scratch.path("model"), config.dump(), tensors);
        QROAR_REFUSED(openModel(scratch.path("model")), "qkv_proj", "either dense or quantized");
    }
};

QTEST_APPLESS_MAIN(TestHfFamilies)
#include "test_hf_families.moc"
