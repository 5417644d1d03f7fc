// qroar diagnose run.h5: every diagnostic per layer and band from stored statistics (diagnose_rows.h), and
// the sensitivities that analyze --gradients measured. The model is not needed.
#include "app/cli/commands.h"
#include "app/cli/diagnose_rows.h"
#include "app/cli/inputs.h"
#include "app/cli/validators.h"
#include "core/base/strings.h"
#include "core/session/condition_name.h"
#include "core/session/search_record.h"
#include "core/session/session_file.h"

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>

namespace qroar::cli {

namespace {

struct Options {
    Common common;
    std::string session, csvFolder;
    std::optional<std::string> edges;
    std::optional<int> bands;
    std::vector<std::string> metrics{"overview"}, conditions;
    double epsilon = 1e-3;
    DiagnosisOptions rows;
};

Outcome<BandPartition> chooseBands(const Options& options, const Session& session) {
    const int pairs = session.model.pairs();
    if (options.edges) return BandPartition::parseEdges(*options.edges, pairs);
    if (options.bands) {
        if (*options.bands > pairs)
            return Error::bad("--bands " + std::to_string(*options.bands) + ": the model has "
                              + std::to_string(pairs) + " rotary pairs; expected 1.."
                              + std::to_string(pairs));
        return BandPartition::equal(*options.bands, pairs);
    }
    return session.bands;
}

/// What a session without an analysis holds, and what would fill it.
Error nothingToDiagnose(const std::string& path, const Session& session) {
    std::string held;
    for (const auto& search : session.searches)
        held += (held.empty() ? "" : "; ") + std::string("\"") + search->scales.name + "\" ("
                + search->settings.rope + ", " + search->settings.quant + ", "
                + searchScopeName(search->settings.scope) + " scope)";
    const std::string model = session.modelPath.empty() ? "MODEL" : shellQuoted(session.modelPath);
    const auto count = session.searches.size();
    return Error::bad(
        path + ": expected an analysis, found "
        + (held.empty()
               ? "a session without any condition"
               : "no condition with statistics of q and k, only "
                     + std::string(count == 1 ? "a search: " : std::to_string(count) + " searches: ") + held)
        + ". Statistics come from: qroar analyze " + model + " --text FILE.. --contexts N,.. -o OTHER.h5"
        + (held.empty() ? ""
                        : "; what the scales do is measured by: qroar evaluate " + model
                              + " --text FILE.. --contexts N,.. --scales " + shellQuoted(path)));
}

/// Conditions that --condition names by a part of their id, all without it.
Outcome<Conditions> chooseConditions(const Options& options, const Session& session) {
    const bool measured =
        std::any_of(session.conditions.begin(), session.conditions.end(), [](const auto& c) {
            return c->statistics.cells() > 0 || !c->sensitivity.empty() || !c->noise.empty()
                   || !c->damage.empty();
        });
    if (!measured) return nothingToDiagnose(options.session, session);
    if (options.conditions.empty()) return session.conditions;
    Conditions chosen;
    std::string ids;
    for (const auto& condition : session.conditions) {
        ids += (ids.empty() ? "" : "; ") + condition->key.text();
        if (std::any_of(
                options.conditions.begin(), options.conditions.end(),
                [&condition](const std::string& text) { return namesCondition(condition->key, text); }))
            chosen.push_back(condition);
    }
    if (chosen.empty())
        return Error::bad(options.session + ": --condition: no condition is called so; found " + ids);
    return chosen;
}

int run(const Options& options) {
    auto session = loadSession(options.session);
    if (!session) return fail(session.error());
    auto conditions = chooseConditions(options, **session);
    if (!conditions) return fail(conditions.error());
    auto bands = chooseBands(options, **session);
    if (!bands) return fail(bands.error());
    const Json document = diagnosis(**session, *conditions, *bands, options.rows);
    if (!options.csvFolder.empty())
        if (Status written = writeDiagnosisCsv(options.csvFolder, document); !written)
            return fail(written.error());
    if (options.common.json)
        print(document);
    else
        printDiagnosis(document, options.metrics, options.epsilon);
    return exitDone;
}

void addTableOptions(CLI::App& command, Options& options) {
    command
        .add_option("--metric", options.metrics,
                    "tables to print: overview, pressure, tir, excess, dilation, calibration, top-share, "
                    "sensitivity, anisotropy, noise, damage, all")
        ->check(CLI::IsMember(diagnosisMetrics))
        ->delimiter(',')
        ->capture_default_str();
    command
        .add_option("--epsilon", options.epsilon, "tail of the tables that show one: 0.01, 0.001 or 0.0001")
        ->check(CLI::IsMember(std::vector<double>{1e-2, 1e-3, 1e-4}))
        ->capture_default_str();
    command.add_option("--condition", options.conditions,
                       "only conditions whose id contains this text, e.g. yarn:4 (as many as you like)");
}

} // namespace

void addDiagnose(CLI::App& program, int& result) {
    auto options = std::make_shared<Options>();
    CLI::App* command = program.add_subcommand(
        "diagnose", "interpolation pressure, tails, ranges and sensitivities per layer and band");
    command->add_option("SESSION", options->session, "session file of analyze")->required();
    auto* bands =
        command->add_option("--bands", options->bands, "that many equal bands instead of the session's")
            ->check(fromOne());
    command->add_option("--band-edges", options->edges, "edges in pairs, e.g. 0,4,9,16")->excludes(bands);
    addTableOptions(*command, *options);
    command
        ->add_option_function<std::string>(
            "--scope", [options](const std::string& scope) { options->rows.byHead = scope == "head"; },
            "rows of the sensitivities: one a layer and pair, or one a head too")
        ->check(CLI::IsMember({"layer", "head"}))
        ->default_str("layer");
    command->add_option("--csv", options->csvFolder, "also write the tables as CSV files into this folder");
    command->add_option("--draws", options->rows.draws, "bootstrap draws of the intervals; 0 = no intervals")
        ->check(CLI::Range(0, 100000))
        ->capture_default_str();
    checkCommonValues(*command);
    addCommon(*command, options->common);
    command->callback([options, &result] { result = run(*options); });
}

} // namespace qroar::cli
