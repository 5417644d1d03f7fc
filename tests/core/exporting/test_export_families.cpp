// Exports of every model family: what is written computes, by a reference that reads it on its own, what the
// source does with the gains; names, untouched bytes and family keys stay; what cannot fold is refused.
#include "core/inference/forward.h"
#include "tests/core/exporting/exporting_test.h"
#include "tests/support/gguf_families.h"
#include "tests/support/reference_family.h"

using namespace qroar;
using namespace qroar::test;

namespace {

std::vector<int> someIds(int count = 60) {
    std::vector<int> ids;
    for (int at = 0; at < count; ++at) ids.push_back((at * 37 + at * at * 5 + 3) % 64);
    return ids;
}

double worst(const std::vector<double>& a, const std::vector<double>& b) {
    double most = a.size() == b.size() ? 0 : INFINITY;
    for (std::size_t at = 0; at < std::min(a.size(), b.size()); ++at)
        most = std::max(most, std::isnan(a[at] - b[at]) ? INFINITY : std::abs(a[at] - b[at]));
    return most;
}

/// Random gains; those of all heads of a layer alike where the family can fold no others.
QkGains gainsFor(const ModelConfig& config) {
    QkGains gains = randomGains(config, 4);
    if (!config.qkNorms) return gains;
    for (int layer = 0; layer < config.layers; ++layer) {
        for (int head = 1; head < config.heads; ++head)
            std::ranges::copy(gains.queryGains(layer, 0), gains.queryGains(layer, head).begin());
        for (int head = 1; head < config.kvHeads; ++head)
            std::ranges::copy(gains.keyGains(layer, 0), gains.keyGains(layer, head).begin());
    }
    return gains;
}

/// Whether gains touch a tensor of the family.
bool carriesGains(const std::string& name, const ModelConfig& config) {
    if (config.qkNorms) return name.ends_with("q_norm.weight") || name.ends_with("k_norm.weight");
    if (config.fusedProjections) return name.find("qkv_proj") != std::string::npos;
    return name.find("q_proj") != std::string::npos || name.find("k_proj") != std::string::npos;
}

void addFixtures() {
    QTest::addColumn<std::string>("name");
    for (const FamilyFixture& fixture : familyFixtures()) QTest::newRow(fixture.name.c_str()) << fixture.name;
}

/// Loss of a folder with gains in the reference, and of another without.
double lossDifference(const std::filesystem::path& source, const QkGains& gains,
                      const std::filesystem::path& target) {
    ReferenceFamily wanted(source), found(target);
    wanted.queryGains = gains.q;
    wanted.keyGains = gains.k;
    return worst(wanted.nll(someIds()), found.nll(someIds()));
}

/// Loss of some ids in a pass of the product's.
std::vector<double> lossOf(const std::shared_ptr<const Model>& model, const QkGains& gains,
                           const RopeSpec& rope = {}) {
    const auto ids = someIds();
    const int context = static_cast<int>(ids.size());
    const auto table = buildFrequencyTable(rope, model->config().ropeModel(), context);
    ForwardPass pass(model, *table, *openWeights(model, {}), context, gains);
    const Window window{0, 0, ids};
    NllSink nll(std::span(&window, 1));
    WorkMeter meter(silent, 1e9);
    if (!pass.run(std::span(&window, 1), nullptr, nll, meter)) qFatal("the pass failed");
    return {nll.nll().front().begin(), nll.nll().front().end()};
}

} // namespace

