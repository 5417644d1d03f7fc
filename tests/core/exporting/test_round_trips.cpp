// Codes from one format to another: AWQ, GPTQ and int-quantized checkpoints with random and adversarial codes
// become compressed-tensors (and others), decoded on both sides bit by bit by readers that share nothing with
// the product; FP8 and llama2.c files become dense ones.
#include "core/base/half.h"
#include "tests/core/exporting/exporting_test.h"
#include "tests/support/fp8_checkpoint.h"
#include "tests/support/llama2c_writer.h"
#include "tests/support/quantized_checkpoint.h"

#include <cstring>

using namespace qroar;
using namespace qroar::test;

namespace {

bool endsWith(const std::string& text, const std::string& suffix) {
    return text.size() >= suffix.size()
           && text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

/// Any codes and zero points, scales of both signs, zero and subnormal among them; `same` > 0: words of zero
/// points that consist of that byte.
void spoil(std::vector<StoredTensor>& tensors, bool zerosToo, unsigned seed) {
    std::mt19937 random(seed);
    for (StoredTensor& tensor : tensors) {
        const bool codes = endsWith(tensor.name, ".qweight") || endsWith(tensor.name, ".weight_packed")
                           || (endsWith(tensor.name, "_proj.weight") && tensor.dtype == "I8");
        const bool zeros = endsWith(tensor.name, ".qzeros") || endsWith(tensor.name, ".weight_zero_point");
        if (codes || (zeros && zerosToo))
            for (char& byte : tensor.bytes) byte = static_cast<char>(random() & 255U);
        if (!endsWith(tensor.name, ".scales") && !endsWith(tensor.name, ".weight_scale")) continue;
        std::vector<float> scales(tensor.bytes.size() / 2);
        for (float& scale : scales) {
            const float odd[] = {0.0F, -0.0F, 0x1p-24F, -0x1p-15F, 0.0078125F, -0.0123F};
            scale = roundToF16(odd[random() % std::size(odd)]);
        }
        tensor.bytes = encodeFloats(scales, "F16");
    }
}

std::vector<std::string> stems() {
    std::vector<std::string> names;
    for (int layer = 0; layer < 2; ++layer)
        for (const Projection p : allProjections)
            names.push_back("model.layers." + std::to_string(layer)
                            + (p <= Projection::O ? ".self_attn." : ".mlp.") + projectionName(p));
    return names;
}

} // namespace

class TestRoundTrips : public QObject {
    Q_OBJECT
    Scratch scratch_;

    /// Writes a spoiled checkpoint and exports its codes; the folder of the result.
    std::filesystem::path converted(const QuantizedCheckpoint& checkpoint, bool zeros, ExportFormat format) {
        for (const char* name : {"in", "out"}) std::filesystem::remove_all(scratch_.path(name));
        auto tensors = quantizedTensors(checkpoint);
        spoil(tensors, zeros, 11);
        writeHfFolder(scratch_.path("in"), configOf(checkpoint), tensors);
        const auto report = exportModel(
            requestOf(opened(scratch_.path("in")), "stored", format, scratch_.path("out")), silent);
        if (!report) qFatal("%s", report.error().message.c_str());
        if (report->verification.maxUnroundedDifference != 0.0) qFatal("logits differ");
        return scratch_.path("out");
    }
    static std::string difference(const TinyLinear& a, const TinyLinear& b, int shift) {
        if (a.codes.size() != b.codes.size()) return "sizes";
        for (std::size_t at = 0; at < a.codes.size(); ++at)
            if (a.codes[at] != b.codes[at] + shift) return "code " + std::to_string(at);
        for (std::size_t at = 0; at < a.weights.size(); ++at)
            if (a.weights[at] != b.weights[at]) return "weight " + std::to_string(at);
        return {};
    }

  private slots:
    void awqToCompressed() {
        for (const char* spec : {"rtn:4:g32", "rtn:4:row"}) {
            const auto checkpoint = QuantizedCheckpoint::make(StoredFormat::AwqGemm, *QuantSpec::parse(spec));
            const auto out = readTiny(converted(checkpoint, true, ExportFormat::CompressedTensors));
            const auto in = readTiny(scratch_.path("in"));
            for (const std::string& stem : stems())
                QCOMPARE(difference(decodeAwq(in, stem), decodeCompressed(out, stem), 8), std::string());
        }
    }

