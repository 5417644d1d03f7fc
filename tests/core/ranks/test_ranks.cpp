// Ranks: parts come by rank, errors and cancellations reach everybody, nobody waits for ever; blocks of
// windows do not depend on the number of ranks.
#include "core/ranks/ranks.h"

#include "core/ranks/bytes.h"
#include "tests/support/thread_link.h"

#include <QtTest>

#include <new>

using namespace qroar;
using qroar::test::runRanks;

namespace {

/// A user who may have pressed Ctrl-C.
struct User final : ProgressSink {
    std::atomic<bool> pressed{false};
    int reports = 0;
    void report(const Progress&) override { ++reports; }
    [[nodiscard]] bool cancelled() const override { return pressed; }
};

struct Seen {
    std::vector<std::string> parts;
    std::string error;
    ErrorCode code = ErrorCode::BadInput;
    bool cancelled = false;
};

/// One share of every rank; part(rank) says how its own comes out.
std::vector<Seen> shareOf(int size, const std::function<Outcome<std::string>(int)>& part,
                          bool toFirst = false) {
    std::vector<Seen> seen(static_cast<std::size_t>(size));
    const bool ended = runRanks(size, [&](Ranks& ranks) {
        User user;
        RankProgress progress(user, ranks);
        WorkMeter meter(progress, 100);
        const auto work = [&] { return part(ranks.rank()); };
        const auto parts =
            toFirst ? ranks.shareToFirst("step", meter, work) : ranks.share("step", meter, work);
        Seen& mine = seen[static_cast<std::size_t>(ranks.rank())];
        if (parts) mine.parts = *parts;
        if (!parts) mine.error = parts.error().message;
        if (!parts) mine.code = parts.error().code;
        mine.cancelled = progress.cancelled();
        (void)ranks.farewell(Done{}, {});
    });
    if (!ended) qFatal("aborted");
    return seen;
}

} // namespace

class TestRanks : public QObject {
    Q_OBJECT

  private slots:
    void partsComeByRank() {
        const auto part = [](int rank) { return Outcome<std::string>(std::string(3, char('a' + rank))); };
        for (const Seen& one : shareOf(3, part))
            QCOMPARE(one.parts, (std::vector<std::string>{"aaa", "bbb", "ccc"}));
        const auto first = shareOf(3, part, true);
        QCOMPARE(first[0].parts, (std::vector<std::string>{"aaa", "bbb", "ccc"}));
        QVERIFY(first[1].parts.empty() && first[2].parts.empty());
    }

    void errorsReachEverybody() {
        const auto bad = [](int rank) -> Outcome<std::string> {
            if (rank == 0) return Error::cancelled();
            if (rank > 0) return Error::io("disk " + std::to_string(rank));
            return std::string();
        };
        for (const Seen& one :
             shareOf(3, bad)) { // that of the lowest rank that has more to say than "cancelled"
            QCOMPARE(one.error, std::string("rank 1 of 3: disk 1"));
            QVERIFY(one.code == ErrorCode::Io && !one.cancelled);
        }
        for (const Seen& one : shareOf(2, [](int) -> Outcome<std::string> { return Error::bad("the same"); }))
            QCOMPARE(one.error, std::string("the same"));
        for (const Seen& one : shareOf(2, [](int rank) -> Outcome<std::string> {
                 if (rank == 1) throw std::bad_alloc();
                 return std::string();
             }))
            QVERIFY(one.code == ErrorCode::OutOfMemory && one.error.find("rank 1 of 2: ") == 0);
    }

