// Looks of figures: what a FigureStyle and a FigureSpec say, and what it does to the picture.
#include "tests/support/svg_text.h"
#include "tests/support/synthetic_session.h"
#include "tests/widgets/panel_set.h"
#include "widgets/figures/figure_layout.h"
#include "widgets/figures/figure_spec.h"
#include "widgets/plot/figure_export.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"
#include "widgets/plot/spectrum_plot.h"

#include <QRegularExpression>
#include <QTemporaryDir>
#include <QXmlStreamReader>
#include <QtTest>

#include <map>
#include <optional>

using namespace qroar;
using test::contentsOf;
using test::svgText;
using namespace qroar::test;

namespace {

/// What an SVG draws as lines and areas, in coordinates of the page.
struct Shape {
    QRectF bounds;
    QString clip; ///< the id of its clip path; empty: none
};
struct SvgContent {
    std::vector<Shape> shapes;
    std::map<QString, QRectF> clips;
    std::vector<std::pair<QPointF, QString>> texts;
};

QRectF boundsOf(const QXmlStreamAttributes& attributes, const QPointF& shift) {
    static const QRegularExpression numbers(QStringLiteral("-?[0-9.]+(?:e-?[0-9]+)?"));
    QPolygonF points;
    std::optional<double> x;
    for (const char* name : {"points", "d"})
        for (auto each = numbers.globalMatch(attributes.value(QLatin1String(name)).toString());
             each.hasNext();) {
            const double number = each.next().captured().toDouble();
            if (x) points << shift + QPointF(*x, number);
            x = x ? std::nullopt : std::optional(number);
        }
    return points.boundingRect();
}

SvgContent contentOfSvg(const QByteArray& svg) {
    SvgContent content;
    QXmlStreamReader xml(svg);
    QStringList clips;
    QList<QPointF> shifts{{}};
    while (!xml.atEnd()) {
        const auto token = xml.readNext();
        const QXmlStreamAttributes attributes = xml.attributes();
        const auto number = [&](const char* name) {
            return attributes.value(QLatin1String(name)).toDouble();
        };
        if (token == QXmlStreamReader::EndElement && xml.name() == QLatin1String("g")) {
            clips.removeLast();
            shifts.removeLast();
        }
        if (token != QXmlStreamReader::StartElement) continue;
        if (xml.name() == QLatin1String("g")) {
            const QString id = attributes.value(QLatin1String("clip-path"))
                                   .toString()
                                   .mid(5)
                                   .chopped(attributes.hasAttribute(QLatin1String("clip-path")) ? 1 : 0);
            clips << (id.isEmpty() && !clips.isEmpty() ? clips.last() : id);
            const QStringList matrix =
                attributes.value(QLatin1String("transform")).toString().remove(u')').split(u',');
            shifts << (matrix.size() == 6 ? QPointF(matrix[4].toDouble(), matrix[5].toDouble())
                                          : shifts.last());
        } else if (xml.name() == QLatin1String("clipPath")) {
            const QString id = attributes.value(QLatin1String("id")).toString();
            if (!xml.readNextStartElement()) continue;
            const QXmlStreamAttributes rect = xml.attributes();
            const auto side = [&](const char* name) { return rect.value(QLatin1String(name)).toDouble(); };
            content.clips[id] = QRectF(side("x"), side("y"), side("width"), side("height"));
        } else if (xml.name() == QLatin1String("text")) {
            const QPointF place = shifts.last() + QPointF(number("x"), number("y"));
            content.texts.emplace_back(place, xml.readElementText().trimmed());
        } else if (xml.name() == QLatin1String("polyline") || xml.name() == QLatin1String("path")
                   || xml.name() == QLatin1String("polygon")) {
            content.shapes.push_back({boundsOf(attributes, shifts.last()), clips.last()});
        }
    }
    return xml.hasError() ? SvgContent{} : content;
}

} // namespace

class TestWidgetsFigures : public QObject {
    Q_OBJECT
  private slots:
    void whatIsLeftOutTakesNoRoom();
    void looksOfFigures();
    void wordsOfALook();
    void wordsOfAFigure();
    void axesOfAGridLineUp();
    void linesOfALegendKeepTheirHeight();
    void svgFilesClipCurves();
    void legendsOfSvgFilesKeepTheirGap();
    void selectedCellsAreFramedWhenAsked();
    void titlesBreakAtSpacesOnly();
    void cellsOfSvgFilesLeaveNoSeams();
    void barsOfOneColumnHaveTheirName();
};

