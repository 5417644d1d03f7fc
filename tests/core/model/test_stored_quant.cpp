// Quantized Hugging Face checkpoints: what is written is read back code for code, whatever the config gets
// wrong, and what cannot be read is refused by name.
#include "core/model/model.h"
#include "tests/core/model/model_test.h"
#include "tests/support/quantized_checkpoint.h"

#include <cstring>
#include <fstream>
#include <functional>

using namespace qroar;
using namespace qroar::test;

namespace {

using Tensors = std::vector<StoredTensor>;
using Change = std::function<void(Tensors&)>;

QuantSpec rtn(const char* text) {
    return *QuantSpec::parse(text);
}

StoredTensor* named(Tensors& tensors, const std::string& name) {
    for (StoredTensor& tensor : tensors)
        if (tensor.name == name) return &tensor;
    qFatal("no tensor %s", name.c_str());
}

bool warns(const Model& model, const std::string& part) {
    for (const std::string& warning : model.warnings())
        if (warning.find(part) != std::string::npos) return true;
    return false;
}

bool sameCodes(const QuantizedMatrix& a, const QuantizedMatrix& b) {
    return a.bits == b.bits && a.groupSize == b.groupSize && a.symmetric == b.symmetric
           && a.scaleType == b.scaleType && a.rows == b.rows && a.cols == b.cols && a.groups == b.groups
           && a.codes == b.codes && a.zeros == b.zeros && a.scales == b.scales && a.groupOf == b.groupOf;
}

std::string layerName(int layer, Projection p) {
    return "layers." + std::to_string(layer) + (p <= Projection::O ? ".self_attn." : ".mlp.")
           + projectionName(p);
}

} // namespace

class TestStoredQuant : public QObject {
    Q_OBJECT
    Scratch scratch_;

    Outcome<std::shared_ptr<const Model>> opened(const QuantizedCheckpoint& checkpoint,
                                                 const Change& change = {}) {
        return opened(checkpoint, quantizedTensors(checkpoint), change);
    }
    Outcome<std::shared_ptr<const Model>> opened(const QuantizedCheckpoint& checkpoint, Tensors tensors,
                                                 const Change& change) {
        if (change) change(tensors);
        std::filesystem::remove_all(scratch_.path("m"));
        writeHfFolder(scratch_.path("m"), configOf(checkpoint), tensors, checkpoint.model.shards);
        return openModel(scratch_.path("m"));
    }
    /// Empty when every projection of the model holds the codes of the checkpoint (or its dense weights).
    static std::string difference(const Model& model, const QuantizedCheckpoint& checkpoint) {
        for (const StoredTensor& tensor : randomModelTensors(checkpoint.model, 1))
            for (int layer = 0; layer < model.config().layers; ++layer)
                for (const Projection p : allProjections) {
                    if (projectionOf(tensor) != layerName(layer, p)) continue;
                    const StoredQuant* stored = model.stored(layer, p);
                    if (checkpoint.dense.count(layerName(layer, p)) != (stored ? 0U : 1U))
                        return tensor.name + " is dense or not against the plan";
                    if (!stored) continue;
                    const auto codes = stored->read();
                    if (!codes) return codes.error().message;
                    if (!sameCodes(*codes, codesOf(checkpoint, tensor))) return tensor.name + " differs";
                    if (stored->symmetric != checkpoint.spec.symmetric
                        || stored->actOrder != checkpoint.actOrder)
                        return tensor.name + " is described wrongly: " + stored->text();
                }
        return {};
    }

  private slots:
    void everyFormat_data();
    void everyFormat();
    void offsetsIntoTheFiles();
    void mixedLayers();
    void askingForFloatsIsABug();
    void otherWidthsThanTheConfigSays();
    void sideFiles();
    void spellingsOfTheConfig();
    void zeroPointsUnderTheWrongLabel();
    void zeroPointsThatBorrow();
    void groupIndices();
    void refusedByName_data();
    void refusedByName();
    void missingTensors_data();
    void missingTensors();
    void wrongShapes();
    void hostileValues();
    void fingerprintKnowsTheLayout();
};

