// RoPE specs as long as people write them: what figures and views make of conditions that are named after
// them.
#include "tests/support/drawn_texts.h"
#include "tests/support/synthetic_session.h"
#include "tests/widgets/panel_set.h"
#include "widgets/common/elided.h"
#include "widgets/common/empty_text.h"
#include "widgets/common/names.h"
#include "widgets/figures/figure_look.h"
#include "widgets/figures/figure_room.h"
#include "widgets/figures/text_lines.h"
#include "widgets/panels/phase_panel.h"
#include "widgets/plot/figure_export.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"
#include "widgets/plot/spectrum_plot.h"

#include <QTextLayout>
#include <QtTest>

using namespace qroar;
using namespace qroar::test;

namespace {

const char* const specA = "yarn:2:orig=256:beta_fast=16:beta_slow=2:attn=1.25";
const char* const specB = "yarn:2:orig=256:beta_fast=24:beta_slow=1:attn=1.5";
const char* const longest = "yarn:4:orig=256:beta_fast=16.125:mscale=1:mscale_all_dim=0.707:truncate=0";

std::shared_ptr<const Session> session() {
    SyntheticOptions options;
    options.ropes = {"none", "yarn:4", specA, specB};
    options.contexts = {256, 1024};
    return makeSyntheticSession(options);
}

int indexOf(const Session& session, const QString& condition) {
    for (std::size_t index = 0; index < session.conditions.size(); ++index)
        if (QString::fromStdString(session.conditions[index]->key.text()) == condition)
            return static_cast<int>(index);
    qFatal("no condition %s", qPrintable(condition));
    return -1;
}

FigureStyle sized(const char* size) {
    FigureStyle style;
    if (const QString error = style.set(QStringLiteral("size"), QLatin1String(size)); !error.isEmpty())
        qFatal("%s", qPrintable(error));
    return style;
}

/// Without spaces and the ends of lines.
QString joined(const std::vector<DrawnText>& texts) {
    QString all;
    for (const DrawnText& one : texts) all += one.text;
    return all.remove(u' ').remove(u'\n');
}

/// A view of the two long conditions, A - B.
struct LongPanels : PanelSet {
    std::shared_ptr<const Session> of = session();
    LongPanels() {
        setSession(of);
        Selection now = selection.selection();
        now.condition = indexOf(*of, QString::fromUtf8("%1 · 1024 · none").arg(QLatin1String(specA)));
        now.conditionB = indexOf(*of, QString::fromUtf8("%1 · 1024 · rtn:4:g64").arg(QLatin1String(specB)));
        now.compare = CompareMode::Difference;
        selection.setSelection(now);
    }
};

QStringList problemsOf(DiagnosticPanel& panel, const FigureStyle& style) {
    const Figure figure = panel.beginFigure();
    QStringList problems = unreadable(drawnTexts(figure, style), figurePageSize(figure, style));
    if (const QString size = figureSizeProblem(figure, style); !size.isEmpty()) problems << size;
    panel.endFigure();
    return problems;
}

} // namespace

class TestWidgetsLongSpecs : public QObject {
    Q_OBJECT
  private slots:
    void headingsOfMapsAreWhole();
    void legendsMakeThePageHigher();
    void legendsGetNoSmallerWherePagesGrow();
    void lastLinesOfLegendsAreInk();
    void arrangementsGrowAndNameAll();
    void pagesOfAGivenHeightKeepIt();
    void linesBreakWhereSpecsDo();
    void numbersStayWithTheirNouns();
    void emptyViewsKeepOptionsWhole();
    void bothSidesAreToldApart();
    void scalingsAreNamed();
    void shortReferencesAreNamedSo();
    void titlesGetShorterOnScreen();
    void referenceLinesHaveNames();
    void emptyMapsAreCalledAfterTheirMetric();
    void namesOfBandsAreWholeInFigures();
};

