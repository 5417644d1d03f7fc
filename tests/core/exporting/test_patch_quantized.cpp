// Patches of layouts whose scales lie together with those of other projections (fused layers), beside FP8
// codes, or beside signed bytes: no byte changes outside the listed ranges, no tensor but those that carry
// scales of q and k, and every changed number is the old one times its gain, rounded once.
#include "tests/core/exporting/exporting_test.h"
#include "tests/support/family_fixtures.h"
#include "tests/support/fp8_checkpoint.h"
#include "tests/support/quantized_checkpoint.h"

#include <nlohmann/json.hpp>

using namespace qroar;
using namespace qroar::test;

namespace {

struct Source {
    const char* name;
    bool fused;
    int format; ///< of StoredFormat; -1: FP8
    int blockCols = 0;
    const char* scaleType = "F16";
};
const Source sources[] = {
    {"int-quantized", false, static_cast<int>(StoredFormat::CompressedInt)},
    {"int-quantized BF16", false, static_cast<int>(StoredFormat::CompressedInt), 0, "BF16"},
    {"FP8 rows", false, -1, 0, "F32"},
    {"FP8 rows BF16", false, -1, 0, "BF16"},
    {"FP8 groups", false, -1, 8, "F32"},
    {"fused AWQ", true, static_cast<int>(StoredFormat::AwqGemm)},
    {"fused GPTQ", true, static_cast<int>(StoredFormat::Gptq)},
    {"fused packed", true, static_cast<int>(StoredFormat::CompressedPack)},
    {"fused int-quantized", true, static_cast<int>(StoredFormat::CompressedInt)},
    {"fused FP8 rows", true, -1, 0, "F32"}};

void write(const std::filesystem::path& folder, const Source& source) {
    auto checkpoint = QuantizedCheckpoint::make(
        source.format < 0 ? StoredFormat::CompressedInt : static_cast<StoredFormat>(source.format),
        *QuantSpec::parse(source.format == static_cast<int>(StoredFormat::CompressedInt) ? "rtn:8:g16:sym"
                                                                                         : "rtn:4:g16:sym"));
    checkpoint.scaleType = source.scaleType;
    checkpoint.model.dtype = source.scaleType;
    nlohmann::json config = source.fused ? familyFixture("phi3").config
                                         : nlohmann::json::parse(randomModelConfig(checkpoint.model));
    if (source.fused) config["intermediate_size"] = 48;
    const auto dense =
        source.fused ? familyTensors(config, 4, source.scaleType) : randomModelTensors(checkpoint.model, 3);
    std::vector<StoredTensor> tensors;
    if (source.format < 0) {
        Fp8Layout layout;
        layout.blockRows = 1;
        layout.blockCols = source.blockCols;
        layout.scaleType = source.scaleType;
        tensors = fp8Tensors(dense, layout);
        config["quantization_config"] = {
            {"quant_method", "compressed-tensors"},
            {"format", "float-quantized"},
            {"config_groups", {{"group_0", {{"weights", {{"type", "float"}}}}}}}};
    } else {
        for (const StoredTensor& tensor : dense)
            if (projectionOf(tensor).empty())
                tensors.push_back(tensor);
            else
                for (StoredTensor& part : packedTensors(checkpoint, tensor))
                    tensors.push_back(std::move(part));
        config["quantization_config"] = nlohmann::json::parse(quantizationConfigOf(checkpoint));
    }
    writeHfFolder(folder, config.dump(), tensors);
}

bool isScale(const std::string& name) {
    return name.ends_with(".scales") || name.ends_with(".weight_scale");
}

} // namespace

