// BandPartition, snap points and layouts: edges stay ordered whatever is asked of them, and names follow
// them.
#include "core/rope/band_layout.h"
#include "core/rope/bands.h"

#include <QtTest>

#include <climits>
#include <cmath>
#include <limits>
#include <numbers>

using namespace qroar;

class TestBands : public QObject {
    Q_OBJECT
  private slots:
    void equalBands();
    void bandOf();
    void edges();
    void parsesEdges();
    void refusesEdges();
    void movesEdges();
    void snaps();
    void snapsLeaveOut();
    void namesFollowEdges();
    void splitsAndMerges();
    void bandsInOneWord();
    void refusesWords_data();
    void refusesWords();
    void yarnZonesAreThoseOfTheRamp();
    void thirdsAreEqualInLogWavelength();
};

void TestBands::equalBands() {
    QCOMPARE(QString::fromStdString(BandPartition::equal(4, 16).text()), QString("0,4,8,12,16"));
    for (int pairs = 1; pairs <= 20; ++pairs)
        for (int bands = 1; bands <= pairs; ++bands) {
            const BandPartition partition = BandPartition::equal(bands, pairs);
            QCOMPARE(partition.count(), bands);
            QCOMPARE(partition.pairs(), pairs);
            QCOMPARE(partition.begin(0), 0);
            for (int band = 0; band < bands; ++band) {
                const int size = partition.end(band) - partition.begin(band);
                QVERIFY(size == pairs / bands || size == pairs / bands + 1);
            }
        }
    QCOMPARE(BandPartition::equal(0, 8).count(), 1);
    QCOMPARE(BandPartition::equal(-3, 8).count(), 1);
    QCOMPARE(BandPartition::equal(99, 8).count(), 8);
    QCOMPARE(BandPartition::equal(4, 0).count(), 0);
    QVERIFY(BandPartition::equal(4, 0) == BandPartition());
}

void TestBands::bandOf() {
    const BandPartition bands = *BandPartition::fromEdges({0, 1, 5}, 9);
    const int expected[] = {0, 1, 1, 1, 1, 2, 2, 2, 2};
    for (int pair = 0; pair < 9; ++pair) QCOMPARE(bands.bandOf(pair), expected[pair]);
    for (const int outside : {-1, 9, INT_MAX, INT_MIN}) QCOMPARE(bands.bandOf(outside), -1);
    QCOMPARE(BandPartition().bandOf(0), -1);
}

void TestBands::edges() {
    const std::vector<int> whole{0, 4, 9, 16};
    for (const std::vector<int>& given :
         {whole, std::vector<int>{4, 9}, std::vector<int>{0, 4, 9}, std::vector<int>{4, 9, 16}})
        QVERIFY(BandPartition::fromEdges(given, 16)->edges() == whole);
    for (const std::vector<int>& given : {std::vector<int>{}, {0}, {16}, {0, 16}})
        QCOMPARE(BandPartition::fromEdges(given, 16)->count(), 1);
}

void TestBands::parsesEdges() {
    for (const char* text : {"0,4,9", "4,9", " 0, 4 ,9,16"}) {
        const auto bands = BandPartition::parseEdges(text, 16);
        QVERIFY2(bands.ok(), text);
        QCOMPARE(QString::fromStdString(bands->text()), QString("0,4,9,16"));
    }
    const BandPartition some = *BandPartition::parseEdges("3", 16);
    QVERIFY(*BandPartition::parseEdges(some.text(), 16) == some);
}

void TestBands::refusesEdges() {
    const std::pair<const char*, const char*> cases[] = {
        {"", "whole numbers"},
        {"4,", "whole numbers"},
        {"4;9", "found '4;9'"},
        {"4.5", "whole numbers"},
        {"x", "whole numbers"},
        {"99999999999999999999", "whole numbers"},
        {"9999999999", "whole numbers"},
        {"-1", "between 0 and 16 (rotary pairs), found -1"},
        {"4,17", "found 17"},
        {"4,4", "must increase, found 4 before 4"},
        {"9,4", "found 9 before 4"},
        {"0,0", "found 0 before 0"},
        {"4,16,16", "found 16 before 16"},
    };
    for (const auto& [text, words] : cases) {
        const auto bands = BandPartition::parseEdges(text, 16);
        QVERIFY2(!bands.ok(), text);
        const QString message = QString::fromStdString(bands.error().message);
        QVERIFY2(message.contains(words), qPrintable(message));
    }
    QVERIFY(!BandPartition::fromEdges({}, 0).ok());
    QVERIFY(!BandPartition::fromEdges({INT_MAX, INT_MIN}, 16).ok());
}

