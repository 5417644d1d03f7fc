// The papers' lightweight search (method.md section 6): coordinate descent over bands, the most endangered
// band first, each over a small grid of gains around 1. Grid and order are ours. Not here: gradients.
#pragma once

#include "core/search/trial_runner.h"

#include <string>
#include <vector>

namespace qroar {

/// An odd number of gains in the window, evenly spaced in ln g: exp(ln tau (2 i / (points - 1) - 1)), rising;
/// the middle one is exactly 1. `points` >= 1 and odd.
std::vector<double> gainGrid(double tau, int points);

/// Coordinates in the order they are visited: by falling priority (a coordinate's largest over the layers it
/// stands for), ties by index.
std::vector<int> gridOrder(const SearchSpace& space, const SearchSettings& settings);
/// ln tau of every coordinate [dimension]: the largest over the layers it stands for.
std::vector<double> coordinateBounds(const SearchSpace& space, const SearchSettings& settings);

/// At most settings.steps passes over all coordinates; a coordinate's grid is walked from 1 outwards, and
/// every gain with which J falls is accepted at once. Ends when a pass accepted nothing or the budget is used
/// up; `ending` says which. Errors as TrialRunner.
Status gridSearch(const SearchSpace& space, const SearchSettings& settings, TrialRunner& runner,
                  std::string& ending);

} // namespace qroar