void TestStoredQuant::everyFormat_data() {
    QTest::addColumn<int>("format");
    QTest::addColumn<std::string>("spec");
    QTest::addColumn<int>("zeros");
    QTest::addColumn<bool>("actOrder");
    QTest::addColumn<std::string>("scaleType");
    const auto add = [](StoredFormat format, const char* spec, GptqZeros zeros = GptqZeros::V1,
                        bool actOrder = false, const char* scaleType = "F16") {
        QTest::addRow("%s %s, zeros %d, %s, %s", storedFormatName(format), spec, static_cast<int>(zeros),
                      actOrder ? "act-order" : "in order", scaleType)
            << static_cast<int>(format) << std::string(spec) << static_cast<int>(zeros) << actOrder
            << std::string(scaleType);
    };
    for (const char* spec : {"rtn:4:g32", "rtn:4:g16:sym", "rtn:4:row"}) add(StoredFormat::AwqGemm, spec);
    for (const char* spec : {"rtn:2:g32:sym", "rtn:3:g32:sym", "rtn:4:g32:sym", "rtn:8:row:sym"})
        for (const GptqZeros zeros : {GptqZeros::V1, GptqZeros::V1Packed, GptqZeros::V2})
            for (const bool actOrder : {false, true})
                if (!actOrder || spec != std::string("rtn:8:row:sym"))
                    add(StoredFormat::Gptq, spec, zeros, actOrder);
    for (const char* spec : {"rtn:2:g32", "rtn:3:g32", "rtn:4:g32", "rtn:8:g32"}) {
        add(StoredFormat::Gptq, spec, GptqZeros::V2);
        add(StoredFormat::Gptq, spec, GptqZeros::V1Packed, true);
    }
    add(StoredFormat::Gptq, "rtn:4:g32:sym", GptqZeros::V1, false, "BF16");
    for (const char* bits : {"2", "3", "4", "5", "6", "7", "8"})
        for (const char* rest : {":g32", ":g32:sym", ":row", ":row:sym"})
            add(StoredFormat::CompressedPack, ("rtn:" + std::string(bits) + rest).c_str());
    for (const char* type : {"BF16", "F32"})
        add(StoredFormat::CompressedPack, "rtn:4:g32", GptqZeros::V1, false, type);
    add(StoredFormat::CompressedPack, "rtn:4:g32", GptqZeros::V1, true, "BF16");
}

void TestStoredQuant::everyFormat() {
    QFETCH(int, format);
    QFETCH(std::string, spec);
    QFETCH(int, zeros);
    QFETCH(bool, actOrder);
    QFETCH(std::string, scaleType);
    auto checkpoint = QuantizedCheckpoint::make(static_cast<StoredFormat>(format), rtn(spec.c_str()));
    checkpoint.zeros = static_cast<GptqZeros>(zeros);
    checkpoint.actOrder = actOrder;
    checkpoint.scaleType = scaleType;
    const auto model = opened(checkpoint);
    QROAR_OPENED(model);
    QVERIFY((*model)->isQuantized());
    QVERIFY2((*model)->warnings().empty(),
             (*model)->warnings().empty() ? "" : (*model)->warnings().front().c_str());
    const std::string found = difference(**model, checkpoint);
    QVERIFY2(found.empty(), found.c_str());
    const auto kinds = storedKinds(**model);
    QCOMPARE(kinds.size(), std::size_t{1});
    QCOMPARE(kinds[0].projections, 14);
    QCOMPARE(kinds[0].like.shape.bits, checkpoint.spec.bits);
    QCOMPARE(kinds[0].like.shape.groupSize, checkpoint.spec.groupSize);
}

void TestStoredQuant::offsetsIntoTheFiles() {
    for (const int shards : {1, 3})
        for (const StoredFormat format :
             {StoredFormat::AwqGemm, StoredFormat::Gptq, StoredFormat::CompressedPack}) {
            auto checkpoint = QuantizedCheckpoint::make(format, rtn("rtn:4:g32:sym"));
            checkpoint.model.shards = shards;
            const auto model = opened(checkpoint);
            QROAR_OPENED(model);
            for (const TensorView& tensor : (*model)->tensors()) {
                std::ifstream file((*model)->filePath(tensor), std::ios::binary);
                file.seekg(static_cast<std::streamoff>(tensor.offset));
                std::string bytes(tensor.bytes, '\0');
                QVERIFY(file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())));
                QVERIFY(std::memcmp(bytes.data(), tensor.data, bytes.size()) == 0);
            }
            const StoredQuant& stored = *(*model)->stored(1, Projection::Down);
            const auto codes = stored.read();
            const auto scales = stored.scales.toFloat();
            QCOMPARE(stored.groups(), std::ptrdiff_t{3});
            for (std::ptrdiff_t row = 0; row < codes->rows; ++row)
                for (std::ptrdiff_t group = 0; group < codes->groups; ++group)
                    QCOMPARE(scales[static_cast<std::size_t>(stored.scaleElement(row, group))],
                             codes->scales[static_cast<std::size_t>(row * codes->groups + group)]);
        }
    // A single file, its config beside it.
    QROAR_OPENED(opened(QuantizedCheckpoint::make(StoredFormat::AwqGemm, rtn("rtn:4:g32"))));
    const auto file = openModel(scratch_.path("m/model.safetensors"));
    QROAR_OPENED(file);
    QVERIFY((*file)->filePath((*file)->embedding()) == scratch_.path("m/model.safetensors"));
}

