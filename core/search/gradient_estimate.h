// The gradient of the objective's NLL part from the gradients of the dev windows, and how well the documents
// agree on it: what a search may trust. Numbers only.
#pragma once

#include "core/search/gain_evaluator.h"

#include <span>
#include <vector>

namespace qroar {

struct GradientEstimate {
    std::vector<double> mean; ///< [dimension] sum_L slope_L d NLL_L / d theta
    /// [dimension] its standard error when the documents are a sample (clustered by document; by window when
    /// there is only one document; zero when there is only one window): with n blocks and their parts c_b of
    /// the sum, SE^2 = n / (n - 1) sum_b (c_b - mean c)^2 [standard].
    std::vector<double> error;
};
/// `slopes` [contexts]: dJ / dNLL_L.
GradientEstimate combineGradient(const GainGradient& gradient, std::span<const double> slopes);

} // namespace qroar
