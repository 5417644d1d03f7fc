// Every figure in every format, opened again by somebody else's reader; themes; screenshots for human eyes.
#include "tests/support/synthetic_session.h"
#include "tests/widgets/panel_set.h"
#include "widgets/common/theme.h"
#include "widgets/models/result_table_model.h"
#include "widgets/plot/base_plot.h"
#include "widgets/plot/figure_export.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"
#include "widgets/plot/plottables.h"

#include <QApplication>
#include <QClipboard>
#include <QElapsedTimer>
#include <QMenu>
#include <QPalette>
#include <QSvgRenderer>
#include <QTemporaryDir>
#include <QXmlStreamReader>
#include <QtTest>

#include <cmath>
#include <set>

using namespace qroar;
using namespace qroar::test;

namespace {

QPalette darkPalette() {
    QPalette palette;
    palette.setColor(QPalette::Window, QColor(0x2a, 0x2c, 0x30));
    palette.setColor(QPalette::WindowText, QColor(0xe6, 0xe6, 0xe6));
    palette.setColor(QPalette::Base, QColor(0x1e, 0x20, 0x23));
    palette.setColor(QPalette::AlternateBase, QColor(0x27, 0x29, 0x2d));
    palette.setColor(QPalette::Text, QColor(0xe6, 0xe6, 0xe6));
    palette.setColor(QPalette::Button, QColor(0x35, 0x37, 0x3c));
    palette.setColor(QPalette::ButtonText, QColor(0xe6, 0xe6, 0xe6));
    palette.setColor(QPalette::ToolTipBase, QColor(0x35, 0x37, 0x3c));
    palette.setColor(QPalette::ToolTipText, QColor(0xe6, 0xe6, 0xe6));
    return palette;
}

QByteArray contentsOf(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

int colours(const QImage& image) {
    std::set<QRgb> seen;
    for (int y = 0; y < image.height(); y += 3)
        for (int x = 0; x < image.width(); x += 3) seen.insert(image.pixel(x, y));
    return static_cast<int>(seen.size());
}

/// All text of an SVG, in order, without spaces (Qt may split a line into several elements).
QString svgText(const QByteArray& svg) {
    QXmlStreamReader xml(svg);
    QString text;
    while (!xml.atEnd())
        if (xml.readNext() == QXmlStreamReader::StartElement && xml.name() == QLatin1String("text"))
            text += xml.readElementText();
    return text.remove(u' ').remove(u'\n');
}

/// Simple RFC 4180 reader, written for this test.
std::vector<QStringList> parseCsv(const QString& text) {
    std::vector<QStringList> rows;
    for (const QString& line : text.split(u'\n', Qt::SkipEmptyParts)) {
        if (line.startsWith(u'#')) continue;
        QStringList fields{QString()};
        bool quoted = false;
        for (qsizetype at = 0; at < line.size(); ++at) {
            if (line[at] == u'"' && quoted && at + 1 < line.size() && line[at + 1] == u'"')
                fields.back() += line[at++];
            else if (line[at] == u'"')
                quoted = !quoted;
            else if (line[at] == u',' && !quoted)
                fields << QString();
            else
                fields.back() += line[at];
        }
        rows.push_back(fields);
    }
    return rows;
}

} // namespace

class TestWidgetsExport : public QObject {
    Q_OBJECT
  private slots:
    void everyPanelInEveryFormat();
    void csvReadsBackTheSameNumbers();
    void refusesWhatItCannotDo();
    void controlCharactersInSvg();
    void figureSizes();
    void exportIsLightInADarkApplication();
    void darkAndLightSwitch();
    void figuresDoNotDisturbTheScreen();
    void resizedPlotsAreLaidOutAtOnce();
    void copyPutsTheFigureOnTheClipboard();
    void wideLinesStayFast();
    void vectorsStayVectors();
    void metadataAndText();
    void tablesForSpreadsheets();
    void menuOfAPlot();
    void screenshots();
};

void TestWidgetsExport::everyPanelInEveryFormat() {
    QTemporaryDir folder;
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    for (const auto& [name, panel] : panels.all()) {
        panel->setProvenance(QStringLiteral("qroar test provenance"));
        QVERIFY2(panel->emptyText().isEmpty(),
                 qPrintable(QLatin1String(name) + QLatin1String(": ") + panel->emptyText()));
        const auto path = [&](const char* suffix) {
            return folder.filePath(QLatin1String(name) + QLatin1String(suffix));
        };
        QString error;
        for (const char* suffix : {".png", ".svg", ".pdf", ".csv"})
            QVERIFY2(panel->exportTo(path(suffix), &error), qPrintable(error));

        const QImage png(path(".png"));
        QCOMPARE(png.size(), QSize(1440, 880));
        QVERIFY2(colours(png) > 20, name);
        QCOMPARE(png.text(QStringLiteral("Title")), panel->figureTitle());

        const QByteArray svg = contentsOf(path(".svg"));
        QSvgRenderer renderer(svg);
        QVERIFY2(renderer.isValid(), name);
        QCOMPARE(renderer.viewBox().size(), QSize(720, 440));
        const QString words = svgText(svg);
        QVERIFY2(words.contains(panel->figureTitle().remove(u' ')), qPrintable(words));
        QVERIFY2(words.contains(QLatin1String("qroartestprovenance")), name);

        const QByteArray pdf = contentsOf(path(".pdf"));
        QVERIFY2(pdf.startsWith("%PDF-1.") && pdf.trimmed().endsWith("%%EOF"), name);
        QVERIFY2(pdf.contains("/MediaBox [0 0 540"), name); // 720 px at 96 a inch

        const QString csv = QString::fromUtf8(contentsOf(path(".csv")));
        QVERIFY(csv.startsWith(QStringLiteral("# ") + panel->figureTitle()));
        QVERIFY(csv.contains(QLatin1String("# qroar test provenance\n")));
    }
}

void TestWidgetsExport::csvReadsBackTheSameNumbers() {
    QTemporaryDir folder;
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    for (const auto& [name, panel] : panels.all()) {
        const QString path = folder.filePath(QStringLiteral("table.csv"));
        QString error;
        QVERIFY2(panel->exportTo(path, &error), qPrintable(error));
        const auto rows = parseCsv(QString::fromUtf8(contentsOf(path)));
        QAbstractItemModel* model = panel->tableModel();
        QCOMPARE(static_cast<int>(rows.size()), model->rowCount() + 1);
        QVERIFY2(model->rowCount() > 0, name);
        for (int row = 0; row < model->rowCount(); ++row) {
            QCOMPARE(static_cast<int>(rows[static_cast<size_t>(row) + 1].size()), model->columnCount());
            for (int column = 0; column < model->columnCount(); ++column) {
                const QVariant value = model->index(row, column).data(ResultTableModel::valueRole);
                const QString field = rows[static_cast<size_t>(row) + 1][column];
                if (value.typeId() != QMetaType::Double) {
                    QCOMPARE(field, value.toString());
                } else if (std::isnan(value.toDouble())) {
                    QVERIFY(field.isEmpty());
                } else {
                    QCOMPARE(field.toDouble(), value.toDouble());  // the same double ...
                    QVERIFY(field.toDouble() == value.toDouble()); // ... to the last bit
                }
            }
        }
    }
}

void TestWidgetsExport::refusesWhatItCannotDo() {
    QTemporaryDir folder;
    PanelSet panels;
    QString error;
    QVERIFY(!panels.tir->exportTo(folder.filePath(QStringLiteral("a.png")), &error)); // nothing to show
    QVERIFY(!error.isEmpty());
    QVERIFY(panels.tir->renderFigure().isNull());
    panels.setSession(makeSyntheticSession());
    const QString kept = folder.filePath(QStringLiteral("kept.gif"));
    {
        QFile file(kept);
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("mine");
    }
    QVERIFY(!panels.tir->exportTo(kept, &error));
    QVERIFY2(error.contains(QLatin1String("gif")) && error.contains(QLatin1String(".svg")),
             qPrintable(error));
    QCOMPARE(contentsOf(kept), QByteArray("mine"));
    for (const char* suffix : {"png", "svg", "pdf", "csv"}) {
        const QString path = folder.filePath(QStringLiteral("no/such/folder/a.") + QLatin1String(suffix));
        QVERIFY(!panels.tir->exportTo(path, &error));
        QVERIFY2(error.contains(path), qPrintable(error));
    }
    QVERIFY(!panels.tir->exportTo(folder.filePath(QStringLiteral("b.xyz")), nullptr));

    FigureStyle huge(FigureSize::Custom); // 10 GB of an image; as vectors it is nothing special
    huge.width = 1500;
    huge.height = 1000;
    huge.dpi = 1200;
    const QString image = folder.filePath(QStringLiteral("huge.png"));
    QVERIFY(!panels.tir->exportTo(image, &error, huge));
    QVERIFY2(error.contains(image) && error.contains(QLatin1String("250 million pixels")), qPrintable(error));
    QVERIFY(!QFile::exists(image));
    QVERIFY2(panels.tir->exportTo(folder.filePath(QStringLiteral("huge.svg")), &error, huge),
             qPrintable(error));
}

/// A name that came from a file: XML has no control characters.
void TestWidgetsExport::controlCharactersInSvg() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    Figure figure = panels.tir->beginFigure();
    figure.title = QStringLiteral("a\x01\x1f\tb");
    figure.provenance = QStringLiteral("c\x02");
    const QByteArray svg = figureBytes(figure, QStringLiteral("svg"), FigureStyle());
    panels.tir->endFigure();
    QXmlStreamReader xml(svg);
    while (!xml.atEnd()) xml.readNext();
    QVERIFY2(!xml.hasError(), qPrintable(xml.errorString()));
    QVERIFY(svg.contains("<title>a\tb</title>"));
}

