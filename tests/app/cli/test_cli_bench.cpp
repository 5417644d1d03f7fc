// qroar bench and qroar generate: what they print, as a table and as JSON, and what they refuse.
#include "tests/app/cli/cli_test.h"

#include <QDir>
#include <QTemporaryDir>

using namespace qroar::test;

class TestCliBench : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    ProgramResult run(const QStringList& arguments) const { return runProgram(arguments, folder_.path()); }
    QStringList tiny(const QString& what) const {
        return {"bench",      "--what",    what,        "--shape",   "260k",
                "--contexts", "16",        "--windows", "3",         "--repeat",
                "2",          "--threads", "2",         "--scratch", folder_.filePath("scratch")};
    }

  private slots:
    void initTestCase() { QVERIFY(QDir(folder_.path()).mkdir("scratch")); }
    void cleanup() { QVERIFY(QDir(folder_.filePath("scratch")).isEmpty()); }

    void everyPartIsInTheJson() {
        const auto result =
            run(tiny("gemm,attention,prefill,threads,capture,reverse,search,tokenizer,session,bands")
                + QStringList{"--quant", "rtn:4:g32", "--json"});
        QVERIFY2(result.code == 0, result.err.constData());
        const auto json = result.json();
        QVERIFY(hasKeys(json, {"schema", "machine", "rows", "ratios", "notes", "complete"}));
        QVERIFY(hasKeys(json["machine"],
                        {"processor", "threads", "vectors", "peak_gflops_one_thread", "peak_gflops",
                         "peak_drift", "read_bytes_per_second", "copied_bytes_per_second"}));
        QCOMPARE(json["machine"]["threads"].get<int>(), 2);
        QVERIFY(json["machine"]["peak_gflops"].get<double>() > 0);
        QSet<QString> found;
        for (const auto& row : json["rows"]) {
            QVERIFY(hasKeys(row, {"what", "model", "shape", "threads", "seconds", "operations", "gflops",
                                  "share_of_peak", "tokens_per_second", "bytes_per_second", "whole_seconds",
                                  "whole_tokens_per_second"}));
            QVERIFY(row["seconds"]["median"].get<double>() > 0);
            QVERIFY(row["whole_seconds"].is_null());
            found << QString::fromStdString(row["what"].get<std::string>());
        }
        for (const char* what : {"gemm, q", "gemm, head", "gemm, q k^T", "attention", "prefill, last token",
                                 "prefill, NLL", "capture", "reverse pass", "prefill, NLL, rtn:4:g32",
                                 "search, 1 step", "tokenizer, encode", "tokenizer, decode", "session, save",
                                 "session, open", "bands, tail inflation", "bands, tail inflation, pooled"})
            QVERIFY2(found.contains(what), what);
        QCOMPARE(json["ratios"].size(), std::size_t{4});
        for (const auto& ratio : json["ratios"])
            QVERIFY(hasKeys(ratio, {"what", "model", "shape", "ratio", "target", "at_most", "met"}));
    }

    // 260k: 5 layers of 2 x 64 x 64 + 2 x 32 x 64 + 3 x 172 x 64 weights, a head of 512 x 64, 8 heads of 8.
    void operationsAreThoseCountedByHand() {
        const double weights = 5 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 172 * 64), head = 512 * 64;
        const double visible = 16 * 17 / 2.0;
        const auto json = run(tiny("prefill,attention,gemm") + QStringList{"--json"}).json();
        std::map<std::string, double> operations;
        for (const auto& row : json["rows"]) operations[row["what"]] = row["operations"];
        const double layers = 2 * 16 * weights + 5 * 8 * visible * 4 * 8;
        QCOMPARE(operations.at("prefill, NLL"), 3 * (layers + 2 * 16 * head));
        QCOMPARE(operations.at("prefill, last token"), 3 * (layers + 2 * head));
        QCOMPARE(operations.at("attention"), visible * 4 * 8);
        QCOMPARE(operations.at("gemm, gate"), 2 * 2.0 * 128 * 172 * 64); // on both threads
        for (const auto& row : json["rows"])
            if (row["what"] == "prefill, NLL")
                QCOMPARE(row["tokens_per_second"].get<double>() * row["seconds"]["median"].get<double>(),
                         48.0);
    }

    void theTable() {
        const auto result = run(tiny("prefill,capture") + QStringList{"--layers", "2"});
        QVERIFY2(result.code == 0, result.err.constData());
        for (const char* part :
             {"peak, single precision", "GB/s read", "% of peak", "tokens/s", "260k (2 of 5 layers)",
              "capture / prefill", "<= 1.10", "note: 260k (2 of 5 layers)"})
            QVERIFY2(result.out.contains(part), result.out.constData());
    }

    void aModelOfOnesOwn() {
        writeModelAndIds(folder_.path());
        const auto result = run({"bench", "--shape", "model", "--what", "prefill,tokenizer", "--contexts",
                                 "8,16", "--repeat", "1", "--threads", "1", "--json"});
        QVERIFY2(result.code == 0, result.err.constData());
        const auto json = result.json();
        QCOMPARE(json["rows"].size(), std::size_t{4}); // two contexts, two kinds of logits
        QCOMPARE(json["rows"][0]["model"], nlohmann::json("model"));
        QCOMPARE(json["notes"].size(), std::size_t{1}); // it has no tokenizer
    }

    void generatedModelsCanBeUsed() {
        const auto made = run({"generate", "260k", "-o", "made", "--type", "f16", "--layers", "2", "--json"});
        QVERIFY2(made.code == 0, made.err.constData());
        const auto json = made.json();
        QVERIFY(hasKeys(json, {"schema", "path", "shape", "type", "seed", "parameters", "bytes"}));
        QCOMPARE(json["bytes"].get<long long>(), 2 * json["parameters"].get<long long>());
        const auto seen = run({"inspect", "made", "--json"});
        QVERIFY2(seen.code == 0, seen.err.constData());
        writeBytes(folder_.filePath("text.txt").toStdString(), "bada, kebo. lilu bada\n kebo lilu");
        const auto analyzed =
            run({"analyze", "made", "--text", "text.txt", "--contexts", "8", "-o", "made.h5"});
        QVERIFY2(analyzed.code == 0, analyzed.err.constData());
        const auto again = run({"generate", "260k", "-o", "made"});
        QCOMPARE(again.code, 1);
        QVERIFY2(again.err.contains("--force"), again.err.constData());
        QCOMPARE(run({"generate", "260k", "-o", "made", "--force", "--no-tokenizer"}).code, 0);
        QCOMPARE(run({"generate", "260k", "-o", "other", "--seed", "-1"}).code, 2);
        QVERIFY(!QFile::exists(folder_.filePath("made/tokenizer.json")));
    }

    void whatIsRefused_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<int>("code");
        QTest::addColumn<QByteArray>("says");
        const auto row = [](const char* name, const QStringList& arguments, int code, const char* says) {
            QTest::newRow(name) << arguments << code << QByteArray(says);
        };
        row("unknown shape", {"bench", "--shape", "13b"}, 1, "expected one of 260k, 15m, 135m, 1.1b, 7b");
        row("unknown part", {"bench", "--what", "gem"}, 2, "gem");
        row("no repeats", {"bench", "--repeat", "0"}, 2, "--repeat");
        row("one token", {"bench", "--contexts", "1"}, 2, "--contexts");
        row("unknown type", {"bench", "--type", "q8"}, 2, "--type");
        row("too many layers", {"bench", "--shape", "15m", "--layers", "7"}, 1, "has 6 layers");
        row("no scratch", {"bench", "--shape", "260k", "--what", "prefill", "--scratch", "missing"}, 1,
            "missing");
        row("calibration", {"bench", "--shape", "260k", "--what", "prefill", "--quant", "awq:4:g32"}, 1,
            "awq");
        row("context beyond memory",
            {"bench", "--shape", "15m", "--what", "prefill", "--contexts", "2000000000"}, 1, "memory");
        row("generate nothing", {"generate", "8b", "-o", "x"}, 1, "unknown shape '8b'");
        row("generate nowhere", {"generate", "260k", "-o", "missing/x"}, 1, "no such folder");
        row("generate without output", {"generate", "260k"}, 2, "output");
    }
    void whatIsRefused() {
        QFETCH(QStringList, arguments);
        QFETCH(int, code);
        QFETCH(QByteArray, says);
        const auto result = run(arguments);
        QVERIFY2(result.code == code, result.err.constData());
        QVERIFY2(result.err.contains(says), result.err.constData());
        QVERIFY(result.out.isEmpty());
    }
};

QTEST_GUILESS_MAIN(TestCliBench)
#include "test_cli_bench.moc"
