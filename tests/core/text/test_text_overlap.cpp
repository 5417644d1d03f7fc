// Shared windows of two texts: against a plain comparison of all windows, and what does not count.
#include "core/text/text_overlap.h"

#include <QtTest>

#include <cmath>
#include <random>

using namespace qroar;

namespace {

std::vector<TokenId> randomTokens(std::size_t count, unsigned seed, unsigned vocab = 64) {
    std::mt19937 random(seed);
    std::vector<TokenId> tokens(count);
    for (TokenId& token : tokens) token = static_cast<TokenId>(random() % vocab);
    return tokens;
}

/// `count` tokens of `from` in the place of others.
std::vector<TokenId> quoting(std::vector<TokenId> text, const std::vector<TokenId>& from, std::size_t at,
                             std::size_t count) {
    std::copy_n(from.begin() + 17, count, text.begin() + static_cast<std::ptrdiff_t>(at));
    return text;
}

/// Every window compared with every one: the definition.
double plainShare(const std::vector<TokenId>& text, const std::vector<TokenId>& other) {
    std::size_t shared = 0;
    const std::size_t windows = text.size() - overlapWindow + 1;
    for (std::size_t at = 0; at < windows; ++at) {
        const auto first = text.begin() + static_cast<std::ptrdiff_t>(at);
        shared +=
            std::search(other.begin(), other.end(), first, first + static_cast<std::ptrdiff_t>(overlapWindow))
            != other.end();
    }
    return static_cast<double>(shared) / static_cast<double>(windows);
}

} // namespace

class TestTextOverlap : public QObject {
    Q_OBJECT
  private slots:
    void sharesAreThoseOfAllWindows_data() {
        QTest::addColumn<int>("quoted");
        for (const int quoted : {0, 49, 50, 100, 400, 1500, 3000})
            QTest::newRow(qPrintable(QString::number(quoted))) << quoted;
    }
    void sharesAreThoseOfAllWindows() {
        QFETCH(int, quoted);
        const auto dev = randomTokens(4000, 1);
        const auto report = quoting(randomTokens(3000, 2), dev, 0, static_cast<std::size_t>(quoted));
        const auto sketch = textSketch(dev);
        QVERIFY(sketch.size() > 800 && sketch.size() < 1200); // a quarter of them
        const double share = sharedShare(report, {sketch}), exact = plainShare(report, dev);
        // Sampling a quarter of 2951 windows: three standard errors.
        QVERIFY2(std::abs(share - exact) <= 3 * std::sqrt(exact * (1 - exact) / 700) + 1e-12,
                 qPrintable(QString("%1, exactly %2").arg(share).arg(exact)));
        if (quoted < 50) QCOMPARE(share, 0.0);
        if (quoted == 3000) QCOMPARE(share, 1.0);
    }

    void placesDoNotMatter() {
        const auto dev = randomTokens(1000, 3), other = randomTokens(1000, 4);
        const auto a = textSketch(dev), b = textSketch(other);
        auto report = quoting(quoting(randomTokens(2000, 5), dev, 1300, 500), other, 100, 500);
        const double both = sharedShare(report, {a, b});
        QVERIFY(std::abs(both - 0.46) < 0.06);
        QVERIFY(std::abs(sharedShare(report, {a}) + sharedShare(report, {b}) - both) < 1e-12);
        QCOMPARE(sharedShare(report, {}), 0.0);
    }

    void blanksDoNotCount() {
        std::vector<TokenId> blank(500, 7), short_ = randomTokens(49, 6), empty;
        QVERIFY(textSketch(blank).empty());
        QVERIFY(textSketch(short_).empty() && textSketch(empty).empty());
        const auto sketch = textSketch(randomTokens(1000, 1));
        QCOMPARE(sharedShare(blank, {sketch}), 0.0);
        QCOMPARE(sharedShare(short_, {sketch}), 0.0);
    }

    void aMillionTokensTakeMilliseconds() {
        const auto text = randomTokens(1000000, 8, 32000);
        QElapsedTimer clock;
        clock.start();
        const auto sketch = textSketch(text);
        QCOMPARE(sharedShare(text, {sketch}), 1.0);
        QVERIFY2(clock.elapsed() < 2000, qPrintable(QString::number(clock.elapsed())));
    }
};

QTEST_APPLESS_MAIN(TestTextOverlap)
#include "test_text_overlap.moc"