void TestBands::movesEdges() {
    const BandPartition bands = *BandPartition::fromEdges({0, 4, 9, 16}, 16);
    const auto moved = [&bands](int index, int pair) {
        return QString::fromStdString(bands.withEdgeMoved(index, pair).text());
    };
    QCOMPARE(moved(1, 6), QString("0,6,9,16"));
    QCOMPARE(moved(1, 9), QString("0,8,9,16")); // not onto its neighbour
    QCOMPARE(moved(1, INT_MAX), QString("0,8,9,16"));
    QCOMPARE(moved(1, INT_MIN), QString("0,1,9,16"));
    QCOMPARE(moved(2, 3), QString("0,4,5,16"));
    QCOMPARE(moved(2, 99), QString("0,4,15,16"));
    for (const int fixed : {0, 3, -1, 4}) QCOMPARE(moved(fixed, 7), QString("0,4,9,16"));
    const BandPartition singles = BandPartition::equal(3, 3);
    QVERIFY(singles.withEdgeMoved(1, 2) == singles);
    QVERIFY(BandPartition().withEdgeMoved(1, 2) == BandPartition());
}

void TestBands::snaps() {
    RopeModel model;
    model.headDim = model.rotaryDim = 128;
    model.maxPositions = 4096;
    const FrequencyTable yarn = *buildFrequencyTable(*RopeSpec::parse("yarn:4"), model, 16384);
    const std::vector<SnapPoint> points = snapPoints(yarn, model.theta, 16384);
    QCOMPARE(points.size(), std::size_t{4});
    QCOMPARE(points[0].pair, 20.0);
    QCOMPARE(QString::fromStdString(points[0].reason), QString("yarn ramp low"));
    // At the fractional pair the wavelength is the context: 2 pi theta^(2i/d).
    const auto wavelength = [](double pair) { return 2 * std::numbers::pi * std::pow(1e4, pair / 64); };
    QCOMPARE(QString::fromStdString(points[1].reason), QString("unscaled wavelength = 4,096 (trained)"));
    QVERIFY(std::abs(wavelength(points[1].pair) - 4096) < 1e-8);
    QCOMPARE(points[2].pair, 46.0);
    QCOMPARE(QString::fromStdString(points[2].reason), QString("yarn ramp high"));
    QCOMPARE(QString::fromStdString(points[3].reason), QString("unscaled wavelength = 16,384 (target)"));
    QVERIFY(std::abs(wavelength(points[3].pair) - 16384) < 1e-8);
}

void TestBands::snapsLeaveOut() {
    RopeModel model;
    model.headDim = model.rotaryDim = 64;
    model.maxPositions = 512;
    const FrequencyTable none = *buildFrequencyTable(RopeSpec{}, model, 512);
    QCOMPARE(snapPoints(none, model.theta, 512).size(), std::size_t{1}); // target = trained: said once
    QCOMPARE(snapPoints(none, model.theta, 1e5).size(), std::size_t{1}); // beyond pair d/2
    QCOMPARE(snapPoints(none, model.theta, 3).size(), std::size_t{1});   // below 2 pi
    for (const double bad : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()})
        QCOMPARE(snapPoints(none, model.theta, bad).size(), std::size_t{1});
    QVERIFY(snapPoints(FrequencyTable{}, 1e4, 512).size() <= 1);
}

