// qroar analyze: every condition through the model with capture, into a session file that is saved after each
// condition.
#include "app/cli/commands.h"
#include "app/cli/inputs.h"
#include "app/cli/rows.h"
#include "core/base/strings.h"
#include "core/session/session_file.h"

#include <iostream>

namespace qroar::cli {

namespace {

struct Options {
    Common common;
    RunOptions run;
    std::string output;
    int bands = 8;
    bool resume = false, overwrite = false, dryRun = false, groupPerKvHead = false;
};

void printEstimate(const AnalysisEstimate& estimate, bool json) {
    for (const std::string& note : estimate.notes) std::cerr << "note: " << note << '\n';
    if (json) {
        print({{"schema", 1},
               {"estimate",
                {{"seconds", estimate.seconds},
                 {"peak_bytes", estimate.peakBytes},
                 {"file_bytes", estimate.fileBytes},
                 {"tokens", estimate.tokens}}}});
        return;
    }
    std::cout << "about " << formatDuration(estimate.seconds) << " for " << formatCount(estimate.tokens)
              << " tokens, " << formatBytes(estimate.peakBytes) << " of memory, "
              << formatBytes(estimate.fileBytes) << " on disk\n";
}

/// The session to go on with: none, or the one in the output file when --resume was given.
Outcome<std::shared_ptr<const Session>> previousSession(const Options& options) {
    if (!std::filesystem::exists(options.output) || options.overwrite)
        return std::shared_ptr<const Session>();
    if (!options.resume)
        return Error::bad(options.output
                          + ": exists already: use --resume to add what it lacks, or --overwrite");
    return loadSession(options.output);
}

void printSummary(const Options& options, const Session& session) {
    if (!options.common.json) {
        printEvaluation(session.conditions, Convention::All);
        std::cout << "\nsaved " << options.output << '\n';
        return;
    }
    Json rows = Json::array();
    for (const auto& condition : session.conditions) {
        Json row = evaluationRow(*condition, Convention::All);
        row["seconds"] = condition->seconds;
        rows.push_back(std::move(row));
    }
    print({{"schema", 1},
           {"session", options.output},
           {"model", {{"path", session.modelPath}, {"fingerprint", session.modelFingerprint}}},
           {"results", std::move(rows)}});
}

int run(const Options& options) {
    useThreads(options.common);
    auto plan = makePlan(options.run);
    if (!plan) return fail(plan.error());
    plan->bands = options.bands;
    plan->groupPerKvHead = options.groupPerKvHead;
    auto estimate = estimateAnalysis(*plan);
    if (!estimate) return fail(estimate.error());
    if (options.dryRun) {
        printEstimate(*estimate, options.common.json);
        return exitDone;
    }
    if (options.output.empty()) return fail(Error::bad("analyze: name the session file with -o FILE"));
    auto previous = previousSession(options);
    if (!previous) return fail(previous.error());
    const auto folder = std::filesystem::absolute(options.output).parent_path();
    if (!std::filesystem::is_directory(folder))
        return fail(Error::notFound(folder.string() + ": no such folder for " + options.output));
    for (const std::string& note : estimate->notes) std::cerr << "note: " << note << '\n';

    // After each condition the file holds all that is done: an interrupted run loses one condition at most.
    Session partial = *previous ? **previous : emptySession(*plan);
    Status saved = Done{};
    bool cancelled = false;
    Outcome<std::shared_ptr<const Session>> session = [&] {
        ConsoleProgress progress;
        double lastSave = 0;
        auto result = runAnalysis(
            *plan, progress,
            [&](std::shared_ptr<const ConditionResult> condition) {
                lastSave += condition->seconds;
                partial.conditions.push_back(std::move(condition));
                if (lastSave < 20) return; // writing costs about a second: not after every short condition
                lastSave = 0;
                saved = saveSession(partial, options.output);
            },
            *previous);
        cancelled = progress.cancelled();
        return result;
    }();
    if (!session) {
        if (!partial.conditions.empty() && saveSession(partial, options.output))
            std::cerr << "qroar: " << partial.conditions.size() << " finished conditions are in "
                      << options.output << '\n';
        return fail(session.error());
    }
    saved = saveSession(**session, options.output);
    if (!saved) return fail(saved.error());
    printSummary(options, **session);
    if (cancelled)
        std::cerr << "cancelled: " << (*session)->conditions.size() << " of " << plan->conditions().size()
                  << " conditions are in " << options.output << "; go on with --resume\n";
    return cancelled ? exitCancelled : exitDone;
}

} // namespace

void addAnalyze(CLI::App& program, int& result) {
    auto options = std::make_shared<Options>();
    CLI::App* command =
        program.add_subcommand("analyze", "statistics of q and k and perplexity for every condition");
    addRunOptions(*command, options->run);
    command->add_option("-o,--output", options->output, "session file (.h5)");
    command->add_option("--bands", options->bands, "number of equal bands to begin with")
        ->check(CLI::Range(1, 4096))
        ->capture_default_str();
    command->add_flag("--per-kv-head", options->groupPerKvHead,
                      "keep statistics per KV head group instead of pooling all heads");
    command->add_flag("--resume", options->resume, "add the conditions that the session file lacks");
    command->add_flag("--overwrite", options->overwrite, "replace an existing session file");
    command->add_flag("--dry-run", options->dryRun, "only estimate time, memory and file size");
    addCommon(*command, options->common);
    command->callback([options, &result] { result = run(*options); });
}

} // namespace qroar::cli
