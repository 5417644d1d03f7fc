#include "core/controls/search_report.h"

#include "core/controls/held_out.h"
#include "core/evaluate/perplexity.h"

#include <algorithm>
#include <cmath>
#include <utility>

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

std::vector<int> withTrainedContext(const SearchReportTask& task) {
    std::vector<int> contexts = task.contexts;
    const auto table = buildFrequencyTable(task.rope, task.model->config().ropeModel(), contexts.front());
    const int trained = table ? static_cast<int>(table->trainedContext) : 0;
    const auto isShort = [trained](int context) { return context <= trained; };
    if (trained >= 2 && std::none_of(contexts.begin(), contexts.end(), isShort)
        && cutWindows(*task.documents, trained))
        contexts.push_back(trained);
    return contexts;
}

void fill(SearchRecord& record, const SearchReport& report, const std::vector<Document>& documents) {
    record.report.clear();
    for (const VariantResult& result : report.results) record.report.push_back(rowOf(result));
    record.reportDocuments.clear();
    for (const Document& document : documents)
        record.reportDocuments.push_back({document.name,
                                          document.path,
                                          document.fingerprint,
                                          static_cast<long long>(document.tokens.size()),
                                          {}});
    const Verdict& verdict = report.verdict;
    record.verdict = {};
    if (verdict.longContext) {
        record.verdict.longEffect = effectPhrase(*verdict.longContext);
        record.verdict.cause = causeName(verdict.longContext->cause);
    }
    if (verdict.shortContext) {
        record.verdict.shortEffect = effectPhrase(*verdict.shortContext);
        if (!verdict.longContext) record.verdict.cause = causeName(verdict.shortContext->cause);
    }
    record.verdict.words = verdict.words;
}

} // namespace

Outcome<SearchReport> reportSearch(const SearchReportTask& task, SearchRecord& record, ProgressSink& sink) {
    if (task.contexts.empty()) return Error::bad("a report needs at least one context length");
    std::shared_ptr<const WeightSource> full = task.weights, quantized;
    if (task.weights->spec().kind != QuantKind::None) {
        quantized = task.weights;
        QuantSpec none;
        auto opened = openWeights(task.model, none);
        full =
            opened ? cachedWeights(*opened) : nullptr; // a checkpoint that stores codes has no other weights
    }
    const bool onlyQuantized = !full;
    if (onlyQuantized) full = std::exchange(quantized, nullptr);
    const std::string name = record.scales.name.empty() ? "g" : record.scales.name;
    auto variants =
        controlVariants(task.model->config(), task.rope, full, quantized, record.scales.gains, name);
    for (ControlVariant& one : variants)
        if (onlyQuantized) one.name = one.name == controlFp ? controlQ : controlQScaled; // no full precision
    auto results =
        runControls(task.model, *task.documents, withTrainedContext(task), variants, task.options, sink);
    if (!results) return results.error();
    if (sink.cancelled()) return Error::cancelled();
    SearchReport report{std::move(*results), {}, {}};
    report.contrasts = contrasts(conditionsOf(report.results), Convention::All);
    report.verdict = judge(report.contrasts, task.rope.text(), task.weights->spec().text());
    const std::string seen = notHeldOutWords(seenDocuments(record.documents, *task.documents));
    if (!seen.empty()) report.verdict.words = seen + " " + report.verdict.words;
    fill(record, report, *task.documents);
    return report;
}

} // namespace qroar
