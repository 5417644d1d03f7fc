// GGUF files of other families than llama against the reference that reads the Hugging Face folder they are
// made from.
#include "core/inference/forward.h"
#include "tests/support/gguf_families.h"
#include "tests/support/reference_family.h"

#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <random>

using namespace qroar;
using namespace qroar::test;

class TestGgufFamilies : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    int number_ = 0;

    std::filesystem::path fresh(const char* suffix) {
        return folder_.filePath(QString::number(number_++) + suffix).toStdString();
    }
    Outcome<std::shared_ptr<const Model>> openedFile(const GgufPair& pair) {
        const auto path = fresh(".gguf");
        pair.gguf.write(path);
        return openModel(path);
    }
    double worst(const GgufPair& pair) {
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
    void qwen3() { QVERIFY(worst(ggufPair("qwen3", "qwen3")) < 1e-5); }

    void phi3() { QVERIFY(worst(ggufPair("phi3", "phi3", {{"sliding_window", nullptr}})) < 1e-5); }

    /// The converter stores the attention factor and both lists, no type and no factor.
    void phi4MiniLongRope() {
        GgufPair pair = ggufPair("phi4-mini longrope", "phi3");
        const double ratio = 512.0 / 64;
        pair.gguf.u32("phi3.rope.scaling.original_context_length", 64);
        pair.gguf.f32("phi3.rope.scaling.attn_factor",
                      static_cast<float>(std::sqrt(1 + std::log(ratio) / std::log(64.0))));
        const nlohmann::json& scaling = pair.config["rope_scaling"];
        pair.gguf.tensorF32("rope_factors_long.weight", {6},
                            scaling["long_factor"].get<std::vector<float>>());
        pair.gguf.tensorF32("rope_factors_short.weight", {6},
                            scaling["short_factor"].get<std::vector<float>>());
        QVERIFY(worst(pair) < 2e-5); // the factor is a 32-bit float
    }

    void gemma2() {
        GgufPair pair = ggufPair("gemma2", "gemma2", {{"query_pre_attn_scalar", 16}});
        pair.gguf.f32("gemma2.attn_logit_softcapping", 1.5F);
        pair.gguf.f32("gemma2.final_logit_softcapping", 2.5F);
        pair.gguf.u32("gemma2.attention.sliding_window", 17);
        QVERIFY(worst(pair) < 1e-5);
    }

    void gemma3() {
        GgufPair pair = ggufPair("gemma3", "gemma3",
                                 {{"query_pre_attn_scalar", 16},
                                  {"sliding_window_pattern", 6},
                                  {"num_hidden_layers", 7},
                                  {"rope_local_base_freq", 10000.0}});
        pair.gguf.u32("gemma3.attention.sliding_window", 17);
        pair.gguf.text("gemma3.rope.scaling.type", "linear");
        pair.gguf.f32("gemma3.rope.scaling.factor", 4);
        QVERIFY(worst(pair) < 2e-5);
    }

    /// Patterns in both spellings; a cap of the logits; no window at all.
    void gemma3Variants() {
        const nlohmann::json change{{"query_pre_attn_scalar", 16}, {"rope_scaling", nullptr}};
        GgufPair pair = ggufPair("gemma3", "gemma3", change);
        pair.gguf.u32("gemma3.attention.sliding_window", 17);
        pair.gguf.f32("gemma3.rope.freq_base_swa", 100);
        GgufPair numbered = pair, flagged = pair;
        numbered.gguf.u32("gemma3.attention.sliding_window_pattern", 3);
        QVERIFY(worst(numbered) < 2e-5);
        flagged.gguf.booleans("gemma3.attention.sliding_window_pattern", {true, false, false, true});
        QVERIFY(worst(flagged) > 1e-3);
        flagged.config["layer_types"] = {"sliding_attention", "full_attention", "full_attention",
                                         "sliding_attention"};
        QVERIFY(worst(flagged) < 2e-5);
        GgufPair capped = numbered;
        capped.gguf.f32("gemma3.final_logit_softcapping", 1.5F);
        capped.config["final_logit_softcapping"] = 1.5;
        QVERIFY(worst(capped) < 2e-5);
        GgufPair open = ggufPair("gemma3", "gemma3", change);
        open.config["layer_types"] = std::vector<std::string>(4, "full_attention");
        QVERIFY(worst(open) < 2e-5);
        GgufPair few = pair;
        few.gguf.booleans("gemma3.attention.sliding_window_pattern", {true, false});
        QVERIFY(!openedFile(few).ok());
    }

    void gemma2Pattern() {
        GgufPair pair = ggufPair("gemma2", "gemma2", {{"query_pre_attn_scalar", 16}});
        pair.gguf.f32("gemma2.attn_logit_softcapping", 1.5F);
        pair.gguf.f32("gemma2.final_logit_softcapping", 2.5F);
        pair.gguf.u32("gemma2.attention.sliding_window", 17);
        pair.gguf.booleans("gemma2.attention.sliding_window_pattern", {false, false, true});
        pair.config["layer_types"] = {"full_attention", "full_attention", "sliding_attention"};
        QVERIFY(worst(pair) < 1e-5);
        pair.gguf.f32("gemma2.rope.freq_base_swa", 777);
        const auto two = openedFile(pair);
        QVERIFY(!two.ok() && two.error().message.find("freq_base_swa") != std::string::npos);
    }

    /// Every fourth layer does not turn.
    void smolLm3() {
        GgufPair pair = ggufPair("smollm3", "smollm3", {{"num_hidden_layers", 5}});
        pair.config["no_rope_layers"] = {1, 1, 1, 0, 1};
        QVERIFY(worst(pair) < 1e-5);
        pair.config["no_rope_layers"] = {1, 1, 0, 1, 1};
        QVERIFY(worst(pair) > 1e-3);
    }

    void granite() {
        GgufPair pair = ggufPair("granite", "granite");
        pair.gguf.f32("granite.attention.scale", 0.5F);
        pair.gguf.f32("granite.embedding_scale", 3.0F);
        pair.gguf.f32("granite.residual_scale", 0.4F);
        pair.gguf.f32("granite.logit_scale", 2.0F);
        QVERIFY(worst(pair) < 1e-5);
    }

    void refusedByName() {
        GgufPair pair = ggufPair("gemma3", "gemma3");
        pair.gguf.u32("gemma3.attention.sliding_window", 17);
        pair.gguf.f32("gemma3.attn_logit_softcapping", 30);
        const auto capped = openedFile(pair);
        QVERIFY(!capped.ok() && capped.error().message.find("attn_logit_softcapping") != std::string::npos);
        pair = ggufPair("granite", "granite");
        pair.gguf.boolean("granite.rope.scaling.finetuned", false);
        const auto still = openedFile(pair);
        QVERIFY(!still.ok() && still.error().message.find("finetuned") != std::string::npos);
    }
};

QTEST_APPLESS_MAIN(TestGgufFamilies)
#include "test_gguf_families.moc"
