#include "app/cli/search_report.h"

#include "app/cli/rows.h"
#include "core/base/strings.h"
#include "core/search/gradient_estimate.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <numeric>

namespace qroar::cli {

namespace {

/// One factor of every band: pairs of a band share it.
Json bandGains(std::span<const double> pairs, const BandPartition& bands) {
    Json row = Json::array();
    for (int band = 0; band < bands.count(); ++band)
        row.push_back(pairs[static_cast<std::size_t>(bands.begin(band))]);
    return row;
}

/// [[per band] per layer]; in head scope [[[per band] per head] per layer].
template<class GainsOfHead>
Json gainsJson(const SearchPlan& plan, int heads, GainsOfHead gainsOf) {
    Json layers = Json::array();
    for (int layer = 0; layer < plan.model->config().layers; ++layer) {
        if (plan.scope != SearchScope::Head) {
            layers.push_back(bandGains(gainsOf(layer, 0), plan.bands));
            continue;
        }
        Json rows = Json::array();
        for (int head = 0; head < heads; ++head) rows.push_back(bandGains(gainsOf(layer, head), plan.bands));
        layers.push_back(std::move(rows));
    }
    return layers;
}

Json scalesJson(const SearchPlan& plan, const QkGains& gains) {
    return {{"q", gainsJson(plan, gains.heads,
                            [&](int layer, int head) { return gains.queryGains(layer, head); })},
            {"k", gainsJson(plan, gains.kvHeads,
                            [&](int layer, int head) { return gains.keyGains(layer, head); })}};
}

Json gridJson(const BandGrid& grid) {
    Json rows = Json::array();
    for (int layer = 0; layer < grid.layers; ++layer) {
        Json row = Json::array();
        for (int band = 0; band < grid.bands; ++band) row.push_back(number(grid.at(layer, band)));
        rows.push_back(std::move(row));
    }
    return rows;
}

Json trialJson(const SearchTrial& trial) {
    return {{"kind", trialKindName(trial.kind)},
            {"objective", number(trial.objective)},
            {"nll", trial.nll},
            {"accepted", trial.accepted},
            {"forward_equivalents", trial.forwardEquivalents},
            {"seconds", trial.seconds}};
}

void printDev(const SearchRecord& record) {
    const SearchTrial& start = record.trials.front();
    const SearchTrial& best = *record.best();
    Table table({"dev", "objective", "start", "end", "change"});
    table.add({"J", "", fixed(start.objective, 4), fixed(best.objective, 4),
               fixed(best.objective - start.objective, 4)});
    for (std::size_t at = 0; at < start.nll.size(); ++at)
        table.add({"NLL at " + std::to_string(record.settings.contexts[at]),
                   fixed(record.settings.contextWeights[at], 3), fixed(start.nll[at], 4),
                   fixed(best.nll[at], 4), fixed(best.nll[at] - start.nll[at], 4)});
    table.print();
}

constexpr std::size_t mostRows = 8;

/// What the reverse pass at the start ranks first; empty for a search without gradients.
std::vector<Suspect> firstSuspects(const SearchRecord& record) {
    if (record.trials.empty()) return {};
    std::vector<Suspect> found = suspects(record.trials.front());
    found.resize(std::min(found.size(), mostRows));
    return found;
}

Json suspectsJson(const SearchPlan& plan, const SearchRecord& record) {
    Json rows = Json::array();
    const auto space = SearchSpace::make(plan.model->config(), plan.variant, plan.scope, plan.bands);
    if (!space) return rows;
    for (const Suspect& one : firstSuspects(record)) {
        const auto at = space->coordinate(one.coordinate);
        rows.push_back({{"name", space->coordinateName(one.coordinate)},
                        {"layer", at.layer},
                        {"band", at.band},
                        {"gradient", number(one.gradient)},
                        {"error", number(one.error)},
                        {"certainty", number(one.certainty)}});
    }
    return rows;
}

void printSuspects(const SearchPlan& plan, const SearchRecord& record) {
    const auto space = SearchSpace::make(plan.model->config(), plan.variant, plan.scope, plan.bands);
    const auto found = firstSuspects(record);
    if (!space || found.empty()) return;
    Table table({"most certainly wrong at the start", "dJ/dln g", "error", "certainty"});
    for (const Suspect& one : found)
        table.add({space->coordinateName(one.coordinate), fixed(one.gradient, 4), fixed(one.error, 4),
                   fixed(one.certainty, 1)});
    std::cout << '\n';
    table.print();
}

/// The gains that went farthest from 1.
void printLargestGains(const SearchPlan& plan, const SearchRecord& record) {
    const auto space = SearchSpace::make(plan.model->config(), plan.variant, plan.scope, plan.bands);
    const std::vector<double>& theta = record.best()->theta;
    std::vector<int> order(theta.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&theta](int a, int b) {
        return std::abs(theta[static_cast<std::size_t>(a)]) > std::abs(theta[static_cast<std::size_t>(b)]);
    });
    if (!space || theta[static_cast<std::size_t>(order.front())] == 0) return;
    order.resize(std::min(order.size(), mostRows));
    Table table({"gains farthest from 1", "gQ gK"});
    for (const int index : order)
        table.add({space->coordinateName(index), fixed(std::exp(theta[static_cast<std::size_t>(index)]), 3)});
    std::cout << '\n';
    table.print();
}

} // namespace

