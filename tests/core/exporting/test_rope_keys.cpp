// RoPE in config.json: whatever spec is written, in whatever spelling, reads back as the same frequencies at
// every context; and the keys are those that other loaders look for.
#include "core/exporting/rope_keys.h"
#include "tests/core/model/model_test.h"

#include <cmath>

using namespace qroar;
using namespace qroar::test;

namespace {

using Json = nlohmann::ordered_json;

/// Configs as they are found: spelling of RoPE and what it says.
struct Written {
    const char* name;
    const char* rope; ///< members of config.json
};
const Written spellings[] = {
    {"transformers 4, none", R"("rope_theta": 500000.0, "rope_scaling": null)"},
    {"transformers 4, absent", R"("rope_theta": 10000.0)"},
    {"transformers 4, type", R"("rope_theta": 10000.0, "rope_scaling": {"type": "linear", "factor": 2.0})"},
    {"transformers 4, yarn",
     R"("rope_theta": 10000.0, "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64})"},
    {"transformers 4, original outside",
     R"("rope_theta": 10000.0, "original_max_position_embeddings": 64, "rope_scaling": {"rope_type": "dynamic", "factor": 2.0})"},
    {"transformers 4, longrope",
     R"("original_max_position_embeddings": 128, "rope_scaling": {"type": "su", "short_factor": [1, 1.1, 1.2, 1.3], "long_factor": [1, 2, 3, 4]})"},
    {"transformers 5", R"("rope_parameters": {"rope_type": "default", "rope_theta": 10000.0})"},
    {"transformers 5, partial",
     R"("rope_parameters": {"rope_type": "yarn", "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "factor": 2.0, "original_max_position_embeddings": 64})"},
    {"transformers 5, nested",
     R"("rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 20000.0}, "sliding_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 20000.0}})"},
    {"both",
     R"("rope_theta": 10000.0, "rope_scaling": {"rope_type": "linear", "factor": 2.0}, "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0})"},
};
const char* const specs[] = {"model",
                             "none",
                             "linear:4",
                             "linear:1.7",
                             "ntk:4",
                             "ntk:8:orig=100",
                             "dynamic:4",
                             "dynamic:2:orig=96",
                             "yarn:4",
                             "yarn:2.5:orig=80:beta_fast=16:beta_slow=2",
                             "yarn:4:attn=1.3",
                             "yarn:8:mscale=1:mscale_all_dim=0.7",
                             "yarn:4:truncate=0",
                             "yarn",
                             "llama3:8",
                             "llama3:8:low=2:high=5:orig=48",
                             "longrope",
                             "longrope:3:orig=64:attn=1.1"};

std::string configText(const char* rope) {
    return R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 32, "intermediate_size": 48,
               "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 64,
               "max_position_embeddings": 256, )"
           + std::string(rope) + "}";
}

} // namespace

class TestRopeKeys : public QObject {
    Q_OBJECT
  private slots:
    void everySpecReadsBackAsItself_data() {
        QTest::addColumn<std::string>("config");
        QTest::addColumn<std::string>("spec");
        for (const Written& written : spellings)
            for (const char* spec : specs) {
                // only a checkpoint that stores the lists can use longrope
                if (std::string(spec).rfind("longrope", 0) == 0
                    && std::string(written.rope).find("short_factor") == std::string::npos)
                    continue;
                QTest::newRow((std::string(written.name) + ", " + spec).c_str())
                    << configText(written.rope) << std::string(spec);
            }
    }
    void everySpecReadsBackAsItself() {
        QFETCH(std::string, config);
        QFETCH(std::string, spec);
        const auto source = parseHfConfig(config, "config.json");
        QROAR_OPENED(source);
        const auto resolved = buildFrequencyTable(*RopeSpec::parse(spec), source->ropeModel(), 1);
        QROAR_OPENED(resolved);

        Json json = Json::parse(config);
        std::vector<std::string> notes;
        const Status written = writeRope(json, resolved->spec, *source, notes);
        QVERIFY2(written.ok(), written.ok() ? "" : written.error().message.c_str());
        const auto again = parseHfConfig(json.dump(), "exported");
        QROAR_OPENED(again);
        for (const long long context : {1LL, 64LL, 100LL, 256LL, 300LL, 1024LL, 5000LL}) {
            const auto wanted = buildFrequencyTable(resolved->spec, source->ropeModel(), context);
            const auto found = buildFrequencyTable(*RopeSpec::parse("model"), again->ropeModel(), context);
            QROAR_OPENED(wanted);
            QROAR_OPENED(found);
            QVERIFY2(found->omega == wanted->omega, json.dump(1).c_str()); // to the last bit
            QCOMPARE(found->attentionFactor, wanted->attentionFactor);
            QCOMPARE(found->trainedContext, wanted->trainedContext);
        }
        QVERIFY(json.contains("rope_scaling") + json.contains("rope_parameters") <= 1
                || resolved->spec == source->storedRope);
    }

