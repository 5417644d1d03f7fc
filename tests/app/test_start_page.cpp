// The start page at every width, font and length of words: nothing of it is cut, it scrolls instead.
#include "app/gui/setup/column_area.h"
#include "app/gui/window/choice_button.h"
#include "app/gui/window/start_page.h"
#include "tests/app/main_window_bench.h"
#include "tests/app/pseudo_translation.h"
#include "tests/app/window_texts.h"

#include <QDockWidget>
#include <QLabel>

#include <optional>

using namespace qroar;

namespace {

/// The last line of pixels with anything but the background in it, inside the frame.
int lastInk(const QImage& image, int frame) {
    const QRgb background = image.pixel(image.width() / 2, frame);
    for (int y = image.height() - 1 - frame; y > frame; --y)
        for (int x = frame; x < image.width() - frame; ++x) {
            const QRgb is = image.pixel(x, y);
            if (std::abs(qGray(is) - qGray(background)) > 60) return y;
        }
    return frame;
}

/// What is drawn when there is all the room in the world must be drawn in the room there is.
QString cutText(const ChoiceButton& button) {
    const auto drawn = [&button](int height) {
        ChoiceButton copy(button.text(), button.description());
        copy.setFont(button.font());
        copy.setFlat(true); // no shades
        copy.resize(button.width(), height);
        QImage image(copy.size(), QImage::Format_RGB32);
        image.fill(copy.palette().color(QPalette::Window));
        copy.render(&image, {}, {}, QWidget::DrawChildren);
        return lastInk(image, 2);
    };
    const int needs = drawn(button.height() + 400);
    return needs < button.height() - 4
               ? QString()
               : QStringLiteral("\"%1\" has %2, needs %3").arg(button.text()).arg(button.height()).arg(needs);
}

QStringList cutTexts(const StartPage& page) {
    QStringList cut = test::clippedTexts(page);
    for (const auto* button : page.findChildren<ChoiceButton*>())
        if (const QString one = cutText(*button); !one.isEmpty()) cut << one;
    return cut;
}

} // namespace

class TestStartPage : public QObject {
    Q_OBJECT

  private slots:
    void nothingIsCut_data() {
        QTest::addColumn<bool>("german");
        QTest::addColumn<int>("points");
        for (const bool german : {false, true})
            for (const int points : {9, 12, 18})
                QTest::addRow("%s, %d pt", german ? "long words" : "English", points) << german << points;
    }
    void nothingIsCut() {
        QFETCH(bool, german);
        QFETCH(int, points);
        const QFont usual = QApplication::font();
        QFont font = usual;
        font.setPointSize(points);
        QApplication::setFont(font);
        {
            std::optional<test::PseudoTranslation> longer;
            if (german) longer.emplace();
            StartPage page(true);
            page.setRecent({"/gone/a very long name of a session that was somewhere once.h5"},
                           {"/gone/model"});
            page.show();
            auto* area = page.findChild<ColumnArea*>();
            QVERIFY(area);
            for (int width = 500; width <= 1600; width += 100)
                for (const int height : {250, 700}) {
                    page.resize(width, height);
                    QCoreApplication::processEvents();
                    const QStringList cut = cutTexts(page);
                    QVERIFY2(cut.isEmpty(), qPrintable(QString("at %1: ").arg(width) + cut.join('\n')));
                    QCOMPARE(area->horizontalScrollBar()->maximum(), 0);
                    if (height == 250) QVERIFY(area->verticalScrollBar()->maximum() > 0);
                }
        }
        QApplication::setFont(usual);
    }

    void betweenAllDocks() {
        for (const bool german : {false, true}) {
            std::optional<test::PseudoTranslation> longer;
            if (german) longer.emplace();
            test::SessionBench bench;
            for (const char* name : {"setup", "searchSetup", "bands", "scales", "whatIfs", "log"})
                bench.window->findChild<QDockWidget*>(QLatin1String(name))->show();
            bench.window->resize(1280, 800);
            QTest::qWait(50);
            auto* page = bench.window->findChild<StartPage*>();
            QVERIFY(page->isVisible());
            const QStringList cut = cutTexts(*page);
            QVERIFY2(cut.isEmpty(), qPrintable(cut.join('\n')));
            QCOMPARE(page->findChild<ColumnArea*>()->horizontalScrollBar()->maximum(), 0);
        }
    }

    void theKeyboardScrollsToWhatItReaches() {
        StartPage page(true);
        page.resize(500, 150);
        page.show();
        page.activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(&page));
        const auto buttons = page.findChildren<ChoiceButton*>();
        buttons.first()->setFocus();
        for (int step = 1; step < buttons.size(); ++step)
            QTest::keyClick(QApplication::focusWidget(), Qt::Key_Tab);
        QCOMPARE(QApplication::focusWidget(), buttons.last());
        QVERIFY(!buttons.last()->visibleRegion().isEmpty());
    }
};

QTEST_MAIN(TestStartPage)
#include "test_start_page.moc"
