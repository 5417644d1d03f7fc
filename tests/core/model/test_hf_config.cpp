// config.json: defaults, every key with a wrong type or range refused by name, architectures we do not have
// refused with the list of those we do.
#include "core/model/config.h"
#include "tests/core/model/model_test.h"

using namespace qroar;
using namespace qroar::test;

namespace {

/// A valid config of the test helper, with `extra` members at the end (they must not repeat a key).
std::string configWith(const std::string& extra, RandomModelOptions options = {}) {
    options.extraConfigJson = extra;
    return randomModelConfig(options);
}
/// The same text with the value of `key` replaced, or the key removed when `value` is empty.
std::string changed(const std::string& key, const std::string& value,
                    const RandomModelOptions& options = {}) {
    std::string text = randomModelConfig(options);
    const std::size_t start = text.find("  \"" + key + "\"");
    if (start == std::string::npos) throw std::runtime_error("no such key: " + key);
    const std::size_t line = text.find('\n', start);
    const bool last = text[line - 1] != ',';
    const std::string member = value.empty() ? "" : "  \"" + key + "\": " + value + (last ? "\n" : ",\n");
    return text.replace(start, line + 1 - start, member);
}
Outcome<ModelConfig> parse(const std::string& json) {
    return parseHfConfig(json, "somewhere/config.json");
}

} // namespace

class TestHfConfig : public QObject {
    Q_OBJECT
  private slots:
    void allFields() {
        RandomModelOptions options;
        options.architecture = "MistralForCausalLM";
        options.slidingWindow = 17;
        options.attentionBias = options.mlpBias = true;
        options.headDim = 10; // heads * headDim = 40, hidden = 32
        options.rmsEps = 1e-6;
        options.ropeTheta = 1e6;
        const auto config = parse(randomModelConfig(options));
        QROAR_OPENED(config);
        QCOMPARE(config->architecture, std::string("MistralForCausalLM"));
        QCOMPARE(config->hiddenSize, 32);
        QCOMPARE(config->intermediateSize, 48);
        QCOMPARE(config->layers, 2);
        QCOMPARE(config->heads, 4);
        QCOMPARE(config->kvHeads, 2);
        QCOMPARE(config->headDim, 10);
        QCOMPARE(config->rotaryDim, 10);
        QCOMPARE(config->queryDim(), 40);
        QCOMPARE(config->keyDim(), 20);
        QCOMPARE(config->pairs(), 5);
        QCOMPARE(config->vocabSize, 64);
        QCOMPARE(config->maxPositions, 128);
        QVERIFY(config->rmsEps == 1e-6 && config->ropeTheta == 1e6);
        QCOMPARE(config->slidingWindow.value_or(0), 17);
        QVERIFY(config->tiedEmbeddings && config->attentionBias && config->mlpBias);
        QCOMPARE(config->bosId, 1);
        QCOMPARE(config->eosId, 2);
        QVERIFY(config->pairLayout == PairLayout::HalfSplit);
        QVERIFY(config->storedRope.kind == RopeKind::None && !config->originalMaxPositions);
        QCOMPARE(config->trainedContext(), 128);
    }

