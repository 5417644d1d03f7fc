// FP8 checkpoints: every code, every reach of a scale that programs write, against a decoder in double
// precision that shares nothing with the reader; and what is refused.
#include "core/base/float8.h"
#include "tests/core/model/stored_quant_fixture.h"
#include "tests/support/family_fixtures.h"
#include "tests/support/fp8_checkpoint.h"
#include "tests/support/tiny_decoder.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace qroar;
using namespace qroar::test;

namespace {

RandomModelOptions sizes() {
    RandomModelOptions options = ofSize(48, 16, 40);
    options.dtype = "BF16";
    options.tied = false;
    return options;
}

/// Scales of a tensor, of rows, or of blocks that fit no side of the model.
struct Case {
    const char* name;
    Fp8Layout layout;
    const char* config;
};
std::vector<Case> cases() {
    const auto layout = [](int rows, int cols, const char* scale, const char* type, int rank) {
        Fp8Layout one;
        one.blockRows = rows;
        one.blockCols = cols;
        one.scaleName = scale;
        one.scaleType = type;
        one.scaleRank = rank;
        return one;
    };
    const char* blocks = R"({"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic",
                             "weight_block_size": [32, 20]})";
    const char* plain =
        R"({"quant_method": "fp8", "activation_scheme": "static", "ignored_layers": ["lm_head"]})";
    const char* compressed =
        R"({"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups":
        {"group_0": {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "float", "strategy": "channel"},
         "input_activations": {"num_bits": 8, "type": "float", "dynamic": true}}}, "ignore": ["lm_head"]})";
    const char* naive =
        R"({"quant_method": "compressed-tensors", "format": "naive-quantized", "config_groups":
        {"group_0": {"weights": {"num_bits": 8, "type": "float", "strategy": "tensor"}}}})";
    const char* structure =
        R"({"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups":
        {"group_0": {"weights": {"num_bits": 8, "type": "float", "strategy": "block", "block_structure": "24x16"}}}})";
    const char* group =
        R"({"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups":
        {"group_0": {"weights": {"num_bits": 8, "type": "float", "strategy": "group", "group_size": 16}}}})";
    return {{"blocks, DeepSeek", layout(32, 20, "weight_scale_inv", "F32", 2), blocks},
            {"blocks, BF16 scales", layout(32, 20, "weight_scale_inv", "BF16", 2), blocks},
            {"one scale, vLLM", layout(0, 0, "weight_scale", "F32", 0), plain},
            {"one scale in a list", layout(0, 0, "weight_scale", "F32", 1), plain},
            {"one scale, transformers", layout(0, 0, "weight_scale_inv", "BF16", 0), plain},
            {"rows, compressed-tensors", layout(1, 0, "weight_scale", "BF16", 2), compressed},
            {"rows, flat", layout(1, 0, "weight_scale", "F16", 1), compressed},
            {"rows, fbgemm", layout(1, 0, "weight_scale", "F32", 2), R"({"quant_method": "fbgemm_fp8"})"},
            {"one scale, naive", layout(0, 0, "weight_scale", "F32", 2), naive},
            {"blocks, compressed-tensors", layout(24, 16, "weight_scale", "BF16", 2), structure},
            {"groups", layout(1, 16, "weight_scale", "F32", 2), group}};
}

} // namespace

class TestFp8 : public QObject, private StoredQuantFixture {
    Q_OBJECT

    Outcome<std::shared_ptr<const Model>> openedFp8(const Fp8Layout& layout, const std::string& config,
                                                    const Change& change = {}) {
        RandomModelOptions options = sizes();
        options.extraConfigJson = "\"quantization_config\": " + config;
        Tensors tensors = fp8Tensors(randomModelTensors(options, 3), layout);
        if (change) change(tensors);
        std::filesystem::remove_all(scratch_.path("m"));
        writeHfFolder(scratch_.path("m"), randomModelConfig(options), tensors);
        return openModel(scratch_.path("m"));
    }
    /// Empty, or the first projection whose numbers are not those of the decoder, rounded once to float.
    std::string differs(const Model& model, const Fp8Layout& layout) const {
        const auto tiny = readTiny(scratch_.path("m"));
        for (int layer = 0; layer < model.config().layers; ++layer)
            for (const Projection p : allProjections) {
                const std::string stem = "model." + layerName(layer, p);
                const TensorView& weight = model.weight(layer, p);
                const auto wanted =
                    decodeFp8(tiny, stem, layout.blockRows > 0 ? layout.blockRows : weight.shape[0],
                              layout.blockCols > 0 ? layout.blockCols : weight.shape[1]);
                const auto found = weight.toFloat();
                for (std::size_t at = 0; at < found.size(); ++at)
                    if (found[at] != static_cast<float>(wanted[at]))
                        return stem + " at " + std::to_string(at);
                std::vector<float> part(7); // any stretch of it, too
                weight.toFloat(part.data(), weight.shape[1] * 2 - 3, 7);
                if (std::memcmp(part.data(), found.data() + weight.shape[1] * 2 - 3, 28) != 0)
                    return stem + " part";
            }
        return {};
    }

