// "copy as config.json": what is printed, read back, gives the same table bit for bit in both spellings; and
// the audit of a scaling as an export would write it.
#include "core/exporting/rope_audit.h"
#include "tests/core/model/model_test.h"

#include <cmath>

using namespace qroar;
using namespace qroar::test;

namespace {

using Json = nlohmann::ordered_json;

Json baseConfig(const char* architecture) {
    return {{"architectures", Json::array({architecture})},
            {"hidden_size", 32},
            {"intermediate_size", 48},
            {"num_hidden_layers", 6},
            {"num_attention_heads", 4},
            {"head_dim", 8},
            {"vocab_size", 64},
            {"max_position_embeddings", 256}};
}

/// The model, with the keys of RoPE replaced by what is printed.
Json withBlock(Json config, const std::string& block) {
    for (const char* key : {"rope_scaling", "rope_parameters", "rope_theta", "rope_local_base_freq",
                            "original_max_position_embeddings", "partial_rotary_factor"})
        config.erase(key);
    config.update(Json::parse(block));
    return config;
}

RopeSpec specOf(const std::string& text) {
    return *RopeSpec::parse(text);
}

} // namespace

class TestWrittenRope : public QObject {
    Q_OBJECT
  private slots:
    void printedKeysReadBack_data() {
        QTest::addColumn<std::string>("config");
        QTest::addColumn<std::string>("spec");
        Json plain = baseConfig("LlamaForCausalLM"), partial = plain, gemma = baseConfig("Gemma3ForCausalLM");
        plain["rope_theta"] = 500000.0;
        partial["rope_theta"] = 1234567.891;
        partial["partial_rotary_factor"] = 0.75;
        gemma["rope_theta"] = 1e6;
        gemma["rope_local_base_freq"] = 1e4;
        gemma["sliding_window"] = 16;
        gemma["query_pre_attn_scalar"] = 8;
        gemma["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}};
        Json longRope = plain;
        longRope["original_max_position_embeddings"] = 64;
        longRope["rope_scaling"] = {
            {"type", "longrope"}, {"short_factor", {1, 1.1, 1.2, 1.3}}, {"long_factor", {1, 2, 3, 4}}};
        for (const auto& [name, config] : {std::pair{"plain", plain}, std::pair{"partial", partial},
                                           std::pair{"gemma", gemma}, std::pair{"longrope", longRope}})
            for (const char* spec :
                 {"model", "none", "linear:4", "ntk:4", "dynamic:4", "yarn:4",
                  "yarn:8:mscale=1:mscale_all_dim=0.7",
                  "yarn:2.5:orig=80:beta_fast=16:beta_slow=2:truncate=0", "llama3:8:low=2:high=5:orig=48"})
                QTest::newRow((std::string(name) + ", " + spec).c_str())
                    << config.dump() << std::string(spec);
    }
    void printedKeysReadBack() {
        QFETCH(std::string, config);
        QFETCH(std::string, spec);
        const auto source = parseHfConfig(config, "config.json");
        QROAR_OPENED(source);
        for (const ConfigSpelling spelling : {ConfigSpelling::Transformers4, ConfigSpelling::Transformers5}) {
            const auto block = ropeConfigText(specOf(spec), *source, spelling);
            QROAR_OPENED(block);
            QCOMPARE(Json::parse(*block).contains("rope_parameters"),
                     spelling == ConfigSpelling::Transformers5);
            const auto again = parseHfConfig(withBlock(Json::parse(config), *block).dump(), "printed");
            QROAR_OPENED(again);
            QVERIFY(again->localTheta == source->localTheta);
            for (const long long context : {1LL, 64LL, 256LL, 300LL, 5000LL}) {
                const auto wanted = buildFrequencyTable(specOf(spec), source->ropeModel(), context);
                const auto found = buildFrequencyTable(specOf("model"), again->ropeModel(), context);
                QROAR_OPENED(wanted);
                QROAR_OPENED(found);
                QVERIFY2(found->omega == wanted->omega, block->c_str()); // to the last bit
                QCOMPARE(found->attentionFactor, wanted->attentionFactor);
                QCOMPARE(found->unscaledLayers, wanted->unscaledLayers);
            }
        }
    }

    /// A scaling that is not the checkpoint's is audited as it would be written: with the longer length, from
    /// which transformers 4.4x counts the ramp.
    void typedScalingsAreAuditedAsWritten() {
        Json json = baseConfig("LlamaForCausalLM");
        json["rope_theta"] = 10000.0;
        const auto config = parseHfConfig(json.dump(), "config.json");
        const auto audit = auditScaling(specOf("yarn:8"), *config, 2048);
        QROAR_OPENED(audit);
        QVERIFY(audit->of(RopeLoader::Transformers4).status == LoaderStatus::Differs);
        for (const RopeLoader loader : {RopeLoader::Transformers48, RopeLoader::Transformers457,
                                        RopeLoader::Transformers5, RopeLoader::LlamaCpp, RopeLoader::Vllm})
            QVERIFY2(audit->of(loader).status == LoaderStatus::Same,
                     verdictText(audit->of(loader), 2048).c_str());
        QVERIFY(verdictText(audit->of(RopeLoader::Transformers5), 2048).empty());
        QVERIFY(verdictText(audit->of(RopeLoader::Transformers4), 2048).find("rad in pair")
                != std::string::npos);
        // What is written is what the audit looked at: all loaders, number for number.
        const auto keys = ropeConfigText(specOf("yarn:8"), *config, ConfigSpelling::Transformers4);
        const auto written = parseHfConfig(withBlock(json, *keys).dump(), "written");
        const auto again = auditScaling(specOf("model"), *written, 2048);
        QROAR_OPENED(again);
        for (std::size_t at = 0; at < audit->loaders.size(); ++at) {
            QCOMPARE(again->loaders[at].phaseError, audit->loaders[at].phaseError);
            QCOMPARE(again->loaders[at].attentionRatio, audit->loaders[at].attentionRatio);
        }
    }

    void everyKindIsSameForTransformers5() {
        Json json = baseConfig("LlamaForCausalLM");
        json["rope_theta"] = 10000.0;
        const auto config = parseHfConfig(json.dump(), "config.json");
        for (const char* spec :
             {"none", "linear:4", "ntk:4", "dynamic:4", "yarn:4", "yarn:4:attn=1.3", "llama3:8",
              "yarn:4:truncate=0", "yarn:2.5:orig=80:beta_fast=16:beta_slow=2"}) {
            const auto audit = auditScaling(specOf(spec), *config, 1024);
            QROAR_OPENED(audit);
            const LoaderVerdict& verdict = audit->of(RopeLoader::Transformers5);
            QVERIFY2(verdict.status == LoaderStatus::Same, verdictText(verdict, 1024).c_str());
        }
    }

    /// The reader keeps how it is spelled.
    void spellingIsKept() {
        Json json = baseConfig("LlamaForCausalLM");
        json["original_max_position_embeddings"] = 256;
        json["rope_parameters"] = {{"rope_type", "yarn"},   {"type", "linear"},
                                   {"rope_theta", 20000.0}, {"factor", 4.0},
                                   {"attn_factor", 1.2},    {"original_max_position_embeddings", 32}};
        const auto config = parseHfConfig(json.dump(), "config.json");
        QROAR_OPENED(config);
        const RopeSource source = config->ropeModel().source;
        QCOMPARE(source.architecture, std::string("LlamaForCausalLM"));
        QCOMPARE(source.type, std::string("yarn"));
        QCOMPARE(source.oldType, std::string("linear"));
        QVERIFY(source.parametersOnly && !source.gguf && !source.outerTheta);
        QCOMPARE(source.innerOriginal.value_or(0), 32);
        QCOMPARE(source.outerOriginal.value_or(0), 256);
        QCOMPARE(source.ignoredKeys, std::vector<std::string>{"attn_factor"});
        const auto audit = auditScaling(specOf("model"), *config, 256);
        QROAR_OPENED(audit);
        QVERIFY(audit->of(RopeLoader::Vllm).status == LoaderStatus::Refuses);
        QVERIFY(audit->of(RopeLoader::Transformers5).status == LoaderStatus::Differs); // counts from 256
    }
};

QTEST_APPLESS_MAIN(TestWrittenRope)
#include "test_written_rope.moc"
