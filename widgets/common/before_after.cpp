#include "widgets/common/before_after.h"

#include "widgets/common/names.h"

#include <algorithm>

namespace qroar {

namespace {

bool sameButGains(const ConditionKey& a, const ConditionKey& b) {
    return a.rope == b.rope && a.context == b.context && a.quant == b.quant;
}

} // namespace

ScaleTwins scaleTwins(const Session& session, int condition, const std::string& preferredScales) {
    ScaleTwins twins;
    const int count = static_cast<int>(session.conditions.size());
    if (condition < 0 || condition >= count) return twins;
    const auto keyOf = [&session](int index) -> const ConditionKey& {
        return session.conditions[static_cast<std::size_t>(index)]->key;
    };
    const ConditionKey& chosen = keyOf(condition);
    if (!chosen.scales.empty()) twins.after = condition;
    for (int index = 0; index < count; ++index) {
        if (!sameButGains(keyOf(index), chosen)) continue;
        if (keyOf(index).scales.empty())
            twins.before = index;
        else if (chosen.scales.empty()
                 && (twins.after < 0 || preferredScales.empty()
                     || keyOf(twins.after).scales != preferredScales))
            twins.after = index;
    }
    return twins;
}

bool hasScaledConditions(const Session& session) {
    return std::any_of(session.conditions.begin(), session.conditions.end(),
                       [](const auto& condition) { return !condition->key.scales.empty(); });
}

QString whyNoTwins(const Session& session, int condition) {
    if (!hasScaledConditions(session))
        return BeforeAfterBox::tr("No condition of this session has gains. Accept a search, then choose Run "
                                  "with the newest gains.");
    const ScaleTwins twins = scaleTwins(session, condition, {});
    if (twins.complete()) return {};
    const auto count = static_cast<int>(session.conditions.size());
    if (condition < 0 || condition >= count) return BeforeAfterBox::tr("No condition is selected.");
    const QString name = conditionName(session.conditions[static_cast<std::size_t>(condition)]->key);
    if (twins.before < 0)
        return BeforeAfterBox::tr("%1 was not run without the gains: run the same RoPE spec, context and "
                                  "weights without them to compare.")
            .arg(name);
    return BeforeAfterBox::tr("%1 was not run with gains: choose Run with the newest gains to compare.")
        .arg(name);
}

BeforeAfter shownOf(const Selection& selection, const ScaleTwins& twins, int condition) {
    if (twins.complete() && selection.difference) return BeforeAfter::Difference;
    return condition == twins.after ? BeforeAfter::After : BeforeAfter::Before;
}

void choose(SelectionModel& selection, const Session& session, const ScaleTwins& twins, BeforeAfter which) {
    if (!twins.complete()) return;
    Selection next = selection.selection();
    next.difference = which == BeforeAfter::Difference;
    next.condition = which == BeforeAfter::Before ? twins.before : twins.after;
    next.scales = session.conditions[static_cast<std::size_t>(twins.after)]->key.scales;
    selection.setSelection(next);
}

BeforeAfterBox::BeforeAfterBox(Both both, SelectionModel* selection, QWidget* parent)
    : CompactComboBox(parent), selection_(selection) {
    setAccessibleName(tr("Before or after the gains"));
    const auto add = [this](const QString& text, const QString& shortText, BeforeAfter which) {
        addEntry(text, shortText, static_cast<int>(which));
    };
    add(tr("Before: without the gains"), tr("before"), BeforeAfter::Before);
    add(tr("After: with the gains"), tr("after"), BeforeAfter::After);
    if (both == Both::Subtracts)
        add(tr("Difference: after minus before"), tr("after − before"), BeforeAfter::Difference);
    else
        add(tr("Both: before dashed, after solid"), tr("before and after"), BeforeAfter::Difference);
    connect(this, &QComboBox::activated, this, [this](int index) {
        if (session_)
            choose(*selection_, *session_, twins_, static_cast<BeforeAfter>(itemData(index).toInt()));
    });
    hide();
}

void BeforeAfterBox::follow(const std::shared_ptr<const Session>& session, int condition) {
    session_ = session;
    twins_ = session ? scaleTwins(*session, condition, selection_->selection().scales) : ScaleTwins();
    shown_ = shownOf(selection_->selection(), twins_, condition);
    setCurrentIndex(static_cast<int>(shown_));
    setVisible(session && hasScaledConditions(*session));
    setEnabled(twins_.complete());
    if (!session || !twins_.complete()) {
        setToolTip(session ? whyNoTwins(*session, condition) : QString());
        return;
    }
    const auto after = session->conditions[static_cast<std::size_t>(twins_.after)];
    setToolTip(tr("%1, without and with the gains %2 (Alt+G: the next of the three)")
                   .arg(conditionName(session->conditions[static_cast<std::size_t>(twins_.before)]->key),
                        QString::fromStdString(after->key.scales)));
}

} // namespace qroar
