// openModel on Hugging Face folders: every way weights are named, tied and stored, and every way they can be
// wrong.
#include "core/model/model.h"
#include "tests/core/model/model_test.h"

#include <cmath>
#include <functional>
#include <limits>
#include <map>

using namespace qroar;
using namespace qroar::test;

namespace {

using Tensors = std::vector<StoredTensor>;

Tensors::iterator named(Tensors& tensors, const std::string& name) {
    const auto found = std::find_if(tensors.begin(), tensors.end(),
                                    [&](const StoredTensor& tensor) { return tensor.name == name; });
    if (found == tensors.end()) throw std::runtime_error("no such tensor: " + name);
    return found;
}
bool warns(const Model& model, const std::string& text) {
    for (const std::string& warning : model.warnings())
        if (warning.find(text) != std::string::npos) return true;
    return false;
}

} // namespace

class TestHfModel : public QObject {
    Q_OBJECT
    Scratch scratch_;
    int folders_ = 0;

    std::filesystem::path folder() { return scratch_.path("model" + std::to_string(++folders_)); }

    /// A model whose tensors were edited before they were written, and whose config has `tie`.
    Outcome<std::shared_ptr<const Model>> opened(const RandomModelOptions& options,
                                                 const std::function<void(Tensors&)>& edit,
                                                 const std::string& tie = "true") {
        const auto path = folder();
        makeRandomHfModel(path, options);
        auto tensors = randomModelTensors(options, 1);
        edit(tensors);
        writeBytes(path / "model.safetensors", safetensorsBytes(tensors));
        std::string config = randomModelConfig(options);
        const std::string key = "  \"tie_word_embeddings\": ";
        const std::size_t start = config.find(key), end = config.find('\n', start) + 1;
        config.replace(start, end - start, tie.empty() ? "" : key + tie + ",\n");
        writeBytes(path / "config.json", config);
        return openModel(path);
    }

  private slots:
    void everyTensorIsWhereItBelongs() {
        RandomModelOptions options;
        options.headDim = 10;
        options.attentionBias = options.mlpBias = true;
        options.tied = false;
        const auto path = folder();
        makeRandomHfModel(path, options, 7);
        const auto model = openModel(path);
        QROAR_OPENED(model);
        QCOMPARE((*model)->format(), std::string("HF safetensors"));
        QCOMPARE((*model)->path(), path);
        std::map<std::string, std::string> expected;
        for (const StoredTensor& tensor : randomModelTensors(options, 7))
            expected[tensor.name] = tensor.bytes;
        const auto holds = [&](const TensorView& view, const std::string& name) {
            return expected.at(name) == std::string(reinterpret_cast<const char*>(view.data), view.bytes);
        };
        const std::map<Projection, std::string> paths{
            {Projection::Q, "self_attn.q_proj"}, {Projection::K, "self_attn.k_proj"},
            {Projection::V, "self_attn.v_proj"}, {Projection::O, "self_attn.o_proj"},
            {Projection::Gate, "mlp.gate_proj"}, {Projection::Up, "mlp.up_proj"},
            {Projection::Down, "mlp.down_proj"}};
        for (int layer = 0; layer < 2; ++layer) {
            const std::string prefix = "model.layers." + std::to_string(layer) + ".";
            for (const Projection projection : allProjections) {
                QVERIFY(
                    holds((*model)->weight(layer, projection), prefix + paths.at(projection) + ".weight"));
                QVERIFY((*model)->bias(layer, projection));
                QVERIFY(holds(*(*model)->bias(layer, projection), prefix + paths.at(projection) + ".bias"));
            }
            QVERIFY(holds((*model)->norm(layer, Norm::Attention), prefix + "input_layernorm.weight"));
            QVERIFY(
                holds((*model)->norm(layer, Norm::FeedForward), prefix + "post_attention_layernorm.weight"));
        }
        QVERIFY(holds((*model)->embedding(), "model.embed_tokens.weight"));
        QVERIFY(holds((*model)->head(), "lm_head.weight"));
        QVERIFY(holds((*model)->finalNorm(), "model.norm.weight"));
        QCOMPARE((*model)->tensors().size(), expected.size());
        QVERIFY((*model)->warnings().empty());
        QCOMPARE((*model)->weight(0, Projection::Q).shape, (std::vector<long long>{40, 32}));
        QCOMPARE((*model)->weight(0, Projection::K).shape, (std::vector<long long>{20, 32}));
        QCOMPARE((*model)->weight(0, Projection::O).shape, (std::vector<long long>{32, 40}));
        QCOMPARE((*model)->weight(0, Projection::Down).shape, (std::vector<long long>{32, 48}));
    }

