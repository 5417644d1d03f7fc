#include "widgets/common/compact_combo_box.h"

#include <QAbstractItemView>
#include <QStyle>
#include <QStyleOptionComboBox>
#include <QStylePainter>

#include <algorithm>

namespace qroar {

namespace {
constexpr int shortTextRole = Qt::UserRole + 100;
}

CompactComboBox::CompactComboBox(QWidget* parent) : QComboBox(parent) {
    setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
}

void CompactComboBox::addEntry(const QString& text, const QString& shortText, const QVariant& value) {
    addItem(text, value);
    setItemData(count() - 1, shortText, shortTextRole);
    updateGeometry();
}

QString CompactComboBox::shownText() const {
    return currentData(shortTextRole).toString();
}

QSize CompactComboBox::sizeHint() const {
    int widest = 0;
    for (int index = 0; index < count(); ++index)
        widest = std::max(widest, fontMetrics().horizontalAdvance(itemData(index, shortTextRole).toString()));
    QStyleOptionComboBox option;
    initStyleOption(&option);
    const QSize content(widest + 4, std::max(fontMetrics().height(), 14) + 2);
    return style()->sizeFromContents(QStyle::CT_ComboBox, &option, content, this);
}

void CompactComboBox::showPopup() {
    view()->setMinimumWidth(view()->sizeHintForColumn(0) + 12);
    QComboBox::showPopup();
}

void CompactComboBox::paintEvent(QPaintEvent*) {
    QStylePainter painter(this);
    painter.setPen(palette().color(QPalette::Text));
    QStyleOptionComboBox option;
    initStyleOption(&option);
    const QRect room =
        style()->subControlRect(QStyle::CC_ComboBox, &option, QStyle::SC_ComboBoxEditField, this);
    option.currentText = shownText();
    if (width() < sizeHint().width())
        option.currentText = fontMetrics().elidedText(shownText(), Qt::ElideRight, room.width() - 4);
    painter.drawComplexControl(QStyle::CC_ComboBox, option);
    painter.drawControl(QStyle::CE_ComboBoxLabel, option);
}

} // namespace qroar
