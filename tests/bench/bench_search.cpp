// Grid against gradient: dev objective for forward-pass equivalents, on the same dev windows.
//   bench_search MODEL CONTEXT ROPE QUANT TEXT...      e.g. samples/model 1024 yarn:4 rtn:4:g64
//   samples/texts/search_*
// For every scope: the grid with three widths of its windows, then the gradient, its best objective after a
// tenth of the cheapest grid that did best, and at its end.
#include "core/base/strings.h"
#include "core/search/search.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>

using namespace qroar;

namespace {

template<class T>
T need(Outcome<T> outcome) {
    if (outcome) return std::move(*outcome);
    std::fprintf(stderr, "%s\n", outcome.error().message.c_str());
    std::exit(1);
}

SearchRecord search(const SearchPlan& plan) {
    ProgressSink silent;
    return need(runSearch(plan, silent));
}

/// The best objective accepted within so many forward-pass equivalents.
double bestWithin(const SearchRecord& record, double budget) {
    double spent = 0, best = std::numeric_limits<double>::infinity();
    for (const SearchTrial& trial : record.trials) {
        spent += trial.forwardEquivalents;
        if (spent > budget) break;
        if (trial.accepted) best = trial.objective;
    }
    return best;
}

/// Mean cost of a trial of the grid by the layer that it changes: what lies below it is not computed again.
void printCostByLayer(const SearchRecord& record, int bands, int layers) {
    std::vector<double> cost(static_cast<std::size_t>(layers)), trials(static_cast<std::size_t>(layers));
    std::vector<double> current = record.trials.front().theta;
    for (const SearchTrial& trial : record.trials) {
        const auto differs = std::mismatch(current.begin(), current.end(), trial.theta.begin()).first;
        if (differs != current.end()) {
            const auto layer = static_cast<std::size_t>((differs - current.begin()) / bands);
            cost[layer] += trial.forwardEquivalents;
            ++trials[layer];
        }
        if (trial.accepted) current = trial.theta;
    }
    std::printf("  forward equivalents a trial, layer by layer:");
    for (std::size_t layer = 0; layer < cost.size(); ++layer)
        std::printf(" %.3f", cost[layer] / std::max(trials[layer], 1.0));
    std::printf("\n");
}

void compare(SearchPlan plan, SearchScope scope) {
    plan.scope = scope;
    plan.method = SearchMethod::Grid;
    double best = std::numeric_limits<double>::infinity(), cost = 0;
    for (const double tau : {1.25, 1.6, 2.5}) {
        plan.windowOptions = {1.01, tau, 1e-3};
        const SearchRecord record = search(plan);
        const double found = record.best()->objective;
        std::printf("  grid, tau %-4g   J %.5f -> %.5f  %7.1f forward equivalents, %zu trials: %s\n", tau,
                    record.trials.front().objective, found, record.forwardEquivalents(), record.trials.size(),
                    record.ending.c_str());
        if (tau == 1.25 && scope == SearchScope::Layer)
            printCostByLayer(record, plan.bands.count(), plan.model->config().layers);
        if (found >= best) continue;
        best = found;
        cost = record.forwardEquivalents();
    }
    plan.method = SearchMethod::Gradient;
    plan.windowOptions = {1.01, 2.5, 1e-3};
    plan.budget = 0;
    const SearchRecord record = search(plan);
    std::printf("  gradient        J %.5f -> %.5f  %7.1f forward equivalents, %zu trials: %s\n",
                record.trials.front().objective, record.best()->objective, record.forwardEquivalents(),
                record.trials.size(), record.ending.c_str());
    std::printf("  gradient within a tenth (%.1f) of the best grid: J %.5f, grid %.5f\n", cost / 10,
                bestWithin(record, cost / 10), best);
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 6) {
        std::fprintf(stderr, "usage: bench_search MODEL CONTEXT ROPE QUANT TEXT...\n");
        return 2;
    }
    SearchPlan plan;
    plan.model = need(openModel(argv[1]));
    const int vocabulary = plan.model->config().vocabSize;
    const auto tokenizer = need(loadTokenizerFor(plan.model->path(), vocabulary));
    plan.contexts = {std::atoi(argv[2])};
    plan.rope = need(RopeSpec::parse(argv[3]));
    plan.weights = need(openWeights(plan.model, need(QuantSpec::parse(argv[4]))));
    plan.documents = std::make_shared<const std::vector<Document>>(
        need(loadDocuments({argv + 5, argv + argc}, tokenizer.get(), vocabulary)));
    const int pairs = plan.model->config().pairs();
    plan.bands = BandPartition::equal(std::min(8, pairs), pairs);
    plan.name = "bench";
    std::setvbuf(stdout, nullptr, _IOLBF, 0); // a bench that is stopped has said what it knew
    for (const SearchScope scope : {SearchScope::Model, SearchScope::Layer}) {
        std::printf("scope %s, %s, %s, %s tokens\n", searchScopeName(scope), argv[3], argv[4], argv[2]);
        compare(plan, scope);
    }
    return 0;
}
