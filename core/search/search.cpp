#include "core/search/search.h"

#include "core/base/program_bytes.h"
#include "core/base/strings.h"
#include "core/inference/forward.h"
#include "core/inference/reverse.h"
#include "core/scales/folded_gains.h"
#include "core/search/gradient_search.h"
#include "core/search/grid_search.h"
#include "core/search/search_work.h"
#include "core/session/document_change.h"
#include "core/text/text_overlap.h"

#include <omp.h>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

constexpr int defaultSteps = 40, defaultPasses = 3;
constexpr double mostTau = 1e6;          ///< beyond, logits overflow
constexpr double mostGridTrials = 50000; ///< of a pass: beyond, nobody would see the end of it

Status checkPlan(const SearchPlan& plan) {
    if (!plan.model || !plan.weights || !plan.documents)
        return Error::bad("a search needs a model, weights and documents");
    if (plan.documents->empty()) return Error::bad("no documents: add at least one text to search on");
    if (plan.contexts.empty()) return Error::bad("a search needs at least one context length");
    for (const double value : {plan.lambda, plan.delta, plan.l2.value_or(0), plan.budget.value_or(0)})
        if (!(value >= 0) || std::isinf(value))
            return Error::bad(
                "lambda, delta, l2 and budget of a search: expected finite numbers from 0 on, found "
                + formatNumber(value));
    if (plan.steps < 0) return Error::bad("steps of a search must not be negative");
    if (plan.method == SearchMethod::Grid && (plan.gridPoints < 3 || plan.gridPoints % 2 == 0))
        return Error::bad(
            "grid points: expected an odd number from 3 on, so that 1 is among the gains, found "
            + std::to_string(plan.gridPoints));
    const GainWindowOptions& windows = plan.windowOptions;
    if (!(windows.least > 1) || !(windows.most >= windows.least) || !(windows.most <= mostTau))
        return Error::bad("windows: expected 1 < least <= most <= " + formatNumber(mostTau) + ", found "
                          + formatNumber(windows.least) + " and " + formatNumber(windows.most));
    if (!plan.force) return checkVariantMatters(plan.variant, plan.weights->spec());
    return Done{};
}

/// T of the data term: means over T_L tokens, weighted with w_L, vary like one over 1 / sum w_L^2 / T_L of
/// them.
double effectiveTokens(const SearchPlan& plan, const std::vector<double>& weights) {
    double inverse = 0;
    for (std::size_t at = 0; at < plan.contexts.size(); ++at) {
        const auto windows = cutWindows(*plan.documents, plan.contexts[at], plan.maxWindows);
        const double tokens = windows ? static_cast<double>(windows->size()) * (plan.contexts[at] - 1) : 0;
        inverse += weights[at] * weights[at] / std::max(tokens, 1.0);
    }
    return 1 / inverse;
}

SearchSettings settingsOf(const SearchPlan& plan) {
    const bool grid = plan.method == SearchMethod::Grid;
    SearchSettings settings;
    settings.rope = plan.rope.text();
    settings.quant = plan.weights->spec().text();
    settings.variant = plan.variant;
    settings.scope = plan.scope;
    settings.method = plan.method;
    settings.bandEdges = plan.bands.edges();
    settings.contexts = plan.contexts;
    settings.contextWeights = contextWeights(plan.contexts);
    settings.maxWindows = plan.maxWindows;
    settings.lambda = plan.lambda;
    settings.delta = plan.delta;
    settings.l2 = plan.l2.value_or(priorStrength(effectiveTokens(plan, settings.contextWeights)));
    settings.steps = plan.steps > 0 ? plan.steps : grid ? defaultPasses : defaultSteps;
    settings.gridPoints = grid ? plan.gridPoints : 0;
    settings.budget = plan.budget.value_or(grid ? 0 : gradientBudget);
    const GainWindows windows = windowsOf(plan);
    settings.windows = windows.tau.values;
    settings.priority = windows.priority.values;
    settings.windowSource = windows.source;
    return settings;
}

/// Which setting two searches differ in; empty when none.
std::string differingSetting(const SearchSettings& a, const SearchSettings& b) {
    if (a.rope != b.rope) return "RoPE spec (" + a.rope + ", now " + b.rope + ")";
    if (a.quant != b.quant) return "weights (" + a.quant + ", now " + b.quant + ")";
    if (a.variant != b.variant) return "variant";
    if (a.scope != b.scope) return "scope";
    if (a.method != b.method) return "method";
    if (a.bandEdges != b.bandEdges) return "bands";
    if (a.contexts != b.contexts) return "contexts";
    if (a.maxWindows != b.maxWindows) return "window limit";
    if (a.lambda != b.lambda || a.delta != b.delta || a.l2 != b.l2) return "objective (lambda, delta or l2)";
    if (a.windows != b.windows || a.priority != b.priority) return "windows of the gains";
    if (a.gridPoints != b.gridPoints) return "grid points";
    return a == b ? "" : "settings";
}

