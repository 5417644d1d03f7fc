// Saving and loading: exact round trips, atomic replacement, other programs can read it.
#include "core/session/session_file.h"
#include "tests/core/session/session_equality.h"
#include "tests/support/synthetic_session.h"

#include <QFile>
#include <QProcess>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>

#include <functional>
#include <limits>

using namespace qroar;

namespace {

QByteArray contentOf(const std::filesystem::path& path) {
    QFile file(QString::fromStdString(path.string()));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

std::shared_ptr<ConditionResult> copyOf(const std::shared_ptr<const ConditionResult>& condition) {
    return std::make_shared<ConditionResult>(*condition);
}

} // namespace

class TestSessionFile : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    std::filesystem::path path(const char* name) const {
        return std::filesystem::path(folder_.path().toStdString()) / name;
    }
    std::string roundTrip(const Session& session, const char* name) const {
        const Status saved = saveSession(session, path(name));
        if (!saved) return saved.error().message;
        const auto loaded = loadSession(path(name));
        return loaded ? test::difference(session, **loaded) : loaded.error().message;
    }

  private slots:
    void initTestCase() { QVERIFY(folder_.isValid()); }

    void synthetic() { QCOMPARE(roundTrip(*test::makeSyntheticSession(), "plain.h5"), std::string()); }

    void scaledConditions() {
        Session session = *test::makeSyntheticSession();
        auto scaled = copyOf(session.conditions.back());
        scaled->key.scales = "g1";
        session.conditions.push_back(scaled);
        QCOMPARE(roundTrip(session, "scaled.h5"), std::string());
        const auto loaded = loadSession(path("scaled.h5"));
        QCOMPARE((*loaded)->conditions.back()->key.scales, std::string("g1"));
        QVERIFY((*loaded)->find(scaled->key));
    }

    void bandNamesAndColours() {
        Session session = *test::makeSyntheticSession();
        session.bandStyles.assign(8, {});
        session.bandStyles[0] = {"h\xc3\xb6"
                                 "chste",
                                 "#0072b2"};
        session.bandStyles[5].name = "a name, with \"quotes\"";
        QCOMPARE(roundTrip(session, "styles.h5"), std::string());
        for (BandStyle& style : session.bandStyles) style.name.clear(); // only colours
        QCOMPARE(roundTrip(session, "colours.h5"), std::string());
        session.bandStyles.pop_back();
        QVERIFY(!saveSession(session, path("wrong.h5")));
        session.bandStyles.assign(8, {"", "blue"});
        QVERIFY(!saveSession(session, path("wrong.h5")));
        session.bandStyles.assign(8, {std::string(longestBandName + 1, 'x'), ""});
        QVERIFY(!saveSession(session, path("wrong.h5")));
        QVERIFY(!std::filesystem::exists(path("wrong.h5")));
        // As all files before there were names.
        QCOMPARE(roundTrip(*test::makeSyntheticSession(), "unnamed.h5"), std::string());
        const auto unnamed = loadSession(path("unnamed.h5"));
        QVERIFY((*unnamed)->bandStyles.empty());
    }

    void divergence() {
        test::SyntheticOptions options;
        options.capture = false;
        options.divergence = true;
        options.contexts = {256, 600};
        Session session = *test::makeSyntheticSession(options);
        auto changed = copyOf(session.conditions.back());
        changed->reference = "a file of logits.kld";
        changed->divergence[0].kl[0] = std::numeric_limits<float>::quiet_NaN(); // no reference there
        session.conditions.back() = changed;
        QCOMPARE(roundTrip(session, "divergence.h5"), std::string());
        // Other windows than the NLL's are not a session.
        auto wrong = copyOf(session.conditions.back());
        wrong->divergence.pop_back();
        session.conditions.back() = wrong;
        const Status saved = saveSession(session, path("wrong.h5"));
        QVERIFY(!saved && saved.error().message.find("divergence") != std::string::npos);
        wrong = copyOf(changed);
        wrong->divergence[1].sameTop.pop_back();
        session.conditions.back() = wrong;
        QVERIFY(!saveSession(session, path("wrong.h5")));
    }

