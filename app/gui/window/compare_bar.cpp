#include "app/gui/window/compare_bar.h"

#include "widgets/common/elided.h"
#include "widgets/common/names.h"
#include "widgets/common/toggle_button.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QSignalBlocker>
#include <QStandardItemModel>
#include <QToolButton>

namespace qroar {

namespace {

constexpr int leastCharacters = 12, mostCharacters = 34;
/// Data of an entry of B: the session's id, or one of these, and the index of the condition.
constexpr int entryRole = Qt::UserRole, conditionRole = Qt::UserRole + 1;
constexpr int noB = -2, twin = -3, heading = -4, awaited = -5;

QIcon exchangeIcon(const QPalette& palette) {
    QPixmap pixmap(36, 36);
    pixmap.setDevicePixelRatio(2);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(
        QPen(palette.color(QPalette::WindowText), 1.4, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    const auto arrow = [&painter](double y, double from, double to) {
        const double back = to > from ? -3 : 3;
        painter.drawLine(QPointF(from, y), QPointF(to, y));
        painter.drawPolyline(QPolygonF({{to + back, y - 3}, {to, y}, {to + back, y + 3}}));
    };
    arrow(6.5, 3.5, 14.5);
    arrow(11.5, 14.5, 3.5);
    return QIcon(pixmap);
}

} // namespace

CompareBar::CompareBar(Workspace& workspace, SelectionModel& selection, CompareController& compare,
                       QWidget* parent)
    : QWidget(parent), workspace_(workspace), selection_(selection), compare_(compare),
      a_(new ElidedComboBox(leastCharacters, mostCharacters, this)),
      b_(new ElidedComboBox(leastCharacters, mostCharacters, this)) {
    a_->setAccessibleName(tr("Condition A"));
    a_->setPurpose(tr("A: RoPE · context · weights (Ctrl+PgUp, Ctrl+PgDown)"));
    b_->setAccessibleName(tr("Condition B"));
    b_->setPurpose(tr("B: what A is compared with; a condition of any open session"));
    swap_ = new QToolButton(this);
    swap_->setObjectName(QStringLiteral("exchange"));
    swap_->setAccessibleName(tr("Exchange A and B"));
    swap_->setAutoRaise(true);
    swap_->setFocusPolicy(Qt::TabFocus);
    modes_[0] = modeButton(tr("A"), tr("Show A"));
    modes_[1] = modeButton(tr("B"), tr("Show B"));
    modes_[2] = modeButton(QStringLiteral("A \u2212 B"), tr("Show A minus B"));
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(6, 0, 6, 0);
    row->setSpacing(4);
    const auto label = [this, row](const QString& text, QWidget* buddy) {
        auto* one = new QLabel(text, this);
        one->setBuddy(buddy);
        row->addWidget(one);
        row->addWidget(buddy, 1);
    };
    label(tr("A"), a_);
    row->addWidget(swap_);
    label(tr("B"), b_);
    row->addSpacing(4);
    auto* group = new QHBoxLayout;
    group->setSpacing(0);
    for (int mode = 0; mode < 3; ++mode) {
        group->addWidget(modes_[mode]);
        connect(modes_[mode], &QToolButton::clicked, this, [this, mode] {
            compare_.show(static_cast<CompareMode>(mode));
            follow(); // a click on what is on does not switch it off
        });
    }
    row->addLayout(group);
    connect(swap_, &QToolButton::clicked, &compare_, &CompareController::swap);
    connect(a_, &QComboBox::activated, this, [this](int index) { selection_.setCondition(index); });
    connect(b_, &QComboBox::activated, this, &CompareBar::pickB);
    connect(&compare_, &CompareController::changed, this, &CompareBar::fill);
    connect(&workspace_, &Workspace::contentChanged, this, &CompareBar::fill);
    updateIcons(palette());
    fill();
}

QToolButton* CompareBar::modeButton(const QString& text, const QString& accessibleName) {
    auto* made = new ToggleButton(this);
    made->setText(text);
    made->setAccessibleName(accessibleName);
    made->setFocusPolicy(Qt::TabFocus);
    return made;
}

QToolButton* CompareBar::modeButton(CompareMode mode) const {
    return modes_[static_cast<int>(mode)];
}

void CompareBar::updateIcons(const QPalette& palette) {
    swap_->setIcon(exchangeIcon(palette));
}

void CompareBar::fill() {
    QStringList conditions;
    if (const auto session = workspace_.session())
        for (const auto& condition : session->conditions) conditions << conditionName(condition->key);
    if (conditions != shownA_) {
        const QSignalBlocker quiet(a_);
        shownA_ = conditions;
        a_->clear();
        a_->addItems(conditions);
    }
    fillB();
    follow();
}

void CompareBar::fillB() {
    struct Entry {
        QString text, prefix;
        int session = noB, condition = -1;
    };
    std::vector<Entry> entries{{tr("nothing to compare"), {}, noB, -1},
                               {tr("as A, without gains"), {}, twin, -1}};
    if (compare_.state().source == CompareController::Source::Awaited)
        entries.push_back({compare_.nameB(), {}, awaited, -1});
    const std::vector<SessionId> open = workspace_.sessions();
    for (const SessionId id : open) {
        const auto session = workspace_.session(id);
        const QString name = workspace_.name(id);
        if (open.size() > 1) entries.push_back({name, {}, heading, -1});
        const QString prefix = id == workspace_.current() ? QString() : tr("%1: ").arg(name);
        for (std::size_t index = 0; index < session->conditions.size(); ++index)
            entries.push_back(
                {conditionName(session->conditions[index]->key), prefix, id, static_cast<int>(index)});
    }
    QStringList texts;
    for (const Entry& entry : entries)
        texts << QStringLiteral("%1|%2|%3|%4")
                     .arg(entry.prefix, entry.text)
                     .arg(entry.session)
                     .arg(entry.condition);
    if (texts == shownB_) return;
    const QSignalBlocker quiet(b_);
    shownB_ = texts;
    b_->clear();
    for (const Entry& entry : entries) {
        b_->addItem(entry.text, entry.session);
        const int last = b_->count() - 1;
        b_->setItemData(last, entry.condition, conditionRole);
        b_->setPrefix(last, entry.prefix);
        if (entry.session != heading) continue;
        auto* item = qobject_cast<QStandardItemModel*>(b_->model())->item(last);
        item->setFlags(Qt::NoItemFlags);
        QFont bold = b_->font();
        bold.setBold(true);
        item->setFont(bold);
    }
}

void CompareBar::follow() {
    const bool open = workspace_.hasSession();
    a_->setEnabled(open && a_->count() > 0);
    b_->setEnabled(open && a_->count() > 0);
    a_->setCurrentIndex(compare_.conditionA());
    const CompareController::State& state = compare_.state();
    int shown = 0;
    for (int index = 0; index < b_->count(); ++index) {
        const int session = b_->itemData(index, entryRole).toInt();
        if ((state.source == CompareController::Source::Twin && session == twin)
            || (state.source == CompareController::Source::Awaited && session == awaited)
            || (state.source == CompareController::Source::Chosen && session == state.session
                && b_->itemData(index, conditionRole).toInt() == selection_.selection().conditionB))
            shown = index;
    }
    b_->setCurrentIndex(shown);
    const QString tips[] = {tr("Show A (Alt+A): %1"), tr("Show B (Alt+B): %1"),
                            tr("Show A minus B (Alt+D): %1")};
    const QString names[] = {compare_.nameA(), compare_.nameB(),
                             QStringLiteral("%1 \u2212 %2").arg(compare_.nameA(), compare_.nameB())};
    for (int index = 0; index < 3; ++index) {
        const auto mode = static_cast<CompareMode>(index);
        const QString reason = compare_.whyNot(mode);
        modes_[index]->setEnabled(reason.isEmpty());
        modes_[index]->setChecked(compare_.shown() == mode);
        modes_[index]->setToolTip(reason.isEmpty() ? tips[index].arg(names[index]) : reason);
    }
    const QString noSwap = compare_.whyNot(CompareMode::B);
    swap_->setEnabled(noSwap.isEmpty());
    swap_->setToolTip(noSwap.isEmpty() ? tr("Exchange A and B (Alt+X)") : noSwap);
}

void CompareBar::pickB(int entry) {
    const int session = b_->itemData(entry, entryRole).toInt();
    if (session == noB)
        compare_.clear();
    else if (session == twin)
        compare_.chooseTwin();
    else if (session != heading && session != awaited)
        compare_.choose(session, b_->itemData(entry, conditionRole).toInt());
    follow();
}

} // namespace qroar
