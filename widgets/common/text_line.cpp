#include "widgets/common/text_line.h"

#include <QEnterEvent>
#include <QLabel>

#include <algorithm>
#include <cmath>

namespace qroar {

TextLine::TextLine(QWidget* parent) : QWidget(parent), label_(new QLabel(this)) {
    label_->setTextFormat(Qt::PlainText);
    setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
}

void TextLine::setFullText(const QString& text, const QString& tip) {
    setToolTip(tip.isEmpty() ? text : tip);
    if (text == full_) return;
    full_ = text;
    label_->setAccessibleName(text);
    if (selectable_ && !underMouse()) label_->setTextInteractionFlags(Qt::NoTextInteraction);
    elide();
}

int TextLine::textWidth(const QString& text) const {
    return label_->fontMetrics().horizontalAdvance(text);
}

void TextLine::setTextFont(double scale, bool bold) {
    scale_ = scale;
    bold_ = bold;
    styleText();
}

void TextLine::styleText() {
    QFont text = font();
    text.setBold(bold_);
    if (text.pointSizeF() > 0)
        text.setPointSizeF(text.pointSizeF() * scale_);
    else // a font in pixels
        text.setPixelSize(std::max(1, static_cast<int>(std::lround(text.pixelSize() * scale_))));
    label_->setFont(text);
    updateGeometry();
    elide();
}

void TextLine::setSelectable() {
    selectable_ = true;
}

QSize TextLine::sizeHint() const {
    return {0, label_->fontMetrics().height()};
}

QSize TextLine::minimumSizeHint() const {
    return {40, sizeHint().height()};
}

void TextLine::elide() {
    const QString shown = label_->fontMetrics().elidedText(full_, Qt::ElideRight, width());
    if (label_->text() != shown) label_->setText(shown);
}

void TextLine::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    label_->setGeometry(rect());
    elide();
}

void TextLine::enterEvent(QEnterEvent* event) {
    QWidget::enterEvent(event);
    if (selectable_) label_->setTextInteractionFlags(Qt::TextSelectableByMouse);
}

void TextLine::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() != QEvent::FontChange && event->type() != QEvent::StyleChange) return;
    styleText();
}

} // namespace qroar