    void defaultsOfAbsentKeys() {
        const auto config = parse(R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 64,
            "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 4, "vocab_size": 10,
            "max_position_embeddings": 2048, "num_key_value_heads": null, "head_dim": null, "rope_scaling": null})");
        QROAR_OPENED(config);
        QCOMPARE(config->kvHeads, 4);
        QCOMPARE(config->headDim, 16);
        QVERIFY(config->rmsEps == 1e-6 && config->ropeTheta == 1e4);
        QVERIFY(!config->slidingWindow && !config->attentionBias && !config->mlpBias
                && !config->tiedEmbeddings);
        QVERIFY(config->bosId == -1 && config->eosId == -1);
    }

    void parameterCountByHand() {
        RandomModelOptions options; // hidden 32, query 32, key 16, inner 48, vocabulary 64, 2 layers
        const long long layer = 32 * 32 + 2 * 16 * 32 + 32 * 32 + 3 * 48 * 32 + 2 * 32;
        QCOMPARE(parse(randomModelConfig(options))->parameterCount(), 2 * layer + 32 + 64 * 32);
        options.tied = false;
        options.attentionBias = options.mlpBias = true;
        const long long biases = 32 + 16 + 16 + 32 + 48 + 48 + 32;
        QCOMPARE(parse(randomModelConfig(options))->parameterCount(),
                 2 * (layer + biases) + 32 + 2 * 64 * 32);
    }

    void parameterCountEqualsTheStoredTensors() {
        RandomModelOptions options;
        options.headDim = 6;
        options.kvHeads = 1;
        options.tied = false;
        options.attentionBias = true;
        long long stored = 0;
        for (const StoredTensor& tensor : randomModelTensors(options, 1))
            stored += static_cast<long long>(tensor.bytes.size() / 4);
        QCOMPARE(parse(randomModelConfig(options))->parameterCount(), stored);
    }

    void ropeModelCarriesEverything() {
        RandomModelOptions options;
        options.ropeScalingJson = R"({"type": "yarn", "factor": 4, "original_max_position_embeddings": 32})";
        options.partialRotaryFactor = 0.5;
        options.ropeTheta = 5e5;
        const auto config = parse(randomModelConfig(options));
        QROAR_OPENED(config);
        const RopeModel model = config->ropeModel();
        QCOMPARE(model.headDim, 8);
        QCOMPARE(model.rotaryDim, 4);
        QVERIFY(model.theta == 5e5);
        QCOMPARE(model.maxPositions, 128);
        QCOMPARE(model.originalMaxPositions.value_or(0), 32);
        QVERIFY(model.stored.kind == RopeKind::Yarn);
    }

    void slidingWindowIsMistralsOnly() {
        RandomModelOptions options;
        options.slidingWindow = 16;
        QVERIFY(!parse(randomModelConfig(options))->slidingWindow);
        options.architecture = "MistralForCausalLM";
        QVERIFY(parse(changed("sliding_window", "null", options))->slidingWindow == std::nullopt);
        QVERIFY(parse(changed("sliding_window", "", options))->slidingWindow == std::nullopt);
        QROAR_REFUSED(parse(changed("sliding_window", "0", options)), "\"sliding_window\"");
    }

    void tokenIds() {
        QCOMPARE(parse(changed("eos_token_id", "[5, 6]"))->eosId, 5);
        QCOMPARE(parse(changed("eos_token_id", "[]"))->eosId, -1);
        QCOMPARE(parse(changed("eos_token_id", "null"))->eosId, -1);
        QCOMPARE(parse(changed("eos_token_id", "-1"))->eosId, -1);
        QCOMPARE(parse(changed("eos_token_id", "63"))->eosId, 63);
        QCOMPARE(parse(changed("eos_token_id", "64"))->eosId, -1);
        QCOMPARE(parse(changed("eos_token_id", "18446744073709551615"))->eosId, -1);
        QROAR_REFUSED(parse(changed("eos_token_id", "\"2\"")), "\"eos_token_id\"");
    }

    void integralFloatsAreIntegers() {
        QCOMPARE(parse(changed("max_position_embeddings", "4096.0"))->maxPositions, 4096);
        QROAR_REFUSED(parse(changed("max_position_embeddings", "4096.5")), "\"max_position_embeddings\"",
                      "4096.5");
    }

    void architectures_data() {
        QTest::addColumn<std::string>("value");
        QTest::addColumn<std::string>("message");
        const auto row = [](const char* name, const char* value, const char* message) {
            QTest::newRow(name) << std::string(value) << std::string(message);
        };
        row("other", R"(["Phi3SmallForCausalLM"])",
            "\"Phi3SmallForCausalLM\" is not supported (supported: LlamaForCausalLM, MistralForCausalLM, "
            "Qwen2ForCausalLM, Qwen3ForCausalLM, Phi3ForCausalLM, Gemma2ForCausalLM, Gemma3ForCausalLM, "
            "GraniteForCausalLM, SmolLM3ForCausalLM)");
        row("number", "3", "\"architectures\"");
        row("list of numbers", "[3]", "\"architectures\"");
        row("text", "\"LlamaForCausalLM\"", "\"architectures\"");
    }
    void architectures() {
        QFETCH(std::string, value);
        QFETCH(std::string, message);
        QROAR_REFUSED(parse(changed("architectures", value)), message, "config.json");
    }

    void modelTypeStandsInForArchitectures() {
        QCOMPARE(parse(changed("architectures", ""))->architecture, std::string("LlamaForCausalLM"));
        QCOMPARE(parse(changed("architectures", "[]"))->architecture, std::string("LlamaForCausalLM"));
        QROAR_REFUSED(parse(R"({"model_type": "gemma3"})"), "\"gemma3\"",
                      "LlamaForCausalLM, MistralForCausalLM");
        QROAR_REFUSED(parse("{}"), "\"architectures\" is missing");
    }

    void refusedByName() {
        QROAR_REFUSED(parse(configWith(R"("text_config": {})")), "text_config");
        QVERIFY(parse(configWith(R"("quantization_config": null, "text_config": null)")).ok());
        QROAR_REFUSED(parse(changed("hidden_act", "\"gelu\"")), "\"hidden_act\"", "\"silu\"", "\"gelu\"");
    }

    void wrongValues_data() {
        QTest::addColumn<std::string>("key");
        QTest::addColumn<std::string>("value");
        for (const char* key :
             {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
              "num_key_value_heads", "vocab_size", "max_position_embeddings"})
            for (const char* value : {"0", "-1", "1e9999", "1.5", "\"8\"", "true", "[8]", "{}", "2147483648",
                                      "9223372036854775808", "-9223372036854775808"})
                QTest::addRow("%s = %s", key, value) << std::string(key) << std::string(value);
        for (const char* key : {"hidden_size", "intermediate_size", "num_hidden_layers",
                                "num_attention_heads", "vocab_size", "max_position_embeddings"})
            for (const char* value : {"", "null"})
                QTest::addRow("%s absent or null: %s", key, value) << std::string(key) << std::string(value);
        const auto row = [](const char* key, const char* value) {
            QTest::addRow("%s = %s", key, value) << std::string(key) << std::string(value);
        };
        row("hidden_size", "1048577");
        row("hidden_size", "33"); // not a multiple of the 4 heads
        row("num_key_value_heads", "3");
        row("num_key_value_heads", "8"); // more than heads
        row("num_hidden_layers", "10001");
        row("rms_norm_eps", "-1e-5");
        row("rms_norm_eps", "\"1e-5\"");
        row("rope_theta", "0");
        row("rope_theta", "-10000");
        row("rope_theta", "1");
        row("rope_theta", "null_");
        row("tie_word_embeddings", "\"true\"");
        row("attention_bias", "1");
        row("mlp_bias", "[]");
        row("hidden_act", "7");
    }
    void wrongValues() {
        QFETCH(std::string, key);
        QFETCH(std::string, value);
        const auto config = parse(changed(key, value));
        QVERIFY2(!config.ok(), "expected an error");
        const bool numberTooLarge = value == "1e9999", notJson = value == "null_";
        const std::string expected = numberTooLarge || notJson ? "config.json" : "\"" + key + "\"";
        QVERIFY2(config.error().message.find(expected) != std::string::npos, config.error().message.c_str());
    }

    void headDimensions() {
        QROAR_REFUSED(parse(configWith(R"("head_dim": 7)")), "even");
        QROAR_REFUSED(parse(configWith(R"("head_dim": 0)")), "\"head_dim\"");
        QROAR_REFUSED(parse(changed("num_attention_heads", "32")), "even"); // head_dim 1
        RandomModelOptions partial;
        partial.partialRotaryFactor = 0.25;
        QCOMPARE(parse(randomModelConfig(partial))->rotaryDim, 2);
        for (const double share : {0.1, 0.5001 * 0.75, -0.5, 0.0, 1.5}) { // 8 * 0.375 = 3
            partial.partialRotaryFactor = share;
            QROAR_REFUSED(parse(randomModelConfig(partial)), "\"partial_rotary_factor\"");
        }
        QROAR_REFUSED(
            parse(R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 1,
            "num_hidden_layers": 1, "num_attention_heads": 65536, "vocab_size": 1, "max_position_embeddings": 1,
            "head_dim": 65536})"),
            "\"head_dim\"");
    }

    void notAConfig_data() {
        QTest::addColumn<std::string>("json");
        QTest::addColumn<std::string>("message");
        QTest::newRow("empty") << std::string() << std::string("not valid JSON");
        QTest::newRow("list") << std::string("[]") << std::string("expected an object");
        QTest::newRow("cut") << std::string("{\"a\": ") << std::string("not valid JSON");
        QTest::newRow("comment") << std::string("{} // x") << std::string("not valid JSON");
        QTest::newRow("not UTF-8") << std::string("{\"\xFF\": 1}") << std::string("UTF-8");
        QTest::newRow("key twice") << configWith(R"("vocab_size": 64)")
                                   << std::string("\"vocab_size\" is there twice");
        QTest::newRow("inner key twice")
            << configWith(R"("x": {"y": 1, "y": 2})") << std::string("\"y\" is there twice");
        QTest::newRow("deep") << std::string(100000, '[') << std::string("nested");
    }
    void notAConfig() {
        QFETCH(std::string, json);
        QFETCH(std::string, message);
        QROAR_REFUSED(parse(json), message, std::string("somewhere/config.json"));
    }
};

QTEST_APPLESS_MAIN(TestHfConfig)
#include "test_hf_config.moc"
