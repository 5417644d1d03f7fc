// `qroar diagnose` and `qroar compare`: numbers worked out by hand from a session made for it, tables, CSV,
// partial rotary models, sessions without an analysis. Runs the built program.
#include "core/session/search_record.h"
#include "core/session/session_file.h"
#include "tests/app/cli/cli_test.h"
#include "tests/core/diagnostics/built_condition.h"

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <numbers>

using namespace qroar::test;
using Json = nlohmann::json;
using Result = ProgramResult;

namespace {

constexpr double pi = std::numbers::pi;

qroar::ModelConfig twoPairs() {
    qroar::ModelConfig config;
    config.architecture = "LlamaForCausalLM";
    config.layers = 1;
    config.hiddenSize = 4;
    config.intermediateSize = 8;
    config.heads = config.kvHeads = 1;
    config.headDim = config.rotaryDim = 4;
    config.vocabSize = 8;
    config.maxPositions = 32;
    config.ropeTheta = 10000;
    return config;
}

/// d = 4 (omega 1 and 0.01), L0 = 32. Short: every |x| is 1. Long (yarn:4 with m = 2 at 64): 1 up to L0; from
/// there on 1 before and 2 after RoPE, but pair 1 holds 8 at every fourth position (keys, after RoPE).
qroar::Session handMade(double outlier = 8) {
    using namespace qroar;
    Session session;
    session.modelPath = "nowhere";
    session.modelFingerprint = "0123";
    session.model = twoPairs();
    for (const char* name : {"a", "b"}) {
        SessionDocument document;
        document.name = document.fingerprint = name;
        document.tokens = 1000;
        session.documents.push_back(document);
    }
    session.bands = BandPartition::equal(2, 2);
    const auto put = [&](const char* rope, int context, const SampleRule& rule) {
        auto condition =
            std::make_shared<ConditionResult>(buildCondition({1, 1, 2, context, 32, 2, 1}, rule));
        condition->key.rope = RopeSpec::parse(rope).value();
        condition->table =
            buildFrequencyTable(condition->key.rope, session.model.ropeModel(), context).value();
        session.put(std::move(condition));
    };
    put("none", 32, [](const SamplePlace&) { return 1.0; });
    put("yarn:4:attn=2", 64, [outlier](const SamplePlace& p) {
        if (p.stage == RopeStage::Pre || p.position < 32) return 1.0;
        return p.tensor == QkTensor::K && p.pair == 1 && p.position % 4 == 0 ? outlier : 2.0;
    });
    return session;
}

/// NLL of one window of every document: nll[i] at all of its tokens.
void setNll(qroar::Session& session, const std::vector<float>& nll) {
    for (auto& condition : session.conditions) {
        auto changed = std::make_shared<qroar::ConditionResult>(*condition);
        changed->windows.clear();
        for (std::size_t document = 0; document < nll.size(); ++document)
            changed->windows.push_back(
                {static_cast<int>(document), 0,
                 std::vector<float>(static_cast<std::size_t>(changed->key.context) - 1, nll[document])});
        condition = changed;
    }
}

/// As handMade(), but the planted outliers are half as large, the documents are in the other order, and there
/// is one more condition.
qroar::Session otherHandMade() {
    using namespace qroar;
    Session session = handMade(4);
    std::swap(session.documents[0], session.documents[1]);
    session.documents[1].name = "a, renamed";
    auto quantized = std::make_shared<ConditionResult>(*session.conditions[0]);
    quantized->key.quant = QuantSpec::parse("rtn:4:g2").value();
    quantized->windows.clear();
    session.put(quantized);
    return session;
}

void save(const qroar::Session& session, const QString& path) {
    const qroar::Status saved = qroar::saveSession(session, path.toStdString());
    if (!saved) qFatal("%s", saved.error().message.c_str());
}

bool near(const Json& found, double expected, double tolerance = 1e-9) {
    if (found.is_number() && std::abs(found.get<double>() - expected) <= tolerance) return true;
    qWarning("found %s, expected %.17g", found.dump().c_str(), expected);
    return false;
}

/// The one row of a list that has these fields.
Json rowWith(const Json& list, const Json& fields) {
    Json found;
    int count = 0;
    for (const Json& row : list) {
        bool all = true;
        for (const auto& [key, value] : fields.items()) all = all && row.at(key) == value;
        if (all) found = row;
        count += all;
    }
    if (count != 1) qFatal("%d rows with %s", count, fields.dump().c_str());
    return found;
}

} // namespace