    void legacyObjectsNameTheirTypeTwice() {
        const auto source = parseHfConfig(configText(spellings[0].rope), "config.json");
        Json json = Json::parse(configText(spellings[0].rope));
        std::vector<std::string> notes;
        QVERIFY(writeRope(json, *RopeSpec::parse("yarn:4"), *source, notes).ok());
        const Json& rope = json["rope_scaling"];
        QVERIFY(rope["type"] == "yarn" && rope["rope_type"] == "yarn");
        QVERIFY(rope["factor"].is_number_float()); // transformers warns about integers
        QVERIFY(rope["original_max_position_embeddings"].is_number_integer());
        QCOMPARE(rope["original_max_position_embeddings"].get<int>(), 256);
        QVERIFY(std::abs(rope["attention_factor"].get<double>() - (0.1 * std::log(4) + 1)) < 1e-15);
        QCOMPARE(json["max_position_embeddings"].get<int>(), 1024);
        QVERIFY(notes.empty());

        json = Json::parse(configText(spellings[2].rope)); // unchanged, but for the missing name
        const auto linear = parseHfConfig(json.dump(), "config.json");
        QVERIFY(writeRope(json, linear->storedRope, *linear, notes).ok());
        QVERIFY(json["rope_scaling"] == Json({{"type", "linear"}, {"factor", 2.0}, {"rope_type", "linear"}}));
        QCOMPARE(json["max_position_embeddings"].get<int>(), 256);
    }

    /// "su" under either name would be an unknown type to a loader that translates the other one only.
    void theFirstNameOfLongRopeIsWrittenAsTheNewOne() {
        Json json = Json::parse(configText(spellings[5].rope));
        const auto source = parseHfConfig(json.dump(), "config.json");
        std::vector<std::string> notes;
        QVERIFY(writeRope(json, source->storedRope, *source, notes).ok());
        QCOMPARE(json["rope_scaling"]["type"].get<std::string>(), std::string("longrope"));
        QCOMPARE(json["rope_scaling"]["rope_type"].get<std::string>(), std::string("longrope"));
        QVERIFY(json["rope_scaling"]["long_factor"] == Json({1, 2, 3, 4}));
    }

    void newObjectsUseTheNewNames() {
        const auto source = parseHfConfig(configText(spellings[7].rope), "config.json");
        Json json = Json::parse(configText(spellings[7].rope));
        std::vector<std::string> notes;
        QVERIFY(writeRope(json, *RopeSpec::parse("linear:4"), *source, notes).ok());
        QVERIFY(json["rope_parameters"]
                == Json({{"rope_type", "linear"},
                         {"factor", 4.0},
                         {"rope_theta", 10000.0},
                         {"partial_rotary_factor", 0.5}}));
        json = Json::parse(configText(spellings[8].rope));
        const auto nested = parseHfConfig(json.dump(), "config.json");
        QVERIFY(writeRope(json, *RopeSpec::parse("none"), *nested, notes).ok());
        for (const char* type : {"full_attention", "sliding_attention"})
            QVERIFY(json["rope_parameters"][type]
                    == Json({{"rope_type", "default"}, {"rope_theta", 20000.0}}));
    }

    void lengthsByOurPolicy() {
        const auto source = parseHfConfig(configText(spellings[0].rope), "config.json");
        const auto lengths = [&](const char* spec) {
            const auto keys = ropeKeys(*RopeSpec::parse(spec), *source);
            return keys ? std::make_pair(keys->maxPositions, keys->original.value_or(0))
                        : std::make_pair(-1, -1);
        };
        QCOMPARE(lengths("linear:4"), std::make_pair(256, 0)); // loaders multiply by the factor
        QCOMPARE(lengths("dynamic:4"), std::make_pair(256, 0));
        QCOMPARE(lengths("dynamic:4:orig=128"), std::make_pair(128, 0));
        QCOMPARE(lengths("yarn:4"), std::make_pair(1024, 0));
        QCOMPARE(lengths("llama3:8"), std::make_pair(2048, 0));
        QCOMPARE(lengths("ntk:4"), std::make_pair(1024, 256));
        QCOMPARE(lengths("none"), std::make_pair(256, 0));
    }

    void notesAndRefusals() {
        const auto source = parseHfConfig(configText(spellings[0].rope), "config.json");
        const auto notes = [&](const char* spec) { return ropeKeys(*RopeSpec::parse(spec), *source)->notes; };
        QVERIFY(notes("ntk:4").front().find("rope_theta") != std::string::npos);
        QVERIFY(notes("dynamic:4").front().find("vLLM") != std::string::npos);
        QVERIFY(notes("yarn:4:attn=1.5").front().find("attention_factor") != std::string::npos);
        QVERIFY(notes("yarn:4:truncate=0").front().find("truncate") != std::string::npos);
        QVERIFY(notes("linear:4").empty());
        QROAR_REFUSED(ropeKeys(*RopeSpec::parse("yarn:4:orig=99.5"), *source), "whole number", "99.5");
        QROAR_REFUSED(ropeKeys(*RopeSpec::parse("yarn:1000000:orig=1e9"), *source),
                      "max_position_embeddings");
    }
};

QTEST_APPLESS_MAIN(TestRopeKeys)
#include "test_rope_keys.moc"
