// Two writers of one session file: nothing that either added is lost, and a file that became something else
// is left alone.
#include "core/analysis/session_output.h"
#include "core/base/files.h"
#include "core/session/search_record.h"
#include "core/session/session_file.h"
#include "core/session/what_if.h"
#include "tests/support/synthetic_session.h"

#include <QTemporaryDir>
#include <QtTest>

#include <fstream>

using namespace qroar;

namespace {

using Shared = std::shared_ptr<const Session>;

test::SyntheticOptions small() {
    test::SyntheticOptions options;
    options.layers = 2;
    options.pairs = 4;
    options.documents = 2;
    options.contexts = {64, 128};
    options.ropes = {"none"};
    options.trainedContext = 64;
    options.bands = 2;
    return options;
}

ScaleSet scalesOf(const Session& session, const std::string& name, double gain) {
    ScaleSet set;
    set.name = name;
    const ModelConfig& c = session.model;
    set.gains = QkGains::ones(c);
    set.gains.queryGains(0, 0)[0] = gain;
    set.modelFingerprint = session.modelFingerprint;
    set.rope = "none";
    set.quant = "none";
    return set;
}

std::shared_ptr<const WhatIf> whatIf(const Session& session, const std::string& name, double gain) {
    auto made = std::make_shared<WhatIf>();
    made->scales = scalesOf(session, name, gain);
    made->context = 64;
    made->created = "2026-01-0" + std::to_string(1 + static_cast<int>(gain));
    made->program = "test";
    return made;
}

std::vector<std::string> namesOf(const Session& session) {
    std::vector<std::string> names;
    for (const auto& one : session.whatIfs) names.push_back(one->scales.name);
    return names;
}

using Names = std::vector<std::string>;

} // namespace