void TestStoredQuant::mixedLayers() {
    for (const StoredFormat format :
         {StoredFormat::AwqGemm, StoredFormat::Gptq, StoredFormat::CompressedPack}) {
        auto checkpoint = QuantizedCheckpoint::make(format, rtn("rtn:4:g32:sym"));
        checkpoint.dense = {"layers.0.self_attn.k_proj", "layers.1.mlp.down_proj"};
        checkpoint.model.attentionBias = checkpoint.model.mlpBias = true;
        checkpoint.model.tied = false;
        const auto model = opened(checkpoint);
        QROAR_OPENED(model);
        QVERIFY((*model)->isQuantized());
        const std::string found = difference(**model, checkpoint);
        QVERIFY2(found.empty(), found.c_str());
        QCOMPARE(storedKinds(**model).front().projections, 12);
        QCOMPARE((*model)->weight(0, Projection::K).shape, (std::vector<long long>{32, 64}));
        for (const Projection p : allProjections) QVERIFY((*model)->bias(1, p));
        // Nothing quantized at all: a dense model with a config that says otherwise.
        for (int layer = 0; layer < 2; ++layer)
            for (const Projection p : allProjections) checkpoint.dense.insert(layerName(layer, p));
        const auto dense = opened(checkpoint);
        QROAR_OPENED(dense);
        QVERIFY(!(*dense)->isQuantized() && storedKinds(**dense).empty());
        QVERIFY(warns(**dense, "every layer is dense"));
    }
}

void TestStoredQuant::askingForFloatsIsABug() {
    const auto model = opened(QuantizedCheckpoint::make(StoredFormat::Gptq, rtn("rtn:4:g32:sym")));
    QROAR_OPENED(model);
    QVERIFY_THROWS_EXCEPTION(std::logic_error, (void)(*model)->weight(0, Projection::Q));
}

void TestStoredQuant::otherWidthsThanTheConfigSays() { // `dynamic` overrides: the shapes decide
    auto four = QuantizedCheckpoint::make(StoredFormat::Gptq, rtn("rtn:4:g32:sym"));
    auto eight = four;
    eight.spec = rtn("rtn:8:g16:sym");
    const std::string mixed = "layers.1.self_attn.v_proj.";
    const auto model = opened(four, [&](Tensors& tensors) {
        for (const StoredTensor& tensor : quantizedTensors(eight))
            if (tensor.name.find(mixed) != std::string::npos) *named(tensors, tensor.name) = tensor;
    });
    QROAR_OPENED(model);
    QVERIFY(warns(**model, "1 of 14 quantized layers have other bits"));
    QVERIFY(warns(**model, "1 of 14 quantized layers have other groups"));
    for (const StoredTensor& tensor : randomModelTensors(four.model, 1)) {
        if (projectionOf(tensor) == "layers.1.self_attn.v_proj")
            QVERIFY(sameCodes(*(*model)->stored(1, Projection::V)->read(), codesOf(eight, tensor)));
        if (projectionOf(tensor) == "layers.1.self_attn.k_proj")
            QVERIFY(sameCodes(*(*model)->stored(1, Projection::K)->read(), codesOf(four, tensor)));
    }
    const auto kinds = storedKinds(**model);
    QCOMPARE(kinds.size(), std::size_t{2});
    QCOMPARE(kinds[0].projections, 13);
    QCOMPARE(kinds[1].like.text(), std::string("GPTQ, 8 bits, groups of 16, symmetric"));
    // AWQ has no short groups: two groups of 96 inputs are 48 each, whatever the config says.
    auto awq = QuantizedCheckpoint::make(StoredFormat::AwqGemm, rtn("rtn:4:g48"));
    awq.model.hidden = awq.model.intermediate = 96;
    awq.model.headDim = 24;
    awq.quantizationConfig = R"({"quant_method": "awq", "bits": 4, "group_size": 64})";
    const auto halves = opened(awq);
    QROAR_OPENED(halves);
    QCOMPARE(difference(**halves, awq), std::string());
    // A config that is wrong everywhere changes nothing either.
    four.quantizationConfig =
        R"({"quant_method": "gptq", "bits": 2, "group_size": 128, "sym": true, "checkpoint_format": "gptq"})";
    const auto wrong = opened(four);
    QROAR_OPENED(wrong);
    const std::string found = difference(**wrong, four);
    QVERIFY2(found.empty(), found.c_str());
    QVERIFY(warns(**wrong, "14 of 14 quantized layers have other bits"));
}

