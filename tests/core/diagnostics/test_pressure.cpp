// Interpolation pressure against finite differences of frequency tables, and by hand. The tables of the first
// tests come from formulas written here, independent of core/rope.
#include "built_condition.h"
#include "core/diagnostics/pressure.h"

#include <QtTest>

#include <cmath>
#include <limits>
#include <numbers>

using namespace qroar;
using namespace qroar::test;

namespace {

constexpr double pi = std::numbers::pi;

/// omega'_i by method.md section 3, as a function of s alone.
double scaledOmega(RopeKind kind, int pair, int pairs, double theta, double s, double low, double high) {
    const double d = 2.0 * pairs, exponent = -2.0 * pair / d;
    const double plain = std::pow(theta, exponent);
    const double ramp = std::clamp((pair - low) / (high - low), 0.0, 1.0);
    switch (kind) {
    case RopeKind::Linear:
        return plain / s;
    case RopeKind::Ntk:
    case RopeKind::Dynamic:
        return std::pow(theta * std::pow(s, d / (d - 2)), exponent);
    case RopeKind::Yarn:
        return plain * ((1 - ramp) + ramp / s);
    default:
        return plain;
    }
}

FrequencyTable makeTable(RopeKind kind, int pairs, double s, double theta = 10000, double trained = 256) {
    const double low = 0.2 * pairs, high = 0.7 * pairs;
    FrequencyTable table;
    table.spec.kind = kind;
    table.factor = s;
    table.trainedContext = trained;
    for (int pair = 0; pair < pairs; ++pair) {
        table.plain.push_back(std::pow(theta, -static_cast<double>(pair) / pairs));
        table.omega.push_back(scaledOmega(kind, pair, pairs, theta, s, low, high));
        if (kind == RopeKind::Yarn) table.ramp.push_back(std::clamp((pair - low) / (high - low), 0.0, 1.0));
    }
    return table;
}

bool close(double found, double expected, double relative = 1e-12) {
    return std::abs(found - expected) <= relative * std::abs(expected) + 1e-300;
}

RopeModel modelOf(int rotaryDim, int maxPositions) {
    RopeModel model;
    model.headDim = model.rotaryDim = rotaryDim;
    model.maxPositions = maxPositions;
    return model;
}

} // namespace

class TestPressure : public QObject {
    Q_OBJECT
  private slots:
    void rawIsTheDerivative_data();
    void rawIsTheDerivative();
    void byHand();
    void otherKinds();
    void companions();
    void companionsOfBands();
    void dynamicEqualsNtk();
    void tablesOfTheEngine();
    void energy();
    void energyMatchesGroups();
    void grids();
    void gridsWithoutSamples();
};

void TestPressure::rawIsTheDerivative_data() {
    QTest::addColumn<int>("kind");
    QTest::addColumn<double>("factor");
    for (const double factor : {1.0, 2.0, 8.0})
        for (const auto& [name, kind] :
             {std::pair{"linear", RopeKind::Linear}, {"ntk", RopeKind::Ntk}, {"yarn", RopeKind::Yarn}})
            QTest::addRow("%s %g", name, factor) << static_cast<int>(kind) << factor;
}

void TestPressure::rawIsTheDerivative() {
    QFETCH(int, kind);
    QFETCH(double, factor);
    constexpr int pairs = 16;
    constexpr double distance = 777, step = 1e-5; // of ln s
    const auto rope = static_cast<RopeKind>(kind);
    const auto pressure = pairPressure(makeTable(rope, pairs, factor), distance);
    QCOMPARE(pressure.size(), std::size_t(pairs));
    for (int pair = 0; pair < pairs; ++pair) {
        const auto omega = [&](double s) {
            return scaledOmega(rope, pair, pairs, 10000, s, 0.2 * pairs, 0.7 * pairs);
        };
        const double difference =
            (omega(factor * std::exp(step)) - omega(factor * std::exp(-step))) / (2 * step) * distance;
        const double raw = pressure[static_cast<std::size_t>(pair)].raw;
        QVERIFY2(std::abs(raw - std::abs(difference)) <= 1e-6 * raw + 1e-9,
                 qPrintable(QString("pair %1: %2, difference %3").arg(pair).arg(raw).arg(difference)));
    }
}