void TestWidgetsExport::figureSizes() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    QTemporaryDir folder;
    const QString path = folder.filePath(QStringLiteral("a.png"));
    const auto sizeOf = [&](DiagnosticPanel& panel, FigureSize size) {
        return panel.exportTo(path, nullptr, size) ? QImage(path).size() : QSize();
    };
    QCOMPARE(sizeOf(*panels.tir, FigureSize::Slide), QSize(1920, 1080));
    QCOMPARE(sizeOf(*panels.tir, FigureSize::OneColumn).width(), 990);  // 3.3 in at 300 a inch
    QCOMPARE(sizeOf(*panels.tir, FigureSize::TwoColumn).width(), 2100); // 7 in
    // Two plots side by side do not fit one column: they are stacked.
    QVERIFY(sizeOf(*panels.outlier, FigureSize::OneColumn).height() > 1200);
}

void TestWidgetsExport::exportIsLightInADarkApplication() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    const QImage light = panels.tir->renderFigure();
    panels.tir->setPalette(darkPalette());
    QVERIFY(panels.tir->plot()->theme().dark);
    const QImage fromDark = panels.tir->renderFigure();
    QCOMPARE(fromDark.pixelColor(2, 2), QColor(Qt::white));
    QCOMPARE(fromDark, light);
    QVERIFY(panels.tir->plot()->theme().dark); // and back to what it was
}