void TestStoredQuant::sideFiles() {
    auto awq = QuantizedCheckpoint::make(StoredFormat::AwqGemm, rtn("rtn:4:g32"));
    awq.quantizationConfig = "null";
    QROAR_REFUSED(opened(awq), "neither config.json", "quantize_config.json", "quant_config.json");
    (void)scratch_.file("m/quant_config.json",
                        R"({"zero_point": true, "q_group_size": 32, "w_bit": 4, "version": "GEMM"})");
    auto model = openModel(scratch_.path("m"));
    QROAR_OPENED(model);
    QCOMPARE(difference(**model, awq), std::string());
    (void)scratch_.file("m/quant_config.json", R"({"w_bit": 4, "version": "GEMV"})");
    QROAR_REFUSED(openModel(scratch_.path("m")), "quant_config.json", "\"version\"", "\"gemv\"");
    (void)scratch_.file("m/quant_config.json", "[]");
    QROAR_REFUSED(openModel(scratch_.path("m")), "quant_config.json: expected an object");
    (void)scratch_.file("m/quant_config.json", "{");
    QROAR_REFUSED(openModel(scratch_.path("m")), "quant_config.json");

    auto gptq = QuantizedCheckpoint::make(StoredFormat::Gptq, rtn("rtn:4:g32"));
    gptq.zeros = GptqZeros::V2;
    gptq.quantizationConfig = "null";
    QVERIFY(!opened(gptq).ok());
    (void)scratch_.file("m/quantize_config.json",
                        R"({"bits": 4, "group_size": 32, "desc_act": false, "sym": false,
                            "checkpoint_format": "gptq_v2"})");
    model = openModel(scratch_.path("m"));
    QROAR_OPENED(model);
    QCOMPARE(difference(**model, gptq), std::string());
    // config.json goes first, the side file fills in what it lacks, and differences are said.
    gptq.quantizationConfig = R"({"quant_method": "gptq", "bits": 4, "group_size": 32})";
    QVERIFY(opened(gptq).ok());
    (void)scratch_.file("m/quantize_config.json",
                        R"({"bits": 8, "sym": false, "checkpoint_format": "gptq_v2"})");
    model = openModel(scratch_.path("m"));
    QROAR_OPENED(model);
    QCOMPARE(difference(**model, gptq), std::string());
    QVERIFY(warns(**model, "bits is 4, quantize_config.json says 8: the former is used"));
    // A dense model does not care.
    makeRandomHfModel(scratch_.path("dense"));
    (void)scratch_.file("dense/quantize_config.json", "nonsense");
    QROAR_OPENED(openModel(scratch_.path("dense")));
}

void TestStoredQuant::spellingsOfTheConfig() {
    auto gptq = QuantizedCheckpoint::make(StoredFormat::Gptq, rtn("rtn:4:g32:sym"));
    for (const char* config :
         {R"({"method": "GPTQ", "format": "GPTQ", "bits": 4, "group_size": 32, "sym": true})",
          R"({"bits": 4, "group_size": 32, "desc_act": false})",
          R"({"quant_method": "auto-round", "packing_format": "auto_round:auto_gptq", "bits": 4,
              "group_size": 32, "sym": true})",
          R"({"quant_method": "gptq", "bits": 4.0, "group_size": 32, "pack_dtype": "int32", "lm_head": false,
              "dynamic": {"-:.*down.*": {}}, "is_marlin_format": false})"}) {
        gptq.quantizationConfig = config;
        const auto model = opened(gptq);
        QROAR_OPENED(model);
        QCOMPARE(difference(**model, gptq), std::string());
    }
    auto awq = QuantizedCheckpoint::make(StoredFormat::AwqGemm, rtn("rtn:4:g32"));
    for (const char* config :
         {R"({"w_bit": 4, "q_group_size": 32})", R"({"quant_method": "AWQ", "bits": 4, "version": "GEMM"})",
          R"({"method": "awq", "format": "gemm", "bits": 4, "group_size": 32, "backend": "autoawq"})"}) {
        awq.quantizationConfig = config;
        const auto model = opened(awq);
        QROAR_OPENED(model);
        const auto stored = (*model)->stored(0, Projection::Q)->read();
        QCOMPARE(stored->groupSize, 32);
    }
    auto compressed = QuantizedCheckpoint::make(StoredFormat::CompressedPack, rtn("rtn:4:g32"));
    for (const char* config :
         {R"({"config_groups": {"W4A16": ["Linear"]}, "format": "pack-quantized"})",
          R"({"quant_method": "compressed-tensors", "format": "mixed-precision", "sparsity_config": {},
              "config_groups": {"group_0": {"targets": ["Linear"], "format": "pack-quantized",
              "weights": {"num_bits": 4, "group_size": 32}}}, "ignore": null})"}) {
        compressed.quantizationConfig = config;
        const auto model = opened(compressed);
        QROAR_OPENED(model);
        QCOMPARE(difference(**model, compressed), std::string());
    }
    compressed.quantizationConfig =
        R"({"format": "pack-quantized", "kv_cache_scheme": {"num_bits": 8}, "config_groups": {"group_0":
            {"input_activations": {"num_bits": 8}, "weights": {"num_bits": 4, "type": "int"}}}})";
    const auto model = opened(compressed);
    QROAR_OPENED(model);
    QVERIFY(warns(**model, "activations are quantized too"));
    QVERIFY(warns(**model, "key/value cache is quantized too"));
}

