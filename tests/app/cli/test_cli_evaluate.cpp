// `qroar evaluate` beyond perplexity: divergence from full precision, logits files, tasks. Runs the built
// program.
#include "core/model/model.h"
#include "core/session/search_record.h"
#include "core/session/session_file.h"
#include "tests/app/cli/cli_test.h"
#include "tests/support/gguf_twin.h"
#include "tests/support/quantized_checkpoint.h"

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

using namespace qroar::test;
using Json = nlohmann::json;
using Result = ProgramResult;

namespace {

/// A session with one search, whose scales take away most of the attention.
void writeScales(const std::string& model, const std::string& path) {
    const auto opened = qroar::openModel(model).value();
    qroar::Session session;
    session.modelFingerprint = opened->fingerprint();
    session.model = opened->config();
    session.bands = qroar::BandPartition::equal(1, session.model.pairs());
    auto record = std::make_shared<qroar::SearchRecord>();
    record->scales.name = "weak";
    record->scales.modelFingerprint = opened->fingerprint();
    record->scales.rope = record->settings.rope = "yarn:2";
    record->scales.quant = record->settings.quant = "rtn:3:g64";
    record->scales.gains = qroar::QkGains::ones(session.model);
    for (double& gain : record->scales.gains.q) gain = 0.125;
    record->settings.bandEdges = session.bands.edges();
    record->settings.contexts = {256};
    record->settings.contextWeights = {1};
    record->settings.windows.assign(static_cast<std::size_t>(session.model.layers), 8.0);
    record->settings.priority.assign(static_cast<std::size_t>(session.model.layers), 0.0);
    session.searches.push_back(record);
    const qroar::Status saved = qroar::saveSession(session, path);
    if (!saved) qFatal("%s", saved.error().message.c_str());
}

} // namespace