void TestWidgetsExport::darkAndLightSwitch() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    HeatMapPanel& panel = *panels.tir;
    panel.resize(600, 400);
    panel.show();
    QVERIFY(QTest::qWaitForWindowExposed(&panel));
    const QColor cellLight = panel.plot()->cellColour(0, 0);
    QVERIFY(!panel.plot()->theme().dark);
    panel.setPalette(darkPalette());
    QVERIFY(panel.plot()->theme().dark);
    QTest::qWait(30);
    const QImage dark = panel.plot()->grab().toImage();
    QVERIFY(dark.pixelColor(1, 1).lightness() < 64);
    QVERIFY(panel.plot()->cellColour(0, 0) != cellLight); // the diverging map has a dark middle now
    panel.setPalette(QPalette());
    QTest::qWait(30);
    QVERIFY(panel.plot()->grab().toImage().pixelColor(1, 1).lightness() > 192);
    QCOMPARE(panel.plot()->cellColour(0, 0), cellLight);
}

void TestWidgetsExport::figuresDoNotDisturbTheScreen() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    panels.tir->resize(500, 350);
    panels.tir->show();
    QVERIFY(QTest::qWaitForWindowExposed(panels.tir.get()));
    QTest::qWait(30);
    HeatMapPlot* plot = panels.tir->plot();
    plot->replot();
    const QRect axes = plot->axisRect()->rect(), viewport = plot->viewport();
    const QImage before = plot->grab().toImage();
    for (const FigureSize size : {FigureSize::Slide, FigureSize::OneColumn})
        QVERIFY(!panels.tir->renderFigure(size).isNull());
    plot->replot();
    QCOMPARE(plot->viewport(), viewport);
    QCOMPARE(plot->axisRect()->rect(), axes);
    QCOMPARE(plot->grab().toImage(), before);
}

void TestWidgetsExport::resizedPlotsAreLaidOutAtOnce() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    for (const auto& [name, panel] : panels.all()) {
        panel->resize(1000, 600);
        panel->show();
        QVERIFY(QTest::qWaitForWindowExposed(panel));
        panel->resize(430, 360); // labels and legends must give way
        for (BasePlot* plot : panel->findChildren<BasePlot*>()) {
            const QImage shown = plot->grab().toImage();
            plot->replot();
            QVERIFY2(plot->grab().toImage() == shown, name);
        }
    }
}