void TestStoredQuant::zeroPointsUnderTheWrongLabel() {
    for (const char* spec : {"rtn:2:g32:sym", "rtn:3:g32:sym", "rtn:4:g32:sym", "rtn:8:g32:sym"})
        for (const bool two : {false, true}) {
            auto checkpoint = QuantizedCheckpoint::make(StoredFormat::Gptq, rtn(spec));
            checkpoint.zeros = two ? GptqZeros::V2 : GptqZeros::V1;
            checkpoint.quantizationConfig = quantizationConfigOf(checkpoint);
            const std::string right = two ? "\"gptq_v2\"" : "\"checkpoint_format\": \"gptq\"",
                              wrong = two ? "\"gptq\"" : "\"checkpoint_format\": \"gptq_v2\"";
            checkpoint.quantizationConfig.replace(checkpoint.quantizationConfig.find(right), right.size(),
                                                  wrong);
            const auto model = opened(checkpoint);
            QROAR_OPENED(model);
            QCOMPARE(difference(**model, checkpoint), std::string());
            QVERIFY(warns(**model, two ? "14 of 14 quantized layers hold zero points of GPTQ version 2"
                                       : "14 of 14 quantized layers hold zero points of GPTQ version 1"));
        }
    // An asymmetric grid shows nothing: the config is believed, and one that says "sym" is contradicted.
    auto checkpoint = QuantizedCheckpoint::make(StoredFormat::Gptq, rtn("rtn:4:g32"));
    checkpoint.zeros = GptqZeros::V2;
    checkpoint.quantizationConfig = R"({"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": true,
                                        "checkpoint_format": "gptq_v2"})";
    const auto model = opened(checkpoint);
    QROAR_OPENED(model);
    QCOMPARE(difference(**model, checkpoint), std::string());
    QVERIFY(warns(**model, "14 of 14 quantized layers are not symmetric although the config says so"));
}

void TestStoredQuant::zeroPointsThatBorrow() {
    // Zero points 0, 5, 9, 0, 1, 2, 3, 15 in the first word of one layer, as each program writes them.
    const auto withWord = [](std::uint32_t word) {
        return [word](Tensors& tensors) {
            std::memcpy(named(tensors, "model.layers.0.mlp.up_proj.qzeros")->bytes.data(), &word, 4);
        };
    };
    const std::vector<std::uint8_t> zeros{0, 5, 9, 0, 1, 2, 3, 15};
    const auto firstZeros = [](const Model& model) {
        const auto codes = model.stored(0, Projection::Up)->read();
        std::vector<std::uint8_t> found;
        for (std::size_t row = 0; row < 8; ++row)
            found.push_back(codes->zeros[row * static_cast<std::size_t>(codes->groups)]);
        return found;
    };
    auto checkpoint = QuantizedCheckpoint::make(StoredFormat::Gptq, rtn("rtn:4:g32"));
    checkpoint.zeros = GptqZeros::V1Packed;
    const auto borrowed = opened(checkpoint, withWord(0xe20ff83f));
    QROAR_OPENED(borrowed);
    QCOMPARE(firstZeros(**borrowed), zeros);
    QVERIFY(warns(**borrowed, "as GPTQModel does"));
    checkpoint.quantizationConfig = R"({"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": false})";
    const auto nibbles = opened(checkpoint, withWord(0xe210f84f));
    QROAR_OPENED(nibbles);
    QCOMPARE(firstZeros(**nibbles), zeros);
    QVERIFY(warns(**nibbles, "value by value"));
    checkpoint.quantizationConfig =
        R"({"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": false, "format": "gptq_v2"})";
    const auto two = opened(checkpoint, withWord(0xf3210950));
    QROAR_OPENED(two);
    QCOMPARE(firstZeros(**two), zeros);
    QVERIFY((*two)->warnings().empty());
}

