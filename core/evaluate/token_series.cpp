#include "core/evaluate/token_series.h"

#include "core/evaluate/blocks.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace qroar {

namespace {

/// A window of one run, or the same window of two.
struct Source {
    int document = 0;
    const std::vector<float>* a = nullptr;
    const std::vector<float>* b = nullptr; ///< null: one run
};
struct Sources {
    std::vector<Source> windows;
    bool mayMiss = false; ///< NaN is no value, not a broken one
};

Sources sourcesOf(const TokenSeries& series) {
    Sources sources{{}, series.measure != TokenMeasure::Nll};
    for (const TokenSeries::Window& window : series.windows)
        sources.windows.push_back({window.document, &window.values, nullptr});
    return sources;
}

Sources sourcesOf(const TokenSeries& a, const TokenSeries& b) {
    std::map<std::pair<int, int>, const std::vector<float>*> others;
    for (const TokenSeries::Window& window : b.windows)
        others[{window.document, window.index}] = &window.values;
    Sources sources{{}, a.measure != TokenMeasure::Nll};
    for (const TokenSeries::Window& window : a.windows)
        if (const auto same = others.find({window.document, window.index}); same != others.end())
            sources.windows.push_back({window.document, &window.values, same->second});
    std::stable_sort(
        sources.windows.begin(), sources.windows.end(),
        [](const Source& first, const Source& second) { return first.document < second.document; });
    return sources;
}

/// Calls visit(a, b) for the tokens of a window that count; b is 0 for one run.
template<class Visit>
void forEachToken(const Source& source, bool mayMiss, const TokenQuestion& question, int from, int to,
                  Visit&& visit) {
    std::size_t predictions = source.a->size();
    if (source.b) predictions = std::min(predictions, source.b->size());
    const TokenRange range = countedTokens(predictions, question.context, question.convention);
    // values[t] belongs to the token at position t + 1
    const auto first = std::max(range.first, static_cast<std::size_t>(std::max(from - 1, 0)));
    const auto end = std::min(range.end, static_cast<std::size_t>(std::max(to - 1, 0)));
    for (std::size_t token = first; token < end; ++token) {
        const double a = (*source.a)[token], b = source.b ? (*source.b)[token] : 0.0;
        if (!mayMiss || !(std::isnan(a) || std::isnan(b))) visit(a, b);
    }
}

double shareOf(TokenStatistic statistic) {
    return statistic == TokenStatistic::Median ? 0.5 : 0.99;
}

/// The values of a or b, by block, each sorted.
using Blocks = std::vector<std::vector<float>>;

double quantileOf(const std::vector<float>& merged, double p) {
    if (merged.empty()) return std::numeric_limits<double>::quiet_NaN();
    return percentile(std::vector<double>(merged.begin(), merged.end()), p);
}

void addQuantile(const Sources& sources, const std::vector<int>& blockOf, const TokenQuestion& question,
                 TokenEstimate& estimate) {
    const bool paired = !sources.windows.empty() && sources.windows.front().b;
    Blocks a, b;
    bool finite = true;
    for (std::size_t window = 0; window < sources.windows.size(); ++window) {
        if (blockOf[window] < 0) continue;
        const auto block = static_cast<std::size_t>(blockOf[window]);
        if (block >= a.size()) {
            a.resize(block + 1);
            b.resize(block + 1);
        }
        forEachToken(sources.windows[window], sources.mayMiss, question, estimate.from, estimate.to,
                     [&](double first, double second) {
                         a[block].push_back(static_cast<float>(first));
                         b[block].push_back(static_cast<float>(second));
                         finite = finite && std::isfinite(first) && std::isfinite(second);
                     });
    }
    estimate.value = std::numeric_limits<double>::quiet_NaN();
    estimate.low = estimate.high = std::nullopt;
    if (!finite) return; // NaN has no order
    for (Blocks* side : {&a, &b})
        if (side == &a || paired)
            for (std::vector<float>& block : *side) std::sort(block.begin(), block.end());
    const double p = shareOf(question.statistic);
    const std::vector<float> allA = mergedBlocks(a), allB = paired ? mergedBlocks(b) : std::vector<float>();
    estimate.value = quantileOf(allA, p) - (paired ? quantileOf(allB, p) : 0.0);
    std::vector<double> draws = resampledQuantiles(a, p, question.draws, allA);
    if (draws.empty()) return;
    if (paired) {
        const std::vector<double> other = resampledQuantiles(b, p, question.draws, allB);
        for (std::size_t draw = 0; draw < draws.size(); ++draw) draws[draw] -= other[draw];
    }
    std::sort(draws.begin(), draws.end());
    estimate.low = percentile(draws, 0.025);
    estimate.high = percentile(draws, 0.975);
}

TokenEstimate estimate(const Sources& sources, const TokenQuestion& question, int from, int to) {
    std::vector<WindowSum> sums;
    for (const Source& source : sources.windows) {
        WindowSum sum{source.document, {}};
        forEachToken(source, sources.mayMiss, question, from, to,
                     [&sum](double a, double b) { sum.values.add(a - b); });
        sums.push_back(sum);
    }
    const bool mean = question.statistic == TokenStatistic::Mean;
    const Pooled pooled = poolWindows(sums, mean ? question.draws : 0);
    TokenEstimate result{
        from,       to,         pooled.all.tokens, pooled.windows, pooled.documents, pooled.all.mean(),
        pooled.low, pooled.high};
    if (!mean) addQuantile(sources, blockOfWindows(sums), question, result);
    return result;
}

std::vector<TokenEstimate> byPosition(const Sources& sources, const TokenQuestion& question) {
    std::vector<TokenEstimate> all;
    if (question.context < 2) return all;
    const std::vector<int> edges = positionBuckets(question.context, question.trainedContext);
    for (std::size_t edge = 0; edge + 1 < edges.size(); ++edge)
        if (TokenEstimate one = estimate(sources, question, edges[edge], edges[edge + 1]); one.tokens > 0)
            all.push_back(one);
    return all;
}

constexpr int allPositions = std::numeric_limits<int>::max();

} // namespace