void TestWidgetsFigures::whatIsLeftOutTakesNoRoom() {
    QTemporaryDir folder;
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    const auto axes = [](DiagnosticPanel& panel, const FigureStyle& style) {
        const auto all = figureAxes(panel.beginFigure(), style);
        panel.endFigure();
        return all.first().first();
    };
    FigureStyle whole, bare;
    bare.title = bare.legend = bare.colourBar = bare.footer = false;
    FigureStyle noBar, noLegend;
    noBar.colourBar = false;
    noLegend.legend = false;
    QVERIFY(axes(*panels.tir, noBar).width() > axes(*panels.tir, whole).width() + 20);
    QVERIFY(axes(*panels.histogram, noLegend).height() > axes(*panels.histogram, whole).height() + 8);
    const QString path = folder.filePath(QStringLiteral("a.svg"));
    const auto wordsOf = [&](const FigureStyle& style) {
        return panels.histogram->exportTo(path, nullptr, style) ? svgText(contentsOf(path)) : QString();
    };
    const QString title = panels.histogram->figureTitle().remove(u' ');
    const QString full = wordsOf(whole), none = wordsOf(bare);
    QVERIFY(full.contains(title) && !none.contains(title));
    const QString name =
        panels.histogram->plot()->legend->item(0)
            ? qobject_cast<QCPPlottableLegendItem*>(panels.histogram->plot()->legend->item(0))
                  ->plottable()
                  ->name()
                  .remove(u' ')
            : QString();
    QVERIFY2(full.contains(name) && !none.contains(name), qPrintable(name));
    QCOMPARE(wordsOf(whole), full); // everything was put back
}

void TestWidgetsFigures::looksOfFigures() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    FigureStyle style(FigureSize::Custom);
    style.width = 120;
    style.height = 80;
    style.dpi = 127; // 5 pixels a millimetre
    QCOMPARE(panels.histogram->renderFigure(style).size(), QSize(600, 400));
    style.dark = true;
    QVERIFY(panels.histogram->renderFigure(style).pixelColor(2, 2).lightness() < 64);
    style.dark = false;
    const QImage thin = panels.histogram->renderFigure(style);
    style.lineWidth = 3;
    const QImage thick = panels.histogram->renderFigure(style);
    const auto inked = [](const QImage& image) {
        int count = 0;
        for (int y = 0; y < image.height(); ++y)
            for (int x = 0; x < image.width(); ++x) count += image.pixelColor(x, y).lightness() < 200;
        return count;
    };
    QVERIFY2(inked(thick) > inked(thin) * 1.2,
             qPrintable(QStringLiteral("%1 %2").arg(inked(thick)).arg(inked(thin))));
    style.lineWidth = 1;
    QCOMPARE(panels.histogram->renderFigure(style), thin);
    style.height = 0; // as the content needs
    QVERIFY(panels.histogram->renderFigure(style).height() > 200);
}

void TestWidgetsFigures::wordsOfALook() {
    FigureStyle style;
    QVERIFY(style.arguments().isEmpty());
    const std::pair<const char*, const char*> words[] = {
        {"size", "120.5x80mm"}, {"font-size", "7.5"},  {"dpi", "600"},
        {"theme", "dark"},      {"line-width", "1.5"}, {"without", "title,colour-bar"}};
    QStringList all;
    for (const auto& [name, value] : words) {
        QCOMPARE(style.set(QLatin1String(name), QLatin1String(value)), QString());
        all << QStringLiteral("--") + QLatin1String(name) << QLatin1String(value);
    }
    QCOMPARE(style.arguments(), all);
    QVERIFY(style.dark && !style.title && style.legend && !style.colourBar);
    for (const char* size : {"shown", "3.3in", "7in", "slide", "84mm", "3.5x2.5in", "812x460px"}) {
        QCOMPARE(style.set(QStringLiteral("size"), QLatin1String(size)), QString());
        QCOMPARE(figureSizeText(style), QLatin1String(size));
    }
    const FigureStyle before = style;
    const std::pair<const char*, const char*> bad[] = {
        {"size", "7"},       {"size", "1mm"},           {"size", "9x9in9"},
        {"font-size", "0"},  {"dpi", "many"},           {"theme", "purple"},
        {"line-width", "0"}, {"without", "everything"}, {"colour", "green"}};
    for (const auto& [name, value] : bad) {
        const QString error = style.set(QLatin1String(name), QLatin1String(value));
        QVERIFY2(error.contains(QLatin1String("--") + QLatin1String(name)), qPrintable(error));
    }
    QVERIFY2(style.size == before.size && style.width == before.width, "a wrong size changed the size");
}