    void gptqToCompressed_data() {
        QTest::addColumn<int>("bits");
        QTest::addColumn<bool>("two");
        QTest::addColumn<bool>("actOrder");
        for (const int bits : {2, 3, 4, 8})
            for (const bool two : {false, true})
                for (const bool actOrder : {false, true})
                    QTest::addRow("%d bits, version %d%s", bits, two ? 2 : 1, actOrder ? ", act-order" : "")
                        << bits << two << actOrder;
    }
    void gptqToCompressed() {
        QFETCH(int, bits);
        QFETCH(bool, two);
        QFETCH(bool, actOrder);
        // Version 1 with any zero points is not defined (-1): its symmetric ones stay.
        auto checkpoint =
            QuantizedCheckpoint::make(StoredFormat::Gptq, *QuantSpec::parse("rtn:" + std::to_string(bits)
                                                                            + ":g32" + (two ? "" : ":sym")));
        checkpoint.zeros = two ? GptqZeros::V2 : GptqZeros::V1;
        checkpoint.actOrder = actOrder;
        const auto out = readTiny(converted(checkpoint, two, ExportFormat::CompressedTensors));
        const auto in = readTiny(scratch_.path("in"));
        for (const std::string& stem : stems()) {
            QCOMPARE(difference(decodeGptq(in, stem, two), decodeCompressed(out, stem), 1 << (bits - 1)),
                     std::string());
            QCOMPARE(out.has(stem + ".weight_g_idx"), actOrder);
        }
    }

    void bytesToOthers() {
        auto checkpoint =
            QuantizedCheckpoint::make(StoredFormat::CompressedInt, *QuantSpec::parse("rtn:8:g32"));
        auto out = readTiny(converted(checkpoint, true, ExportFormat::CompressedTensors));
        auto in = readTiny(scratch_.path("in"));
        for (const std::string& stem : stems())
            QCOMPARE(difference(decodeInt8(in, stem), decodeCompressed(out, stem), 0), std::string());
        out = readTiny(converted(checkpoint, true, ExportFormat::GptqV2));
        in = readTiny(scratch_.path("in"));
        for (const std::string& stem : stems())
            QCOMPARE(difference(decodeGptq(out, stem, true), decodeInt8(in, stem), 128), std::string());
    }

    void fp8ToDense() {
        RandomModelOptions options;
        options.dtype = "BF16";
        options.extraConfigJson =
            R"("quantization_config": {"quant_method": "fp8", "weight_block_size": [20, 12]})";
        Fp8Layout layout;
        layout.blockRows = 20;
        layout.blockCols = 12;
        layout.scaleName = "weight_scale_inv";
        writeHfFolder(scratch_.path("fp8"), randomModelConfig(options),
                      fp8Tensors(randomModelTensors(options, 3), layout));
        auto request =
            requestOf(opened(scratch_.path("fp8")), "stored", ExportFormat::Hf, scratch_.path("dense"));
        request.dtype = DType::F32;
        QROAR_EXPORTED(exportModel(request, silent));
        const auto in = readTiny(scratch_.path("fp8")), out = readTiny(scratch_.path("dense"));
        QVERIFY(!out.config.contains("quantization_config"));
        for (const std::string& stem : stems()) {
            const auto wanted = decodeFp8(in, stem, 20, 12), found = out.floats(stem + ".weight");
            for (std::size_t at = 0; at < found.size(); ++at)
                QCOMPARE(found[at], static_cast<double>(static_cast<float>(wanted[at])));
        }
        request.format = ExportFormat::CompressedTensors;
        request.target = scratch_.path("no");
        request.dtype.reset();
        QROAR_REFUSED(exportModel(request, silent), "not quantized");
    }

    // llama2.c
    // --------------------------------------------------------------------------------------------------------------

    void llama2cOut_data() {
        QTest::addColumn<bool>("tied");
        QTest::newRow("tied") << true;
        QTest::newRow("separate head") << false;
    }
    /// The file of a model is, byte for byte but for the tables that nobody reads, what a second writer
    /// makes.
    void llama2cOut() {
        QFETCH(bool, tied);
        RandomModelOptions options;
        options.tied = tied;
        options.maxPositions = 20;
        std::filesystem::remove_all(scratch_.path("hf"));
        writeHfFolder(scratch_.path("hf"), randomModelConfig(options), randomModelTensors(options, 5));
        writeLlama2c(scratch_.path("second.bin"), options);
        auto request =
            requestOf(opened(scratch_.path("hf")), "none", ExportFormat::Llama2c, scratch_.path("first.bin"));
        request.replace = true;
        const auto estimate = estimateExport(request);
        QROAR_OPENED(estimate);
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        QVERIFY(report->verification.maxLogitDifference < 1e-5); // rows of pairs are summed in another order
        std::string first = wholeFile(scratch_.path("first.bin"));
        const std::string second = wholeFile(scratch_.path("second.bin"));
        QCOMPARE(first.size(), second.size());
        QCOMPARE(estimate->bytes, first.size());
        const std::size_t tables = static_cast<std::size_t>(options.maxPositions * options.headDim) * 4;
        const std::size_t at = first.size() - tables - (tied ? 0 : std::size_t{4} * 64 * 32);
        float sine = 0; // the second table: position 3, pair 1 of 4
        std::memcpy(&sine, first.data() + at + tables / 2 + 4 * (3 * 4 + 1), 4);
        QVERIFY(std::abs(static_cast<double>(sine) - std::sin(3 * std::pow(10000.0, -0.25))) < 1e-7);
        first.replace(at, tables, std::string(tables, '\0'));
        QVERIFY(first == second);
        // And back: the same model, rows in the order of a folder again.
        auto back =
            requestOf(opened(scratch_.path("first.bin")), "none", ExportFormat::Hf, scratch_.path("back"));
        back.replace = true;
        QROAR_EXPORTED(exportModel(back, silent));
        const auto a = readTiny(scratch_.path("hf")), b = readTiny(scratch_.path("back"));
        for (const auto& [name, tensor] : a.tensors) QVERIFY2(tensor.bytes == b.at(name).bytes, name.c_str());
    }

