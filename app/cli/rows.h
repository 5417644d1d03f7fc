// Rows of NLL results that analyze and evaluate share, as JSON (product.md) and as a table.
#pragma once

#include "app/cli/console.h"
#include "core/evaluate/perplexity.h"

namespace qroar::cli {

Json evaluationRow(const ConditionResult& condition, Convention convention);
Json interactionRow(const Interaction& interaction);
/// NLL table and the four-way split of all conditions on stdout.
void printEvaluation(const std::vector<std::shared_ptr<const ConditionResult>>& conditions,
                     Convention convention);

} // namespace qroar::cli
