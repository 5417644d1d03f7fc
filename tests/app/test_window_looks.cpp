// What everybody must be able to see and reach: the palette of high contrast, buttons that cannot be used,
// every control by Tab.
#include "app/gui/window/appearance.h"
#include "app/gui/window/compare_bar.h"
#include "app/gui/window/message_bar.h"
#include "tests/app/main_window_bench.h"
#include "tests/support/noisy_session.h"
#include "tests/support/searched_session.h"

#include <QAbstractSlider>
#include <QAbstractSpinBox>
#include <QCheckBox>
#include <QComboBox>
#include <QDockWidget>
#include <QLabel>
#include <QLineEdit>
#include <QRadioButton>
#include <QScrollBar>
#include <QToolButton>

#include <cmath>

using namespace qroar;
using namespace qroar::test;

namespace {

double contrast(const QColor& a, const QColor& b) {
    const auto luminance = [](const QColor& color) {
        const auto linear = [](double c) {
            return c <= 0.03928 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
        };
        return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF())
               + 0.0722 * linear(color.blueF());
    };
    const double one = luminance(a) + 0.05, two = luminance(b) + 0.05;
    return std::max(one, two) / std::min(one, two);
}

int pixelsLike(const QImage& image, const QColor& colour) {
    int count = 0;
    for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x) count += image.pixelColor(x, y).rgb() == colour.rgb() ? 1 : 0;
    return count;
}

QString nameOf(const QWidget& widget) {
    QString text = widget.accessibleName();
    if (text.isEmpty()) text = widget.property("text").toString();
    return QString("%1 '%2' at %3,%4")
        .arg(widget.metaObject()->className(), text)
        .arg(widget.mapTo(widget.window(), QPoint()).x())
        .arg(widget.mapTo(widget.window(), QPoint()).y());
}

/// What Tab reaches inside `area`, in its order.
QList<QWidget*> reached(QWidget* area) {
    QList<QWidget*> all;
    for (QWidget* next = area->nextInFocusChain(); next != area; next = next->nextInFocusChain())
        if (area->isAncestorOf(next) && (next->focusPolicy() & Qt::TabFocus) != 0 && next->isEnabled()
            && next->isVisible() && !next->focusProxy())
            all << next;
    return all;
}

/// What can be clicked but not reached.
QStringList notReached(QWidget* area) {
    QStringList wrong;
    const QList<QWidget*> all = reached(area);
    for (auto* widget : area->findChildren<QWidget*>()) {
        const bool control = qobject_cast<QAbstractButton*>(widget) || qobject_cast<QComboBox*>(widget)
                             || qobject_cast<QAbstractSpinBox*>(widget) || qobject_cast<QLineEdit*>(widget)
                             || qobject_cast<QAbstractSlider*>(widget);
        const QString name = widget->objectName(), of = widget->parentWidget()->metaObject()->className();
        if (!control || !widget->isVisible() || !widget->isEnabled() || all.contains(widget)) continue;
        if (name.startsWith("qt_") || of == "QLineEdit" || of == "QTabBar" || of.endsWith("SpinBox")
            || of == "QComboBox" || of == "QDockWidget" || qobject_cast<QScrollBar*>(widget)
            || of == "QTableView")
            continue; // parts of what is reached
        wrong << nameOf(*widget);
    }
    return wrong;
}

/// `later` comes after `earlier` and should not: it is above it and not to the right, or left of it in a row.
bool isOutOfOrder(const QWidget* earlier, const QWidget* later, const QWidget* in) {
    const QRect a(earlier->mapTo(in, QPoint()), earlier->size()),
        b(later->mapTo(in, QPoint()), later->size());
    if (b.bottom() < a.top()) return b.left() <= a.right();
    return b.top() <= a.bottom() && b.right() < a.left();
}

QStringList notAsOneReads(QWidget* area) {
    QStringList wrong;
    const QList<QWidget*> all = reached(area);
    for (qsizetype first = 0; first < all.size(); ++first)
        for (qsizetype second = first + 1; second < all.size(); ++second)
            if (isOutOfOrder(all[first], all[second], area))
                wrong << nameOf(*all[first]) + ", before " + nameOf(*all[second]);
    return wrong;
}

} // namespace

