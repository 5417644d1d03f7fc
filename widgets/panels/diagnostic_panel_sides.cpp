// What a panel shows: condition A, condition B, or their difference.
#include "widgets/common/default_condition.h"
#include "widgets/common/names.h"
#include "widgets/panels/diagnostic_panel.h"

#include <algorithm>

namespace qroar {

std::shared_ptr<const ConditionResult> DiagnosticPanel::condition() const {
    const int index = conditionIndex();
    return index < 0 ? nullptr : session_->conditions[index];
}

int DiagnosticPanel::conditionIndex() const {
    if (!session_ || session_->conditions.empty()) return -1;
    const int chosen = selection().condition;
    if (chosen >= 0 && chosen < static_cast<int>(session_->conditions.size())) return chosen;
    return mostTellingCondition(*session_);
}

void DiagnosticPanel::setOther(std::shared_ptr<const Session> other, const QString& name,
                               const QString& provenance, const QString& ownName) {
    otherProvenance_ = provenance;
    if (other == other_ && name == otherName_ && ownName == ownName_) return;
    ownName_ = ownName;
    other_ = std::move(other);
    otherName_ = name;
    otherBands_ = other_ ? other_->bands : BandPartition();
    if (other_ && (otherBands_.count() < 1 || otherBands_.pairs() != other_->model.pairs()))
        otherBands_ = BandPartition::equal(std::min(8, other_->model.pairs()), other_->model.pairs());
    invalidate(SessionChanged | SelectionChanged | BandsChanged);
}

QStringList DiagnosticPanel::provenance() const {
    QStringList lines;
    const bool both = hasOtherSession() && selection().compare != CompareMode::A && sideB().condition;
    const auto named = [](const QString& side, const QString& name, const QString& text) {
        return name.isEmpty() ? tr("%1: %2").arg(side, text) : tr("%1, %2: %3").arg(side, name, text);
    };
    if (!provenance_.isEmpty())
        lines << (both ? named(QStringLiteral("A"), ownName_, provenance_) : provenance_);
    if (both && !otherProvenance_.isEmpty())
        lines << named(QStringLiteral("B"), otherName_, otherProvenance_);
    return lines;
}

const BandPartition& DiagnosticPanel::shownBands() const {
    const bool ofB = selection().compare == CompareMode::B && other_ && selection().conditionB >= 0
                     && selection().conditionB < static_cast<int>(other_->conditions.size());
    return ofB && otherBands_.pairs() != bands_.pairs() ? otherBands_ : bands_;
}

const BandStyles& DiagnosticPanel::shownBandStyles() const {
    return showsOtherBands() ? other_->bandStyles : bandStyles_;
}

DiagnosticPanel::Side DiagnosticPanel::sideA() const {
    Side side{session_, condition(), conditionIndex(), {}};
    if (side.condition) side.name = conditionName(side.condition->key);
    if (const QString own = ownText(); side.condition && !own.isEmpty()) side.name += tr(" (%1)").arg(own);
    return side;
}

DiagnosticPanel::Side DiagnosticPanel::sideB() const {
    Side side{other_ ? other_ : session_, nullptr, selection().conditionB, {}};
    if (!side.session || side.index < 0 || side.index >= static_cast<int>(side.session->conditions.size()))
        return {};
    side.condition = side.session->conditions[static_cast<std::size_t>(side.index)];
    side.name = conditionName(side.condition->key);
    if (hasOtherSession()) side.name += tr(" (%1)").arg(otherText());
    return side;
}

QString DiagnosticPanel::otherText() const {
    const QString model = other_ ? modelName(*other_) : QString();
    if (otherName_.isEmpty()) return model;
    return session_ && modelName(*session_) == model ? otherName_ : tr("%1, %2").arg(otherName_, model);
}

QString DiagnosticPanel::ownText() const {
    if (!hasOtherSession() || selection().compare != CompareMode::Difference) return {};
    const auto file = [](const QString& name) { return name.section(u'/', -1); };
    return file(ownName_) == file(otherName_) ? ownName_ : QString();
}

QString DiagnosticPanel::whyNotComparable() const {
    const Side a = sideA(), b = sideB();
    if (!a.condition || !b.condition) return tr("Choose the conditions A and B to compare.");
    const ModelConfig &modelA = a.session->model, &modelB = b.session->model;
    if (modelA.layers != modelB.layers || modelA.pairs() != modelB.pairs())
        return tr("A has %1 layers of %2 pairs, B %3 layers of %4 pairs: they cannot be subtracted.")
            .arg(modelA.layers)
            .arg(modelA.pairs())
            .arg(modelB.layers)
            .arg(modelB.pairs());
    return {};
}

bool DiagnosticPanel::subtracts() const {
    return selection().compare == CompareMode::Difference && whyNotComparable().isEmpty();
}

DiagnosticPanel::Side DiagnosticPanel::shown() const {
    if (selection().compare == CompareMode::B)
        if (Side b = sideB(); b.condition) return b;
    return sideA();
}

QString DiagnosticPanel::shownName() const {
    return subtracts() ? tr("%1 minus %2").arg(sideA().name, sideB().name) : shown().name;
}

int DiagnosticPanel::selectedLayer(int layers) const {
    return std::clamp(selection().layer, 0, std::max(0, layers - 1));
}

int DiagnosticPanel::selectedBand() const {
    return std::clamp(selection().band, 0, std::max(0, shownBands().count() - 1));
}

} // namespace qroar
