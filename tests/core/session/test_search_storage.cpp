// Searches in a session file: exact round trips, scales read back by name, and files that lie about them.
#include "core/session/scales_file.h"
#include "core/session/search_record.h"
#include "core/session/session_file.h"
#include "core/session/what_if.h"
#include "tests/core/session/hdf5_edit.h"
#include "tests/core/session/session_equality.h"
#include "tests/support/synthetic_session.h"

#include <QTemporaryDir>
#include <QTest>

#include <hdf5.h>

#include <cmath>
#include <functional>
#include <limits>

using namespace qroar;
using qroar::test::overwrite;

namespace {

constexpr int bandCount = 3;

SearchTrial makeTrial(std::size_t dimension, int number) {
    SearchTrial trial;
    trial.kind = static_cast<TrialKind>(number % 4);
    for (std::size_t at = 0; at < dimension; ++at)
        trial.theta.push_back(std::sin(number + 0.37 * static_cast<double>(at)) / 3);
    trial.nll = {2.0 / (3 + number), 1.7};
    trial.objective = 1.0 / (7 + number);
    if (number % 2 == 0) {
        trial.gradient = trial.gradientError = trial.theta;
        trial.gradientError.front() = 5e-324; // the smallest there is
    }
    if (number == 5) { // overflowed: rejected
        trial.nll.assign(2, std::numeric_limits<double>::infinity());
        trial.objective = std::numeric_limits<double>::infinity();
    }
    trial.forwardEquivalents = 0.1 * number;
    trial.seconds = 0.25;
    trial.accepted = number % 3 == 0;
    return trial;
}

SearchRecord makeRecord(const ModelConfig& model, const std::string& name, int trials) {
    SearchRecord record;
    record.scales = {name, QkGains::ones(model), "0123456789abcdef", "yarn:4", "rtn:4:g64"};
    for (std::size_t at = 0; at < record.scales.gains.q.size(); ++at)
        record.scales.gains.q[at] = std::exp(0.01 * static_cast<double>(at % 17));
    record.scales.gains.k[1] = 1.0 / 3;
    SearchSettings& settings = record.settings;
    settings.rope = record.scales.rope;
    settings.quant = record.scales.quant;
    settings.variant = SearchVariant::Shared;
    settings.scope = SearchScope::Layer;
    settings.method = SearchMethod::Grid;
    settings.bandEdges = {0, 3, 5, model.pairs()};
    settings.contexts = {1024, 256};
    settings.contextWeights = {0.8, 0.2};
    settings.maxWindows = 5;
    settings.lambda = 1.5;
    settings.delta = 0.01;
    settings.l2 = 1e-3;
    settings.steps = 3;
    settings.gridPoints = 7;
    settings.budget = 12.5;
    for (int cell = 0; cell < model.layers * bandCount; ++cell) {
        settings.windows.push_back(1.0 + 0.1 * cell);
        settings.priority.push_back(1.0 / (1 + cell));
    }
    settings.windowSource = "ln tau = \u2026";
    record.documents = {{"a.txt", "/texts/a.txt", "aa", 4000}, {"b.txt", "/texts/b.txt", "bb", 3000}};
    record.documents.front().sketch = {1, 2, 0x8000000000000000u, 0xFFFFFFFFFFFFFFFFu};
    for (int number = 0; number < trials; ++number)
        record.trials.push_back(makeTrial(static_cast<std::size_t>(model.layers) * bandCount, number));
    record.finished = trials > 2;
    record.ending = "3 passes are done";
    record.reportDocuments = {{"c.txt", "/texts/c.txt", "cc", 5000}};
    const double nan = std::numeric_limits<double>::quiet_NaN();
    record.report = {{"FP", "yarn:4", "none", "", 1024, 1, 4, 4092, 2.5, 2.25, 2.75},
                     {"Q+g", "yarn:4", "rtn:4:g64", name, 1024, 1, 4, 4092, 2.625, nan, nan}};
    record.verdict = {"helps", "no measurable effect", "both", "It helps."};
    record.provenance = {"qroar 0.1.0", "2026-01-01T00:00:00Z", "qroar search", "a processor, 2 threads"};
    return record;
}

std::string difference(const SearchRecord& a, const SearchRecord& b) {
    if (!(a.scales == b.scales)) return "scales";
    if (!(a.settings == b.settings)) return "settings";
    if (a.documents != b.documents || a.reportDocuments != b.reportDocuments) return "documents";
    const auto sameTrial = [](const SearchTrial& x, const SearchTrial& y) {
        return x.kind == y.kind && x.theta == y.theta && x.nll == y.nll && x.objective == y.objective
               && x.gradient == y.gradient && x.gradientError == y.gradientError
               && x.forwardEquivalents == y.forwardEquivalents && x.seconds == y.seconds
               && x.accepted == y.accepted;
    };
    if (!std::equal(a.trials.begin(), a.trials.end(), b.trials.begin(), b.trials.end(), sameTrial))
        return "trials";
    const auto sameRow = [](SearchReportRow x, SearchReportRow y) {
        const bool without =
            std::isnan(x.ciLow) && std::isnan(y.ciLow) && std::isnan(x.ciHigh) && std::isnan(y.ciHigh);
        if (without) x.ciLow = y.ciLow = x.ciHigh = y.ciHigh = 0;
        return x == y;
    };
    if (!std::equal(a.report.begin(), a.report.end(), b.report.begin(), b.report.end(), sameRow))
        return "report";
    if (!(a.verdict == b.verdict) || !(a.provenance == b.provenance)) return "words";
    return a.finished == b.finished && a.ending == b.ending ? "" : "ending";
}

using Spoil = std::function<void(hid_t)>;

void setText(hid_t file, const char* object, const char* name, const std::string& value) {
    const hid_t group = H5Gopen2(file, object, H5P_DEFAULT);
    H5Adelete(group, name);
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, value.size());
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, value.c_str());
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    H5Gclose(group);
}

