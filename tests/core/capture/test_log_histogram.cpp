// LogHistogram against definitions: every bin edge to the last bit of a float, quantiles against sorted
// samples.
#include "core/capture/log_histogram.h"

#include <QtTest>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

using namespace qroar;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

LogHistogram histogramOf(const std::vector<float>& values) {
    LogHistogram histogram;
    for (const float value : values) histogram.add(value);
    return histogram;
}

/// The smallest sample with at least p of the samples at or below it, by counting; values are sorted.
double exactQuantile(const std::vector<float>& values, double p) {
    for (std::size_t at = 0; at < values.size(); ++at)
        if (static_cast<double>(at + 1) >= p * static_cast<double>(values.size()) * (1 - 1e-15))
            return values[at];
    return values.back();
}

std::vector<float> samples(std::size_t count, const std::function<float(std::mt19937&)>& draw) {
    std::mt19937 random(20240917);
    std::vector<float> values(count);
    for (float& value : values) value = draw(random);
    return values;
}

} // namespace

class TestLogHistogram : public QObject {
    Q_OBJECT
  private slots:
    void edgesAreExact();
    void binsAreNarrow();
    void binOfIsMonotone();
    void extremesAndSigns();
    void quantiles_data();
    void quantiles();
    void quantilesOutsideTheRange();
    void emptyHistogram();
    void tailMassMatchesCounts();
    void quantileAndTailMassAreInverse();
    void storesTheOccupiedStretch();
    void mergingIsAddition();
    void saturates();
    void fromCountsRefusesWhatDoesNotFit();
    void sharesCountsUntilOneChanges();
};

void TestLogHistogram::edgesAreExact() {
    for (int bin = 1; bin < LogHistogram::binCount; ++bin) {
        const auto edge = static_cast<float>(LogHistogram::binLower(bin));
        QCOMPARE(static_cast<double>(edge), LogHistogram::binLower(bin)); // an edge is a float
        QCOMPARE(LogHistogram::binOf(edge), bin);
        QCOMPARE(LogHistogram::binOf(-edge), bin);
        QCOMPARE(LogHistogram::binOf(std::nextafter(edge, 0.0F)), bin - 1);
        QCOMPARE(LogHistogram::binOf(std::nextafter(static_cast<float>(LogHistogram::binUpper(bin)), 0.0F)),
                 bin);
    }
    QCOMPARE(LogHistogram::binLower(0), 0.0);
    QCOMPARE(LogHistogram::binLower(1), std::ldexp(1.0, LogHistogram::minExponent));
    QCOMPARE(LogHistogram::binLower(LogHistogram::binCount - 1), 65536.0);
    QCOMPARE(LogHistogram::binLower(1 - LogHistogram::minExponent * 40),
             1.0); // octaves start at powers of two
}

void TestLogHistogram::binsAreNarrow() {
    for (int bin = 1; bin < LogHistogram::binCount; ++bin) {
        const double ratio = LogHistogram::binUpper(bin) / LogHistogram::binLower(bin);
        QVERIFY2(ratio > 1.0165 && ratio < 1.0178, qPrintable(QString::number(bin)));
        // within one mantissa step of the ideal edge 2^(minExponent + (bin-1)/40)
        const double ideal = std::exp2(LogHistogram::minExponent + (bin - 1) / 40.0);
        QVERIFY(std::abs(LogHistogram::binLower(bin) / ideal - 1) < 1.0 / 2048);
    }
}

void TestLogHistogram::binOfIsMonotone() {
    std::mt19937 random(5);
    std::uniform_int_distribution<std::uint32_t> bits(0, 0x7f800000U);
    for (int trial = 0; trial < 200000; ++trial) {
        std::uint32_t low = bits(random), high = bits(random);
        if (low > high) std::swap(low, high);
        const auto a = std::bit_cast<float>(low), b = std::bit_cast<float>(high);
        QVERIFY(LogHistogram::binOf(a) <= LogHistogram::binOf(b));
        const int bin = LogHistogram::binOf(a);
        QVERIFY(static_cast<double>(a) >= LogHistogram::binLower(bin));
        if (bin < LogHistogram::binCount - 1) QVERIFY(static_cast<double>(a) < LogHistogram::binUpper(bin));
    }
}

