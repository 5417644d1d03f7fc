// Gains by hand: what gang, shared and mirror do to the numbers, layers that differ, resets, bands that move,
// and what they come to as gains. Expected values are worked out here by plain loops.
#include "core/scales/gain_edit.h"

#include <QtTest>

#include <cmath>

using namespace qroar;

namespace {

ModelConfig shape() {
    ModelConfig config;
    config.layers = 4;
    config.heads = 4;
    config.kvHeads = 2;
    config.headDim = config.rotaryDim = 16;
    return config;
}
const BandPartition bands = *BandPartition::parseEdges("0,2,5,8", 8);

bool near(double a, double b) {
    return std::abs(a - b) < 1e-12;
}

} // namespace

class TestGainEdit : public QObject {
    Q_OBJECT

  private slots:
    void startsAtOnes() {
        const GainEdit edit(4, 8);
        QVERIFY(edit.toGains(shape()) == QkGains::ones(shape()));
        QVERIFY(edit.band(bands, -1, 2) == BandGain());
        QVERIFY(!edit.differs(3));
        QVERIFY(GainEdit().empty() && !edit.empty());
    }

    void linksOfOneMove() {
        GainEdit edit(4, 8);
        GainMove move;
        move.band = 1;
        move.value = 1.3;
        edit.move(bands, move);
        QVERIFY((edit.band(bands, -1, 1) == BandGain{1.3, 1}));
        move.key = true;
        move.value = 0.9;
        edit.move(bands, move);
        QVERIFY((edit.band(bands, -1, 1) == BandGain{1.3, 0.9})); // free: the other side stays
        move.link = GainLink::Shared;
        edit.move(bands, move);
        QVERIFY((edit.band(bands, -1, 1) == BandGain{0.9, 0.9}));
        move.link = GainLink::Mirror;
        move.value = 0.8;
        edit.move(bands, move);
        QVERIFY((edit.band(bands, -1, 1) == BandGain{1 / 0.8, 0.8}));
        QVERIFY(near(edit.band(bands, -1, 1).effective(), 1));
        QVERIFY(edit.band(bands, -1, 0) == BandGain() && edit.band(bands, -1, 2) == BandGain());
        const QkGains gains = edit.toGains(shape());
        for (int layer = 0; layer < 4; ++layer)
            for (int pair = 0; pair < 8; ++pair) {
                const bool moved = pair >= 2 && pair < 5;
                for (int head = 0; head < 4; ++head)
                    QCOMPARE(gains.queryGains(layer, head)[static_cast<std::size_t>(pair)],
                             moved ? 1 / 0.8 : 1.0);
                for (int head = 0; head < 2; ++head)
                    QCOMPARE(gains.keyGains(layer, head)[static_cast<std::size_t>(pair)], moved ? 0.8 : 1.0);
            }
    }

    void gangsMoveByOneFactor() {
        GainEdit edit(4, 8);
        edit.set(bands, -1, 0, {1.2, 1});
        edit.set(bands, -1, 2, {0.8, 1});
        GainMove move;
        move.band = 0;
        move.gang = {0, 2};
        move.value = 1.5;
        edit.move(bands, move);
        QCOMPARE(edit.band(bands, -1, 0).q, 1.5);
        QVERIFY(near(edit.band(bands, -1, 2).q, 0.8 * 1.5 / 1.2));
        QCOMPARE(edit.band(bands, -1, 1).q, 1.0);
        move.value = 10; // all stop where the first one would leave the range: band 0 at 2
        edit.move(bands, move);
        QVERIFY(near(edit.band(bands, -1, 0).q, 2));
        QVERIFY(near(edit.band(bands, -1, 2).q, 0.8 * 2 / 1.2));
        edit.set(bands, -1, 2, {0.4, 1}); // outside: it may only come nearer
        move.value = 1;
        edit.move(bands, move);
        QVERIFY(near(edit.band(bands, -1, 0).q, 2) && near(edit.band(bands, -1, 2).q, 0.4));
    }

    void layersOfTheirOwn() {
        GainEdit edit(4, 8);
        GainMove move;
        move.layer = 2;
        move.band = 1;
        move.value = 1.4;
        edit.move(bands, move);
        QVERIFY(edit.differs(2) && edit.differs(bands, 2, 1) && !edit.differs(bands, 2, 0));
        QVERIFY(!edit.differs(1));
        move.layer = -1;
        move.value = 0.7;
        edit.move(bands, move); // the model's value: layer 2 keeps its own
        QCOMPARE(edit.band(bands, 2, 1).q, 1.4);
        QCOMPARE(edit.band(bands, 3, 1).q, 0.7);
        QVERIFY(near(edit.total(bands, -1, 1).q, std::pow(0.7, 0.75) * std::pow(1.4, 0.25)));
        edit.reset(bands, 2, 1);
        QCOMPARE(edit.band(bands, 2, 1).q, 0.7);
        QVERIFY(!edit.differs(2));
        move.value = 0.6;
        edit.move(bands, move); // and follows the model again
        QCOMPARE(edit.band(bands, 2, 1).q, 0.6);
        edit.set(bands, 0, 0, {2, 1});
        edit.resetLayer(0);
        QVERIFY(!edit.differs(0));
        edit.resetAll();
        QVERIFY(edit == GainEdit(4, 8));
    }

    void bandsAreAView() {
        GainEdit edit(4, 8);
        edit.set(bands, -1, 0, {2, 1});
        const auto other = *BandPartition::parseEdges("0,4,8", 8);
        QVERIFY(near(edit.band(other, -1, 0).q, std::sqrt(2.0))); // two of its four pairs
        QCOMPARE(edit.band(bands, -1, 0).q, 2.0);                 // nothing was lost
    }

    void fromGains() {
        GainEdit edit(4, 8);
        edit.set(bands, -1, 0, {1.5, 0.9});
        edit.set(bands, 3, 2, {1.1, 1});
        const QkGains gains = edit.toGains(shape());
        const GainEdit again = GainEdit::from(gains, "w1");
        QVERIFY(!again.base() && again.differs(3) && !again.differs(0));
        QVERIFY(again.toGains(shape()) == gains);
        QVERIFY((again.band(bands, -1, 0) == BandGain{1.5, 0.9}));
        // gains of single heads are kept below: values are on top of them
        QkGains heads = gains;
        heads.queryGains(1, 2)[4] = 1.7;
        GainEdit onTop = GainEdit::from(heads, "g1");
        QVERIFY(onTop.base() && onTop.baseName() == "g1");
        QVERIFY(onTop.toGains(shape()) == heads);
        onTop.set(bands, -1, 1, {2, 1});
        QCOMPARE(onTop.toGains(shape()).queryGains(1, 2)[4], 3.4);
        QVERIFY(near(onTop.total(bands, 1, 1).q, 2 * std::pow(1.7, 1.0 / 12)));
        QVERIFY((onTop.band(bands, -1, 1) == BandGain{2, 1}));
    }
};

QTEST_APPLESS_MAIN(TestGainEdit)
#include "test_gain_edit.moc"
