// Patches: which bytes change, that no other does, and that they change back; then what the patched model
// computes. The byte comparison here is the test's own.
#include "core/scales/folded_gains.h"
#include "tests/core/exporting/exporting_test.h"
#include "tests/support/quantized_checkpoint.h"

using namespace qroar;
using namespace qroar::test;

namespace {

/// Model folders to patch: 0..2 quantized (AWQ, GPTQ, compressed-tensors), 3.. dense.
struct Source {
    const char* name;
    int format; ///< of StoredFormat; -1 dense
    const char* type;
    const char* scaleType = "F16";
};
const Source sources[] = {{"awq", 0, "F16"},
                          {"gptq", 1, "F16"},
                          {"compressed F16", 2, "F16"},
                          {"compressed BF16", 2, "BF16", "BF16"},
                          {"dense F32", -1, "F32"},
                          {"dense F16", -1, "F16"},
                          {"dense BF16", -1, "BF16"}};

void writeSource(const std::filesystem::path& folder, const Source& source, int shards = 1) {
    RandomModelOptions options = ofSize(64, 16, 96);
    options.attentionBias = true;
    options.dtype = source.type;
    options.shards = shards;
    if (source.format < 0) {
        makeRandomHfModel(folder, options);
        return;
    }
    auto checkpoint = QuantizedCheckpoint::make(static_cast<StoredFormat>(source.format),
                                                *QuantSpec::parse("rtn:4:g32:sym"));
    checkpoint.model = options;
    checkpoint.scaleType = source.scaleType;
    writeQuantizedModel(folder, checkpoint);
}

ExportRequest patchOf(const std::shared_ptr<const Model>& model, const std::filesystem::path& target) {
    auto request = requestOf(model, model->isQuantized() ? "stored" : "none", ExportFormat::Hf, target);
    request.patch = true;
    return request;
}

/// Whether a tensor of this name carries scales of q or k.
bool carriesScales(const std::string& name, bool quantized) {
    if (name.find("q_proj") == std::string::npos && name.find("k_proj") == std::string::npos) return false;
    const auto endsWith = [&name](const std::string& suffix) {
        return name.size() >= suffix.size()
               && name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
    };
    return endsWith(".bias")
           || (quantized ? endsWith(".scales") || endsWith(".weight_scale") : endsWith(".weight"));
}

QkGains powersOfTwo(const ModelConfig& config, bool inverse) {
    QkGains gains = snapToPowersOfTwo(randomGains(config, 13, 4.5));
    if (inverse)
        for (std::vector<double>* values : {&gains.q, &gains.k})
            for (double& gain : *values) gain = 1 / gain;
    return gains;
}

} // namespace

class TestPatch : public QObject {
    Q_OBJECT
    static void addSources() {
        QTest::addColumn<int>("source");
        for (int source = 0; source < static_cast<int>(std::size(sources)); ++source)
            QTest::newRow(sources[source].name) << source;
    }