namespace {

BandLayout named(const char* edges, std::initializer_list<const char*> names, int pairs = 16) {
    BandLayout layout{*BandPartition::parseEdges(edges, pairs), {}};
    int band = 0;
    for (const char* name : names) layout.setStyle(band++, {name, {}});
    return layout;
}

QString text(const BandLayout& layout) {
    QStringList parts{QString::fromStdString(layout.bands.text())};
    for (int band = 0; band < layout.bands.count(); ++band)
        parts << QString::fromStdString(layout.style(band).name);
    return parts.join(u'|');
}

} // namespace

void TestBands::namesFollowEdges() {
    const BandLayout layout = named("0,4,9", {"a", "", "c"});
    QCOMPARE(text(layout.withEdges(layout.bands.withEdgeMoved(1, 6))), QString("0,6,9,16|a||c"));
    QCOMPARE(text(layout.withEdges(BandPartition::equal(1, 16))), QString("0,16|a"));
    QCOMPARE(text(layout.withEdges(*BandPartition::parseEdges("0,2,4,9,12", 16))),
             QString("0,2,4,9,12,16|a|||c|"));
    BandLayout cleared = layout;
    cleared.setStyle(0, {});
    QCOMPARE(cleared.styles.size(), std::size_t{3});
    cleared.setStyle(2, {});
    QVERIFY(cleared.styles.empty()); // nobody named anything: nothing to store
    cleared.setStyle(7, {"outside", {}});
    QVERIFY(cleared.styles.empty());
    QVERIFY(isBandColour("#0072B2"));
    for (const char* bad : {"", "0072b2", "#0072b", "#0072bg", "#0072b22"}) QVERIFY2(!isBandColour(bad), bad);
}

void TestBands::splitsAndMerges() {
    const BandLayout layout = named("0,4,9", {"a", "", "c"});
    QCOMPARE(text(layout.withEdgeAdded(12)), QString("0,4,9,12,16|a||c|")); // the left part keeps the name
    QCOMPARE(text(layout.withEdgeAdded(2)), QString("0,2,4,9,16|a|||c"));
    for (const int there : {-1, 0, 4, 9, 16, 99}) QVERIFY(layout.withEdgeAdded(there) == layout);
    QCOMPARE(text(layout.withEdgeRemoved(1)), QString("0,9,16|a|c"));
    QCOMPARE(text(layout.withEdgeRemoved(2)), QString("0,4,16|a|c")); // the left one has no name
    for (const int none : {-1, 0, 3, 9}) QVERIFY(layout.withEdgeRemoved(none) == layout);
    QCOMPARE(splitPlace(layout.bands, 1), 6);
    QCOMPARE(splitPlace(layout.bands, 1, 8), 8);
    QCOMPARE(splitPlace(layout.bands, 1, 4), 6);  // its own first pair: no cut there
    QCOMPARE(splitPlace(layout.bands, 1, 12), 6); // not in this band
    QCOMPARE(splitPlace(BandPartition::equal(16, 16), 3), -1);
}

void TestBands::bandsInOneWord() {
    BandLayout layout = named("0,4,9", {"low", "", "100 % = a,b @ c"});
    layout.setStyle(1, {"", "#e69f00"});
    const std::string text = bandText(layout);
    QCOMPARE(QString::fromStdString(text), QString("0=low,4=@#e69f00,9=100 %25 = a%2Cb %40 c,16"));
    const auto read = parseBandText(text, 16);
    QVERIFY(read && read->styles);
    QVERIFY((BandLayout{read->bands, *read->styles} == layout));
    const auto edges = parseBandText("0, 4,9,16", 16); // nothing about styles
    QVERIFY(edges && !edges->styles && edges->bands == layout.bands);
    const auto none = parseBandText(bandText({layout.bands, {}}), 16); // no band has one
    QVERIFY(none && none->styles && none->styles->empty());
    const auto open = parseBandText("0,9=high", 16); // the end may be left out
    QVERIFY(open && open->styles && open->styles->at(1).name == "high");
    for (const char* word : {"9=high", "9=high,16", " 9=high@#e69f00,16"}) { // and so may pair 0
        const auto late = parseBandText(word, 16);
        QVERIFY(late && late->styles && late->bands == BandPartition::fromEdges({0, 9, 16}, 16).value());
        QCOMPARE(late->styles->size(), std::size_t{2});
        QVERIFY(late->styles->at(0).empty() && late->styles->at(1).name.starts_with("high"));
    }
    const auto rising = parseBandText("1=q,2,3,4,5,6,7=h", 8);
    QVERIFY(rising && rising->styles && rising->styles->at(1).name == "q"
            && rising->styles->at(7).name == "h");
}