class TestExportFamilies : public QObject {
    Q_OBJECT
  private slots:
    void exportsComputeTheGains_data() { addFixtures(); }
    void exportsComputeTheGains() {
        QFETCH(std::string, name);
        const Scratch scratch;
        writeFamily(scratch.path("model"), familyFixture(name).config);
        const auto model = opened(scratch.path("model"));
        auto request = requestOf(model, "none", ExportFormat::Hf, scratch.path("out"));
        request.gains = gainsFor(model->config());
        QROAR_EXPORTED(exportModel(request, silent));
        QVERIFY(lossDifference(scratch.path("model"), request.gains, scratch.path("out")) < 1e-5);
        QVERIFY(lossDifference(scratch.path("model"), {}, scratch.path("out")) > 1e-3);

        const auto before = readTiny(scratch.path("model")), after = readTiny(scratch.path("out"));
        QCOMPARE(after.tensors.size(), before.tensors.size());
        for (const auto& [tensor, content] : before.tensors) {
            QVERIFY2(after.has(tensor) && after.at(tensor).shape == content.shape, tensor.c_str());
            QVERIFY2((after.at(tensor).bytes == content.bytes) != carriesGains(tensor, model->config()),
                     tensor.c_str());
        }
        for (const auto& [key, value] : before.config.items())
            if (key != "rope_scaling") QVERIFY2(after.config.at(key) == value, key.c_str());
    }

    void patchesTouchNothingElse_data() { addFixtures(); }
    void patchesTouchNothingElse() {
        QFETCH(std::string, name);
        const Scratch scratch;
        writeFamily(scratch.path("model"), familyFixture(name).config);
        const auto model = opened(scratch.path("model"));
        auto request = requestOf(model, "none", ExportFormat::Hf, scratch.path("out"));
        request.patch = true;
        request.gains = gainsFor(model->config());
        QROAR_EXPORTED(exportModel(request, silent));
        QVERIFY(lossDifference(scratch.path("model"), request.gains, scratch.path("out")) < 1e-5);
        const auto before = readTiny(scratch.path("model")), after = readTiny(scratch.path("out"));
        for (const auto& [tensor, content] : before.tensors)
            QVERIFY2((after.at(tensor).bytes == content.bytes) != carriesGains(tensor, model->config()),
                     tensor.c_str());
        const int values = model->config().queryDim() + 2 * model->config().keyDim();
        if (!model->config().fusedProjections) return;
        const std::string fused = "model.layers.0.self_attn.qkv_proj.weight"; // values stay as they are
        const auto rowBytes = before.at(fused).bytes.size() / static_cast<std::size_t>(values);
        const auto firstValue = rowBytes * static_cast<std::size_t>(values - model->config().keyDim());
        QVERIFY(before.at(fused).bytes.substr(firstValue) == after.at(fused).bytes.substr(firstValue));
        QVERIFY(before.at(fused).bytes.substr(0, rowBytes) != after.at(fused).bytes.substr(0, rowBytes));
    }

    /// Norms that are stored less 1 keep every bit.
    void withoutGainsTheBytesAreTheSources_data() { addFixtures(); }
    void withoutGainsTheBytesAreTheSources() {
        QFETCH(std::string, name);
        for (const char* type : {"BF16", "F32"}) {
            const Scratch scratch;
            writeFamily(scratch.path("model"), familyFixture(name).config, 6, type);
            const auto model = opened(scratch.path("model"));
            QROAR_EXPORTED(
                exportModel(requestOf(model, "none", ExportFormat::Hf, scratch.path("out")), silent));
            const auto before = readTiny(scratch.path("model")), after = readTiny(scratch.path("out"));
            for (const auto& [tensor, content] : before.tensors)
                QVERIFY2(after.at(tensor).bytes == content.bytes, tensor.c_str());
        }
    }

    void scalingsLeaveLocalLayersAlone() {
        for (const char* name : {"gemma3", "gemma3 nested"}) {
            const Scratch scratch;
            writeFamily(scratch.path("model"), familyFixture(name).config);
            const auto model = opened(scratch.path("model"));
            auto request = requestOf(model, "none", ExportFormat::Hf, scratch.path("out"));
            request.rope = ropeOf("linear:2");
            QROAR_EXPORTED(exportModel(request, silent));
            ReferenceFamily wanted(scratch.path("model"));
            wanted.rope = ReferenceRope{ReferenceRope::Kind::Linear, 2};
            const ReferenceFamily found(scratch.path("out"));
            QVERIFY(worst(wanted.nll(someIds()), found.nll(someIds())) < 1e-6);
            QCOMPARE(opened(scratch.path("out"))->config().localTheta.value_or(0), 100.0);
        }
    }

