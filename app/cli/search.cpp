// qroar search: finds gains on dev documents, stores them with every trial in a session file, and reports
// what they do on documents that the search never saw.
#include "core/search/search.h"
#include "app/cli/commands.h"
#include "app/cli/outputs.h"
#include "app/cli/rank_inputs.h"
#include "app/cli/rank_setup.h"
#include "app/cli/save_pace.h"
#include "app/cli/search_report.h"
#include "app/cli/session_target.h"
#include "app/cli/validators.h"
#include "core/analysis/machine.h"
#include "core/base/strings.h"
#include "core/quantize/calibrate.h"
#include "core/session/scales_file.h"
#include "core/session/session_file.h"
#include "core/session/what_if.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <set>

namespace qroar::cli {

namespace {

struct Options {
    Common common;
    std::string diagnostics, model, output, name, rope = "model", quant, variant = "query", scope = "layer",
                                                  method = "gradient", bandEdges, field = "text", imatrix;
    std::vector<std::string> texts, reportTexts;
    std::vector<int> contexts;
    int bands = 0, maxWindows = 0, steps = 0, gridPoints = 7;
    double budget = -1, lambda = 1, delta = 0.01, l2 = -1;
    GainWindowOptions windows;
    std::vector<std::string> windowEdits; ///< LAYER:BAND:TAU
    bool resume = false, force = false, dryRun = false;
};

/// Everything a search runs with.
struct Job {
    std::shared_ptr<const Session> diagnostics; ///< null without
    Session session;                            ///< what the search is added to
    QuantSpec quant;
    std::shared_ptr<const ImportanceMatrix> importance; ///< null without --imatrix
    Provenance provenance;                              ///< of this run
    SearchPlan plan;
    std::vector<Document> reportDocuments;
    std::shared_ptr<const SearchRecord> previous; ///< with --resume
    std::optional<SessionTarget> target;          ///< absent without -o
    double secondsToPrepare = 0;
};

Outcome<std::shared_ptr<const Session>> loadIfThere(const std::string& path) {
    std::error_code ignored;
    if (path.empty() || !std::filesystem::exists(path, ignored)) return std::shared_ptr<const Session>();
    return loadSession(path);
}

Status checkSameModel(const Session& session, const Model& model, const std::string& path) {
    if (session.modelFingerprint == model.fingerprint()) return Done{};
    return Error::bad(path + ": made with another model (fingerprint " + session.modelFingerprint + ", "
                      + model.path().string() + " has " + model.fingerprint() + ")");
}

/// --band-edges, else --bands, else those of the session, else 8.
Outcome<BandPartition> bandsOf(const Options& options, const Job& job, int pairs) {
    if (!options.bandEdges.empty()) return BandPartition::parseEdges(options.bandEdges, pairs);
    if (options.bands > 0) return BandPartition::equal(options.bands, pairs);
    if (job.diagnostics) return job.diagnostics->bands;
    return BandPartition::equal(8, pairs);
}

/// --contexts, else those that the diagnostics were run at under the spec.
Outcome<std::vector<int>> contextsOf(const Options& options, const Job& job) {
    if (!options.contexts.empty()) return withoutRepeats(options.contexts);
    std::set<int> found;
    if (job.diagnostics)
        for (const auto& condition : job.diagnostics->conditions)
            if (condition->key.rope == job.plan.rope) found.insert(condition->key.context);
    if (found.empty())
        return Error::bad(
            "no context lengths: name them with --contexts, or give a session that was run under "
            + job.plan.rope.text());
    return std::vector<int>(found.begin(), found.end());
}

/// awq and gptq are calibrated on the dev documents at the longest context under the deployed spec.
Status setWeights(Job& job, ProgressSink& progress) {
    constexpr int calibrationWindows = 16;
    const int longest = *std::max_element(job.plan.contexts.begin(), job.plan.contexts.end());
    auto weights = makeWeightsOn(job.plan.documents, job.plan.rope, longest, calibrationWindows,
                                 job.plan.model, job.quant, progress, job.importance.get());
    if (!weights) return weights.error();
    job.plan.weights = std::move(*weights);
    return Done{};
}

/// Windows from the diagnostics, when there are any.
Status setWindows(Job& job) {
    if (!job.diagnostics) return Done{};
    const int longest = *std::max_element(job.plan.contexts.begin(), job.plan.contexts.end());
    const auto table = buildFrequencyTable(job.plan.rope, job.plan.model->config().ropeModel(), longest);
    if (!table) return table.error();
    auto windows = windowsFromSession(*job.diagnostics, *table, job.plan.rope, job.plan.weights->spec(),
                                      job.plan.bands, job.plan.windowOptions);
    if (!windows) return windows.error();
    job.plan.windows = std::move(*windows);
    return Done{};
}

/// --window LAYER:BAND:TAU, LAYER "all" or a number.
Status editWindows(const std::vector<std::string>& edits, SearchPlan& plan) {
    if (edits.empty()) return Done{};
    GainWindows windows = windowsOf(plan);
    for (const std::string& edit : edits) {
        const auto parts = split(edit, ':');
        long long layer = -1, band = 0;
        double tau = 0;
        if (parts.size() != 3 || (parts[0] != "all" && (!parseInt(parts[0], layer) || layer < 0))
            || !parseInt(parts[1], band) || !parseDouble(parts[2], tau) || layer > 1000000 || band > 1000000)
            return Error::bad("--window: expected LAYER:BAND:TAU such as 0:3:1.5 or all:3:1, found '" + edit
                              + "'");
        if (Status set = setWindow(windows, static_cast<int>(layer), static_cast<int>(band), tau); !set)
            return set.error().in("--window " + edit);
    }
    plan.windows = std::move(windows);
    return Done{};
}

/// Model and documents.
Status readInputs(const Options& options, Job& job) {
    RunOptions inputs;
    inputs.model = options.model;
    inputs.texts = options.texts;
    inputs.ropes = {options.rope};
    if (!options.quant.empty()) inputs.quants = {options.quant};
    inputs.imatrix = options.imatrix;
    inputs.jsonField = options.field;
    inputs.maxWindows = options.maxWindows;
    auto read = makePlan(inputs);
    if (!read) return read.error();
    if (!options.reportTexts.empty()) {
        auto report = readDocuments(*read->model, {options.reportTexts.begin(), options.reportTexts.end()},
                                    options.field);
        if (!report) return report.error();
        job.reportDocuments = **report;
    }
    if (const auto shared = sharedDocuments(*read->documents, job.reportDocuments); !shared.empty())
        return Error::bad("documents that are searched on cannot be reported on: " + shared.front()
                          + " is in --text and in --report-text");
    job.session = emptySession(*read);
    job.provenance = job.session.provenance;
    job.plan.model = read->model;
    job.plan.documents = read->documents;
    job.plan.rope = read->ropes.front();
    job.quant = read->quants.front();
    job.importance = read->importance;
    return Done{};
}

/// The session the search goes into: the output file, else the diagnostics, else a new one.
Status readSessions(const Options& options, Job& job) {
    auto diagnostics = options.diagnostics.empty() ? loadIfThere({}) : loadSession(options.diagnostics);
    if (!diagnostics) return diagnostics.error();
    job.diagnostics = *diagnostics;
    const FileStamp known = stampOf(options.output); // before it is read: what comes later is noticed
    auto output = loadIfThere(options.output);
    if (!output) return output.error();
    if (!options.output.empty() && job.plan.ranks->first())
        job.target.emplace(options.output, *output, known);
    for (const auto& [session, path] :
         {std::pair(*diagnostics, options.diagnostics), {*output, options.output}})
        if (session)
            if (Status same = checkSameModel(*session, *job.plan.model, path); !same) return same;
    if (*output || *diagnostics) job.session = *output ? **output : **diagnostics;
    return Done{};
}

/// The report documents have windows for everything that will be reported: said now, not after the search.
Status checkReportable(const Job& job) {
    if (job.reportDocuments.empty()) return Done{};
    for (const int context : job.plan.contexts)
        if (auto windows = cutWindows(job.reportDocuments, context, job.plan.maxWindows); !windows)
            return windows.error().in("--report-text");
    return Done{};
}

/// Which record is continued, or how a new one is called.
Status chooseRecord(const Options& options, Job& job) {
    const auto& searches = job.session.searches;
    const auto named = [&](const auto& record) { return record->scales.name == options.name; };
    auto found = std::find_if(searches.begin(), searches.end(), named);
    if (options.resume) {
        if (options.name.empty() && !searches.empty()) found = searches.end() - 1;
        if (found == searches.end())
            return Error::notFound("nothing to resume: " + options.output + " holds no search"
                                   + (options.name.empty() ? "" : " named " + options.name));
        job.previous = *found;
        job.plan.name = job.previous->scales.name;
        return Done{};
    }
    if (found != searches.end() || (!options.name.empty() && scalesNamed(job.session, options.name).scales))
        return Error::bad(options.output + ": holds scales named " + options.name
                          + " already: choose another --name, or --resume it");
    if (!options.name.empty())
        if (Status sayable = checkScalesName(options.name); !sayable) return sayable;
    char number[24];
    for (std::size_t at = searches.size();; ++at) { // "000", unless somebody took that name
        std::snprintf(number, sizeof number, "%03zu", at);
        job.plan.name = options.name.empty() ? number : options.name;
        if (!scalesNamed(job.session, job.plan.name).scales) return Done{};
    }
}

Outcome<Job> prepare(const Options& options, Ranks& ranks, ProgressSink& progress) {
    Job job;
    job.plan.ranks = &ranks;
    if (Status read = readInputs(options, job); !read) return read.error();
    if (Status read = readSessions(options, job); !read) return read.error();
    if (Status chosen = chooseRecord(options, job); !chosen) return chosen.error();
    SearchPlan& plan = job.plan;
    plan.variant = *parseSearchVariant(options.variant);
    plan.scope = *parseSearchScope(options.scope);
    plan.method = *parseSearchMethod(options.method);
    auto bands = bandsOf(options, job, plan.model->config().pairs());
    if (!bands) return bands.error();
    plan.bands = std::move(*bands);
    auto contexts = contextsOf(options, job);
    if (!contexts) return contexts.error();
    plan.contexts = std::move(*contexts);
    plan.maxWindows = options.maxWindows;
    if (Status reportable = checkReportable(job); !reportable) return reportable.error();
    plan.lambda = options.lambda;
    plan.delta = options.delta;
    if (options.l2 >= 0) plan.l2 = options.l2;
    plan.steps = options.steps;
    if (options.budget >= 0) plan.budget = options.budget;
    if (job.previous) { // what is not said is as before, also in what is saved on the way
        if (plan.steps == 0) plan.steps = job.previous->settings.steps;
        if (!plan.budget) plan.budget = job.previous->settings.budget;
    }
    plan.gridPoints = options.gridPoints;
    plan.windowOptions = options.windows;
    plan.force = options.force;
    plan.command = commandLine();
    if (Status set = setWeights(job, progress); !set) return set.error();
    if (Status set = setWindows(job); !set) return set.error();
    if (Status set = editWindows(options.windowEdits, plan); !set) return set.error();
    return job;
}

/// The session with the record in it: in the place of the one it continues, else at the end.
Session withRecord(const Job& job, const SearchRecord& record) {
    Session session = job.session;
    auto shared = std::make_shared<const SearchRecord>(record);
    const auto place = std::find(session.searches.begin(), session.searches.end(), job.previous);
    if (job.previous && place != session.searches.end())
        *place = std::move(shared);
    else
        session.searches.push_back(std::move(shared));
    return session;
}

Status save(Job& job, const SearchRecord& record) {
    return job.target ? job.target->save(withRecord(job, record)) : Status(Done{});
}

/// A record is the work of all commands that went on with it; it began when the first one did.
Provenance provenanceOf(const Job& job) {
    Provenance provenance = job.provenance;
    if (!job.previous) return provenance;
    provenance.created = job.previous->provenance.created;
    if (job.previous->provenance.command != provenance.command)
        provenance.command = job.previous->provenance.command + "\n" + provenance.command;
    return provenance;
}

/// Runs and saves after each trial, as SavePace says. Trials of before are taken again from what is stored:
/// until all of them are, the file has more than this run.
Outcome<SearchRecord> runAndSave(Job& job, ProgressSink& progress) {
    const std::size_t stored = job.previous ? job.previous->trials.size() : 0;
    std::vector<SearchTrial> trials;
    SavePace pace;
    const auto watcher = [&](const SearchUpdate& update) {
        trials.push_back(update.trial);
        if (!job.target || trials.size() <= stored || !pace.due()) return;
        const Status written = pace.timed([&]() -> Status {
            auto soFar = recordSoFar(job.plan, trials);
            if (!soFar) return soFar.error();
            soFar->provenance = provenanceOf(job);
            return save(job, *soFar);
        });
        if (!written) std::cerr << "qroar: warning: " << written.error().message << '\n';
    };
    auto record = runSearch(job.plan, progress, watcher, job.previous.get());
    if (!record) { // what was found before it went wrong is kept
        auto soFar =
            trials.size() <= stored ? Outcome<SearchRecord>(record.error()) : recordSoFar(job.plan, trials);
        if (soFar) soFar->provenance = provenanceOf(job);
        if (soFar && job.target && save(job, *soFar))
            std::cerr << "qroar: " << trials.size() << " trials are in " << job.target->path() << '\n';
        return record.error();
    }
    record->provenance = provenanceOf(job);
    if (record->trials.size() < std::max<std::size_t>(stored, 1)) return record; // nothing new to keep
    if (Status written = save(job, *record); !written) return written.error();
    return record;
}

/// Without the report.
double secondsOf(const SearchPlan& plan, const SearchPreview& preview) {
    const ModelConfig& config = plan.model->config();
    const bool gradient = plan.method == SearchMethod::Gradient;
    const MachineSpeed speed = measureMachine(config, {false, gradient});
    const SearchWork& work = preview.work;
    const bool rounded = plan.weights->spec().kind == QuantKind::Rtn;
    double seconds =
        work.headWeights / speed.converted + work.layerWeights / (rounded ? speed.rounded : speed.converted);
    for (std::size_t at = 0; at < plan.contexts.size(); ++at)
        seconds += gradient ? speed.pass.reverseSeconds(config, plan.contexts[at], work.operations[at])
                            : speed.pass.seconds(config, plan.contexts[at], work.operations[at]);
    return seconds;
}

void printPreview(const Options& options, const Job& job, const SearchPreview& preview) {
    const SearchPlan& plan = job.plan;
    const double seconds = job.secondsToPrepare + secondsOf(plan, preview);
    if (options.common.json) {
        Json json = previewJson(plan, preview);
        json["seconds"] = seconds;
        json["ranks"] = preview.ranks;
        json["peak_bytes"] = preview.peakBytes;
        print({{"schema", 1}, {"preview", std::move(json)}});
        return;
    }
    printWindows(plan, preview);
    std::cout << "\n"
              << preview.dimension << " gains on " << preview.windowCount << " dev windows; at most "
              << fixed(preview.mostForwardEquivalents, 0) << " forward-pass equivalents, about "
              << formatDuration(seconds) << " and " << formatBytes(preview.peakBytes) << " of memory"
              << onEach(preview.ranks) << (job.reportDocuments.empty() ? "" : ", without the report") << "\n";
}

SearchReportTask reportTask(const Job& job) {
    SearchReportTask task;
    task.model = job.plan.model;
    task.weights = cachedWeights(job.plan.weights);
    task.rope = job.plan.rope;
    task.documents = std::make_shared<const std::vector<Document>>(job.reportDocuments);
    task.contexts = job.plan.contexts;
    task.options.maxWindows = job.plan.maxWindows;
    task.options.ranks = job.plan.ranks;
    return task;
}

/// Reads everything and makes the weights; a preview says what the search will be like.
Status prepareAll(const Options& options, Ranks& ranks, ProgressSink& progress, Outcome<Job>& job,
                  Outcome<SearchPreview>& preview) {
    job = prepare(options, ranks, progress);
    if (!job) return job.error();
    preview = previewSearch(job->plan);
    if (!preview) return preview.error();
    const int together = ranks.onThisMachine();
    const std::string what =
        together > 1 ? "this search, " + std::to_string(together) + " ranks on this machine together,"
                     : std::string("this search");
    if (Status fits = checkMemory(together * preview->peakBytes, what); !fits)
        return Error::outOfMemory(fits.error().message + ": use shorter contexts, or --max-windows");
    return Done{};
}

/// Collective: every rank has read the same, and goes on with the same search.
Status agreeOnInputs(const Options& options, const Job& job, Ranks& ranks) {
    if (ranks.alone()) return Done{};
    RankInputs inputs;
    inputs.add("the model", job.plan.model->fingerprint());
    inputs.addDocuments("--text", *job.plan.documents);
    inputs.addDocuments("--report-text", job.reportDocuments);
    inputs.addFile("SESSION", options.diagnostics);
    inputs.addFile("--imatrix", options.imatrix);
    if (job.previous) inputs.addSearch(options.output, *job.previous);
    return ranks.agreeOn(inputs.all());
}

int run(const Options& options, Ranks& ranks) {
    if (options.resume && options.output.empty()) {
        std::cerr << "qroar: search: --resume needs the session file, -o FILE\n";
        return exitUsage;
    }
    useThreads(options.common);
    ConsoleProgress console; // from here on, Ctrl-C asks to stop and keeps what is done
    RankProgress progress(console, ranks);
    Outcome<Job> job = Error::cancelled();
    Outcome<SearchPreview> preview = Error::cancelled();
    const auto start = std::chrono::steady_clock::now();
    Status ready = ranks.together("preparation", progress,
                                  [&] { return prepareAll(options, ranks, progress, job, preview); });
    if (ready) ready = agreeOnInputs(options, *job, ranks);
    if (!ready) return fail(ready.error());
    job->secondsToPrepare = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (const std::string& note : preview->notes) std::cerr << "note: " << note << '\n';
    if (options.dryRun) {
        printPreview(options, *job, *preview);
        return exitDone;
    }
    if (options.output.empty()) std::cerr << "note: without -o FILE the scales are printed and not kept\n";
    const Status writable = options.output.empty() || !ranks.first()
                                ? Status(Done{})
                                : checkOutput(options.output, sessionOutput, {});
    if (Status all = ranks.agree("output", writable); !all)
        return fail(writable ? all.error() : writable.error());
    auto record = runAndSave(*job, progress);
    if (!record) return fail(record.error());
    std::optional<SearchReport> report;
    if (record->finished && !job->reportDocuments.empty()) {
        auto found = reportSearch(reportTask(*job), *record, progress);
        if (!found && found.error().code != ErrorCode::Cancelled) return fail(found.error());
        if (found)
            report = std::move(*found);
        else
            std::cerr << "qroar: the report was cancelled; --resume with the same documents makes it\n";
        if (Status written = save(*job, *record); !written) return fail(written.error());
    }
    console.finishLine();
    const std::string output = job->target ? job->target->path() : std::string();
    if (job->target) record->scales.name = job->target->nameOf(record->scales.name);
    if (options.common.json)
        print(searchJson(job->plan, *record, report, output));
    else
        printSearch(job->plan, *record, report, output);
    return progress.cancelled() ? exitCancelled : exitDone;
}

void addObjectiveOptions(CLI::App& command, Options& options) {
    command.add_option("--lambda", options.lambda, "weight of the short-context guard; 0 switches it off")
        ->check(fromZero())
        ->capture_default_str();
    command.add_option("--delta", options.delta, "nats that short context may lose before the guard acts")
        ->check(fromZero())
        ->capture_default_str();
    command
        .add_option("--l2", options.l2,
                    "weight of sum theta^2, theta = ln gain [60 / predicted tokens of the dev windows]")
        ->check(fromZero());
    command
        .add_option("--tau-min", options.windows.least,
                    "window of a band without pressure: gains in [1/tau, tau]")
        ->check(fromOne())
        ->capture_default_str();
    command
        .add_option("--tau-max", options.windows.most, "widest window, and every window without diagnostics")
        ->check(fromOne())
        ->capture_default_str();
    command
        .add_option("--window", options.windowEdits,
                    "LAYER:BAND:TAU, window of one band by hand (LAYER: all or a number); 1 holds the gain")
        ->delimiter(',');
    command.add_option("--steps", options.steps, "most gradient steps [40], or passes of the grid [3]")
        ->check(fromOne());
    command
        .add_option("--budget", options.budget,
                    "most forward-pass equivalents [20; no limit for the grid]; 0 = no limit")
        ->check(fromZero());
    command.add_option("--grid-points", options.gridPoints, "gains of a band's grid, odd")
        ->check(CLI::Range(3, 99))
        ->capture_default_str();
}

void addInputOptions(CLI::App& command, Options& options) {
    command.add_option("SESSION", options.diagnostics,
                       "session of qroar analyze: windows, bands and contexts come from its diagnostics");
    command.add_option("--model", options.model, "HF folder, .safetensors or .gguf file, or llama2.c .bin")
        ->required();
    command.add_option("--text", options.texts, "documents to search on")->required();
    command.add_option("--report-text", options.reportTexts, "other documents, to report on");
    command.add_option("--contexts", options.contexts, "context lengths in tokens, e.g. 256,1024")
        ->delimiter(',');
    command.add_option("--rope", options.rope, "the RoPE spec that will be deployed")->capture_default_str();
    command.add_option("--quant", options.quant,
                       "the weight variant that will be deployed [the model as it is]");
    command.add_option("--imatrix", options.imatrix, imatrixHelp);
    command.add_option("--max-windows", options.maxWindows, "at most N windows of each document; 0 = all")
        ->check(fromZero())
        ->capture_default_str();
    command.add_option("--field", options.field, "text field of .jsonl documents")->capture_default_str();
}

} // namespace

void addSearch(CLI::App& program, Ranks& ranks, int& result) {
    auto options = std::make_shared<Options>();
    CLI::App* command = program.add_subcommand(
        "search", "gains per band that lower the loss, found on some documents and reported on others");
    addInputOptions(*command, *options);
    command->add_option("--variant", options->variant, "where gains go: query, key, shared or symmetric")
        ->check(CLI::IsMember({"query", "key", "shared", "symmetric"}))
        ->capture_default_str();
    command
        ->add_option("--scope", options->scope,
                     "one gain per band of the model, of each layer, or of each head")
        ->check(CLI::IsMember({"model", "layer", "head"}))
        ->capture_default_str();
    command->add_option("--method", options->method, "grid (the papers' search) or gradient")
        ->check(CLI::IsMember({"grid", "gradient"}))
        ->capture_default_str();
    auto* bands =
        command->add_option("--bands", options->bands, "number of equal bands [the session's, or 8]")
            ->check(CLI::Range(1, 4096));
    command->add_option("--band-edges", options->bandEdges, "edges in pairs, e.g. 0,4,9")->excludes(bands);
    addObjectiveOptions(*command, *options);
    command->add_flag("--force", options->force, "search even what cannot matter (symmetric)");
    command->add_flag("--resume", options->resume,
                      "go on with a search that was stopped: the last one in the file, or --name");
    command->add_flag("--dry-run", options->dryRun, "only show windows and cost");
    command->add_option("--name", options->name, "name of the scales [their number in the session]");
    command->add_option("-o,--output", options->output, "session file (.h5) that the search is added to");
    checkCommonValues(*command);
    addCommon(*command, options->common);
    command->callback([options, &ranks, &result] { result = run(*options, ranks); });
}

} // namespace qroar::cli
