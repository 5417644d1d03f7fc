// Results of the benchmark suite, as JSON (cli.md) and as tables.
#pragma once

#include "app/cli/console.h"
#include "core/bench/suite.h"

namespace qroar::cli {

Json benchJson(const bench::Report& report);
/// The machine, a table of times, one of ratios and the notes on stdout.
void printBench(const bench::Report& report);

} // namespace qroar::cli
