#include "app/gui/window/choice_button.h"

#include <QEvent>
#include <QStyleOptionButton>
#include <QStylePainter>

#include <algorithm>

namespace qroar {

namespace {

constexpr int margin = 10, gap = 4, iconGap = 10, preferredCharacters = 50;
constexpr int titleFlags = Qt::AlignLeft | Qt::TextWordWrap | Qt::TextShowMnemonic;
constexpr int textFlags = Qt::AlignLeft | Qt::TextWordWrap;

int longestWord(const QFontMetrics& metrics, const QString& text) {
    int longest = 0;
    for (const QString& word : QString(text).remove(u'&').split(u' '))
        longest = std::max(longest, metrics.horizontalAdvance(word));
    return longest;
}

} // namespace

ChoiceButton::ChoiceButton(const QString& title, QString description, QWidget* parent)
    : QPushButton(title, parent), description_(std::move(description)) {
    setIconSize({22, 22});
    setAttribute(Qt::WA_Hover);
    setAccessibleDescription(description_);
    QSizePolicy policy(QSizePolicy::Preferred, QSizePolicy::Minimum, QSizePolicy::PushButton);
    policy.setHeightForWidth(true);
    setSizePolicy(policy);
}

void ChoiceButton::setDescription(const QString& text) {
    description_ = text;
    setAccessibleDescription(text);
    updateGeometry();
    update();
}

QFont ChoiceButton::titleFont() const {
    QFont larger = font();
    if (larger.pointSizeF() > 0)
        larger.setPointSizeF(larger.pointSizeF() * 1.2);
    else
        larger.setPixelSize(larger.pixelSize() * 6 / 5);
    larger.setBold(true);
    return larger;
}

ChoiceButton::Texts ChoiceButton::place(int width) const {
    const int left = margin + iconSize().width() + iconGap;
    const QRect room(left, margin, std::max(1, width - left - margin), QWIDGETSIZE_MAX / 2);
    const QRect title = QFontMetrics(titleFont()).boundingRect(room, titleFlags, text());
    const QRect below = room.translated(0, title.height() + gap);
    const QRect words = fontMetrics().boundingRect(below, textFlags, description_);
    return {QRect(room.left(), room.top(), room.width(), title.height()),
            QRect(room.left(), below.top(), room.width(), words.height())};
}

int ChoiceButton::heightForWidth(int width) const {
    return std::max(place(width).description.bottom() + 1, margin + iconSize().height()) + margin;
}

QSize ChoiceButton::sizeHint() const {
    const int width =
        std::max(minimumSizeHint().width(), fontMetrics().averageCharWidth() * preferredCharacters);
    return {width, heightForWidth(width)};
}

QSize ChoiceButton::minimumSizeHint() const {
    const int word =
        std::max(longestWord(QFontMetrics(titleFont()), text()), longestWord(fontMetrics(), description_));
    return {word + 2 * margin + iconSize().width() + iconGap, 2 * margin + iconSize().height()};
}

void ChoiceButton::paintEvent(QPaintEvent*) {
    QStylePainter painter(this);
    QStyleOptionButton option;
    initStyleOption(&option);
    option.text.clear();
    option.icon = {};
    painter.drawControl(QStyle::CE_PushButton, option);
    const auto mode = isEnabled() ? QIcon::Normal : QIcon::Disabled;
    const Texts texts = place(width());
    const int line = QFontMetrics(titleFont()).height();
    icon().paint(&painter,
                 QRect(margin, margin + std::max(0, (line - iconSize().height()) / 2), iconSize().width(),
                       iconSize().height()),
                 Qt::AlignCenter, mode);
    painter.setFont(titleFont());
    const bool underline = style()->styleHint(QStyle::SH_UnderlineShortcut, &option, this) != 0;
    painter.drawItemText(texts.title, titleFlags | (underline ? 0 : Qt::TextHideMnemonic), palette(),
                         isEnabled(), text(), QPalette::ButtonText);
    painter.setFont(font());
    painter.drawItemText(texts.description, textFlags, palette(), isEnabled(), description_,
                         QPalette::ButtonText);
}

void ChoiceButton::changeEvent(QEvent* event) {
    QPushButton::changeEvent(event);
    if (event->type() == QEvent::FontChange) updateGeometry();
}

} // namespace qroar
