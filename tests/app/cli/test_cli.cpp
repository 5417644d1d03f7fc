// The command line as its users meet it: exit codes, messages, JSON fields, Ctrl-C, resume. Runs the built
// program.
#include "tests/app/cli/cli_test.h"
#include "tests/support/quantized_checkpoint.h"

#include <QDateTime>
#include <QDir>
#include <QElapsedTimer>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include <nlohmann/json.hpp>

#include <cmath>
#include <csignal>
#include <cstring>
#include <limits>

using namespace qroar::test;
using Json = nlohmann::json;

using Result = ProgramResult;

class TestCli : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;

    QString file(const QString& name) const { return folder_.filePath(name); }
    Result run(const QStringList& arguments) const { return runProgram(arguments, folder_.path()); }

  private slots:
    void initTestCase() { writeModelAndIds(folder_.path()); }

    void helpAndVersion() {
        QCOMPARE(run({"--help"}).code, 0);
        QVERIFY(run({"--version"}).out.startsWith("qroar "));
        for (const char* command : {"inspect", "rope", "analyze", "diagnose", "evaluate"}) {
            const Result help = run({command, "--help"});
            QCOMPARE(help.code, 0);
            QVERIFY(help.out.contains("--json") && help.out.contains("--threads"));
        }
    }

    void badInputExitsWith1AndSaysWhere_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QString>("says");
        const QStringList evaluate{"evaluate", "model", "--contexts", "64"};
        QTest::newRow("missing model") << QStringList{"inspect", "nowhere"} << "nowhere";
        QTest::newRow("folder without config")
            << QStringList{"inspect", "."} << "found no config.json, but a.u16";
        QTest::newRow("missing text") << evaluate + QStringList{"--text", "gone.txt"} << "gone.txt";
        QTest::newRow("no tokenizer") << evaluate + QStringList{"--text", "note.txt"} << "tokenizer";
        QTest::newRow("too short") << QStringList{"evaluate", "model",      "--text",
                                                  "a.u16",    "--contexts", "4096"}
                                   << "4,096";
        QTest::newRow("id beyond vocabulary") << evaluate + QStringList{"--text", "big.u16"} << "big.u16";
        QTest::newRow("truncated weights") << QStringList{"inspect", "truncated"} << "model.safetensors";
        QTest::newRow("NaN weight") << QStringList{"evaluate", "nan", "--text", "a.u16", "--contexts", "64"}
                                    << "model.norm.weight";
        QTest::newRow("NaN weight, RoPE alone") << QStringList{"rope", "nan"} << "model.norm.weight";
        QTest::newRow("output is a folder")
            << QStringList{"analyze", "model", "--text", "a.u16",      "--contexts",
                           "64",      "-o",    "nan",    "--overwrite"}
            << "nan: expected a file";
        QTest::newRow("output cannot be written")
            << QStringList{"analyze", "model", "--text", "a.u16", "--contexts", "64", "-o", "/proc/x.h5"}
            << "/proc/x.h5";
        QTest::newRow("tokenizer of another model")
            << QStringList{"evaluate", "alien", "--text", "note.txt", "--contexts", "64"} << "another model";
        QTest::newRow("not a session") << QStringList{"diagnose", "a.u16"} << "a.u16";
        QTest::newRow("output folder missing")
            << QStringList{"analyze", "model", "--text", "a.u16", "--contexts", "64", "-o", "no/where.h5"}
            << "no";
    }
    void badInputExitsWith1AndSaysWhere() {
        QFETCH(QStringList, arguments);
        QFETCH(QString, says);
        prepareBadInputs();
        const Result result = run(arguments);
        QCOMPARE(result.code, 1);
        QVERIFY2(QString::fromUtf8(result.err).contains(says), result.err);
        QVERIFY(result.err.startsWith("qroar: "));
        QVERIFY(result.out.isEmpty());
    }

    void inspectCountsWhatIsNotANumber() {
        prepareBadInputs();
        const Result text = run({"inspect", "nan"});
        QCOMPARE(text.code, 1);
        QVERIFY(text.err.startsWith("qroar: ") && text.err.contains("model.norm.weight"));
        QVERIFY(text.out.contains("infinite") && text.out.contains("model.norm.weight"));
        const Result json = run({"inspect", "nan", "--json"});
        QCOMPARE(json.code, 1);
        QVERIFY(json.json()["damage"].get<std::string>().find("expected finite values") != std::string::npos);
        for (const Json& tensor : json.json()["tensors"]) {
            const bool spoiled = tensor["name"] == "model.norm.weight";
            QCOMPARE(tensor["nan"].get<int>(), spoiled ? 1 : 0);
            QCOMPARE(tensor["infinite"].get<int>(), spoiled ? 2 : 0);
        }
        QVERIFY(run({"inspect", "model", "--json"}).json()["damage"].is_null());
    }

    void quantizedCheckpointsRunAsStored() {
        auto checkpoint =
            QuantizedCheckpoint::make(qroar::StoredFormat::Gptq, *qroar::QuantSpec::parse("rtn:4:g32:sym"));
        checkpoint.dense = {"layers.1.mlp.down_proj"};
        writeQuantizedModel(folder_.filePath("gptq").toStdString(), checkpoint);
        QVERIFY(
            run({"inspect", "gptq"})
                .out.contains(
                    "quantization: 13 of 14 projections: GPTQ, 4 bits, groups of 32, symmetric, F16 scales"));
        const Json quantization = run({"inspect", "gptq", "--json"}).json()["quantization"];
        QCOMPARE(quantization["quantized_projections"].get<int>(), 13);
        QCOMPARE(quantization["dense_projections"].get<int>(), 1);
        QCOMPARE(quantization["layouts"].size(), std::size_t{1});
        const Json& layout = quantization["layouts"][0];
        QVERIFY(layout
                == Json({{"format", "GPTQ"},
                         {"bits", 4},
                         {"group_size", 32},
                         {"symmetric", true},
                         {"act_order", false},
                         {"scale_type", "F16"},
                         {"projections", 13}}));
        QVERIFY(run({"inspect", "model", "--json"}).json()["quantization"].is_null());

        const QStringList evaluate{"evaluate", "gptq", "--text", "a.u16", "--contexts", "64", "--json"};
        const Json byItself = run(evaluate).json(),
                   asked = run(evaluate + QStringList{"--quant", "stored"}).json();
        QCOMPARE(byItself["results"][0]["quant"].get<std::string>(), std::string("stored"));
        QVERIFY(byItself["results"][0]["nll"].get<double>() == asked["results"][0]["nll"].get<double>());
        for (const char* quant : {"none", "rtn:4:g32", "stored,none"}) {
            const Result refused = run(evaluate + QStringList{"--quant", quant});
            QCOMPARE(refused.code, 1);
            QVERIFY2(refused.err.contains("this checkpoint stores quantized weights: use --quant stored"),
                     refused.err);
        }
        QStringList dense = evaluate;
        dense[1] = "model";
        QVERIFY(run(dense + QStringList{"--quant", "stored"}).err.contains("are not quantized"));
    }

    void inspectAndRope() {
        const Json inspect = run({"inspect", "model", "--json"}).json();
        QVERIFY(hasKeys(inspect, {"schema", "model", "config", "tensors", "quantization", "warnings"}));
        QCOMPARE(inspect["config"]["heads"].get<int>(), 4);
        const Json rope =
            run({"rope", "model", "--rope", "none,linear:4", "--context", "256", "--json"}).json();
        QCOMPARE(rope["context"].get<int>(), 256);
        QCOMPARE(rope["tables"].size(), std::size_t{14}); // ours, then those of six other loaders
        for (const Json& table : rope["tables"])
            QVERIFY(table["loader"] == "qroar" || table["phase_error"].get<double>() == 0);
        const Json dynamic =
            run({"rope", "model", "--rope", "dynamic:4", "--context", "1024", "--json"}).json();
        int differing = 0;
        for (const Json& table : dynamic["tables"])
            if (table["loader"] == "llama.cpp" && table["phase_error"].get<double>() > 0.1
                && table["notes"].dump().find("--rope-freq-base") != std::string::npos)
                ++differing;
        QCOMPARE(differing, 1);
        bool warned = false;
        for (const Json& finding : dynamic["findings"])
            warned = warned || (finding["key"] == "rope_type" && finding["spec"] == "dynamic:4");
        QVERIFY(warned);
        QCOMPARE(inspect["rope"]["inv_freq"].size(), std::size_t{4});
        QVERIFY(hasKeys(rope["tables"][0], {"spec", "loader", "attention_factor", "inv_freq"}));
        for (int pair = 0; pair < 4; ++pair) { // every digit survives the JSON
            const double plain = std::pow(10000.0, -pair / 4.0);
            QVERIFY(std::abs(rope["tables"][0]["inv_freq"][pair].get<double>() - plain) < 1e-15);
            QVERIFY(std::abs(rope["tables"][1]["inv_freq"][pair].get<double>() - plain / 4) < 1e-15);
        }
        QVERIFY(run({"inspect", "model"}).out.contains("model.layers.1.mlp.down_proj.weight"));
        QVERIFY(run({"rope", "model", "--rope", "yarn:4"}).out.contains("attention factor"));
    }

    void ropeAsOthersSayIt() {
        const auto flags = run({"rope", "model", "--rope", "yarn:4", "--as", "llama.cpp"});
        QCOMPARE(flags.out, QByteArray("--rope-scaling yarn --rope-scale 4 --yarn-orig-ctx 64 "
                                       "--yarn-ext-factor 1\n"));
        const auto refused = run({"rope", "model", "--rope", "llama3:8", "--as", "llama.cpp"});
        QCOMPARE(refused.code, 1);
        QVERIFY(refused.err.contains("rope_freqs.weight") && refused.out.isEmpty());
        for (const bool five : {false, true}) {
            const auto block = run({"rope", "model", "--rope", "yarn:4:attn=1.2", "--as",
                                    five ? "config.json-v5" : "config.json"});
            const Json keys = block.json();
            QCOMPARE(keys["max_position_embeddings"].get<int>(), 256);
            const Json& rope = keys[five ? "rope_parameters" : "rope_scaling"];
            QCOMPARE(rope["attention_factor"].get<double>(), 1.2);
            QCOMPARE(rope.contains("type"), !five);
        }
        QCOMPARE(run({"rope", "model", "--rope", "none,yarn:4", "--as", "llama.cpp"}).code, 1);
        QCOMPARE(run({"rope", "model", "--as", "gguf"}).code, 2);
        // what is printed by default is the checkpoint's own
        QCOMPARE(run({"rope", "model", "--as", "llama.cpp"}).out, QByteArray("--rope-scaling none\n"));
    }

    void ropePairsAndCsv() {
        const auto pairs = run({"rope", "model", "--rope", "yarn:4", "--pairs", "--csv", "pairs.csv"});
        QCOMPARE(pairs.code, 0);
        QVERIFY(pairs.out.contains("transformers 4.57")
                && pairs.out.contains("warning: yarn:4")
                       == false); // an export writes nothing that needs a warning
        QFile file(folder_.filePath("pairs.csv"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QList<QByteArray> lines = file.readAll().trimmed().split('\n');
        QCOMPARE(lines[1], QByteArray("spec,loader,pair,wavelength,omega,ratio,phase_error"));
        QCOMPARE(lines.size(), 2 + 7 * 4); // comment, header, seven loaders of four pairs
        QVERIFY(lines[2].startsWith("yarn:4,qroar,0,"));
    }

    void calibratedVariants() {
        const QStringList arguments{"evaluate",   "model", "--text",  "a.u16",
                                    "--contexts", "32",    "--quant", "awq:4:g16,gptq:3:g16:sym:act",
                                    "--json"};
        const Result other = run(arguments + QStringList{"--calib-text", "b.u16", "--calib-windows", "3"});
        QVERIFY2(other.code == 0, qPrintable(other.err));
        const Json rows = other.json()["results"];
        QCOMPARE(rows.size(), std::size_t{2});
        QCOMPARE(rows[1]["quant"].get<std::string>(), std::string("gptq:3:g16:sym:act"));
        QVERIFY(!other.err.contains("calibrated on"));
        const Result itself = run(arguments);
        QVERIFY(itself.err.contains("the documents that they are measured on"));
        QVERIFY(itself.json()["results"][1]["nll"] != rows[1]["nll"]);
        QCOMPARE(run(arguments + QStringList{"--calib-text", "missing.u16"}).code, 1);
        QCOMPARE(run(arguments + QStringList{"--calib-windows", "0"}).code, 2);
    }

    void evaluateJson() {
        const QStringList arguments{"evaluate",    "model",      "--text",         "a.u16",
                                    "b.u16",       "--contexts", "32,64",          "--rope",
                                    "none,yarn:2", "--quant",    "none,rtn:4:g32", "--json"};
        const Result one = run(arguments + QStringList{"--threads", "1"});
        QCOMPARE(one.code, 0);
        const Json document = one.json();
        QVERIFY(hasKeys(document, {"schema", "model", "results", "interaction"}));
        QCOMPARE(document["results"].size(), std::size_t{8});
        for (const Json& row : document["results"]) {
            QVERIFY(hasKeys(row, {"rope", "quant", "scales", "context", "convention", "documents", "windows",
                                  "tokens", "nll", "nll_ci95", "ppl", "buckets", "kl", "same_top1"}));
            const int context = row["context"], windows = 300 / context + 200 / context;
            QCOMPARE(row["windows"].get<int>(), windows);
            QCOMPARE(row["tokens"].get<int>(), windows * (context - 1));
            QVERIFY(std::abs(std::exp(row["nll"].get<double>()) / row["ppl"].get<double>() - 1) < 1e-12);
            double sum = 0;
            for (const Json& bucket : row["buckets"])
                sum += bucket["nll"].get<double>() * bucket["tokens"].get<double>();
            QVERIFY(std::abs(sum / row["tokens"].get<double>() - row["nll"].get<double>()) < 1e-9);
        }
        QCOMPARE(document["interaction"].size(), std::size_t{2});
        QVERIFY(hasKeys(document["interaction"][0], {"rope", "quant", "context", "value"}));
        QCOMPARE(run(arguments + QStringList{"--threads", "3"}).out, one.out); // bit for bit
        const Json half = run(arguments + QStringList{"--convention", "last-half"}).json();
        QCOMPARE(half["results"][0]["tokens"].get<int>(), (9 + 6) * (32 - 1 - 16));
    }

    void analyzeDiagnoseResume() {
        const QStringList base{"analyze",    "model",  "--text",  "a.u16",         "b.u16",
                               "--contexts", "64,128", "--quant", "none,rtn:3:g32"};
        const Result dry = run(base + QStringList{"--rope", "none,yarn:2", "--dry-run", "--json"});
        QCOMPARE(dry.code, 0);
        QVERIFY(hasKeys(dry.json()["estimate"], {"seconds", "peak_bytes", "file_bytes", "tokens"}));
        QCOMPARE(run(base + QStringList{"--rope", "none", "-o", "run.h5"}).code, 0);
        const Result refused = run(base + QStringList{"--rope", "none,yarn:2", "-o", "run.h5"});
        QCOMPARE(refused.code, 1);
        QVERIFY(refused.err.contains("--resume"));
        const Result rest = run(
            base + QStringList{"--rope", "none,yarn:2", "-o", "run.h5", "--resume", "--dry-run", "--json"});
        QCOMPARE(2 * rest.json()["estimate"]["tokens"].get<long long>(), // half of it is done
                 dry.json()["estimate"]["tokens"].get<long long>());
        const Result resumed =
            run(base + QStringList{"--rope", "none,yarn:2", "-o", "run.h5", "--resume", "--json"});
        QCOMPARE(resumed.code, 0);
        QCOMPARE(resumed.json()["results"].size(), std::size_t{8});
        // Nothing left to do: the file is not written again.
        const QDateTime written = QFileInfo(file("run.h5")).lastModified();
        const Result complete = run(base + QStringList{"--rope", "none,yarn:2", "-o", "run.h5", "--resume"});
        QCOMPARE(complete.code, 0);
        QVERIFY(complete.out.contains("saved in run.h5"));
        QCOMPARE(QFileInfo(file("run.h5")).lastModified(), written);

        const Json document =
            run({"diagnose", "run.h5", "--band-edges", "0,1,4", "--json", "--csv", "tables", "--draws", "50"})
                .json();
        QVERIFY(
            hasKeys(document, {"schema", "bands", "conditions", "interpolation_pressure", "tail_inflation"}));
        QCOMPARE(document["bands"].size(), std::size_t{2});
        QVERIFY(hasKeys(document["bands"][0], {"index", "from_pair", "to_pair", "omega_low", "omega_high"}));
        QCOMPARE(document["interpolation_pressure"].size(),
                 std::size_t{8 * 2 * 2}); // conditions x layers x bands
        QVERIFY(hasKeys(document["interpolation_pressure"][0],
                        {"condition", "layer", "band", "raw", "saturated", "weighted"}));
        QVERIFY(hasKeys(document["tail_inflation"][0],
                        {"long", "short", "layer", "band", "tensor", "stage", "epsilon", "value", "ci95"}));
        for (const char* table : {"bands", "conditions", "interpolation_pressure", "tail_inflation"})
            QVERIFY(QFile::exists(file(QString("tables/%1.csv").arg(table))));
        QVERIFY(document["sensitivity"].empty());
        QVERIFY(document["interpolation_pressure"][0]["measured"].is_null());
        QCOMPARE(run({"diagnose", "run.h5", "--bands", "0"}).code, 2);
        QCOMPARE(run({"diagnose", "run.h5", "--bands", "99"}).code, 1);
        QCOMPARE(run({"diagnose", "run.h5", "--band-edges", "0,3,2"}).code, 2);
        QCOMPARE(run({"diagnose", "run.h5", "--band-edges", "0,3,9"}).code, 1); // more than the model has
        QCOMPARE(run({"diagnose", "run.h5", "--band-edges", ""}).code, 2);
    }

    /// Whatever a command is told to write, what it reads stays as it is, and so do files of other kinds.
    void nothingElseIsWrittenOver_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QString>("target");
        const QStringList analyze{"analyze", "model",         "--text", "a.u16",       "--contexts",
                                  "16",      "--max-windows", "1",      "--overwrite", "-o"};
        const QStringList evaluate{"evaluate", "model",         "--text", "a.u16",        "--contexts",
                                   "16",       "--max-windows", "1",      "--save-logits"};
        for (const char* target : {"a.u16", "model/config.json", "model/model.safetensors", "b.u16"}) {
            QTest::addRow("analyze, %s", target) << analyze + QStringList{target} << target;
            QTest::addRow("dry run, %s", target) << analyze + QStringList{target, "--dry-run"} << target;
            QTest::addRow("logits, %s", target) << evaluate + QStringList{target} << target;
        }
        QTest::newRow("search") << QStringList{"search",     "--model", "model", "--text", "a.u16",
                                               "--contexts", "16",      "-o",    "b.u16"}
                                << "b.u16";
    }
    void nothingElseIsWrittenOver() {
        QFETCH(QStringList, arguments);
        QFETCH(QString, target);
        const auto bytes = [&] {
            QFile found(file(target));
            return found.open(QIODevice::ReadOnly) ? found.readAll() : QByteArray();
        };
        const QByteArray before = bytes();
        QVERIFY(!before.isEmpty());
        const Result result = run(arguments);
        QCOMPARE(result.code, 1);
        QVERIFY2(result.err.contains(target.toUtf8()), result.err);
        QVERIFY(bytes() == before);
    }
    void outputsOfTheirKindAreWrittenOver() {
        const QStringList analyze{"analyze", "model", "--text", "a.u16", "--contexts", "16", "-o", "over.h5"};
        QCOMPARE(run(analyze).code, 0);
        QCOMPARE(run(analyze).code, 1); // not unasked
        QCOMPARE(run(analyze + QStringList{"--overwrite"}).code, 0);
        const QStringList logits{"evaluate",   "model", "--text",        "a.u16",
                                 "--contexts", "16",    "--save-logits", "over.logits"};
        QCOMPARE(run(logits).code, 0);
        QCOMPARE(run(logits).code, 0);
        QCOMPARE(run(logits + QStringList{"--kl-base", "over.logits"}).code, 1); // it is read
    }

    void unknownSubCommandsAreNamed() {
        for (const QStringList& words : {QStringList{"draw"}, QStringList{"draw", "--help"}}) {
            const Result result = run(words);
            QCOMPARE(result.code, 2);
            QVERIFY2(result.err.contains("'draw'") && result.err.contains("evaluate"), result.err);
        }
    }

    void repeatsAreRunOnce() {
        const Result result = run({"evaluate", "model", "--text", "a.u16", "--contexts", "16,16", "--rope",
                                   "none,none", "--quant", "none,none", "--json"});
        QCOMPARE(result.json()["results"].size(), std::size_t{1});
    }

    void theSameTextTwiceIsReadOnce() {
        QVERIFY(QFile::copy(file("a.u16"), file("copy.u16")));
        const QStringList base{"evaluate", "model", "--contexts", "16", "--json", "--text", "a.u16"};
        const Result once = run(base), twice = run(base + QStringList{"a.u16", "copy.u16"});
        QCOMPARE(twice.json()["results"], once.json()["results"]);
        QVERIFY2(twice.err.contains("read once"), twice.err);
    }

    /// With a limit on the address space, as batch systems set it.
    void whatDoesNotFitIsSaidBeforeWork() {
        writeIds(file("long.u16"), 3000000, 64);
        for (const QString& command : {QString("evaluate model --text long.u16 --contexts 2900000"),
                                       QString("analyze model --text long.u16 --contexts 2900000 -o no.h5"),
                                       QString("search --model model --text long.u16 --contexts 2900000"),
                                       QString("evaluate model --copy 20000000")}) {
            QProcess process;
            process.setWorkingDirectory(folder_.path());
            process.start("bash", {"-c", "ulimit -v 900000; exec " QROAR_PROGRAM " " + command});
            QVERIFY(process.waitForFinished(60000));
            const QByteArray said = process.readAllStandardError();
            QCOMPARE(process.exitCode(), 1);
            QVERIFY2(said.contains("needs about") && said.contains("are available"), said);
        }
        QVERIFY(!QFile::exists(file("no.h5")));
    }

    void aReaderThatGoesAwayEndsNoRun() {
        QProcess process;
        process.setWorkingDirectory(folder_.path());
        process.start("bash", {"-c", QROAR_PROGRAM " analyze model --text a.u16 --contexts 64 --rope "
                                                   "none,linear:2,yarn:2 -o pipe.h5 2>&1 >/dev/null | true; "
                                                   "exit ${PIPESTATUS[0]}"});
        QVERIFY(process.waitForFinished(60000));
        QCOMPARE(process.exitCode(), 0);
        QVERIFY(QFile::exists(file("pipe.h5")));
    }

    void gradientsArePrintedByLayerAndByHead() {
        const QStringList analyze{"analyze", "model",  "--text",        "a.u16", "--contexts", "64",
                                  "--rope",  "yarn:2", "--max-windows", "2",     "-o",         "slopes.h5"};
        QCOMPARE(run(analyze).code, 0);
        QVERIFY(run({"diagnose", "slopes.h5", "--json"}).json()["sensitivity"].empty());
        QCOMPARE(run(analyze + QStringList{"--gradients", "--resume"}).code, 0);
        const Json layers =
            run({"diagnose", "slopes.h5", "--json", "--bands", "1", "--csv", "slopes"}).json();
        const Json& rows = layers["sensitivity"];
        QCOMPARE(rows.size(), std::size_t{2 * 4}); // layers x pairs
        QVERIFY(hasKeys(rows[0], {"rope", "quant", "context", "layer", "pair", "dnll_dln_gq", "dnll_dln_gk",
                                  "dnll_dln_omega"}));
        QVERIFY(QFile::exists(file("slopes/sensitivity.csv")));
        double omega = 0;
        for (int pair = 0; pair < 4; ++pair) omega += rows[pair]["dnll_dln_omega"].get<double>();
        QCOMPARE(layers["interpolation_pressure"][0]["measured"].get<double>(), std::abs(omega));
        const Json heads = run({"diagnose", "slopes.h5", "--json", "--scope", "head"}).json()["sensitivity"];
        QCOMPARE(heads.size(), std::size_t{2 * 4 * 4}); // and query heads
        double sumQ = 0;
        for (const Json& row : heads)
            if (row["layer"] == 0 && row["pair"] == 0) sumQ += row["dnll_dln_gq"].get<double>();
        QVERIFY(std::abs(sumQ - rows[0]["dnll_dln_gq"].get<double>()) < 1e-12);
        QVERIFY(std::abs(sumQ - rows[0]["dnll_dln_gk"].get<double>()) < 1e-5); // identity 5
        QCOMPARE(run({"diagnose", "slopes.h5", "--scope", "band"}).code, 2);
    }

    void interruptKeepsWhatIsDone() {
        writeIds(file("long.u16"), 120000, 64);
        QProcess process;
        process.setWorkingDirectory(folder_.path());
        process.start(QROAR_PROGRAM,
                      {"analyze", "model", "--text", "long.u16", "--contexts", "32,16384", "--rope",
                       "none,linear:2,yarn:2", "--quant", "none,rtn:4:g32", "-o", "cut.h5"});
        // The first condition is short, the second one long: wait for its stage, then interrupt.
        QByteArray said;
        QElapsedTimer timer;
        timer.start();
        while (!said.contains("16384") && timer.elapsed() < 60000) {
            process.waitForReadyRead(200);
            said += process.readAllStandardError();
        }
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        QVERIFY(process.waitForFinished(30000));
        QCOMPARE(process.exitCode(), 3);
        const Result diagnose = run({"diagnose", "cut.h5", "--json"});
        QCOMPARE(diagnose.code, 0);
        const std::size_t done = diagnose.json()["conditions"].size();
        QVERIFY(done >= 1 && done < 12);
    }

    void interruptWhileSavingLosesNothing() {
        QProcess process;
        process.setWorkingDirectory(folder_.path());
        process.start(QROAR_PROGRAM,
                      {"analyze", "model", "--text", "long.u16", "--contexts", "32,64,128,256,512", "--rope",
                       "none,linear:2,yarn:2,ntk:2", "--max-windows", "20", "-o", "saved.h5"});
        QElapsedTimer timer;
        timer.start();
        const auto saving = [&] { return !QDir(folder_.path()).entryList({"saved.h5.partial-*"}).isEmpty(); };
        while (!saving() && process.state() != QProcess::NotRunning && timer.elapsed() < 60000)
            process.waitForFinished(1);
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        QVERIFY(process.waitForFinished(30000));
        QCOMPARE(process.exitStatus(), QProcess::NormalExit);
        // Written are the conditions so far, or all of them: whatever was on its way is whole.
        QVERIFY(process.exitCode() == 0 || process.exitCode() == 3);
        const auto saved =
            run({"diagnose", "saved.h5", "--json", "--draws", "0"}).json()["conditions"].size();
        QVERIFY(process.exitCode() == 0 ? saved == 20 : saved >= 1 && saved < 20);
        QVERIFY(!saving());
    }

  private:
    void prepareBadInputs() const {
        if (QFile::exists(file("note.txt"))) return;
        writeBytes(file("note.txt").toStdString(), "text\n");
        writeIds(file("big.u16"), 100, 65000);
        RandomModelOptions options;
        makeRandomHfModel(file("truncated").toStdString(), options, 4);
        QFile weights(file("truncated/model.safetensors"));
        QVERIFY(weights.resize(weights.size() - 100));
        makeRandomHfModel(file("nan").toStdString(), options, 4);
        auto tensors = randomModelTensors(options, 4);
        for (auto& tensor : tensors)
            if (tensor.name == "model.norm.weight") {
                const float nan = std::numeric_limits<float>::quiet_NaN();
                const float bad[] = {nan, HUGE_VALF, 1, -HUGE_VALF};
                std::memcpy(tensor.bytes.data() + 8, bad, sizeof bad);
            }
        writeBytes(file("nan/model.safetensors").toStdString(), safetensorsBytes(tensors));
        options.vocab = 300; // the sample's tokenizer has 1,024 tokens
        makeRandomHfModel(file("alien").toStdString(), options, 4);
        QFile::copy(QROAR_SOURCE_DIR "/samples/model/tokenizer.json", file("alien/tokenizer.json"));
    }
};

QTEST_GUILESS_MAIN(TestCli)
#include "test_cli.moc"
