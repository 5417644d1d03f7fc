#include "widgets/common/elided.h"

#include <QAbstractItemView>
#include <QEvent>
#include <QHash>
#include <QRegularExpression>
#include <QStyle>
#include <QStyleOptionComboBox>
#include <QStylePainter>

#include <algorithm>
#include <numeric>
#include <utility>

namespace qroar {

namespace {
constexpr int prefixRole = Qt::UserRole + 101;
constexpr int leastLabel = 24;
/// Of `clashing` (indices into names) what they differ in, with as much of what is in front of it as helps.
void startWhereTheyDiffer(const QStringList& names, const QList<qsizetype>& clashing,
                          const QFontMetrics& metrics, int room, QStringList& shown) {
    const QString& first = names[clashing.first()];
    qsizetype shared = first.size();
    for (const qsizetype each : clashing) {
        const QString& name = names[each];
        qsizetype alike = 0;
        while (alike < std::min(shared, name.size()) && name[alike] == first[alike]) ++alike;
        shared = alike;
    }
    const qsizetype characters = room / std::max(1, metrics.averageCharWidth());
    qsizetype from = std::max<qsizetype>(0, shared - characters / 4);
    const auto fits = [&](qsizetype start) {
        return std::all_of(clashing.begin(), clashing.end(), [&](qsizetype each) {
            return metrics.horizontalAdvance(QChar(0x2026) + names[each].mid(start)) <= room;
        });
    };
    while (from > 1 && fits(from - 1)) --from; // what differs is short: more of what is in front of it
    if (from == 0) return;
    for (const qsizetype each : clashing)
        shown[each] = metrics.elidedText(QChar(0x2026) + names[each].mid(from), Qt::ElideRight, room);
}

/// Those of `shown` that stand for different names.
QList<QList<qsizetype>> clashes(const QStringList& names, const QStringList& shown) {
    QHash<QString, QList<qsizetype>> same;
    for (qsizetype index = 0; index < shown.size(); ++index) same[shown[index]] << index;
    QList<QList<qsizetype>> found;
    for (const QList<qsizetype>& group : std::as_const(same))
        if (std::any_of(group.begin(), group.end(),
                        [&](qsizetype index) { return names[index] != names[group.first()]; }))
            found << group;
    return found;
}

} // namespace

QStringList elidedApart(const QStringList& names, const QFontMetrics& metrics, int room) {
    QStringList shown;
    for (const QString& name : names) shown << metrics.elidedText(name, Qt::ElideMiddle, room);
    for (const QList<qsizetype>& group : clashes(names, shown))
        startWhereTheyDiffer(names, group, metrics, room, shown);
    for (const QList<qsizetype>& group : clashes(names, shown))
        for (const qsizetype index : group)
            shown[index] = metrics.elidedText(QStringLiteral("%1: %2").arg(index).arg(names[index]),
                                              Qt::ElideRight, room);
    return shown;
}

ElidedLabel::ElidedLabel(int widest, QWidget* parent) : QLabel(parent), widest_(widest) {
    setTextFormat(Qt::PlainText);
    setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Preferred);
}

void ElidedLabel::setFullText(const QString& text) {
    setParts({{{}, text}}, {});
}

void ElidedLabel::setParts(const QList<Part>& parts, const QString& joint) {
    parts_ = parts;
    joint_ = joint;
    QStringList texts;
    for (const Part& part : parts) texts << part.whole();
    full_ = texts.join(joint);
    setAccessibleName(full_);
    setMaximumWidth(fontMetrics().horizontalAdvance(full_) + 2);
    updateGeometry();
    elide();
}

/// What a short name does not need is for the others.
QStringList ElidedLabel::namesIn(int room, const QStringList& names) const {
    const QFontMetrics metrics = fontMetrics();
    QList<qsizetype> wide(names.size());
    std::iota(wide.begin(), wide.end(), 0);
    int left = room;
    const auto share = [&] { return wide.isEmpty() ? 0 : std::max(0, left) / static_cast<int>(wide.size()); };
    for (bool moved = true; moved;) {
        moved = false;
        for (const qsizetype at : QList<qsizetype>(wide)) {
            const int width = metrics.horizontalAdvance(names[at]);
            if (width > share()) continue;
            left -= width;
            wide.removeOne(at);
            moved = true;
        }
    }
    QStringList cut, result = names;
    for (const qsizetype at : wide) cut << names[at];
    cut = elidedApart(cut, metrics, share());
    for (qsizetype index = 0; index < wide.size(); ++index) result[wide[index]] = cut[index];
    return result;
}