    /// Heard by one rank inside a share: all of them stop there. Between shares nobody stops alone.
    void cancellationsAreAgreedOn() {
        for (const bool completes : {true, false}) {
            std::vector<int> seen(3, 0);
            QVERIFY(runRanks(3, [&](Ranks& ranks) {
                User user;
                RankProgress progress(user, ranks);
                WorkMeter meter(progress, 100);
                if (ranks.rank() == 2) user.pressed = true;
                int& mine = seen[static_cast<std::size_t>(ranks.rank())];
                if (!progress.cancelled() && !meter.cancelled()) mine += 1;
                const auto parts = ranks.share("step", meter, [&]() -> Outcome<std::string> {
                    if (meter.cancelled() != (ranks.rank() == 2)) mine += 1000;
                    if (meter.cancelled() && !completes) return Error::cancelled();
                    return std::string();
                });
                if (parts.ok() == completes) mine += 10;
                if (progress.cancelled() && meter.cancelled()) mine += 100;
                (void)ranks.farewell(Done{}, {});
            }));
            QCOMPARE(seen, (std::vector<int>{111, 111, 111}));
        }
    }

    /// Rank 1 ends early, with an error of its own or as if all was done: the others end, too, and rank 0 has
    /// something to say, once: in its step, or where it had ended as well, in its farewell.
    void nobodyWaitsForOneThatLeft_data() {
        QTest::addColumn<bool>("ended"); // rank 0, too
        QTest::addColumn<bool>("failed");
        QTest::addColumn<QString>("said");
        const QString step = "rank %1 of 3: out of step: expected \"%2\", found \"%3\": the ranks do not run "
                             "the same program and inputs";
        QTest::newRow("left") << false << false << step.arg("1").arg("step").arg("the end");
        QTest::newRow("failed") << false << true << "rank 1 of 3: no disk";
        QTest::newRow("both left") << true << false << step.arg("2").arg("the end").arg("step");
        QTest::newRow("one of both failed") << true << true << "rank 1 of 3: no disk";
    }
    void nobodyWaitsForOneThatLeft() {
        QFETCH(bool, ended);
        QFETCH(bool, failed);
        QFETCH(QString, said);
        std::vector<std::vector<std::string>> heard(3);
        std::atomic<int> bad{0}, later{0};
        QVERIFY(runRanks(3, [&](Ranks& ranks) {
            User user;
            WorkMeter meter(user, 1);
            auto& mine = heard[static_cast<std::size_t>(ranks.rank())];
            Status own = Done{};
            if (ranks.rank() == 1 && failed) own = Error::io("no disk");
            if (ranks.rank() == 2 || (ranks.first() && !ended)) {
                const auto work = [] { return Outcome<std::string>(std::string()); };
                const auto parts = ranks.share("step", meter, work);
                if (!parts) own = parts.error();
                if (!parts) mine.push_back(parts.error().message);
                const auto unheard = [&] { // nobody is there any more: nothing is done
                    ++later;
                    return work();
                };
                if (ranks.share("next", meter, unheard) || ranks.agree("next", Done{})
                    || ranks.agreeOn({{"next", ""}}))
                    ++later;
            }
            if (!ranks.farewell(own, [&](const Error& error) { mine.push_back(error.message); })) ++bad;
        }));
        QVERIFY(bad == 3 && later == 0);
        QCOMPARE(heard[0], std::vector<std::string>{said.toStdString()});
    }

    /// Nobody was out of step, but one ended with an error that the others do not know.
    void errorsOfTheEndAreTold() {
        std::vector<std::string> heard;
        std::atomic<int> bad{0};
        QVERIFY(runRanks(2, [&](Ranks& ranks) {
            const auto tell = [&](const Error& error) {
                if (ranks.first()) heard.push_back(error.message);
            };
            if (!ranks.farewell(ranks.first() ? Status(Done{}) : Error::io("no disk"), tell)) ++bad;
        }));
        QCOMPARE(heard, std::vector<std::string>{"rank 1 of 2: no disk"});
        QCOMPARE(bad.load(), 2);
    }

    void workOfAllIsCounted() {
        std::vector<double> fractions(2, 0);
        QVERIFY(runRanks(2, [&](Ranks& ranks) {
            struct Watch final : ProgressSink {
                double fraction = 0;
                void report(const Progress& progress) override { fraction = progress.fraction; }
            } watch;
            WorkMeter meter(watch, 100);
            if (!ranks.share("step", meter, [&]() -> Outcome<std::string> {
                    meter.add(ranks.rank() == 0 ? 10 : 30);
                    return std::string();
                }))
                return;
            meter.setStage("after");
            fractions[static_cast<std::size_t>(ranks.rank())] = watch.fraction;
            (void)ranks.farewell(Done{}, {});
        }));
        QCOMPARE(fractions, (std::vector<double>{0.4, 0.4}));
    }