void TestStoredQuant::groupIndices() {
    auto checkpoint = QuantizedCheckpoint::make(StoredFormat::Gptq, rtn("rtn:4:g32:sym"));
    checkpoint.groupIndex = false;
    const auto without = opened(checkpoint);
    QROAR_OPENED(without);
    QCOMPARE(difference(**without, checkpoint), std::string());
    checkpoint.quantizationConfig =
        R"({"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": true, "desc_act": true})";
    QROAR_REFUSED(opened(checkpoint), "q_proj.g_idx\" is missing", "ordered by activation");
    checkpoint.groupIndex = true; // desc_act, and the order came out as it was
    const auto plain = opened(checkpoint);
    QROAR_OPENED(plain);
    QVERIFY(!(*plain)->stored(0, Projection::Q)->actOrder);

    const std::string index = "model.layers.1.self_attn.o_proj.g_idx";
    for (const std::int32_t group : {2, -1, INT32_MAX, INT32_MIN}) {
        const auto outside = [&](Tensors& tensors) {
            std::memcpy(named(tensors, index)->bytes.data() + 4 * 5, &group, 4);
        };
        QROAR_REFUSED(opened(checkpoint, outside), index, "groups 0 to 1", std::to_string(group), "[5]");
    }
    const auto zeros =
        opened(checkpoint, [&](Tensors& tensors) { named(tensors, index)->bytes.assign(4 * 64, '\0'); });
    QROAR_OPENED(zeros);
    QCOMPARE(difference(**zeros, checkpoint), std::string());
    QVERIFY(warns(**zeros, "1 of 14 quantized layers have a group index of zeros"));
    // compressed-tensors: -1 everywhere is "no order".
    auto compressed = QuantizedCheckpoint::make(StoredFormat::CompressedPack, rtn("rtn:4:g32"));
    const auto unordered = opened(compressed, [](Tensors& tensors) {
        tensors.push_back(
            {"model.layers.0.self_attn.q_proj.weight_g_idx", "I32", {64}, std::string(256, '\xFF')});
    });
    QROAR_OPENED(unordered);
    QCOMPARE(difference(**unordered, compressed), std::string());
}

void TestStoredQuant::refusedByName_data() {
    QTest::addColumn<std::string>("config");
    QTest::addColumn<std::string>("key");
    QTest::addColumn<std::string>("value");
    const auto add = [](const char* config, const char* key, const char* value) {
        QTest::addRow("%s", config) << std::string(config) << std::string(key) << std::string(value);
    };
    add(R"({"quant_method": "bitsandbytes", "load_in_4bit": true})", "quant_method", "\"bitsandbytes\"");
    add(R"({"quant_method": "fp8"})", "quant_method", "\"fp8\"");
    add(R"({"quant_method": "marlin", "bits": 4})", "quant_method", "\"marlin\"");
    add(R"({"quant_method": "auto-round", "packing_format": "auto_round:marlin"})", "quant_method",
        "auto_round:marlin");
    add(R"({})", "quant_method", "\"none\"");
    add(R"({"quant_method": 4})", "quant_method", "a text");
    add(R"("awq")", "quantization_config", "an object");
    add(R"({"quant_method": "awq", "version": "gemv"})", "version", "\"gemv\"");
    add(R"({"quant_method": "awq", "version": "gemv_fast"})", "version", "\"gemv_fast\"");
    add(R"({"quant_method": "awq", "version": "marlin"})", "version", "\"marlin\"");
    add(R"({"quant_method": "awq", "version": "gemm", "backend": "llm-awq"})", "backend", "llm-awq");
    add(R"({"quant_method": "awq", "bits": 8})", "bits", "8");
    add(R"({"quant_method": "awq", "w_bit": 3})", "w_bit", "3");
    add(R"({"quant_method": "gptq", "checkpoint_format": "marlin"})", "checkpoint_format", "\"marlin\"");
    add(R"({"quant_method": "gptq", "format": "gptq_p", "bits": 5})", "format", "\"gptq_p\"");
    add(R"({"quant_method": "gptq", "is_marlin_format": true})", "is_marlin_format", "true");
    add(R"({"quant_method": "gptq", "pack_dtype": "int16"})", "pack_dtype", "\"int16\"");
    add(R"({"quant_method": "gptq", "bits": 5})", "bits", "5");
    add(R"({"quant_method": "gptq", "bits": 1000000})", "bits", "1000000");
    add(R"({"quant_method": "gptq", "bits": -4})", "bits", "-4");
    add(R"({"quant_method": "gptq", "bits": "4"})", "bits", "\"4\"");
    add(R"({"quant_method": "gptq", "bits": 4, "group_size": -2})", "group_size", "-2");
    add(R"({"quant_method": "gptq", "bits": 4, "group_size": 1e30})", "group_size", "1e");
    add(R"({"quant_method": "gptq", "bits": 4, "sym": "yes"})", "sym", "\"yes\"");
    add(R"({"quant_method": "compressed-tensors", "config_groups": {}})", "format", "\"none\"");
    for (const char* format :
         {"int-quantized", "float-quantized", "nvfp4-pack-quantized", "marlin-24", "dense"})
        QTest::addRow("%s", format)
            << R"({"quant_method": "compressed-tensors", "config_groups": {}, "format": ")"
                   + std::string(format) + "\"}"
            << std::string("format") << std::string(format);
    const auto group = [&](const char* inside, const char* key, const char* value) {
        const std::string config =
            R"({"format": "pack-quantized", "config_groups": {"group_0": )" + std::string(inside) + "}}";
        add(config.c_str(), key, value);
    };
    add(R"({"quant_method": "compressed-tensors", "format": "pack-quantized"})", "config_groups", "none");
    group(R"({"weights": {"type": "float", "num_bits": 4}})", "type", "\"float\"");
    group(R"({"weights": {"num_bits": 4, "strategy": "tensor"}})", "strategy", "\"tensor\"");
    group(R"({"weights": {"num_bits": 4, "strategy": "block"}})", "strategy", "\"block\"");
    group(R"({"weights": {"num_bits": 16}})", "num_bits", "16");
    group(R"({"format": "int-quantized", "weights": {"num_bits": 4}})", "format", "\"int-quantized\"");
    add(R"({"format": "pack-quantized", "config_groups": {}, "transform_config": {"a": 1}})",
        "transform_config", "rotated");
    add(R"({"format": "pack-quantized", "config_groups": {}, "sparsity_config": {"format":
            "sparse-24-bitmask"}})",
        "format", "\"sparse-24-bitmask\"");
}