    void withoutGradients() { // as every file before there were gradients
        test::SyntheticOptions options;
        options.gradients = false;
        QCOMPARE(roundTrip(*test::makeSyntheticSession(options), "nogradients.h5"), std::string());
        const auto loaded = loadSession(path("nogradients.h5"));
        for (const auto& condition : (*loaded)->conditions) QVERIFY(condition->sensitivity.empty());
    }

    void manyChunks() {
        test::SyntheticOptions options; // arrays far larger than a chunk, in more than one axis
        options.layers = 9;
        options.pairs = 48;
        options.groups = 2;
        options.documents = 3;
        options.contexts = {4096, 70001};
        options.ropes = {"yarn:4"};
        QCOMPARE(roundTrip(*test::makeSyntheticSession(options), "chunks.h5"), std::string());
    }

    void everyOptionalField() {
        test::SyntheticOptions options;
        options.ropes = {"none",
                         "model",
                         "ntk:4",
                         "dynamic:4",
                         "llama3:8:low=1:high=4:orig=64",
                         "yarn:4:orig=128:beta_fast=16:attn=1.2:truncate=0"};
        options.contexts = {257};
        Session session = *test::makeSyntheticSession(options);
        session.model.slidingWindow = 77;
        session.model.originalMaxPositions = 128;
        session.model.pairLayout = PairLayout::Interleaved;
        session.model.tiedEmbeddings = session.model.mlpBias = true;
        session.model.eosId = -1;
        session.model.storedRope.kind = RopeKind::LongRope;
        session.model.storedRope.shortFactors.assign(16, 1.0 / 3);
        session.model.storedRope.longFactors.assign(16, 12.3456789);
        session.viewState.clear();
        session.provenance.command = std::string(200000, 'x'); // more than a compact attribute holds
        session.provenance.host.clear();
        auto changed = copyOf(session.conditions[3]);
        changed->table.warnings = {"first", "", "third: \xc3\xa4\xe2\x82\xac, \"quotes\"\nand lines"};
        changed->table.spec = session.model.storedRope;
        changed->table.unscaledLayers = {0, 2};
        changed->windows[0].nll[0] = std::numeric_limits<float>::quiet_NaN();
        changed->windows[0].nll[1] = std::numeric_limits<float>::infinity();
        changed->windows[0].nll[2] = -0.0F;
        changed->statistics.moments(0).maxAbs = std::numeric_limits<double>::infinity();
        changed->statistics.histogram(5) = LogHistogram();
        changed->statistics.histogram(6) =
            LogHistogram::fromCounts(LogHistogram::binCount - 1, {4294967295U});
        changed->statistics.histogram(7) = LogHistogram::fromCounts(0, {1, 0, 0, 2});
        session.conditions[3] = changed;
        QCOMPARE(roundTrip(session, "optional.h5"), std::string());
    }

    /// What phase views, audits and windows of attention ask of a session whose model is not at hand.
    void familiesOfModels() {
        Session session = *test::makeSyntheticSession();
        const auto layers = static_cast<std::size_t>(session.model.layers);
        ModelConfig& model = session.model;
        model.slidingWindow = 32;
        model.windowedLayers.assign(layers, true);
        model.windowedLayers[0] = false;
        model.unrotatedLayers.assign(layers, false);
        model.unrotatedLayers[layers - 1] = true;
        model.localTheta = 12345.0;
        model.qkNorms = model.outputNorms = model.offsetNorms = model.fusedProjections = true;
        model.activation = Activation::GeluTanh;
        model.embeddingScale = 12;
        model.residualScale = 1.0 / 3;
        model.logitScale = 0.125;
        model.attentionScale = 0.0625;
        model.attentionCap = 50;
        model.logitCap = 30;
        QCOMPARE(roundTrip(session, "family.h5"), std::string());

        const auto refused =
            [&](const char* expected) { // by both sides; the reader's in test_session_hostile
                const Status saved = saveSession(session, path("wrongfamily.h5"));
                QVERIFY(!saved);
                QVERIFY2(saved.error().message.find(expected) != std::string::npos,
                         saved.error().message.c_str());
            };
        model.attentionCap = -1;
        refused("attention_cap");
        model.attentionCap = 50;
        model.unrotatedLayers.push_back(false);
        refused("unrotated_layers");
    }