void TestWidgetsExport::copyPutsTheFigureOnTheClipboard() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    QSignalSpy messages(panels.histogram.get(), &DiagnosticPanel::message);
    panels.histogram->copyImage();
    QVERIFY(colours(QApplication::clipboard()->image()) > 20);
    QCOMPARE(messages.count(), 1);
}

void TestWidgetsExport::wideLinesStayFast() {
    // Qt's raster polyline with a wide pen takes seconds for this; separate segments take milliseconds.
    LinePlot plot;
    LinePlot::Series line;
    for (int point = 0; point < 20000; ++point) {
        line.x.push_back(point);
        line.y.push_back(std::sin(0.7 * point) + 0.2 * (point % 17));
    }
    line.emphasised = true;
    plot.setSeries({line});
    plot.fitRanges(false);
    Figure figure;
    figure.cells.resize(1);
    figure.cells.front().parts = {{&plot, QRectF(0, 0, 1, 1)}};
    QElapsedTimer clock;
    clock.start();
    const QImage image = renderFigure(figure, FigureSize::AsShown, 3);
    QVERIFY(colours(image) > 3);
    QVERIFY2(clock.elapsed() < 4000, qPrintable(QString::number(clock.elapsed())));
}

void TestWidgetsExport::vectorsStayVectors() {
    QTemporaryDir folder;
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    for (const auto& [name, panel] : panels.all()) {
        const QString path = folder.filePath(QStringLiteral("a.svg"));
        QVERIFY(panel->exportTo(path, nullptr));
        QVERIFY2(!contentsOf(path).contains("<image"), name); // no raster inside
        const QString pdf = folder.filePath(QStringLiteral("a.pdf"));
        QVERIFY(panel->exportTo(pdf, nullptr));
        QVERIFY2(!contentsOf(pdf).contains("/Subtype /Image"), name);
    }
}

void TestWidgetsExport::metadataAndText() {
    QTemporaryDir folder;
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    panels.histogram->setProvenance(QStringLiteral("made <by> & for tests"));
    FigureStyle style(FigureSize::OneColumn);
    style.title = style.footer = false; // the metadata have them all the same
    style.dpi = 192;
    const QString png = folder.filePath(QStringLiteral("a.png")),
                  svg = folder.filePath(QStringLiteral("a.svg")),
                  pdf = folder.filePath(QStringLiteral("a.pdf"));
    for (const QString& path : {png, svg, pdf}) QVERIFY(panels.histogram->exportTo(path, nullptr, style));
    const QImage image(png);
    QCOMPARE(image.width(), 634); // 3.3 in
    QCOMPARE(image.dotsPerMeterX(), 7559);
    QCOMPARE(image.text(QStringLiteral("Title")), panels.histogram->figureTitle());
    QCOMPARE(image.text(QStringLiteral("Description")), QStringLiteral("made <by> & for tests"));

    const QByteArray bytes = contentsOf(svg);
    QXmlStreamReader xml(bytes);
    QString title, description, families;
    while (!xml.atEnd()) {
        if (xml.readNext() != QXmlStreamReader::StartElement) continue;
        if (xml.attributes().hasAttribute(QStringLiteral("font-family")))
            families = xml.attributes().value(QStringLiteral("font-family")).toString();
        if (xml.name() == QLatin1String("title"))
            title = xml.readElementText();
        else if (xml.name() == QLatin1String("desc"))
            description = xml.readElementText();
    }
    QVERIFY2(!xml.hasError(), qPrintable(xml.errorString()));
    QCOMPARE(title, panels.histogram->figureTitle());
    QCOMPARE(description, QStringLiteral("made <by> & for tests"));
    QVERIFY2(families.contains(QLatin1String("DejaVu Sans"))
                 && families.endsWith(QLatin1String("sans-serif")),
             qPrintable(families));
    const QString words = svgText(bytes);
    QVERIFY2(words.contains(QLatin1String("|x|")), qPrintable(words)); // axis titles are text
    QVERIFY(!words.contains(QLatin1String("fortests")));

    const QByteArray document = contentsOf(pdf);
    QVERIFY(document.contains("/MediaBox [0 0 238")); // 3.3 in = 237.6 pt, in whole points
    QVERIFY(document.contains("/Title") && document.contains("/Creator"));
    QVERIFY(document.contains("/FontFile2") && document.contains("/ToUnicode")); // embedded, and still text
}