void TestBands::refusesWords_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("says");
    QTest::newRow("colour") << "0=low@red,16"
                            << "@#rrggbb";
    QTest::newRow("at sign") << "0=a@b@#e69f00,16"
                             << "%40";
    QTest::newRow("per cent") << "0=50 %,16"
                              << "%25";
    QTest::newRow("escape") << "0=%2,16"
                            << "%2C";
    QTest::newRow("long") << QString("0=%1,16").arg(QString(257, 'x')) << "256";
    QTest::newRow("end") << "0=a,16=b"
                         << "last edge";
    QTest::newRow("control character") << "0=lo\nw,16"
                                       << "control";
    QTest::newRow("end alone") << "16=a"
                               << "last edge";
    QTest::newRow("edges") << "0=a,x=b,16"
                           << "whole numbers";
    QTest::newRow("order") << "0=a,9=b,4=c,16"
                           << "";
    QTest::newRow("empty") << ""
                           << "";
}

void TestBands::refusesWords() {
    QFETCH(QString, text);
    QFETCH(QString, says);
    const auto read = parseBandText(text.toStdString(), 16);
    QVERIFY(!read);
    const QString message = QString::fromStdString(read.error().message);
    QVERIFY2(message.contains(says), qPrintable(message));
}

void TestBands::yarnZonesAreThoseOfTheRamp() {
    RopeModel model;
    model.headDim = model.rotaryDim = 128;
    model.theta = 1e4;
    model.maxPositions = 4096;
    const FrequencyTable yarn = *buildFrequencyTable(*RopeSpec::parse("yarn:4"), model, 16384);
    const ZoneLayout zones = yarnZones(yarn); // ramp from 20 to 46, as in snaps()
    QCOMPARE(QString::fromStdString(zones.bands.text()), QString("0,20,46,64"));
    QCOMPARE(zones.zones, (std::vector<int>{0, 1, 2}));
    // Beyond the ramp everything is interpolated by the factor; below it nothing.
    QVERIFY(std::abs(yarn.omega[19] / yarn.plain[19] - 1) < 1e-12);
    QVERIFY(std::abs(yarn.omega[46] / yarn.plain[46] - 0.25) < 1e-12);
    const FrequencyTable none = *buildFrequencyTable(RopeSpec{}, model, 4096);
    QVERIFY(yarnZones(none).zones.empty());
}

void TestBands::thirdsAreEqualInLogWavelength() {
    RopeModel model;
    model.headDim = model.rotaryDim = 128;
    model.theta = 1e4;
    model.maxPositions = 4096;
    const FrequencyTable table = *buildFrequencyTable(RopeSpec{}, model, 4096);
    // 64 ln(4096 / 2 pi) / ln 1e4 = 45.03 pairs up to L0, 15.01 in each third.
    const ZoneLayout zones = wavelengthThirds(table);
    QCOMPARE(QString::fromStdString(zones.bands.text()), QString("0,16,31,46,64"));
    QCOMPARE(zones.zones, (std::vector<int>{0, 1, 2, 3}));
    model.theta = 10; // all wavelengths below L0: no pair is beyond it, none in the last third
    const ZoneLayout fast = wavelengthThirds(*buildFrequencyTable(RopeSpec{}, model, 4096));
    QCOMPARE(fast.zones, (std::vector<int>{0, 1}));
    model.maxPositions = 4; // L0 below 2 pi: nothing to divide
    QVERIFY(wavelengthThirds(*buildFrequencyTable(RopeSpec{}, model, 4)).zones.empty());
}

QTEST_APPLESS_MAIN(TestBands)
#include "test_bands.moc"