  private slots:
    void onlyScalesAndBiasesChange_data() { addSources(); }
    void onlyScalesAndBiasesChange() {
        QFETCH(int, source);
        const Scratch scratch;
        writeSource(scratch.path("model"), sources[source]);
        writeBytes(scratch.path("model") / "tokenizer.json", "some tokenizer");
        const auto model = opened(scratch.path("model"));
        auto request = patchOf(model, scratch.path("out"));
        request.gains = randomGains(model->config(), 3);
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        QVERIFY(report->patched);

        const auto before = filesOf(scratch.path("model")), after = filesOf(scratch.path("out"));
        auto names = namesIn(scratch.path("model"));
        names.insert("qroar.json"); // and nothing else
        QCOMPARE(namesIn(scratch.path("out")), names);
        for (const auto& [name, bytes] : before)
            if (name != "model.safetensors") QVERIFY2(bytes == after.at(name), name.c_str());
        const std::string &old = before.at("model.safetensors"), &now = after.at("model.safetensors");
        QCOMPARE(old.size(), now.size());
        QVERIFY(headerOf(scratch.path("model") / "model.safetensors")
                == headerOf(scratch.path("out") / "model.safetensors"));

        const ExportedFile& file = tensorFileOf(*report);
        std::size_t position = 0;
        for (const auto& [from, to] : file.changed) {
            QVERIFY(from < to && from >= position);
            QVERIFY(old.compare(position, from - position, now, position, from - position) == 0);
            QVERIFY(old[from] != now[from] && old[to - 1] != now[to - 1]);
            position = to;
        }
        QVERIFY(old.compare(position, std::string::npos, now, position, std::string::npos) == 0);

        const auto a = readTiny(scratch.path("model")), b = readTiny(scratch.path("out"));
        std::size_t changed = 0;
        for (const auto& [name, tensor] : a.tensors) {
            const bool should = carriesScales(name, sources[source].format >= 0);
            QVERIFY2((tensor.bytes == b.at(name).bytes) == !should, name.c_str());
            changed += should;
            if (!should) continue;
            const bool query = name.find("q_proj") != std::string::npos;
            const int layer = std::stoi(name.substr(13));
            const auto from = a.floats(name), to = b.floats(name);
            const auto out = static_cast<std::size_t>(query ? 64 : 32), perRow = from.size() / out;
            const bool groupsFirst = name.find(".scales") != std::string::npos;
            for (std::size_t at = 0; at < from.size(); ++at) {
                const auto row = static_cast<int>(groupsFirst ? at % out : at / perRow);
                const double exact = from[at] * rowGain(request.gains, model->config(), query, layer, row);
                const double unit = tensor.dtype == "F32"   ? 0x1p-23
                                    : tensor.dtype == "F16" ? 0x1p-11
                                                            : 0x1p-8;
                QVERIFY2(std::abs(to[at] - exact) <= unit * std::abs(exact) + 0x1p-24, name.c_str());
            }
        }
        QCOMPARE(file.changed.size(), changed);
        QVERIFY(report->verification.maxLogitDifference == 0.0);
        QCOMPARE(report->verification.codesChanged.has_value(), sources[source].format >= 0);
        QCOMPARE(report->verification.codesChanged.value_or(0), 0LL);
    }

    void gainsOfOneChangeNothing_data() { addSources(); }
    void gainsOfOneChangeNothing() {
        QFETCH(int, source);
        const Scratch scratch;
        writeSource(scratch.path("model"), sources[source]);
        const auto model = opened(scratch.path("model"));
        auto request = patchOf(model, scratch.path("out"));
        request.gains = QkGains::ones(model->config());
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        QVERIFY(filesOf(scratch.path("model")) == filesOf(scratch.path("out")));
        for (const ExportedFile& file : report->files) QVERIFY(file.changed.empty());
        QCOMPARE(report->verification.maxUnroundedDifference, 0.0);
    }

    void powersOfTwoAndBackRestoreTheBytes_data() { addSources(); }
    void powersOfTwoAndBackRestoreTheBytes() {
        QFETCH(int, source);
        const Scratch scratch;
        writeSource(scratch.path("model"), sources[source]);
        const auto model = opened(scratch.path("model"));
        auto there = patchOf(model, scratch.path("there"));
        there.gains = powersOfTwo(model->config(), false);
        const auto report = exportModel(there, silent);
        QROAR_OPENED(report);
        QVERIFY(filesOf(scratch.path("model")) != filesOf(scratch.path("there")));
        // Dense F16 weights may be so small that they lose bits; nothing else is.
        const bool mayRound = sources[source].format < 0 && std::string(sources[source].type) == "F16";
        if (!mayRound) QCOMPARE(report->rounding.scaled.inexact, 0LL);
        if (report->rounding.scaled.inexact > 0) return;
        auto back = patchOf(opened(scratch.path("there")), scratch.path("back"));
        back.gains = powersOfTwo(model->config(), true);
        QROAR_EXPORTED(exportModel(back, silent));
        auto restored = filesOf(scratch.path("back"));
        QCOMPARE(restored.erase("qroar.json"), std::size_t{1});
        QVERIFY(filesOf(scratch.path("model")) == restored);
    }