    void gainsOfSingleHeadsDoNotFoldIntoSharedNorms() {
        for (const char* name : {"qwen3", "gemma3"})
            for (const bool patch : {true, false}) {
                const Scratch scratch;
                writeFamily(scratch.path("model"), familyFixture(name).config);
                const auto model = opened(scratch.path("model"));
                auto request = requestOf(model, "none", ExportFormat::Hf, scratch.path("out"));
                request.patch = patch;
                request.gains = gainsFor(model->config());
                request.gains.keyGains(1, 1)[2] *= 1.1;
                QROAR_REFUSED(exportModel(request, silent), "q_norm", "layer 1");
            }
    }

    void codesOfFusedProjectionsAreNotWritten() {
        const Scratch scratch;
        writeFamily(scratch.path("model"), familyFixture("phi3").config);
        const auto model = opened(scratch.path("model"));
        QROAR_REFUSED(
            exportModel(requestOf(model, "rtn:4:g8", ExportFormat::CompressedTensors, scratch.path("out")),
                        silent),
            "Phi3ForCausalLM", "fused");
    }

    void codesKeepTheNormsOfTheFamily() {
        for (const char* name : {"qwen3", "gemma2", "granite"}) {
            const Scratch scratch;
            writeFamily(scratch.path("model"), familyFixture(name).config, 5, "F16");
            const auto model = opened(scratch.path("model"));
            auto request = requestOf(model, "rtn:4:g8", ExportFormat::CompressedTensors, scratch.path("out"));
            request.gains = gainsFor(model->config());
            const auto report = exportModel(request, silent);
            QVERIFY2(report.ok(), report.ok() ? "" : report.error().message.c_str());
            QCOMPARE(report->verification.codesChanged.value_or(-1), 0LL);
        }
    }

    void qwen3AsGguf() {
        const Scratch scratch;
        writeFamily(scratch.path("model"), familyFixture("qwen3").config);
        const auto model = opened(scratch.path("model"));
        auto request = requestOf(model, "none", ExportFormat::Gguf, scratch.path("out.gguf"));
        request.ggufType = GgmlType::F32;
        request.gains = gainsFor(model->config());
        QROAR_EXPORTED(exportModel(request, silent));
        const auto file = opened(scratch.path("out.gguf"));
        QCOMPARE(file->config().architecture, std::string("Qwen3ForCausalLM"));
        auto back = requestOf(file, "none", ExportFormat::Hf, scratch.path("back"));
        QROAR_EXPORTED(exportModel(back, silent));
        QVERIFY(lossDifference(scratch.path("model"), request.gains, scratch.path("back")) < 1e-5);
    }

    /// Files that are not written anew can be patched: rows of a fused tensor, permuted rows, norms.
    void ggufFilesComputeTheGains_data() {
        QTest::addColumn<std::string>("fixture");
        QTest::addColumn<std::string>("change");
        const auto add = [](const char* fixture, const char* change) {
            QTest::newRow(fixture) << std::string(fixture) << std::string(change);
        };
        add("qwen3", "{}");
        add("smollm3", "{\"num_hidden_layers\": 5, \"no_rope_layers\": [1, 1, 1, 0, 1]}");
        add("phi3", "{\"sliding_window\": null}");
        add("phi4-mini longrope", "{\"hidden_size\": 64}");
        add("gemma2", "{\"query_pre_attn_scalar\": 16}");
        add("gemma3", "{\"query_pre_attn_scalar\": 16}");
        add("granite", "{}");
    }
    /// The reference reads the folder, our pass the file made from it.
    void ggufFilesComputeTheGains() {
        QFETCH(std::string, fixture);
        QFETCH(std::string, change);
        const Scratch scratch;
        auto config = familyFixture(fixture).config;
        config.update(nlohmann::json::parse(change));
        writeFamily(scratch.path("folder"), config);
        const auto model = opened(scratch.path("folder"));
        auto request = requestOf(model, "none", ExportFormat::Gguf, scratch.path("out.gguf"));
        request.ggufType = GgmlType::F32;
        request.gains = gainsFor(model->config());
        QROAR_EXPORTED(exportModel(request, silent));
        ReferenceFamily wanted(scratch.path("folder"));
        wanted.queryGains = request.gains.q;
        wanted.keyGains = request.gains.k;
        const auto file = opened(request.target);
        QCOMPARE(file->config().architecture, model->config().architecture);
        const auto found = lossOf(file, {}, file->config().storedRope);
        const double apart = worst(wanted.nll(someIds()), found);
        QVERIFY2(apart < 5e-5, qPrintable(QString::number(apart)));
        QVERIFY(worst(ReferenceFamily(scratch.path("folder")).nll(someIds()), found) > 1e-3);
    }

