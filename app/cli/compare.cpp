// qroar compare a.h5 b.h5: what differs between two sessions: models, documents, conditions, and of the
// conditions in both the NLL and the grids of pressure and tails (compare_rows.h). No model is needed.
#include "app/cli/commands.h"
#include "app/cli/compare_rows.h"
#include "app/cli/validators.h"
#include "core/session/session_file.h"

#include <memory>

namespace qroar::cli {

namespace {

struct Options {
    Common common;
    std::string a, b, csvFolder, convention = "all";
    double epsilon = 1e-3;
    ComparisonOptions rows;
};

int run(const Options& options) {
    const auto a = loadSession(options.a);
    if (!a) return fail(a.error());
    const auto b = loadSession(options.b);
    if (!b) return fail(b.error());
    ComparisonOptions what = options.rows;
    what.convention = options.convention == "all" ? Convention::All : Convention::LastHalf;
    Json cells;
    const Json document = comparison({options.a, *a}, {options.b, *b}, what, cells);
    if (!options.csvFolder.empty())
        if (Status written = writeComparisonCsv(options.csvFolder, document, cells); !written)
            return fail(written.error());
    if (options.common.json)
        print(document);
    else
        printComparison(document, options.epsilon);
    return exitDone;
}

} // namespace

void addCompare(CLI::App& program, int& result) {
    auto options = std::make_shared<Options>();
    CLI::App* command = program.add_subcommand(
        "compare", "what differs between two sessions: models, documents, NLL, pressure and tails");
    command->add_option("A", options->a, "session file; differences are A - B")->required();
    command->add_option("B", options->b, "session file")->required();
    command->add_option("--convention", options->convention, "tokens of the NLL: all or last-half")
        ->check(CLI::IsMember({"all", "last-half"}))
        ->capture_default_str();
    command
        ->add_option("--epsilon", options->epsilon, "tail of the table: 0.01, 0.001 or 0.0001 (JSON has all)")
        ->check(CLI::IsMember(std::vector<double>{1e-2, 1e-3, 1e-4}))
        ->capture_default_str();
    command->add_option("--draws", options->rows.draws, "bootstrap draws of the intervals; 0 = no intervals")
        ->check(CLI::Range(0, 100000))
        ->capture_default_str();
    command->add_option("--csv", options->csvFolder,
                        "also write nll.csv, grids.csv and cells.csv (each layer and band) into this folder");
    addCommon(*command, options->common);
    command->callback([options, &result] { result = run(*options); });
}

} // namespace qroar::cli
