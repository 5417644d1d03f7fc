#include "widgets/common/before_after.h"

#include "widgets/common/names.h"

#include <QCoreApplication>

#include <algorithm>

namespace qroar {

namespace {

class BeforeAfter {
    Q_DECLARE_TR_FUNCTIONS(BeforeAfter)
};

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
        return BeforeAfter::tr("No condition of this session has gains. Accept a search, then choose Run "
                               "with the newest gains.");
    const ScaleTwins twins = scaleTwins(session, condition, {});
    if (twins.complete()) return {};
    const auto count = static_cast<int>(session.conditions.size());
    if (condition < 0 || condition >= count) return BeforeAfter::tr("No condition is selected.");
    const QString name = conditionName(session.conditions[static_cast<std::size_t>(condition)]->key);
    if (twins.before < 0)
        return BeforeAfter::tr("%1 was not run without the gains: run the same RoPE spec, context and "
                               "weights without them to compare.")
            .arg(name);
    return BeforeAfter::tr("%1 was not run with gains: choose Run with the newest gains to compare.")
        .arg(name);
}

} // namespace qroar