    void calibrationOfWeights() {
        Session session = *test::makeSyntheticSession();
        auto calibrated = copyOf(session.conditions.back());
        QVERIFY(!calibrated->distortions.empty());
        calibrated->calibration = CalibrationRecord{{"0123abcd", "", "ffff"}, "yarn:4", 1024, 16};
        for (LayerDistortion& one : calibrated->distortions) {
            one.output.emplace();
            one.output->count = 1000 + one.layer;
            one.output->sumSquaredError = 0.1 * (1 + one.layer);
            one.output->sumSquaredWeight = 1e9 / 3;
            one.output->sumProduct = -2.5;
            one.output->sumSquaredQuantized = 1e-300;
        }
        session.conditions.back() = calibrated;
        QCOMPARE(roundTrip(session, "calibrated.h5"), std::string());
        calibrated->calibration->documents.clear(); // a list that would be empty is left out
        QCOMPARE(roundTrip(session, "calibrated.h5"), std::string());
    }

    void withoutCaptureDocumentsOrConditions() {
        test::SyntheticOptions options;
        options.capture = false;
        QCOMPARE(roundTrip(*test::makeSyntheticSession(options), "nocapture.h5"), std::string());
        Session session = *test::makeSyntheticSession(options);
        for (auto& condition : session.conditions) {
            auto bare = copyOf(condition);
            bare->windows.clear();
            bare->distortions.clear();
            condition = bare;
        }
        QCOMPARE(roundTrip(session, "bare.h5"), std::string());
        session.conditions.clear();
        session.documents.clear();
        QCOMPARE(roundTrip(session, "empty.h5"), std::string());
    }

    void sameSessionSameBytes() {
        const auto session = test::makeSyntheticSession();
        QVERIFY(saveSession(*session, path("one.h5")));
        QTest::qSleep(1100); // a time stamp would change
        QVERIFY(saveSession(*session, path("two.h5")));
        QCOMPARE(contentOf(path("one.h5")), contentOf(path("two.h5")));
    }

    void savingInAMissingFolderFails() {
        const auto target = path("missing") / "run.h5";
        const Status saved = saveSession(*test::makeSyntheticSession(), target);
        QVERIFY(!saved);
        QCOMPARE(static_cast<int>(saved.error().code), static_cast<int>(ErrorCode::Io));
        QVERIFY(saved.error().message.find(target.string()) != std::string::npos);
        QVERIFY(!std::filesystem::exists(target));
    }