std::vector<SessionDocument> describe(const std::vector<Document>& documents) {
    std::vector<SessionDocument> described;
    for (const Document& document : documents)
        described.push_back({document.name, document.path, document.fingerprint,
                             static_cast<long long>(document.tokens.size()), textSketch(document.tokens)});
    return described;
}

/// Steps and budget may be raised to go on with a search that has ended; to lower them would forget trials.
Status checkPrevious(const SearchPlan& plan, SearchSettings settings, const SearchRecord& previous) {
    if (previous.scales.modelFingerprint != plan.model->fingerprint())
        return Error::bad("the earlier search used another model (fingerprint "
                          + previous.scales.modelFingerprint + ", this one has " + plan.model->fingerprint()
                          + "): start a new search");
    std::vector<SessionDocument> now;
    for (const Document& document : *plan.documents)
        now.push_back({document.name,
                       document.path,
                       document.fingerprint,
                       static_cast<long long>(document.tokens.size()),
                       {}});
    if (const std::string change = documentChange(previous.documents, now); !change.empty())
        return Error::bad("the earlier search used other documents (" + change + "): start a new search");
    if (settings.steps < previous.settings.steps)
        return Error::bad("the earlier search had " + std::to_string(previous.settings.steps)
                          + " steps, found " + std::to_string(settings.steps)
                          + ": name as many or more, or start a new search");
    if (settings.budget > 0 && settings.budget < previous.forwardEquivalents())
        return Error::bad("the earlier search has spent " + formatNumber(previous.forwardEquivalents())
                          + " forward-pass equivalents, found a budget of " + formatNumber(settings.budget)
                          + ": name a larger one, or start a new search");
    settings.steps = previous.settings.steps;
    settings.budget = previous.settings.budget;
    const std::string differs = differingSetting(previous.settings, settings);
    if (!differs.empty())
        return Error::bad("the earlier search had another " + differs + ": start a new search");
    return Done{};
}

double mostCost(const SearchSettings& settings, int dimension, double gradientCost) {
    if (settings.method == SearchMethod::Gradient) { // whole gradients, and the first in any case
        const double most = 1.0 + settings.steps;
        const double afforded = std::max(1.0, std::floor(settings.budget / gradientCost));
        return (settings.budget > 0 ? std::min(most, afforded) : most) * gradientCost;
    }
    const double trials = 1 + static_cast<double>(settings.steps) * dimension * (settings.gridPoints - 1);
    return settings.budget > 0 ? std::min(trials, settings.budget) : trials;
}

std::vector<std::string> notesOf(const SearchPlan& plan, double trainedContext) {
    std::vector<std::string> notes =
        whatCannotMatter(plan.model->config(), plan.weights->spec(), plan.variant, plan.scope);
    if (plan.lambda > 0 && shortContextIndex(plan.contexts, trainedContext) < 0)
        notes.push_back(
            "No context up to the trained length " + formatNumber(trainedContext)
            + " is searched on: short context is not guarded. Add one to the contexts to guard it.");
    if (std::string folded = foldedWarning(plan.model->path(), {}); !folded.empty())
        notes.push_back(std::move(folded));
    return notes;
}

/// The evaluator keeps streams only where trials change few layers.
Outcome<GainEvaluator> makeEvaluator(const SearchPlan& plan) {
    const bool reuses = plan.method == SearchMethod::Grid && plan.scope != SearchScope::Model;
    return GainEvaluator::make(plan.model, cachedWeights(plan.weights, plan.keptLayerBytes), plan.rope,
                               *plan.documents, plan.contexts, plan.maxWindows,
                               reuses ? GainEvaluator::defaultMemoryBudget : 0, plan.ranks);
}

double peakBytes(const SearchPlan& plan) {
    const ModelConfig& config = plan.model->config();
    const int threads = omp_get_max_threads();
    const bool gradient = plan.method == SearchMethod::Gradient;
    double most = 0;
    for (const int context : plan.contexts) {
        const auto windows = cutWindows(*plan.documents, context, plan.maxWindows);
        const long long tokens = windows ? static_cast<long long>(windows->size()) * context : 0;
        most = std::max(most, gradient ? ReversePass::peakBytes(config, context, tokens, threads)
                                       : ForwardPass::peakBytes(config, context, tokens, threads)
                                             + GainEvaluator::defaultMemoryBudget);
    }
    return programBytes + most + searchLayersKept(plan) * ForwardPass::layerBytes(config);
}

