// Quantized Hugging Face checkpoints: what is written is read back code for code, whatever the config gets
// wrong.
#include "tests/core/model/stored_quant_fixture.h"

#include <cstring>
#include <fstream>

using namespace qroar;
using namespace qroar::test;

class TestStoredQuant : public QObject, private StoredQuantFixture {
    Q_OBJECT
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
