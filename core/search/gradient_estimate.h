// The gradient of the objective's NLL part from the gradients of the dev windows, and how well the documents
// agree on it: what a search may trust. Numbers only.
#pragma once

#include "core/search/gain_evaluator.h"
#include "core/session/search_record.h"

#include <span>
#include <vector>

namespace qroar {

struct GradientEstimate {
    std::vector<double> mean; ///< [dimension] sum_L slope_L d NLL_L / d theta
    /// [dimension] its standard error when the blocks are a sample: documents when there are at least
    /// leastDocumentBlocks of them, else their stretches, each as long as the longest context (an error from
    /// two documents has one degree of freedom and says nothing); zero with a single block. As in
    /// predictGains (core/base/ratio_error.h), each context's mean is a ratio of sums: with n blocks, their
    /// parts c_bL of the context's part c_L of the sum and w_bL of its predicted tokens, SE^2 = n / (n - 1)
    /// sum_b (sum_L (c_bL - w_bL c_L))^2 [standard]; documents of unequal length alone are no error.
    std::vector<double> error;
};
/// `slopes` [contexts]: dJ / dNLL_L.
GradientEstimate combineGradient(const GainGradient& gradient, std::span<const double> slopes);

/// A gain as the reverse pass of a trial sees it.
struct Suspect {
    int coordinate = 0;   ///< of the search space
    double gradient = 0;  ///< dJ/dtheta without its L2 part, nats
    double error = 0;     ///< its standard error, as in GradientEstimate
    double certainty = 0; ///< gradient / error; negative: a larger gain would lower J
};
/// Coordinates by falling |certainty|, ties by index: the diagnostic that ranks what is wrong with a model.
/// gradient / error is the score test [standard: Rao 1948] of "this gain is right", so it has one scale for
/// all layers, which |gradient| has not: deep in the network a gain moves the loss less than near the
/// embedding, and documents differ more about the early layers. Empty without gradient or errors (a value
/// alone, a single dev window).
std::vector<Suspect> suspects(const SearchTrial& trial);

} // namespace qroar
