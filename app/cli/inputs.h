// The inputs that sub-commands share: model, documents, lists of specs; read and checked with one wording.
#pragma once

#include "app/cli/console.h"
#include "core/analysis/analysis.h"

#include <CLI/CLI.hpp>

namespace qroar::cli {

/// Texts of the options of analyze and evaluate.
struct RunOptions {
    std::string model;
    std::vector<std::string> texts, calibrationTexts, ropes{"model"}, quants{"none"};
    std::vector<int> contexts;
    std::string jsonField = "text";
    int maxWindows = 0, calibrationWindows = 16;
};
void addRunOptions(CLI::App& command, RunOptions& options);

/// Applies --threads.
void useThreads(const Common& common);

Outcome<std::vector<RopeSpec>> parseRopes(const std::vector<std::string>& texts);
Outcome<std::vector<QuantSpec>> parseQuants(const std::vector<std::string>& texts);

/// Opens the model and its documents and fills in a plan (capture on).
Outcome<AnalysisPlan> makePlan(const RunOptions& options);

/// The command line as it was typed, for the provenance.
std::string commandLine();
void rememberCommandLine(int argc, char** argv);

} // namespace qroar::cli