Json previewJson(const SearchPlan& plan, const SearchPreview& preview) {
    const GainWindows& windows = preview.windows;
    return {{"dimension", preview.dimension},
            {"dev_windows", preview.windowCount},
            {"most_forward_equivalents", preview.mostForwardEquivalents},
            {"l2", preview.settings.l2},
            {"contexts", plan.contexts},
            {"band_edges", plan.bands.edges()},
            {"windows",
             {{"source", windows.source},
              {"pressure", gridJson(windows.pressure)},
              {"inflation", gridJson(windows.inflation)},
              {"tau", gridJson(windows.tau)},
              {"priority", gridJson(windows.priority)}}},
            {"notes", preview.notes}};
}

void printWindows(const SearchPlan& plan, const SearchPreview& preview) {
    const GainWindows& windows = preview.windows;
    Table table({"layer", "band", "pairs", "IP", "TIR - 1", "tau", "priority"});
    for (int layer = 0; layer < windows.tau.layers; ++layer)
        for (int band = 0; band < windows.tau.bands; ++band)
            table.add(
                {std::to_string(layer), std::to_string(band),
                 std::to_string(plan.bands.begin(band)) + "-" + std::to_string(plan.bands.end(band) - 1),
                 fixed(windows.pressure.at(layer, band), 4), fixed(windows.inflation.at(layer, band), 4),
                 fixed(windows.tau.at(layer, band), 3), fixed(windows.priority.at(layer, band), 4)});
    std::cout << "Gains are searched in [1/tau, tau]: " << windows.source << "\n\n";
    table.print();
}

Json searchJson(const SearchPlan& plan, const SearchRecord& record, const std::optional<SearchReport>& report,
                const std::string& output) {
    Json trials = Json::array(), rows = Json::array(), controls = Json::array();
    for (const SearchTrial& trial : record.trials) trials.push_back(trialJson(trial));
    if (report)
        for (const VariantResult& result : report->results) {
            Json row = evaluationRow(*result.condition, Convention::All);
            row["role"] = result.name;
            rows.push_back(std::move(row));
        }
    if (report)
        for (const Judgement& judgement : report->verdict.all) controls.push_back(contrastRow(judgement));
    const SearchTrial* best = record.best();
    Json dev{{"start", nullptr}, {"end", nullptr}};
    if (best)
        dev = {{"start", record.trials.front().objective},
               {"end", best->objective},
               {"nll_start", record.trials.front().nll},
               {"nll_end", best->nll}};
    return {{"schema", 1},
            {"model", {{"path", plan.model->path().string()}, {"fingerprint", plan.model->fingerprint()}}},
            {"session", output.empty() ? Json(nullptr) : Json(output)},
            {"name", record.scales.name},
            {"rope", record.settings.rope},
            {"quant", record.settings.quant},
            {"variant", searchVariantName(record.settings.variant)},
            {"scope", searchScopeName(record.settings.scope)},
            {"method", searchMethodName(record.settings.method)},
            {"contexts", record.settings.contexts},
            {"l2", record.settings.l2},
            {"trials", record.trials.size()},
            {"forward_equivalents", record.forwardEquivalents()},
            {"finished", record.finished},
            {"ending", record.ending},
            {"dev", std::move(dev)},
            {"suspects", suspectsJson(plan, record)},
            {"band_edges", record.settings.bandEdges},
            {"scales", scalesJson(plan, record.scales.gains)},
            {"trace", std::move(trials)},
            {"report", std::move(rows)},
            {"controls", std::move(controls)},
            {"verdict", report ? verdictRow(report->verdict) : Json(nullptr)}};
}

void printSearch(const SearchPlan& plan, const SearchRecord& record,
                 const std::optional<SearchReport>& report, const std::string& output) {
    if (record.trials.empty()) {
        std::cout << "stopped before the first trial was done\n";
        return;
    }
    std::cout << searchMethodName(record.settings.method) << " search, " << record.settings.rope << ", "
              << record.settings.quant << ", variant " << searchVariantName(record.settings.variant)
              << ", scope " << searchScopeName(record.settings.scope) << ": " << record.trials.size()
              << " trials, " << fixed(record.forwardEquivalents(), 1) << " forward-pass equivalents; "
              << record.ending << "\n\n";
    printDev(record);
    printSuspects(plan, record);
    printLargestGains(plan, record);
    if (report) {
        std::cout << "\nOn documents the search never saw:\n\n";
        printEvaluation(conditionsOf(report->results), Convention::All);
        printControls(report->contrasts);
        std::cout << '\n' << report->verdict.words << '\n';
    } else {
        std::cout << "\nHow much of this holds on other text is not known: name some with --report-text\n";
    }
    if (!output.empty()) std::cout << "\nsaved in " << output << " as " << record.scales.name << '\n';
}

} // namespace qroar::cli
