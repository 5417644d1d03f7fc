// Gains and the rows they reach, in both layouts, with grouped keys and rows that have no pair.
#include "core/scales/qk_gains.h"

#include <QTest>

#include <vector>

using namespace qroar;

namespace {

ModelConfig config(PairLayout layout) {
    ModelConfig c;
    c.layers = 2;
    c.heads = 4;
    c.kvHeads = 2;
    c.headDim = 6;
    c.rotaryDim = 4; // two pairs, two rows without one
    c.hiddenSize = 24;
    c.pairLayout = layout;
    return c;
}

/// A different number for every (layer, head, pair).
QkGains distinct(const ModelConfig& c) {
    QkGains gains = QkGains::ones(c);
    for (std::size_t at = 0; at < gains.q.size(); ++at) gains.q[at] = 1 + static_cast<double>(at);
    for (std::size_t at = 0; at < gains.k.size(); ++at) gains.k[at] = 100 + static_cast<double>(at);
    return gains;
}

} // namespace

class TestQkGains : public QObject {
    Q_OBJECT

  private slots:
    void rowsOfHalfSplitHeads() {
        const ModelConfig c = config(PairLayout::HalfSplit);
        const QkGains gains = distinct(c);
        // layer 1: gains 9, 10 of head 0; rows x0 x1 y0 y1 and two without a pair
        const std::vector<float> rows = queryRowFactors(gains, c, 1);
        QCOMPARE(rows.size(), std::size_t{24});
        QCOMPARE((std::vector<float>(rows.begin(), rows.begin() + 6)),
                 (std::vector<float>{9, 10, 9, 10, 1, 1}));
        QCOMPARE((std::vector<float>(rows.end() - 6, rows.end())),
                 (std::vector<float>{15, 16, 15, 16, 1, 1}));
        const std::vector<float> keys = keyRowFactors(gains, c, 1);
        QCOMPARE(keys, (std::vector<float>{104, 105, 104, 105, 1, 1, 106, 107, 106, 107, 1, 1}));
    }

    void rowsOfInterleavedHeads() {
        const ModelConfig c = config(PairLayout::Interleaved);
        const std::vector<float> rows = queryRowFactors(distinct(c), c, 0);
        QCOMPARE((std::vector<float>(rows.begin() + 6, rows.begin() + 12)),
                 (std::vector<float>{3, 3, 4, 4, 1, 1}));
    }

    void effectiveGainOfAGroup() {
        const ModelConfig c = config(PairLayout::HalfSplit);
        const QkGains gains = distinct(c);
        // query heads 2 and 3 share key head 1
        QCOMPARE(gains.effective(0, 2, 1), 6.0 * 103.0);
        QCOMPARE(gains.effective(0, 3, 0), 7.0 * 102.0);
        QCOMPARE(gains.effective(1, 1, 0), 11.0 * 104.0);
    }

    void shapeAndIdentity() {
        const ModelConfig c = config(PairLayout::HalfSplit);
        QVERIFY(QkGains().empty());
        QVERIFY(QkGains().isIdentity());
        QkGains ones = QkGains::ones(c);
        QVERIFY(ones.isIdentity() && !ones.empty() && ones.fits(c));
        ones.keyGains(1, 1)[0] = 1 + 1e-15;
        QVERIFY(!ones.isIdentity());
        ModelConfig other = c;
        other.kvHeads = 4;
        QVERIFY(!ones.fits(other));
        ones.q.pop_back();
        QVERIFY(!ones.fits(c));
    }
};

QTEST_APPLESS_MAIN(TestQkGains)
#include "test_qk_gains.moc"