void TestLogHistogram::extremesAndSigns() {
    const int last = LogHistogram::binCount - 1;
    for (const float small : {0.0F, -0.0F, std::numeric_limits<float>::denorm_min(), 1e-30F, 6e-5F})
        QCOMPARE(LogHistogram::binOf(small), 0);
    for (const float large :
         {65536.0F, -65536.0F, std::numeric_limits<float>::max(), infinity, -infinity,
          std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN()})
        QCOMPARE(LogHistogram::binOf(large), last);
    QCOMPARE(LogHistogram::binOf(std::nextafter(65536.0F, 0.0F)), last - 1);
}

void TestLogHistogram::quantiles_data() {
    QTest::addColumn<std::vector<float>>("values");
    std::normal_distribution<float> normal;
    std::uniform_real_distribution<float> uniform(0.001F, 1);
    const auto add = [](const char* name, std::vector<float> values) { QTest::newRow(name) << values; };
    add("normal", samples(20000, [&](auto& random) { return normal(random); }));
    add("one value", {3.7F});
    add("two values", {0.5F, 300.0F});
    add("three values", {-1.0F, 0.02F, 9000.0F});
    add("one atom", std::vector<float>(1000, 2.0F));
    add("atom on a bin edge and its neighbour",
        samples(999, [&](auto& random) { return random() % 2 ? 4.0F : std::nextafter(4.0F, 0.0F); }));
    add("three atoms", samples(5000, [](auto& random) {
            return std::array<float, 3>{0.01F, 1.0F, 12345.0F}[random() % 3];
        }));
    add("bimodal, far apart", samples(10000, [&](auto& random) {
            return random() % 100 ? 0.05F * (1 + 0.01F * normal(random)) : 2000 + normal(random);
        }));
    add("Cauchy", samples(30000, [&](auto& random) {
            return std::clamp(std::tan(1.5707F * uniform(random)), 0.004F, 65000.0F);
        }));
    add("Pareto 1/2", samples(30000, [&](auto& random) {
            return std::min(60000.0F, 0.1F / (uniform(random) * uniform(random)));
        }));
    add("log-uniform over the range",
        samples(30000, [&](auto& random) { return std::exp2(-7.9F + 23.8F * uniform(random)); }));
    add("one outlier in a thousand", samples(1000, [&, n = 0](auto& random) mutable {
            return ++n == 500 ? 50000.0F : 1 + 0.1F * uniform(random);
        }));
}

void TestLogHistogram::quantiles() {
    QFETCH(std::vector<float>, values);
    const LogHistogram histogram = histogramOf(values);
    std::vector<float> magnitudes = values;
    for (float& value : magnitudes) value = std::abs(value);
    std::sort(magnitudes.begin(), magnitudes.end());
    // below the range the bound is absolute
    std::vector<double> ps{0, 1e-9, 1e-4, 0.01, 0.5, 0.9, 0.99, 0.999, 0.9999, 1 - 1e-9, 1};
    for (int step = 0; step <= 200; ++step) ps.push_back(step / 200.0);
    const double count = static_cast<double>(values.size());
    for (const double rank : {1.0, 2.0, count / 3, count - 1, count}) {
        ps.push_back(rank / count); // exactly at, just below and just above an order statistic
        ps.push_back(rank / count - 1e-7);
        ps.push_back(std::min(1.0, rank / count + 1e-7));
    }
    double last = 0;
    std::sort(ps.begin(), ps.end());
    for (const double p : ps) {
        const double exact = exactQuantile(magnitudes, p), found = histogram.quantile(p);
        QVERIFY2(std::abs(found - exact) <= std::max(0.0178 * exact, exact < 0x1p-14 ? 0x1p-14 : 0.0),
                 qPrintable(QString("p = %1: exact %2, found %3").arg(p).arg(exact).arg(found)));
        QVERIFY(found >= last); // monotone in p
        last = found;
    }
}

void TestLogHistogram::quantilesOutsideTheRange() {
    const LogHistogram zeros = histogramOf(std::vector<float>(10, 0.0F));
    QVERIFY(zeros.quantile(0.5) >= 0 && zeros.quantile(0.5) <= 0x1p-14);
    const LogHistogram huge = histogramOf({1e30F, infinity, std::nanf("")});
    QCOMPARE(huge.total(), 3U);
    for (const double p : {0.0, 0.5, 1.0}) // a lower bound, finite
        QVERIFY(huge.quantile(p) >= 65536
                && huge.quantile(p) <= LogHistogram::binLower(LogHistogram::binCount));
    QCOMPARE(huge.quantile(-3), huge.quantile(0));
    QCOMPARE(huge.quantile(7), huge.quantile(1));
}