  private slots:
    void everyCode() {
        for (unsigned code = 0; code < 256; ++code) {
            const float found = e4m3Values()[code];
            const double wanted = e4m3Value(code);
            QVERIFY2(std::isnan(wanted) ? std::isnan(found) : static_cast<double>(found) == wanted,
                     std::to_string(code).c_str());
            QCOMPARE(isNanE4m3(static_cast<std::uint8_t>(code)), std::isnan(wanted));
        }
        QVERIFY(e4m3Values()[0x7E] == 448 && e4m3Values()[1] == std::ldexp(1.0F, -9));
        QVERIFY(e4m3Values()[0x80] == 0 && std::signbit(e4m3Values()[0x80]));
    }

    void everyReach_data() {
        QTest::addColumn<int>("at");
        for (int at = 0; at < static_cast<int>(cases().size()); ++at)
            QTest::newRow(cases()[static_cast<std::size_t>(at)].name) << at;
    }
    void everyReach() {
        QFETCH(int, at);
        const Case one = cases()[static_cast<std::size_t>(at)];
        const auto model = openedFp8(one.layout, one.config);
        QROAR_OPENED(model);
        QVERIFY((*model)->isQuantized());
        QCOMPARE(differs(**model, one.layout), std::string());
        const auto kinds = blockKinds(**model);
        QCOMPARE(kinds.size(), std::size_t{1});
        QCOMPARE(kinds.front().second, 14);
        QVERIFY(kinds.front().first.starts_with("F8_E4M3, "));
        const bool activations =
            std::string(one.config).find("quant_method\": \"compressed") == std::string::npos
            || std::string(one.config).find("input_activations") != std::string::npos;
        QCOMPARE(warns(**model, "activations are quantized too"), activations);
    }

    /// Every finite code under scales of both signs, zero, subnormal and as large as they may be.
    void adversarialCodes() {
        Fp8Layout layout = cases()[0].layout;
        const auto spoil = [](Tensors& tensors) {
            std::mt19937 random(9);
            for (StoredTensor& tensor : tensors) {
                if (tensor.dtype == "F8_E4M3")
                    for (char& byte : tensor.bytes) {
                        const unsigned code = random() % 256;
                        byte = static_cast<char>((code & 127U) == 127U ? code - 1 : code);
                    }
                if (tensor.name.find("weight_scale_inv") == std::string::npos) continue;
                const float odd[] = {0.0F,   -1.5F,
                                     1e-42F, std::numeric_limits<float>::max() / 448,
                                     0.3F,   std::numeric_limits<float>::min()};
                std::vector<float> scales(tensor.bytes.size() / 4);
                for (float& scale : scales) scale = odd[random() % std::size(odd)];
                tensor.bytes = encodeFloats(scales, "F32");
            }
        };
        const auto model = openedFp8(layout, cases()[0].config, spoil);
        QROAR_OPENED(model);
        QCOMPARE(differs(**model, layout), std::string());
    }

    void notANumber() {
        const Case one = cases()[0];
        const std::string name = "model.layers.1.mlp.up_proj.weight";
        for (const char code : {'\x7F', '\xFF'}) {
            const auto poison = [&](Tensors& tensors) { named(tensors, name)->bytes[48 * 3 + 5] = code; };
            QROAR_REFUSED(openedFp8(one.layout, one.config, poison), "\"" + name + "\"",
                          "expected finite values", "NaN", "[3, 5]");
            const auto looked = inspectModel(scratch_.path("m"));
            QROAR_OPENED(looked);
            QVERIFY((*looked)->damage().find("NaN at [3, 5]") != std::string::npos);
        }
        for (const float value : {NAN, INFINITY}) {
            const auto poison = [&](Tensors& tensors) {
                named(tensors, name + "_scale_inv")->bytes.replace(4, 4, encodeFloats({value}, "F32"));
            };
            QROAR_REFUSED(openedFp8(one.layout, one.config, poison), name + "_scale_inv", "[0, 1]");
        }
        const auto large = [&](Tensors& tensors) {
            named(tensors, name + "_scale_inv")->bytes.replace(4, 4, encodeFloats({1e36F}, "F32"));
        };
        QROAR_REFUSED(openedFp8(one.layout, one.config, large), name + "_scale_inv", "products with 448");
    }

