// Packed exports (AWQ GEMM, GPTQ 1 and 2, compressed-tensors) decoded bit by bit by a decoder of the tests'
// own and compared with a second quantizer (naive_rtn); codes never change, scales are the nearest numbers.
#include "tests/core/exporting/exporting_test.h"
#include "tests/support/naive_rtn.h"
#include "tests/support/quantized_checkpoint.h"

using namespace qroar;
using namespace qroar::test;

namespace {

/// Sizes that every format can store.
RandomModelOptions packable() {
    RandomModelOptions options = ofSize(64, 16, 96);
    options.attentionBias = true;
    options.tied = false;
    return options;
}

TinyLinear decode(const TinyCheckpoint& checkpoint, ExportFormat format, const std::string& stem) {
    if (format == ExportFormat::Awq) return decodeAwq(checkpoint, stem);
    if (format == ExportFormat::CompressedTensors) return decodeCompressed(checkpoint, stem);
    return decodeGptq(checkpoint, stem, format == ExportFormat::GptqV2);
}

/// Stems of all projections: "model.layers.0.self_attn.q_proj", ...
std::vector<std::string> stemsOf(const TinyCheckpoint& dense) {
    std::vector<std::string> stems;
    for (const auto& [name, tensor] : dense.tensors)
        if (name.size() > 12 && name.compare(name.size() - 12, 12, "_proj.weight") == 0)
            stems.push_back(name.substr(0, name.size() - 7));
    return stems;
}

double gainOf(const QkGains& gains, const ModelConfig& config, const std::string& stem, long long row) {
    const bool query = stem.find("q_proj") != std::string::npos,
               key = stem.find("k_proj") != std::string::npos;
    if (!query && !key) return 1;
    return rowGain(gains, config, query, std::stoi(stem.substr(13)), static_cast<int>(row));
}

} // namespace

Q_DECLARE_METATYPE(qroar::ExportFormat)

class TestExportPacked : public QObject {
    Q_OBJECT
  private slots:
    void codesAreTheQuantizersAndScalesCarryTheGains_data() {
        QTest::addColumn<ExportFormat>("format");
        QTest::addColumn<std::string>("quant");
        const auto row = [](const char* name, ExportFormat format, const char* quant) {
            QTest::newRow(name) << format << std::string(quant);
        };
        row("awq", ExportFormat::Awq, "rtn:4:g32");
        row("awq, symmetric", ExportFormat::Awq, "rtn:4:g16:sym");
        row("awq, rows", ExportFormat::Awq, "rtn:4:row");
        row("gptq", ExportFormat::Gptq, "rtn:4:g32:sym");
        row("gptq, 8 bits", ExportFormat::Gptq, "rtn:8:g32:sym");
        row("gptq, 3 bits, rows", ExportFormat::Gptq, "rtn:3:row:sym");
        row("gptq, asymmetric", ExportFormat::Gptq, "rtn:4:g32");
        row("gptq-v2, 2 bits", ExportFormat::GptqV2, "rtn:2:g16");
        row("compressed", ExportFormat::CompressedTensors, "rtn:4:g32");
        row("compressed, symmetric rows", ExportFormat::CompressedTensors, "rtn:4:row:sym");
        row("compressed, 5 bits", ExportFormat::CompressedTensors, "rtn:5:g32");
        row("compressed, 8 bits", ExportFormat::CompressedTensors, "rtn:8:g16:sym");
    }
    void codesAreTheQuantizersAndScalesCarryTheGains() {
        QFETCH(ExportFormat, format);
        QFETCH(std::string, quant);
        const Scratch scratch;
        makeRandomHfModel(scratch.path("model"), packable(), 11);
        const auto model = opened(scratch.path("model"));
        auto request = requestOf(model, quant, format, scratch.path("out"));
        request.gains = randomGains(model->config(), 5);
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);

