#include "core/search/grid_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qroar {

namespace {

/// The largest of a [layers, bands] table over the layers a coordinate stands for.
double largest(const std::vector<double>& table, const SearchSpace& space, int index) {
    const auto at = space.coordinate(index);
    const int bands = space.bands().count(), layers = static_cast<int>(table.size()) / bands;
    const int first = std::max(at.layer, 0), end = at.layer < 0 ? layers : at.layer + 1;
    const auto value = [&](int layer) {
        return table[static_cast<std::size_t>(layer) * static_cast<std::size_t>(bands)
                     + static_cast<std::size_t>(at.band)];
    };
    double found = value(first);
    for (int layer = first; layer < end; ++layer) found = std::max(found, value(layer));
    return found;
}

constexpr double finestSpacing = 0.05; ///< of ln g; below it a pass without success ends the search

} // namespace

double gridSpacing(double lnTau, int points, int pass) {
    const int half = points / 2; // on each side of 1
    return std::ldexp(lnTau / half, -pass);
}

std::vector<double> gridOffsets(double lnTau, int points, int pass) {
    std::vector<double> offsets;
    const double spacing = gridSpacing(lnTau, points, pass);
    for (int step = 1; step <= points / 2; ++step) {
        offsets.push_back(-spacing * step);
        offsets.push_back(spacing * step);
    }
    return offsets;
}

std::vector<int> gridOrder(const SearchSpace& space, const SearchSettings& settings) {
    std::vector<double> priority;
    for (int index = 0; index < space.dimension(); ++index)
        priority.push_back(largest(settings.priority, space, index));
    std::vector<int> order(priority.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&priority](int a, int b) {
        return priority[static_cast<std::size_t>(a)] > priority[static_cast<std::size_t>(b)];
    });
    return order;
}

std::vector<double> coordinateBounds(const SearchSpace& space, const SearchSettings& settings) {
    std::vector<double> bounds;
    for (int index = 0; index < space.dimension(); ++index)
        bounds.push_back(std::log(largest(settings.windows, space, index)));
    return bounds;
}

Status gridSearch(const SearchSpace& space, const SearchSettings& settings, TrialRunner& runner,
                  std::string& ending) {
    std::vector<double> theta(static_cast<std::size_t>(space.dimension()), 0.0);
    auto start = runner.value(TrialKind::Start, theta);
    if (!start) return start.error();
    double objective = runner.trial(*start).objective;
    const std::vector<double> bounds = coordinateBounds(space, settings);
    const std::vector<int> order = gridOrder(space, settings);
    for (int pass = 0; pass < settings.steps; ++pass) {
        bool improved = false;
        for (const int coordinate : order) {
            const auto at = static_cast<std::size_t>(coordinate);
            if (bounds[at] <= 0) continue; // held
            const double center = theta[at];
            for (const double offset : gridOffsets(bounds[at], settings.gridPoints, pass)) {
                std::vector<double> candidate = theta;
                candidate[at] = center + offset;
                if (std::abs(candidate[at]) > bounds[at] + 1e-12) continue;
                if (!runner.affords(1)) {
                    ending = "the budget is used up";
                    return Done{};
                }
                auto trial = runner.value(TrialKind::Grid, candidate);
                if (!trial) return trial.error();
                const double found = runner.trial(*trial).objective;
                runner.settle(found < objective);
                if (!(found < objective)) continue;
                objective = found;
                theta = std::move(candidate);
                improved = true;
            }
        }
        const double widest = *std::max_element(bounds.begin(), bounds.end());
        if (!improved && gridSpacing(widest, settings.gridPoints, pass) < finestSpacing) {
            ending = "a pass over all bands found nothing better";
            return Done{};
        }
    }
    ending = std::to_string(settings.steps) + " passes are done";
    return Done{};
}

} // namespace qroar
