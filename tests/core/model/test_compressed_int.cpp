// compressed-tensors with a byte a code (int-quantized), scales of a whole tensor, and codes of fused layers,
// against decoders that share nothing with the reader.
#include "tests/core/model/stored_quant_fixture.h"
#include "tests/support/family_fixtures.h"
#include "tests/support/tiny_decoder.h"

#include <cmath>
#include <cstring>
#include <random>

using namespace qroar;
using namespace qroar::test;

namespace {

/// Empty, or where the dequantized numbers are not the decoder's, rounded once to float.
std::string differs(const Model& model, int layer, Projection p, const TinyLinear& wanted,
                    std::ptrdiff_t firstRow) {
    const StoredQuant* stored = model.stored(layer, p);
    if (!stored) return "dense";
    const auto codes = stored->read();
    if (!codes) return codes.error().message;
    if (!codes->consistent()) return "inconsistent";
    Matrix floats(codes->rows, codes->cols);
    codes->dequantize(floats.view());
    for (std::ptrdiff_t row = 0; row < codes->rows; ++row)
        for (std::ptrdiff_t col = 0; col < codes->cols; ++col)
            if (floats.row(row)[col]
                != static_cast<float>(
                    wanted.weights[static_cast<std::size_t>((firstRow + row) * codes->cols + col)]))
                return "row " + std::to_string(row) + ", input " + std::to_string(col);
    return {};
}

const char* const tensorConfig = R"({"quant_method": "compressed-tensors", "format": "int-quantized",
    "config_groups": {"group_0": {"weights": {"num_bits": 8, "strategy": "tensor", "symmetric": false}}}})";

/// One scale and one zero point for every layer, and random codes.
void oneScaleEach(Tensors& tensors, const std::vector<long long>& shape, bool zeros) {
    std::mt19937 random(4);
    Tensors result;
    for (StoredTensor& tensor : tensors) {
        const bool scale = tensor.name.find(".weight_scale") != std::string::npos;
        const bool zero = tensor.name.find(".weight_zero_point") != std::string::npos;
        if (zero && !zeros) continue;
        if (scale)
            tensor =
                makeTensor(tensor.name, shape, {0.0078125F * static_cast<float>(1 + random() % 50)}, "BF16");
        if (zero) tensor = {tensor.name, "I8", shape, std::string(1, static_cast<char>(random()))};
        if (tensor.dtype == "I8" && !zero)
            for (char& byte : tensor.bytes) byte = static_cast<char>(random());
        result.push_back(tensor);
    }
    tensors = result;
}

} // namespace

class TestCompressedInt : public QObject, private StoredQuantFixture {
    Q_OBJECT
  private slots:
    void everyKind_data() {
        QTest::addColumn<std::string>("spec");
        QTest::addColumn<bool>("actOrder");
        QTest::addColumn<std::string>("scaleType");
        for (const char* spec :
             {"rtn:8:row:sym", "rtn:8:row", "rtn:8:g32", "rtn:8:g32:sym", "rtn:4:g32", "rtn:4:row:sym"})
            for (const bool actOrder : {false, true})
                for (const char* type : {"F16", "BF16", "F32"})
                    if (!actOrder || std::string(spec).find("g32") != std::string::npos)
                        QTest::addRow("%s %d %s", spec, actOrder, type)
                            << std::string(spec) << actOrder << std::string(type);
    }
    void everyKind() {
        QFETCH(std::string, spec);
        QFETCH(bool, actOrder);
        QFETCH(std::string, scaleType);
        auto checkpoint = QuantizedCheckpoint::make(StoredFormat::CompressedInt, rtn(spec.c_str()));
        checkpoint.actOrder = actOrder;
        checkpoint.scaleType = scaleType;
        const auto model = opened(checkpoint);
        QROAR_OPENED(model);
        QVERIFY2((*model)->warnings().empty(),
                 (*model)->warnings().empty() ? "" : (*model)->warnings().front().c_str());
        QCOMPARE(difference(**model, checkpoint), std::string());
        const auto tiny = readTiny(scratch_.path("m"));
        for (const Projection p : allProjections)
            QCOMPARE(differs(**model, 1, p, decodeInt8(tiny, "model." + layerName(1, p)), 0), std::string());
        const auto kinds = storedKinds(**model);
        QCOMPARE(kinds.size(), std::size_t{1});
        QVERIFY(kinds.front().like.text().starts_with("compressed-tensors int-quantized, "
                                                      + std::to_string(checkpoint.spec.bits) + " bits"));
    }

