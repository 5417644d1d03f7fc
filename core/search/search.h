// Search: from a plan to a record. Finds gains that lower the dev loss of a model under one RoPE spec and one
// weight variant (method.md section 6), by the papers' grid or by gradients. The one entry that the window,
// the command line, tests and benchmarks share.
//
// Stopping and going on: a search that is cancelled returns what it has, best scales and every trial; given
// back as `previous`, it goes on where it stopped and ends with the same trials and scales as one that was
// never stopped. Pausing is stopping with the record kept. Cancelling takes effect between tiles of work,
// well within 200 ms; a trial in flight is lost. Not here: what the scales do on other documents
// (core/controls), files (core/session).
#pragma once

#include "core/base/outcome.h"
#include "core/base/progress.h"
#include "core/inference/weight_source.h"
#include "core/search/gain_windows.h"
#include "core/search/trial_runner.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace qroar {

/// What a search by gradients may spend unless somebody says otherwise: at 2 to 3 equivalents a gradient, the
/// steps that bring nearly all of the gain (measured: resources/help/results.md).
inline constexpr double gradientBudget = 20;

struct SearchPlan {
    std::shared_ptr<const Model> model;
    std::shared_ptr<const WeightSource> weights; ///< what is deployed; kept converted while it fits memory
    std::shared_ptr<const std::vector<Document>> documents; ///< dev documents
    RopeSpec rope;
    std::vector<int> contexts;
    int maxWindows = 0; ///< of each document; 0 = all
    SearchVariant variant = SearchVariant::Query;
    SearchScope scope = SearchScope::Layer;
    SearchMethod method = SearchMethod::Gradient;
    BandPartition bands;
    double lambda = 1, delta = 0.01; ///< ObjectiveOptions
    std::optional<double> l2;        ///< default: priorStrength() of the dev tokens
    int steps = 0;                   ///< most gradient steps or passes of the grid; 0 = 40 or 3
    int gridPoints = 7;              ///< odd
    /// Most forward-pass equivalents; 0 = no limit. Default: gradientBudget, none for the grid.
    std::optional<double> budget;
    std::optional<GainWindows> windows; ///< default: defaultWindows()
    GainWindowOptions windowOptions;
    double keptLayerBytes = 1e9; ///< of layers as floats, from trial to trial
    bool force = false;          ///< search even what cannot matter
    std::string name;            ///< of the scale set
    std::string command;         ///< for the provenance
    /// Processes that share the dev windows; null: this one alone. All ranks run the same plan and get the
    /// same record.
    Ranks* ranks = nullptr;
};

/// The plan's windows, else the default ones. The plan must have contexts and bands that fit the model.
GainWindows windowsOf(const SearchPlan& plan);

/// What the busiest rank does of a search whose steps and budget are used up.
struct SearchWork {
    std::vector<double> operations; ///< [contexts] of its passes: reverse ones where it goes by gradients
    double layerWeights = 0;        ///< of the deployed model that become floats
    double headWeights = 0;         ///< and of its head
};

/// What is known before the first trial.
struct SearchPreview {
    SearchSettings settings;
    int dimension = 0;                 ///< gains to be found
    int windowCount = 0;               ///< dev windows of all contexts
    GainWindows windows;               ///< how far gains may move
    double mostForwardEquivalents = 0; ///< steps and budget used up
    double passOperations = 0;         ///< operations of one forward-pass equivalent
    int ranks = 1;                     ///< that share them
    double largestShare = 1;           ///< the part of them that the busiest rank has
    SearchWork work;
    double peakBytes = 0;           ///< beyond the mapped model; of each rank
    std::vector<std::string> notes; ///< what cannot matter, what is unguarded
};
/// Checks a plan and resolves its defaults without running it. Errors say what to change: the symmetric
/// variant where it cannot matter (unless forced), contexts without windows, a grid that would never end.
Outcome<SearchPreview> previewSearch(const SearchPlan& plan);

/// `previous` (may be null): the record of an interrupted search; its settings, model and documents must be
/// those of the plan (the error names what differs). `watcher` is called after every trial, from the calling
/// thread. When cancelled the record is not `finished`. Errors as previewSearch and TrialRunner.
Outcome<SearchRecord> runSearch(const SearchPlan& plan, ProgressSink& sink,
                                const SearchCallback& watcher = {}, const SearchRecord* previous = nullptr);

/// The record of a search that is still running, from the trials its watcher has seen: to save on the way,
/// and to show. Not `finished`.
Outcome<SearchRecord> recordSoFar(const SearchPlan& plan, std::vector<SearchTrial> trials);

/// Documents that are in both lists, by fingerprint: a report on them would not be held out.
std::vector<std::string> sharedDocuments(const std::vector<Document>& search,
                                         const std::vector<Document>& report);

} // namespace qroar