    void mixtures() {
        Fp8Layout layout = cases()[2].layout;
        layout.dense = {"model.layers.0.self_attn.o_proj.weight", "model.layers.1.mlp.down_proj.weight"};
        layout.besides = {"input_scale", "output_scale"};
        const auto model = openedFp8(layout, cases()[2].config);
        QROAR_OPENED(model);
        QVERIFY((*model)->weight(0, Projection::O).isFloat()
                && (*model)->weight(1, Projection::O).isScaled());
        QVERIFY((*model)->head().isFloat());
        QVERIFY(warns(**model, "12 layers store scales of quantized activations or caches"));
        QVERIFY(!warns(**model, "are not used, the first"));
        QCOMPARE(blockKinds(**model).front().second, 12);
    }

    /// Phi-3: rows of q, k and v in one tensor, whose blocks and scales run across them.
    void fused() {
        for (const int blockRows : {1, 24, 0}) {
            nlohmann::json config = familyFixture("phi3").config;
            Fp8Layout layout;
            layout.blockRows = blockRows;
            layout.blockCols = blockRows == 24 ? 20 : 0;
            config["quantization_config"] = {{"quant_method", "fp8"}, {"weight_block_size", {24, 20}}};
            std::filesystem::remove_all(scratch_.path("phi"));
            writeHfFolder(scratch_.path("phi"), config.dump(), fp8Tensors(familyTensors(config, 4), layout));
            const auto model = openModel(scratch_.path("phi"));
            QROAR_OPENED(model);
            const auto tiny = readTiny(scratch_.path("phi"));
            const std::string stem = "model.layers.1.self_attn.qkv_proj";
            const auto rows = tiny.at(stem + ".weight").shape[0], in = tiny.at(stem + ".weight").shape[1];
            const auto all =
                decodeFp8(tiny, stem, blockRows > 0 ? blockRows : rows, blockRows == 24 ? 20 : in);
            std::size_t at = 0;
            for (const Projection p : {Projection::Q, Projection::K, Projection::V})
                for (const float value : (*model)->weight(1, p).toFloat())
                    QCOMPARE(value, static_cast<float>(all[at++]));
            QCOMPARE(at, all.size());
        }
    }

    void refusals() {
        const Case one = cases()[0];
        const std::string name = "model.layers.0.self_attn.k_proj.weight", scale = name + "_scale_inv";
        const auto with = [&](const Change& change) { return openedFp8(one.layout, one.config, change); };
        QROAR_REFUSED(with([&](Tensors& t) { t.erase(t.begin() + (named(t, scale) - t.data())); }), name,
                      "is FP8, but neither");
        QROAR_REFUSED(with([&](Tensors& t) { t.push_back(makeTensor(name + "_scale", {}, {1.0F})); }),
                      name + "_scale", "found both");
        QROAR_REFUSED(with([&](Tensors& t) { named(t, scale)->dtype = "I32"; }), scale,
                      "expected F32, F16 or BF16");
        QROAR_REFUSED(with([&](Tensors& t) {
                          *named(t, scale) = makeTensor(scale, {1, 1, 1}, {1.0F});
                      }),
                      scale, "one a block of 32 x 20");
        QROAR_REFUSED(with([&](Tensors& t) {
                          *named(t, scale) = makeTensor(scale, {2}, {1.0F, 1.0F});
                      }),
                      scale, "one for each of 32 rows", "[2]");
        QROAR_REFUSED(with([&](Tensors& t) {
                          *named(t, scale) = makeTensor(scale, {0, 3}, {});
                      }),
                      scale, "[0, 3]");
        QROAR_REFUSED(with([&](Tensors& t) { named(t, name)->dtype = "F8_E5M2"; }), name, "found F8_E5M2");
        QROAR_REFUSED(with([&](Tensors& t) {
                          StoredTensor& weight = *named(t, name);
                          weight.shape = {31, 48};
                          weight.bytes.resize(31 * 48);
                      }),
                      name, "[32, 48]", "[31, 48]");
        const auto config = [&](const char* json) { return openedFp8(one.layout, json); };
        QROAR_REFUSED(config(R"({"quant_method": "fp8", "fmt": "e5m2"})"), "fmt", "e5m2");
        for (const char* size : {"[0, 20]", "[32]", "[32, -1]", "[32, 1e30]", "\"32\"", "\"32x\"", "\"0x20\"",
                                 "4", "[32, 20, 1]", "\"32x20x\""}) {
            const std::string json =
                R"({"quant_method": "fp8", "weight_block_size": )" + std::string(size) + "}";
            QROAR_REFUSED(config(json.c_str()), "weight_block_size", "expected two sizes");
        }
        QROAR_REFUSED(config(R"({"quant_method": "fp8"})"), "weight_scale_inv", "one a block of the config");
        QROAR_REFUSED(config("null"), "expected F32, F16 or BF16, found F8_E4M3");
    }
};

QTEST_APPLESS_MAIN(TestFp8)
#include "test_fp8.moc"