    void inputsMustBeTheSame_data() {
        QTest::addColumn<QString>("other"); // of rank 2; "" has none
        QTest::addColumn<QString>("more");
        QTest::addColumn<QString>("said");
        QTest::newRow("the same") << "two"
                                  << ""
                                  << "";
        QTest::newRow("another value")
            << "TWO"
            << ""
            << "second: expected the same on all ranks, found \"two\" on rank 0 and "
               "\"TWO\" on rank 2 of 3";
        QTest::newRow("none")
            << ""
            << ""
            << "second: expected the same on all ranks, found \"two\" on rank 0 and nothing on "
               "rank 2 of 3";
        QTest::newRow("one more")
            << "two"
            << "x"
            << "more: expected the same on all ranks, found nothing on rank 0 and \"x\" on "
               "rank 2 of 3";
    }
    void inputsMustBeTheSame() {
        QFETCH(QString, other);
        QFETCH(QString, more);
        QFETCH(QString, said);
        std::vector<std::string> words(3);
        QVERIFY(runRanks(3, [&](Ranks& ranks) {
            Ranks::Inputs inputs{{"first", "one"}};
            const QString second = ranks.rank() == 2 ? other : QString("two");
            if (!second.isEmpty()) inputs.emplace_back("second", second.toStdString());
            if (ranks.rank() == 2 && !more.isEmpty()) inputs.emplace_back("more", more.toStdString());
            const Status same = ranks.agreeOn(inputs);
            if (!same) words[static_cast<std::size_t>(ranks.rank())] = same.error().message;
            (void)ranks.farewell(Done{}, {});
        }));
        for (const std::string& one : words) QCOMPARE(QString::fromStdString(one), said);
    }

    void blocksDoNotDependOnRanks() {
        for (const std::size_t unit : {1, 3, 8})
            for (const std::size_t windows : {0, 1, 7, 32, 33, 1000}) {
                const WindowBlocks blocks(windows, unit);
                QVERIFY(blocks.count() <= WindowBlocks::mostBlocks && blocks.perBlock % unit == 0);
                QVERIFY(blocks.count() * blocks.perBlock >= windows);
                for (const int size : {1, 2, 3, 4, 50}) {
                    std::size_t next = 0;
                    for (int rank = 0; rank < size; ++rank) {
                        const auto own = blocks.of(rank, size);
                        QVERIFY(own.first == next && (own.count == 0 || own.first % blocks.perBlock == 0));
                        next += own.count;
                    }
                    QCOMPARE(next, windows);
                }
            }
        QCOMPARE(WindowBlocks(10, 1).of(0, 2).count, std::size_t{5});
        QCOMPARE(WindowBlocks(10, 1).largestShare(1), 1.0);
        QCOMPARE(WindowBlocks(10, 1).largestShare(4), 0.3);
        QCOMPARE(WindowBlocks(3, 1).largestShare(8), 1.0 / 3);
        QCOMPARE(WindowBlocks(0, 1).largestShare(2), 1.0);
    }

    void bytesThatEndTooSoon() {
        Packer packer;
        packer.put(std::vector<double>{1, 2, 3});
        packer.put(std::string("text"));
        const std::string whole = packer.take(), cut = whole.substr(0, 20);
        Unpacker fine(whole);
        QCOMPARE(fine.list<double>(), (std::vector<double>{1, 2, 3}));
        QVERIFY(fine.text() == "text" && fine.atEnd() && !fine.bad());
        Unpacker bad(cut);
        QVERIFY(bad.list<double>().empty() && bad.bad() && bad.get<int>() == 0 && bad.atEnd());
    }
};

QTEST_APPLESS_MAIN(TestRanks)
#include "test_ranks.moc"
