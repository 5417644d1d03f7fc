// What `qroar compare` says of two sessions, as JSON (product.md, cli.md), and as text made from it. Private
// to that sub-command. Differences are A - B, as in the window.
#pragma once

#include "app/cli/console.h"
#include "core/evaluate/perplexity.h"

#include <filesystem>

namespace qroar::cli {

struct ComparedSession {
    std::string path;
    std::shared_ptr<const Session> session;
};

struct ComparisonOptions {
    Convention convention = Convention::All;
    int draws = 1000; ///< of the intervals of NLL
};

/// The cells of all grids go to `cells`, a row each.
Json comparison(const ComparedSession& a, const ComparedSession& b, const ComparisonOptions& options,
                Json& cells);

/// nll.csv, grids.csv and cells.csv into `folder`, which is made; a list without rows has no file.
Status writeComparisonCsv(const std::filesystem::path& folder, const Json& document, const Json& cells);

/// Tables on stdout; tails of that epsilon only.
void printComparison(const Json& document, double epsilon);

} // namespace qroar::cli