void TestStoredQuant::refusedByName() {
    QFETCH(std::string, config);
    QFETCH(std::string, key);
    QFETCH(std::string, value);
    auto checkpoint = QuantizedCheckpoint::make(StoredFormat::Gptq, rtn("rtn:4:g32:sym"));
    checkpoint.quantizationConfig = config;
    QROAR_REFUSED(opened(checkpoint), "config.json", "quantization_config", key, value);
}

void TestStoredQuant::missingTensors_data() {
    QTest::addColumn<int>("format");
    QTest::addColumn<std::string>("suffix");
    for (const char* suffix : {".qzeros", ".scales", ".qweight"}) {
        QTest::addRow("AWQ %s", suffix) << static_cast<int>(StoredFormat::AwqGemm) << std::string(suffix);
        QTest::addRow("GPTQ %s", suffix) << static_cast<int>(StoredFormat::Gptq) << std::string(suffix);
    }
    for (const char* suffix : {".weight_packed", ".weight_scale"})
        QTest::addRow("compressed %s", suffix)
            << static_cast<int>(StoredFormat::CompressedPack) << std::string(suffix);
}

void TestStoredQuant::missingTensors() {
    QFETCH(int, format);
    QFETCH(std::string, suffix);
    const auto checkpoint = QuantizedCheckpoint::make(static_cast<StoredFormat>(format), rtn("rtn:4:g32"));
    auto valid = checkpoint;
    valid.zeros = GptqZeros::V2;
    const std::string name = "model.layers.1.mlp.gate_proj" + suffix;
    const auto without = [&](Tensors& tensors) {
        tensors.erase(tensors.begin() + (named(tensors, name) - tensors.data()));
    };
    const bool codes = suffix == ".qweight" || suffix == ".weight_packed"; // then it looks like a dense layer
    QROAR_REFUSED(opened(valid, without), codes ? "model.layers.1.mlp.gate_proj.weight" : name, "is missing");
}

