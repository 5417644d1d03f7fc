#include "core/evaluate/nll_table.h"

#include "core/base/strings.h"

#include <cmath>

namespace qroar {

namespace {

/// "rope,quant,context,convention": spec texts hold no comma and no quote.
std::string keyFields(const std::string& rope, const std::string& quant, int context, Convention convention) {
    return rope + "," + quant + "," + std::to_string(context) + "," + conventionName(convention);
}

std::string optionalNumber(const std::optional<double>& value) {
    return value ? formatNumber(*value) : std::string();
}

NllSummary summaryOf(const ConditionResult& condition, Convention convention) {
    return summarizeNll(condition.windows, condition.key.context,
                        static_cast<int>(condition.table.trainedContext), convention);
}

} // namespace

std::string nllCsv(const Session& session, Convention convention) {
    std::string csv = "rope,quant,context,convention,documents,windows,tokens,nll,nll_ci95_low,"
                      "nll_ci95_high,ppl,scales\n";
    for (const auto& condition : session.conditions) {
        const ConditionKey& key = condition->key;
        const NllSummary summary = summaryOf(*condition, convention);
        csv += keyFields(key.rope.text(), key.quant.text(), key.context, convention) + ","
               + std::to_string(summary.documents) + "," + std::to_string(summary.windows) + ","
               + std::to_string(summary.tokens) + "," + formatNumber(summary.nll) + ","
               + optionalNumber(summary.ciLow) + "," + optionalNumber(summary.ciHigh) + ","
               + formatNumber(summary.perplexity) + "," + key.scales + "\n";
    }
    return csv;
}

std::string nllBucketCsv(const Session& session, Convention convention) {
    std::string csv = "rope,quant,context,convention,from,to,tokens,nll,ppl,scales\n";
    for (const auto& condition : session.conditions) {
        const ConditionKey& key = condition->key;
        const std::string fields =
            keyFields(key.rope.text(), key.quant.text(), key.context, convention) + ",";
        const auto summary = summarizeNll(condition->windows, key.context,
                                          static_cast<int>(condition->table.trainedContext), convention, 0);
        for (const NllBucket& bucket : summary.buckets)
            csv += fields + std::to_string(bucket.from) + "," + std::to_string(bucket.to) + ","
                   + std::to_string(bucket.tokens) + "," + formatNumber(bucket.nll) + ","
                   + formatNumber(std::exp(bucket.nll)) + "," + key.scales + "\n";
    }
    return csv;
}

std::string interactionCsv(const Session& session, Convention convention) {
    std::string csv = "rope,quant,context,convention,fp,pi,q,qpi,interaction\n";
    for (const Interaction& one : interactions(session.conditions, convention))
        csv += keyFields(one.rope, one.quant, one.context, convention) + "," + formatNumber(one.fp) + ","
               + formatNumber(one.pi) + "," + formatNumber(one.q) + "," + formatNumber(one.qpi) + ","
               + formatNumber(one.value) + "\n";
    return csv;
}

} // namespace qroar