    void noBiasIsNull() {
        const auto model = opened({}, [](Tensors&) {});
        QROAR_OPENED(model);
        for (const Projection projection : allProjections) QVERIFY(!(*model)->bias(1, projection));
    }

    void weightsOutliveTheModel() {
        TensorView view;
        std::vector<float> before;
        {
            const auto model = opened({}, [](Tensors&) {});
            QROAR_OPENED(model);
            view = (*model)->weight(1, Projection::Up);
            before = view.toFloat();
        }
        QCOMPARE(view.toFloat(), before);
    }

    void withoutPrefixShardedSingleFileAndIndexAreTheSameModel() {
        RandomModelOptions options;
        const auto whole = folder(), sharded = folder(), bare = folder();
        makeRandomHfModel(whole, options);
        options.shards = 3;
        makeRandomHfModel(sharded, options);
        options.shards = 1;
        options.modelPrefix = false;
        makeRandomHfModel(bare, options);
        const auto reference = openModel(whole);
        QROAR_OPENED(reference);
        for (const auto& path : {sharded, sharded / "model.safetensors.index.json", bare,
                                 whole / "config.json", whole / "model.safetensors"}) {
            const auto model = openModel(path);
            QROAR_OPENED(model);
            QCOMPARE((*model)->weight(1, Projection::Down).toFloat(),
                     (*reference)->weight(1, Projection::Down).toFloat());
            QCOMPARE((*model)->embedding().toFloat(), (*reference)->embedding().toFloat());
        }
    }

    void everyFloatType() {
        const auto reference = opened({}, [](Tensors&) {});
        QROAR_OPENED(reference);
        const auto expected = (*reference)->weight(0, Projection::Q).toFloat();
        for (const char* dtype : {"F16", "BF16"}) {
            RandomModelOptions options;
            options.dtype = dtype;
            const auto model = opened(options, [](Tensors&) {});
            QROAR_OPENED(model);
            const auto values = (*model)->weight(0, Projection::Q).toFloat();
            for (std::size_t value = 0; value < values.size(); ++value)
                QVERIFY(std::abs(values[value] - expected[value])
                        <= std::abs(expected[value]) * (dtype[0] == 'F' ? 0x1p-11f : 0x1p-8f) + 0x1p-25f);
        }
    }

    void tiedEmbeddings() {
        const auto nothing = [](Tensors&) {};
        const auto rename = [](Tensors& tensors) {
            named(tensors, "model.embed_tokens.weight")->name = "lm_head.weight";
        };
        RandomModelOptions untied;
        untied.tied = false;
        for (const char* tie : {"true", ""}) { // only the embedding, then only the head
            const auto model = opened({}, nothing, tie);
            QROAR_OPENED(model);
            QVERIFY((*model)->head().data == (*model)->embedding().data && (*model)->config().tiedEmbeddings);
            const auto headOnly = opened({}, rename, tie);
            QROAR_OPENED(headOnly);
            QVERIFY((*headOnly)->head().data == (*headOnly)->embedding().data);
            QVERIFY((*headOnly)->config().tiedEmbeddings && warns(**headOnly, "only lm_head.weight"));
            QCOMPARE((*headOnly)->embedding().toFloat(), (*model)->embedding().toFloat());
        }
        QROAR_REFUSED(opened({}, nothing, "false"), "\"lm_head.weight\" is missing", "tie_word_embeddings");
        QROAR_REFUSED(opened({}, rename, "false"), "embed_tokens.weight");
        for (const char* tie : {"false", ""}) {
            const auto model = opened(untied, nothing, tie);
            QROAR_OPENED(model);
            QVERIFY((*model)->head().data != (*model)->embedding().data
                    && !(*model)->config().tiedEmbeddings);
        }
    }

