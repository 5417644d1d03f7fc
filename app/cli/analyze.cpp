// qroar analyze: every condition through the model with capture, into a session file that is saved after each
// condition.
#include "app/cli/commands.h"
#include "app/cli/outputs.h"
#include "app/cli/rank_inputs.h"
#include "app/cli/rank_setup.h"
#include "app/cli/rows.h"
#include "app/cli/save_pace.h"
#include "app/cli/session_target.h"
#include "app/cli/validators.h"
#include "core/base/strings.h"
#include "core/session/packing_speed.h"
#include "core/session/session_file.h"

#include <algorithm>
#include <chrono>
#include <iostream>

namespace qroar::cli {

namespace {

struct Options {
    Common common;
    RunOptions run;
    std::string output;
    std::vector<std::string> scales;
    int bands = 8;
    bool resume = false, overwrite = false, dryRun = false, groupPerKvHead = false, gradients = false,
         divergence = false;
    bool noise = false;
    DamageScope damage = DamageScope::None;
};

void printEstimate(const AnalysisEstimate& estimate, bool json) {
    for (const std::string& note : estimate.notes) std::cerr << "note: " << note << '\n';
    if (json) {
        print({{"schema", 1},
               {"estimate",
                {{"seconds", estimate.seconds},
                 {"ranks", estimate.ranks},
                 {"peak_bytes", estimate.peakBytes},
                 {"file_bytes", estimate.fileBytes},
                 {"tokens", estimate.tokens}}}});
        return;
    }
    std::cout << "about " << formatDuration(estimate.seconds) << " for " << formatCount(estimate.tokens)
              << " tokens, " << formatBytes(estimate.peakBytes) << " of memory" << onEach(estimate.ranks)
              << ", " << formatBytes(estimate.fileBytes) << " on disk\n";
}

/// The session to go on with: none, or the one in the output file when --resume was given.
Outcome<std::shared_ptr<const Session>> previousSession(const Options& options) {
    const bool onlyAsked = options.dryRun && !options.resume; // then what stands there does not matter
    if (!std::filesystem::exists(options.output) || options.overwrite || onlyAsked)
        return std::shared_ptr<const Session>();
    if (!options.resume)
        return Error::bad(options.output
                          + ": exists already: use --resume to add what it lacks, or --overwrite");
    return loadSession(options.output);
}

/// What the run may find in its file later and must not take for somebody's addition: what it goes on with,
/// or replaces (null when that cannot be read).
std::shared_ptr<const Session> knownSession(const Options& options, std::shared_ptr<const Session> previous) {
    if (previous || !options.overwrite || !std::filesystem::exists(options.output)) return previous;
    auto replaced = loadSession(options.output);
    return replaced ? *replaced : nullptr;
}

void printSummary(const Options& options, const Session& session, const std::string& output) {
    if (!options.common.json) {
        printEvaluation(session.conditions, Convention::All);
        std::cout << "\nsaved in " << output << '\n';
        return;
    }
    Json rows = Json::array();
    for (const auto& condition : session.conditions) {
        Json row = evaluationRow(*condition, Convention::All);
        row["seconds"] = condition->seconds;
        rows.push_back(std::move(row));
    }
    print({{"schema", 1},
           {"session", output},
           {"model", {{"path", session.modelPath}, {"fingerprint", session.modelFingerprint}}},
           {"results", std::move(rows)}});
}

/// Runs the plan and saves after each condition, as SavePace says.
/// `partial` holds what is done, also when an error ends the run.
Outcome<std::shared_ptr<const Session>> runAndSave(const AnalysisPlan& plan, SessionTarget& output,
                                                   Session& partial,
                                                   const std::shared_ptr<const Session>& previous,
                                                   ProgressSink& progress) {
    SavePace pace;
    auto session = runAnalysis(
        plan, progress,
        [&](std::shared_ptr<const ConditionResult> condition) {
            partial.put(std::move(condition));
            if (!plan.ranks->first() || !pace.due()) return;
            if (const Status saved = pace.timed([&] { return output.save(partial); }); !saved)
                std::cerr << "qroar: warning: " << saved.error().message << '\n';
        },
        previous);
    if (!session
        || (previous ? (*session)->conditions == previous->conditions : (*session)->conditions.empty()))
        return session; // nothing done: whatever stands there stays
    if (!plan.ranks->first()) return session;
    if (Status saved = output.save(**session); !saved) return saved.error();
    return session;
}

/// Everything an analysis runs with.
struct Job {
    AnalysisPlan plan;
    FileStamp known; ///< of the output file, before it was read: what comes later is noticed
    std::shared_ptr<const Session> previous; ///< with --resume
    AnalysisEstimate estimate;
    double secondsToPrepare = 0;
};

Status prepare(const Options& options, Ranks& ranks, Job& job) {
    auto plan = makePlan(options.run);
    if (!plan) return plan.error();
    plan->bands = options.bands;
    plan->groupPerKvHead = options.groupPerKvHead;
    plan->gradients = options.gradients;
    plan->noise = options.noise;
    plan->damage = options.damage;
    plan->divergence = options.divergence;
    plan->ranks = &ranks;
    for (const std::string& named : options.scales) {
        auto set = readScales(named, *plan->model);
        if (!set) return set.error();
        plan->scales.push_back(std::move(*set));
    }
    if (Status replaces = checkReplaces(options.output, sessionOutput, inputsOf(options.run)); !replaces)
        return replaces;
    job.known = stampOf(options.output);
    auto previous = previousSession(options);
    if (!previous) return previous.error();
    auto estimate = estimateAnalysis(*plan, previous->get());
    if (!estimate) return estimate.error();
    job.plan = std::move(*plan);
    job.previous = std::move(*previous);
    job.estimate = std::move(*estimate);
    return Done{};
}

/// Collective: every rank has read the same, and finds the same missing in the session it goes on with.
Status agreeOnInputs(const Options& options, const Job& job, Ranks& ranks) {
    if (ranks.alone()) return Done{};
    RankInputs inputs;
    inputs.addPlan(job.plan);
    inputs.addFile("--imatrix", options.run.imatrix);
    if (options.resume && job.previous) { // else only rank 0 looks at what stands there
        inputs.add(options.output, "a session");
        inputs.add(options.output + ": bands", job.previous->bands.text());
        for (const ConditionKey& key : job.plan.conditions())
            inputs.add(options.output + ": missing of " + key.text(), job.plan.lackingOf(*job.previous, key));
    }
    return ranks.agreeOn(inputs.all());
}

int runPrepared(const Options& options, const Job& job, const Ranks& ranks, ConsoleProgress& console,
                RankProgress& progress) {
    for (const std::string& note : job.estimate.notes) std::cerr << "note: " << note << '\n';

    Session partial = job.previous ? *job.previous : emptySession(job.plan);
    SessionTarget output(options.output, knownSession(options, job.previous), job.known);
    const auto session = runAndSave(job.plan, output, partial, job.previous, progress);
    console.finishLine();
    if (!session) {
        if (ranks.first() && !partial.conditions.empty() && output.save(partial))
            std::cerr << "qroar: " << partial.conditions.size() << " finished conditions are in "
                      << output.path() << '\n';
        return fail(session.error());
    }
    if ((*session)->conditions.empty()) {
        std::cerr << "cancelled before the first condition was done: nothing was written\n";
        return exitCancelled;
    }
    printSummary(options, **session, output.path());
    const auto keys = job.plan.conditions();
    const auto done = std::count_if(keys.begin(), keys.end(),
                                    [&](const ConditionKey& key) { return job.plan.isDone(**session, key); });
    if (static_cast<std::size_t>(done) == keys.size()) return exitDone;
    std::cerr << "cancelled: " << done << " of " << keys.size() << " conditions are in " << output.path()
              << "; go on with --resume\n";
    return exitCancelled;
}

/// With what this command does beside the analysis: reading and checking everything, and saving.
AnalysisEstimate estimateOf(const Job& job) {
    AnalysisEstimate estimate = job.estimate;
    const double packing = packingSpeed();
    estimate.seconds += job.secondsToPrepare
                        + SavePace::expected(estimate.conditionSeconds, estimate.packedBytes / packing,
                                             estimate.heldBytes / packing);
    return estimate;
}

int run(const Options& options, Ranks& ranks) {
    if (options.output.empty() && !options.dryRun) {
        std::cerr << "qroar: analyze: name the session file with -o FILE (or ask for --dry-run)\n";
        return exitUsage;
    }
    useThreads(options.common);
    ConsoleProgress console; // from here on, Ctrl-C asks to stop and keeps what is done
    RankProgress progress(console, ranks);
    Job job;
    const auto start = std::chrono::steady_clock::now();
    Status ready = ranks.together("preparation", progress, [&] { return prepare(options, ranks, job); });
    job.secondsToPrepare = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (ready) ready = agreeOnInputs(options, job, ranks);
    if (!ready) return fail(ready.error());
    if (options.dryRun) {
        printEstimate(estimateOf(job), options.common.json);
        return exitDone;
    }
    const Status writable =
        ranks.first() ? checkOutput(options.output, sessionOutput, inputsOf(options.run)) : Status(Done{});
    if (Status all = ranks.agree("output", writable); !all)
        return fail(writable ? all.error() : writable.error());
    return runPrepared(options, job, ranks, console, progress);
}

void addNoiseOptions(CLI::App& command, const std::shared_ptr<Options>& options) {
    command.add_flag(
        "--noise", options->noise,
        "also how far q, k and the attention logits of quantized conditions are from full precision "
        "(two more passes)");
    command
        .add_option_function<std::string>(
            "--damage",
            [options](const std::string& scope) {
                options->damage = scope == "bands" ? DamageScope::Bands : DamageScope::Layers;
            },
            "also what quantizing one layer alone costs (layers), and one band of Q or K in it (bands: many "
            "passes); use few windows")
        ->check(CLI::IsMember({"layers", "bands"}));
}

} // namespace

void addAnalyze(CLI::App& program, Ranks& ranks, int& result) {
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
    command->add_option("--scales", options->scales,
                        "run.h5[:NAME]: every condition also with these scales of a search");
    command->add_flag("--gradients", options->gradients,
                      "also how the loss reacts to gains and frequencies (one reverse pass a condition)");
    command->add_flag("--divergence", options->divergence,
                      "also how far quantized predictions are from full precision (it runs beside)");
    addNoiseOptions(*command, options);
    auto* resume = command->add_flag(
        "--resume", options->resume,
        "add the conditions (and divergence, gradients, noise, damage) that the file lacks");
    command->add_flag("--overwrite", options->overwrite, "replace an existing session file")
        ->excludes(resume);
    command->add_flag("--dry-run", options->dryRun, "only estimate time, memory and file size");
    checkCommonValues(*command);
    addCommon(*command, options->common);
    command->callback([options, &ranks, &result] { result = run(*options, ranks); });
}

} // namespace qroar::cli