struct Case {
    const char* name;
    const char* expected; ///< part of the message
    Spoil spoil;
};

std::vector<Case> lies() {
    const double nan = std::numeric_limits<double>::quiet_NaN(),
                 infinity = std::numeric_limits<double>::infinity();
    return {
        {"no gains", "scales/q", [](hid_t f) { H5Ldelete(f, "searches/000/scales/q", H5P_DEFAULT); }},
        {"negative gain", "scales",
         [](hid_t f) { overwrite(f, "searches/000/scales/k", H5T_NATIVE_DOUBLE, 2, -1.0); }},
        {"gain that is no number", "scales",
         [nan](hid_t f) { overwrite(f, "searches/000/scales/k", H5T_NATIVE_DOUBLE, 2, nan); }},
        {"gains of another shape", "scales/q",
         [](hid_t f) {
             H5Lmove(f, "searches/000/scales/k", f, "searches/000/scales/q2", H5P_DEFAULT, H5P_DEFAULT);
             H5Ldelete(f, "searches/000/scales/q", H5P_DEFAULT);
             H5Lmove(f, "searches/000/scales/q2", f, "searches/000/scales/q", H5P_DEFAULT, H5P_DEFAULT);
         }},
        {"unknown variant", "variant", [](hid_t f) { setText(f, "searches/000", "variant", "both"); }},
        {"scope of another size", "theta", [](hid_t f) { setText(f, "searches/000", "scope", "model"); }},
        {"bands end elsewhere", "band_edges",
         [](hid_t f) { overwrite(f, "searches/000/band_edges", H5T_NATIVE_INT, 3, 99); }},
        {"window below one", "windows",
         [](hid_t f) { overwrite(f, "searches/000/windows", H5T_NATIVE_DOUBLE, 0, 0.5); }},
        {"kind of trial", "kind",
         [](hid_t f) { overwrite(f, "searches/000/trials/kind", H5T_NATIVE_INT, 1, 9); }},
        {"trial that is no number", "finite",
         [nan](hid_t f) { overwrite(f, "searches/000/trials/theta", H5T_NATIVE_DOUBLE, 1, nan); }},
        {"accepted though infinite", "finite loss",
         [](hid_t f) { overwrite(f, "searches/000/trials/accepted", H5T_NATIVE_INT, 5, 1); }},
        {"start that is infinite", "finite loss",
         [infinity](hid_t f) {
             overwrite(f, "searches/000/trials/objective", H5T_NATIVE_DOUBLE, 0, infinity);
         }},
        {"loss that is no number", "finite loss",
         [nan](hid_t f) { overwrite(f, "searches/000/trials/nll", H5T_NATIVE_DOUBLE, 3, nan); }},
        {"objective below everything", "finite loss",
         [infinity](hid_t f) {
             overwrite(f, "searches/000/trials/objective", H5T_NATIVE_DOUBLE, 1, -infinity);
         }},
        {"sketch that is too long", "sketch",
         [](hid_t f) { overwrite(f, "searches/000/documents/sketch_length", H5T_NATIVE_LLONG, 1, 3LL); }},
        {"sketch of negative length", "sketch_length",
         [](hid_t f) { overwrite(f, "searches/000/documents/sketch_length", H5T_NATIVE_LLONG, 0, -4LL); }},
        {"sketch out of order", "sorted",
         [](hid_t f) { overwrite(f, "searches/000/documents/sketch", H5T_NATIVE_LLONG, 1, 0LL); }},
        {"more gradients than rows", "gradient",
         [](hid_t f) { overwrite(f, "searches/000/trials/with_gradient", H5T_NATIVE_INT, 1, 1); }},
        {"twice the same name", "twice", [](hid_t f) { setText(f, "searches/001", "name", "000"); }},
        {"what-if of the name of a search", "twice",
         [](hid_t f) { setText(f, "what_ifs/000", "name", "000"); }},
        {"what-if with a negative gain", "gains",
         [](hid_t f) { overwrite(f, "what_ifs/000/scales/q", H5T_NATIVE_DOUBLE, 1, -0.5); }},
        {"what-if without gains", "scales/k",
         [](hid_t f) { H5Ldelete(f, "what_ifs/000/scales/k", H5P_DEFAULT); }},
        {"what-if with an infinite prediction", "predicted",
         [infinity](hid_t f) { overwrite(f, "what_ifs/000/predicted", H5T_NATIVE_DOUBLE, 0, infinity); }},
        {"what-if with an effect that is no number", "quantized",
         [nan](hid_t f) {
             overwrite(f, "what_ifs/000/quantized/nll_difference", H5T_NATIVE_DOUBLE, 0, nan);
         }},
        {"what-if without an interval", "nll_difference",
         [](hid_t f) { H5Ldelete(f, "what_ifs/000/quantized/nll_difference", H5P_DEFAULT); }},
        {"more searches", "/searches/002",
         [](hid_t f) {
             const hid_t group = H5Gopen2(f, "searches", H5P_DEFAULT);
             const hid_t attribute = H5Aopen(group, "count", H5P_DEFAULT);
             const long long count = 60000;
             H5Awrite(attribute, H5T_NATIVE_LLONG, &count);
             H5Aclose(attribute);
             H5Gclose(group);
         }},
    };
}

} // namespace