void TestPressure::byHand() {
    // d = 4, theta = 10,000: omega = 1, 0.01
    const auto linear = pairPressure(makeTable(RopeKind::Linear, 2, 4), 100);
    QVERIFY(close(linear[0].raw, 25) && close(linear[1].raw, 0.25));
    QVERIFY(close(linear[0].saturated, 1) && close(linear[1].saturated, 0.25 / pi));
    QVERIFY(close(linear[0].displacement, 75) && close(linear[1].displacement, 0.75));
    QVERIFY(close(linear[0].aliasingDistance, pi / 0.75) && close(linear[1].aliasingDistance, pi / 0.0075));
    // ntk: 2i/(d-2) = 1 for the last pair, whose omega' = omega / s
    const auto ntk = pairPressure(makeTable(RopeKind::Ntk, 2, 4), 100);
    QCOMPARE(ntk[0].raw, 0.0);
    QVERIFY(close(ntk[1].raw, 0.25));
    QVERIFY(std::isinf(ntk[0].aliasingDistance));
    // d = 2: one pair, which NTK cannot move; no 0/0
    QCOMPARE(pairPressure(makeTable(RopeKind::Ntk, 1, 4), 100)[0].raw, 0.0);
}

void TestPressure::otherKinds() {
    FrequencyTable table = makeTable(RopeKind::None, 4, 1);
    for (const PairPressure& pair : pairPressure(table, 1000)) {
        QCOMPARE(pair.raw, 0.0);
        QCOMPARE(pair.saturated, 0.0);
        QCOMPARE(pair.displacement, 0.0);
        QVERIFY(std::isinf(pair.aliasingDistance));
    }
    table.spec.kind = RopeKind::Llama3;
    table.factor = 8;
    table.omega[3] = table.plain[3] / 8;
    const auto llama = pairPressure(table, 1000);
    QCOMPARE(llama[0].raw, 0.0);
    QVERIFY(close(llama[3].raw, table.plain[3] * (7.0 / 8) * 1000 / std::log(8)));
    table.spec.kind = RopeKind::LongRope;
    table.factor = 0.5; // |ln s|
    QVERIFY(close(pairPressure(table, 1000)[3].raw, table.plain[3] * (7.0 / 8) * 1000 / std::log(2)));
    table.factor = 1; // lists without a factor: no scale to differentiate by
    QCOMPARE(pairPressure(table, 1000)[3].raw, 0.0);
    table.spec.kind = RopeKind::Yarn; // a table without its ramp falls back to the secant
    table.factor = 8;
    QVERIFY(close(pairPressure(table, 1000)[3].raw, table.plain[3] * (7.0 / 8) * 1000 / std::log(8)));
    QVERIFY(pairPressure(FrequencyTable{}, 10).empty());
}

void TestPressure::companions() {
    const auto pressure = pairPressure(makeTable(RopeKind::Linear, 2, 4, 10000, 256), 100);
    QVERIFY(close(pressure[0].wavelength, 2 * pi) && close(pressure[1].wavelength, 200 * pi)); // unscaled
    QVERIFY(!pressure[0].partialCycle);
    QVERIFY(pressure[1].partialCycle); // 628 > 256
    QVERIFY(!pairPressure(makeTable(RopeKind::Linear, 2, 4, 10000, 629), 100)[1].partialCycle);
}

