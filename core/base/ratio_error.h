// Standard error of a ratio of sums over blocks of text (documents, or stretches of them): one rule for all
// that is a mean over tokens. Not here: which blocks there are (core/evaluate/gradient_blocks.h), intervals
// by bootstrap (core/evaluate/blocks.h). Pure functions.
#pragma once

#include <cmath>
#include <span>

namespace qroar {

/// What a block adds to `whole` (a sum over all blocks, per token of all the text) beyond its share of the
/// text: `part` is its own addend, `share` its part of the tokens. That a block is long is no spread.
inline double ratioResidual(double part, double share, double whole) {
    return part - share * whole;
}

/// n / (n - 1): what makes a variance from n residuals around their own mean unbiased. Of at least two.
inline double smallSample(int blocks) {
    return static_cast<double>(blocks) / (blocks - 1);
}

/// SE^2 = n / (n - 1) sum_b r_b^2 over n residuals [standard: Cochran 1977, of a ratio of sums]; zero with
/// fewer than two. Of several ratios that are added up, r_b is the sum of theirs, each with its own n.
inline double ratioError(std::span<const double> residuals) {
    if (residuals.size() < 2) return 0;
    double squares = 0;
    for (const double residual : residuals) squares += residual * residual;
    return std::sqrt(smallSample(static_cast<int>(residuals.size())) * squares);
}

} // namespace qroar