    void oneScaleForATensor() {
        auto checkpoint = QuantizedCheckpoint::make(StoredFormat::CompressedInt, rtn("rtn:8:row"));
        checkpoint.quantizationConfig = tensorConfig;
        for (const std::vector<long long>& shape : {std::vector<long long>{}, {1}, {1, 1}}) {
            const auto model =
                opened(checkpoint, [&](Tensors& tensors) { oneScaleEach(tensors, shape, true); });
            QROAR_OPENED(model);
            const auto tiny = readTiny(scratch_.path("m"));
            for (const Projection p : allProjections)
                QCOMPARE(differs(**model, 0, p, decodeInt8(tiny, "model." + layerName(0, p)), 0),
                         std::string());
            QVERIFY((*model)->stored(0, Projection::Q)->text().find("one scale") != std::string::npos);
        }
        QROAR_REFUSED(opened(checkpoint, [](Tensors& tensors) { oneScaleEach(tensors, {1}, false); }),
                      "weight_zero_point\" is missing", "not symmetric");
    }

    /// The same of packed codes, whose zero point then is a byte.
    void oneScaleForAPackedTensor() {
        auto checkpoint = QuantizedCheckpoint::make(StoredFormat::CompressedPack, rtn("rtn:4:row"));
        checkpoint.quantizationConfig = R"({"quant_method": "compressed-tensors", "format": "pack-quantized",
            "config_groups": {"group_0": {"weights": {"num_bits": 4, "strategy": "tensor", "symmetric": false}}}})";
        const auto one = [](int zero) {
            return [zero](Tensors& tensors) {
                for (StoredTensor& tensor : tensors) {
                    if (tensor.name.find(".weight_scale") != std::string::npos)
                        tensor = makeTensor(tensor.name, {1}, {0.25F}, "F16");
                    if (tensor.name.find(".weight_zero_point") != std::string::npos)
                        tensor = {tensor.name, "I8", {1}, std::string(1, static_cast<char>(zero))};
                }
            };
        };
        const auto model = opened(checkpoint, one(-3));
        QROAR_OPENED(model);
        const auto tiny = readTiny(scratch_.path("m"));
        const auto codes = (*model)->stored(1, Projection::Up)->read();
        QROAR_OPENED(codes);
        const std::string stem = "model.layers.1.mlp.up_proj.weight_packed";
        for (int row = 0; row < 96; ++row)
            for (int input = 0; input < 64; ++input) {
                const int code = static_cast<int>(tiny.bitsAt(stem, row * 8, 1, 4, input)) - 8;
                const int found = codes->codes[static_cast<std::size_t>(row * 64 + input)]
                                  - codes->zeros[static_cast<std::size_t>(row)];
                QCOMPARE(found, code + 3);
            }
        QVERIFY(codes->scales == std::vector<float>(96, 0.25F));
        QROAR_REFUSED(opened(checkpoint, one(-9)), "weight_zero_point", "4 bits", "-9");
    }

    void widthsAreTheConfigs() {
        // Codes of 8 bits under a config that says 4: the narrowest width that holds them.
        auto checkpoint = QuantizedCheckpoint::make(StoredFormat::CompressedInt, rtn("rtn:8:g32:sym"));
        checkpoint.quantizationConfig =
            R"({"format": "int-quantized", "config_groups": {"group_0": {"weights":
                                            {"num_bits": 4, "group_size": 32}}}})";
        const auto model = opened(checkpoint);
        QROAR_OPENED(model);
        QCOMPARE(difference(**model, checkpoint), std::string());
        QVERIFY(warns(**model, "14 of 14 quantized layers have other bits"));
    }

    void refusals() {
        const auto checkpoint = QuantizedCheckpoint::make(StoredFormat::CompressedInt, rtn("rtn:8:g32"));
        const std::string stem = "model.layers.0.mlp.down_proj.weight";
        const auto with = [&](const Change& change) { return opened(checkpoint, change); };
        const auto dropped = [&](const char* suffix) {
            return with(
                [&, suffix](Tensors& t) { t.erase(t.begin() + (named(t, stem + suffix) - t.data())); });
        };
        QROAR_REFUSED(dropped("_scale"), stem + "_scale", "is missing");
        QROAR_REFUSED(dropped("_zero_point"), stem + "_zero_point", "is missing");
        QROAR_REFUSED(with([&](Tensors& t) {
                          named(t, stem)->shape = {96, 64};
                      }),
                      stem, "[64, 96]", "[96, 64]");
        QROAR_REFUSED(with([&](Tensors& t) { named(t, stem + "_scale")->dtype = "I16"; }), stem + "_scale",
                      "expected F16, BF16 or F32");
        QROAR_REFUSED(with([&](Tensors& t) {
                          *named(t, stem + "_scale") =
                              makeTensor(stem + "_scale", {64, 97}, std::vector<float>(64 * 97));
                      }),
                      stem + "_scale", "1 to 96 groups");
        QROAR_REFUSED(
            with([&](Tensors& t) {
                *named(t, stem + "_scale") = makeTensor(stem + "_scale", {64, 5}, std::vector<float>(64 * 5));
            }),
            stem + "_scale", "groups of one size");
        QROAR_REFUSED(with([&](Tensors& t) { named(t, stem + "_zero_point")->dtype = "U8"; }),
                      stem + "_zero_point", "expected I8 [64, 3]", "found U8");
        QROAR_REFUSED(with([&](Tensors& t) {
                          StoredTensor& zeros = *named(t, stem + "_zero_point");
                          zeros.shape = {64, 2};
                          zeros.bytes.resize(128);
                      }),
                      stem + "_zero_point", "[64, 2]");
        // I8 of nobody's: another method, or no config.
        auto other = checkpoint;
        other.quantizationConfig = R"({"quant_method": "gptq", "bits": 8})";
        QROAR_REFUSED(opened(other), "expected F32, F16 or BF16, found I8");
    }

    /// Phi-3's qkv_proj and gate_up_proj: each projection gets its rows of the one tensor.
    void fusedLayers() {
        for (const StoredFormat format : {StoredFormat::AwqGemm, StoredFormat::Gptq,
                                          StoredFormat::CompressedPack, StoredFormat::CompressedInt}) {
            auto checkpoint = QuantizedCheckpoint::make(format, rtn("rtn:4:g16"));
            checkpoint.zeros = GptqZeros::V2;
            checkpoint.actOrder = format == StoredFormat::Gptq;
            nlohmann::json config = familyFixture("phi3").config;
            config["intermediate_size"] = 48; // all sides in eights and whole groups
            config["quantization_config"] = nlohmann::json::parse(quantizationConfigOf(checkpoint));
            Tensors tensors;
            for (const StoredTensor& tensor : familyTensors(config, 4, "F16"))
                if (projectionOf(tensor).empty())
                    tensors.push_back(tensor);
                else
                    for (StoredTensor& part : packedTensors(checkpoint, tensor))
                        tensors.push_back(std::move(part));
            std::filesystem::remove_all(scratch_.path("phi"));
            writeHfFolder(scratch_.path("phi"), config.dump(), tensors);
            const auto model = openModel(scratch_.path("phi"));
            QROAR_OPENED(model);
            const auto tiny = readTiny(scratch_.path("phi"));
            const auto decoded = [&](const std::string& stem) {
                return format == StoredFormat::AwqGemm         ? decodeAwq(tiny, stem)
                       : format == StoredFormat::Gptq          ? decodeGptq(tiny, stem, true)
                       : format == StoredFormat::CompressedInt ? decodeInt8(tiny, stem)
                                                               : decodeCompressed(tiny, stem);
            };
            const auto check = [&](const std::string& stem, std::initializer_list<Projection> parts) {
                const TinyLinear all = decoded("model.layers.1." + stem);
                std::ptrdiff_t first = 0;
                for (const Projection p : parts) {
                    const std::string found = differs(**model, 1, p, all, first);
                    if (!found.empty()) return std::string(projectionName(p)) + ": " + found;
                    const StoredQuant& stored = *(*model)->stored(1, p);
                    const auto scales = stored.scales.toFloat();
                    const auto codes = stored.read();
                    for (std::ptrdiff_t row = 0; row < codes->rows; ++row)
                        if (scales[static_cast<std::size_t>(stored.scaleElement(row, 1))]
                            != codes->scales[static_cast<std::size_t>(row * codes->groups + 1)])
                            return std::string("scaleElement");
                    first += codes->rows;
                }
                return first == all.out ? std::string() : std::string("rows are left over");
            };
            QCOMPARE(check("self_attn.qkv_proj", {Projection::Q, Projection::K, Projection::V}),
                     std::string());
            QCOMPARE(check("self_attn.o_proj", {Projection::O}), std::string());
            QCOMPARE(check("mlp.gate_up_proj", {Projection::Gate, Projection::Up}), std::string());
        }
    }
};

QTEST_APPLESS_MAIN(TestCompressedInt)
#include "test_compressed_int.moc"
