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
        ranks.farewell(0);
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
                ranks.farewell(0);
            }));
            QCOMPARE(seen, (std::vector<int>{111, 111, 111}));
        }
    }

    void nobodyWaitsForOneThatLeft() {
        std::atomic<int> errors{0};
        QVERIFY(!runRanks(3, [&](Ranks& ranks) {
            User user;
            WorkMeter meter(user, 1);
            if (ranks.rank() != 1
                && !ranks.share("step", meter, [] { return Outcome<std::string>(std::string()); }))
                ++errors;
            ranks.farewell(1);
        }));
        QCOMPARE(errors.load(), 2);
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
            ranks.farewell(0);
        }));
        QCOMPARE(fractions, (std::vector<double>{0.4, 0.4}));
    }

    void inputsMustBeTheSame() {
        std::vector<std::string> words(2);
        QVERIFY(runRanks(2, [&](Ranks& ranks) {
            const Status same = ranks.agreeOn("model", ranks.first() ? "one" : "two");
            if (!same) words[static_cast<std::size_t>(ranks.rank())] = same.error().message;
            ranks.farewell(0);
        }));
        for (const std::string& one : words)
            QCOMPARE(one, std::string(
                              "model: expected the same on all ranks, found \"one\" on rank 0 and \"two\" on "
                              "rank 1 of 2"));
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
