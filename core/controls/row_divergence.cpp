#include "core/controls/row_divergence.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

std::ptrdiff_t topOf(const float* logits, std::ptrdiff_t vocab) {
    return std::max_element(logits, logits + vocab) - logits; // the first of equals
}

} // namespace

RowNormalizer normalizerOf(const float* logits, std::ptrdiff_t vocab) {
    RowNormalizer row;
    row.top = topOf(logits, vocab);
    const double highest = logits[row.top];
    double sum = 0;
    for (std::ptrdiff_t token = 0; token < vocab; ++token) sum += std::exp(logits[token] - highest);
    row.logSumExp = highest + std::log(sum);
    return row;
}

RowDivergence compareRows(const float* reference, const float* own, std::ptrdiff_t vocab,
                          std::ptrdiff_t correct, std::vector<double>& scratch) {
    scratch.resize(static_cast<std::size_t>(vocab));
    const std::ptrdiff_t top = topOf(reference, vocab);
    const double highest = reference[top];
    double sum = 0;
    for (std::ptrdiff_t token = 0; token < vocab; ++token) {
        const double weight = std::exp(reference[token] - highest);
        scratch[static_cast<std::size_t>(token)] = weight;
        sum += weight;
    }
    const double logSumExp = highest + std::log(sum);
    const RowNormalizer other = normalizerOf(own, vocab);
    double kl = 0;
    for (std::ptrdiff_t token = 0; token < vocab; ++token)
        kl += scratch[static_cast<std::size_t>(token)]
              * ((reference[token] - logSumExp) - (own[token] - other.logSumExp));
    RowDivergence row;
    row.kl = kl < 0 ? 0 : kl / sum; // below zero is rounding; NaN stays
    row.deltaP = std::exp(own[correct] - other.logSumExp) - std::exp(reference[correct] - logSumExp);
    row.sameTop = top == other.top;
    return row;
}

} // namespace qroar