class TestSearchStorage : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    Session session_;

    std::filesystem::path path(const char* name) const {
        return std::filesystem::path(folder_.path().toStdString()) / name;
    }

  private slots:
    void initTestCase() {
        test::SyntheticOptions options;
        options.contexts = {256};
        options.ropes = {"none", "yarn:4"};
        session_ = *test::makeSyntheticSession(options);
        const ModelConfig model = session_.model;
        session_.searches = {std::make_shared<const SearchRecord>(makeRecord(model, "000", 6)),
                             std::make_shared<const SearchRecord>(makeRecord(model, "head, W4", 1))};
        auto whatIf = std::make_shared<WhatIf>();
        whatIf->scales = session_.searches.front()->scales;
        whatIf->scales.name = "by hand";
        whatIf->context = 256;
        whatIf->quantized.mean = -0.01;
        whatIf->quantized.tokens = 100;
        session_.whatIfs = {whatIf};
        QVERIFY2(saveSession(session_, path("run.h5")).ok(), "");
    }

    void roundTrip() {
        const auto loaded = loadSession(path("run.h5"));
        QVERIFY2(loaded.ok(), loaded ? "" : loaded.error().message.c_str());
        QCOMPARE(test::difference(session_, **loaded), std::string());
        QCOMPARE((*loaded)->searches.size(), session_.searches.size());
        for (std::size_t at = 0; at < session_.searches.size(); ++at)
            QCOMPARE(difference(*session_.searches[at], *(*loaded)->searches[at]), std::string());
    }

    void manyTrials() { // arrays beyond a chunk
        Session session = session_;
        session.searches = {std::make_shared<const SearchRecord>(makeRecord(session.model, "long", 5000))};
        QVERIFY(saveSession(session, path("long.h5")).ok());
        const auto loaded = loadSession(path("long.h5"));
        QVERIFY2(loaded.ok(), loaded ? "" : loaded.error().message.c_str());
        QCOMPARE(difference(*session.searches[0], *(*loaded)->searches[0]), std::string());
    }

    void withoutTrialsOrSearches() {
        Session session = session_;
        session.searches = {std::make_shared<const SearchRecord>(makeRecord(session.model, "none yet", 0))};
        QVERIFY(saveSession(session, path("none.h5")).ok());
        QCOMPARE(difference(*session.searches[0], *(*loadSession(path("none.h5")))->searches[0]),
                 std::string());
        session.searches.clear();
        QVERIFY(saveSession(session, path("by hand.h5")).ok());
        QCOMPARE(loadScales(path("by hand.h5"))->scales.name, std::string("by hand"));
        session.whatIfs.clear();
        QVERIFY(saveSession(session, path("no.h5")).ok());
        QVERIFY((*loadSession(path("no.h5")))->searches.empty());
        const auto scales = loadScales(path("no.h5"));
        QVERIFY(!scales.ok() && scales.error().message.find("searches") != std::string::npos);
    }

    void scalesByName() {
        const auto last = loadScales(path("run.h5")), first = loadScales(path("run.h5"), "000");
        QVERIFY2(last.ok() && first.ok(), last ? "" : last.error().message.c_str());
        QVERIFY(last->scales == session_.searches[1]->scales
                && last->finished == session_.searches[1]->finished);
        QVERIFY(last->searchedOn == session_.searches.back()->documents);
        QVERIFY(first->scales == session_.searches[0]->scales);
        const auto missing = loadScales(path("run.h5"), "W3");
        QVERIFY(!missing.ok());
        QVERIFY(missing.error().message.find("000, head, W4") != std::string::npos);
        const std::string file = path("run.h5").string();
        QVERIFY(loadScalesFrom(file)->scales == last->scales);
        QVERIFY(loadScalesFrom(file + ":000")->scales == first->scales);
        QVERIFY(!loadScalesFrom(file + ":W3").ok());
        QVERIFY(!loadScalesFrom("nowhere.h5").ok());
        std::filesystem::copy_file(path("run.h5"), path("a:000"));
        QVERIFY(loadScalesFrom(path("a:000").string())->scales
                == last->scales); // a file of that name goes first
    }

    void whatCannotBeStoredIsRefused() {
        const auto refusal = [&](const std::function<void(SearchRecord&)>& change) {
            SearchRecord record = makeRecord(session_.model, "x", 3);
            change(record);
            Session session = session_;
            session.searches = {std::make_shared<const SearchRecord>(std::move(record))};
            const Status saved = saveSession(session, path("never.h5"));
            return saved ? std::string("saved") : saved.error().message;
        };
        QVERIFY(refusal([](SearchRecord& r) { r.scales.name.clear(); }).find("name") != std::string::npos);
        QVERIFY(refusal([](SearchRecord& r) { r.scales.gains.pairs = 1; }).find("scales")
                != std::string::npos);
        QVERIFY(refusal([](SearchRecord& r) { r.trials[1].theta.pop_back(); }).find("trial")
                != std::string::npos);
        QVERIFY(refusal([](SearchRecord& r) { r.settings.contextWeights.clear(); }).find("contexts")
                != std::string::npos);
        QVERIFY(!std::filesystem::exists(path("never.h5")));
    }

    void liesAreFound_data() {
        QTest::addColumn<int>("index");
        const auto cases = lies();
        for (std::size_t at = 0; at < cases.size(); ++at)
            QTest::newRow(cases[at].name) << static_cast<int>(at);
    }
    void liesAreFound() {
        QFETCH(int, index);
        const Case lie = lies()[static_cast<std::size_t>(index)];
        const auto file = path("spoilt.h5");
        std::filesystem::copy_file(path("run.h5"), file, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::resize_file(file, std::filesystem::file_size(file) - 40); // without its seal
        const hid_t opened = H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
        QVERIFY(opened >= 0);
        lie.spoil(opened);
        H5Fclose(opened);
        const auto loaded = loadSession(file);
        QVERIFY(!loaded.ok());
        const QByteArray message = loaded.error().message.c_str();
        QVERIFY2(message.contains(lie.expected) && message.contains("spoilt.h5"), message);
        (void)loadScales(file, "000"); // may succeed or not, must not crash
    }
};

QTEST_APPLESS_MAIN(TestSearchStorage)
#include "test_search_storage.moc"