void TestStoredQuant::wrongShapes() {
    for (const StoredFormat format :
         {StoredFormat::AwqGemm, StoredFormat::Gptq, StoredFormat::CompressedPack}) {
        auto checkpoint = QuantizedCheckpoint::make(format, rtn("rtn:4:g32"));
        checkpoint.zeros = GptqZeros::V2;
        const Tensors tensors = quantizedTensors(checkpoint);
        for (const StoredTensor& tensor : tensors) {
            const std::string &name = tensor.name, layer = "layers.0.mlp.down_proj.";
            if (name.find(layer) == std::string::npos) continue;
            const bool optional = name.find("weight_shape") != std::string::npos;
            const auto reshaped = [&](const std::vector<long long>& shape, const char* dtype = nullptr) {
                return opened(checkpoint, tensors, [&](Tensors& all) {
                    StoredTensor& one = *named(all, name);
                    if (dtype) one.dtype = dtype;
                    long long count = one.dtype.find("64") != std::string::npos   ? 8
                                      : one.dtype.find("16") != std::string::npos ? 2
                                                                                  : 4;
                    for (const long long extent : shape) count *= extent;
                    one.shape = shape;
                    one.bytes.resize(static_cast<std::size_t>(count));
                });
            };
            const auto less = [&](std::size_t axis, long long by) {
                auto shape = tensor.shape;
                shape[axis] -= by;
                return shape;
            };
            for (std::size_t axis = 0; axis < tensor.shape.size(); ++axis) {
                QROAR_REFUSED(reshaped(less(axis, 1)), layer, "expected");
                QROAR_REFUSED(reshaped(less(axis, -1)), layer, "expected");
                QROAR_REFUSED(reshaped(less(axis, tensor.shape[axis])), layer, "expected");
            }
            QROAR_REFUSED(reshaped({}), name, "expected");
            QROAR_REFUSED(reshaped({1, 1, 1}), name, "expected");
            const bool half = tensor.dtype == "F16";
            QROAR_REFUSED(reshaped(tensor.shape, half ? "I16" : optional ? "F64" : "F32"), name, "expected");
        }
    }
    auto compressed = QuantizedCheckpoint::make(StoredFormat::CompressedPack, rtn("rtn:4:g32"));
    const auto declared = [](Tensors& tensors) {
        const std::int64_t shape[] = {64, 97};
        std::memcpy(named(tensors, "model.layers.0.mlp.down_proj.weight_shape")->bytes.data(), shape, 16);
    };
    QROAR_REFUSED(opened(compressed, declared), "weight_shape", "[64, 96]", "[64, 97]");
    // Codes of one format under the name of another.
    auto mislabelled = QuantizedCheckpoint::make(StoredFormat::AwqGemm, rtn("rtn:4:g32"));
    mislabelled.quantizationConfig = R"({"quant_method": "gptq", "bits": 4})";
    QROAR_REFUSED(opened(mislabelled), "q_proj.qweight", "expected I32 [inputs * bits / 32, outputs]");
    auto swapped = QuantizedCheckpoint::make(StoredFormat::Gptq, rtn("rtn:4:g32:sym"));
    swapped.quantizationConfig = R"({"quant_method": "awq", "bits": 4})";
    QROAR_REFUSED(opened(swapped), "g_idx", "AWQ GEMM has no such tensor");
}

void TestStoredQuant::hostileValues() {
    for (const StoredFormat format :
         {StoredFormat::AwqGemm, StoredFormat::Gptq, StoredFormat::CompressedPack})
        for (const char* type : {"F16", "BF16", "F32"}) {
            auto checkpoint = QuantizedCheckpoint::make(format, rtn("rtn:4:g32:sym"));
            checkpoint.scaleType = type;
            const Tensors tensors = quantizedTensors(checkpoint);
            const std::string name =
                "model.layers.1.self_attn.v_proj"
                + std::string(format == StoredFormat::CompressedPack ? ".weight_scale" : ".scales");
            for (const float value : {NAN, INFINITY, -INFINITY}) {
                const auto poison = [&](Tensors& all) {
                    const std::string bytes = encodeFloats({value}, type);
                    named(all, name)->bytes.replace(bytes.size(), bytes.size(), bytes);
                };
                QROAR_REFUSED(opened(checkpoint, tensors, poison), "\"" + name + "\"",
                              "expected finite values", std::isnan(value) ? "NaN" : "infinity", "[0, 1]");
            }
        }
    auto checkpoint = QuantizedCheckpoint::make(StoredFormat::Gptq, rtn("rtn:4:g32:sym"));
    const auto both = [](Tensors& tensors) {
        tensors.push_back(makeTensor("model.layers.0.self_attn.k_proj.weight", {32, 64},
                                     std::vector<float>(32 * 64), "F16"));
    };
    QROAR_REFUSED(opened(checkpoint, both), "k_proj.weight", "found both");
    const auto head = [](Tensors& tensors) {
        tensors.push_back({"lm_head.qweight", "I32", {1, 1}, std::string(4, '\0')});
    };
    QROAR_REFUSED(opened(checkpoint, head), "lm_head.qweight", "a quantized head");
    checkpoint.model.tied = false;
    const auto onlyHead = [&](Tensors& tensors) {
        tensors.erase(tensors.begin() + (named(tensors, "lm_head.weight") - tensors.data()));
        head(tensors);
    };
    QROAR_REFUSED(opened(checkpoint, onlyHead), "lm_head.qweight", "a quantized head");
}

void TestStoredQuant::fingerprintKnowsTheLayout() {
    // The same bytes under another zero-point convention are another model.
    auto checkpoint = QuantizedCheckpoint::make(StoredFormat::Gptq, rtn("rtn:4:g32"));
    checkpoint.zeros = GptqZeros::V2;
    const auto two = opened(checkpoint);
    checkpoint.quantizationConfig = R"({"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": false})";
    const auto one = opened(checkpoint);
    QROAR_OPENED(one);
    QROAR_OPENED(two);
    QVERIFY((*one)->fingerprint() != (*two)->fingerprint());
}

QTEST_APPLESS_MAIN(TestStoredQuant)
#include "test_stored_quant.moc"