void TestPressure::companionsOfBands() {
    // d = 8, theta = 10,000: omega = 1, 0.1, 0.01, 0.001; linear:4 takes three quarters of each
    const FrequencyTable table = makeTable(RopeKind::Linear, 4, 4);
    const auto bands = bandCompanions(table, 200, BandPartition::fromEdges({0, 1, 4}, 4).value());
    QCOMPARE(bands.size(), std::size_t{2});
    QVERIFY(close(bands[0].displacement, 150) && close(bands[0].aliasingDistance, pi / 0.75));
    QVERIFY(close(bands[1].displacement, (15 + 1.5 + 0.15) / 3));
    QVERIFY(close(bands[1].aliasingDistance, pi / 0.075)); // of the fastest pair
    QCOMPARE(bands[0].partialCycles, 0);
    QCOMPARE(bands[1].partialCycles, 2); // 62.8 tokens fit into 256; 628 and 6,283 do not
    const auto still =
        bandCompanions(makeTable(RopeKind::None, 4, 1), 200, BandPartition::fromEdges({0, 4}, 4).value());
    QVERIFY(still[0].displacement == 0 && std::isinf(still[0].aliasingDistance));
}

void TestPressure::dynamicEqualsNtk() {
    const auto dynamic = pairPressure(makeTable(RopeKind::Dynamic, 8, 13), 50);
    const auto ntk = pairPressure(makeTable(RopeKind::Ntk, 8, 13), 50);
    for (std::size_t pair = 0; pair < 8; ++pair) QCOMPARE(dynamic[pair].raw, ntk[pair].raw);
    // by hand: d = 8, theta 10,000, pair 3: omega 1e-3; dynamic:2 at twice L0: s_eff = 2 * 2 - 1 = 3, so
    // omega' = 1e-3 * 3^(-6/6) and d phi / d ln s_eff = 6/6 omega' 1024
    const auto engine =
        pairPressure(*buildFrequencyTable(*RopeSpec::parse("dynamic:2"), modelOf(8, 512), 1024), 1024);
    QVERIFY(std::abs(engine[3].raw - 1.024 / 3) < 1e-9);
    for (const PairPressure& pair : pairPressure(makeTable(RopeKind::Dynamic, 8, 1), 50))
        QCOMPARE(pair.raw, 0.0); // not in force: as without scaling
}

void TestPressure::tablesOfTheEngine() {
    constexpr double step = 1e-4, distance = 1000;
    for (const std::string kind : {"linear", "ntk", "yarn"}) {
        const auto tableOf = [&](double s) {
            const auto spec = RopeSpec::parse(kind + ":" + std::to_string(s));
            return *buildFrequencyTable(*spec, modelOf(64, 2048), 8192);
        };
        const double s = 4;
        const auto pressure = pairPressure(tableOf(s), distance);
        const FrequencyTable up = tableOf(s * std::exp(step)), down = tableOf(s * std::exp(-step));
        for (std::size_t pair = 0; pair < pressure.size(); ++pair) {
            const double width = std::log(up.factor / down.factor); // as printed, not as wished
            const double difference = std::abs(up.omega[pair] - down.omega[pair]) / width * distance;
            QVERIFY2(std::abs(pressure[pair].raw - difference) <= 1e-4 * pressure[pair].raw + 1e-9,
                     qPrintable(QString::fromStdString(kind) + QString(" pair %1").arg(pair)));
        }
    }
    // dynamic:2 at four times L0 is ntk with 2 * 4 - 1 = 7
    const auto dynamic = *buildFrequencyTable(*RopeSpec::parse("dynamic:2"), modelOf(64, 2048), 8192);
    const auto ntk = *buildFrequencyTable(*RopeSpec::parse("ntk:7"), modelOf(64, 2048), 8192);
    const auto a = pairPressure(dynamic, distance), b = pairPressure(ntk, distance);
    for (std::size_t pair = 0; pair < a.size(); ++pair) QVERIFY(close(a[pair].raw, b[pair].raw));
}

void TestPressure::energy() {
    const auto rule = [](const SamplePlace& p) {
        const double length = p.tensor == QkTensor::Q ? 1.0 + p.pair : 0.5 + p.layer;
        return p.stage == RopeStage::Pre ? length : 100; // the rotated ones must not count
    };
    const ConditionResult condition = buildCondition({}, rule);
    for (int layer = 0; layer < 2; ++layer) {
        const auto found = pairEnergy(condition.statistics, layer);
        QCOMPARE(found.size(), 4U);
        for (std::size_t pair = 0; pair < 4; ++pair) // both rows equal: lengths are sqrt(2) |x|
            QVERIFY(close(found[pair], 2 * (1.0 + static_cast<double>(pair)) * (0.5 + layer)));
    }
}