    void llama2cWithGains() {
        RandomModelOptions options;
        makeRandomHfModel(scratch_.path("g"), options);
        const auto model = opened(scratch_.path("g"));
        auto request = requestOf(model, "rtn:4:g16", ExportFormat::Llama2c, scratch_.path("g.bin"));
        request.gains = randomGains(model->config(), 7);
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        QVERIFY(report->verification.relativeUnroundedRms < 1e-6);
        QROAR_REFUSED(exportModel(request, silent), "g.bin exists", "--force");
    }

    /// Version 2: int8 codes go into compressed-tensors as they are, rows half-split; and out dense.
    void llama2cInt8() {
        for (const bool tied : {true, false}) {
            RandomModelOptions options;
            options.tied = tied;
            const int group = 8;
            writeLlama2cInt8(scratch_.path("q.bin"), options, group);
            for (const char* name : {"ct", "f16"}) std::filesystem::remove_all(scratch_.path(name));
            const auto model = opened(scratch_.path("q.bin"));
            QCOMPARE(model->format(), std::string("llama2.c v2"));
            const auto report = exportModel(
                requestOf(model, "stored", ExportFormat::CompressedTensors, scratch_.path("ct")), silent);
            QROAR_OPENED(report);
            const auto out = readTiny(scratch_.path("ct"));
            const auto plain = randomModelTensors(options, 5); // the rows of a folder: groups lie in rows
            for (const StoredTensor& tensor : plain) {
                const std::string stem = tensor.name.substr(0, tensor.name.size() - 7);
                if (tensor.name.find("_proj") == std::string::npos) continue;
                const TinyLinear linear = decodeCompressed(out, stem);
                std::vector<float> values(tensor.bytes.size() / 4);
                std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
                for (std::size_t at = 0; at < values.size(); ++at) {
                    const std::size_t first = at / group * group;
                    float most = 0;
                    for (std::size_t one = first; one < first + group; ++one)
                        most = std::max(most, std::abs(values[one]));
                    QCOMPARE(linear.codes[at], static_cast<int>(std::lrint(values[at] / (most / 127))));
                    QCOMPARE(linear.scales[at / group], static_cast<double>(most / 127));
                }
            }
            auto dense = requestOf(model, "stored", ExportFormat::Hf, scratch_.path("f16"));
            dense.dtype = DType::F16;
            QROAR_EXPORTED(exportModel(dense, silent));
            auto legacy = requestOf(model, "stored", ExportFormat::Llama2c, scratch_.path("v0.bin"));
            legacy.replace = true;
            QROAR_EXPORTED(exportModel(legacy, silent));
        }
    }

    void llama2cRefusals() {
        const auto declined = [&](const RandomModelOptions& options, const char* words,
                                  const char* rope = nullptr) {
            std::filesystem::remove_all(scratch_.path("r"));
            makeRandomHfModel(scratch_.path("r"), options);
            auto request =
                requestOf(opened(scratch_.path("r")), "none", ExportFormat::Llama2c, scratch_.path("r.bin"));
            if (rope) request.rope = ropeOf(rope);
            QROAR_REFUSED(estimateExport(request), words);
            QROAR_REFUSED(exportModel(request, silent), words);
        };
        const RandomModelOptions plain;
        declined(plain, "RoPE scaling (yarn:4)", "yarn:4");
        RandomModelOptions options;
        options.ropeTheta = 5e5;
        declined(options, "RoPE base 5e+05");
        options = plain;
        options.rmsEps = 1e-6;
        declined(options, "epsilon");
        options = plain;
        options.attentionBias = true;
        declined(options, "biases");
        options = plain;
        options.hidden = 40;
        declined(options, "heads that are not as wide");
        options = plain;
        options.partialRotaryFactor = 0.5;
        declined(options, "dims without RoPE");
        options = plain;
        options.architecture = "Qwen3ForCausalLM";
        declined(options, "norms of queries and keys");
        options = plain;
        options.architecture = "MistralForCausalLM";
        options.slidingWindow = 16;
        declined(options, "layers with a window");
        std::filesystem::remove_all(scratch_.path("r"));
        makeRandomHfModel(scratch_.path("r"), plain);
        auto request =
            requestOf(opened(scratch_.path("r")), "none", ExportFormat::Llama2c, scratch_.path("r"));
        QROAR_REFUSED(exportModel(request, silent), "ends in .bin");
        request.target = scratch_.path("r.bin");
        request.dtype = DType::F16;
        QROAR_REFUSED(exportModel(request, silent), "F32");
    }
};

QTEST_APPLESS_MAIN(TestRoundTrips)
#include "test_round_trips.moc"
