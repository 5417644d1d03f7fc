// What bench_window measures while an edge of a band is dragged in the spectrum. Not here: with what
// (window_times.h), other interactions (bench_window.cpp).
#pragma once

#include "tests/bench/window_times.h"

namespace qroar {

class MainWindow;

namespace bench {

/// The undo stack, the breadcrumb, Bands and Scales follow the edge as the views do. Two rows: the longest
/// pass, and all passes until what is in sight shows the bands: the slowest move is printed, the median
/// judged.
void dragEdge(Table& table, MainWindow& window, const std::string& name);

} // namespace bench
} // namespace qroar