class TestWindowLooks : public QObject {
    Q_OBJECT
  private slots:
    void highContrast() {
        SessionBench bench;
        bench.load(makeSyntheticSession());
        bench.window->setAppearance(AppearanceMode::HighContrast);
        QVERIFY(AppSettings(bench.settings).appearance() == AppearanceMode::HighContrast);
        const QPalette palette = bench.window->palette();
        QVERIFY(Appearance::isHighContrast(palette) && Appearance::isDark(palette));
        const QColor window = palette.color(QPalette::Window);
        for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::Link,
                                QPalette::BrightText, QPalette::Mid, QPalette::Highlight})
            QVERIFY2(contrast(palette.color(role), window) >= 7, qPrintable(QString::number(role)));
        QVERIFY(contrast(palette.color(QPalette::HighlightedText), palette.color(QPalette::Highlight)) >= 7);
        QVERIFY(contrast(palette.color(QPalette::Disabled, QPalette::WindowText), window) >= 4.5);
        // Everything that can be used has an edge.
        QPushButton button("press");
        QLineEdit edit;
        QComboBox box;
        for (QWidget* widget : std::initializer_list<QWidget*>{&button, &edit, &box}) {
            widget->resize(120, 30);
            QVERIFY(pixelsLike(widget->grab().toImage().copy(0, 0, 120, 1), Qt::white) > 100);
        }
        bench.window->setAppearance(AppearanceMode::Light);
        QVERIFY(pixelsLike(button.grab().toImage().copy(0, 0, 120, 1), Qt::black) == 0);
    }

    void boxesAreSeenUnticked() {
        SessionBench bench;
        for (const AppearanceMode mode :
             {AppearanceMode::Light, AppearanceMode::Dark, AppearanceMode::HighContrast}) {
            bench.window->setAppearance(mode);
            QCheckBox box;
            QRadioButton radio;
            for (QAbstractButton* button : std::initializer_list<QAbstractButton*>{&box, &radio}) {
                button->resize(30, 30);
                const QImage image = button->grab().toImage();
                const QColor ground = button->palette().color(QPalette::Window);
                int seen = 0;
                for (int x = 0; x < image.width(); ++x) // across its middle: the edges
                    seen += contrast(image.pixelColor(x, image.height() / 2), ground) >= 2 ? 1 : 0;
                QVERIFY2(mode == AppearanceMode::Light || seen >= 2,
                         qPrintable(QStringLiteral("%1 %2").arg(static_cast<int>(mode)).arg(seen)));
            }
        }
        bench.window->setAppearance(AppearanceMode::Light);
    }

    void whatIsOnScreenFollowsTheTheme() {
        SessionBench bench;
        bench.load(makeSyntheticSession());
        MainWindow& window = *bench.window;
        window.messages().show(MessageBar::Kind::Warning, "some files are not where they were");
        const auto* label = window.messages().findChild<QLabel*>();
        auto* swap = window.findChild<QToolButton*>("exchange");
        QVERIFY(label && swap);
        for (const auto mode : {AppearanceMode::Dark, AppearanceMode::Light, AppearanceMode::Dark}) {
            window.setAppearance(mode);
            QTest::qWait(20);
            const QColor background = window.messages().palette().color(QPalette::Window);
            QVERIFY(contrast(label->palette().color(QPalette::WindowText), background) > 4.5);
            const QImage icon = swap->icon().pixmap(24, 24).toImage().convertToFormat(QImage::Format_ARGB32);
            double most = 1; // of what is drawn, against the window
            for (int y = 0; y < icon.height(); ++y)
                for (int x = 0; x < icon.width(); ++x)
                    if (icon.pixelColor(x, y).alpha() > 200)
                        most = std::max(
                            most, contrast(icon.pixelColor(x, y), window.palette().color(QPalette::Window)));
            QVERIFY2(most > 3, qPrintable(QString::number(most)));
        }
    }

    void nothingShinesOnTheStartPage() {
        SessionBench bench;
        for (const AppearanceMode mode : {AppearanceMode::Dark, AppearanceMode::Light}) {
            bench.window->setAppearance(mode);
            QApplication::processEvents();
            const QColor shine = bench.window->palette().color(QPalette::Highlight);
            for (const auto compare : {CompareMode::A, CompareMode::B, CompareMode::Difference}) {
                QToolButton* button = bench.window->compareBar().modeButton(compare);
                QVERIFY(!button->isEnabled());
                QCOMPARE(pixelsLike(button->grab().toImage(), shine), 0);
            }
        }
    }

    void tabReachesEverything() {
        SessionBench bench;
        bench.window->resize(1280, 800);
        bench.load(makeSyntheticSession());
        QTRY_VERIFY(!bench.window->showsStartPage());
        QStringList wrong;
        for (auto* dock : bench.window->findChildren<QDockWidget*>()) {
            dock->show();
            dock->raise();
            QTest::qWait(20);
            for (const QString& one : notReached(dock->widget()))
                wrong << dock->windowTitle() + ": not reached: " + one;
        }
        QVERIFY2(wrong.isEmpty(), qPrintable('\n' + wrong.join('\n')));
    }

    void tabGoesAsOneReads() {
        SessionBench bench;
        bench.window->resize(1280, 800);
        SyntheticOptions options;
        options.divergence = true;
        bench.load(withSearch(withNoise(makeSyntheticSession(options)), 3));
        QTRY_VERIFY(!bench.window->showsStartPage());
        QStringList wrong;
        int docks = 0;
        for (auto* dock : bench.window->findChildren<QDockWidget*>()) {
            const bool hidden = dock->isHidden();
            dock->show();
            dock->raise();
            QTest::qWait(20);
            if (reached(dock->widget()).size() > 1) ++docks;
            for (const QString& one : notAsOneReads(dock->widget()))
                wrong << dock->windowTitle() + ": " + one;
            if (hidden) dock->hide();
        }
        QVERIFY(docks > 15);
        QVERIFY2(wrong.isEmpty(), qPrintable('\n' + wrong.join('\n')));
    }

    void theBoxOfBSaysThatNothingIsChosen() {
        SessionBench bench;
        bench.load(makeSyntheticSession());
        for (const auto* box : bench.window->compareBar().findChildren<QComboBox*>())
            if (box->accessibleName() == "Condition B")
                QCOMPARE(box->currentText(), QString("nothing to compare"));
    }
};

QTEST_MAIN(TestWindowLooks)
#include "test_window_looks.moc"
