#include "core/analysis/session_metrics.h"

#include "core/diagnostics/pressure.h"
#include "core/diagnostics/tails.h"
#include "core/evaluate/perplexity.h"
#include "qroar/version.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace qroar {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Columns of a tidy table, one entry a row.
template<class T>
MetricTable column(std::string name, std::vector<T> values, std::string units, std::string axes,
                   std::string description) {
    const std::size_t rows = values.size();
    return {std::move(name),  {rows},          std::move(values),
            std::move(units), std::move(axes), std::move(description)};
}

/// A grid per condition (and whatever else is fixed), one after the other: [outer..., layers, bands].
class GridStack {
  public:
    GridStack(const Session& session, std::vector<std::size_t> outer)
        : layers_(session.model.layers), bands_(session.bands.count()), dims_(std::move(outer)) {
        dims_.push_back(static_cast<std::size_t>(layers_));
        dims_.push_back(static_cast<std::size_t>(bands_));
    }
    /// A grid of another size (a condition without statistics) stands as NaN.
    void add(const BandGrid& grid) {
        const BandGrid none(layers_, bands_);
        const bool fits = grid.layers == layers_ && grid.bands == bands_;
        const std::vector<double>& values = fits ? grid.values : none.values;
        values_.insert(values_.end(), values.begin(), values.end());
    }
    MetricTable table(std::string name, std::string units, std::string axes, std::string description) {
        return {std::move(name),        dims_, std::move(values_), std::move(units), std::move(axes),
                std::move(description), true};
    }

  private:
    int layers_, bands_;
    std::vector<std::size_t> dims_;
    std::vector<double> values_;
};

MetricGroup conditionsGroup(const Session& session) {
    std::vector<std::string> names;
    std::vector<std::int64_t> contexts;
    for (const auto& condition : session.conditions) {
        names.push_back(condition->key.text());
        contexts.push_back(condition->key.context);
    }
    return {"conditions",
            "none: what the axis `condition` of the other groups stands for",
            {column("name", std::move(names), "text", "condition",
                    "RoPE spec, context length, weights; in the order of /conditions"),
             column("context", std::move(contexts), "tokens", "condition", "context length")}};
}

MetricGroup pressureGroup(const Session& session) {
    MetricGroup group{
        "interpolation_pressure",
        "ours, after the papers' wording: IP_i = |d phi_i / d ln s| at distance D = context, phi_i = "
        "omega'_i D; "
        "saturated min(IP, pi) / pi; weighted: mean of the saturated form with weights E|q_i| E|k_i|",
        {}};
    const struct {
        PressureForm form;
        const char *name, *units, *description;
    } forms[] = {
        {PressureForm::Raw, "raw", "radians", "plain mean over the pairs of the band"},
        {PressureForm::Saturated, "saturated", "1", "plain mean of the saturated form, 0 to 1"},
        {PressureForm::EnergyWeighted, "weighted", "1", "energy-weighted mean of the saturated form, 0 to 1"},
    };
    for (const auto& one : forms) {
        GridStack stack(session, {session.conditions.size()});
        for (const auto& condition : session.conditions)
            stack.add(pressureGrid(one.form, condition->table, condition->key.context, session.bands,
                                   condition->statistics));
        group.tables.push_back(stack.table(one.name, one.units, "condition, layer, band", one.description));
    }
    return group;
}

/// The condition that TIR of `at` divides by; -1: none, or nothing recorded.
int shortReferenceIndex(const Session& session, std::size_t at) {
    const auto& condition = session.conditions[at];
    const auto reference = session.shortReference(*condition);
    if (!reference || reference == condition || condition->statistics.cells() == 0
        || reference->statistics.cells() == 0)
        return -1;
    const auto found = std::find(session.conditions.begin(), session.conditions.end(), reference);
    return static_cast<int>(found - session.conditions.begin());
}

MetricGroup tailGroup(const Session& session) {
    const std::size_t conditions = session.conditions.size();
    std::vector<std::int64_t> references;
    std::vector<std::string> names;
    std::vector<double> factors;
    GridStack stack(session, {conditions, 2, 2, tailEpsilons.size()});
    for (std::size_t at = 0; at < conditions; ++at) {
        const ConditionResult& condition = *session.conditions[at];
        const int reference = shortReferenceIndex(session, at);
        const ConditionResult* shorter =
            reference < 0 ? nullptr : session.conditions[static_cast<std::size_t>(reference)].get();
        references.push_back(reference);
        names.push_back(shorter ? shorter->key.text() : "");
        factors.push_back(condition.table.attentionFactor);
        for (const QkTensor tensor : {QkTensor::Q, QkTensor::K})
            for (const RopeStage stage : {RopeStage::Pre, RopeStage::Post})
                for (const double epsilon : tailEpsilons)
                    stack.add(shorter ? tailInflation(condition, *shorter, session.bands,
                                                      {tensor, stage, epsilon, false})
                                      : BandGrid());
    }
    return {
        "tail_inflation",
        "ours, after the papers' wording: TIR = Q_{1-eps}(|x|, this condition, positions from L0 on when its "
        "context exceeds L0) / Q_{1-eps}(|x|, short reference); pooled over heads and both rows of a pair",
        {stack.table("value", "1", "condition, tensor (q, k), stage (pre, post RoPE), epsilon, layer, band",
                     "tail-inflation ratio as measured; after RoPE it carries the attention factor"),
         column("epsilon", std::vector<double>(tailEpsilons.begin(), tailEpsilons.end()), "1", "epsilon",
                "share of values in the tail"),
         column("short_reference", std::move(references), "index", "condition",
                "condition in the denominator; -1: none"),
         column("short_reference_name", std::move(names), "text", "condition", "its name"),
         column("attention_factor", std::move(factors), "1", "condition",
                "m: divide the values after RoPE by it to see them without")}};
}

