// Measuring: work that can be done again and again, several kinds in turn, so that a machine whose speed
// drifts treats all of them alike. Times are wall times. Not here: what the work is (kernel_work.h and its
// siblings), which work is measured (suite.h).
#pragma once

#include "core/base/outcome.h"
#include "core/base/progress.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace qroar::bench {

/// What one call of a workload did. Operations, tokens and bytes are those of one of its `count` equal parts.
struct WorkDone {
    double operations = 0; ///< floating-point, as ForwardPass::operations counts them; 0: not counted
    double tokens = 0;     ///< 0: not counted
    double bytes = 0;      ///< read or written; 0: not counted
    int count = 1;         ///< equal parts of the call: small work is repeated, and its time divided
    /// Of this call, the seconds that do not grow with the layers of the model; used where layers were cut.
    double fixedSeconds = 0;
};

struct Workload {
    std::string what;      ///< "prefill, last token"
    std::string model;     ///< "135m (2 of 30 layers)"
    std::string shape;     ///< "1 x 512 tokens", "128 x 576 x 576"
    int threads = 1;       ///< OpenMP's while it runs
    double layerScale = 1; ///< layers of the whole model over those that are there
    std::function<Outcome<WorkDone>()> run;
};

struct Spread {
    double median = 0, least = 0, most = 0;
};
/// Of at least one value; the median of an even number of them is the mean of the middle two.
Spread spreadOf(std::vector<double> values);

/// How often one workload took how long.
struct Measured {
    std::vector<double> seconds; ///< [repeats] of one part of a call
    std::vector<double> whole;   ///< [repeats] the same, estimated for all layers of the model
    WorkDone done;               ///< of the last call
};
/// Every workload once for its caches when `warmUp`, then `repeats` times in turn. Errors are those of the
/// work; cancelled between calls.
Outcome<std::vector<Measured>> alternate(const std::vector<Workload>& work, int repeats, bool warmUp,
                                         const ProgressSink& sink);

/// What a sink says of cancelling and nothing of progress: for work that is one part of many.
class SilentSink : public ProgressSink {
  public:
    explicit SilentSink(const ProgressSink& sink) : sink_(sink) {}
    [[nodiscard]] bool cancelled() const override { return sink_.cancelled(); }

  private:
    const ProgressSink& sink_;
};

/// Seconds since some fixed point.
double wallClock();

} // namespace qroar::bench
