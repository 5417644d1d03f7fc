// What a dry run says that saving on the way will take, against the pace by hand.
#include "app/cli/save_pace.h"

#include <QtTest>

using qroar::cli::SavePace;

class TestSavePace : public QObject {
    Q_OBJECT
  private slots:
    void oneUnitIsSavedAndThenTheWhole() { QCOMPARE(SavePace::expected({5}, 2), 4.0); }
    void nothingToDoIsWrittenInNoTime() { QCOMPARE(SavePace::expected({}, 0), 0.0); }
    /// What a session holds is written again every time: after one unit 4 + 1, the next is not due, all 4
    /// + 2.
    void whatWasThereIsWrittenAgain() {
        QCOMPARE(SavePace::expected({10, 10}, 2, 4), (4.0 + 1) + (4 + 2));
        QCOMPARE(SavePace::expected({}, 0, 4), 0.0); // nothing done: nothing written
    }
    /// A third takes 1: due at once, at 10, till 11; two thirds take 2: due at 21, till 23; the whole is not
    /// due at 33, 18 would have to pass, but it is written at the end.
    void unitsAreSavedWhenWritingIsATenthOfTheTime() {
        QCOMPARE(SavePace::expected({10, 10, 10}, 3), 1.0 + 2 + 3);
        QCOMPARE(SavePace::expected({10, 10, 20}, 3), 1.0 + 2 + 3 + 3);
        QCOMPARE(SavePace::expected({10, 8, 4}, 3), 1.0 + 3 + 3); // at 19 only 8 since 11
    }
};

QTEST_GUILESS_MAIN(TestSavePace)
#include "test_save_pace.moc"
