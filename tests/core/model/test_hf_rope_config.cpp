// RoPE keys of config.json in the spellings of transformers 4 and 5: values, precedence, and refusals by key.
#include "core/model/config.h"
#include "tests/core/model/model_test.h"

using namespace qroar;
using namespace qroar::test;

namespace {
/// head_dim 8 (4 pairs), 128 positions.
Outcome<ModelConfig> parse(const std::string& scaling, const std::string& extra = {}) {
    RandomModelOptions options;
    options.ropeScalingJson = scaling;
    options.extraConfigJson = extra;
    return parseHfConfig(randomModelConfig(options), "config.json");
}
/// The same without rope_theta and rope_scaling.
Outcome<ModelConfig> parseNew(const std::string& parameters) {
    std::string text = randomModelConfig({});
    for (const char* key : {"  \"rope_theta\"", "  \"rope_scaling\""}) {
        const std::size_t start = text.find(key);
        text.erase(start, text.find('\n', start) + 1 - start);
    }
    text.insert(text.find("{") + 1, "\"rope_parameters\": " + parameters + ",");
    return parseHfConfig(text, "config.json");
}
} // namespace

class TestHfRopeConfig : public QObject {
    Q_OBJECT
  private slots:
    void noScaling() {
        for (const char* text : {"null", "{}", R"({"type": "default"})", R"({"rope_type": "default"})"}) {
            const auto config = parse(text);
            QROAR_OPENED(config);
            QVERIFY(config->storedRope == RopeSpec{});
        }
    }

    void linearAndDynamic() {
        const auto linear = parse(R"({"type": "linear", "factor": 4})");
        QROAR_OPENED(linear);
        QVERIFY(linear->storedRope.kind == RopeKind::Linear && linear->storedRope.factor == 4.0);
        const auto dynamic = parse(R"({"rope_type": "dynamic", "factor": 2.5})");
        QROAR_OPENED(dynamic);
        QVERIFY(dynamic->storedRope.kind == RopeKind::Dynamic && dynamic->storedRope.factor == 2.5);
    }