SearchRecord recordOf(const SearchPlan& plan, const SearchSettings& settings,
                      std::vector<SearchTrial> trials) {
    SearchRecord record;
    record.settings = settings;
    record.documents = describe(*plan.documents);
    record.trials = std::move(trials);
    record.ending = "stopped";
    record.provenance.command = plan.command;
    record.scales = {plan.name, QkGains::ones(plan.model->config()), plan.model->fingerprint(), settings.rope,
                     settings.quant};
    const auto space = SearchSpace::make(plan.model->config(), plan.variant, plan.scope, plan.bands);
    if (const SearchTrial* best = record.best()) record.scales.gains = space->toGains(best->theta);
    return record;
}

} // namespace

GainWindows windowsOf(const SearchPlan& plan) {
    if (plan.windows) return *plan.windows;
    const int longest = *std::max_element(plan.contexts.begin(), plan.contexts.end());
    const auto table = buildFrequencyTable(plan.rope, plan.model->config().ropeModel(), longest);
    return defaultWindows(plan.model->config().layers, *table, longest, plan.bands, plan.windowOptions);
}

Outcome<SearchPreview> previewSearch(const SearchPlan& plan) {
    if (Status fine = checkPlan(plan); !fine) return fine.error();
    auto space = SearchSpace::make(plan.model->config(), plan.variant, plan.scope, plan.bands);
    if (!space) return space.error();
    auto evaluator = makeEvaluator(plan);
    if (!evaluator) return evaluator.error();
    SearchPreview preview;
    preview.settings = settingsOf(plan);
    preview.dimension = space->dimension();
    preview.windowCount = evaluator->windowCount();
    preview.windows = windowsOf(plan);
    preview.peakBytes = peakBytes(plan);
    preview.passOperations = evaluator->passOperations();
    preview.ranks = evaluator->rankCount();
    preview.largestShare = evaluator->largestShare();
    preview.mostForwardEquivalents = mostCost(preview.settings, preview.dimension, evaluator->gradientCost());
    preview.work = searchWork(plan, preview.mostForwardEquivalents, evaluator->gradientCost());
    const double trials = static_cast<double>(preview.dimension) * (plan.gridPoints - 1);
    if (plan.method == SearchMethod::Grid && trials > mostGridTrials)
        return Error::bad("a grid over " + formatCount(preview.dimension) + " gains needs "
                          + formatCount(static_cast<long long>(trials))
                          + " trials a pass: use method gradient, a wider scope or fewer bands");
    preview.notes = notesOf(plan, evaluator->trainedContext());
    return preview;
}

Outcome<SearchRecord> runSearch(const SearchPlan& plan, ProgressSink& sink, const SearchCallback& watcher,
                                const SearchRecord* previous) {
    auto preview = previewSearch(plan);
    if (!preview) return preview.error();
    SearchSettings& settings = preview->settings;
    if (previous && plan.steps == 0) settings.steps = std::max(settings.steps, previous->settings.steps);
    if (previous && !plan.budget) settings.budget = previous->settings.budget;
    if (previous)
        if (Status same = checkPrevious(plan, settings, *previous); !same) return same.error();
    const auto space = SearchSpace::make(plan.model->config(), plan.variant, plan.scope, plan.bands);
    auto evaluator = makeEvaluator(plan);
    if (!evaluator) return evaluator.error();

    WorkMeter meter(sink, preview->mostForwardEquivalents * preview->passOperations);
    meter.setStage(std::string(searchMethodName(plan.method)) + " search, " + settings.rope + ", "
                   + settings.quant);
    TrialRunner runner(*evaluator, *space, settings, previous ? previous->trials : std::vector<SearchTrial>{},
                       meter, watcher);
    std::string ending;
    const Status ran = plan.method == SearchMethod::Grid
                           ? gridSearch(*space, settings, runner, ending)
                           : gradientSearch(*space, settings, effectiveTokens(plan, settings.contextWeights),
                                            runner, ending);
    if (!ran && ran.error().code != ErrorCode::Cancelled) return ran.error();
    SearchRecord record = recordOf(plan, settings, runner.takeTrials());
    record.finished = ran.ok();
    if (ran) record.ending = std::move(ending);
    if (previous && record.scales.gains == previous->scales.gains) { // what was reported is still true
        record.report = previous->report;
        record.reportDocuments = previous->reportDocuments;
        record.verdict = previous->verdict;
    }
    return record;
}

Outcome<SearchRecord> recordSoFar(const SearchPlan& plan, std::vector<SearchTrial> trials) {
    if (Status fine = checkPlan(plan); !fine) return fine.error();
    return recordOf(plan, settingsOf(plan), std::move(trials));
}

std::vector<std::string> sharedDocuments(const std::vector<Document>& search,
                                         const std::vector<Document>& report) {
    std::vector<std::string> shared;
    for (const Document& document : report)
        if (std::any_of(search.begin(), search.end(),
                        [&](const Document& other) { return other.fingerprint == document.fingerprint; }))
            shared.push_back(document.name);
    return shared;
}

} // namespace qroar