    void shardsAndUnusedFiles() {
        const Scratch scratch;
        writeSource(scratch.path("model"), sources[0], 3);
        for (const char* name : {"pytorch_model.bin", "model.gguf", "README.md", "tokenizer.model"})
            writeBytes(scratch.path("model") / name, name);
        std::filesystem::create_directory(scratch.path("model") / "original");
        const auto model = opened(scratch.path("model"));
        auto request = patchOf(model, scratch.path("out"));
        request.gains = randomGains(model->config(), 3);
        request.rope = ropeOf("linear:2");
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        auto names = namesIn(scratch.path("model"));
        for (const char* left : {"pytorch_model.bin", "model.gguf", "original"}) names.erase(left);
        names.insert("qroar.json");
        QCOMPARE(namesIn(scratch.path("out")), names);
        QVERIFY(std::any_of(report->notes.begin(), report->notes.end(), [](const std::string& note) {
            return note.find("left behind") != std::string::npos
                   && note.find("model.gguf, original, pytorch_model.bin") != std::string::npos;
        }));
        const auto exported = opened(scratch.path("out"));
        QCOMPARE(exported->config().storedRope.kind, RopeKind::Linear);
        QVERIFY(exported->isQuantized());
        for (const ExportedFile& file : report->files)
            if (file.name == "config.json") QCOMPARE(file.changed.size(), std::size_t{1});
        QCOMPARE(report->format, std::string("awq"));
    }

    void oneHeadOneTensor() {
        const Scratch scratch;
        writeSource(scratch.path("model"), sources[1]);
        const auto model = opened(scratch.path("model"));
        auto request = patchOf(model, scratch.path("out"));
        request.gains = QkGains::ones(model->config());
        request.gains.keyGains(1, 0)[5] = 1.5;
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        for (const ExportedFile& file : report->files)
            QCOMPARE(file.changed.size(), file.name == "model.safetensors" ? std::size_t{2}
                                          : file.name == "qroar.json"      ? std::size_t{1}
                                                                           : std::size_t{0});
        const auto a = readTiny(scratch.path("model")), b = readTiny(scratch.path("out"));
        int tensors = 0;
        for (const auto& [name, tensor] : a.tensors) tensors += tensor.bytes != b.at(name).bytes;
        QCOMPARE(tensors, 2); // k_proj's scales and bias in layer 1
    }

    void aSingleFileUnderAnotherName() {
        const Scratch scratch;
        writeSource(scratch.path("model"), sources[6]);
        std::filesystem::rename(scratch.path("model/model.safetensors"),
                                scratch.path("model/best.safetensors"));
        const auto model = opened(scratch.path("model/best.safetensors"));
        auto request = patchOf(model, scratch.path("out"));
        request.gains = randomGains(model->config(), 3);
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        QCOMPARE(namesIn(scratch.path("out")),
                 (std::set<std::string>{"config.json", "model.safetensors", "qroar.json"}));
        for (const ExportedFile& file : report->files)
            QCOMPARE(file.changed.empty(), file.name == "config.json");
    }

    /// The mark names what was folded, is carried from patch to patch and into models written anew, and who
    /// folds the same gains again is told.
    void foldedGainsAreMarked() {
        const Scratch scratch;
        writeSource(scratch.path("model"), sources[0]);
        const auto model = opened(scratch.path("model"));
        QVERIFY(readFoldedMark(model->path())->empty());
        const auto saysTwice = [](const auto& report) {
            return std::any_of(report->notes.begin(), report->notes.end(), [](const std::string& note) {
                return note.find("act twice") != std::string::npos;
            });
        };
        auto request = patchOf(model, scratch.path("once"));
        request.gains = randomGains(model->config(), 3);
        request.scalesName = "g \"one\"";
        request.snapToPowersOfTwo = true;
        const auto first = exportModel(request, silent);
        QROAR_OPENED(first);
        QVERIFY(!saysTwice(first));
        const FoldedGains expected{"g \"one\"", gainsFingerprint(request.gains),
                                   gainsFingerprint(snapToPowersOfTwo(request.gains)), model->fingerprint()};
        QVERIFY(*readFoldedMark(scratch.path("once")) == std::vector<FoldedGains>{expected});
        QVERIFY(*readFoldedMark(scratch.path("once") / "model.safetensors")
                == std::vector<FoldedGains>{expected});

        const auto once = opened(scratch.path("once"));
        QVERIFY(foldedWarning(once->path(), request.gains).find("twice") != std::string::npos);
        QVERIFY(foldedWarning(once->path(), snapToPowersOfTwo(request.gains)).find("twice")
                != std::string::npos);
        QVERIFY(foldedWarning(once->path(), {}).find("g \"one\"") != std::string::npos);
        auto again = patchOf(once, scratch.path("twice"));
        again.gains = request.gains;
        const auto second = exportModel(again, silent);
        QROAR_OPENED(second);
        QVERIFY(saysTwice(second));
        QCOMPARE(readFoldedMark(scratch.path("twice"))->size(), std::size_t{2});

        again.gains = randomGains(model->config(), 4); // others come on top: nothing to warn of
        again.target = scratch.path("other");
        again.patch = false;
        again.format = ExportFormat::Awq;
        const auto other = exportModel(again, silent);
        QROAR_OPENED(other);
        QVERIFY(!saysTwice(other));
        const auto sets = readFoldedMark(scratch.path("other"));
        QCOMPARE(sets->size(), std::size_t{2});
        QVERIFY(sets->front() == expected && sets->back().gains == gainsFingerprint(again.gains));
        const auto header = headerOf(scratch.path("other") / "model.safetensors");
        QVERIFY(header.find(sets->back().gains) != std::string::npos);

        for (const char* damaged : {"", "[]", "{}", R"({"folded_gains": 3})", R"({"folded_gains": [{}]})"}) {
            writeBytes(scratch.path("once") / "qroar.json", damaged);
            QROAR_REFUSED(exportModel(again, silent), "qroar.json");
            QVERIFY(foldedWarning(once->path(), again.gains).find("not known") != std::string::npos);
        }
    }