void TestWidgetsLongSpecs::headingsOfMapsAreWhole() {
    SelectionModel selection;
    PhasePanel panel(&selection);
    panel.setSession(session());
    for (const char* size : {"3.3in", "7in", "shown", "slide"})
        for (const bool dark : {false, true}) {
            FigureStyle style = sized(size);
            style.dark = dark;
            style.title = false; // which has the specs as well
            const QStringList problems = problemsOf(panel, style);
            QVERIFY2(problems.isEmpty(), qPrintable(QLatin1String(size) + problems.join(u'\n')));
            const Figure figure = panel.beginFigure();
            const QString texts = joined(drawnTexts(figure, style));
            for (const char* spec : {specA, specB}) QVERIFY2(texts.contains(spec), qPrintable(texts));
            const LaidOutFigure page(figure, style);
            int bars = 0;
            for (const HeatMapPlot* map : panel.maps()) { // headings push no bar of colours away
                const QList<QCPAxisRect*> rects = map->axisRects();
                bars += rects.size() == 2 && rects[1]->visible() && rects[1]->width() >= 12;
            }
            QCOMPARE(bars, 4);
        }
    panel.endFigure();
    // on screen as well, where maps are hardly wider than they must be
    HeatMapPlot map;
    map.setHeading(QString::fromLatin1("%1 = %2").arg(QLatin1String(specA), QLatin1String(specB)));
    static_cast<QWidget&>(map).show();
    for (const int width : {200, 240, 300, 500}) {
        map.resize(width, 260);
        map.grab();
        const QStringList problems = unreadable(shownTexts(map), map.size());
        QVERIFY2(problems.isEmpty(), qPrintable(QString::number(width) + problems.join(u'\n')));
    }
}

void TestWidgetsLongSpecs::legendsMakeThePageHigher() {
    LongPanels panels;
    HistogramPanel& panel = *panels.histogram;
    QCOMPARE(panel.setOption("comparison", "both"), QString());
    for (const char* size : {"3.3in", "7in", "84mm"}) {
        const FigureStyle style = sized(size);
        const Figure figure = panel.beginFigure();
        const QRectF axes = figureAxes(figure, style).first().first();
        const QSizeF page = figurePageSize(figure, style);
        QVERIFY2(axes.height() >= 0.3 * axes.width(),
                 qPrintable(QStringLiteral("%1: %2 x %3").arg(size).arg(axes.width()).arg(axes.height())));
        QVERIFY2(page.height() < 2 * page.width(), qPrintable(QString::number(page.height())));
        panel.endFigure();
        const QStringList problems = problemsOf(panel, style);
        QVERIFY2(problems.isEmpty(), qPrintable(QLatin1String(size) + problems.join(u'\n')));
    }
    // names that have room make no page higher
    panels.selection.setCompare(CompareMode::A);
    const Figure figure = panel.beginFigure();
    FigureStyle bare = sized("7in");
    bare.title = bare.footer = false;
    QCOMPARE(figurePageSize(figure, bare), QSizeF(672, 380));
    panel.endFigure();
}

/// The view whose legend has the most to say.
QStringList legendNames(const BasePlot& plot) {
    QStringList names;
    for (int item = 0; item < plot.legend->itemCount(); ++item)
        if (auto* entry = qobject_cast<QCPPlottableLegendItem*>(plot.legend->item(item)))
            names += entry->plottable()->name().split(u'\n');
    return names;
}

void TestWidgetsLongSpecs::legendsGetNoSmallerWherePagesGrow() {
    SyntheticOptions options;
    options.ropes = {"none", specA, specB, longest};
    options.contexts = {256, 1024};
    PanelSet panels;
    const auto of = makeSyntheticSession(options);
    panels.setSession(of);
    for (const char* size : {"3.3in", "7in", "84mm"}) {
        const FigureStyle style = sized(size);
        const Figure figure = panels.perplexity->beginFigure();
        const FigureLook look({figure.cells.first().parts.first().plot}, style, style.fontPixels());
        const LaidOutFigure page(figure, style);
        const BasePlot& plot = *figure.cells.first().parts.first().plot;
        QVERIFY(legendNames(plot).size() > 8); // in lines
        QVERIFY2(plot.legend->font().pixelSize() >= 0.85 * style.fontPixels(),
                 qPrintable(QString::number(plot.legend->font().pixelSize())));
        panels.perplexity->endFigure();
        const QStringList problems = problemsOf(*panels.perplexity, style);
        QVERIFY2(problems.isEmpty(), qPrintable(QLatin1String(size) + problems.join(u'\n')));
    }
    // a page of a given height has no more to give
    const FigureStyle given = sized("7x2.6in");
    const Figure figure = panels.perplexity->beginFigure();
    const FigureLook look({figure.cells.first().parts.first().plot}, given, given.fontPixels());
    const LaidOutFigure page(figure, given);
    QVERIFY(figure.cells.first().parts.first().plot->legend->font().pixelSize() < 0.85 * given.fontPixels());
    panels.perplexity->endFigure();
}