std::vector<NllSummary> summaries(const Session& session) {
    std::vector<NllSummary> all;
    for (const auto& condition : session.conditions)
        all.push_back(summarizeNll(condition->windows, condition->key.context,
                                   static_cast<int>(condition->table.trainedContext), Convention::All));
    return all;
}

MetricGroup perplexityGroup(const std::vector<NllSummary>& all) {
    std::vector<double> nll, perplexity, interval;
    std::vector<std::int64_t> tokens, windows, documents;
    for (const NllSummary& summary : all) {
        nll.push_back(summary.nll);
        perplexity.push_back(summary.perplexity);
        interval.push_back(summary.ciLow.value_or(nan));
        interval.push_back(summary.ciHigh.value_or(nan));
        tokens.push_back(summary.tokens);
        windows.push_back(summary.windows);
        documents.push_back(summary.documents);
    }
    MetricGroup group{"perplexity",
                      "standard: mean NLL over all predicted tokens of the windows (convention all), "
                      "perplexity exp(mean)",
                      {}};
    group.tables = {
        column("nll", std::move(nll), "nats per token", "condition", "token-weighted mean"),
        column("perplexity", std::move(perplexity), "1", "condition", "exp(nll)"),
        {"nll_ci95",
         {all.size(), 2},
         std::move(interval),
         "nats per token",
         "condition, bound (low, high)",
         "95 % interval of nll by bootstrap over documents; with one document, over its windows"},
        column("tokens", std::move(tokens), "tokens", "condition", "predicted tokens"),
        column("windows", std::move(windows), "windows", "condition", "windows"),
        column("documents", std::move(documents), "documents", "condition", "documents with windows")};
    return group;
}

MetricGroup positionGroup(const std::vector<NllSummary>& all) {
    std::vector<std::int64_t> condition, from, to, tokens;
    std::vector<double> nll, perplexity;
    for (std::size_t at = 0; at < all.size(); ++at)
        for (const NllBucket& bucket : all[at].buckets) {
            condition.push_back(static_cast<std::int64_t>(at));
            from.push_back(bucket.from);
            to.push_back(bucket.to);
            tokens.push_back(bucket.tokens);
            nll.push_back(bucket.nll);
            perplexity.push_back(std::exp(bucket.nll));
        }
    const char* const row = "row (condition, position bucket)";
    return {"perplexity_by_position",
            "standard: as perplexity, over the predicted tokens at positions from <= p < to",
            {column("condition", std::move(condition), "index", row, "condition"),
             column("from", std::move(from), "token positions", row, "first position of the bucket"),
             column("to", std::move(to), "token positions", row, "one past its last position"),
             column("tokens", std::move(tokens), "tokens", row, "predicted tokens"),
             column("nll", std::move(nll), "nats per token", row, "mean"),
             column("perplexity", std::move(perplexity), "1", row, "exp(nll)")}};
}

MetricGroup interactionGroup(const Session& session) {
    std::vector<std::string> rope, quant;
    std::vector<std::int64_t> context;
    std::vector<double> fp, pi, q, qpi, value;
    for (const Interaction& one : interactions(session.conditions, Convention::All)) {
        rope.push_back(one.rope);
        quant.push_back(one.quant);
        context.push_back(one.context);
        fp.push_back(one.fp);
        pi.push_back(one.pi);
        q.push_back(one.q);
        qpi.push_back(one.qpi);
        value.push_back(one.value);
    }
    const char* const row = "row (RoPE spec, weights, context)";
    const char* const nats = "nats per token";
    return {"interaction",
            "ours: ln PPL(Q+PI) - ln PPL(Q) - ln PPL(PI) + ln PPL(FP); above 0 they hurt each other",
            {column("rope", std::move(rope), "text", row, "the interpolation (PI)"),
             column("quant", std::move(quant), "text", row, "the quantization (Q)"),
             column("context", std::move(context), "tokens", row, "context length"),
             column("fp", std::move(fp), nats, row, "mean NLL of neither"),
             column("pi", std::move(pi), nats, row, "mean NLL of PI alone"),
             column("q", std::move(q), nats, row, "mean NLL of Q alone"),
             column("q_pi", std::move(qpi), nats, row, "mean NLL of both"),
             column("value", std::move(value), nats, row, "the interaction")}};
}

} // namespace

DerivedMetrics sessionMetrics(const Session& session) {
    if (session.conditions.empty()) return {};
    const std::vector<NllSummary> nll = summaries(session);
    DerivedMetrics metrics{"qroar " QROAR_VERSION, {}};
    metrics.groups = {conditionsGroup(session), pressureGroup(session), tailGroup(session),
                      perplexityGroup(nll),     positionGroup(nll),     interactionGroup(session)};
    return metrics;
}

} // namespace qroar
