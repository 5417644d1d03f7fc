// Figures as PDF, opened again: page, Info dictionary, text and paths by a small reader of this file, and by
// poppler where it is installed, which also draws them: they look like the PNG.
#include "tests/support/synthetic_session.h"
#include "tests/widgets/panel_set.h"
#include "widgets/plot/figure_export.h"

#include <QApplication>
#include <QProcess>
#include <QRegularExpression>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

using namespace qroar;
using namespace qroar::test;

namespace {

QByteArray contentsOf(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

/// Everything between "stream" and "endstream" that inflates.
QByteArray inflated(const QByteArray& pdf) {
    QByteArray all;
    for (qsizetype at = pdf.indexOf("\nstream\n"); at >= 0; at = pdf.indexOf("\nstream\n", at + 1)) {
        const qsizetype from = at + 8, end = pdf.indexOf("endstream", from);
        if (end < 0) break;
        if (pdf[from] != 'x') continue;                                              // a font as it is
        all += qUncompress(QByteArray("\0\x40\0\0", 4) + pdf.mid(from, end - from)); // the size is a hint
    }
    return all;
}

/// A text string of the Info dictionary: UTF-16 behind its mark, with \ before what would end it.
QString infoText(const QByteArray& pdf, const QByteArray& key) {
    const qsizetype from = pdf.indexOf('/' + key + " (");
    if (from < 0) return {};
    QByteArray bytes;
    for (qsizetype at = from + key.size() + 3; at < pdf.size() && pdf[at] != ')'; ++at) {
        if (pdf[at] == '\\') ++at;
        bytes += pdf[at];
    }
    QString text;
    for (qsizetype at = 2; at + 1 < bytes.size(); at += 2)
        text += QChar(static_cast<uchar>(bytes[at]) << 8 | static_cast<uchar>(bytes[at + 1]));
    return bytes.startsWith("\xfe\xff") ? text : QString();
}

/// How often an operator (the last word of a line) is used.
int uses(const QByteArray& content, const char* name) {
    int count = 0;
    for (const QByteArray& line : content.split('\n')) count += line.trimmed().split(' ').last() == name;
    return count;
}

/// What a tool of poppler writes on stdout; nothing where it is not installed.
QByteArray poppler(const char* tool, const QStringList& arguments) {
    const QString program = QStandardPaths::findExecutable(QLatin1String(tool));
    if (program.isEmpty()) return {};
    QProcess process;
    process.start(program, arguments);
    return process.waitForFinished(60000) && process.exitCode() == 0 ? process.readAllStandardOutput()
                                                                     : QByteArray("failed");
}

/// The largest difference of the mean grey of blocks of 16 x 16 pixels, and the mean of all.
std::pair<double, double> difference(const QImage& a, const QImage& b) {
    double largest = 0, sum = 0;
    int blocks = 0;
    for (int top = 0; top + 16 <= a.height(); top += 16)
        for (int left = 0; left + 16 <= a.width(); left += 16, ++blocks) {
            double of[3] = {};
            for (int y = top; y < top + 16; ++y)
                for (int x = left; x < left + 16; ++x) {
                    const QRgb p = a.pixel(x, y), q = b.pixel(x, y);
                    of[0] += qRed(p) - qRed(q);
                    of[1] += qGreen(p) - qGreen(q);
                    of[2] += qBlue(p) - qBlue(q);
                }
            const double by = std::max({std::abs(of[0]), std::abs(of[1]), std::abs(of[2])}) / 256;
            largest = std::max(largest, by);
            sum += by;
        }
    return {largest, sum / blocks};
}

} // namespace

class TestWidgetsPdf : public QObject {
    Q_OBJECT
    PanelSet panels_;

  private slots:
    void initTestCase() {
        panels_.setSession(makeSyntheticSession());
        for (const auto& [name, panel] : panels_.all())
            panel->setProvenance(QStringLiteral("made (by) \\ ω′ for tests"));
    }

    void everyPanel_data() {
        QTest::addColumn<int>("index");
        const auto all = panels_.all();
        for (std::size_t at = 0; at < all.size(); ++at) QTest::newRow(all[at].name) << static_cast<int>(at);
    }

    void everyPanel() {
        QFETCH(int, index);
        DiagnosticPanel* panel = panels_.all()[static_cast<std::size_t>(index)].panel;
        QTemporaryDir folder;
        const QString path = folder.filePath(QStringLiteral("a.pdf"));
        QVERIFY(panel->exportTo(path, nullptr));
        const QByteArray pdf = contentsOf(path);
        QVERIFY(pdf.contains("/MediaBox [0 0 540 330]") || pdf.contains("/MediaBox [0 0 540.000000 330"));
        QCOMPARE(infoText(pdf, "Title"), panel->figureTitle());
        QCOMPARE(infoText(pdf, "Creator"), QStringLiteral("made (by) \\ ω′ for tests"));
        const QByteArray content = inflated(pdf);
        QVERIFY2(uses(content, "Tj") + uses(content, "TJ") > 10, "text");
        QVERIFY2(uses(content, "l") + uses(content, "re") > 40, "paths");
        // the same figure is the same file, whenever it is written
        QTest::qWait(1100);
        QVERIFY(panel->exportTo(path, nullptr));
        QVERIFY(contentsOf(path) == pdf);
    }

    void popplerReadsAndDrawsThem_data() { everyPanel_data(); }
    void popplerReadsAndDrawsThem() {
        if (QStandardPaths::findExecutable(QStringLiteral("pdftoppm")).isEmpty())
            QSKIP("poppler-utils is not installed");
        QFETCH(int, index);
        DiagnosticPanel* panel = panels_.all()[static_cast<std::size_t>(index)].panel;
        QTemporaryDir folder;
        const QString pdf = folder.filePath(QStringLiteral("a.pdf")),
                      png = folder.filePath(QStringLiteral("a.png"));
        FigureStyle style;
        style.dpi = 96;
        for (const QString& path : {pdf, png}) QVERIFY(panel->exportTo(path, nullptr, style));
        const QString info = QString::fromUtf8(poppler("pdfinfo", {pdf}));
        QVERIFY2(info.contains(QRegularExpression(QStringLiteral("Page size: +540 x 330 pts")))
                     && info.contains(QRegularExpression(QStringLiteral("Pages: +1\n")))
                     && info.contains(panel->figureTitle()) && info.contains(QStringLiteral("ω′ for tests")),
                 qPrintable(info));
        const auto letters = [](const QString& text) { // ligatures apart
            QString plain;
            for (const QChar one : text.normalized(QString::NormalizationForm_KC))
                if (one.isLetterOrNumber()) plain += one;
            return plain;
        };
        const QString words = letters(QString::fromUtf8(poppler("pdftotext", {"-layout", pdf, "-"})));
        QVERIFY2(words.contains(letters(panel->figureTitle())), qPrintable(words));
        QImage drawn;
        QVERIFY(drawn.loadFromData(poppler("pdftoppm", {"-r", "96", "-png", pdf})));
        const QImage expected(png);
        QCOMPARE(drawn.size(), expected.size());
        QImage blank(expected.size(), QImage::Format_RGB32);
        blank.fill(Qt::white);
        const auto [largest, mean] = difference(drawn, expected);
        const double drawing = difference(blank, expected).second;
        qInfo("blocks differ by up to %.1f, %.2f on average; from a blank page by %.2f", largest, mean,
              drawing);
        QVERIFY2(largest < 40 && mean < 0.5 * drawing, "another picture than the PNG");
    }
};

QTEST_MAIN(TestWidgetsPdf)
#include "test_widgets_pdf.moc"