QString ElidedLabel::elidedTo(int room) const {
    const QFontMetrics metrics = fontMetrics();
    if (metrics.horizontalAdvance(full_) <= room) return full_;
    QStringList prefixes, names, suffixes;
    for (const Part& part : parts_) {
        prefixes << part.prefix;
        names << part.name;
        suffixes << part.suffix;
    }
    const auto widthOf = [&](const QStringList& texts) {
        return metrics.horizontalAdvance(texts.join(QString()));
    };
    room -= widthOf(prefixes) + metrics.horizontalAdvance(joint_) * static_cast<int>(parts_.size() - 1);
    const int leastName = 8 * metrics.averageCharWidth() * static_cast<int>(parts_.size());
    const bool keepsSuffixes = room - widthOf(suffixes) >= leastName;
    if (keepsSuffixes) room -= widthOf(suffixes);
    for (qsizetype at = 0; at < names.size() && !keepsSuffixes; ++at)
        names[at] += std::exchange(suffixes[at], {});
    names = namesIn(room, names);
    for (qsizetype at = 0; at < names.size(); ++at) names[at] = prefixes[at] + names[at] + suffixes[at];
    return names.join(joint_);
}

void ElidedLabel::elide() {
    const QString shown = elidedTo(std::max(0, contentsRect().width()));
    setText(shown);
    QStringList whole; // each name in a line of its own
    for (const Part& part : parts_) whole << part.whole();
    setToolTip(shown == full_ ? QString()
                              : whole.join(u'\n' + QStringView(joint_).trimmed().toString() + u' '));
}

QSize ElidedLabel::sizeHint() const {
    const int wanted = fontMetrics().horizontalAdvance(full_) + 2;
    return {std::min(wanted, widest_), QLabel::sizeHint().height()};
}

QSize ElidedLabel::minimumSizeHint() const {
    return {std::min(leastLabel, sizeHint().width()), QLabel::minimumSizeHint().height()};
}

void ElidedLabel::resizeEvent(QResizeEvent* event) {
    QLabel::resizeEvent(event);
    elide();
}

ElidedComboBox::ElidedComboBox(int least, int most, QWidget* parent)
    : QComboBox(parent), least_(least), most_(most) {
    setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
    setMaxVisibleItems(24);
}

void ElidedComboBox::setPrefix(int index, const QString& prefix) {
    setItemData(index, prefix, prefixRole);
}

QString ElidedComboBox::shownText() const {
    return currentData(prefixRole).toString() + currentText();
}

void ElidedComboBox::setPurpose(const QString& text) {
    purpose_ = text;
}

QSize ElidedComboBox::sizeOf(int characters) const {
    QStyleOptionComboBox option;
    initStyleOption(&option);
    const QSize content(fontMetrics().averageCharWidth() * characters + 4,
                        std::max(fontMetrics().height(), 14) + 2);
    return style()->sizeFromContents(QStyle::CT_ComboBox, &option, content, this);
}

QSize ElidedComboBox::sizeHint() const {
    return sizeOf(most_);
}

QSize ElidedComboBox::minimumSizeHint() const {
    return sizeOf(least_);
}

void ElidedComboBox::showPopup() {
    view()->setMinimumWidth(std::max(width(), view()->sizeHintForColumn(0) + 28));
    QComboBox::showPopup();
}

bool ElidedComboBox::event(QEvent* event) {
    if (event->type() == QEvent::ToolTip)
        setToolTip(
            QStringList{purpose_, shownText()}.filter(QRegularExpression(QStringLiteral("."))).join('\n'));
    return QComboBox::event(event);
}

void ElidedComboBox::paintEvent(QPaintEvent*) {
    QStylePainter painter(this);
    painter.setPen(palette().color(QPalette::Text));
    QStyleOptionComboBox option;
    initStyleOption(&option);
    const QRect room =
        style()->subControlRect(QStyle::CC_ComboBox, &option, QStyle::SC_ComboBoxEditField, this);
    option.currentText = fontMetrics().elidedText(shownText(), Qt::ElideMiddle, room.width() - 4);
    painter.drawComplexControl(QStyle::CC_ComboBox, option);
    painter.drawControl(QStyle::CE_ComboBoxLabel, option);
}

} // namespace qroar