class TestSessionOutput : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;

    std::filesystem::path file(const char* name) const { return folder_.filePath(name).toStdString(); }
    Shared load(const std::filesystem::path& path) const {
        auto session = loadSession(path);
        if (!session) qFatal("%s", session.error().message.c_str());
        return *session;
    }
    /// Somebody else adds a what-if and keeps everything.
    void addOutside(const std::filesystem::path& path, const std::string& name, double gain = 2) const {
        Session theirs = *load(path);
        theirs.whatIfs.push_back(whatIf(theirs, name, gain));
        const Status saved = saveSession(theirs, path);
        if (!saved) qFatal("%s", saved.error().message.c_str());
    }

  private slots:
    void whatOthersAddedIsKeptThroughEverySave() {
        const auto path = file("run.h5");
        const Session whole = *test::makeSyntheticSession(small());
        Session first = whole;
        first.conditions.resize(1);
        QVERIFY(saveSession(first, path));
        const FileStamp known = stampOf(path);
        const Shared base = load(path);
        SessionOutput output(path, base, known);

        addOutside(path, "theirs");
        Session mine = *base;
        mine.put(whole.conditions[1]);
        auto written = output.save(mine);
        QVERIFY2(written.ok(), written ? "" : written.error().message.c_str());
        QVERIFY(written->merged);
        mine.put(whole.conditions[2]); // which knows nothing of the what-if
        written = output.save(mine);
        QVERIFY(written && !written->merged);
        addOutside(path, "later");
        mine.put(whole.conditions[3]);
        QVERIFY(output.save(mine) && !output.moved());

        const Shared now = load(path);
        QCOMPARE(now->conditions.size(), std::size_t{4});
        QCOMPARE(namesOf(*now), (Names{"theirs", "later"}));
    }

    void anUnchangedFileIsReplaced() {
        const auto path = file("alone.h5");
        const Session whole = *test::makeSyntheticSession(small());
        QVERIFY(saveSession(whole, path));
        SessionOutput output(path, nullptr, stampOf(path)); // --overwrite
        Session mine = whole;
        mine.conditions.resize(1);
        const auto written = output.save(mine);
        QVERIFY(written && !written->merged);
        QCOMPARE(load(path)->conditions.size(), std::size_t{1});
    }

    void whatMineTookOutStaysOut() {
        const auto path = file("out.h5");
        Session whole = *test::makeSyntheticSession(small());
        whole.whatIfs = {whatIf(whole, "w1", 1), whatIf(whole, "w2", 2)};
        QVERIFY(saveSession(whole, path));
        const FileStamp known = stampOf(path);
        const Shared base = load(path);
        addOutside(path, "w3", 3);
        Session mine = *base;
        mine.whatIfs.erase(mine.whatIfs.begin());
        ScalesRenames renames;
        QVERIFY(updateSessionFile(path, mine, base.get(), known, renames));
        QCOMPARE(namesOf(*load(path)), (Names{"w2", "w3"}));
    }

    void twoThingsOfOneName() {
        const auto path = file("names.h5");
        const Session whole = *test::makeSyntheticSession(small());
        QVERIFY(saveSession(whole, path));
        const FileStamp known = stampOf(path);
        const Shared base = load(path);
        SessionOutput output(path, base, known);
        addOutside(path, "w1", 2);
        Session mine = *base;
        mine.whatIfs.push_back(whatIf(whole, "w1", 3));
        QVERIFY(output.save(mine));
        QVERIFY(output.save(mine)); // under the same name as before
        QCOMPARE(output.renames().at("w1"), std::string("w1-2"));
        const Shared now = load(path);
        QCOMPARE(namesOf(*now), (Names{"w1-2", "w1"}));
        QCOMPARE(now->whatIfs[0]->scales.gains.queryGains(0, 0)[0], 3.0);
        QCOMPARE(now->whatIfs[1]->scales.gains.queryGains(0, 0)[0], 2.0);
    }

    void searchesThatGoOnAreNotDoubled() {
        const Session whole = *test::makeSyntheticSession(small());
        auto earlier = std::make_shared<SearchRecord>();
        earlier->scales = scalesOf(whole, "000", 1);
        earlier->trials.resize(2);
        earlier->trials[1].theta = {0.5};
        auto later = std::make_shared<SearchRecord>(*earlier);
        later->trials.resize(3);
        auto other = std::make_shared<SearchRecord>(*earlier);
        other->trials[1].theta = {0.7};
        const auto merged = [&](const auto& mine, const auto& theirs) {
            Session a = whole, b = whole;
            a.searches = {mine};
            b.searches = {theirs};
            ScalesRenames renames;
            return mergeSessions(a, &whole, b, renames).value().searches;
        };
        QCOMPARE(merged(later, earlier), (decltype(whole.searches){later})); // of the same run
        QCOMPARE(merged(earlier, later), (decltype(whole.searches){later}));
        const auto both = merged(later, other);
        QCOMPARE(both.size(), std::size_t{2});
        QCOMPARE(both[0]->scales.name, std::string("000-2"));
        QCOMPARE(both[1], (std::shared_ptr<const SearchRecord>(other)));
    }

    void partsOfOneCondition() {
        test::SyntheticOptions with = small(), without = small();
        with.divergence = true;
        without.gradients = false;
        const Session theirs = *test::makeSyntheticSession(with);
        Session base = *test::makeSyntheticSession(without);
        Session mine = base;
        auto changed = std::make_shared<ConditionResult>(*mine.conditions.back());
        changed->seconds = 77;
        mine.conditions.back() = changed;
        ScalesRenames renames;
        const Session both = mergeSessions(mine, &base, theirs, renames).value();
        QCOMPARE(both.conditions.front(), theirs.conditions.front()); // mine left it as it was
        const ConditionResult& last = *both.conditions.back();
        QCOMPARE(last.seconds, 77.0);
        QVERIFY(!last.sensitivity.empty() && last.sensitivity == theirs.conditions.back()->sensitivity);
        QVERIFY(!last.divergence.empty() && last.divergence == theirs.conditions.back()->divergence);
        QCOMPARE(last.reference, theirs.conditions.back()->reference);
    }

    void anotherSessionIsLeftAlone_data() {
        QTest::addColumn<int>("what");
        QTest::newRow("another model") << 0;
        QTest::newRow("other documents") << 1;
        QTest::newRow("another window limit") << 2;
        QTest::newRow("no session at all") << 3;
    }
    void anotherSessionIsLeftAlone() {
        QFETCH(const int, what);
        const std::filesystem::path folder = file("taken") / std::to_string(what);
        std::filesystem::create_directories(folder);
        const auto path = folder / "run.h5";
        const Session whole = *test::makeSyntheticSession(small());
        QVERIFY(saveSession(whole, path));
        const FileStamp known = stampOf(path);
        const Shared base = load(path);
        SessionOutput output(path, base, known);
        Session theirs = whole;
        if (what == 0) theirs.modelFingerprint = "another";
        if (what == 1) theirs.documents[0].fingerprint = "another";
        if (what == 2) theirs.maxWindows = 5;
        if (what == 3)
            std::ofstream(path) << "not a session";
        else
            QVERIFY(saveSession(theirs, path));
        const std::string before = readFile(path, 1 << 26).value();

        Session mine = *base;
        mine.whatIfs.push_back(whatIf(whole, "mine", 2));
        ScalesRenames renames;
        const auto refused = updateSessionFile(path, mine, base.get(), known, renames);
        QVERIFY(!refused);
        QVERIFY(refused.error().message.find("run.h5") != std::string::npos);
        QVERIFY(output.save(mine));
        QVERIFY(output.moved());
        QCOMPARE(output.path().filename().string(), std::string("run-2.h5"));
        QCOMPARE(readFile(path, 1 << 26).value(), before);
        QCOMPARE(namesOf(*load(output.path())), Names{"mine"});
        mine.whatIfs.push_back(whatIf(whole, "more", 3));
        QVERIFY(output.save(mine)); // goes on there
        QCOMPARE(output.path().filename().string(), std::string("run-2.h5"));
        QCOMPARE(namesOf(*load(output.path())), (Names{"mine", "more"}));
    }

    void stamps() {
        QVERIFY(!stampOf(file("nothing.h5")).present());
        QVERIFY(!stampOf(folder_.path().toStdString()).present());
        const auto path = file("stamp.h5");
        const Session session = *test::makeSyntheticSession(small());
        QVERIFY(saveSession(session, path));
        const FileStamp first = stampOf(path);
        QVERIFY(first.present() && !first.seal.empty());
        std::filesystem::last_write_time(path, first.time + std::chrono::seconds(9));
        QVERIFY(stampOf(path) == first); // touched, not changed
        std::ofstream(path) << "plain";
        const FileStamp plain = stampOf(path);
        QVERIFY(plain.seal.empty() && !(plain == first));
        std::filesystem::last_write_time(path, plain.time + std::chrono::seconds(9));
        QVERIFY(!(stampOf(path) == plain)); // without a seal the time decides
    }
};

QTEST_GUILESS_MAIN(TestSessionOutput)
#include "test_session_output.moc"
