// The suite: which workloads are measured for which models, what is divided by what, and what the machine can
// do at most. The one entry of `qroar bench` and its tests. Not here: tables and JSON (app/cli/bench.cpp).
#pragma once

#include "core/bench/machine_rates.h"
#include "core/bench/measure.h"
#include "core/model/tensor.h"
#include "core/quant/quant_spec.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace qroar::bench {

enum class Group { Gemm, Attention, Prefill, Threads, Capture, Reverse, Search, Tokenizer, Session, Bands };
const char* groupName(Group group); ///< "gemm", ...
inline constexpr Group allGroups[] = {Group::Gemm,    Group::Attention, Group::Prefill, Group::Threads,
                                      Group::Capture, Group::Reverse,   Group::Search,  Group::Tokenizer,
                                      Group::Session, Group::Bands};
Outcome<Group> parseGroup(std::string_view name);

struct Plan {
    std::vector<Group> groups{std::begin(allGroups), std::end(allGroups)};
    std::vector<std::string> models{"15m", "135m"}; ///< names of shapes, or paths of models
    std::vector<int> contexts; ///< none: 512 for passes; 512, 2,048, 8,192 and 32,768 for attention
    int windows = 0;           ///< of a pass; 0: as many as hold 2,048 tokens, one where that takes long
    int repeats = 3;
    int threads = 1;                ///< all of them
    int layers = 0;                 ///< of shapes; 0: all
    DType type = DType::BF16;       ///< of shapes
    std::optional<QuantSpec> quant; ///< also a prefill under this weight variant
    std::filesystem::path scratch;  ///< where random models and a session file are written for a while
    double memoryBytes = 0;         ///< measureRates()
};

/// One line of the table. NaN: does not apply.
struct Row {
    std::string what, model, shape;
    int threads = 1;
    Spread seconds;
    double operations = 0;     ///< floating-point
    double operationRate = 0;  ///< a second, of the median
    double shareOfPeak = 0;    ///< of that many threads, 0..1
    double tokenRate = 0;      ///< tokens a second
    double byteRate = 0;       ///< bytes a second
    double wholeSeconds = 0;   ///< estimated for all layers, where the model was cut
    double wholeTokenRate = 0; ///< the same
};
/// What is divided by what, of times that were taken in turn.
struct Ratio {
    std::string what, model, shape;
    Spread value;
    std::optional<double> target;
    bool atMost = true; ///< the target is the most (else the least) there should be
    [[nodiscard]] bool met() const {
        return !target || (atMost ? value.median <= *target : value.median >= *target);
    }
};
struct Report {
    MachineRates rates;   ///< operations: the higher of those at the beginning and at the end
    double driftedBy = 0; ///< the peak of all threads at the end over that at the beginning, less 1
    std::vector<Row> rows;
    std::vector<Ratio> ratios;
    std::vector<std::string> notes;
    bool complete = true; ///< false: cancelled on the way; what is there was measured
};
/// Errors: an unknown shape, a model that cannot be opened, too little disk or memory.
Outcome<Report> runSuite(const Plan& plan, ProgressSink& sink);

} // namespace qroar::bench