    void aSessionThatCannotBeLoadedIsNotSaved() {
        const auto good = test::makeSyntheticSession();
        QVERIFY(saveSession(*good, path("kept.h5")));
        const QByteArray before = contentOf(path("kept.h5"));
        const auto refused = [&](const std::function<void(Session&, ConditionResult&)>& spoil) {
            Session session = *good;
            auto condition = copyOf(session.conditions[4]);
            spoil(session, *condition);
            session.conditions[4] = condition;
            return !saveSession(session, path("kept.h5"));
        };
        QVERIFY(refused([](Session&, ConditionResult& c) { c.windows[2].nll.pop_back(); }));
        QVERIFY(refused([](Session&, ConditionResult& c) { c.windows[2].document = 4; }));
        QVERIFY(refused([](Session&, ConditionResult& c) { std::swap(c.windows[0], c.windows[1]); }));
        QVERIFY(refused([](Session&, ConditionResult& c) { c.table.omega.pop_back(); }));
        QVERIFY(refused([](Session&, ConditionResult& c) { c.byDocument.pop_back(); }));
        QVERIFY(refused([](Session&, ConditionResult& c) { c.sensitivity.lnGainK.pop_back(); }));
        QVERIFY(refused([](Session&, ConditionResult& c) { c.sensitivity.heads -= 1; }));
        QVERIFY(refused([](Session&, ConditionResult& c) { c.sensitivity.lnOmega[1] = NAN; }));
        QVERIFY(refused([](Session& s, ConditionResult&) { s.bands = BandPartition::equal(3, 15); }));
        QVERIFY(refused([](Session& s, ConditionResult& c) { c.key = s.conditions[0]->key; }));
        QVERIFY(refused([](Session&, ConditionResult& c) {
            c.calibration = CalibrationRecord{{}, "none", 64, 0};
        }));
        QVERIFY(refused([](Session&, ConditionResult& c) {
            c.calibration = CalibrationRecord{{}, "none", 0, 1};
        }));
        QVERIFY(refused([](Session& s, ConditionResult& c) {
            c.distortions = s.conditions.back()->distortions;
            c.distortions.front().output.emplace();
        }));
        QVERIFY(!refused([](Session&, ConditionResult&) {}));
        QCOMPARE(contentOf(path("kept.h5")), before);
        for (const auto& entry : std::filesystem::directory_iterator(folder_.path().toStdString()))
            QVERIFY(entry.path().string().find("partial") == std::string::npos);
    }

    void overwritingReplacesTheWholeFile() {
        test::SyntheticOptions options;
        QVERIFY(saveSession(*test::makeSyntheticSession(options), path("replaced.h5")));
        options.seed = 9;
        options.layers = 2;
        QCOMPARE(roundTrip(*test::makeSyntheticSession(options), "replaced.h5"), std::string());
    }

    void h5dumpReadsIt() {
        const QString program = QStandardPaths::findExecutable("h5dump");
        if (program.isEmpty()) QSKIP("h5dump (package hdf5-tools) is not installed");
        test::SyntheticOptions options;
        options.layers = 2;
        options.pairs = 4;
        QVERIFY(saveSession(*test::makeSyntheticSession(options), path("dump.h5")));
        const QString file = QString::fromStdString(path("dump.h5").string());
        const auto dump = [&](const QStringList& arguments) {
            QProcess process;
            process.start(program, arguments + QStringList{file});
            process.waitForFinished(60000);
            return process.exitCode() == 0 ? QString::fromUtf8(process.readAllStandardOutput()) : QString();
        };
        const QString headers = dump({"-H"});
        for (const char* name : {"DATASET \"inverse_frequency\"", "DATASET \"moments\"",
                                 "GROUP \"by_document\"", "ATTRIBUTE \"units\"", "ATTRIBUTE \"axes\"",
                                 "ATTRIBUTE \"description\"", "GROUP \"017\"", "DATASET \"view\""})
            QVERIFY2(headers.contains(name), name);
        // Every dataset says what it is.
        QCOMPARE(headers.count("ATTRIBUTE \"description\""), headers.count("DATASET \""));
        QCOMPARE(headers.count("ATTRIBUTE \"units\""), headers.count("DATASET \""));
        QVERIFY(dump({"-d", "/conditions/000/inverse_frequency"}).contains("(0): 1, 0.1, 0.01, 0.001"));
        QVERIFY(dump({"-d", "/documents/name"}).contains("document 3.txt"));
        QVERIFY(!dump({"-d", "/conditions/017/statistics/moments"}).isEmpty()); // its filters work there
    }
};

QTEST_GUILESS_MAIN(TestSessionFile)
#include "test_session_file.moc"