class TestCliEvaluate : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    const QString sample_ = QStringLiteral(QROAR_SOURCE_DIR "/samples/model");

    QString file(const QString& name) const { return folder_.filePath(name); }
    Result run(const QStringList& arguments) const {
        return runProgram(QStringList{"evaluate"} + arguments, folder_.path());
    }
    QByteArray readAll(const QString& name) const {
        QFile read(file(name));
        return read.open(QIODevice::ReadOnly) ? read.readAll() : QByteArray();
    }
    Json json(const QStringList& arguments) const {
        const Result result = run(arguments + QStringList{"--json"});
        if (result.code != 0) qFatal("%s", result.err.constData());
        return result.json();
    }

  private slots:
    void initTestCase() {
        writeModelAndIds(folder_.path());
        writeBytes(
            file("questions.jsonl").toStdString(),
            "{\"context\":\"Press the\",\"choices\":[\"button\",\"qqq zzz\"],\"answer\":\"A\"}\n"
            "{\"context\":\"The file is\",\"choices\":[\"xkcd jq\",\"written\",\"...\"],\"answer\":1}\n");
    }

    void divergenceNeedsAReference() {
        const QStringList base{"model",      "--text", "a.u16",  "b.u16",
                               "--contexts", "32",     "--rope", "none,yarn:2"};
        const Json without = json(base + QStringList{"--quant", "rtn:4:g32"});
        for (const Json& row : without["results"]) QVERIFY(row["kl"].is_null() && row["same_top1"].is_null());
        for (const QStringList& how :
             {QStringList{"--quant", "rtn:4:g32", "--reference"}, QStringList{"--quant", "rtn:4:g32,none"}}) {
            const Json with = json(base + how);
            QCOMPARE(with["results"].size(), std::size_t{4});
            for (const Json& row : with["results"]) {
                QCOMPARE(row["kl"].is_null(), row["quant"] == "none");
                if (row["quant"] == "none") continue;
                QVERIFY(hasKeys(row, {"same_top1", "rms_delta_p", "mean_delta_p", "reference"}));
                QVERIFY(hasKeys(row["kl"], {"mean", "median", "p90", "p99", "max", "ci95", "tokens"}));
                QCOMPARE(row["reference"].get<std::string>(), std::string("FP"));
                QCOMPARE(row["kl"]["tokens"], row["tokens"]);
                QCOMPARE(row["kl"]["direction"].get<std::string>(), std::string("KL(reference || variant)"));
                QCOMPARE(row["kl"]["convention"].get<std::string>(), std::string("all"));
                QVERIFY(row["kl"]["from"] == 1 && row["kl"]["to"] == 32);
                const double mean = row["kl"]["mean"], median = row["kl"]["median"], p90 = row["kl"]["p90"],
                             p99 = row["kl"]["p99"], most = row["kl"]["max"];
                QVERIFY(median > 0 && p90 > median && p99 >= p90 && most >= p99);
                QVERIFY(mean > 0 && mean < most);
                double sum = 0;
                for (const Json& bucket : row["buckets"])
                    sum += bucket["kl"].get<double>() * bucket["tokens"].get<double>();
                QVERIFY(std::abs(sum / row["tokens"].get<double>() - mean) < 1e-9);
            }
        }
        const Result text = run(base + QStringList{"--quant", "none,rtn:4:g32"});
        QVERIFY(text.out.contains("same top p %") && text.out.contains("Four-way split"));
        QVERIFY(text.out.contains("KLD = KL(reference || variant) in nats, reference FP"));
        QVERIFY(text.out.contains("convention all: every predicted token"));
    }

    /// analyze --divergence: at once and added with --resume are the same numbers, those of evaluate.
    void divergenceOfAnAnalysis() {
        const QStringList base{"analyze", "model",  "--text",      "a.u16",   "b.u16",          "--contexts",
                               "32",      "--rope", "none,yarn:2", "--quant", "none,rtn:4:g32", "-o"};
        const auto rows = [&](const QStringList& words) {
            const Result result = runProgram(words + QStringList{"--json"}, folder_.path());
            if (result.code != 0) qWarning("%s", result.err.constData());
            return result.json()["results"];
        };
        const Json without = rows(base + QStringList{"later.h5"});
        for (const Json& row : without) QVERIFY(row["kl"].is_null());
        const QStringList more{"later.h5", "--resume", "--divergence"};
        const Result dry = runProgram(base + more + QStringList{"--dry-run", "--json"}, folder_.path());
        QVERIFY(dry.json()["estimate"]["seconds"] > 0);
        const Result whole = runProgram(base + QStringList{"new.h5", "--dry-run", "--json"}, folder_.path());
        QCOMPARE(2 * dry.json()["estimate"]["tokens"].get<int>(), // of the two that have a reference
                 whole.json()["estimate"]["tokens"].get<int>());
        const Json later = rows(base + more), atOnce = rows(base + QStringList{"once.h5", "--divergence"});
        const Json evaluated = json({"model", "--text", "a.u16", "b.u16", "--contexts", "32", "--rope",
                                     "none,yarn:2", "--quant", "none,rtn:4:g32"});
        QCOMPARE(later.size(), std::size_t{4});
        for (std::size_t at = 0; at < later.size(); ++at) {
            QCOMPARE(later[at]["kl"].is_null(), later[at]["quant"] == "none");
            for (const char* field : {"rope", "quant", "nll", "kl", "same_top1"}) {
                QCOMPARE(later[at][field], atOnce[at][field]);
                QCOMPARE(later[at][field], evaluated["results"][at][field]);
            }
        }
        // All is there: nothing is written again.
        const QByteArray before = readAll("later.h5");
        QCOMPARE(rows(base + more), later);
        QCOMPARE(readAll("later.h5"), before);
    }

    void logitsFiles() {
        const QStringList base{"model", "--text", "a.u16", "b.u16", "--contexts", "33"};
        QCOMPARE(run(base + QStringList{"--save-logits", "fp.kld"}).code, 0);
        // 9 + 6 windows, 16 records each of 64 codes and two floats.
        QCOMPARE(QFile(file("fp.kld")).size(), qint64{20 + 4 * 15 * 33 + 15 * 16 * (2 * 64 + 8)});
        const Json coded = json(base + QStringList{"--quant", "rtn:3:g32", "--kl-base", "fp.kld"});
        const Json exact = json(base + QStringList{"--quant", "none,rtn:3:g32", "--convention", "last-half"});
        const Json &one = coded["results"][0], &other = exact["results"][1];
        QCOMPARE(one["reference"].get<std::string>(), std::string("fp.kld"));
        QCOMPARE(one["kl"]["tokens"].get<int>(), 15 * 16);
        QCOMPARE(other["kl"]["tokens"].get<int>(), 15 * 16);
        QVERIFY(std::abs(one["kl"]["mean"].get<double>() - other["kl"]["mean"].get<double>()) < 3e-5);
        QCOMPARE(one["same_top1"], other["same_top1"]);
        // `all` of a reference that has only the last half: what it is about is said
        QCOMPARE(one["kl"]["convention"].get<std::string>(), std::string("all"));
        QCOMPARE(other["kl"]["convention"].get<std::string>(), std::string("last-half"));
        for (const Json& row : {one, other}) QVERIFY(row["kl"]["from"] == 17 && row["kl"]["to"] == 33);

        const Result shorter =
            run({"model", "--text", "a.u16", "b.u16", "--contexts", "32", "--kl-base", "fp.kld"});
        QCOMPARE(shorter.code, 1);
        QVERIFY2(shorter.err.contains("fp.kld: made with chunks of 33 tokens"), shorter.err);
        const Result text = run({"model", "--text", "b.u16", "--contexts", "33", "--kl-base", "fp.kld"});
        QCOMPARE(text.code, 0); // the same ids, as far as they go
        const Result two = run({"model", "--text", "a.u16", "--contexts", "32,33", "--kl-base", "fp.kld"});
        QCOMPARE(two.code, 1);
        QVERIFY(two.err.contains("one context length"));
        const Result none = run(base + QStringList{"--save-logits", "no/such/folder.kld"});
        QCOMPARE(none.code, 1);
        QVERIFY(none.err.contains("no/such"));
        const Result cut = run(base + QStringList{"--kl-base", "a.u16"});
        QCOMPARE(cut.code, 1);
        QVERIFY(cut.err.contains("a.u16: expected a llama-perplexity logits file"));
        QVERIFY2(cut.err.contains("found a file of 600 bytes that begins with 00 00 1f 00"), cut.err);
        const Result folder = run(base + QStringList{"--kl-base", "model"});
        QCOMPARE(folder.code, 1);
        QVERIFY2(folder.err.contains("\"_logits_\"") && folder.err.contains("found a folder"), folder.err);
    }

    /// llama-perplexity reads BOS instead of the first token of every window: the same loss as of ids written
    /// that way.
    void lastHalfStartsWithBos() {
        RandomModelOptions options;
        options.vocab = 260;
        GgufTwin twin = makeGgufTwin(options, 3);
        std::vector<std::string> pieces{"<unk>", "<s>", "</s>"};
        for (int byte = 0; byte < 256; ++byte)
            pieces.push_back(QString::asprintf("<0x%02X>", byte).toStdString());
        pieces.emplace_back("[unused]");
        std::vector<std::int32_t> kinds(260, 6);
        kinds[0] = 2, kinds[1] = kinds[2] = 3, kinds[259] = 5;
        twin.gguf.text("tokenizer.ggml.model", "llama");
        twin.gguf.texts("tokenizer.ggml.tokens", pieces);
        twin.gguf.floats("tokenizer.ggml.scores", std::vector<float>(260, 0));
        twin.gguf.integers("tokenizer.ggml.token_type", kinds);
        twin.gguf.u32("tokenizer.ggml.bos_token_id", 1);
        twin.gguf.boolean("tokenizer.ggml.add_space_prefix", false);
        twin.gguf.write(file("bos.gguf").toStdString());
        const std::string text = // without spaces, which SentencePiece writes as another character
            "What_is_read_at_the_start_of_a_window_is_not_what_the_text_has_there,but_BOS.Twice.";
        writeBytes(file("words.txt").toStdString(), text);
        std::string ids, plain("\1\0", 2);
        for (const char letter : text) plain += {static_cast<char>(letter + 3), '\0'};
        ids = plain;
        for (std::size_t at = 0; at + 1 < ids.size(); at += 2 * 16) ids[at] = 1;
        writeBytes(file("bos.u16").toStdString(), ids);
        writeBytes(file("plain.u16").toStdString(), plain);
        const auto nll = [&](const char* name, const char* convention) {
            return json({"bos.gguf", "--text", name, "--contexts", "16", "--convention",
                         convention})["results"][0]["nll"]
                .get<double>();
        };
        QCOMPARE(nll("words.txt", "last-half"), nll("bos.u16", "last-half"));
        QCOMPARE(nll("words.txt", "all"), nll("plain.u16", "all"));
        QVERIFY(nll("plain.u16", "last-half") != nll("bos.u16", "last-half"));
    }

    /// FP beside a quantized checkpoint: the same numbers as the dense model gives with the same codes made
    /// here.
    void referenceModel() {
        auto checkpoint =
            QuantizedCheckpoint::make(qroar::StoredFormat::Gptq, *qroar::QuantSpec::parse("rtn:4:g32:sym"));
        writeQuantizedModel(file("gptq").toStdString(), checkpoint, 5);
        makeRandomHfModel(file("dense").toStdString(), checkpoint.model, 5);
        const QStringList text{"--text", "a.u16", "b.u16", "--contexts", "32", "--rope", "none,linear:2"};
        const Json beside = json(QStringList{"gptq", "--reference-model", "dense"} + text);
        const Json dense = json(QStringList{"dense", "--quant", "none,rtn:4:g32:sym"} + text);
        QCOMPARE(beside["results"].size(), std::size_t{4});
        for (std::size_t at = 0; at < 4; ++at) {
            const Json &one = beside["results"][at], &other = dense["results"][at];
            QVERIFY(one["quant"] == (at < 2 ? "none" : "stored") && one["rope"] == other["rope"]);
            QCOMPARE(one["nll"], other["nll"]);
            QCOMPARE(one["kl"], other["kl"]);
            QCOMPARE(one["kl"].is_null(), at < 2);
        }
        QCOMPARE(beside["interaction"][0]["value"], dense["interaction"][0]["value"]);
        QVERIFY(hasKeys(beside["reference_model"], {"path", "fingerprint"}));

        const auto refused = [&](const QString& model, const QString& reference, const char* words) {
            const Result result = run(QStringList{model, "--reference-model", reference} + text);
            if (result.code == 1 && result.err.contains(words)) return true;
            qWarning() << result.code << result.err;
            return false;
        };
        QVERIFY(refused("dense", "dense", "use --reference"));
        QVERIFY(refused("gptq", "gptq", "expected a full-precision checkpoint"));
        QVERIFY(refused("gptq", "gone", "gone: no such file"));
        makeRandomHfModel(file("other").toStdString(), checkpoint.model, 6);
        QVERIFY(refused("gptq", "other", "embedding, element 0: expected"));
        auto options = checkpoint.model;
        options.vocab += 8;
        makeRandomHfModel(file("words").toStdString(), options, 5);
        QVERIFY(
            refused("gptq", "words", "words: vocab_size: expected 64, as in the quantized model, found 72"));
        options = checkpoint.model;
        options.layers = 1;
        makeRandomHfModel(file("layers").toStdString(), options, 5);
        QVERIFY(refused("gptq", "layers", "layers: layers: expected 2"));
    }

    void scalesAndTheirVerdict() {
        writeScales(sample_.toStdString(), file("run.h5").toStdString());
        const QString text =
            QStringLiteral(QROAR_SOURCE_DIR "/samples/texts/report_03_release_notes_style.txt");
        const QStringList base{
            sample_,       "--text",  text,        "--contexts",  "256,512",       "--rope",
            "none,yarn:2", "--quant", "rtn:3:g64", "--reference", "--max-windows", "6"};
        const Json found = json(base + QStringList{"--scales", "run.h5:weak"});
        QCOMPARE(found["results"].size(), std::size_t{16});
        int scaled = 0;
        for (const Json& row : found["results"]) scaled += row["scales"] == "weak";
        QCOMPARE(scaled, 8);
        QCOMPARE(found["controls"].size(), std::size_t{8});
        for (const Json& row : found["controls"]) {
            QVERIFY(hasKeys(row, {"rope", "quant", "scales", "context", "trained_context", "q_g_minus_q",
                                  "fp_g_minus_fp", "q_g_minus_fp", "only_q", "effect", "cause", "words"}));
            QCOMPARE(row["fp_g_minus_fp"].is_null(), row["quant"] == "none");
            QVERIFY(hasKeys(row["q_g_minus_q"], {"mean", "ci95", "tokens", "documents", "blocks"}));
            if (row["quant"] == "none") continue;
            const double whole = row["q_g_minus_q"]["mean"], shared = row["fp_g_minus_fp"]["mean"];
            QVERIFY(std::abs(row["only_q"]["mean"].get<double>() - (whole - shared)) < 1e-9);
        }
        QCOMPARE(found["verdict"].size(), std::size_t{1});
        const Json& verdict = found["verdict"][0];
        QVERIFY(hasKeys(verdict, {"rope", "quant", "long", "short", "short_plain", "cause_long",
                                  "cause_short", "words"}));
        QCOMPARE(verdict["rope"].get<std::string>(), std::string("yarn:2"));
        QCOMPARE(verdict["long"].get<std::string>(), std::string("hurts"));
        QCOMPARE(verdict["short"].get<std::string>(), std::string("hurts"));
        QVERIFY(verdict["cause_short"] == "shared" || verdict["cause_short"] == "both");
        const Result printed = run(base + QStringList{"--scales", "run.h5"}); // the last search
        QVERIFY(printed.out.contains("Verdict for yarn:2, rtn:3:g64")
                && printed.out.contains("Long context: hurts"));

        QVERIFY(!printed.out.contains("NOT HELD OUT"));
        const QStringList other{"model", "--text", "a.u16", "--contexts", "32", "--scales"};
        const Result misfit = run(other + QStringList{"run.h5"});
        QCOMPARE(misfit.code, 1);
        QVERIFY2(misfit.err.contains("run.h5: the scales are for"), misfit.err);
        const Result unknown = run(other + QStringList{"run.h5:strong"});
        QCOMPARE(unknown.code, 1);
        QVERIFY2(unknown.err.contains("strong") && unknown.err.contains("weak"), unknown.err);
        QCOMPARE(run(other + QStringList{"gone.h5"}).code, 1);
    }

    void tasks() {
        const Json found = json({sample_, "--quant", "none,rtn:3:g64", "--passkey", "--contexts", "256",
                                 "--copy", "16,64", "--choices", "questions.jsonl", "--trials", "2"});
        QVERIFY(found["results"].empty());
        const Json& tasks = found["tasks"];
        QCOMPARE(tasks["passkey"].size(), std::size_t{2 * 5});
        QCOMPARE(tasks["copy"].size(), std::size_t{2 * 2});
        QCOMPARE(tasks["choices"].size(), std::size_t{2});
        for (const Json& row : tasks["passkey"]) {
            QVERIFY(
                hasKeys(row, {"rope", "quant", "scales", "context", "tokens", "depth", "trials", "candidates",
                              "log_likelihood", "margin", "rank", "accuracy", "accuracy_ci95"}));
            QVERIFY(row["tokens"] <= 256 && row["trials"] == 2 && row["candidates"] == 8);
            QVERIFY(row["rank"] >= 1 && row["rank"] <= 8 && row["log_likelihood"] < 0);
        }
        for (const Json& row : tasks["copy"])
            QVERIFY(hasKeys(row, {"distance", "length", "trials", "nll_first", "nll_repeated", "difference",
                                  "difference_ci95", "top1"}));
        for (const Json& row : tasks["choices"]) {
            QVERIFY(hasKeys(
                row, {"questions", "acc", "acc_ci95", "acc_norm", "acc_norm_ci95", "chance", "longest"}));
            QVERIFY(std::abs(row["chance"].get<double>() - (0.5 + 1.0 / 3) / 2) < 1e-12);
        }
        QCOMPARE(tasks["choices"][0]["acc"].get<double>(), 1.0); // words against noise
        QVERIFY(tasks["choices"][0]["layouts"] == Json({"plain"}));
        writeBytes(file("hub.jsonl").toStdString(),
                   "{\"question\":\"What is written\",\"passage\":\"The file is written.\",\"answer\":true}\n"
                   "{\"sentence\":\"Press the _ "
                   "now.\",\"option1\":\"button\",\"option2\":\"qqq\",\"answer\":\"1\"}\n");
        const Result hub = run({sample_, "--choices", "hub.jsonl"});
        QVERIFY2(hub.code == 0 && hub.out.contains("prompts: BoolQ, WinoGrande"), hub.err + hub.out);
        const Result text = run({sample_, "--copy", "16", "--trials", "2"});
        QCOMPARE(text.code, 0);
        QVERIFY(text.out.contains("Copying of random tokens"));
    }

    void tasksThatCannotRun() {
        const auto message = [&](const QStringList& arguments, int code) {
            const Result result = run(arguments);
            if (result.code != code) qWarning() << result.code << result.err;
            return result.code == code ? QString::fromUtf8(result.err) : QString();
        };
        QVERIFY(message({"model"}, 2).contains("--text"));
        QVERIFY(message({"model", "--text", "a.u16"}, 2).contains("--contexts"));
        QVERIFY(message({"model", "--passkey"}, 2).contains("--contexts"));
        QVERIFY(message({"model", "--copy", "16", "--kl-base", "x.kld"}, 2).contains("--text"));
        QVERIFY(message({"model", "--passkey", "--contexts", "256"}, 1).contains("tokenizer"));
        QVERIFY(message({"model", "--copy", "1"}, 2).contains("at least 2 tokens"));
        QVERIFY(message({sample_, "--passkey", "--contexts", "32"}, 1).contains("passkey at 32 tokens"));
        // Said before anything runs, not where its turn comes.
        writeBytes(file("early.txt").toStdString(), std::string(5000, 'a'));
        QVERIFY(message({sample_, "--text", "early.txt", "--passkey", "--contexts", "32", "--save-logits",
                         "early.kld"},
                        1)
                    .contains("passkey at 32 tokens: at least"));
        QVERIFY(!QFile::exists(file("early.kld")));
        QVERIFY(message({sample_, "--passkey", "--contexts", "256,32"}, 1).contains("at 32 tokens"));
        QVERIFY(message({sample_, "--choices", "gone.jsonl"}, 1).contains("gone.jsonl"));
        writeBytes(file("broken.jsonl").toStdString(),
                   "{\"context\":\"a\",\"choices\":[\"b\",\"c\"],\"answer\":7}\n");
        QVERIFY(message({sample_, "--choices", "broken.jsonl"}, 1).contains("broken.jsonl: line 1"));
    }
};

QTEST_APPLESS_MAIN(TestCliEvaluate)
#include "test_cli_evaluate.moc"
