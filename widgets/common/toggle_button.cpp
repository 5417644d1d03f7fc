#include "widgets/common/toggle_button.h"

#include <QPainter>
#include <QStyleOptionToolButton>

namespace qroar {

namespace {
constexpr int besideText = 8, aboveText = 3; ///< pixels, border included
} // namespace

ToggleButton::ToggleButton(QWidget* parent, int radius) : QToolButton(parent), radius_(radius) {
    setCheckable(true);
    setAttribute(Qt::WA_Hover);
}

QSize ToggleButton::sizeHint() const {
    const QSize words = fontMetrics().size(Qt::TextShowMnemonic, text());
    return {words.width() + 2 * besideText, words.height() + 2 * aboveText};
}

void ToggleButton::paintEvent(QPaintEvent*) {
    QStyleOptionToolButton option;
    initStyleOption(&option);
    const QPalette& colours = option.palette;
    const bool on = isChecked() && isEnabled(); // what cannot be used does not shine
    const bool touched =
        isEnabled() && (option.state & (QStyle::State_MouseOver | QStyle::State_Sunken)) != 0;
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing, radius_ > 0);
    const bool focused = hasFocus();
    const double width = focused ? 2 : 1;
    const QRectF area = QRectF(rect()).adjusted(width / 2, width / 2, -width / 2, -width / 2);
    painter.setPen(QPen(colours.color(focused ? QPalette::WindowText
                                      : on    ? QPalette::Highlight
                                              : QPalette::Mid),
                        width));
    painter.setBrush(colours.color(on        ? QPalette::Highlight
                                   : touched ? QPalette::Midlight
                                             : QPalette::Button));
    if (!isEnabled()) painter.setBrush(Qt::NoBrush);
    painter.drawRoundedRect(area, radius_, radius_);
    painter.setPen(colours.color(on ? QPalette::HighlightedText : QPalette::ButtonText));
    painter.drawText(rect(), Qt::AlignCenter | Qt::TextShowMnemonic, text());
}

} // namespace qroar