void TestWidgetsFigures::wordsOfAFigure() {
    const QStringList words{"--figure",    "heatmap",
                            "--option",    "metric=tir",
                            "--option",    "range=locked",
                            "--condition", "yarn:4 . 1024 . rtn:4:g64",
                            "--other",     "none . 256 . none",
                            "--compare",   "it's.h5",
                            "--show",      "a-b",
                            "--layer",     "3",
                            "--tensor",    "q",
                            "--stage",     "pre",
                            "--group",     "1",
                            "--band",      "2",
                            "--pair",      "5",
                            "--epsilon",   "0.01",
                            "--bands",     "0,4,9,16",
                            "--zoom",      "1:0.1:2.5:-3:4",
                            "--part",      "1",
                            "--title",     "A title",
                            "--map",       "cividis",
                            "--size",      "3.3in"};
    FigureSpec spec;
    QCOMPARE(FigureSpec::parse(words, spec), QString());
    QCOMPARE(spec.arguments(), words);
    QCOMPARE(spec.selection.layer, 3);
    QVERIFY(spec.selection.compare == CompareMode::Difference && spec.selection.stage == RopeStage::Pre);
    QCOMPARE(spec.zooms.first().toX, 2.5);
    FigureSpec joined;
    QCOMPARE(FigureSpec::parse({"--layer=3", "--title=a=b"}, joined), QString());
    QCOMPARE(joined.title, QStringLiteral("a=b"));
    QCOMPARE(shellLine({"qroar", "it's", "a b", "yarn:4"}), QStringLiteral("qroar 'it'\\''s' 'a b' yarn:4"));
    QCOMPARE(FigureSpec().arguments(), QStringList());
    const std::pair<QStringList, const char*> bad[] = {
        {{"--layer", "x"}, "--layer: expected a whole number from 0, found \"x\""},
        {{"--layer"}, "--layer: expected a value"},
        {{"--tensor", "v"}, "--tensor: expected q or k, found \"v\""},
        {{"--option", "metric"}, "--option: expected NAME=VALUE"},
        {{"--epsilon", "2"}, "--epsilon: expected a share"},
        {{"--zoom", "1:2:1:0:1"}, "--zoom: expected PLOT"},
        {{"--colour", "red"}, "--colour: unknown option; expected one of --figure"},
        {{"heatmap"}, "expected an option, found \"heatmap\""}};
    for (const auto& [wrong, message] : bad) {
        FigureSpec unused;
        const QString error = FigureSpec::parse(wrong, unused);
        QVERIFY2(error.contains(QLatin1String(message)), qPrintable(error));
    }
}

void TestWidgetsFigures::axesOfAGridLineUp() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    DiagnosticPanel* shown[] = {panels.tir.get(), panels.histogram.get(), panels.distortion.get(),
                                panels.spectrum.get()};
    Figure figure;
    figure.rows = figure.columns = 2;
    for (int index = 0; index < 4; ++index) {
        FigureCell cell;
        cell.parts = shown[index]->beginFigure().cells.first().parts;
        cell.label = QStringLiteral("(%1)").arg(QChar(u'a' + static_cast<char16_t>(index)));
        cell.row = index / 2;
        cell.column = index % 2;
        figure.cells << cell;
    }
    const auto axes = figureAxes(figure, FigureSize::TwoColumn);
    for (int column = 0; column < 2; ++column) {
        const QRectF above = axes[column].first(), below = axes[column + 2].first();
        QCOMPARE(above.left(), below.left());
        if (column == 0) QCOMPARE(above.right(), below.right()); // maps: no legend that needs the width
    }
    for (int row = 0; row < 2; ++row) {
        const QRectF left = axes[2 * row].first(), right = axes[2 * row + 1].first();
        QCOMPARE(left.top(), right.top());
        QCOMPARE(left.bottom(), right.bottom());
    }
    figure.rows = figure.columns = 0; // by themselves they do not
    const QRectF places[] = {{0, 0, 0.5, 0.5}, {0.5, 0, 0.5, 0.5}, {0, 0.5, 0.5, 0.5}, {0.5, 0.5, 0.5, 0.5}};
    for (int index = 0; index < 4; ++index) figure.cells[index].place = places[index];
    const auto free = figureAxes(figure, FigureSize::TwoColumn);
    QVERIFY(free[2].first().top() != free[3].first().top());
    for (DiagnosticPanel* panel : shown) panel->endFigure();
}

