#include "core/controls/search_report.h"

#include "core/controls/verdict.h"
#include "core/evaluate/perplexity.h"

#include <cmath>

namespace qroar {

namespace {

SearchReportRow rowOf(const VariantResult& result) {
    const ConditionResult& condition = *result.condition;
    const NllSummary summary =
        summarizeNll(condition.windows, condition.key.context,
                     static_cast<int>(condition.table.trainedContext), Convention::All);
    SearchReportRow row;
    row.role = result.name;
    row.rope = condition.key.rope.text();
    row.quant = condition.key.quant.text();
    row.scales = condition.key.scales;
    row.context = condition.key.context;
    row.documents = summary.documents;
    row.windows = summary.windows;
    row.tokens = summary.tokens;
    row.nll = summary.nll;
    row.ciLow = summary.ciLow.value_or(std::nan(""));
    row.ciHigh = summary.ciHigh.value_or(std::nan(""));
    return row;
}

} // namespace

Status reportSearch(const SearchReportTask& task, SearchRecord& record, ProgressSink& sink) {
    std::shared_ptr<const WeightSource> full = task.weights, quantized;
    if (task.weights->spec().kind != QuantKind::None) {
        quantized = task.weights;
        QuantSpec none;
        auto opened = openWeights(task.model, none);
        full =
            opened ? cachedWeights(*opened) : nullptr; // a checkpoint that stores codes has no other weights
    }
    if (!full) full = std::exchange(quantized, nullptr);
    const std::string name = record.scales.name.empty() ? "g" : record.scales.name;
    const auto variants =
        controlVariants(task.model->config(), task.rope, full, quantized, record.scales.gains, name);
    auto results = runControls(task.model, *task.documents, task.contexts, variants, task.options, sink);
    if (!results) return results.error();
    if (sink.cancelled()) return Error::cancelled();
    record.report.clear();
    for (const VariantResult& result : *results) record.report.push_back(rowOf(result));
    record.reportDocuments.clear();
    for (const Document& document : *task.documents)
        record.reportDocuments.push_back({document.name, document.path, document.fingerprint,
                                          static_cast<long long>(document.tokens.size())});
    const Verdict verdict = judge(contrasts(conditionsOf(*results), Convention::All), task.rope.text(),
                                  task.weights->spec().text());
    record.verdict = {};
    if (verdict.longContext) {
        record.verdict.longEffect = effectName(verdict.longContext->effect);
        record.verdict.cause = causeName(verdict.longContext->cause);
    }
    if (verdict.shortContext) record.verdict.shortEffect = effectName(verdict.shortContext->effect);
    record.verdict.words = verdict.words;
    return Done{};
}

} // namespace qroar
