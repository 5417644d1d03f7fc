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
    /// [dimension] its standard error when the blocks of text are a sample. Blocks are chosen in each
    /// context: documents when at least leastDocumentBlocks reach it, else their stretches, each as long as
    /// the longest context (an error from two documents has one degree of freedom and says nothing), else its
    /// windows. As in predictGains (core/base/ratio_error.h), each context's mean is a ratio of sums: with
    /// n_L blocks, their parts c_bL of the context's part c_L of the sum and w_bL of its predicted tokens,
    /// the residuals r_bL = sqrt(n_L / (n_L - 1)) (c_bL - w_bL c_L), documents of unequal length alone are no
    /// error. SE^2 = sum_b (sum_L r_bL)^2 [standard] where all contexts have the same kind of block. Of two
    /// kinds, each is summed by itself, and twice their covariance over the stretches is added, unless it is
    /// negative (ours: so that the error is never less than that of independent parts). NaN in every
    /// coordinate, not known, when a context that counts (slope not 0) has a single window: one residual is
    /// always 0.
    std::vector<double> error;
};
/// `slopes` [contexts]: dJ / dNLL_L.
GradientEstimate combineGradient(const GainGradient& gradient, std::span<const double> slopes);

/// A gain as the reverse pass of a trial sees it.
struct Suspect {
    int coordinate = 0;   ///< of the search space
    double gradient = 0;  ///< dJ/dtheta without its L2 part, nats
    double error = 0;     ///< its standard error, as in GradientEstimate
    double certainty = 0; ///< gradient / error, 0 without an error; negative: a larger gain would lower J
};
/// Coordinates by falling |certainty|, ties by index: the diagnostic that ranks what is wrong with a model.
/// gradient / error is the score test [standard: Rao 1948] of "this gain is right", so it has one scale for
/// all layers, which |gradient| has not: deep in the network a gain moves the loss less than near the
/// embedding, and documents differ more about the early layers. Empty without gradient or errors (a value
/// alone, a context with a single dev window).
std::vector<Suspect> suspects(const SearchTrial& trial);

} // namespace qroar