    void tiedWithAStoredHead() {
        RandomModelOptions untied;
        untied.tied = false;
        const auto differs = opened(
            untied, [](Tensors&) {}, "true");
        QROAR_OPENED(differs);
        QVERIFY((*differs)->head().data == (*differs)->embedding().data && warns(**differs, "differs"));
        const auto equal = opened(
            untied,
            [](Tensors& tensors) {
                named(tensors, "lm_head.weight")->bytes = named(tensors, "model.embed_tokens.weight")->bytes;
            },
            "true");
        QROAR_OPENED(equal);
        QVERIFY(warns(**equal, "equals the embedding"));
    }

    void missingTensors_data() {
        QTest::addColumn<std::string>("name");
        RandomModelOptions options;
        options.attentionBias = options.mlpBias = true;
        for (const StoredTensor& tensor : randomModelTensors(options, 1))
            if (tensor.name.find("layers.1") == std::string::npos)
                QTest::newRow(tensor.name.c_str()) << tensor.name;
    }
    void missingTensors() {
        QFETCH(std::string, name);
        RandomModelOptions options;
        options.attentionBias = options.mlpBias = true;
        QROAR_REFUSED(opened(options, [&](Tensors& tensors) { tensors.erase(named(tensors, name)); }),
                      "\"" + name + "\" is missing", std::string("expected shape"));
    }

    void wrongShapes_data() { missingTensors_data(); }
    void wrongShapes() {
        QFETCH(std::string, name);
        RandomModelOptions options;
        options.attentionBias = options.mlpBias = true;
        const auto addRow = [&](Tensors& tensors) {
            StoredTensor& tensor = *named(tensors, name);
            const auto row = tensor.bytes.size() / static_cast<std::size_t>(tensor.shape[0]);
            tensor.bytes.append(row, '\0');
            ++tensor.shape[0];
        };
        QROAR_REFUSED(opened(options, addRow), "\"" + name + "\"", std::string("expected shape"),
                      std::string("model.safetensors"));
        const auto flatten = [&](Tensors& tensors) { named(tensors, name)->shape.push_back(1); };
        QROAR_REFUSED(opened(options, flatten), "\"" + name + "\"");
    }

    void transposedIsNotTheSameShape() {
        const auto transpose = [](Tensors& tensors) {
            auto& shape = named(tensors, "model.layers.0.mlp.up_proj.weight")->shape;
            std::swap(shape[0], shape[1]);
        };
        QROAR_REFUSED(opened({}, transpose), "up_proj", "[48, 32]", "[32, 48]");
    }

    void nonFinite_data() {
        QTest::addColumn<std::string>("dtype");
        QTest::addColumn<std::string>("name");
        for (const char* dtype : {"F32", "F16", "BF16"})
            for (const char* name : {"model.embed_tokens.weight", "model.layers.1.self_attn.k_proj.weight",
                                     "model.layers.0.mlp.down_proj.bias", "model.norm.weight"})
                QTest::addRow("%s %s", dtype, name) << std::string(dtype) << std::string(name);
    }
    void nonFinite() {
        QFETCH(std::string, dtype);
        QFETCH(std::string, name);
        RandomModelOptions options;
        options.dtype = dtype;
        options.mlpBias = true;
        const std::size_t size = dtype == "F32" ? 4 : 2;
        for (const bool nan : {true, false}) {
            const float value =
                nan ? std::numeric_limits<float>::quiet_NaN() : -std::numeric_limits<float>::infinity();
            const auto poison = [&](Tensors& tensors) {
                named(tensors, name)->bytes.replace(5 * size, size, encodeFloats({value}, dtype));
            };
            const bool matrix = name.find(".bias") == std::string::npos && name != "model.norm.weight";
            QROAR_REFUSED(opened(options, poison), "\"" + name + "\"", nan ? "NaN" : "infinity",
                          matrix ? "[0, 5]" : "[5]");
        }
    }

