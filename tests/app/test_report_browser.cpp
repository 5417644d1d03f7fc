// The report as Chromium shows it, where that is installed: no word on the console, nothing wider than the
// page.
#include "tests/app/report_bench.h"

#include <QFile>
#include <QImage>
#include <QProcess>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>

using namespace qroar;
using qroar::test::reportOf;
using qroar::test::withSearch;

class TestReportBrowser : public QObject {
    Q_OBJECT
  private slots:
    /// In a browser, where there is one: the console stays empty, nothing is wider than the page, and the
    /// page has the colours of the desktop.
    void opensInABrowser() {
        QString browser = QStandardPaths::findExecutable("chromium");
        if (browser.isEmpty()) browser = QStandardPaths::findExecutable("chromium-browser");
        if (browser.isEmpty()) QSKIP("chromium is not installed");
        QTemporaryDir folder;
        QFile file(folder.filePath("report.html"));
        const QByteArray html = reportOf(withSearch()).html;
        QVERIFY(file.open(QIODevice::WriteOnly) && file.write(html) == html.size());
        file.close();
        const auto pictureOf = [&](int width, bool dark) {
            const QString picture = folder.filePath(QStringLiteral("%1-%2.png").arg(width).arg(dark));
            QProcess process;
            process.setProcessChannelMode(QProcess::MergedChannels);
            process.start(browser,
                          {"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                           "--user-data-dir=" + folder.filePath("profile"),
                           QStringLiteral("--window-size=%1,9000").arg(width), "--enable-logging=stderr",
                           "--log-level=0", "--screenshot=" + picture,
                           QStringLiteral("--blink-settings=preferredColorScheme=%1").arg(dark ? 0 : 1),
                           "file://" + file.fileName()});
            const bool ended = process.waitForFinished(60000);
            if (!ended) process.kill();
            const QString log = QString::fromUtf8(process.readAll());
            if (log.contains("CONSOLE")) qWarning("%s", qPrintable(log.left(4000)));
            return log.contains("CONSOLE") ? QImage() : QImage(picture);
        };
        const QImage light = pictureOf(1280, false);
        if (light.isNull() && !QFile::exists(folder.filePath("1280-0.png")))
            QSKIP("chromium does not run here");
        QVERIFY(!light.isNull());
        const QImage dark = pictureOf(1280, true);
        QCOMPARE(light.width(), 1280);
        QVERIFY(light.pixelColor(5, 5).lightness() > 250 && dark.pixelColor(5, 5).lightness() < 50);
        for (const QImage& image : {light, dark, pictureOf(500, false)}) // margins are free of everything
            for (int y = 0; y < image.height(); ++y)
                for (const int x : {1, image.width() - 2})
                    QCOMPARE(image.pixelColor(x, y), image.pixelColor(0, 0));
    }
};

QTEST_MAIN(TestReportBrowser)
#include "test_report_browser.moc"
