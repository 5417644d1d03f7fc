// SearchRecord: a search for gains as a value: what was asked, every trial, the scales it ended with and what
// they do on documents it never saw. Enough to show it, to go on with it, and to apply its scales. Not here:
// how to search (core/search), the file (search_storage.h).
#pragma once

#include "core/scales/scale_set.h"
#include "core/session/session.h"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace qroar {

/// How an effective gain e is split into gQ and gK (method.md section 6, the papers' variants).
enum class SearchVariant {
    Query,     ///< gQ = e, gK = 1
    Key,       ///< gQ = 1, gK = e
    Shared,    ///< gQ = gK = sqrt(e)
    Symmetric, ///< gQ = e, gK = 1/e: logits stay as they are
};
enum class SearchScope {
    Model, ///< one gain per band
    Layer, ///< one per layer and band
    Head,  ///< one per layer, query head (Query) or KV head (the others) and band
};
enum class SearchMethod { Grid, Gradient };

const char* searchVariantName(SearchVariant variant); ///< "query", "key", "shared", "symmetric"
const char* searchScopeName(SearchScope scope);       ///< "model", "layer", "head"
const char* searchMethodName(SearchMethod method);    ///< "grid", "gradient"
Outcome<SearchVariant> parseSearchVariant(std::string_view text);
Outcome<SearchScope> parseSearchScope(std::string_view text);
Outcome<SearchMethod> parseSearchMethod(std::string_view text);

/// Everything that decides what a search does, beside model, weights and documents. Two searches with equal
/// settings and documents make the same trials.
struct SearchSettings {
    std::string rope, quant; ///< canonical texts
    SearchVariant variant = SearchVariant::Query;
    SearchScope scope = SearchScope::Layer;
    SearchMethod method = SearchMethod::Gradient;
    std::vector<int> bandEdges;         ///< BandPartition::edges()
    std::vector<int> contexts;          ///< in the order of SearchTrial::nll
    std::vector<double> contextWeights; ///< w_L, of the same length
    int maxWindows = 0;                 ///< of each document; 0 = all
    double lambda = 0, delta = 0;       ///< of the short-context guard
    double l2 = 0;                      ///< weight of sum theta^2
    int steps = 0;                      ///< most gradient steps, or passes of the grid
    int gridPoints = 0;                 ///< of a grid; 0 with Gradient
    double budget = 0;                  ///< most forward-pass equivalents; 0 = no limit
    std::vector<double> windows;        ///< [layers, bands] tau: gains stay in [1/tau, tau]
    std::vector<double> priority;       ///< [layers, bands] order of the grid search
    std::string windowSource;           ///< where the windows are from, in words
    bool operator==(const SearchSettings&) const = default;
};

enum class TrialKind {
    Start,    ///< theta = 0
    Grid,     ///< one value of one band
    Step,     ///< a step of the gradient search
    Backtrack ///< the same, shorter
};
const char* trialKindName(TrialKind kind); ///< "start", "grid", "step", "backtrack"

/// One exact evaluation. theta = ln effective gain of every coordinate of the search space.
struct SearchTrial {
    TrialKind kind = TrialKind::Start;
    std::vector<double> theta; ///< [dimension]
    std::vector<double> nll;   ///< [contexts] mean over the dev windows, nats
    double objective = 0;      ///< J; infinite, as every NLL, when the model overflowed: never accepted
    /// [dimension] dJ/dtheta without its L2 part, and its standard error over blocks of the text (NaN where a
    /// context has too few to tell); empty when only the value was computed, or when the model overflowed.
    std::vector<double> gradient, gradientError;
    double forwardEquivalents = 0; ///< cost of this trial, in forward passes over all dev windows
    double seconds = 0;
    bool accepted = false; ///< J fell, and the search went on from here
    [[nodiscard]] bool overflowed() const { return objective == std::numeric_limits<double>::infinity(); }
};

/// One variant of the report at one context, on documents the search never saw (core/controls).
struct SearchReportRow {
    std::string role; ///< "FP", "FP+g", "Q", "Q+g"
    std::string rope, quant, scales;
    int context = 0;
    int documents = 0, windows = 0;
    long long tokens = 0;
    double nll = 0, ciLow = 0, ciHigh = 0; ///< mean, nats; the bounds NaN when there is no interval
    bool operator==(const SearchReportRow&) const = default;
};
/// A judgement of core/controls in numbers and words.
struct SearchVerdict {
    std::string longEffect, shortEffect,
        cause; ///< effectPhrase(), causeName() of the long one; empty: not judged
    std::string words;
    bool operator==(const SearchVerdict&) const = default;
};

struct SearchRecord {
    ScaleSet scales; ///< the best accepted trial's; its name is that of the record
    SearchSettings settings;
    std::vector<SessionDocument> documents; ///< the dev documents
    std::vector<SearchTrial> trials;        ///< in the order they were made; the first one is Start
    bool finished = false;                  ///< false: stopped from outside, can be resumed
    std::string ending;                     ///< why it ended, in words
    std::vector<SessionDocument> reportDocuments;
    std::vector<SearchReportRow> report;
    SearchVerdict verdict;
    Provenance provenance;

    /// The accepted trial with the least J; null when nothing was accepted (not even the start was run).
    [[nodiscard]] const SearchTrial* best() const;
    [[nodiscard]] double forwardEquivalents() const; ///< of all trials together
};

} // namespace qroar
