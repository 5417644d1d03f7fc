#include "core/search/gradient_search.h"

#include "core/search/grid_search.h"
#include "core/search/quasi_newton.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qroar {

namespace {

constexpr double firstRadius = 0.25, mostRadius = 0.6, leastRadius = 1e-3;
constexpr double leastGain =
    2e-5; ///< nats; what the engine's single precision leaves uncertain is below 1e-7

/// dJ/dtheta of a trial: its NLL part and that of the prior.
std::vector<double> fullGradient(const SearchTrial& trial, double l2) {
    std::vector<double> gradient = trial.gradient;
    for (std::size_t at = 0; at < gradient.size(); ++at) gradient[at] += 2 * l2 * trial.theta[at];
    return gradient;
}

/// 1 / (T v_i + 2 l2), v_i from the spread over documents at the start; without it (NaN) as if none.
std::vector<double> firstInverseHessian(const SearchTrial& start, double tokens, double l2) {
    std::vector<double> error = start.gradientError;
    for (double& value : error)
        if (std::isnan(value)) value = 0;
    const double mean = dotProduct(error, error) / static_cast<double>(error.size());
    std::vector<double> inverse;
    for (const double value : error)
        inverse.push_back(1 / (tokens * (value * value + mean) / 2 + 2 * l2 + 1e-9));
    return inverse;
}

double largestMagnitude(const std::vector<double>& values) {
    double most = 0;
    for (const double value : values) most = std::max(most, std::abs(value));
    return most;
}

struct Proposal {
    std::vector<double> theta, step;
    double predicted = 0;  ///< change of J by the quadratic model, negative
    bool atBorder = false; ///< the radius shortened it
};

/// The quasi-Newton step, inside the radius and the windows.
Proposal propose(const SearchTrial& from, const std::vector<double>& gradient, const QuasiNewton& model,
                 const std::vector<double>& bounds, double radius) {
    std::vector<double> free = gradient;
    for (std::size_t at = 0; at < free.size(); ++at)
        if ((from.theta[at] >= bounds[at] && gradient[at] < 0)
            || (from.theta[at] <= -bounds[at] && gradient[at] > 0))
            free[at] = 0;
    Proposal proposal;
    std::vector<double> direction = model.direction(free);
    for (std::size_t at = 0; at < free.size(); ++at)
        if (free[at] == 0 && gradient[at] != 0) direction[at] = 0; // held at its bound
    const double length = largestMagnitude(direction);
    proposal.atBorder = length > radius;
    const double factor = proposal.atBorder ? radius / length : 1;
    proposal.theta = from.theta;
    proposal.step.resize(free.size());
    for (std::size_t at = 0; at < free.size(); ++at) {
        proposal.theta[at] = std::clamp(from.theta[at] + factor * direction[at], -bounds[at], bounds[at]);
        proposal.step[at] = proposal.theta[at] - from.theta[at];
    }
    // m(t) = t g.d + t^2/2 d.B.d with B d = -g along the model's own direction.
    proposal.predicted = dotProduct(gradient, proposal.step) * (1 - factor / 2);
    return proposal;
}

std::vector<double> difference(const std::vector<double>& a, const std::vector<double>& b) {
    std::vector<double> result(a.size());
    for (std::size_t at = 0; at < a.size(); ++at) result[at] = a[at] - b[at];
    return result;
}

} // namespace

double priorStrength(double predictedTokens) {
    return priorTokens / std::max(predictedTokens, 1.0);
}

Status gradientSearch(const SearchSpace& space, const SearchSettings& settings, double predictedTokens,
                      TrialRunner& runner, std::string& ending) {
    auto start =
        runner.gradient(TrialKind::Start, std::vector<double>(static_cast<std::size_t>(space.dimension())));
    if (!start) return start.error();
    const std::vector<double> bounds = coordinateBounds(space, settings);
    QuasiNewton model(firstInverseHessian(runner.trial(*start), predictedTokens, settings.l2));
    std::size_t current = *start;
    std::vector<double> gradient = fullGradient(runner.trial(current), settings.l2);
    double radius = firstRadius;
    TrialKind kind = TrialKind::Step;
    for (int step = 0; step < settings.steps; ++step) {
        const Proposal proposal = propose(runner.trial(current), gradient, model, bounds, radius);
        const double length = largestMagnitude(proposal.step);
        if (length < leastRadius || -proposal.predicted < leastGain / 2) {
            ending = "no step promises more than " + std::string("1e-05 nats");
            return Done{};
        }
        if (!runner.affords(runner.gradientCost())) {
            ending = "the budget is used up";
            return Done{};
        }
        auto next = runner.gradient(kind, proposal.theta);
        if (!next) return next.error();
        const SearchTrial &from = runner.trial(current), &to = runner.trial(*next);
        if (to.overflowed()) { // it says nothing but that this was too far
            runner.settle(false);
            kind = TrialKind::Backtrack;
            radius = 0.4 * length;
            continue;
        }
        const double change = to.objective - from.objective;
        std::vector<double> nextGradient = fullGradient(to, settings.l2);
        model.learn(proposal.step, difference(nextGradient, gradient));
        const bool fell = change < 0;
        runner.settle(fell);
        kind = fell ? TrialKind::Step : TrialKind::Backtrack;
        if (!fell) {
            radius = 0.4 * length;
            continue;
        }
        if (proposal.atBorder && change < 0.5 * proposal.predicted)
            radius = std::min(mostRadius, 1.5 * radius);
        current = *next;
        gradient = std::move(nextGradient);
        if (-change < leastGain) {
            ending = "the last step gained less than 2e-05 nats";
            return Done{};
        }
    }
    ending = std::to_string(settings.steps) + " steps are done";
    return Done{};
}

} // namespace qroar