    void ggufRefusals() {
        const Scratch scratch;
        int number = 0;
        const auto refuses = [&](const char* fixture, const nlohmann::json& change, const char* why,
                                 const char* rope = "model") {
            auto config = familyFixture(fixture).config;
            config.update(change);
            const auto folder = scratch.path("f" + std::to_string(number++));
            writeFamily(folder, config);
            auto request = requestOf(opened(folder), "none", ExportFormat::Gguf, scratch.path("out.gguf"));
            request.rope = ropeOf(rope);
            QROAR_REFUSED(exportModel(request, silent), why);
        };
        const nlohmann::json same = nlohmann::json::object();
        refuses("phi3", same, "sliding window of 40");
        refuses("phi3", {{"sliding_window", 128}}, "sliding window of 128", "yarn:4"); // 512 positions
        refuses("phi4-mini longrope", same, "64 rows of queries for a width of 24");
        refuses("qwen2 windows", {{"use_sliding_window", false}}, "architecture qwen2");
        refuses("qwen3 windows and biases", {{"use_sliding_window", false}}, "biases behind attention");
        refuses("smollm3", same, "every fourth");
        refuses("gemma2", same, "query_pre_attn_scalar is 10");
        refuses("gemma2", {{"query_pre_attn_scalar", 16}, {"final_logit_softcapping", nullptr}}, "caps");
        refuses("gemma3", {{"query_pre_attn_scalar", 16}, {"attn_logit_softcapping", 1.0}},
                "attention logits");
        refuses("gemma3", {{"query_pre_attn_scalar", 16}}, "attention factor", "yarn:4:attn=1.5");
        refuses("gemma3", {{"query_pre_attn_scalar", 16}}, "frequency factors", "llama3:8:orig=64");
    }

    void patchesOfGgufFiles_data() {
        QTest::addColumn<std::string>("fixture");
        QTest::addColumn<std::string>("architecture");
        for (const auto& [fixture, architecture] :
             {std::pair("phi3", "phi3"), std::pair("gemma3", "gemma3"), std::pair("granite", "granite")})
            QTest::newRow(fixture) << std::string(fixture) << std::string(architecture);
    }
    void patchesOfGgufFiles() {
        QFETCH(std::string, fixture);
        QFETCH(std::string, architecture);
        const Scratch scratch;
        GgufPair pair = ggufPair(fixture.c_str(), architecture);
        pair.gguf.u32("gemma3.attention.sliding_window", 17);
        pair.gguf.write(scratch.path("model.gguf"));
        const auto model = opened(scratch.path("model.gguf"));
        auto request = requestOf(model, "none", ExportFormat::Gguf, scratch.path("out.gguf"));
        request.patch = true;
        request.gains = gainsFor(model->config());
        QROAR_EXPORTED(exportModel(request, silent));
        const auto patched = opened(scratch.path("out.gguf"));
        const auto wanted = lossOf(model, request.gains), found = lossOf(patched, {});
        QVERIFY(worst(wanted, found) < 1e-5);
        QVERIFY(worst(lossOf(model, {}), found) > 1e-3);
        auto folder = requestOf(model, "none", ExportFormat::Hf, scratch.path("folder"));
        QROAR_REFUSED(exportModel(folder, silent), "ForCausalLM", "--patch");
    }
};

QTEST_APPLESS_MAIN(TestExportFamilies)
#include "test_export_families.moc"