class TestPatchQuantized : public QObject {
    Q_OBJECT
  private slots:
    void onlyScalesOfQueriesAndKeys_data() {
        QTest::addColumn<int>("source");
        for (int source = 0; source < static_cast<int>(std::size(sources)); ++source)
            QTest::newRow(sources[source].name) << source;
    }
    void onlyScalesOfQueriesAndKeys() {
        QFETCH(int, source);
        const Source& of = sources[source];
        const Scratch scratch;
        write(scratch.path("in"), of);
        const auto model = opened(scratch.path("in"));
        auto request = requestOf(model, "stored", ExportFormat::Hf, scratch.path("out"));
        request.patch = true;
        request.gains = randomGains(model->config(), 3);
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        QVERIFY2(report->verification.maxLogitDifference == 0.0,
                 std::to_string(report->verification.maxLogitDifference).c_str());

        const std::string old = wholeFile(scratch.path("in/model.safetensors")),
                          now = wholeFile(scratch.path("out/model.safetensors"));
        QCOMPARE(old.size(), now.size());
        const ExportedFile& file = tensorFileOf(*report);
        std::vector<bool> listed(old.size(), false);
        for (const auto& [from, to] : file.changed)
            std::fill(listed.begin() + static_cast<std::ptrdiff_t>(from),
                      listed.begin() + static_cast<std::ptrdiff_t>(to), true);
        for (std::size_t byte = 0; byte < old.size(); ++byte)
            QVERIFY2(old[byte] == now[byte] || listed[byte], std::to_string(byte).c_str());

        const auto a = readTiny(scratch.path("in")), b = readTiny(scratch.path("out"));
        const ModelConfig& config = model->config();
        int changed = 0;
        for (const auto& [name, tensor] : a.tensors) {
            const bool mine = name.find("q_proj") != std::string::npos
                              || name.find("k_proj") != std::string::npos
                              || name.find("qkv_proj") != std::string::npos;
            if (!isScale(name) || !mine) {
                QVERIFY2(tensor.bytes == b.at(name).bytes, name.c_str());
                continue;
            }
            ++changed;
            const int layer = std::stoi(name.substr(13));
            const bool byGroup = name.ends_with(".scales"), key = name.find("k_proj") != std::string::npos;
            const auto from = a.floats(name), to = b.floats(name);
            const auto rows = static_cast<std::size_t>(tensor.shape[byGroup ? 1 : 0]),
                       perRow = from.size() / rows;
            for (std::size_t at = 0; at < from.size(); ++at) {
                const auto row = static_cast<int>(byGroup ? at % rows : at / perRow);
                double gain = 1;
                if (!of.fused || row < config.queryDim())
                    gain = rowGain(request.gains, config, !key || of.fused, layer, row);
                else if (row < config.queryDim() + config.keyDim())
                    gain = rowGain(request.gains, config, false, layer, row - config.queryDim());
                const double exact = from[at] * gain, unit = tensor.dtype == "F32"   ? 0x1p-24
                                                             : tensor.dtype == "F16" ? 0x1p-11
                                                                                     : 0x1p-8;
                QVERIFY2(std::abs(to[at] - exact) <= unit * std::abs(exact) + 0x1p-25, name.c_str());
                if (gain == 1) QCOMPARE(to[at], from[at]);
            }
        }
        QCOMPARE(changed, of.fused ? 2 : 4);
        QCOMPARE(file.changed.size(), static_cast<std::size_t>(changed));
    }

    void sharedScalesAreRefused() {
        const Scratch scratch;
        RandomModelOptions options;
        options.extraConfigJson =
            R"("quantization_config": {"quant_method": "fp8", "weight_block_size": [16, 16]})";
        for (const int block : {0, 16}) {
            Fp8Layout layout;
            layout.blockRows = layout.blockCols = block;
            layout.scaleName = "weight_scale_inv";
            std::filesystem::remove_all(scratch.path("in"));
            writeHfFolder(scratch.path("in"), randomModelConfig(options),
                          fp8Tensors(randomModelTensors(options, 3), layout));
            const auto model = opened(scratch.path("in"));
            auto request = requestOf(model, "stored", ExportFormat::Hf, scratch.path("out"));
            request.patch = true;
            request.gains = randomGains(model->config(), 3);
            QROAR_REFUSED(exportModel(request, silent), "layer 0 q_proj",
                          block > 0 ? "blocks of 16 x 16" : "one scale", "--format hf");
            request.patch = false;
            QROAR_EXPORTED(exportModel(request, silent));
            std::filesystem::remove_all(scratch.path("out"));
        }
    }
};

QTEST_APPLESS_MAIN(TestPatchQuantized)
#include "test_patch_quantized.moc"