void TestWidgetsFigures::linesOfALegendKeepTheirHeight() {
    int smaller = 0, gone = 0;
    for (int lines = 1; lines <= 8; ++lines) {
        LinePlot plot;
        plot.setLegendAbove(true);
        plot.setAxes(QStringLiteral("Context (tokens)"), LinePlot::Scale::Log2, QStringLiteral("NLL (nats)"),
                     LinePlot::Scale::Linear);
        std::vector<LinePlot::Series> series(static_cast<std::size_t>(lines));
        for (int line = 0; line < lines; ++line) {
            LinePlot::Series& one = series[static_cast<std::size_t>(line)];
            one.name = QStringLiteral("yarn:%1 · quantized: rtn:4:g64").arg(line);
            one.x = {256, 1024};
            one.y = {3, 3.0 + line};
        }
        plot.setSeries(std::move(series));
        plot.setTheme(plot.theme(), 12);
        const int full = plot.legend->font().pixelSize();
        for (const int width : {200, 316, 480})
            for (int height = 60; height <= 300; height += 3) {
                const QRect axes = plot.axesAt({width, height});
                if (!plot.legend->visible()) { // only where it would leave no plot
                    ++gone;
                    QVERIFY2(height < 90 + 16 * lines, qPrintable(QString::number(height)));
                    continue;
                }
                QVERIFY(plot.legend->font().pixelSize() >= 7);
                smaller += plot.legend->font().pixelSize() < full;
                for (int line = 0; line < lines; ++line) {
                    const QRect room = plot.legend->item(line)->outerRect();
                    const int needed = plot.legend->item(line)->minimumOuterSizeHint().height();
                    const QString where =
                        QStringLiteral("%1 of %2 at %3x%4").arg(line).arg(lines).arg(width).arg(height);
                    QVERIFY2(room.height() >= needed, qPrintable(where));
                    QVERIFY2(room.top() >= 0 && room.bottom() < axes.top(), qPrintable(where));
                }
            }
    }
    QVERIFY(smaller > 0 && gone > 0); // both ways out were taken
}

/// Qt writes no clips: curves of a zoomed figure left their axes.
void TestWidgetsFigures::svgFilesClipCurves() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    BasePlot* plot = panels.spectrum->plot();
    panels.spectrum->ensureFresh();
    plot->zoomTo({3, 6}, plot->yAxis->range());
    const Figure figure = panels.spectrum->beginFigure();
    const QRectF axes = figureAxes(figure, {}).first().first();
    const SvgContent content = contentOfSvg(figureBytes(figure, QStringLiteral("svg"), {}));
    panels.spectrum->endFigure();
    int beyond = 0;
    for (const Shape& shape : content.shapes) {
        const bool leaves = shape.bounds.left() < axes.left() - 1 || shape.bounds.right() > axes.right() + 2;
        if (!shape.clip.isEmpty()) {
            QVERIFY(content.clips.count(shape.clip) == 1);
            const QRectF clip = content.clips.at(shape.clip);
            QVERIFY(clip.left() >= axes.left() - 1 && clip.right() <= axes.right() + 1);
            beyond += leaves && shape.bounds.top() > axes.top();
        } else if (leaves
                   && !shape.bounds.contains(
                       axes)) { // ticks and lines of axes, whole pages, symbols above: no curve
            QVERIFY2(shape.bounds.height() < 12 || shape.bounds.width() < 12
                         || shape.bounds.bottom() < axes.top(),
                     qPrintable(QStringLiteral("%1 x %2 at %3, %4")
                                    .arg(shape.bounds.width())
                                    .arg(shape.bounds.height())
                                    .arg(shape.bounds.x())
                                    .arg(shape.bounds.y())));
        }
    }
    QVERIFY(beyond >= 2); // both curves go on
    for (const auto& text : content.texts) QVERIFY(!text.second.contains(QLatin1String("clip_")));
}

void TestWidgetsFigures::legendsOfSvgFilesKeepTheirGap() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    const Figure figure = panels.spectrum->beginFigure();
    const SvgContent content = contentOfSvg(figureBytes(figure, QStringLiteral("svg"), {}));
    panels.spectrum->endFigure();
    int symbols = 0;
    for (const auto& [place, words] : content.texts) {
        if (!words.startsWith(QChar(0x3c9))) continue; // omega begins both names
        for (const Shape& shape : content.shapes) {
            const QRectF line = shape.bounds;
            if (line.height() > 0.01 || std::abs(line.center().y() - place.y()) > 10
                || std::abs(line.center().x() - place.x()) > 40 || line.left() > place.x())
                continue;
            ++symbols;
            QVERIFY2(line.right() <= place.x() - 5,
                     qPrintable(QStringLiteral("%1: %2 and %3").arg(words).arg(line.right()).arg(place.x())));
        }
    }
    QVERIFY(symbols >= 2);
}

