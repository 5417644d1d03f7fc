#include "app/gui/window/message_bar.h"

#include "app/gui/window/appearance.h"

#include <QAccessible>
#include <QEvent>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QPushButton>
#include <QToolButton>

#include <functional>

namespace qroar {

namespace {
constexpr std::size_t mostMessages = 20;
constexpr qsizetype mostCharacters = 400, longestWord = 30;

/// What the bar shows of a message: neither a long path nor a long text makes the window larger.
QString shownOf(const QString& message) {
    const QString text =
        message.size() > mostCharacters ? message.left(mostCharacters) + QChar(0x2026) : message;
    QString shown;
    qsizetype run = 0;
    for (const QChar one : text) {
        run = one.isSpace() ? 0 : run + 1;
        shown += one;
        if (run < longestWord) continue;
        shown += QChar(0x200b); // here a line may end
        run = 0;
    }
    return shown;
}
} // namespace

MessageBar::MessageBar(QWidget* parent)
    : QFrame(parent), row_(new QHBoxLayout(this)), label_(new QLabel(this)), more_(new QLabel(this)),
      close_(new QToolButton(this)) {
    setObjectName(QStringLiteral("messageBar"));
    setAutoFillBackground(true);
    label_->setWordWrap(true);
    label_->setTextFormat(Qt::PlainText);
    label_->setTextInteractionFlags(Qt::TextSelectableByMouse);
    close_->setAutoRaise(true);
    close_->setText(QStringLiteral("\u2715"));
    close_->setToolTip(tr("Dismiss (Esc)"));
    close_->setAccessibleName(tr("Dismiss message"));
    row_->setContentsMargins(12, 5, 6, 5);
    row_->addWidget(label_, 1);
    more_->setToolTip(tr("Older messages, seen when this one is dismissed; the log has all"));
    more_->setForegroundRole(QPalette::PlaceholderText);
    more_->hide();
    row_->addWidget(more_);
    row_->addWidget(close_);
    connect(close_, &QToolButton::clicked, this, &MessageBar::closeNewest);
    hide();
}

void MessageBar::show(Kind kind, const QString& text) {
    // Said once, on top, however often it is said.
    std::erase_if(stack_, [&](const Message& one) { return one.text == text; });
    if (stack_.size() == mostMessages) stack_.erase(stack_.begin());
    stack_.push_back({kind, text, {}});
    showNewest();
    QAccessibleEvent alert(this, QAccessible::Alert);
    QAccessible::updateAccessibility(&alert);
}

void MessageBar::showNewest() {
    for (QWidget* button : std::as_const(buttons_)) {
        button->hide();
        button->deleteLater();
    }
    buttons_.clear();
    if (stack_.empty()) {
        label_->clear();
        hide();
        return;
    }
    const Message& newest = stack_.back();
    kind_ = newest.kind;
    label_->setText(shownOf(newest.text));
    label_->setToolTip(newest.text.size() > mostCharacters ? newest.text : QString());
    more_->setText(tr("%1 more").arg(stack_.size() - 1));
    more_->setVisible(stack_.size() > 1);
    setAccessibleName(kind_ == Kind::Error ? tr("Error: %1").arg(newest.text) : newest.text);
    for (std::size_t action = 0; action < newest.actions.size(); ++action) putButton(action);
    follow(parentWidget() ? parentWidget()->palette() : palette());
    setVisible(true);
}

void MessageBar::putButton(std::size_t index) {
    const auto& [text, action] = stack_.back().actions[index];
    auto* button = new QPushButton(text, this);
    row_->insertWidget(row_->count() - 2, button);
    button->show(); // now, not with the next event
    buttons_ << button;
    connect(button, &QPushButton::clicked, this, [this, act = action] {
        closeNewest();
        act();
    });
}

void MessageBar::addButton(const QString& text, const std::function<void()>& action) {
    if (stack_.empty()) return;
    stack_.back().actions.emplace_back(text, action);
    putButton(stack_.back().actions.size() - 1);
}

void MessageBar::closeNewest() {
    if (!stack_.empty()) stack_.pop_back();
    showNewest();
}

void MessageBar::dismiss() {
    stack_.clear();
    showNewest();
}

QString MessageBar::text() const {
    return stack_.empty() ? QString() : stack_.back().text;
}

void MessageBar::follow(const QPalette& outer) {
    const bool dark = Appearance::isDark(outer);
    QColor background = dark ? QColor("#23384d") : QColor("#dcebfa");
    if (kind_ == Kind::Warning) background = dark ? QColor("#4a3d1c") : QColor("#fdf0cf");
    if (kind_ == Kind::Error) background = dark ? QColor("#55262a") : QColor("#fbdedb");
    QPalette own = outer;
    own.setColor(QPalette::Window, background);
    setPalette(own);
}

void MessageBar::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Escape)
        closeNewest();
    else
        QFrame::keyPressEvent(event);
}

} // namespace qroar
