// The small parts: selection hub, colour maps and scales, readable numbers, table twin.
#include "widgets/common/color_map.h"
#include "widgets/common/elided.h"
#include "widgets/common/empty_text.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/common/selection_model.h"
#include "widgets/common/text_line.h"
#include "widgets/common/theme.h"
#include "widgets/models/result_table_model.h"

#include <QAbstractItemModelTester>
#include <QEnterEvent>
#include <QLabel>
#include <QVBoxLayout>
#include <QtTest>

#include <array>
#include <cmath>
#include <limits>

using namespace qroar;

namespace {

/// CIE 1976, of sRGB under D65; 2.3 can just be seen side by side.
double labDistance(const QColor& one, const QColor& other) {
    const auto lab = [](const QColor& colour) {
        const auto linear = [](double c) {
            return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
        };
        const double r = linear(colour.redF()), g = linear(colour.greenF()), b = linear(colour.blueF());
        const auto f = [](double t) { return t > 0.008856 ? std::cbrt(t) : 7.787 * t + 16.0 / 116; };
        const double x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
        const double y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
        const double z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
        return std::array{116 * y - 16, 500 * (x - y), 200 * (y - z)};
    };
    const auto a = lab(one), b = lab(other);
    return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

/// Counts the events of one type that an object gets.
class EventCount : public QObject {
  public:
    EventCount(QObject& watched, QEvent::Type type) : type_(type) { watched.installEventFilter(this); }
    int count = 0;

  protected:
    bool eventFilter(QObject*, QEvent* event) override {
        count += event->type() == type_ ? 1 : 0;
        return false;
    }

  private:
    QEvent::Type type_;
};

} // namespace

class TestWidgetsCommon : public QObject {
    Q_OBJECT
  private slots:
    void selectionEmitsOncePerChange();
    void colourMapsInterpolateBetweenStops();
    void colourMapsKeepTheirOrderOfLightness();
    void scalesCoverTheData();
    void scalesSurviveHostileData();
    void readableNumbers();
    void conditionsAndModelsHaveOneName();
    void themesFollowThePalette();
    void coloursOfEightBandsDiffer();
    void namesAreToldApart();
    void sentencesFitTheirView();
    void aLineOfTextLaysNothingOut();
    void tableModelIsAProperModel();
    void tableCsvQuotesAndKeepsDigits();
};

void TestWidgetsCommon::selectionEmitsOncePerChange() {
    SelectionModel model;
    QSignalSpy spy(&model, &SelectionModel::changed);
    model.setLayer(0);
    model.setTensor(QkTensor::K);
    model.setEpsilon(1e-3);
    QCOMPARE(spy.count(), 0); // the values it starts with
    model.setLayer(3);
    model.setPair(7);
    QCOMPARE(spy.count(), 2);
    model.setBand(2); // another band: back to the whole band, in one signal
    QCOMPARE(spy.count(), 3);
    QCOMPARE(model.selection().pair, -1);
    Selection all{.layer = 1, .tensor = QkTensor::Q, .stage = RopeStage::Pre, .band = 4, .condition = 2};
    model.setSelection(all);
    model.setSelection(all);
    QCOMPARE(spy.count(), 4);
    QVERIFY(model.selection() == all);
}

void TestWidgetsCommon::colourMapsInterpolateBetweenStops() {
    const ColorMap map{{QColor(0, 0, 0), QColor(100, 200, 50), QColor(200, 200, 250)}};
    QCOMPARE(map.at(0), QColor(0, 0, 0));
    QCOMPARE(map.at(0.25), QColor(50, 100, 25));
    QCOMPARE(map.at(0.5), QColor(100, 200, 50));
    QCOMPARE(map.at(1), QColor(200, 200, 250));
    QCOMPARE(map.at(-5), QColor(0, 0, 0));
    QCOMPARE(map.at(7), QColor(200, 200, 250));
    QVERIFY(!map.at(std::nan("")).isValid());
}

void TestWidgetsCommon::colourMapsKeepTheirOrderOfLightness() {
    const auto luminance = [](const QColor& c) {
        return 0.2126 * c.red() + 0.7152 * c.green() + 0.0722 * c.blue();
    };
    for (const ColorMap& map : {ColorMap::viridis(), ColorMap::cividis()})
        for (int step = 1; step <= 64; ++step)
            QVERIFY(luminance(map.at(step / 64.0)) > luminance(map.at((step - 1) / 64.0)));
    // Diverging: the middle is the extreme, both sides fall away from it alike.
    const ColorMap light = ColorMap::divergingLight(), dark = ColorMap::divergingDark();
    for (int step = 1; step <= 32; ++step) {
        for (const int side : {-1, 1}) {
            QVERIFY(luminance(light.at(0.5 + side * step / 64.0))
                    < luminance(light.at(0.5 + side * (step - 1) / 64.0)));
            QVERIFY(luminance(dark.at(0.5 + side * step / 64.0))
                    > luminance(dark.at(0.5 + side * (step - 1) / 64.0)));
        }
        QVERIFY(std::abs(luminance(light.at(0.5 + step / 64.0)) - luminance(light.at(0.5 - step / 64.0)))
                < 40);
    }
}

void TestWidgetsCommon::scalesCoverTheData() {
    const std::vector<double> values{0.5, 3, std::nan(""), 8};
    const ColorScale linear = ColorScale::sequential(values, false);
    QCOMPARE(linear.low, 0.5);
    QCOMPARE(linear.high, 8.0);
    QCOMPARE(linear.position(0.5), 0.0);
    QCOMPARE(linear.position(4.25), 0.5);
    QVERIFY(std::isnan(linear.position(std::nan(""))));
    const ColorScale around = ColorScale::around(1, values, true, 1.05);
    QCOMPARE(around.low, 0.125);
    QCOMPARE(around.high, 8.0);
    QCOMPARE(around.position(1), 0.5);
    QCOMPARE(around.position(std::sqrt(8.0)), 0.75);
    QCOMPARE(around.valueAt(0.75), std::sqrt(8.0));
    const ColorScale quiet = ColorScale::around(1, std::vector<double>{1.001, 0.999}, true, 1.05);
    QCOMPARE(quiet.high, 1.05);
    const ColorScale zero = ColorScale::around(0, std::vector<double>{-3, 1}, false, 0.05);
    QCOMPARE(zero.low, -3.0);
    QCOMPARE(zero.high, 3.0);
}

void TestWidgetsCommon::scalesSurviveHostileData() {
    const double inf = std::numeric_limits<double>::infinity();
    const std::vector<std::vector<double>> cases{
        {}, {std::nan("")}, {inf}, {-inf, inf}, {0}, {0, 0}, {5}, {-5}, {1e-300, 1e300}, {-1, -2}, {inf, 2}};
    for (const auto& values : cases)
        for (const bool logarithmic : {false, true})
            for (const ColorScale& scale : {ColorScale::sequential(values, logarithmic),
                                            ColorScale::around(1, values, logarithmic, 1.05)}) {
                QVERIFY(std::isfinite(scale.low) && std::isfinite(scale.high) && scale.low < scale.high);
                QVERIFY(!logarithmic || scale.low > 0);
                for (const double value : values)
                    QVERIFY(std::isnan(value) || (scale.position(value) >= 0 && scale.position(value) <= 1));
            }
}

void TestWidgetsCommon::readableNumbers() {
    QCOMPARE(groupedCount(1024), QStringLiteral("1,024"));
    QCOMPARE(groupedCount(-1234567), QStringLiteral("-1,234,567"));
    QCOMPARE(readableNumber(0), QStringLiteral("0"));
    QCOMPARE(readableNumber(1.2345), QStringLiteral("1.23"));
    QCOMPARE(readableNumber(12.345, 4), QStringLiteral("12.35"));
    QCOMPARE(readableNumber(0.0012345), QStringLiteral("0.00123"));
    QCOMPARE(readableNumber(12345.6), QStringLiteral("12,346"));
    QCOMPARE(readableNumber(1.5e-5), QStringLiteral("1.50×10⁻⁵"));
    QCOMPARE(readableNumber(9.999e6), QStringLiteral("1.00×10⁷"));
    QCOMPARE(readableNumber(-2.5), QStringLiteral("−2.50"));
    QCOMPARE(readableNumber(std::nan("")), QStringLiteral("–"));
    QCOMPARE(readableNumber(std::numeric_limits<double>::infinity()), QStringLiteral("∞"));
    QCOMPARE(powerOfTen(-12), QStringLiteral("10⁻¹²"));
    QCOMPARE(elidedMiddle(QStringLiteral("abcdefgh"), 5), QStringLiteral("ab…gh"));
    QCOMPARE(elidedMiddle(QStringLiteral("abc"), 5), QStringLiteral("abc"));
}

void TestWidgetsCommon::namesAreToldApart() {
    const QFontMetrics metrics{QFont()};
    const auto fits = [&metrics](const QStringList& shown, int room) {
        for (const QString& one : shown)
            if (metrics.horizontalAdvance(one) > room) return false;
        return true;
    };
    const QStringList few{"a.txt", "b.txt"};
    QCOMPARE(elidedApart(few, metrics, 200), few);
    const int room = metrics.averageCharWidth() * 14;
    // The middle says enough where the ends differ.
    const QStringList ends{QString(30, u'x') + "1.txt", QString(30, u'x') + "2.txt"};
    for (const QString& one : elidedApart(ends, metrics, room)) QVERIFY(!one.startsWith(QChar(0x2026)));
    QStringList same;
    for (int part = 0; part < 12; ++part)
        same << QString(90, u'a') + QString("part%1").arg(part) + QString(90, u'b') + ".txt";
    same << "readme.txt";
    QStringList shown = elidedApart(same, metrics, room);
    QVERIFY2(fits(shown, room), qPrintable(shown.join(' ')));
    QCOMPARE(QSet<QString>(shown.begin(), shown.end()).size(), same.size());
    QVERIFY2(shown[3].contains("3"), qPrintable(shown[3]));
    QCOMPARE(shown.last(), QString("readme.txt"));
    // Two places apart from each other: numbers.
    const QStringList twice{QString(40, u'a') + "1" + QString(40, u'b') + "1" + QString(40, u'c'),
                            QString(40, u'a') + "1" + QString(40, u'b') + "2" + QString(40, u'c'),
                            QString(40, u'a') + "2" + QString(40, u'b') + "1" + QString(40, u'c')};
    shown = elidedApart(twice, metrics, room);
    QVERIFY(fits(shown, room));
    QCOMPARE(QSet<QString>(shown.begin(), shown.end()).size(), twice.size());
    QVERIFY2(shown[1].startsWith("1: "), qPrintable(shown[1]));
}

void TestWidgetsCommon::sentencesFitTheirView() {
    EmptyText text;
    const QString whole = QString("Nothing was measured here yet, so there is nothing to see. ").repeated(4);
    text.setFullText(whole);
    text.resize(400, 300);
    text.show();
    QCOMPARE(text.text(), whole);
    for (const QSize& size : {QSize(240, 60), QSize(300, 40), QSize(500, 30), QSize(120, 90)}) {
        text.resize(size);
        QVERIFY2(text.text().endsWith(QChar(0x2026)) && text.text().size() > 10, qPrintable(text.text()));
        QVERIFY2(text.heightForWidth(size.width()) <= size.height(),
                 qPrintable(QString("%1 of %2").arg(text.heightForWidth(size.width())).arg(size.height())));
        QCOMPARE(text.toolTip(), whole);
        QCOMPARE(text.accessibleName(), whole);
    }
    text.resize(400, 300);
    QCOMPARE(text.text(), whole);
}

void TestWidgetsCommon::conditionsAndModelsHaveOneName() {
    const ConditionKey key{*RopeSpec::parse("yarn:4"), 4096, *QuantSpec::parse("none")};
    QCOMPARE(conditionName(key), QString("yarn:4 · 4,096 · FP"));
    const ConditionKey scaled{key.rope, 256, *QuantSpec::parse("rtn:4:g64"), "found"};
    QCOMPARE(conditionName(scaled), QString("yarn:4 · 256 · rtn:4:g64 · found"));
    QCOMPARE(familyName(scaled), QString("yarn:4 · rtn:4:g64 · found"));
    const std::pair<const char*, const char*> models[] = {
        {"/data/Llama-3-8B", "Llama-3-8B"},
        {"/data/Llama-3-8B/", "Llama-3-8B"},
        {"/data/Llama-3-8B/model.safetensors", "Llama-3-8B"},
        {"/data/stories260K.bin", "stories260K.bin"},
        {"/share/samples/model", "samples/model"},
        {"/data/tiny/model.bin", "tiny/model.bin"},
        {"model", "model"},
        {"", ""}};
    for (const auto& [path, name] : models) {
        Session session;
        session.modelPath = path;
        QCOMPARE(modelName(session), QString(name));
    }
    const std::tuple<const char*, QStringList, const char*> files[] = {
        {"/data/run.h5", {"/data/other.h5"}, "run.h5"},
        {"/data/a/run.h5", {"/data/b/run.h5"}, "a/run.h5"},
        {"/data/a/out/run.h5", {"/data/b/out/run.h5"}, "a/out/run.h5"},
        {"/data/a/out/run.h5", {"/data/b/out/run.h5", "/data/a/run.h5"}, "a/out/run.h5"},
        {"/data/a/../a/run.h5", {"/data/b/run.h5"}, "a/run.h5"},
        {"/run.h5", {"/data/run.h5"}, "/run.h5"}, // which the other one ends with
        {"/data/run.h5", {"/run.h5"}, "data/run.h5"},
        {"/data/run.h5", {"/data/run.h5"}, "run.h5"},
        {"/data/run.h5", {""}, "run.h5"}};
    for (const auto& [path, others, name] : files) QCOMPARE(nameApart(path, others), QString(name));
    QCOMPARE(nameApart("run.h5", {QDir("..").absoluteFilePath("run.h5")}),
             QDir::current().dirName() + "/run.h5");
    QCOMPARE(counted(1, "file", "files"), QString("1 file"));
    QCOMPARE(counted(0, "file", "files"), QString("0 files"));
    QCOMPARE(counted(1024, "file", "files"), QString("1,024 files"));
}

void TestWidgetsCommon::themesFollowThePalette() {
    QPalette light, dark;
    light.setColor(QPalette::Base, Qt::white);
    light.setColor(QPalette::Text, Qt::black);
    dark.setColor(QPalette::Base, QColor(30, 30, 30));
    dark.setColor(QPalette::Text, Qt::white);
    QVERIFY(!PlotTheme::fromPalette(light).dark);
    QVERIFY(PlotTheme::fromPalette(dark).dark);
    QCOMPARE(PlotTheme::fromPalette(dark).background, QColor(30, 30, 30));
    QCOMPARE(PlotTheme::forExport().background, QColor(Qt::white));
    const PlotTheme theme = PlotTheme::forExport();
    QCOMPARE(theme.category(0), theme.category(static_cast<int>(theme.categorical.size()))); // wraps
    QCOMPARE(static_cast<int>(theme.categorical.size()), PlotTheme::categories);
    QVERIFY(readableOn(Qt::white).lightness() < 64);
    QVERIFY(readableOn(Qt::black).lightness() > 192);
}

void TestWidgetsCommon::coloursOfEightBandsDiffer() {
    for (const bool dark : {false, true}) {
        const PlotTheme theme = PlotTheme::forExport(dark);
        for (int one = 0; one < 8; ++one) {
            QVERIFY(labDistance(bandColour({}, one, theme), theme.background) > 35);
            for (int other = 0; other < one; ++other)
                QVERIFY2(labDistance(bandColour({}, one, theme), bandColour({}, other, theme))
                             > (dark ? 30 : 25),
                         qPrintable(QString("%1 and %2, dark %3").arg(one).arg(other).arg(dark)));
        }
    }
}

void TestWidgetsCommon::aLineOfTextLaysNothingOut() {
    QWidget view;
    auto* line = new TextLine;
    line->setSelectable();
    (new QVBoxLayout(&view))->addWidget(line);
    view.resize(200, 60);
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    const auto* label = line->findChild<QLabel*>();
    line->setFullText("short");
    QCOMPARE(label->text(), QString("short"));
    QVERIFY(label->height() >= label->fontMetrics().height());
    QTest::qWait(10);
    EventCount layouts(view, QEvent::LayoutRequest);
    const QString longText = QString("Band 2: pairs 12-19, wavelength 300-900 tokens ").repeated(3);
    line->setFullText(longText);
    QTest::qWait(10);
    QCOMPARE(layouts.count, 0);
    QVERIFY2(label->text().endsWith(u'\u2026'), qPrintable(label->text()));
    QVERIFY(label->fontMetrics().horizontalAdvance(label->text()) <= line->width());
    QCOMPARE(line->toolTip(), longText);
    QCOMPARE(label->accessibleName(), longText);
    line->setFullText(longText, "a tip");
    QCOMPARE(line->toolTip(), QString("a tip"));
    view.resize(2000, 60);
    QTRY_COMPARE(label->text(), longText);
    QVERIFY(!(label->textInteractionFlags() & Qt::TextSelectableByMouse));
    QEnterEvent enter(QPointF(5, 5), QPointF(5, 5), QPointF(5, 5));
    QApplication::sendEvent(line, &enter);
    QVERIFY(label->textInteractionFlags() & Qt::TextSelectableByMouse);
    QFont large = view.font();
    large.setPointSizeF(2 * large.pointSizeF());
    const int before = line->height();
    view.setFont(large);
    QTRY_VERIFY(line->height() > before);
    line->setTextFont(0.9, true);
    QVERIFY(label->font().bold());
    QCOMPARE(label->font().pointSizeF(), 0.9 * large.pointSizeF());
    QFont inPixels = large;
    inPixels.setPixelSize(30);
    QTest::failOnWarning(QRegularExpression(".*"));
    view.setFont(inPixels); // whatever the font around it
    QCOMPARE(label->font().pixelSize(), 27);
    QVERIFY(label->font().bold());
}

void TestWidgetsCommon::tableModelIsAProperModel() {
    ResultTableModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QCOMPARE(model.rowCount(), 0);
    const std::vector<ResultTableModel::Column> columns{{"a", "A", "first"}, {"b", "B", "second"}};
    QSignalSpy resets(&model, &QAbstractItemModel::modelReset),
        changes(&model, &QAbstractItemModel::dataChanged);
    model.setTable(columns, {{1, 2.5}, {2, std::nan("")}});
    QCOMPARE(resets.count(), 1);
    model.setTable(columns, {{1, 3.5}, {2, QVariant()}}); // same shape: views keep their place
    QCOMPARE(resets.count(), 1);
    QCOMPARE(changes.count(), 1);
    QCOMPARE(model.index(0, 1).data(ResultTableModel::valueRole).toDouble(), 3.5);
    QCOMPARE(model.index(1, 1).data().toString(), QStringLiteral("–"));
    QCOMPARE(model.headerData(1, Qt::Horizontal, Qt::DisplayRole).toString(), QStringLiteral("B"));
    QCOMPARE(model.columnOf(QStringLiteral("b")), 1);
    QCOMPARE(model.columnOf(QStringLiteral("zzz")), -1);
    model.setTable(columns, {{1, 3.5}});
    model.clear();
    QCOMPARE(resets.count(), 3);
    QCOMPARE(model.columnCount(), 0);
}

void TestWidgetsCommon::tableCsvQuotesAndKeepsDigits() {
    ResultTableModel model;
    const double value = 0.1 + 0.2;
    model.setTable(
        {{"name", "Name", ""}, {"value", "Value", ""}},
        {{QStringLiteral("a,\"b\""), value}, {QStringLiteral("plain"), std::nan("")}, {QString(), 7}});
    const QString csv = model.toCsv({QStringLiteral("title\nin two lines")});
    QCOMPARE(csv, QStringLiteral(
                      "# title in two lines\nname,value\n\"a,\"\"b\"\"\",0.30000000000000004\nplain,\n,7\n"));
}

QTEST_MAIN(TestWidgetsCommon)
#include "test_widgets_common.moc"