        const TinyCheckpoint before = readTiny(scratch.path("model")), after = readTiny(scratch.path("out"));
        const QuantSpec& spec = request.weights->spec();
        for (const std::string& stem : stemsOf(before)) {
            const auto& shape = before.at(stem + ".weight").shape;
            const auto weights = before.floats(stem + ".weight");
            const auto wanted =
                naive::quantize({weights.begin(), weights.end()}, static_cast<int>(shape[0]),
                                static_cast<int>(shape[1]), spec.bits, spec.groupSize, spec.symmetric);
            const TinyLinear found = decode(after, format, stem);
            QCOMPARE(found.out, shape[0]);
            QCOMPARE(found.in, shape[1]);
            // Signed here, unsigned there: only distances from the zero point can be compared.
            for (long long row = 0; row < found.out; ++row) {
                const double gain = static_cast<double>(
                    static_cast<float>(gainOf(request.gains, model->config(), stem, row)));
                for (long long input = 0; input < found.in; ++input) {
                    const auto at = static_cast<std::size_t>(row * found.in + input);
                    const auto group = static_cast<std::size_t>(
                        row * found.groups + (spec.groupSize > 0 ? input / spec.groupSize : 0));
                    QCOMPARE(found.codes[at] - found.zeros[group], wanted.codes[at] - wanted.zeros[group]);
                    QCOMPARE(found.scales[group], naive::nearestF16(wanted.scales[group] * gain));
                }
            }
            if (before.has(stem + ".bias")) {
                const auto from = before.floats(stem + ".bias"), to = after.floats(stem + ".bias");
                for (std::size_t row = 0; row < from.size(); ++row) {
                    const double exact =
                        from[row] * gainOf(request.gains, model->config(), stem, static_cast<long long>(row));
                    QVERIFY(std::abs(to[row] - exact) <= std::abs(exact) * 0x1p-11 * 1.01 + 0x1p-25);
                }
            }
            QVERIFY(!after.has(stem + ".weight"));
        }
        for (const char* name : {"model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"})
            QCOMPARE(after.at(name).dtype, std::string("F16"));
        QCOMPARE(report->verification.codesChanged.value_or(-1), 0LL);
        QCOMPARE(report->verification.scalesChanged, 0LL);
        QCOMPARE(report->verification.maxLogitDifference, 0.0);
        QVERIFY(report->verification.maxUnroundedDifference > 0); // F16 scales do round
        QVERIFY(report->rounding.scaled.maxRelative > 0 && report->rounding.scaled.maxRelative <= 0x1p-11);
        QVERIFY(report->rounding.scaled.inexact > 0);
        QCOMPARE(after.config["torch_dtype"].get<std::string>(), std::string("float16"));
    }

    void configsAsTheFormatsHaveThem() {
        const Scratch scratch;
        makeRandomHfModel(scratch.path("model"), packable());
        const auto model = opened(scratch.path("model"));
        const auto config = [&](ExportFormat format, const char* quant) {
            const auto target = scratch.path(std::string(exportFormatName(format)) + quant);
            const auto done = exportModel(requestOf(model, quant, format, target), silent);
            if (!done) qFatal("%s", done.error().message.c_str());
            return readTiny(target).config["quantization_config"];
        };
        using Json = nlohmann::json;
        const Json awq = config(ExportFormat::Awq, "rtn:4:g32");
        QVERIFY(awq == Json::parse(R"({"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": true,
                                       "version": "gemm", "modules_to_not_convert": null})"));
        Json gptq = config(ExportFormat::Gptq, "rtn:4:row:sym");
        QCOMPARE(gptq["group_size"].get<int>(), -1);
        QVERIFY(gptq["sym"] == true && gptq["desc_act"] == false && gptq["checkpoint_format"] == "gptq");
        QVERIFY(gptq["quant_method"] == "gptq" && gptq["bits"] == 4 && gptq["lm_head"] == false);
        QCOMPARE(gptq["meta"]["quantizer"][0].get<std::string>().substr(0, 6), std::string("qroar:"));
        QVERIFY(gptq == Json::parse(wholeFile(scratch.path("gptqrtn:4:row:sym") / "quantize_config.json")));
        gptq = config(ExportFormat::GptqV2, "rtn:4:g32");
        QVERIFY(gptq["checkpoint_format"] == "gptq_v2" && gptq["sym"] == false);
        const Json compressed = config(ExportFormat::CompressedTensors, "rtn:4:g32");
        QVERIFY(compressed["quant_method"] == "compressed-tensors"
                && compressed["format"] == "pack-quantized");
        QVERIFY(compressed["ignore"] == Json::array({"lm_head"}));
        const Json weights = compressed["config_groups"]["group_0"]["weights"];
        QVERIFY(weights["num_bits"] == 4 && weights["strategy"] == "group" && weights["group_size"] == 32);
        QVERIFY(weights["symmetric"] == false && weights["type"] == "int" && weights["actorder"].is_null());
        QVERIFY(config(ExportFormat::CompressedTensors,
                       "rtn:4:row:sym")["config_groups"]["group_0"]["weights"]["strategy"]
                == "channel");
    }

    void twinsDequantizeIdentically() {
        const Scratch scratch;
        makeRandomHfModel(scratch.path("model"), packable());
        const auto model = opened(scratch.path("model"));
        std::vector<TinyCheckpoint> twins;
        const std::vector<ExportFormat> formats{ExportFormat::Awq, ExportFormat::GptqV2,
                                                ExportFormat::CompressedTensors};
        for (const ExportFormat format : formats) {
            auto request = requestOf(model, "rtn:4:g32", format, scratch.path(exportFormatName(format)));
            request.gains = randomGains(model->config(), 21);
            QROAR_EXPORTED(exportModel(request, silent));
            twins.push_back(readTiny(request.target));
        }
        for (const std::string& stem : stemsOf(readTiny(scratch.path("model")))) {
            const auto first = decode(twins[0], formats[0], stem).weights;
            for (std::size_t twin = 1; twin < twins.size(); ++twin)
                QVERIFY2(decode(twins[twin], formats[twin], stem).weights == first, stem.c_str());
        }
    }

    void exportsWithoutGainsAreByteIdentical() {
        const Scratch scratch;
        makeRandomHfModel(scratch.path("model"), packable());
        const auto model = opened(scratch.path("model"));
        for (const ExportFormat format :
             {ExportFormat::Awq, ExportFormat::GptqV2, ExportFormat::CompressedTensors}) {
            auto request = requestOf(model, "rtn:4:g32", format,
                                     scratch.path(std::string("a-") + exportFormatName(format)));
            QROAR_EXPORTED(exportModel(request, silent));
            const auto first = filesOf(request.target);
            request.target = scratch.path(std::string("b-") + exportFormatName(format));
            request.gains = QkGains::ones(model->config());
            request.scalesName = "x";
            QROAR_EXPORTED(exportModel(request, silent));
            QVERIFY(first == filesOf(request.target));
        }
    }

    void powersOfTwoFoldExactly() {
        const Scratch scratch;
        makeRandomHfModel(scratch.path("model"), packable());
        const auto model = opened(scratch.path("model"));
        auto request = requestOf(model, "rtn:4:g32", ExportFormat::Awq, scratch.path("out"));
        request.gains = randomGains(model->config(), 6, 3.0);
        request.snapToPowersOfTwo = true;
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        QCOMPARE(report->rounding.scaled.inexact, 0LL);
        QVERIFY(report->largestSnap > 1.2 && report->largestSnap <= std::sqrt(2.0) + 1e-12);
    }

    void shortGroupsAndOddSizesInCompressedTensors() {
        const Scratch scratch;
        RandomModelOptions options; // intermediate 48, hidden 32: groups of 20 do not fit
        options.intermediate = 44;
        makeRandomHfModel(scratch.path("model"), options);
        const auto model = opened(scratch.path("model"));
        const auto report = exportModel(
            requestOf(model, "rtn:3:g20", ExportFormat::CompressedTensors, scratch.path("out")), silent);
        QROAR_OPENED(report);
        QCOMPARE(report->verification.maxLogitDifference, 0.0);
        const auto said = [&](const char* text) {
            return std::any_of(report->notes.begin(), report->notes.end(), [text](const std::string& note) {
                return note.find(text) != std::string::npos;
            });
        };
        QVERIFY(said("is shorter") && said("many loaders read 4 and 8 only"));
        QROAR_REFUSED(
            exportModel(requestOf(model, "rtn:4:g20", ExportFormat::Awq, scratch.path("no")), silent),
            "AWQ GEMM needs whole groups of 20 inputs: self_attn.q_proj has 32, ");
        QROAR_REFUSED(
            exportModel(requestOf(model, "rtn:3:g16", ExportFormat::Gptq, scratch.path("no")), silent),
            "GPTQ with 3 bits", "multiples of 32: ", "k_proj has 16 x 32");
        QVERIFY(!std::filesystem::exists(scratch.path("no")));
    }

    void bf16ScalesAreSaid() {
        const Scratch scratch;
        RandomModelOptions options = packable();
        options.dtype = "BF16";
        makeRandomHfModel(scratch.path("model"), options);
        auto request = requestOf(opened(scratch.path("model")), "rtn:4:g32", ExportFormat::CompressedTensors,
                                 scratch.path("out"));
        request.gains = randomGains(request.model->config(), 3);
        request.dtype = DType::BF16;
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        QVERIFY(report->rounding.scaled.maxRelative > 0x1p-10
                && report->rounding.scaled.maxRelative <= 0x1p-8);
        QVERIFY(std::any_of(report->notes.begin(), report->notes.end(), [](const std::string& note) {
            return note.find("BF16 scales") != std::string::npos;
        }));
        const auto after = readTiny(scratch.path("out"));
        QCOMPARE(after.at("model.layers.0.self_attn.q_proj.weight_scale").dtype, std::string("BF16"));
        QCOMPARE(after.config["torch_dtype"].get<std::string>(), std::string("bfloat16"));
        request.target = scratch.path("f32");
        request.dtype = DType::F32;
        const auto exact = exportModel(request, silent);
        QROAR_OPENED(exact);
        QVERIFY(exact->rounding.scaled.maxRelative <= 0x1p-24);
    }

    void zeroPointsOfZeroInGptqVersionOne() {
        const Scratch scratch;
        // A row of positive weights only has zero point 0.
        auto tensors = randomModelTensors(packable(), 1);
        for (StoredTensor& tensor : tensors)
            if (tensor.name == "model.layers.1.mlp.up_proj.weight")
                tensor = makeTensor(tensor.name, tensor.shape, std::vector<float>(96 * 64, 0.5F));
        writeHfFolder(scratch.path("model"), randomModelConfig(packable()), tensors);
        const auto model = opened(scratch.path("model"));
        const auto request = requestOf(model, "rtn:4:g32", ExportFormat::Gptq, scratch.path("out"));
        QROAR_REFUSED(estimateExport(request), "192 zero points are 0",
                      "gptq-v2"); // before anything is written
        QROAR_REFUSED(exportModel(request, silent), "192 zero points are 0", "gptq-v2");
        QCOMPARE(namesIn(scratch.path()), (std::set<std::string>{"model"}));
        QROAR_EXPORTED(
            exportModel(requestOf(model, "rtn:4:g32", ExportFormat::GptqV2, scratch.path("out")), silent));
    }

    void storedCodesBecomeAnotherFormat_data() {
        QTest::addColumn<int>("source");
        QTest::addColumn<ExportFormat>("format");
        for (const int source : {0, 1, 2})
            for (const ExportFormat format :
                 {ExportFormat::Awq, ExportFormat::Gptq, ExportFormat::CompressedTensors})
                QTest::newRow((std::to_string(source) + exportFormatName(format)).c_str())
                    << source << format;
    }
    void storedCodesBecomeAnotherFormat() {
        QFETCH(int, source);
        QFETCH(ExportFormat, format);
        const Scratch scratch;
        auto checkpoint =
            QuantizedCheckpoint::make(static_cast<StoredFormat>(source), *QuantSpec::parse("rtn:4:g32:sym"));
        checkpoint.model.attentionBias = true;
        checkpoint.model.dtype = "F16";
        writeQuantizedModel(scratch.path("model"), checkpoint);
        const auto model = opened(scratch.path("model"));
        auto request = requestOf(model, "stored", format, scratch.path("out"));
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        QCOMPARE(report->verification.maxUnroundedDifference, 0.0); // nothing rounds: nothing differs
        QCOMPARE(report->rounding.scaled.inexact, 0LL);
        request.format = ExportFormat::Hf;
        request.dtype = DType::F32;
        request.gains = randomGains(model->config(), 1);
        request.target = scratch.path("dense");
        QROAR_EXPORTED(exportModel(request, silent));
        QVERIFY(!readTiny(scratch.path("dense")).config.contains("quantization_config"));
        QVERIFY(!opened(scratch.path("dense"))->isQuantized());
    }

    void actOrderSurvivesWhereItCan() {
        const Scratch scratch;
        auto checkpoint = QuantizedCheckpoint::make(StoredFormat::Gptq, *QuantSpec::parse("rtn:4:g32:sym"));
        checkpoint.actOrder = true;
        writeQuantizedModel(scratch.path("model"), checkpoint);
        const auto model = opened(scratch.path("model"));
        auto request =
            requestOf(model, "stored", ExportFormat::CompressedTensors, scratch.path("compressed"));
        request.gains = randomGains(model->config(), 1);
        QROAR_EXPORTED(exportModel(request, silent));
        const auto compressed = readTiny(scratch.path("compressed"));
        QVERIFY(compressed.config["quantization_config"]["config_groups"]["group_0"]["weights"]["actorder"]
                == "group");
        request.format = ExportFormat::Gptq;
        request.target = scratch.path("gptq");
        QROAR_EXPORTED(exportModel(request, silent));
        const auto gptq = readTiny(scratch.path("gptq"));
        QVERIFY(gptq.config["quantization_config"]["desc_act"] == true);
        const std::string stem = "model.layers.0.self_attn.k_proj";
        QVERIFY(decodeCompressed(compressed, stem).weights == decodeGptq(gptq, stem, false).weights);
        request.format = ExportFormat::Awq;
        request.target = scratch.path("awq");
        QROAR_REFUSED(exportModel(request, silent), "AWQ GEMM cannot store act-order");
    }

    void mixturesAreRefusedWithTheirReason() {
        const Scratch scratch;
        auto checkpoint = QuantizedCheckpoint::make(StoredFormat::Gptq, *QuantSpec::parse("rtn:4:g32:sym"));
        checkpoint.dense = {"layers.1.mlp.down_proj"};
        writeQuantizedModel(scratch.path("model"), checkpoint);
        const auto model = opened(scratch.path("model"));
        QROAR_REFUSED(exportModel(requestOf(model, "stored", ExportFormat::Awq, scratch.path("out")), silent),
                      "model.layers.1.mlp.down_proj is not quantized", "--patch");
        QROAR_EXPORTED(
            exportModel(requestOf(model, "stored", ExportFormat::Hf, scratch.path("out")), silent));
    }

    void requestsThatMakeNoSense() {
        const Scratch scratch;
        makeRandomHfModel(scratch.path("model"), packable());
        const auto model = opened(scratch.path("model"));
        QROAR_REFUSED(exportModel(requestOf(model, "none", ExportFormat::Awq, scratch.path("out")), silent),
                      "full-precision weights have no codes", "--quant");
        QROAR_REFUSED(
            exportModel(requestOf(model, "rtn:3:g32", ExportFormat::Awq, scratch.path("out")), silent),
            "AWQ GEMM stores 4 bits, the codes have 3");
        QROAR_REFUSED(
            exportModel(requestOf(model, "rtn:5:g32", ExportFormat::Gptq, scratch.path("out")), silent),
            "GPTQ stores 2, 3, 4 or 8 bits");
        auto request = requestOf(model, "rtn:4:g32", ExportFormat::Awq, scratch.path("out"));
        request.dtype = DType::BF16;
        QROAR_REFUSED(exportModel(request, silent), "awq is stored in F16", "BF16");
        QVERIFY(parseExportFormat("gguf").ok() && *parseExportFormat("gguf") == ExportFormat::Gguf);
        QROAR_REFUSED(parseExportFormat("zip"), "'zip'", "compressed-tensors");
        // scales that F16 cannot hold
        request.dtype.reset();
        request.gains = QkGains::ones(model->config());
        request.gains.queryGains(1, 2)[3] = 1e7;
        QROAR_REFUSED(exportModel(request, silent), "layer 1 q_proj scales", "F16");
        QCOMPARE(namesIn(scratch.path()), (std::set<std::string>{"model"}));
    }

    void cancellingScalesAreSaid() {
        const Scratch scratch;
        makeRandomHfModel(scratch.path("model"), packable());
        auto request =
            requestOf(opened(scratch.path("model")), "rtn:4:g32", ExportFormat::Awq, scratch.path("out"));
        request.gains = QkGains::ones(request.model->config());
        for (double& gain : request.gains.q) gain = 2;
        for (double& gain : request.gains.k) gain = 0.5;
        const auto estimate = estimateExport(request);
        QROAR_OPENED(estimate);
        QVERIFY(estimate->notes.front().find("gQ gK = 1 everywhere") != std::string::npos);
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        std::uint64_t bytes = 0;
        for (const ExportedFile& file : report->files) bytes += file.bytes;
        QCOMPARE(bytes, estimate->bytes);
    }
};

QTEST_APPLESS_MAIN(TestExportPacked)
#include "test_export_packed.moc"
