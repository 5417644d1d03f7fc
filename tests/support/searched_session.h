// A synthetic session with a search and what-ifs, all made up. For tests of views. Not here: anything
// searched.
#pragma once

#include "core/session/search_record.h"
#include "core/session/what_if.h"
#include "tests/support/synthetic_session.h"

#include <cmath>

namespace qroar::test {

/// 40 trials of a search of every layer and band.
inline std::shared_ptr<const SearchRecord> syntheticSearch(const Session& session) {
    auto record = std::make_shared<SearchRecord>();
    record->scales = {"found", QkGains::ones(session.model), session.modelFingerprint, "yarn:4", "rtn:4:g64"};
    for (std::size_t at = 0; at < record->scales.gains.q.size(); ++at)
        record->scales.gains.q[at] = std::exp(0.02 * static_cast<double>(at % 17));
    SearchSettings& settings = record->settings;
    settings.rope = record->scales.rope;
    settings.quant = record->scales.quant;
    settings.bandEdges = session.bands.edges();
    settings.contexts = {1024, 4096};
    settings.contextWeights = {0.2, 0.8};
    settings.lambda = 1;
    settings.delta = 0.01;
    const auto cells =
        static_cast<std::size_t>(session.model.layers) * static_cast<std::size_t>(session.bands.count());
    settings.windows.assign(cells, 1.5);
    settings.priority.assign(cells, 1);
    for (int number = 0; number < 40; ++number) {
        SearchTrial trial;
        trial.kind = number == 0 ? TrialKind::Start : TrialKind::Step;
        trial.theta.assign(cells, 0.001 * number);
        trial.gradient = trial.gradientError = trial.theta;
        trial.nll = {2 + 1e-4 * number, 3 - 1e-3 * number};
        trial.objective = trial.nll[1];
        trial.forwardEquivalents = 3;
        trial.accepted = number % 4 != 3;
        record->trials.push_back(std::move(trial));
    }
    record->finished = true;
    record->ending = "made up";
    record->documents = record->reportDocuments = session.documents;
    record->report = {{"Q", "yarn:4", "rtn:4:g64", "", 4096, 4, 8, 32760, 3, 2.9, 3.1},
                      {"Q+g", "yarn:4", "rtn:4:g64", "found", 4096, 4, 8, 32760, 2.96, 2.86, 3.06}};
    record->verdict = {"helps", "no measurable effect", "both", "It helps."};
    return record;
}

inline std::shared_ptr<const WhatIf> syntheticWhatIf(const SearchRecord& of, const std::string& name) {
    auto one = std::make_shared<WhatIf>();
    one->scales = of.scales;
    one->scales.name = name;
    one->context = 4096;
    one->predicted = -0.01;
    one->predictedError = 0.002;
    one->quantized = {-0.012, -0.02, -0.004, 32760, 4, 8, 128};
    one->full = {-0.002, -0.006, 0.002, 32760, 4, 8, 128};
    one->documents = of.documents;
    return one;
}

/// With one search, and `whatIfs` what-ifs of its gains.
inline std::shared_ptr<const Session> withSearch(const std::shared_ptr<const Session>& of, int whatIfs) {
    auto session = std::make_shared<Session>(*of);
    session->searches = {syntheticSearch(*session)};
    for (int number = 1; number <= whatIfs; ++number)
        session->whatIfs.push_back(syntheticWhatIf(*session->searches.front(), "w" + std::to_string(number)));
    return session;
}

} // namespace qroar::test