    void yarn() {
        const auto config = parse(R"({"rope_type": "yarn", "type": "yarn", "factor": 4.0,
            "original_max_position_embeddings": 32, "beta_fast": 16, "beta_slow": 2, "attention_factor": 1.25,
            "mscale": 1.0, "mscale_all_dim": 0.5, "truncate": false, "finetuned": true})");
        QROAR_OPENED(config);
        RopeSpec expected;
        expected.kind = RopeKind::Yarn;
        expected.factor = 4;
        expected.original = 32;
        expected.betaFast = 16;
        expected.betaSlow = 2;
        expected.attentionFactor = 1.25;
        expected.mscale = 1;
        expected.mscaleAllDim = 0.5;
        expected.truncate = false;
        QVERIFY(config->storedRope == expected);
        QCOMPARE(config->originalMaxPositions.value_or(0), 32);
        QCOMPARE(config->trainedContext(), 32);
    }

    void yarnWithoutFactorNeedsTheOriginalLength() {
        const auto config =
            parse(R"({"type": "yarn", "factor": null, "original_max_position_embeddings": 32})");
        QROAR_OPENED(config);
        QVERIFY(!config->storedRope.factor);
        QROAR_REFUSED(parse(R"({"type": "yarn"})"), "rope_scaling", "\"factor\" is missing");
    }

    void llama3() {
        const auto config = parse(R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 64})");
        QROAR_OPENED(config);
        const RopeSpec& spec = config->storedRope;
        QVERIFY(spec.kind == RopeKind::Llama3 && spec.factor == 8.0 && spec.lowFreqFactor == 1.0
                && spec.highFreqFactor == 4.0 && spec.original == 64.0);
        QROAR_REFUSED(
            parse(R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4,
            "original_max_position_embeddings": 64})"),
            "\"high_freq_factor\"");
        QROAR_REFUSED(
            parse(R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4})"),
            "\"original_max_position_embeddings\" is missing");
        QROAR_REFUSED(parse(R"({"rope_type": "llama3", "factor": 8, "high_freq_factor": 4,
            "original_max_position_embeddings": 64})"),
                      "\"low_freq_factor\" is missing");
    }

    void longrope() {
        for (const char* name : {"longrope", "su"}) {
            const auto config =
                parse("{\"type\": \"" + std::string(name)
                      + "\", \"short_factor\": [1, 1.5, 2, 3], \"long_factor\": [1, 2, 4, 8]}");
            QROAR_OPENED(config);
            QVERIFY(config->storedRope.kind == RopeKind::LongRope);
            QCOMPARE(config->storedRope.shortFactors, (std::vector<double>{1, 1.5, 2, 3}));
            QCOMPARE(config->storedRope.longFactors, (std::vector<double>{1, 2, 4, 8}));
        }
        QROAR_REFUSED(
            parse(R"({"type": "longrope", "short_factor": [1, 1, 1], "long_factor": [1, 2, 4, 8]})"),
            "\"short_factor\"", "4 numbers", "array of 3");
        QROAR_REFUSED(parse(R"({"type": "longrope", "short_factor": [1, 1, 1, 1]})"),
                      "\"long_factor\" is missing");
        QROAR_REFUSED(
            parse(R"({"type": "longrope", "short_factor": [1, 1, 1, 1], "long_factor": [1, 2, 0, 8]})"),
            "\"long_factor\"", "at index 2");
        QROAR_REFUSED(
            parse(R"({"type": "longrope", "short_factor": [1, 1, 1, 1], "long_factor": [1, 2, "4", 8]})"),
            "\"long_factor\"");
    }

    void longropeReadsTheTopLevelOriginalFirst() {
        const auto config = parse(R"({"type": "longrope", "original_max_position_embeddings": 16,
            "short_factor": [1, 1, 1, 1], "long_factor": [2, 2, 2, 2]})",
                                  R"("original_max_position_embeddings": 32)");
        QROAR_OPENED(config);
        QCOMPARE(config->originalMaxPositions.value_or(0), 32);
        QVERIFY(!config->storedRope.original);
    }

    void topLevelOriginal() {
        const auto config =
            parse(R"({"type": "yarn", "factor": 4})", R"("original_max_position_embeddings": 32)");
        QROAR_OPENED(config);
        QCOMPARE(config->originalMaxPositions.value_or(0), 32);
        QVERIFY(!config->storedRope.original);
        const auto both = parse(R"({"type": "yarn", "factor": 4, "original_max_position_embeddings": 64})",
                                R"("original_max_position_embeddings": 32)");
        QROAR_OPENED(both);
        QCOMPARE(both->originalMaxPositions.value_or(0), 64);
        QVERIFY(both->storedRope.original == 64.0);
    }

    void newSpelling() {
        const auto config = parseNew(R"({"rope_type": "yarn", "rope_theta": 500000.0, "factor": 2,
            "original_max_position_embeddings": 64, "partial_rotary_factor": 0.5})");
        QROAR_OPENED(config);
        QVERIFY(config->ropeTheta == 5e5 && config->storedRope.kind == RopeKind::Yarn);
        QCOMPARE(config->rotaryDim, 4);
        QCOMPARE(config->originalMaxPositions.value_or(0), 64);
        const auto plain = parseNew(R"({"rope_theta": 20000.0})");
        QROAR_OPENED(plain);
        QVERIFY(plain->ropeTheta == 2e4 && plain->storedRope.kind == RopeKind::None);
    }

    void newSpellingWins() {
        const auto config = parse(R"({"type": "linear", "factor": 2, "rope_theta": 30000})",
                                  R"("rope_parameters": {"rope_type": "linear", "factor": 8})");
        QROAR_OPENED(config);
        QVERIFY(config->storedRope.factor == 8.0);
        QVERIFY(config->ropeTheta == 3e4); // rope_scaling before the top level's 1e4
        const auto theta =
            parse("null", R"("rope_parameters": {"rope_type": "default", "rope_theta": 77777})");
        QROAR_OPENED(theta);
        QVERIFY(theta->ropeTheta == 77777);
    }

    void perLayerTypes() {
        const auto same =
            parseNew(R"({"full_attention": {"rope_type": "linear", "factor": 2, "rope_theta": 5000},
            "sliding_attention": {"rope_type": "linear", "factor": 2, "rope_theta": 5000}})");
        QROAR_OPENED(same);
        QVERIFY(same->storedRope.kind == RopeKind::Linear && same->ropeTheta == 5000);
        QROAR_REFUSED(parseNew(R"({"full_attention": {"rope_type": "linear", "factor": 2},
            "sliding_attention": {"rope_type": "default"}})"),
                      "\"rope_parameters\"", "layer type");
        QROAR_REFUSED(
            parseNew(R"({"full_attention": {"rope_type": "linear", "factor": 2}, "rope_theta": 5000})"),
            "\"rope_parameters\"", "layer type");
    }

    void refused_data() {
        QTest::addColumn<std::string>("scaling");
        QTest::addColumn<std::string>("message");
        const auto row = [](const char* name, const char* scaling, const char* message) {
            QTest::newRow(name) << std::string(scaling) << std::string(message);
        };
        row("unknown type", R"({"type": "mrope", "factor": 2})", "\"mrope\"");
        row("ntk is not a type of transformers", R"({"type": "ntk", "factor": 2})", "\"ntk\"");
        row("type is a number", R"({"rope_type": 3})", "\"rope_type\"");
        row("no type", R"({"factor": 2})", "\"rope_type\" is missing");
        row("text", R"("yarn")", "\"rope_scaling\"");
        row("list", R"([])", "\"rope_scaling\"");
        row("linear without factor", R"({"type": "linear"})", "\"factor\" is missing");
        row("dynamic without factor", R"({"type": "dynamic"})", "\"factor\" is missing");
        row("llama3 without factor", R"({"type": "llama3", "low_freq_factor": 1})", "\"factor\" is missing");
        row("factor 0", R"({"type": "linear", "factor": 0})", "\"factor\"");
        row("negative factor", R"({"type": "linear", "factor": -2})", "\"factor\"");
        row("factor as text", R"({"type": "linear", "factor": "2"})", "\"factor\"");
        row("original 0", R"({"type": "yarn", "factor": 2, "original_max_position_embeddings": 0})",
            "\"original_max_position_embeddings\"");
        row("huge original", R"({"type": "yarn", "factor": 2, "original_max_position_embeddings": 1e300})",
            "\"original_max_position_embeddings\"");
        row("negative beta", R"({"type": "yarn", "factor": 2, "beta_fast": -32})", "\"beta_fast\"");
        row("truncate as number", R"({"type": "yarn", "factor": 2, "truncate": 1})", "\"truncate\"");
        row("theta inside", R"({"type": "linear", "factor": 2, "rope_theta": 0})", "\"rope_theta\"");
    }
    void refused() {
        QFETCH(std::string, scaling);
        QFETCH(std::string, message);
        QROAR_REFUSED(parse(scaling), message, std::string("config.json"));
    }
};

QTEST_APPLESS_MAIN(TestHfRopeConfig)
#include "test_hf_rope_config.moc"