void TestPressure::energyMatchesGroups() {
    BuiltOptions options;
    options.groups = 2;
    const auto rule = [](const SamplePlace& p) {
        if (p.tensor == QkTensor::Q) return p.group == 0 ? 1.0 : 3.0;
        return p.group == 0 ? 10.0 : 1.0;
    };
    const ConditionResult condition = buildCondition(options, rule);
    // mean of 1 * 10 and 3 * 1, times 2 for the lengths; pooling first would give 2 * 5.5
    QVERIFY(close(pairEnergy(condition.statistics, 0)[2], 2 * 6.5));
}

void TestPressure::grids() {
    const auto rule = [](const SamplePlace& p) {
        return p.tensor == QkTensor::K ? 1.0 : p.layer == 0 ? 1.0 : p.pair == 1 ? 6.0 : 2.0;
    };
    const QkStatistics statistics = buildCondition({}, rule).statistics;
    const FrequencyTable table = makeTable(RopeKind::Linear, 4, 2); // omega = 1, 0.1, 0.01, 0.001
    const auto bands = *BandPartition::fromEdges({0, 1, 3, 4}, 4);
    const BandGrid raw = pressureGrid(PressureForm::Raw, table, 20, bands, statistics);
    QCOMPARE(raw.layers, 2);
    QCOMPARE(raw.bands, 3);
    for (int layer = 0; layer < 2; ++layer) {
        QVERIFY(close(raw.at(layer, 0), 10));
        QVERIFY(close(raw.at(layer, 1), (1 + 0.1) / 2));
        QVERIFY(close(raw.at(layer, 2), 0.01));
    }
    const BandGrid saturated = pressureGrid(PressureForm::Saturated, table, 20, bands, statistics);
    QVERIFY(close(saturated.at(1, 0), 1));
    QVERIFY(close(saturated.at(1, 1), 0.55 / pi));
    const BandGrid weighted = pressureGrid(PressureForm::EnergyWeighted, table, 20, bands, statistics);
    QVERIFY(close(weighted.at(0, 1), 0.55 / pi)); // equal energies
    QVERIFY(close(weighted.at(1, 1), (6 * 1 + 2 * 0.1) / 8 / pi));
    QVERIFY(close(weighted.at(1, 2), 0.01 / pi));
    FrequencyTable partly = table;
    partly.unscaledLayers = {1}; // no scaling reaches this layer, so nothing presses there
    for (const PressureForm form :
         {PressureForm::Raw, PressureForm::Saturated, PressureForm::EnergyWeighted}) {
        const BandGrid found = pressureGrid(form, partly, 20, bands, statistics);
        QVERIFY(found.at(0, 0) > 0 && found.at(1, 0) == 0 && found.at(1, 1) == 0 && found.at(1, 2) == 0);
    }
}

void TestPressure::gridsWithoutSamples() {
    const QkStatistics empty({2, 1, 4, {0, 16, 32}});
    const FrequencyTable table = makeTable(RopeKind::Linear, 4, 2);
    const BandPartition bands = BandPartition::equal(2, 4);
    QVERIFY(std::isnan(pressureGrid(PressureForm::EnergyWeighted, table, 9, bands, empty).at(1, 1)));
    QVERIFY(!std::isnan(pressureGrid(PressureForm::Raw, table, 9, bands, empty).at(1, 1)));
    QCOMPARE(pressureGrid(PressureForm::Raw, table, 9, bands, QkStatistics()).layers, 0);
    // bands of another model: what is beyond the table is NaN, nothing is read out of bounds
    const BandGrid wide = pressureGrid(PressureForm::Raw, table, 9, BandPartition::equal(2, 16), empty);
    QVERIFY(!std::isnan(wide.at(0, 0)));
    QVERIFY(std::isnan(wide.at(0, 1)));
}

QTEST_APPLESS_MAIN(TestPressure)
#include "test_pressure.moc"