/// Underscores are the lowest of a line, in images of any resolution.
void TestWidgetsLongSpecs::lastLinesOfLegendsAreInk() {
    SyntheticOptions options;
    options.ropes = {"none", longest};
    options.contexts = {256, 1024};
    PanelSet panels;
    const auto of = makeSyntheticSession(options);
    panels.setSession(of);
    for (const int dots : {96, 110, 150, 300}) {
        FigureStyle style = sized("7in");
        style.dpi = dots;
        const Figure figure = panels.perplexity->beginFigure();
        const std::vector<DrawnText> texts = drawnTexts(figure, style);
        QStringList lines;
        {
            const FigureLook look({figure.cells.first().parts.first().plot}, style, style.fontPixels());
            const LaidOutFigure page(figure, style);
            lines = legendNames(*figure.cells.first().parts.first().plot);
        }
        const QImage image = renderFigure(figure, style);
        panels.perplexity->endFigure();
        int seen = 0;
        for (const DrawnText& one : texts) {
            if (!lines.contains(one.text) || !one.text.contains(u'_')) continue;
            ++seen;
            const double scale = style.scale();
            const QRect foot = QRectF(one.ink.left() * scale, (one.ink.bottom() - 1) * scale,
                                      one.ink.width() * scale, 1.5 * scale)
                                   .toAlignedRect();
            int dark = 0;
            for (int y = foot.top(); y <= foot.bottom(); ++y)
                for (int x = foot.left(); x <= foot.right(); ++x)
                    dark += image.pixelColor(x, y).lightness() < 225;
            QVERIFY2(dark >= 4 * scale, qPrintable(QStringLiteral("%1 dpi: %2").arg(dots).arg(one.text)));
        }
        QVERIFY(seen >= 4); // two lines with underscores in each of two names
    }
}

void TestWidgetsLongSpecs::arrangementsGrowAndNameAll() {
    LongPanels panels;
    Figure figure;
    figure.shownSize = {880, 300}; // low: titles of axes are longer than its plots are high
    const auto add = [&figure](DiagnosticPanel& panel, const QRectF& place) {
        FigureCell cell = panel.beginFigure().cells.front();
        cell.heading = panel.figureTitle();
        cell.place = place;
        figure.cells << cell;
    };
    add(*panels.spectrum, {0, 0, 1, 0.45});
    add(*panels.tir, {0, 0.45, 0.5, 0.55});
    add(*panels.histogram, {0.5, 0.45, 0.5, 0.55});
    const FigureStyle style = sized("7in");
    QCOMPARE(figureSizeProblem(figure, style), QString());
    const QSizeF page = figurePageSize(figure, style);
    QCOMPARE(page.width(), 672.0);
    QVERIFY2(page.height() > 672.0 * 300 / 880 + 60 && page.height() < 900,
             qPrintable(QString::number(page.height())));
    const std::vector<DrawnText> texts = drawnTexts(figure, style);
    const QStringList problems = unreadable(texts, page);
    QVERIFY2(problems.isEmpty(), qPrintable(problems.join(u'\n')));
    const QString all = joined(texts);
    QCOMPARE(all.count(QLatin1String(specA)), 3);
    QCOMPARE(all.count(QLatin1String(specB)), 3);
    for (DiagnosticPanel* panel : std::initializer_list<DiagnosticPanel*>{
             panels.spectrum.get(), panels.tir.get(), panels.histogram.get()})
        panel->endFigure();
}

void TestWidgetsLongSpecs::pagesOfAGivenHeightKeepIt() {
    LongPanels panels;
    panels.histogram->setOption("comparison", "both");
    const Figure figure = panels.histogram->beginFigure();
    QCOMPARE(figurePageSize(figure, sized("317x403px")), QSizeF(317, 403));
    QCOMPARE(figurePageSize(figure, sized("slide")), QSizeF(1280, 720));
    // as many times as one asks, and also after another size
    const QSizeF once = figurePageSize(figure, sized("3.3in"));
    QCOMPARE(figurePageSize(figure, sized("7in")).width(), 672.0);
    QCOMPARE(figurePageSize(figure, sized("3.3in")), once);
    QCOMPARE(figurePageWidth(figure, sized("3.3in")), once.width());
    panels.histogram->endFigure();
}

