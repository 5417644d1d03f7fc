// The sub-commands: each adds itself to the program and runs when it was chosen; the exit code goes to
// `result`.
#pragma once

#include "app/cli/console.h"
#include "core/ranks/ranks.h"

#include <CLI/CLI.hpp>

namespace qroar::cli {

void addInspect(CLI::App& program, int& result);
void addRope(CLI::App& program, int& result);
void addAnalyze(CLI::App& program, Ranks& ranks, int& result);
void addDiagnose(CLI::App& program, int& result);
void addCompare(CLI::App& program, int& result);
void addEvaluate(CLI::App& program, Ranks& ranks, int& result);
void addExport(CLI::App& program, int& result);
void addSearch(CLI::App& program, Ranks& ranks, int& result);
void addPlot(CLI::App& program, int& result);
void addReport(CLI::App& program, int& result);
void addTokenize(CLI::App& program, int& result);
void addBench(CLI::App& program, int& result);
void addGenerate(CLI::App& program, int& result);

/// Adds --json and --threads to a sub-command.
void addCommon(CLI::App& command, Common& common);

} // namespace qroar::cli
