// The gradient search (method.md section 6; ours): all gains move at once. One reverse pass gives J and its
// gradient at a trial point; a limited-memory quasi-Newton step (L-BFGS: Nocedal 1980) inside a trust region
// and inside the windows proposes the next one; a step counts only if the J computed there is really lower.
//
//   direction   L-BFGS over the last pairs (change of theta, change of gradient), rejected trials included:
//   they
//               say as much about curvature as accepted ones. Its initial inverse Hessian is diagonal,
//               1 / (T v_i + 2 l2), v_i the squared standard error of gradient i over the documents (half its
//               own value, half the mean over all i) and T the predicted tokens: for a model that fits its
//               data, the covariance of the mean gradient is the Fisher information over T, and that is the
//               Hessian over T (information equality [standard]). So the first step is already a Newton step
//               in scale, and a coordinate on which documents disagree moves less: the noise decides, no step
//               size is tuned.
//   trust       largest |change of theta| of a step: radius 0.25 at first, x 1.5 when a step at the border
//   fell
//               as predicted, x 0.4 of the step when J rose.
//   windows     a coordinate at its border stays there while the gradient points outwards; steps are clipped.
//   prior       the l2 part of J is the normal prior that keeps the search from fitting its documents; see
//               priorStrength().
//   ends        after settings.steps trials, when the budget is used up, when a step gained less than 2e-5
//   nats,
//               or when the radius has shrunk below 1e-3.
// Not here: gradients of weights, line searches.
#pragma once

#include "core/search/trial_runner.h"

#include <string>

namespace qroar {

/// l2 for a dev set of T predicted tokens: priorTokens / T. A normal prior of ln g around 0 with standard
/// deviation s is 1 / (2 s^2 T) per token of mean NLL; 60 stands for s = 0.09 (ours; chosen on documents of
/// stories260K that no figure is reported for).
inline constexpr double priorTokens = 60;
double priorStrength(double predictedTokens);

/// Starts at theta = 0. `ending` says why it ended. Errors as TrialRunner.
Status gradientSearch(const SearchSpace& space, const SearchSettings& settings, double predictedTokens,
                      TrialRunner& runner, std::string& ending);

} // namespace qroar
