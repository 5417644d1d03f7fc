#include "app/cli/bench_rows.h"

#include "core/analysis/machine.h"
#include "core/base/strings.h"

#include <iostream>

namespace qroar::cli {

namespace {

using bench::Ratio;
using bench::Report;
using bench::Row;
using bench::Spread;

constexpr double giga = 1e9;
constexpr double drift = 0.05; ///< of the machine's peak that is worth a line

Json spreadJson(const Spread& spread) {
    return {{"median", spread.median}, {"min", spread.least}, {"max", spread.most}};
}

Json rowJson(const Row& row) {
    return {{"what", row.what},
            {"model", row.model},
            {"shape", row.shape},
            {"threads", row.threads},
            {"seconds", spreadJson(row.seconds)},
            {"operations", number(row.operations)},
            {"gflops", number(row.operationRate / giga)},
            {"share_of_peak", number(row.shareOfPeak)},
            {"tokens_per_second", number(row.tokenRate)},
            {"bytes_per_second", number(row.byteRate)},
            {"whole_seconds", number(row.wholeSeconds)},
            {"whole_tokens_per_second", number(row.wholeTokenRate)}};
}

Json ratioJson(const Ratio& ratio) {
    return {{"what", ratio.what},
            {"model", ratio.model},
            {"shape", ratio.shape},
            {"ratio", spreadJson(ratio.value)},
            {"target", ratio.target ? Json(*ratio.target) : Json(nullptr)},
            {"at_most", ratio.atMost},
            {"met", ratio.met()}};
}

/// "1.42 s", "3.10 ms", "12.4 us", each with the range in the same unit.
std::string timeText(const Spread& seconds) {
    const auto [unit, scale] = seconds.median >= 1      ? std::pair("s", 1.0)
                               : seconds.median >= 1e-3 ? std::pair("ms", 1e3)
                                                        : std::pair("us", 1e6);
    const auto text = [factor = scale](double value) { return fixed(value * factor, 2); };
    return text(seconds.median) + " [" + text(seconds.least) + ", " + text(seconds.most) + "] " + unit;
}

std::string rateText(double value) {
    if (!std::isfinite(value)) return "-";
    return value < 100 ? significant(value, 3) : formatCount(std::llround(value));
}

void printMachine(const Report& report) {
    const bench::MachineRates& rates = report.rates;
    std::cout << processorName() << ", " << rates.threads << (rates.threads == 1 ? " thread" : " threads")
              << "\npeak, single precision (" << rates.vectors << "): " << fixed(rates.oneThread / giga, 0)
              << " GFLOP/s with one thread, " << fixed(rates.allThreads / giga, 0)
              << " with all; memory: " << fixed(rates.readBytes / giga, 1) << " GB/s read, "
              << fixed(rates.copiedBytes / giga, 1) << " GB/s copied (" << formatBytes(rates.memoryTested)
              << ")\n";
    if (report.complete && std::abs(report.driftedBy) > drift)
        std::cout << "the machine is not idle or not steady: at the end its peak was "
                  << fixed(100 * report.driftedBy, 0) << " % from that at the beginning\n";
    std::cout << '\n';
}

void printRows(const std::vector<Row>& rows) {
    Table table({"what", "model", "shape", "threads", "time, median [min, max]", "GFLOP/s", "% of peak",
                 "tokens/s", "MB/s"});
    for (const Row& row : rows)
        table.add(
            {row.what, row.model, row.shape, std::to_string(row.threads), timeText(row.seconds),
             fixed(row.operationRate / giga, 1), fixed(100 * row.shareOfPeak, 0),
             std::isfinite(row.wholeTokenRate) ? "~" + rateText(row.wholeTokenRate) : rateText(row.tokenRate),
             rateText(row.byteRate / 1e6)});
    table.print();
}

void printRatios(const std::vector<Ratio>& ratios) {
    if (ratios.empty()) return;
    Table table({"ratio of times", "model", "shape", "median [min, max]", "target", "met"});
    for (const Ratio& ratio : ratios)
        table.add({ratio.what, ratio.model, ratio.shape,
                   fixed(ratio.value.median, 3) + " [" + fixed(ratio.value.least, 3) + ", "
                       + fixed(ratio.value.most, 3) + "]",
                   ratio.target ? (ratio.atMost ? "<= " : ">= ") + fixed(*ratio.target, 2) : "-",
                   !ratio.target ? "-"
                   : ratio.met() ? "yes"
                                 : "no"});
    std::cout << '\n';
    table.print();
}

} // namespace

Json benchJson(const Report& report) {
    Json rows = Json::array(), ratios = Json::array();
    for (const Row& row : report.rows) rows.push_back(rowJson(row));
    for (const Ratio& ratio : report.ratios) ratios.push_back(ratioJson(ratio));
    const bench::MachineRates& rates = report.rates;
    return {{"schema", 1},
            {"machine",
             {{"processor", processorName()},
              {"threads", rates.threads},
              {"vectors", rates.vectors},
              {"peak_gflops_one_thread", rates.oneThread / giga},
              {"peak_gflops", rates.allThreads / giga},
              {"peak_drift", report.driftedBy},
              {"read_bytes_per_second", rates.readBytes},
              {"copied_bytes_per_second", rates.copiedBytes}}},
            {"rows", std::move(rows)},
            {"ratios", std::move(ratios)},
            {"notes", report.notes},
            {"complete", report.complete}};
}

void printBench(const Report& report) {
    printMachine(report);
    printRows(report.rows);
    printRatios(report.ratios);
    if (!report.notes.empty()) std::cout << '\n';
    for (const std::string& note : report.notes) std::cout << "note: " << note << '\n';
    if (!report.complete) std::cout << "note: cancelled: the rest was not measured\n";
}

} // namespace qroar::cli
