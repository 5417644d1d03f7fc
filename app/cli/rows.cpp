#include "app/cli/rows.h"

#include <algorithm>
#include <iostream>

namespace qroar::cli {

namespace {

NllSummary summarize(const ConditionResult& condition, Convention convention) {
    return summarizeNll(condition.windows, condition.key.context,
                        static_cast<int>(condition.table.trainedContext), convention);
}

DivergenceSummary summarizeKl(const ConditionResult& condition, Convention convention) {
    return summarizeDivergence(condition.divergence, condition.key.context,
                               static_cast<int>(condition.table.trainedContext), convention);
}

/// Positions of the predicted tokens that the KL is of: those of the convention for which the reference has a
/// prediction; from <= position < to.
struct KlPositions {
    int from = 0, to = 0;
};
KlPositions klPositions(const ConditionResult& condition, Convention convention) {
    KlPositions positions;
    for (const WindowDivergence& window : condition.divergence) {
        const TokenRange range = countedTokens(window.kl.size(), condition.key.context, convention);
        for (std::size_t at = range.first; at < range.end; ++at) {
            if (std::isnan(window.kl[at])) continue;
            const int position = static_cast<int>(at) + 1; // kl[t] is about the token at t + 1
            positions.from = positions.to == 0 ? position : std::min(positions.from, position);
            positions.to = std::max(positions.to, position + 1);
        }
    }
    return positions;
}

const char* conventionWords(Convention convention) {
    return convention == Convention::All
               ? "all: every predicted token of a window"
               : "last-half: tokens predicted from positions context/2 .. context-2, as llama-perplexity";
}

Json interval(const std::optional<double>& low, const std::optional<double>& high) {
    if (!low || !high) return nullptr;
    return {*low, *high};
}
std::string intervalText(const std::optional<double>& low, const std::optional<double>& high, int digits) {
    return low && high ? "[" + fixed(*low, digits) + ", " + fixed(*high, digits) + "]" : "-";
}

Json scalesName(const ConditionKey& key) {
    return key.scales.empty() ? Json(nullptr) : Json(key.scales);
}

/// Buckets of NLL, each with the KL of the same positions when there is one.
Json bucketRows(const NllSummary& summary, const DivergenceSummary& divergence) {
    Json rows = Json::array();
    for (const NllBucket& bucket : summary.buckets) {
        Json row{
            {"from", bucket.from}, {"to", bucket.to}, {"tokens", bucket.tokens}, {"nll", number(bucket.nll)}};
        for (const DivergenceBucket& other : divergence.buckets)
            if (other.from == bucket.from) {
                row["kl"] = number(other.kl);
                row["same_top1"] = number(other.sameTop);
            }
        rows.push_back(std::move(row));
    }
    return rows;
}

Json differenceRow(const PairedDifference& difference) {
    if (difference.tokens == 0) return nullptr;
    return {{"mean", number(difference.mean)},
            {"ci95", interval(difference.ciLow, difference.ciHigh)},
            {"tokens", difference.tokens},
            {"documents", difference.documents},
            {"blocks", difference.blocks}};
}

std::string differenceText(const PairedDifference& difference) {
    if (difference.tokens == 0) return "-";
    return fixed(difference.mean, 4) + " " + intervalText(difference.ciLow, difference.ciHigh, 4);
}

} // namespace

Json evaluationRow(const ConditionResult& condition, Convention convention) {
    const NllSummary summary = summarize(condition, convention);
    const DivergenceSummary divergence = summarizeKl(condition, convention);
    const bool compared = divergence.tokens > 0;
    Json row{{"rope", condition.key.rope.text()},
             {"quant", condition.key.quant.text()},
             {"scales", scalesName(condition.key)},
             {"context", condition.key.context},
             {"convention", conventionName(convention)},
             {"documents", summary.documents},
             {"windows", summary.windows},
             {"tokens", summary.tokens},
             {"nll", number(summary.nll)},
             {"nll_ci95", interval(summary.ciLow, summary.ciHigh)},
             {"ppl", number(summary.perplexity)},
             {"buckets", bucketRows(summary, divergence)},
             {"kl", nullptr},
             {"same_top1", compared ? number(divergence.sameTop) : Json(nullptr)}};
    if (!compared) return row;
    const KlPositions positions = klPositions(condition, convention);
    row["kl"] = {{"mean", number(divergence.mean)},
                 {"median", number(divergence.median)},
                 {"p90", number(divergence.p90)},
                 {"p99", number(divergence.p99)},
                 {"max", number(divergence.max)},
                 {"ci95", interval(divergence.ciLow, divergence.ciHigh)},
                 {"tokens", divergence.tokens},
                 {"direction", "KL(reference || variant)"},
                 {"convention", conventionName(convention)},
                 {"from", positions.from},
                 {"to", positions.to}};
    row["rms_delta_p"] = number(divergence.rmsDeltaP);
    row["mean_delta_p"] = number(divergence.meanDeltaP);
    row["reference"] = condition.reference;
    return row;
}

Json interactionRow(const Interaction& row) {
    return {
        {"rope", row.rope},
        {"quant", row.quant},
        {"context", row.context},
        {"value", number(row.value)},
        {"nll",
         {{"fp", number(row.fp)}, {"pi", number(row.pi)}, {"q", number(row.q)}, {"q_pi", number(row.qpi)}}}};
}

Json contrastRow(const Judgement& judgement) {
    const ControlContrast& c = judgement.contrast;
    return {{"rope", c.rope},
            {"quant", c.quant},
            {"scales", c.scales},
            {"context", c.context},
            {"trained_context", c.trainedContext},
            {"q_g_minus_q", differenceRow(c.quantized)},
            {"fp_g_minus_fp", differenceRow(c.full)},
            {"q_g_minus_fp", differenceRow(c.gap)},
            {"only_q", differenceRow(c.only)},
            {"effect", effectName(judgement.effect)},
            {"cause", causeName(judgement.cause)},
            {"words", judgement.words}};
}

Json verdictRow(const Verdict& verdict) {
    const auto effect = [](const std::optional<Judgement>& one) {
        return one ? Json(effectName(one->effect)) : Json(nullptr);
    };
    const auto cause = [](const std::optional<Judgement>& one) {
        return one ? Json(causeName(one->cause)) : Json(nullptr);
    };
    return {{"long", effect(verdict.longContext)},        {"short", effect(verdict.shortContext)},
            {"short_plain", effect(verdict.shortPlain)},  {"cause_long", cause(verdict.longContext)},
            {"cause_short", cause(verdict.shortContext)}, {"words", verdict.words}};
}

namespace {

using Conditions = std::vector<std::shared_ptr<const ConditionResult>>;

void printNll(const Conditions& conditions, Convention convention) {
    Table table(
        {"rope", "weights", "context", "windows", "tokens", "NLL (nats)", "95 % interval", "perplexity"});
    for (const auto& condition : conditions) {
        const NllSummary s = summarize(*condition, convention);
        table.add({condition->key.rope.text(), condition->key.weights(),
                   std::to_string(condition->key.context), std::to_string(s.windows),
                   std::to_string(s.tokens), fixed(s.nll, 4), intervalText(s.ciLow, s.ciHigh, 4),
                   fixed(s.perplexity, 3)});
    }
    std::cout << "Perplexity, convention " << conventionWords(convention)
              << "; intervals by block bootstrap\n\n";
    table.print();
}

void printDivergence(const Conditions& conditions, Convention convention) {
    Table table({"rope", "weights", "context", "reference", "positions", "mean KLD", "95 % interval",
                 "median", "90 %", "99 %", "maximum", "same top p %", "RMS dp %"});
    bool any = false;
    std::vector<std::string> references;
    for (const auto& condition : conditions) {
        const DivergenceSummary d = summarizeKl(*condition, convention);
        if (d.tokens == 0) continue;
        any = true;
        if (std::find(references.begin(), references.end(), condition->reference) == references.end())
            references.push_back(condition->reference);
        const KlPositions positions = klPositions(*condition, convention);
        table.add({condition->key.rope.text(), condition->key.weights(),
                   std::to_string(condition->key.context), condition->reference,
                   std::to_string(positions.from) + "-" + std::to_string(positions.to - 1), fixed(d.mean, 5),
                   intervalText(d.ciLow, d.ciHigh, 5), fixed(d.median, 5), fixed(d.p90, 5), fixed(d.p99, 4),
                   fixed(d.max, 3), fixed(100 * d.sameTop, 2), fixed(100 * d.rmsDeltaP, 3)});
    }
    if (!any) return;
    std::string names;
    for (const std::string& name : references) names += (names.empty() ? "" : ", ") + name;
    std::cout << "\nDivergence from the reference: KLD = KL(reference || variant) in nats, reference "
              << names << "\nconvention " << conventionWords(convention)
              << "; positions are those of the predicted tokens\n\n";
    table.print();
}

void printInteractions(const Conditions& conditions, Convention convention) {
    const auto split = interactions(conditions, convention);
    if (split.empty()) return;
    Table four({"rope (PI)", "quant (Q)", "context", "FP", "FP+PI", "Q", "Q+PI", "interaction"});
    for (const Interaction& row : split)
        four.add({row.rope, row.quant, std::to_string(row.context), fixed(row.fp, 4), fixed(row.pi, 4),
                  fixed(row.q, 4), fixed(row.qpi, 4), fixed(row.value, 4)});
    std::cout << "\nFour-way split, mean NLL in nats; interaction > 0: interpolation and quantization hurt "
                 "each other\n\n";
    four.print();
}

} // namespace

void printEvaluation(const Conditions& conditions, Convention convention) {
    printNll(conditions, convention);
    printDivergence(conditions, convention);
    printInteractions(conditions, convention);
}

void printControls(const std::vector<ControlContrast>& contrasts) {
    if (contrasts.empty()) return;
    Table table(
        {"rope", "quant", "context", "(Q+g) - Q", "(FP+g) - FP", "(Q+g) - FP", "only Q", "effect", "cause"});
    for (const ControlContrast& c : contrasts) {
        const Judgement judgement = judgeContrast(c);
        table.add({c.rope, c.quant, std::to_string(c.context), differenceText(c.quantized),
                   differenceText(c.full), differenceText(c.gap), differenceText(c.only),
                   effectPhrase(judgement),
                   c.hasFull() && judgement.effect != Effect::None ? causeName(judgement.cause) : "-"});
    }
    std::cout << "\nControls: differences of NLL in nats with 95 % intervals, negative is better; g = scales "
              << contrasts.front().scales << "\n\n";
    table.print();
}

std::vector<DeployedVerdict> verdictsOf(const std::vector<ControlContrast>& contrasts) {
    const bool anyInterpolated = std::any_of(contrasts.begin(), contrasts.end(),
                                             [](const ControlContrast& c) { return c.interpolated; });
    const bool anyQuantized = std::any_of(contrasts.begin(), contrasts.end(),
                                          [](const ControlContrast& c) { return c.quant != "none"; });
    std::vector<DeployedVerdict> verdicts;
    for (const ControlContrast& c : contrasts) {
        if (c.interpolated != anyInterpolated || (c.quant != "none") != anyQuantized) continue;
        const auto same = [&c](const DeployedVerdict& one) {
            return one.rope == c.rope && one.quant == c.quant;
        };
        if (std::any_of(verdicts.begin(), verdicts.end(), same)) continue;
        verdicts.push_back({c.rope, c.quant, judge(contrasts, c.rope, c.quant)});
    }
    return verdicts;
}

} // namespace qroar::cli