void TestWidgetsLongSpecs::linesBreakWhereSpecsDo() {
    const QFontMetricsF metrics(QFont{});
    const QString spec = QLatin1String(specA);
    for (int width = 90; width < 400; width += 10) {
        const QStringList lines = inLines(spec, metrics, width).split(u'\n');
        QCOMPARE(lines.join(QString()), spec);
        for (qsizetype line = 0; line + 1 < lines.size(); ++line)
            QVERIFY2(QStringLiteral(":=_").contains(lines[line].back()), qPrintable(lines.join(u'|')));
    }
    for (const QString& line : inLines(QString(60, u'x'), metrics, 100).split(u'\n'))
        QVERIFY(metrics.horizontalAdvance(line) <= 100); // nothing to break at
}

void TestWidgetsLongSpecs::numbersStayWithTheirNouns() {
    const QStringList words =
        unbrokenWords(QStringLiteral("k after RoPE, layer 0, top 0.1 %: pairs 0–3 of 16"));
    for (const char* whole : {"layer 0,", "top 0.1 %:", "of 16"})
        QVERIFY2(words.contains(QLatin1String(whole)), qPrintable(words.join(u'|')));
    QVERIFY(words.contains(QStringLiteral("pairs 0–3")));
    QCOMPARE(unbrokenWords(QStringLiteral("yarn:4 · 1,024 · FP")).size(), 3); // a name is no noun
    const QFontMetricsF metrics(QFont{});
    const QString text = QStringLiteral("Magnitudes of k after RoPE, layer 0, band 12 (pairs 0–1): yarn:4");
    for (int width = 120; width < 700; width += 10)
        for (const QString& line : inLines(text, metrics, width).split(u'\n'))
            QVERIFY2(!line.endsWith(QLatin1String("layer")) && !line.endsWith(QLatin1String("band"))
                         && !line.endsWith(QLatin1String("(pairs")),
                     qPrintable(line));
}

void TestWidgetsLongSpecs::emptyViewsKeepOptionsWhole() {
    EmptyText label;
    const QString text =
        QStringLiteral("yarn:4 · 1,024 · rtn:4:g64 was run without gradients: use qroar analyze with "
                       "--gradients --resume to see Gain sensitivity.");
    label.setFullText(text);
    label.show(); // what is hidden hears of no size
    QCOMPARE(label.fullText(), text);
    QCOMPARE(label.accessibleName(), text);
    for (int width = 150; width < 500; width += 7) {
        label.resize(width, 400);
        QString plain = label.text();
        QCOMPARE(plain.remove(QChar(0x2060)).remove(QChar(0x200b)), text);
        // where its lines end, as the label breaks them
        QTextLayout layout(label.text(), label.font());
        layout.beginLayout();
        for (QTextLine line = layout.createLine(); line.isValid(); line = layout.createLine()) {
            line.setLineWidth(width - 12);
            const QString shown = label.text().mid(line.textStart(), line.textLength());
            const bool atSpace =
                shown.endsWith(u' ') || line.textStart() + line.textLength() == label.text().size();
            QVERIFY2(atSpace, qPrintable(QString::number(width) + u' ' + shown));
        }
        layout.endLayout();
    }
    label.setFullText(QStringLiteral("%1 scales nothing.").arg(QLatin1String(specA))); // wider than the view
    label.resize(160, 400);
    QVERIFY(label.text().contains(QChar(0x200b)));
}

