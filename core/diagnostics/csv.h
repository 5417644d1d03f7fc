// CSV of metric grids (RFC 4180, after comment lines that start with "# "): one line per cell, so that any
// tool can pivot it. Not here: writing files (core/base/files.h).
#pragma once

#include "core/diagnostics/band_grid.h"
#include "core/rope/bands.h"

#include <array>
#include <string>
#include <vector>

namespace qroar {

/// What the columns of a grid are.
struct GridColumns {
    std::string name = "band";              ///< of the index: "band", "bucket"
    std::string unit = "pair";              ///< of the ranges: header from_<unit>, to_<unit>
    std::vector<std::array<int, 2>> ranges; ///< [columns] first, one past the last; empty = not written
};
GridColumns bandColumns(const BandPartition& bands);
/// Of a grid over position buckets (topShareByPosition); edges as in StatisticsShape::bucketEdges.
GridColumns bucketColumns(const std::vector<int>& bucketEdges);

/// layer,band[,from_pair,to_pair],valueName; numbers in the shortest form that reads back exactly, NaN as an
/// empty field. `comments` (units, formula, condition, provenance) come first, one "# " line per line.
std::string gridCsv(const BandGrid& grid, const std::string& valueName, const GridColumns& columns = {},
                    const std::vector<std::string>& comments = {});

/// One field, quoted when it holds a comma, a quote or a line break.
std::string csvField(const std::string& text);

} // namespace qroar