std::vector<int> sameDocuments(const Session& to, const Session& from) {
    std::vector<int> result;
    for (const SessionDocument& document : from.documents) {
        const auto same = std::find_if(to.documents.begin(), to.documents.end(), [&](const auto& other) {
            return other.fingerprint == document.fingerprint;
        });
        result.push_back(same == to.documents.end() ? -1 : static_cast<int>(same - to.documents.begin()));
    }
    return result;
}

TokenSeries tokenSeries(const ConditionResult& condition, TokenMeasure measure,
                        const std::vector<int>& documents) {
    TokenSeries series{measure, {}};
    const auto add = [&](int document, int index, auto begin, auto end) {
        if (!documents.empty())
            document = document >= 0 && document < static_cast<int>(documents.size())
                           ? documents[static_cast<std::size_t>(document)]
                           : -1;
        if (document >= 0) series.windows.push_back({document, index, std::vector<float>(begin, end)});
    };
    if (measure == TokenMeasure::Nll) {
        for (const WindowNll& window : condition.windows)
            add(window.document, window.index, window.nll.begin(), window.nll.end());
        return series;
    }
    for (const WindowDivergence& window : condition.divergence) {
        std::vector<float> values = window.kl;
        if (measure == TokenMeasure::SameTop)
            for (std::size_t token = 0; token < values.size(); ++token)
                if (!std::isnan(values[token])) values[token] = window.sameTop[token];
        add(window.document, window.index, values.begin(), values.end());
    }
    return series;
}

TokenEstimate estimateTokens(const TokenSeries& series, const TokenQuestion& question) {
    return estimate(sourcesOf(series), question, 0, allPositions);
}

std::vector<TokenEstimate> estimateByPosition(const TokenSeries& series, const TokenQuestion& question) {
    return byPosition(sourcesOf(series), question);
}

TokenEstimate estimateDifference(const TokenSeries& a, const TokenSeries& b, const TokenQuestion& question) {
    return estimate(sourcesOf(a, b), question, 0, allPositions);
}

std::vector<TokenEstimate> differenceByPosition(const TokenSeries& a, const TokenSeries& b,
                                                const TokenQuestion& question) {
    return byPosition(sourcesOf(a, b), question);
}

} // namespace qroar