void TestWidgetsLongSpecs::bothSidesAreToldApart() {
    const QString a = QStringLiteral("%1 · 1,024 · rtn:4:g64").arg(QLatin1String(specA)),
                  b = QStringLiteral("%1 · 1,024 · rtn:4:g64").arg(QLatin1String(specB));
    ElidedLabel label(260);
    label.show();
    label.setParts({{QStringLiteral("A: "), a}, {QStringLiteral("B: "), b}}, QStringLiteral(" − "));
    QCOMPARE(label.fullText(), QStringLiteral("A: %1 − B: %2").arg(a, b));
    const auto sidesAt = [&label](int width) {
        label.resize(width, 20);
        return label.text().split(QStringLiteral(" − "));
    };
    for (int width = 160; width < 700; width += 9) {
        const QStringList sides = sidesAt(width);
        QVERIFY2(sides.size() == 2, qPrintable(label.text()));
        QVERIFY2(sides[0].startsWith(QLatin1String("A: ")) && sides[1].startsWith(QLatin1String("B: ")),
                 qPrintable(label.text()));
        QVERIFY2(sides[0].mid(3) != sides[1].mid(3), qPrintable(label.text()));
        QVERIFY(label.fontMetrics().horizontalAdvance(label.text()) <= width);
        if (label.text() == label.fullText()) continue;
        QVERIFY2(label.toolTip().contains(a) && label.toolTip().contains(b), qPrintable(label.toolTip()));
        QVERIFY2(label.toolTip().contains(QStringLiteral("\n− B: ")), qPrintable(label.toolTip()));
    }
    label.setParts({{QStringLiteral("A: "), a}, {QStringLiteral("B: "), QStringLiteral("none · 256 · FP")}},
                   QStringLiteral(" − "));
    QVERIFY2(sidesAt(300)[1] == QStringLiteral("B: none · 256 · FP"), qPrintable(label.text())); // has room
    // lengths and weights stay whole, where specs have some room
    label.setParts({{QStringLiteral("A: "), QLatin1String(specA), QStringLiteral(" · 256 · FP")},
                    {QStringLiteral("B: "), QLatin1String(specB), QStringLiteral(" · 1,024 · FP")}},
                   QStringLiteral(" − "));
    const QStringList kept = sidesAt(420);
    QVERIFY2(kept[0].endsWith(QStringLiteral(" · 256 · FP"))
                 && kept[1].endsWith(QStringLiteral(" · 1,024 · FP")) && kept[0].contains(u'…')
                 && kept[1].contains(u'…'),
             qPrintable(label.text()));
    sidesAt(150);
    QVERIFY2(label.fontMetrics().horizontalAdvance(label.text()) <= 150, qPrintable(label.text()));
    label.setFullText(a);
    label.resize(2000, 20);
    QCOMPARE(label.text(), a);
    QVERIFY(label.toolTip().isEmpty());
}

void TestWidgetsLongSpecs::scalingsAreNamed() {
    FrequencyTable table;
    table.trainedContext = 256;
    table.spec.kind = RopeKind::None;
    QCOMPARE(scalingName(table, 1024), QStringLiteral("no scaling (none)"));
    table.spec.kind = RopeKind::LongRope;
    QCOMPARE(scalingName(table, 256), QStringLiteral("longrope, short factors"));
    QCOMPARE(scalingName(table, 257), QStringLiteral("longrope, long factors"));
    table.spec = *RopeSpec::parse("yarn:4");
    QCOMPARE(scalingName(table, 1024), QStringLiteral("yarn:4"));
}

void TestWidgetsLongSpecs::shortReferencesAreNamedSo() {
    LongPanels panels;
    SpectrumPanel& panel = *panels.spectrum;
    QCOMPARE(panel.setOption("curve", "tir"), QString());
    Selection now = panels.selection.selection();
    now.conditionB = indexOf(*panels.of, QStringLiteral("none · 256 · none"));
    now.condition = indexOf(*panels.of, QString::fromUtf8("%1 · 1024 · none").arg(QLatin1String(specA)));
    panels.selection.setSelection(now);
    panel.ensureFresh();
    QVERIFY2(panel.plot()->curveTitle().contains("B: this is the short reference"),
             qPrintable(panel.plot()->curveTitle()));
    std::swap(now.condition, now.conditionB);
    panels.selection.setSelection(now);
    panel.ensureFresh();
    QVERIFY2(panel.plot()->curveTitle().contains("A: this is the short reference"),
             qPrintable(panel.plot()->curveTitle()));
    panels.selection.setCompare(CompareMode::A);
    QStringList names;
    panels.histogram->setOption("view", "overlay");
    now.condition = indexOf(*panels.of, QStringLiteral("yarn:4 · 1024 · none"));
    now.compare = CompareMode::A;
    panels.selection.setSelection(now);
    panels.histogram->ensureFresh();
    for (const LinePlot::Series& one : panels.histogram->plot()->series()) names << one.legendName;
    QVERIFY2(names.contains(QStringLiteral("short reference, 256")), qPrintable(names.join(u'|')));
}