void TestLogHistogram::emptyHistogram() {
    const LogHistogram empty;
    QVERIFY(empty.empty());
    QCOMPARE(empty.total(), 0U);
    QVERIFY(std::isnan(empty.quantile(0.5)));
    QVERIFY(std::isnan(empty.tailMass(1)));
    QCOMPARE(empty.countAt(5), 0U);
    QVERIFY(std::isnan(histogramOf({1.0F}).quantile(std::nan(""))));
}

void TestLogHistogram::tailMassMatchesCounts() {
    std::normal_distribution<float> normal;
    const auto values = samples(40000, [&](auto& random) { return normal(random); });
    const LogHistogram histogram = histogramOf(values);
    for (const double threshold : {0.0, 0.001, 0.02, 0.5, 1.0, 2.5, 4.0, 1e5, 1e300}) {
        const auto above = std::count_if(values.begin(), values.end(),
                                         [&](float value) { return std::abs(value) > threshold; });
        // at most the one bin of the threshold is uncertain
        const int bin = LogHistogram::binOf(static_cast<float>(std::min(threshold, 1e30)));
        const double slack = static_cast<double>(histogram.countAt(bin)) / 40000;
        QVERIFY(std::abs(histogram.tailMass(threshold) - static_cast<double>(above) / 40000)
                <= slack + 1e-12);
    }
    QCOMPARE(histogram.tailMass(0), 1.0);
    QCOMPARE(histogram.tailMass(-1), 1.0);
    QCOMPARE(histogram.tailMass(1e300), 0.0);
}

void TestLogHistogram::quantileAndTailMassAreInverse() {
    std::normal_distribution<float> normal;
    const auto values = samples(5000, [&](auto& random) { return normal(random); });
    const LogHistogram histogram = histogramOf(values);
    for (const double epsilon : {0.5, 1e-1, 1e-2, 1e-3})
        QVERIFY(std::abs(histogram.tailMass(histogram.quantile(1 - epsilon)) - epsilon) < 1e-9);
}

void TestLogHistogram::storesTheOccupiedStretch() {
    LogHistogram histogram;
    histogram.addCount(500, 0);
    QVERIFY(histogram.empty());
    histogram.add(1);
    const int one = LogHistogram::binOf(1.0F);
    QCOMPARE(histogram.firstBin(), one);
    QCOMPARE(histogram.counts().size(), 1U);
    histogram.add(2);
    QCOMPARE(histogram.counts().size(), 41U);
    histogram.add(0.5);
    QCOMPARE(histogram.firstBin(), one - 40);
    QCOMPARE(histogram.counts().size(), 81U);
    QCOMPARE(histogram.total(), 3U);
    QCOMPARE(histogram.countAt(one), 1U);
    QCOMPARE(histogram.countAt(one + 1), 0U);
    QCOMPARE(histogram.countAt(LogHistogram::binCount + 5), 0U);
    QCOMPARE(histogram.countAt(-1), 0U);
}

void TestLogHistogram::mergingIsAddition() {
    std::normal_distribution<float> normal;
    const auto values = samples(3000, [&](auto& random) { return std::exp(3 * normal(random)); });
    std::vector<std::uint32_t> dense(LogHistogram::binCount);
    LogHistogram all, parts[3], dense3;
    for (std::size_t at = 0; at < values.size(); ++at) {
        all.add(values[at]);
        parts[at % 3].add(values[at]);
        ++dense[static_cast<std::size_t>(LogHistogram::binOf(values[at]))];
    }
    LogHistogram forward, backward;
    for (int part = 0; part < 3; ++part) forward.merge(parts[part]);
    for (int part = 2; part >= 0; --part) backward.merge(parts[part]);
    QVERIFY(forward == all);
    QVERIFY(backward == all);
    dense3.addDense(dense);
    QVERIFY(dense3 == all);
    dense3.addDense(std::vector<std::uint32_t>(LogHistogram::binCount)); // nothing
    QVERIFY(dense3 == all);
    LogHistogram self = all;
    self.merge(LogHistogram());
    QVERIFY(self == all);
    QVERIFY(LogHistogram::fromCounts(all.firstBin(), {all.counts().begin(), all.counts().end()}) == all);
}