    /// What is said of BF16 scales is something that the patch at hand can do.
    void roundingOfBf16ScalesIsSaid() {
        const Scratch scratch;
        writeSource(scratch.path("model"), sources[3]);
        const auto model = opened(scratch.path("model"));
        auto request = patchOf(model, scratch.path("out"));
        request.gains = randomGains(model->config(), 3);
        const auto says = [](const auto& estimate, const char* words) {
            return std::any_of(
                estimate->notes.begin(), estimate->notes.end(),
                [words](const std::string& note) { return note.find(words) != std::string::npos; });
        };
        const auto rounded = estimateExport(request);
        QROAR_OPENED(rounded);
        QVERIFY(says(rounded, "writing the model anew"));
        request.snapToPowersOfTwo = true;
        const auto snapped = estimateExport(request);
        QROAR_OPENED(snapped);
        QVERIFY(!says(snapped, "BF16 scales"));
    }

    void whatCannotBePatched() {
        const Scratch scratch;
        writeSource(scratch.path("dense"), sources[4]);
        const auto dense = opened(scratch.path("dense"));
        auto request = requestOf(dense, "rtn:4:g32", ExportFormat::Hf, scratch.path("out"));
        request.patch = true;
        QROAR_REFUSED(exportModel(request, silent), "rtn:4:g32", "--quant none");
        request = patchOf(dense, scratch.path("out"));
        request.dtype = DType::F16;
        QROAR_REFUSED(exportModel(request, silent), "--dtype");
        writeSource(scratch.path("half"), sources[5]);
        request = patchOf(opened(scratch.path("half")), scratch.path("out"));
        request.gains = QkGains::ones(request.model->config());
        request.gains.queryGains(0, 1)[0] = 1e6;
        QROAR_REFUSED(exportModel(request, silent), "model.layers.0.self_attn.q_proj", "F16");
        QVERIFY(!std::filesystem::exists(scratch.path("out")));
    }

    void theProofFindsWhatItLooksFor() {
        const Scratch scratch;
        const auto a = scratch.file("a", "0123456789"), b = scratch.file("b", "0124456689");
        const auto found = changedRanges(a, b, {{2, 6}, {7, 9}});
        QROAR_OPENED(found);
        QCOMPARE(*found, (std::vector<ByteRange>{{3, 4}, {7, 8}}));
        QROAR_REFUSED(changedRanges(a, b, {{7, 9}}), "before 7");
        QROAR_REFUSED(changedRanges(a, b, {{2, 6}}), "after 6");
        QROAR_REFUSED(changedRanges(a, scratch.file("c", "01234567890"), {}), "10 bytes", "found 11");
    }
};

QTEST_APPLESS_MAIN(TestPatch)
#include "test_patch.moc"