void TestWidgetsLongSpecs::titlesGetShorterOnScreen() {
    LinePlot plot;
    const QString whole = QStringLiteral("Position in the context (tokens)"),
                  shorter = QStringLiteral("Position (tokens)");
    plot.setAxes(whole, LinePlot::Scale::Linear, QStringLiteral("y"), LinePlot::Scale::Linear);
    plot.setShortTitles(shorter, {});
    LinePlot::Series line;
    line.x = {0, 1};
    line.y = {0, 1};
    plot.setSeries({line});
    static_cast<QWidget&>(plot).show();
    plot.resize(500, 168);
    plot.grab();
    QCOMPARE(plot.xAxis->label(), whole);
    plot.resize(200, 168);
    plot.grab();
    QCOMPARE(plot.xAxis->label(), shorter);
    plot.resize(500, 168);
    plot.grab();
    QCOMPARE(plot.xAxis->label(), whole);
}

void TestWidgetsLongSpecs::referenceLinesHaveNames() {
    LinePlot plot;
    plot.setAxes(QStringLiteral("x"), LinePlot::Scale::Linear, QStringLiteral("y"), LinePlot::Scale::Linear);
    LinePlot::Series line;
    line.x = {0, 1, 2};
    line.y = {0, 0.1, 0};
    plot.setReferenceLine(2.0, QStringLiteral("2: twice"));
    plot.setSeries({line});
    plot.fitRanges(false, 2.0);
    static_cast<QWidget&>(plot).show();
    plot.resize(400, 260);
    plot.grab();
    const auto texts = shownTexts(plot);
    const auto named = std::find_if(texts.begin(), texts.end(), [](const DrawnText& one) {
        return one.text == QStringLiteral("2: twice");
    });
    QVERIFY(named != texts.end());
    QVERIFY(std::abs(named->ink.center().y() - plot.yAxis->coordToPixel(2)) < 30);
    plot.setReferenceLine(2.0);
    plot.setSeries({line});
    QVERIFY(plot.pointLabels().labels().empty());
}

void TestWidgetsLongSpecs::emptyMapsAreCalledAfterTheirMetric() {
    PanelSet panels;
    SyntheticOptions options;
    options.gradients = false;
    panels.setSession(makeSyntheticSession(options));
    QCOMPARE(panels.tir->setOption("metric", "gain_sensitivity"), QString());
    panels.tir->ensureFresh();
    QVERIFY(!panels.tir->emptyText().isEmpty());
    QCOMPARE(panels.tir->figureTitle(), QStringLiteral("Gain sensitivity"));
    QString error;
    QVERIFY(!panels.tir->exportTo(QStringLiteral("x.svg"), &error));
    QVERIFY2(error.startsWith(QLatin1String("Gain sensitivity has nothing to export")), qPrintable(error));
}

void TestWidgetsLongSpecs::namesOfBandsAreWholeInFigures() {
    PanelSet panels;
    auto named = std::make_shared<Session>(*makeSyntheticSession());
    const QStringList names{"highest frequencies", "turned by neighbours", "in between, faster",
                            "the middle",          "in between, slower",   "about L0",
                            "beyond L0",           "never a turn"};
    named->bandStyles.resize(static_cast<std::size_t>(names.size()));
    for (qsizetype band = 0; band < names.size(); ++band)
        named->bandStyles[static_cast<std::size_t>(band)].name = names[band].toStdString();
    panels.setSession(named);
    for (const char* size : {"3.3in", "7in", "slide"}) {
        const QStringList problems = problemsOf(*panels.tir, sized(size));
        QVERIFY2(problems.isEmpty(), qPrintable(QLatin1String(size) + problems.join(u'\n')));
        const Figure figure = panels.tir->beginFigure();
        const QString texts = joined(drawnTexts(figure, sized(size)));
        if (QLatin1String(size) != QLatin1String("3.3in")) // where some columns have no label
            for (const QString& name : names)
                QVERIFY2(texts.contains(QString(name).remove(u' ')), qPrintable(name + u'\n' + texts));
        panels.tir->endFigure();
    }
    HeatMapPlot& map = *panels.tir->plot(); // on screen they are cut to their cells, and told apart
    static_cast<QWidget&>(*panels.tir).show();
    panels.tir->resize(620, 420);
    map.grab();
    QSet<QString> shown;
    for (const DrawnText& one : shownTexts(map))
        if (one.text.contains(u'…')) shown.insert(one.text);
    QVERIFY2(shown.size() >= 3, qPrintable(QStringList(shown.values()).join(u'|')));
    QVERIFY2(unreadable(shownTexts(map), map.size()).filter(QStringLiteral("overlap")).isEmpty(),
             qPrintable(unreadable(shownTexts(map), map.size()).join(u'\n')));
}

QTEST_MAIN(TestWidgetsLongSpecs)
#include "test_widgets_long_specs.moc"
