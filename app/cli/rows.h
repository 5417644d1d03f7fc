// Rows of evaluation results that analyze, evaluate and search share, as JSON (product.md) and as tables.
#pragma once

#include "app/cli/console.h"
#include "core/controls/verdict.h"
#include "core/evaluate/divergence.h"

namespace qroar::cli {

Json evaluationRow(const ConditionResult& condition, Convention convention);
Json interactionRow(const Interaction& interaction);
/// NLL table, divergence from the reference and the four-way split of all conditions on stdout.
void printEvaluation(const std::vector<std::shared_ptr<const ConditionResult>>& conditions,
                     Convention convention);

/// One row of the controls; absent differences are null.
Json contrastRow(const Judgement& judgement);
/// {"long", "short", "short_plain", "cause_long", "cause_short", "words"}; null: not measured.
Json verdictRow(const Verdict& verdict);
/// The table of the contrasts on stdout.
void printControls(const std::vector<ControlContrast>& contrasts);

/// One verdict for every RoPE spec and weight variant that can be meant for deployment: interpolating specs
/// when there are any, quantized weights when there are any.
struct DeployedVerdict {
    std::string rope, quant;
    Verdict verdict;
};
std::vector<DeployedVerdict> verdictsOf(const std::vector<ControlContrast>& contrasts);

} // namespace qroar::cli
