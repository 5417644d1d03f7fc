// RandomEvents: a hand that hits keys, clicks, turns the wheel, drags, resizes, moves the focus and chooses
// menu entries of a window, the same ones for the same seed. Dialogs that it opens are dismissed or accepted,
// questions answered either way; files are named in a folder of its own. Not here: what must hold afterwards.
#pragma once

#include <QAbstractButton>
#include <QAction>
#include <QApplication>
#include <QDialog>
#include <QDir>
#include <QFileDialog>
#include <QLineEdit>
#include <QMainWindow>
#include <QMenu>
#include <QMenuBar>
#include <QMessageBox>
#include <QPointer>
#include <QProgressDialog>
#include <QTest>
#include <QTimer>
#include <QWheelEvent>
#include <QWidget>

#include <random>

namespace qroar::test {

/// The same in every run, unless QROAR_RANDOM_SEED says another.
inline unsigned randomSeed(unsigned usual) {
    bool given = false;
    const unsigned seed = qEnvironmentVariable("QROAR_RANDOM_SEED").toUInt(&given);
    return given ? seed : usual;
}

class RandomEvents {
  public:
    /// `folder`: the only place where files are written and read.
    RandomEvents(QMainWindow& window, unsigned seed, QString folder)
        : window_(window), folder_(std::move(folder)), random_(seed), answers_(seed + 1) {
        QObject::connect(&dismiss_, &QTimer::timeout, &dismiss_, [this] {
            if (QWidget* popup = QApplication::activePopupWidget()) popup->close();
            if (auto* dialog = qobject_cast<QDialog*>(QApplication::activeModalWidget())) answer(*dialog);
        });
        dismiss_.start(1);
    }
    /// One of those that are offered.
    QMessageBox::StandardButton answerOf(QMessageBox::StandardButtons offered) {
        QList<QMessageBox::StandardButton> all;
        for (unsigned bit = QMessageBox::Ok; bit <= QMessageBox::RestoreDefaults; bit <<= 1)
            if (offered & static_cast<QMessageBox::StandardButton>(bit))
                all << static_cast<QMessageBox::StandardButton>(bit);
        ++answered_;
        return all.isEmpty() ? QMessageBox::Cancel : all[answers_() % static_cast<unsigned>(all.size())];
    }
    [[nodiscard]] int accepted() const { return accepted_; } ///< dialogs
    [[nodiscard]] int answered() const { return answered_; } ///< questions

    /// One that does something: what finds nothing to act on is drawn again and not counted.
    void step() {
        // A program's loop deletes what was closed before the next key comes; the loop of a file dialog that
        // such a key opened would do it under that dialog.
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
        if (count_++ % 50 == 0) collect();
        for (int tries = 0; tries < 100 && !act(); ++tries)
            if (tries % 10 == 9) collect(); // all that it knew is hidden
    }