void TestWidgetsExport::tablesForSpreadsheets() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    for (const auto& [name, panel] : panels.all()) {
        panel->copyTable();
        const QStringList lines = QApplication::clipboard()->text().split(u'\n', Qt::SkipEmptyParts);
        QAbstractItemModel* model = panel->tableModel();
        QCOMPARE(static_cast<int>(lines.size()), model->rowCount() + 1);
        for (int row = 0; row < model->rowCount(); ++row) {
            const QStringList fields = lines[row + 1].split(u'\t');
            QCOMPARE(static_cast<int>(fields.size()), model->columnCount());
            for (int column = 0; column < model->columnCount(); ++column) {
                const QVariant value = model->index(row, column).data(ResultTableModel::valueRole);
                if (value.typeId() == QMetaType::Double && std::isfinite(value.toDouble()))
                    QVERIFY2(fields[column].toDouble() == value.toDouble(), name); // to the last bit
            }
        }
    }
}

void TestWidgetsExport::menuOfAPlot() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    panels.tir->resize(600, 400);
    panels.tir->show();
    QVERIFY(QTest::qWaitForWindowExposed(panels.tir.get()));
    const auto menu = [&] { return panels.tir->findChild<QMenu*>(QString(), Qt::FindDirectChildrenOnly); };
    const QPoint middle = panels.tir->plot()->axisRect()->rect().center();
    QTest::mouseClick(panels.tir->plot(), Qt::RightButton, {}, middle);
    QVERIFY(menu());
    QStringList texts;
    for (const QAction* action : menu()->actions()) texts << action->text();
    QVERIFY2(texts.join(u' ').contains(QLatin1String("&table")), qPrintable(texts.join(u' ')));
    QVERIFY(!texts.join(u' ').contains(QLatin1String("&command"))); // nobody listens
    menu()->close();
    QTRY_VERIFY(!menu());
    // a rubber band opens none, the menu key does
    QTest::mousePress(panels.tir->plot(), Qt::RightButton, {}, middle);
    QTest::mouseMove(panels.tir->plot(), middle + QPoint(60, 40));
    QTest::mouseRelease(panels.tir->plot(), Qt::RightButton, {}, middle + QPoint(60, 40));
    QVERIFY(!menu());
    QTest::keyClick(panels.tir->plot(), Qt::Key_Menu);
    QVERIFY(menu());
    menu()->close();
}

void TestWidgetsExport::screenshots() {
    const QString folder = qEnvironmentVariable("QROAR_SCREENSHOT_DIR");
    if (folder.isEmpty()) QSKIP("set QROAR_SCREENSHOT_DIR to a folder to save a picture of every panel");
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    panels.selection.setLayer(3);
    panels.selection.setBand(5);
    for (const bool dark : {false, true}) {
        QApplication::setPalette(dark ? darkPalette() : QPalette());
        for (const auto& [name, panel] : panels.all()) {
            panel->setPalette(dark ? darkPalette() : QPalette());
            panel->resize(std::string(name) == "perplexity" || std::string(name) == "outlier"
                              ? QSize(900, 460)
                              : QSize(720, 400));
            panel->show();
            QVERIFY(QTest::qWaitForWindowExposed(panel));
            QTest::qWait(250);
            const QString file =
                QStringLiteral("%1/%2-%3")
                    .arg(folder, QLatin1String(name), dark ? QLatin1String("dark") : QLatin1String("light"));
            QVERIFY(panel->grab().save(file + QStringLiteral(".png")));
            if (dark) continue;
            panel->resize(360, 240); // a small dock
            QTest::qWait(50);
            QVERIFY(panel->grab().save(file + QStringLiteral("-small.png")));
            panel->setProvenance(
                QStringLiteral("qroar 0.1.0 · tiny.safetensors 8f3a… · 4 documents · 2026-01-01"));
            QVERIFY(panel->exportTo(QStringLiteral("%1/%2-export.png").arg(folder, QLatin1String(name)),
                                    nullptr));
            QVERIFY(panel->exportTo(QStringLiteral("%1/%2-column.png").arg(folder, QLatin1String(name)),
                                    nullptr, FigureSize::OneColumn));
        }
    }
    QApplication::setPalette(QPalette());
}

QTEST_MAIN(TestWidgetsExport)
#include "test_widgets_export.moc"
