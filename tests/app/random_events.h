// RandomEvents: a hand that hits keys, clicks, turns the wheel, drags, resizes, moves the focus and chooses
// menu entries of a window, the same ones for the same seed. Dialogs and menus it opens are dismissed. Not
// here: what must hold afterwards.
#pragma once

#include <QAction>
#include <QApplication>
#include <QDialog>
#include <QMainWindow>
#include <QMenu>
#include <QMenuBar>
#include <QPointer>
#include <QTest>
#include <QTimer>
#include <QWheelEvent>
#include <QWidget>

#include <random>

namespace qroar::test {

class RandomEvents {
  public:
    RandomEvents(QMainWindow& window, unsigned seed) : window_(window), random_(seed) {
        // What waits for an answer gets none.
        QObject::connect(&dismiss_, &QTimer::timeout, &dismiss_, [] {
            if (QWidget* popup = QApplication::activePopupWidget()) popup->close();
            if (auto* dialog = qobject_cast<QDialog*>(QApplication::activeModalWidget())) dialog->reject();
        });
        dismiss_.start(1);
    }

    void step() {
        // A program's loop deletes what was closed before the next key comes; the loop of a file dialog that
        // such a key opened would do it under that dialog.
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
        if (count_++ % 50 == 0) collect();
        switch (below(12)) {
        case 0:
        case 1:
        case 2:
            return key();
        case 3:
        case 4:
        case 5:
            return click();
        case 6:
        case 7:
            return wheel();
        case 8:
            return drag();
        case 9:
            if (below(20) == 0) window_.resize(900 + below(400), 650 + below(200));
            return;
        case 10:
            if (QWidget* target = any(); target && target->focusPolicy() != Qt::NoFocus) target->setFocus();
            return;
        default:
            if (below(6) == 0) choose();
        }
    }

  private:
    int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

    void collect() {
        widgets_.clear();
        if (count_ % 200 == 1) // those that do not wait for an answer stay for a while
            for (QWidget* top : QApplication::topLevelWidgets())
                if (qobject_cast<QDialog*>(top)) top->close();
        for (QWidget* top : QApplication::topLevelWidgets())
            if (top->isVisible() && !qobject_cast<QMenu*>(top))
                for (QWidget* widget : top->findChildren<QWidget*>())
                    if (widget->isVisible() && widget->isEnabled() && !widget->size().isEmpty())
                        widgets_ << widget;
    }
    QWidget* any() {
        if (widgets_.isEmpty()) return nullptr;
        QWidget* widget = widgets_[below(static_cast<int>(widgets_.size()))];
        return widget && widget->isVisible() && widget->isEnabled() && !widget->size().isEmpty() ? widget
                                                                                                 : nullptr;
    }
    QPoint in(const QWidget* widget) { return {below(widget->width()), below(widget->height())}; }
    Qt::KeyboardModifiers modifiers() {
        static constexpr Qt::KeyboardModifier all[] = {Qt::NoModifier,      Qt::NoModifier,
                                                       Qt::NoModifier,      Qt::ShiftModifier,
                                                       Qt::ControlModifier, Qt::AltModifier};
        return all[below(6)];
    }
    void key() {
        static constexpr Qt::Key keys[] = {
            Qt::Key_Left,    Qt::Key_Right,  Qt::Key_Up,     Qt::Key_Down,   Qt::Key_Tab,
            Qt::Key_Backtab, Qt::Key_Home,   Qt::Key_End,    Qt::Key_PageUp, Qt::Key_PageDown,
            Qt::Key_Space,   Qt::Key_Return, Qt::Key_Escape, Qt::Key_Delete, Qt::Key_Backspace,
            Qt::Key_F2,      Qt::Key_F6,     Qt::Key_1,      Qt::Key_2,      Qt::Key_3,
            Qt::Key_4,       Qt::Key_A,      Qt::Key_B,      Qt::Key_D,      Qt::Key_G,
            Qt::Key_K,       Qt::Key_R,      Qt::Key_X,      Qt::Key_Z,      Qt::Key_Y};
        QWidget* target = QApplication::focusWidget() ? QApplication::focusWidget() : &window_;
        QTest::keyClick(target, keys[below(std::size(keys))], modifiers());
    }
    void click() {
        QWidget* target = any();
        if (!target) return;
        const Qt::MouseButton button = below(6) == 0 ? Qt::RightButton : Qt::LeftButton;
        if (below(10) == 0)
            QTest::mouseDClick(target, button, modifiers(), in(target));
        else
            QTest::mouseClick(target, button, modifiers(), in(target));
    }
    void wheel() {
        QWidget* target = any();
        if (!target) return;
        const QPoint at = in(target);
        QWheelEvent event(at, target->mapToGlobal(at), {}, {0, below(2) == 0 ? 120 : -120}, Qt::NoButton,
                          modifiers(), Qt::NoScrollPhase, false);
        QApplication::sendEvent(target, &event);
    }
    void drag() {
        const QPointer<QWidget> target = any();
        if (!target) return;
        const Qt::MouseButton button = below(4) == 0 ? Qt::RightButton : Qt::LeftButton;
        QTest::mousePress(target, button, {}, in(target));
        // As from a real mouse: what has grabbed it (a dock that is torn off) gets the rest, and the release
        // in any case. Without one QMainWindow's layout keeps the dock twice and dies of it when it is
        // deleted.
        const auto receiver = [&] {
            return QWidget::mouseGrabber() ? QWidget::mouseGrabber() : target.data();
        };
        for (int part = 0; part < 3 && receiver() && receiver()->isVisible(); ++part)
            QTest::mouseMove(receiver(), in(receiver()));
        if (QWidget* last = receiver(); last && (last->isVisible() || last == QWidget::mouseGrabber()))
            QTest::mouseRelease(last, button, {}, in(last));
    }
    void choose() {
        QList<QAction*> actions;
        for (const QMenu* menu : window_.menuBar()->findChildren<QMenu*>())
            for (QAction* action : menu->actions())
                if (action->isEnabled() && !action->isSeparator() && !action->menu()) actions << action;
        if (!actions.isEmpty()) actions[below(static_cast<int>(actions.size()))]->trigger();
    }

    QMainWindow& window_;
    std::mt19937 random_;
    QTimer dismiss_;
    QList<QPointer<QWidget>> widgets_;
    int count_ = 0;
};

} // namespace qroar::test