void TestLogHistogram::saturates() {
    constexpr std::uint64_t limit = 0xffffffffU;
    LogHistogram histogram;
    histogram.addCount(7, limit - 1);
    histogram.addCount(7, 1);
    QCOMPARE(histogram.countAt(7), limit);
    histogram.addCount(7, 1);
    QCOMPARE(histogram.countAt(7), limit);
    LogHistogram twice = histogram;
    twice.merge(histogram);
    QCOMPARE(twice.countAt(7), limit);
    LogHistogram once;
    once.addCount(3, ~std::uint64_t{0});
    QCOMPARE(once.countAt(3), limit);
    once.addCount(3, ~std::uint64_t{0});
    QCOMPARE(once.countAt(3), limit);
}

void TestLogHistogram::fromCountsRefusesWhatDoesNotFit() {
    QVERIFY(LogHistogram::fromCounts(0, {}).empty());
    QVERIFY(LogHistogram::fromCounts(5, {0, 0}).empty());
    const LogHistogram trimmed = LogHistogram::fromCounts(5, {0, 2, 0, 1, 0});
    QCOMPARE(trimmed.firstBin(), 6);
    QCOMPARE(trimmed.counts().size(), 3U);
    QCOMPARE(LogHistogram::fromCounts(-2, {9, 9, 4}).total(), 4U);
    QCOMPARE(LogHistogram::fromCounts(LogHistogram::binCount - 1, {4, 9, 9}).total(), 4U);
    QVERIFY(LogHistogram::fromCounts(std::numeric_limits<int>::max(), {1}).empty());
    QVERIFY(LogHistogram::fromCounts(std::numeric_limits<int>::min(), {1}).empty());
}

void TestLogHistogram::sharesCountsUntilOneChanges() {
    const std::vector<std::uint32_t> values{3, 0, 2, 7, 1, 0, 4};
    const std::shared_ptr<std::uint32_t[]> pool(new std::uint32_t[values.size()]);
    std::copy(values.begin(), values.end(), pool.get());
    const auto part = [&](std::size_t at) { return std::shared_ptr<std::uint32_t[]>(pool, pool.get() + at); };
    LogHistogram first = LogHistogram::sharing(10, part(0), 3), second = LogHistogram::sharing(5, part(3), 2);
    QCOMPARE(first.counts().data(), pool.get()); // not a copy
    QVERIFY(first == LogHistogram::fromCounts(10, {3, 0, 2}));
    QVERIFY(second == LogHistogram::fromCounts(5, {7, 1}));
    const LogHistogram copy = first;
    first.addCount(10, 1);
    second.merge(copy);
    QVERIFY(first == LogHistogram::fromCounts(10, {4, 0, 2}));
    QVERIFY(second == LogHistogram::fromCounts(5, {7, 1, 0, 0, 0, 3, 0, 2}));
    QVERIFY(copy == LogHistogram::fromCounts(10, {3, 0, 2}));
    QVERIFY(std::equal(values.begin(), values.end(), pool.get())); // what others see never changes

    LogHistogram moved = std::move(first);
    QVERIFY(first.empty() && first.counts().empty() && first == LogHistogram()); // NOLINT: as a vector's
    QCOMPARE(moved.total(), 6U);
    moved.merge(LogHistogram(moved));
    QCOMPARE(moved.total(), 12U);

    // What is not stored as it should be is copied, trimmed.
    const LogHistogram trimmed = LogHistogram::sharing(20, part(4), 2); // 1, 0
    QVERIFY(trimmed == LogHistogram::fromCounts(20, {1}));
    QVERIFY(trimmed.counts().data() != pool.get() + 4);
    QVERIFY(LogHistogram::sharing(LogHistogram::binCount - 1, part(2), 3)
            == LogHistogram::fromCounts(LogHistogram::binCount - 1, {2, 7, 1}));
    QVERIFY(LogHistogram::sharing(-1, part(2), 2) == LogHistogram::fromCounts(0, {7}));
    QVERIFY(LogHistogram::sharing(3, part(0), 0).empty());
}

QTEST_APPLESS_MAIN(TestLogHistogram)
#include "test_log_histogram.moc"