void TestWidgetsFigures::selectedCellsAreFramedWhenAsked() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    panels.tir->ensureFresh();
    QVERIFY(panels.tir->plot()->selectedRow() >= 0);
    const auto draw = [&](const FigureStyle& style) {
        const QImage image = renderFigure(panels.tir->beginFigure(), style);
        panels.tir->endFigure();
        return image;
    };
    FigureStyle framed;
    QCOMPARE(framed.set(QStringLiteral("selection"), QStringLiteral("on")), QString());
    QCOMPARE(framed.arguments(), (QStringList{QStringLiteral("--selection"), QStringLiteral("on")}));
    QVERIFY(!framed.set(QStringLiteral("selection"), QStringLiteral("maybe")).isEmpty());
    const QImage bare = draw({}), marked = draw(framed);
    QVERIFY(bare != marked);
    const QImage screen = panels.tir->plot()->toPixmap(400, 300).toImage();
    panels.tir->plot()->setSelectedCell(-1, -1);
    QCOMPARE(draw({}), bare);                                            // nothing of it was left
    QCOMPARE(draw(framed), bare);                                        // and nothing else differs
    QVERIFY(panels.tir->plot()->toPixmap(400, 300).toImage() != screen); // on screen it stays
}

void TestWidgetsFigures::titlesBreakAtSpacesOnly() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    panels.tir->ensureFresh();
    static const QRegularExpression texts(QStringLiteral("<text [^>]*>\\s*([^<]*?)\\s*</text>"));
    int broken = 0;
    for (int width = 250; width < 450; width += 10) {
        Figure figure = panels.tir->beginFigure();
        figure.title =
            QStringLiteral("Title yarn:4 \u00b7 1,024 \u00b7 rtn:4:g64 vs none \u00b7 256 \u00b7 rtn:4:g64");
        FigureStyle style;
        QCOMPARE(style.set(QStringLiteral("size"), QStringLiteral("%1x300px").arg(width)), QString());
        const QString svg = QString::fromUtf8(figureBytes(figure, QStringLiteral("svg"), style));
        panels.tir->endFigure();
        QStringList lines;
        for (auto each = texts.globalMatch(svg); each.hasNext();)
            if (const QString text = each.next().captured(1);
                !text.isEmpty() && lines.join(u' ') != figure.title)
                if (!lines.isEmpty() || text.startsWith(QStringLiteral("Title"))) lines << text;
        QCOMPARE(lines.join(u' '), figure.title); // at another place the pieces would not be whole words
        broken += lines.size() > 1;
        for (const QString& line : std::as_const(lines))
            QVERIFY2(!line.startsWith(u'\u00b7'), qPrintable(lines.join(u'|')));
    }
    QVERIFY(broken > 10);
}

void TestWidgetsFigures::cellsOfSvgFilesLeaveNoSeams() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    panels.tir->ensureFresh();
    const Figure figure = panels.tir->beginFigure();
    const QString svg = QString::fromUtf8(figureBytes(figure, QStringLiteral("svg"), {}));
    panels.tir->endFigure();
    static const QRegularExpression filled(QStringLiteral("<g fill=\"#[^>]*stroke=\"none\"[^>]*>\\s*<rect "));
    static const QRegularExpression crisp(
        QStringLiteral("<g fill=\"#[^>]*stroke=\"none\"[^>]*>\\s*<rect shape-rendering=\"crispEdges\" x="));
    const auto count = [&svg](const QRegularExpression& pattern) {
        int found = 0;
        for (auto each = pattern.globalMatch(svg); each.hasNext(); each.next()) ++found;
        return found;
    };
    const auto* map = qobject_cast<HeatMapPlot*>(panels.tir->plot());
    QVERIFY(map && count(crisp) > 20);
    QCOMPARE(count(filled), count(crisp));
    QXmlStreamReader reader(svg);
    while (!reader.atEnd()) reader.readNext();
    QVERIFY2(!reader.hasError(), qPrintable(reader.errorString()));
}

void TestWidgetsFigures::barsOfOneColumnHaveTheirName() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    QCOMPARE(panels.outlier->setOption(QStringLiteral("view"), QStringLiteral("positions")), QString());
    panels.outlier->ensureFresh();
    const Figure figure = panels.outlier->beginFigure();
    const QString svg =
        QString::fromUtf8(figureBytes(figure, QStringLiteral("svg"), FigureStyle(FigureSize::OneColumn)));
    panels.outlier->endFigure();
    QVERIFY(svg.contains(QStringLiteral("Share of top")));
}

QTEST_MAIN(TestWidgetsFigures)
#include "test_widgets_figures.moc"
