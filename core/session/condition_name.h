// Conditions by what people type for them: "yarn:4 . 1024 . none", or as titles spell it, "yarn:4 · 1,024 ·
// FP".
#pragma once

#include "core/base/outcome.h"
#include "core/session/session.h"

#include <string>
#include <vector>

namespace qroar {

/// Indices of the conditions that `text` names, in order: those it names whole, else those it names by whole
/// parts that follow each other ("1,024 . FP"), else those whose text contains it. A middle dot, or a full
/// stop between spaces, separates; FP are weights as stored ("none"); commas may group the digits of the
/// context; options of a spec may stand in any order.
std::vector<int> conditionsNamed(const Session& session, const std::string& text);
/// `text` is the condition's name or a part of it in one of these ways.
bool namesCondition(const ConditionKey& key, const std::string& text);
/// The index of the only one; else an error "expected ..., found ..." with the conditions there are.
Outcome<int> conditionNamed(const Session& session, const std::string& text);

} // namespace qroar
