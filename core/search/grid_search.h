// The papers' lightweight search (method.md section 6): coordinate descent over bands, the most endangered
// band first, each over a small grid of gains around 1. Grid and order are ours. Not here: gradients.
#pragma once

#include "core/search/trial_runner.h"

#include <string>
#include <vector>

namespace qroar {

/// Distance of neighbouring gains of a grid in ln g: an odd number of `points` (3 or more) spans the window
/// [-lnTau, lnTau] in pass 0 and half of it in every further pass.
double gridSpacing(double lnTau, int points, int pass);
/// Where the grid's gains lie around the present one, in ln g, in the order they are tried: from the middle,
/// which is known already (g = 1 in pass 0), outwards.
std::vector<double> gridOffsets(double lnTau, int points, int pass);

/// Coordinates in the order they are visited: by falling priority (a coordinate's largest over the layers it
/// stands for), ties by index.
std::vector<int> gridOrder(const SearchSpace& space, const SearchSettings& settings);
/// ln tau of every coordinate [dimension]: the largest over the layers it stands for.
std::vector<double> coordinateBounds(const SearchSpace& space, const SearchSettings& settings);

/// settings.steps passes over all coordinates, each twice as fine as the one before; every gain with which J
/// falls is accepted at once. Ends when a pass accepted nothing at a spacing below 0.05 in ln g, when the
/// passes are done or when the budget is used up; `ending` says which. Errors as TrialRunner.
Status gridSearch(const SearchSpace& space, const SearchSettings& settings, TrialRunner& runner,
                  std::string& ending);

} // namespace qroar