class TestCliDiagnose : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;

    QString file(const QString& name) const { return folder_.filePath(name); }
    Result run(const QStringList& arguments) const {
        return runProgram(QStringList{"diagnose"} + arguments, folder_.path());
    }
    Json json(const QStringList& arguments) const {
        const Result result = run(arguments + QStringList{"--json"});
        if (result.code != 0) qFatal("%s", result.err.constData());
        return result.json();
    }

  private slots:
    void initTestCase() { save(handMade(), file("hand.h5")); }

    void pressureByHand() {
        const Json rows = json({"hand.h5", "--condition", "yarn"})["interpolation_pressure"];
        QCOMPARE(rows.size(), std::size_t{2});
        // Both pairs: c(32) = 4 ln(32/(64 pi)) / (2 ln 1e4) < 0, c(1) = 0.35: the ramp goes from 0 to 1.
        const Json& fast = rows[0];
        QVERIFY(near(fast["displacement"], 0) && fast["aliasing_distance"].is_null());
        QVERIFY(near(fast["raw"], 0) && near(fast["partial_cycle_pairs"], 0));
        const Json& slow = rows[1];
        QVERIFY(near(slow["raw"], 0.01 * 64 / 4) && near(slow["saturated"], 0.16 / pi));
        QVERIFY(near(slow["weighted"], 0.16 / pi));
        QVERIFY(near(slow["displacement"], 0.0075 * 64));
        QVERIFY(near(slow["aliasing_distance"], pi / 0.0075));
        QVERIFY(near(slow["partial_cycle_pairs"], 1)); // 628 tokens, L0 = 32
    }

    void tailsByHand() {
        const Json document = json({"hand.h5"});
        const Json& rows = document["tail_inflation"];
        QCOMPARE(rows.size(), std::size_t{2 * 2 * 3 * 2}); // tensors, stages, eps, bands of the long one
        Json key{{"tensor", "k"}, {"stage", "post"}, {"band", 1}, {"epsilon", 0.01}};
        const Json keys = rowWith(rows, key);
        QVERIFY(keys["long"] == "yarn:4:attn=2 \u00b7 64 \u00b7 none" && keys["attention_factor"] == 2.0);
        QVERIFY(near(keys["value"], 8, 0.15)); // bins are 1.8 % wide
        // Every value beyond L0 exceeds 1; without m a quarter does, the others lie in the bin of 1.
        QVERIFY(near(keys["excess_tail_mass"], 1 - 0.01));
        QVERIFY(near(keys["excess_tail_mass_without_m"], 0.25 + 0.75 * 0.01 - 0.01, 0.02));
        key["tensor"] = "q";
        QVERIFY(near(rowWith(rows, key)["value"], 2, 0.04));
        QVERIFY(near(rowWith(rows, key)["excess_tail_mass_without_m"], 0, 0.02));
        key["stage"] = "pre";
        QVERIFY(near(rowWith(rows, key)["value"], 1) && near(rowWith(rows, key)["excess_tail_mass"], 0));
        QVERIFY(rowWith(rows, key)["ci95"] == Json({1.0, 1.0}));

        const Json& grid = document["calibration"];
        key = {{"tensor", "k"}, {"stage", "post"}, {"band", 1}};
        QVERIFY(near(rowWith(grid, key)["bits_lost"], 3) && near(rowWith(grid, key)["clip_rate"], 1));
        key["stage"] = "pre";
        QVERIFY(near(rowWith(grid, key)["bits_lost"], 0) && near(rowWith(grid, key)["clip_rate"], 0));

        const Json& dilation = document["dilation"];
        QCOMPARE(dilation.size(), std::size_t{2 * 2 * 2}); // conditions, tensors, bands
        key = {{"condition", keys["long"]}, {"tensor", "k"}, {"band", 1}};
        QVERIFY(near(rowWith(dilation, key)["value"], 8));
        key["tensor"] = "q";
        QVERIFY(near(rowWith(dilation, key)["value"], 2));
    }

    void topSharesByHand() {
        const Json document = json({"hand.h5", "--condition", "yarn"});
        QVERIFY(document["conditions"][0]["bucket_edges"] == Json({0, 16, 32, 64}));
        const Json& rows = document["top_shares"];
        Json key{{"tensor", "k"}, {"stage", "post"}, {"band", 1}, {"epsilon", 0.01}};
        // 8 of the 128 values of a document and row are large, all in the last bucket of pair 1, which holds
        // 32 of them.
        const Json large = rowWith(rows, key);
        QVERIFY(near(large["share"], 1) && near(large["share_by_bucket"][2], 1));
        QVERIFY(near(large["share_by_bucket"][0], 0) && near(large["share_by_bucket"][1], 0));
        QVERIFY(near(large["relative"], 2) && near(large["relative_by_bucket"][2], 4));
        key["tensor"] = "q"; // both pairs are 2 beyond L0
        for (const int band : {0, 1}) {
            key["band"] = band;
            QVERIFY(near(rowWith(rows, key)["share"], 0.5));
            QVERIFY(near(rowWith(rows, key)["share_by_bucket"][2], 0.5));
            QVERIFY(near(rowWith(rows, key)["relative_by_bucket"][2], 2));
        }
        key["stage"] = "pre"; // all values alike: every cell has its size
        QVERIFY(near(rowWith(rows, key)["share_by_bucket"][0], 0.125));
        QVERIFY(near(rowWith(rows, key)["relative_by_bucket"][0], 1));
    }

    void tables() {
        const QByteArray overview = run({"hand.h5"}).out;
        for (const char* words :
             {"Largest tail-inflation", "displacement (rad)", "first aliasing (tokens)", "IP weighted",
              "TIR/m k", "excess k %", "dil/m k", "top k %", "against none", "never", "418.9"})
            QVERIFY2(overview.contains(words), words);
        QVERIFY(!overview.contains("NoPE"));
        // a condition without scaling has a sentence instead of zeros
        QCOMPARE(overview.count("no pair is scaled"), qsizetype{1});
        QCOMPARE(overview.count("displacement (rad)"), qsizetype{1});
        const std::pair<const char*, std::vector<const char*>> metrics[] = {
            {"pressure", {"IP measured", "partial cycles"}},
            {"tir", {"after, / m", "eps 0.0001", "[1.000, 1.000]"}},
            {"excess", {"99.000", "eps 0.0001"}},
            {"dilation", {"8.000", "4.000"}},
            {"calibration", {"bits lost", "100.0000", "3.000"}},
            {"top-share", {"32-63", "100.00", "x size"}}};
        const QByteArray all = run({"hand.h5", "--metric", "all"}).out;
        for (const auto& [metric, words] : metrics) {
            const QByteArray one = run({"hand.h5", "--metric", metric}).out;
            for (const char* word : words) {
                QVERIFY2(one.contains(word), word);
                QVERIFY2(all.contains(word), word);
            }
            QVERIFY(!one.contains("Largest tail-inflation"));
        }
        QCOMPARE(run({"hand.h5", "--metric", "heat"}).code, 2);
        QCOMPARE(run({"hand.h5", "--epsilon", "0.5"}).code, 2);
        const Result none = run({"hand.h5", "--condition", "ntk"});
        QCOMPARE(none.code, 1);
        QVERIFY2(none.err.contains("hand.h5: --condition") && none.err.contains("yarn:4"), none.err);
        const Json typed = json({"hand.h5", "--condition", "yarn:4:attn=2 . 64"});
        QCOMPARE(typed["conditions"].size(), std::size_t{1});
    }

    void csvFiles() {
        QCOMPARE(run({"hand.h5", "--csv", "tables"}).code, 0);
        const auto lines = [&](const char* name) {
            QFile csv(file(QString("tables/") + name));
            return csv.open(QIODevice::ReadOnly) ? csv.readAll().split('\n') : QList<QByteArray>();
        };
        for (const char* name : {"bands.csv", "conditions.csv", "interpolation_pressure.csv",
                                 "tail_inflation.csv", "calibration.csv", "dilation.csv"})
            QVERIFY2(lines(name).size() > 2, name);
        const auto shares = lines("top_shares.csv");
        QCOMPARE(shares[0], QByteArray("condition,layer,band,tensor,stage,epsilon,from,to,share,relative"));
        QCOMPARE(shares.size(), qsizetype{1 + (2 + 3) * 2 * 2 * 2 * 3 + 1}); // buckets, bands, .., last end
        for (const QByteArray& line : shares)
            if (!line.isEmpty()) QCOMPARE(line.count(','), qsizetype{9});
        QVERIFY(!QFile::exists(file("tables/sensitivity.csv")));
    }

    void twoSessionsByHand() {
        qroar::Session a = handMade(), b = otherHandMade();
        setNll(a, {2.0F, 3.0F});
        setNll(b, {2.75F, 1.875F}); // of "b" and "a": A - B is 0.25 and 0.125
        save(a, file("a.h5"));
        save(b, file("b.h5"));
        const Result found =
            runProgram({"compare", "a.h5", "b.h5", "--json", "--csv", "compared"}, folder_.path());
        QVERIFY2(found.code == 0, found.err.constData());
        const Json said = found.json();
        QVERIFY(said["model"]["same"] == true);
        QVERIFY(said["documents"]["both"] == Json({"a", "b"}));
        QCOMPARE(said["conditions"]["both"].size(), std::size_t(2));
        QCOMPARE(said["conditions"]["only_b"].size(), std::size_t(1));
        for (const Json& row : said["nll"]) { // matched by what the documents are, not by where they are
            QVERIFY(near(row["difference"], 0.1875));
            QCOMPARE(row["shared_documents"].get<int>(), 2);
            QVERIFY(row["ci95"][0].get<double>() >= 0.125 && row["ci95"][1].get<double>() <= 0.25);
        }
        Json key{{"metric", "tir"}, {"tensor", "k"}, {"stage", "post"}, {"epsilon", 0.01}};
        const Json tails = rowWith(said["grids"], key);
        QVERIFY(near(tails["largest"], 4, 0.1)); // 8 - 4, in band 1
        QCOMPARE(tails["largest_band"].get<int>(), 1);
        QVERIFY(near(tails["mean"], 2, 0.05)); // band 0 is the same in both
        key["tensor"] = "q";
        QVERIFY(near(rowWith(said["grids"], key)["mean_absolute"], 0));
        for (const Json& row : said["grids"])
            if (row["metric"] == "ip_raw") QVERIFY(near(row["largest"], 0));
        QFile cells(file("compared/cells.csv"));
        QVERIFY(cells.open(QIODevice::ReadOnly));
        const QByteArray csv = cells.readAll();
        QVERIFY2(
            csv.startsWith("condition,metric,tensor,stage,epsilon,layer,band,a,b,difference,condition_b\n"),
            csv);
        // 2 conditions x 3 pressures x 2 bands, and 12 tails of the long one
        QCOMPARE(csv.count('\n'), 1 + 2 * 3 * 2 + 12 * 2);
        const Result text = runProgram({"compare", "a.h5", "b.h5", "--epsilon", "0.01"}, folder_.path());
        QVERIFY2(text.out.contains("models: the same") && text.out.contains("tir k post")
                     && text.out.contains("0.1875"),
                 text.out.constData());
    }

    void theLargestDifferencesComeFirst() {
        qroar::Session a = handMade(), b = handMade(4);
        const auto put = [](qroar::Session& session, const char* quant, float nll) {
            auto one = std::make_shared<qroar::ConditionResult>(*session.conditions[1]);
            one->key.quant = qroar::QuantSpec::parse(quant).value();
            one->windows = {{0, 0, std::vector<float>(63, nll)}};
            session.put(one);
        };
        setNll(a, {2.0F});
        setNll(b, {2.0F}); // the first two conditions have the same loss
        for (const auto& [quant, nll] :
             {std::pair{"rtn:4:g2", 2.25F}, std::pair{"rtn:3:g2", 4.0F}, std::pair{"rtn:2:g2", 1.5F}})
            put(b, quant, nll);
        for (const char* quant : {"rtn:4:g2", "rtn:3:g2", "rtn:2:g2"}) put(a, quant, 2.0F);
        save(a, file("a.h5"));
        save(b, file("b.h5"));
        const QByteArray out = runProgram({"compare", "a.h5", "b.h5"}, folder_.path()).out;
        const auto nll = out.indexOf("NLL, nats"), most = out.indexOf("-2.0000", nll),
                   middle = out.indexOf("0.5000", most), least = out.indexOf("-0.2500", middle);
        QVERIFY2(nll >= 0 && nll < most && most < middle && middle < least, out.constData());
        QVERIFY2(out.contains("2 of 5 conditions have the same NLL in both"), out.constData());
        QVERIFY(!out.mid(nll, least - nll).contains(" 0.0000 ")); // no line of zeros
        // metrics by themselves: tails, which the sessions measured, and none of the pressures, which agree
        const QByteArray grids = out.mid(out.indexOf("layer x band, A - B"));
        QVERIFY2(grids.contains("tir k post") && !grids.contains("ip_raw"), grids.constData());
        QVERIFY2(grids.contains("grids are the same in both"), grids.constData());
        // the document keeps the order of the session
        const Json said = runProgram({"compare", "a.h5", "b.h5", "--json"}, folder_.path()).json();
        QVERIFY(near(said["nll"][0]["difference"], 0));
    }

    void scalesStandAgainstTheSameWithout() {
        qroar::Session a = handMade(), b = handMade();
        setNll(a, {2.0F, 3.0F});
        setNll(b, {1.5F, 2.5F});
        qroar::ConditionResult scaled = *b.conditions.back();
        scaled.key.scales = "g1";
        b.conditions = {std::make_shared<const qroar::ConditionResult>(scaled)};
        save(a, file("a.h5"));
        save(b, file("b.h5"));
        const std::string plain = a.conditions.back()->key.text();
        for (const bool swapped : {false, true}) {
            const char *first = swapped ? "b.h5" : "a.h5", *second = swapped ? "a.h5" : "b.h5";
            const Json said = runProgram({"compare", first, second, "--json"}, folder_.path()).json();
            QCOMPARE(said["nll"].size(), std::size_t(1));
            QCOMPARE(said["nll"][0][swapped ? "condition_b" : "condition"].get<std::string>(), plain);
            QCOMPARE(said["nll"][0][swapped ? "condition" : "condition_b"].get<std::string>(),
                     scaled.key.text());
            QVERIFY(near(said["nll"][0]["difference"], swapped ? -0.5 : 0.5));
            QVERIFY(!said["grids"].empty());
        }
        // its own twin, where there is one, comes first
        b.conditions.push_back(a.conditions.back());
        save(b, file("b.h5"));
        const Json both = runProgram({"compare", "a.h5", "b.h5", "--json"}, folder_.path()).json();
        QCOMPARE(both["nll"].size(), std::size_t(2));
        QCOMPARE(both["nll"][0]["condition_b"].get<std::string>(), plain);
        const Result text = runProgram({"compare", "a.h5", "b.h5"}, folder_.path());
        QVERIFY2(text.out.contains(("B: " + scaled.key.text()).c_str()), text.out.constData());
    }

    void sessionsOfDifferentModels() {
        qroar::Session a = handMade(), b = handMade();
        b.model.ropeTheta = 500;
        b.modelFingerprint = "4567";
        b.documents[0].fingerprint = "other";
        b.documents[0].tokens = 4321;
        b.model.vocabSize += 1000;
        b.modelPath = "another model";
        setNll(a, {2.0F, 3.0F});
        setNll(b, {1.0F, 2.5F});
        save(a, file("a.h5"));
        save(b, file("b.h5"));
        const Json said = runProgram({"compare", "a.h5", "b.h5", "--json"}, folder_.path()).json();
        QVERIFY(said["model"]["same"] == false);
        const Json theta = rowWith(said["model"]["differences"], {{"field", "rope_theta"}});
        QVERIFY(near(theta["a"], 10000) && near(theta["b"], 500));
        const Json other{{"name", "a"}, {"tokens_a", a.documents[0].tokens}, {"tokens_b", 4321}};
        QVERIFY(said["documents"]["other_tokens"] == Json::array({other}));
        QVERIFY(said["documents"]["only_a"].empty() && said["documents"]["only_b"].empty());
        for (const Json& row : said["nll"]) QVERIFY(near(row["difference"], 0.5)); // of document b alone
        const Result text = runProgram({"compare", "a.h5", "b.h5"}, folder_.path());
        for (const char* words : {"documents: 1 in both\n", "in other tokens: A, a.h5 (",
                                  "and B, b.h5 (another model, vocabulary of", "were tokenized differently",
                                  "4,321", "grids are the same in both"})
            QVERIFY2(text.out.contains(words), text.out.constData());
        QVERIFY(!text.out.contains("only in A (a)")
                && QString::fromStdString(said["tokens_reason"]).contains("tokenized"));
        // the same vocabulary may be another tokenizer; one model with other texts is neither
        b.model.vocabSize = a.model.vocabSize;
        save(b, file("b.h5"));
        QVERIFY(runProgram({"compare", "a.h5", "b.h5"}, folder_.path())
                    .out.contains("or the texts were changed"));
        b.modelFingerprint = a.modelFingerprint;
        save(b, file("b.h5"));
        QVERIFY(runProgram({"compare", "a.h5", "b.h5"}, folder_.path()).out.contains("are of one model"));
        b.documents[0].name = "c"; // of its own
        save(b, file("b.h5"));
        const Json apart = runProgram({"compare", "a.h5", "b.h5", "--json"}, folder_.path()).json();
        QVERIFY(apart["tokens_reason"].is_null() && apart["documents"]["other_tokens"].empty());
        QVERIFY(apart["documents"]["only_a"] == Json({"a"}) && apart["documents"]["only_b"] == Json({"c"}));
        const Result gone = runProgram({"compare", "a.h5", "gone.h5"}, folder_.path());
        QVERIFY(gone.code == 1 && gone.err.contains("gone.h5"));
    }

    void rowsWithoutRotation() {
        RandomModelOptions options;
        options.maxPositions = 64;
        options.partialRotaryFactor = 0.5; // 4 of 8 rows: two pairs
        makeRandomHfModel(file("partial").toStdString(), options, 3);
        writeIds(file("a.u16"), 300, options.vocab);
        const Result analyzed = runProgram({"analyze", "partial", "--text", "a.u16", "--contexts", "64",
                                            "--rope", "none", "--bands", "2", "-o", "partial.h5"},
                                           folder_.path());
        QVERIFY2(analyzed.code == 0, analyzed.err);
        const Json document = json({"partial.h5"});
        QVERIFY(document["nope"] == Json({{"from_row", 4}, {"to_row", 8}, {"rows", 4}, {"recorded", false}}));
        QCOMPARE(document["bands"].size(), std::size_t{2});
        QVERIFY(run({"partial.h5"}).out.contains("Rows 4..7 of every head are not rotated (NoPE band)"));
        QVERIFY(json({"hand.h5"})["nope"].is_null());
    }

    /// Recorded later into the same file; rows agree with each other and with the tables.
    void noiseAndDamage() {
        RandomModelOptions options;
        options.maxPositions = 64;
        makeRandomHfModel(file("noisy").toStdString(), options, 3);
        writeIds(file("n.u16"), 300, options.vocab);
        QStringList words{"analyze", "noisy",          "--text",  "n.u16", "--contexts", "64",
                          "--quant", "none,rtn:3:g32", "--bands", "2",     "-o",         "noisy.h5"};
        const Result first = runProgram(words, folder_.path());
        QVERIFY2(first.code == 0, first.err);
        QVERIFY(json({"noisy.h5"})["logit_noise"].empty() && json({"noisy.h5"})["damage"].empty());
        words << "--resume"
              << "--noise"
              << "--damage"
              << "bands";
        const Result second = runProgram(words, folder_.path());
        QVERIFY2(second.code == 0, second.err);
        const Json document = json({"noisy.h5", "--csv", "noisy"});
        QCOMPARE(document["anisotropy"].size(), std::size_t{2 * 4});       // layers, pairs
        QCOMPARE(document["logit_noise"].size(), std::size_t{2 * 3 * 6});  // layers, bands and all, distances
        QCOMPARE(document["damage"].size(), std::size_t{2 * (1 + 2 * 2)}); // layers, whole and q, k by band
        for (const Json& row : document["anisotropy"]) {
            QVERIFY(row["anisotropy_k"] >= 0 && row["anisotropy_k"] <= 1);
            QVERIFY(row["depth_mean"] >= 0 && row["depth_mean"] <= row["depth"]);
        }
        double sum = 0;
        for (const Json& row : document["damage"])
            if (row["band"].is_null()) sum += row["kl"].get<double>();
        const Json& whole = document["damage_summary"].at(0);
        QVERIFY(near(whole["layer_additivity"], sum / whole["kl"].get<double>()));
        QCOMPARE(whole["band_edges"], Json("0,2,4"));
        for (const char* name : {"anisotropy", "logit_noise", "damage", "damage_summary"})
            QVERIFY2(QFile::exists(file(QString("noisy/%1.csv").arg(name))), name);
        const Result tables = run({"noisy.h5", "--metric", "anisotropy,noise,damage"});
        for (const char* word : {"psi q (deg)", "RMS noise of the attention logits", "32..63", "random KL"})
            QVERIFY2(tables.out.contains(word), tables.out);
        words[words.size() - 1] = "heads";
        QCOMPARE(runProgram(words, folder_.path()).code, 2);
    }

    void aSessionOfASearch() {
        qroar::Session session;
        session.modelPath = "models/my llama";
        session.modelFingerprint = "0123";
        session.model = twoPairs();
        session.bands = qroar::BandPartition::equal(1, 2);
        auto record = std::make_shared<qroar::SearchRecord>();
        record->scales.name = "tuned";
        record->scales.rope = record->settings.rope = "yarn:4";
        record->scales.quant = record->settings.quant = "rtn:4:g64";
        record->scales.gains = qroar::QkGains::ones(session.model);
        record->settings.bandEdges = session.bands.edges();
        record->settings.contexts = {64};
        record->settings.contextWeights = {1};
        record->settings.windows = {2.0};
        record->settings.priority = {0.0};
        session.searches.push_back(record);
        save(session, file("search.h5"));
        const Result result = run({"search.h5"});
        QCOMPARE(result.code, 1);
        QVERIFY(result.out.isEmpty());
        for (const char* words : {"search.h5: expected an analysis", "a search: \"tuned\" (yarn:4, rtn:4:g64",
                                  "qroar analyze 'models/my llama' --text", "--scales search.h5"})
            QVERIFY2(result.err.contains(words), result.err);
        session.searches.clear();
        save(session, file("empty.h5"));
        QVERIFY(run({"empty.h5"}).err.contains("a session without any condition"));
    }
};

QTEST_APPLESS_MAIN(TestCliDiagnose)
#include "test_cli_diagnose.moc"