  private:
    /// False: nothing was there to be acted on.
    bool act() {
        const int what = below(100);
        if (what < 30) return key();
        if (what < 60) return click();
        if (what < 80) return wheel();
        if (what < 90) return drag();
        if (what < 97) return focus();
        if (what < 98) return resize();
        return choose();
    }
    /// Every third dialog is accepted; progress is mostly left alone. Not from within the timer, which would
    /// not fire again while what follows (a question of the file dialog) waits for it.
    void answer(QDialog& dialog) {
        if (qobject_cast<QProgressDialog*>(&dialog)) {
            if (answers_() % 50 == 0) dialog.reject();
            return;
        }
        if (auto* question = qobject_cast<QMessageBox*>(&dialog);
            question && !question->buttons().isEmpty()) {
            const auto buttons = question->buttons();
            QAbstractButton* button = buttons[answers_() % static_cast<unsigned>(buttons.size())];
            QTimer::singleShot(0, button, [button] { button->click(); });
            return;
        }
        const bool accepts = answers_() % 3 == 0;
        if (accepts) {
            ++accepted_;
            if (auto* files = qobject_cast<QFileDialog*>(&dialog)) choose(*files);
        }
        QTimer::singleShot(0, &dialog, [&dialog, accepts] {
            if (accepts)
                dialog.accept();
            else
                dialog.reject();
        });
    }
    void choose(QFileDialog& files) {
        files.setDirectory(folder_);
        if (files.fileMode() == QFileDialog::Directory) return;
        const QStringList there = QDir(folder_).entryList(QDir::Files);
        const bool opens = files.acceptMode() == QFileDialog::AcceptOpen;
        const QString name = opens && !there.isEmpty()
                                 ? there[answers_() % static_cast<unsigned>(there.size())]
                                 : QStringLiteral("written-%1").arg(answers_() % 4);
        if (auto* edit = files.findChild<QLineEdit*>(QStringLiteral("fileNameEdit"))) edit->setText(name);
    }
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
    bool focus() {
        QWidget* target = any();
        if (!target || target->focusPolicy() == Qt::NoFocus || target->hasFocus()) return false;
        target->setFocus();
        return true;
    }
    bool resize() {
        window_.resize(900 + below(400), 650 + below(200));
        return true;
    }
    bool key() {
        static constexpr Qt::Key keys[] = {
            Qt::Key_Left,    Qt::Key_Right,  Qt::Key_Up,     Qt::Key_Down,   Qt::Key_Tab,
            Qt::Key_Backtab, Qt::Key_Home,   Qt::Key_End,    Qt::Key_PageUp, Qt::Key_PageDown,
            Qt::Key_Space,   Qt::Key_Return, Qt::Key_Escape, Qt::Key_Delete, Qt::Key_Backspace,
            Qt::Key_F2,      Qt::Key_F6,     Qt::Key_1,      Qt::Key_2,      Qt::Key_3,
            Qt::Key_4,       Qt::Key_A,      Qt::Key_B,      Qt::Key_D,      Qt::Key_G,
            Qt::Key_K,       Qt::Key_R,      Qt::Key_X,      Qt::Key_Z,      Qt::Key_Y};
        QWidget* target = QApplication::focusWidget() ? QApplication::focusWidget() : &window_;
        QTest::keyClick(target, keys[below(std::size(keys))], modifiers());
        return true;
    }
    bool click() {
        QWidget* target = any();
        if (!target) return false;
        const Qt::MouseButton button = below(6) == 0 ? Qt::RightButton : Qt::LeftButton;
        if (below(10) == 0)
            QTest::mouseDClick(target, button, modifiers(), in(target));
        else
            QTest::mouseClick(target, button, modifiers(), in(target));
        return true;
    }
    bool wheel() {
        QWidget* target = any();
        if (!target) return false;
        const QPoint at = in(target);
        QWheelEvent event(at, target->mapToGlobal(at), {}, {0, below(2) == 0 ? 120 : -120}, Qt::NoButton,
                          modifiers(), Qt::NoScrollPhase, false);
        QApplication::sendEvent(target, &event);
        return true;
    }
    bool drag() {
        const QPointer<QWidget> target = any();
        if (!target) return false;
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
        return true;
    }
    bool choose() {
        QList<QAction*> actions;
        for (const QMenu* menu : window_.menuBar()->findChildren<QMenu*>())
            for (QAction* action : menu->actions())
                if (action->isEnabled() && !action->isSeparator() && !action->menu()) actions << action;
        if (actions.isEmpty()) return false;
        actions[below(static_cast<int>(actions.size()))]->trigger();
        return true;
    }

    QMainWindow& window_;
    QString folder_;
    std::mt19937 random_, answers_;
    int accepted_ = 0, answered_ = 0;
    QTimer dismiss_;
    QList<QPointer<QWidget>> widgets_;
    int count_ = 0;
};

} // namespace qroar::test