    void wrongTypes() {
        const auto asIntegers = [](Tensors& tensors) { named(tensors, "model.norm.weight")->dtype = "I32"; };
        QROAR_REFUSED(opened({}, asIntegers), "model.norm.weight", "I32");
        const auto packed = [](Tensors& tensors) {
            named(tensors, "model.layers.0.self_attn.q_proj.weight")->name =
                "model.layers.0.self_attn.q_proj.qweight";
        };
        QROAR_REFUSED(opened({}, packed), "the tensors are quantized, but neither config.json");
        const auto queryNorm = [](Tensors& tensors) {
            tensors.push_back(
                makeTensor("model.layers.0.self_attn.q_norm.weight", {8}, std::vector<float>(8, 1)));
        };
        QROAR_REFUSED(opened({}, queryNorm), "q_norm", "not part of a LlamaForCausalLM");
    }

    void extraTensors() {
        const auto inverse = [](Tensors& tensors) {
            tensors.push_back(makeTensor("model.layers.0.self_attn.rotary_emb.inv_freq", {2}, {1, NAN}));
        };
        const auto ignored = opened({}, inverse);
        QROAR_OPENED(ignored);
        QVERIFY((*ignored)->warnings().empty());
        const auto stray =
            opened({}, [](Tensors& tensors) { tensors.push_back(makeTensor("stray", {1}, {1})); });
        QROAR_OPENED(stray);
        QVERIFY(warns(**stray, "\"stray\""));
    }

    void fingerprints() {
        const auto first = opened({}, [](Tensors&) {});
        QROAR_OPENED(first);
        QCOMPARE((*first)->fingerprint().size(), std::size_t{32});
        const auto again = opened({}, [](Tensors&) {});
        QCOMPARE((*again)->fingerprint(), (*first)->fingerprint());
        const auto weight = opened({}, [](Tensors& tensors) {
            named(tensors, "model.layers.1.mlp.up_proj.weight")->bytes[11] ^= 1;
        });
        QROAR_OPENED(weight);
        QVERIFY((*weight)->fingerprint() != (*first)->fingerprint());
        RandomModelOptions options;
        options.ropeScalingJson = R"({"type": "linear", "factor": 2})";
        const auto rope = opened(options, [](Tensors&) {});
        QROAR_OPENED(rope);
        QVERIFY((*rope)->fingerprint() != (*first)->fingerprint());
    }

    void notAModel() {
        QROAR_REFUSED(openModel(scratch_.path("nowhere")), "nowhere");
        QROAR_REFUSED(openModel(scratch_.path()), "config.json");
        QROAR_REFUSED(openModel("/dev/null"), "something else");
        QROAR_REFUSED(
            openModel(scratch_.file("a.gguf", std::string("GGUF\3\0\0\0", 8) + std::string(100, '\0'))),
            "a.gguf", "general.architecture");
        QROAR_REFUSED(openModel(scratch_.file("a.bin", "PK\x03\x04" + std::string(100, '\0'))), "pickle");
        const auto path = folder();
        makeRandomHfModel(path);
        std::filesystem::remove(path / "model.safetensors");
        QROAR_REFUSED(openModel(path), "model.safetensors");
        writeBytes(path / "pytorch_model.bin", "PK");
        QROAR_REFUSED(openModel(path), "convert");
    }
};

QTEST_APPLESS_MAIN(TestHfModel)
#include "test_hf_model.moc"
