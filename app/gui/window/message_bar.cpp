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

MessageBar::MessageBar(QWidget* parent)
    : QFrame(parent), row_(new QHBoxLayout(this)), label_(new QLabel(this)), close_(new QToolButton(this)) {
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
    row_->addWidget(close_);
    connect(close_, &QToolButton::clicked, this, &MessageBar::dismiss);
    hide();
}

void MessageBar::show(Kind kind, const QString& text) {
    dismiss();
    kind_ = kind;
    label_->setText(text);
    setAccessibleName(kind == Kind::Error ? tr("Error: %1").arg(text) : text);
    recolor();
    setVisible(true);
    QAccessibleEvent alert(this, QAccessible::Alert);
    QAccessible::updateAccessibility(&alert);
}

void MessageBar::addButton(const QString& text, const std::function<void()>& action) {
    auto* button = new QPushButton(text, this);
    row_->insertWidget(row_->count() - 1, button);
    buttons_ << button;
    connect(button, &QPushButton::clicked, this, [this, action] {
        dismiss();
        action();
    });
}

void MessageBar::dismiss() {
    for (QWidget* button : std::as_const(buttons_)) {
        button->hide();
        button->deleteLater();
    }
    buttons_.clear();
    label_->clear();
    hide();
}

QString MessageBar::text() const {
    return label_->text();
}

void MessageBar::recolor() {
    const QPalette outer = parentWidget() ? parentWidget()->palette() : palette();
    const bool dark = Appearance::isDark(outer);
    QColor background = dark ? QColor("#23384d") : QColor("#dcebfa");
    if (kind_ == Kind::Warning) background = dark ? QColor("#4a3d1c") : QColor("#fdf0cf");
    if (kind_ == Kind::Error) background = dark ? QColor("#55262a") : QColor("#fbdedb");
    QPalette own = outer;
    own.setColor(QPalette::Window, background);
    setPalette(own);
}

void MessageBar::changeEvent(QEvent* event) {
    QFrame::changeEvent(event);
    // Our own setPalette sends PaletteChange, so listen to the application's only.
    if (event->type() == QEvent::ApplicationPaletteChange) recolor();
}

void MessageBar::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Escape)
        dismiss();
    else
        QFrame::keyPressEvent(event);
}

} // namespace qroar
