// Before and after a search for gains: which two conditions of a session differ in nothing but the gains, and
// the box with which a view chooses between them. The choice is part of the selection, so all views show the
// same. Not here: what a view makes of it.
#pragma once

#include "core/session/session.h"
#include "widgets/common/compact_combo_box.h"
#include "widgets/common/selection_model.h"

namespace qroar {

/// Indices into Session::conditions of equal RoPE spec, context and quantizer; -1: there is none.
struct ScaleTwins {
    int before = -1; ///< without gains
    int after = -1;  ///< with gains
    [[nodiscard]] bool complete() const { return before >= 0 && after >= 0; }
    bool operator==(const ScaleTwins&) const = default;
};
/// The twins of a condition, itself among them. Of several that have gains: the one that is chosen, else the
/// one with gains of that name, else the last one.
ScaleTwins scaleTwins(const Session& session, int condition, const std::string& preferredScales);
[[nodiscard]] bool hasScaledConditions(const Session& session);
/// Why a condition cannot be compared, and what to do about it; empty when it can.
QString whyNoTwins(const Session& session, int condition);

enum class BeforeAfter { Before, After, Difference };
/// What is on screen: Difference when asked for and possible.
BeforeAfter shownOf(const Selection& selection, const ScaleTwins& twins, int condition);
/// Selects one of complete twins, or their difference, for all views.
void choose(SelectionModel& selection, const Session& session, const ScaleTwins& twins, BeforeAfter which);

/// Before, after, or both at once. Hidden while no condition of the session has gains; disabled, with the
/// reason as its tooltip, while the selected one has no twin.
class BeforeAfterBox : public CompactComboBox {
    Q_OBJECT
  public:
    /// What a view does with both: the difference of the numbers, or one curve over the other.
    enum class Both { Subtracts, Overlays };
    BeforeAfterBox(Both both, SelectionModel* selection, QWidget* parent = nullptr);
    /// `condition`: the one that views show, chosen or by default.
    void follow(const std::shared_ptr<const Session>& session, int condition);
    [[nodiscard]] const ScaleTwins& twins() const { return twins_; }
    [[nodiscard]] BeforeAfter shown() const { return shown_; }

  private:
    SelectionModel* selection_;
    std::shared_ptr<const Session> session_;
    ScaleTwins twins_;
    BeforeAfter shown_ = BeforeAfter::Before;
};

} // namespace qroar
