// `qroar export` as its users meet it: what it writes, what it says, in text and JSON, and what it refuses.
#include "core/session/search_record.h"
#include "core/session/session_file.h"
#include "tests/app/cli/cli_test.h"
#include "tests/support/imatrix_writer.h"
#include "tests/support/quantized_checkpoint.h"
#include "tests/support/tiny_decoder.h"

#include <QDir>
#include <QFile>
#include <QTemporaryDir>

#include <csignal>
#include <vector>

using namespace qroar::test;
using Json = nlohmann::json;

class TestCliExport : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;

    QString file(const QString& name) const { return folder_.filePath(name); }
    ProgramResult run(const QStringList& arguments) const { return runProgram(arguments, folder_.path()); }
    QStringList names() const {
        return QDir(folder_.path()).entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot);
    }

  private slots:
    void initTestCase() {
        RandomModelOptions options;
        options.maxPositions = 64;
        makeRandomHfModel(file("model").toStdString(), options, 3);
        writeQuantizedModel(
            file("stored").toStdString(),
            QuantizedCheckpoint::make(qroar::StoredFormat::AwqGemm, *qroar::QuantSpec::parse("rtn:4:g32")));
        writeIds(file("a.u16"), 300, options.vocab);
    }
    void cleanup() {
        for (const QString& name : names())
            if (name.startsWith("out")) QDir(file(name)).removeRecursively();
    }

    void jsonHasItsFields() {
        const auto result = run({"export", "model", "--quant", "rtn:4:g16", "--format", "awq", "--rope",
                                 "yarn:4", "--verify-text", "a.u16", "-o", "out", "--json"});
        QCOMPARE(result.code, 0);
        const Json json = result.json();
        QVERIFY(hasKeys(json, {"schema", "path", "format", "patched", "quant", "rope", "scales", "files",
                               "rounding", "snap_factor_max", "verification", "notes"}));
        QCOMPARE(json["format"].get<std::string>(), std::string("awq"));
        QCOMPARE(json["rope"].get<std::string>(), std::string("yarn:4"));
        QVERIFY(json["scales"].is_null());
        QCOMPARE(json["path"].get<std::string>(), QDir(file("out")).canonicalPath().toStdString());
        QVERIFY(
            hasKeys(json["verification"],
                    {"windows", "context", "max_abs_logit_difference", "max_abs_logit_difference_unrounded",
                     "codes_changed", "scales_changed", "scale_rounding_max", "rotary_difference_max"}));
        QCOMPARE(json["verification"]["codes_changed"].get<int>(), 0);
        QCOMPARE(json["verification"]["max_abs_logit_difference"].get<double>(), 0.0);
        for (const Json& entry : json["files"]) {
            QVERIFY(hasKeys(entry, {"name", "bytes", "changed_ranges"}));
            QCOMPARE(QFile(file("out/") + QString::fromStdString(entry["name"])).size(),
                     entry["bytes"].get<qint64>());
        }
        const Json inspect = run({"inspect", "out", "--json"}).json();
        QVERIFY(!inspect["quantization"].is_null());
    }

    /// AWQ -> compressed-tensors -> the same weights, through the command line.
    void storedCodesToAnotherFormat() {
        const auto result =
            run({"export", "stored", "--format", "compressed-tensors", "-o", "out-ct", "--json"});
        QVERIFY2(result.code == 0, result.err);
        const auto from = readTiny(file("stored").toStdString()), to = readTiny(file("out-ct").toStdString());
        for (const char* stem : {"model.layers.0.self_attn.k_proj", "model.layers.1.mlp.down_proj"}) {
            const auto a = decodeAwq(from, stem), b = decodeCompressed(to, stem);
            QVERIFY(a.weights == b.weights && !a.weights.empty());
        }
    }

    void llama2cFiles() {
        const auto result = run({"export", "model", "--format", "llama2c", "-o", "out.bin", "--json"});
        QVERIFY2(result.code == 0, result.err);
        QCOMPARE(result.json()["format"].get<std::string>(), std::string("llama2c"));
        const Json inspect = run({"inspect", "out.bin", "--json"}).json();
        QCOMPARE(inspect["model"]["format"].get<std::string>(), std::string("llama2.c v0"));
        const auto scaled =
            run({"export", "model", "--format", "llama2c", "--rope", "yarn:4", "-o", "out2.bin"});
        QVERIFY(scaled.code != 0 && scaled.err.contains("RoPE scaling (yarn:4)"));
        QFile::remove(file("out.bin"));
    }

    void importanceMatrices() {
        std::vector<ImatrixEntry> entries;
        for (int layer = 0; layer < 2; ++layer)
            for (const auto& [stem, width] :
                 {std::pair{"attn_q", 32}, {"attn_output", 32}, {"ffn_up", 32}, {"ffn_down", 48}}) {
                ImatrixEntry entry{"blk." + std::to_string(layer) + "." + stem + ".weight", {}, 2};
                for (int channel = 0; channel < width; ++channel)
                    entry.meanSquares.push_back(channel % 5 == 0 ? 40.0F : 0.1F);
                entries.push_back(entry);
            }
        writeBytes(file("i.dat").toStdString(), legacyImatrix(entries, 3, "text"));
        const auto plain = run({"export", "model", "--quant", "rtn:3:g16", "--format", "hf", "-o", "out-a"});
        const auto weighted = run({"export", "model", "--quant", "rtn:3:g16", "--imatrix", "i.dat",
                                   "--format", "hf", "-o", "out-b", "--json"});
        QVERIFY2(plain.code == 0 && weighted.code == 0, weighted.err);
        QVERIFY(weighted.json()["imatrix"].get<std::string>().substr(0, 6) == "i.dat ");
        const std::string name = "model.layers.0.mlp.down_proj.weight";
        const auto a = readTiny(file("out-a").toStdString()), b = readTiny(file("out-b").toStdString());
        QVERIFY(a.at(name).bytes != b.at(name).bytes);
        QVERIFY(b.metadata.count("qroar.imatrix") == 1 && a.metadata.count("qroar.imatrix") == 0);
        const auto awq = run({"export", "model", "--quant", "awq:4:g16", "--imatrix", "i.dat", "--format",
                              "awq", "-o", "out-c"});
        QVERIFY2(awq.code == 0, awq.err); // without calibration text
        const auto analyze = run({"analyze", "model", "--text", "a.u16", "--contexts", "64", "--quant",
                                  "none,rtn:3:g16,awq:3:g16", "--imatrix", "i.dat", "-o", "run.h5"});
        QVERIFY2(analyze.code == 0 && analyze.err.contains("weighted by i.dat (8 entries, 3 chunks of text)"),
                 analyze.err);
        const auto session = qroar::loadSession(file("run.h5").toStdString());
        QVERIFY(session.ok());
        for (const auto& condition : (*session)->conditions)
            QCOMPARE(condition->calibration.has_value()
                         && condition->calibration->imatrix.starts_with("i.dat "),
                     condition->key.quant.kind != qroar::QuantKind::None);
        const auto other = run({"analyze", "model", "--text", "a.u16", "--contexts", "64", "--quant",
                                "rtn:3:g16", "--resume", "-o", "run.h5"});
        QVERIFY(other.code != 0 && other.err.contains("importance matrix"));
        const auto evaluate = run({"evaluate", "model", "--text", "a.u16", "--contexts", "64", "--quant",
                                   "rtn:3:g16", "--imatrix", "i.dat", "--json"});
        QVERIFY2(evaluate.code == 0, evaluate.err);
        const auto gptq = run({"export", "model", "--quant", "gptq:4:g16", "--imatrix", "i.dat", "--format",
                               "hf", "-o", "out-d"});
        QVERIFY(gptq.code != 0 && gptq.err.contains("--imatrix weighs rtn and awq"));
        entries[0].meanSquares.pop_back();
        writeBytes(file("i.dat").toStdString(), legacyImatrix(entries));
        const auto wrong = run({"evaluate", "model", "--text", "a.u16", "--contexts", "64", "--quant",
                                "rtn:3:g16", "--imatrix", "i.dat"});
        QVERIFY2(wrong.code != 0 && wrong.err.contains("blk.0.attn_q.weight"), wrong.err);
        QFile::remove(file("run.h5"));
    }

    void textSaysWhatHappened() {
        const auto result = run({"export", "model", "--format", "hf", "--dtype", "f16", "-o", "out"});
        QCOMPARE(result.code, 0);
        QVERIFY2(result.out.contains("exported hf") && result.out.contains("model.safetensors")
                     && result.out.contains("read back: 2 windows of 64 tokens"),
                 result.out);
        QVERIFY2(result.err.contains("note: no tokenizer lies beside the model"), result.err);
    }

    void patchesListWhatChanged() {
        const auto result = run({"export", "stored", "--patch", "--rope", "linear:2", "-o", "out", "--json"});
        QCOMPARE(result.code, 0);
        const Json json = result.json();
        QVERIFY(json["patched"] == true);
        for (const Json& entry : json["files"])
            QCOMPARE(entry["changed_ranges"].size(), std::size_t(entry["name"] == "config.json" ? 1 : 0));
        QVERIFY(run({"export", "stored", "--patch", "-o", "out2"}).out.contains("patched awq"));
    }

    /// A session with a search called "001" whose gains are powers of two.
    void makeScales(const QString& session) const {
        const auto made = run({"analyze", "model", "--text", "a.u16", "--contexts", "64", "-o", session});
        if (made.code != 0) qFatal("%s", made.err.constData());
        auto loaded = qroar::loadSession(file(session).toStdString());
        if (!loaded) qFatal("%s", loaded.error().message.c_str());
        qroar::Session changed = **loaded;
        auto record = std::make_shared<qroar::SearchRecord>();
        record->scales = {"001", qroar::QkGains::ones(changed.model), changed.modelFingerprint, "none",
                          "rtn:4:g16"};
        record->scales.gains.queryGains(1, 2)[3] = 2;
        record->scales.gains.keyGains(0, 1)[0] = 0.5;
        record->settings.rope = "none";
        record->settings.quant = "rtn:4:g16";
        record->settings.bandEdges = {0, 4};
        record->settings.contexts = {64};
        record->settings.contextWeights = {1};
        record->settings.windows = record->settings.priority = {1, 1};
        changed.searches.push_back(record);
        if (const auto saved = qroar::saveSession(changed, file(session).toStdString()); !saved)
            qFatal("%s", saved.error().message.c_str());
    }

    void scalesOfASearch() {
        makeScales("run.h5");
        const auto result = run({"export", "model", "--quant", "rtn:4:g16", "--scales", "run.h5:001",
                                 "--format", "awq", "-o", "out", "--json"});
        QVERIFY2(result.code == 0, result.err);
        QVERIFY(!result.err.contains("note: the scales were found under"));
        Json json = result.json();
        QCOMPARE(json["scales"].get<std::string>(), std::string("001"));
        QCOMPARE(json["rounding"]["scaled"]["inexact"].get<int>(), 0);
        // The same scales, patched into an export without them, give the same tensors.
        QCOMPARE(run({"export", "model", "--quant", "rtn:4:g16", "--format", "awq", "-o", "out2"}).code, 0);
        const auto patched = run({"export", "out2", "--patch", "--scales", "run.h5", "-o", "out3", "--json"});
        QVERIFY2(patched.code == 0, patched.err);
        QVERIFY(patched.err.contains("note: run.h5: these scales were found for another model"));
        QVERIFY(patched.err.contains("note: the scales were found under"));
        for (const Json& entry : patched.json()["files"])
            QCOMPARE(entry["changed_ranges"].size(),
                     std::size_t(entry["name"] == "model.safetensors" ? 2 : 0));
        const auto scaled = readTiny(file("out").toStdString()), again = readTiny(file("out3").toStdString());
        QCOMPARE(scaled.tensors.size(), again.tensors.size());
        for (const auto& [name, tensor] : scaled.tensors)
            QVERIFY2(tensor.bytes == again.at(name).bytes, name.c_str());
        QCOMPARE(scaled.metadata.at("qroar.scales"), std::string("001"));

        const auto wrong = run({"export", "stored", "--patch", "--scales", "run.h5", "-o", "out4"});
        QCOMPARE(wrong.code, 1);
        QVERIFY2(wrong.err.contains("the scales are for 2 layers, 4 query and 2 key heads of 4 pairs"),
                 wrong.err);
        QVERIFY(run({"export", "model", "--format", "hf", "--scales", "run.h5:7", "-o", "out4"})
                    .err.contains("001"));
        QFile::remove(file("run.h5"));
    }

    void calibratedQuantizers() {
        for (const QStringList& pair :
             {QStringList{"awq:4:g16", "awq"}, QStringList{"gptq:4:g16:sym", "gptq"}}) {
            const QStringList base{"export",   "model", "--quant", pair[0],
                                   "--format", pair[1], "-o",      "out-" + pair[1]};
            const auto missing = run(base);
            QCOMPARE(missing.code, 1);
            QVERIFY2(missing.err.contains("--calib-text"), missing.err);
            const auto result =
                run(base + QStringList{"--calib-text", "a.u16", "--calib-context", "32", "--json"});
            QVERIFY2(result.code == 0, result.err);
            QCOMPARE(result.json()["quant"].get<std::string>(), pair[0].toStdString());
            QCOMPARE(result.json()["verification"]["codes_changed"].get<int>(), 0);
            QVERIFY2(result.err.contains("windows of 32 tokens"), result.err);
        }
    }

    /// Gains bring the context their figures were measured at; without them it is what the scaling is for.
    void calibrationContextIsThatOfTheSearch() {
        makeScales("searched.h5"); // at 64
        const QStringList base{"export",  "model",  "--quant",    "gptq:4:g16:sym", "--format",
                               "gptq",    "--rope", "yarn:2",     "--calib-text",   "a.u16",
                               "--force", "-o",     "out-context"};
        const auto gains = run(base + QStringList{"--scales", "searched.h5"});
        QVERIFY2(gains.code == 0 && gains.err.contains("windows of 64 tokens"), gains.err);
        QVERIFY(!gains.err.contains("of other weights"));
        const auto other = run(base + QStringList{"--scales", "searched.h5", "--calib-context", "32"});
        QVERIFY2(other.err.contains("windows of 32 tokens") && other.err.contains("of other weights"),
                 other.err);
        const auto plain = run(base);
        QVERIFY2(plain.code == 0 && plain.err.contains("windows of "), plain.err);
        QVERIFY(!plain.err.contains("windows of 64 tokens"));
    }

    void dryRunsWriteNothing() {
        const QStringList before = names();
        const Json json = run({"export", "model", "--quant", "rtn:4:g16", "--format", "compressed-tensors",
                               "-o", "out", "--dry-run", "--json"})
                              .json();
        QVERIFY(hasKeys(json, {"schema", "estimate", "notes"}));
        QVERIFY(hasKeys(json["estimate"], {"path", "bytes", "free_bytes"}));
        QVERIFY(json["estimate"]["bytes"].get<double>() > 10000);
        QCOMPARE(names(), before);
    }

    void mistakesAreNamed_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<int>("code");
        QTest::addColumn<QString>("says");
        const QStringList base{"export", "model", "-o", "out"};
        QTest::newRow("no format") << base << 2 << "--format";
        QTest::newRow("no output") << QStringList{"export", "model", "--format", "hf"} << 2 << "--output";
        QTest::newRow("format and patch")
            << base + QStringList{"--format", "hf", "--patch"} << 2 << "--patch";
        QTest::newRow("gguf") << base + QStringList{"--format", "gguf"} << 1 << ".gguf"; // a folder
        QTest::newRow("unknown format") << base + QStringList{"--format", "zip"} << 2 << "compressed-tensors";
        QTest::newRow("unknown type") << base + QStringList{"--format", "hf", "--dtype", "f8"} << 2 << "bf16";
        QTest::newRow("no codes") << base + QStringList{"--format", "awq"} << 1 << "--quant";
        QTest::newRow("bad rope") << base + QStringList{"--format", "hf", "--rope", "magic:2"} << 2
                                  << "magic";
        QTest::newRow("missing text")
            << base + QStringList{"--format", "hf", "--verify-text", "gone.u16"} << 1 << "gone.u16";
        QTest::newRow("into itself") << QStringList{"export", "model", "--format", "hf", "-o", "model/x"} << 1
                                     << "never changes its source";
        QTest::newRow("not empty") << QStringList{"export", "model", "--format", "hf", "-o", "stored"} << 1
                                   << "--force";
        QTest::newRow("stored quantized, other quant")
            << QStringList{"export", "stored", "--quant", "rtn:4:g32", "--format", "awq", "-o", "out"} << 1
            << "stored";
    }
    void mistakesAreNamed() {
        QFETCH(QStringList, arguments);
        QFETCH(int, code);
        QFETCH(QString, says);
        const QStringList before = names();
        const auto result = run(arguments);
        QCOMPARE(result.code, code);
        QVERIFY2(QString::fromUtf8(result.err).contains(says), result.err);
        QVERIFY(result.out.isEmpty());
        QCOMPARE(names(), before);
    }

    void forceReplaces() {
        QCOMPARE(run({"export", "model", "--format", "hf", "-o", "out"}).code, 0);
        QCOMPARE(run({"export", "model", "--format", "hf", "-o", "out"}).code, 1);
        QCOMPARE(run({"export", "model", "--format", "hf", "--dtype", "bf16", "-o", "out", "--force"}).code,
                 0);
        QCOMPARE(run({"inspect", "out", "--json"}).json()["tensors"][0]["type"].get<std::string>(),
                 std::string("BF16"));
    }

    void aFullDiskIsAnErrorNotAnEnd() {
        // The shell's limit on the size of files, in blocks of 512 or 1,024 bytes.
        const QStringList before = names();
        QProcess process;
        process.setWorkingDirectory(folder_.path());
        process.start(
            "sh",
            {"-c", QString("ulimit -f 20; exec %1 export model --format hf -o out").arg(QROAR_PROGRAM)});
        QVERIFY(process.waitForFinished(120000));
        QCOMPARE(process.exitStatus(), QProcess::NormalExit);
        QCOMPARE(process.exitCode(), 1);
        QVERIFY(process.readAllStandardError().contains("cannot be written"));
        QCOMPARE(names(), before);
    }

    void ctrlCLeavesNothing() {
        RandomModelOptions large; // some seconds of verification
        large.layers = 8;
        large.hidden = 256;
        large.heads = 8;
        large.kvHeads = 8;
        large.headDim = 32;
        large.intermediate = 1024;
        large.vocab = 4096;
        makeRandomHfModel(file("large").toStdString(), large, 1);
        const QStringList before = names();
        QProcess process;
        process.setWorkingDirectory(folder_.path());
        process.start(QROAR_PROGRAM, {"export", "large", "--format", "hf", "-o", "out"});
        QVERIFY(process.waitForStarted());
        QTRY_VERIFY_WITH_TIMEOUT(names().size() > before.size() || process.state() == QProcess::NotRunning,
                                 60000);
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        QVERIFY(process.waitForFinished(60000));
        QCOMPARE(process.exitStatus(), QProcess::NormalExit);
        QCOMPARE(process.exitCode(), 3);
        QCOMPARE(names(), before);
    }
};

QTEST_GUILESS_MAIN(TestCliExport)
#include "test_cli_export.moc"
