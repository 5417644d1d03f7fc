// Sessions as workloads: saving and opening one, and moving a band edge on it. The session has the shape of a
// model's and plausible histograms, and is made in a blink: nothing in it was measured. Not here: windows
// (tests/bench/bench_window.cpp).
#pragma once

#include "core/bench/measure.h"
#include "core/diagnostics/band_grid.h"
#include "core/diagnostics/pair_pool.h"
#include "core/session/session.h"

#include <filesystem>

namespace qroar::bench {

/// Three conditions with statistics: none at L0 and at 4 L0 tokens, yarn:4 at 4 L0; two documents. The last
/// one is the long condition of bandMetrics(). Errors: a model without such tables.
Outcome<std::shared_ptr<const Session>> benchSession(const ModelConfig& config);

/// Writing (with fsync and rename) and reading `file`. Saving must run once before opening does.
Workload saveWork(std::shared_ptr<const Session> session, const std::filesystem::path& file);
Workload openWork(const std::shared_ptr<const Session>& session, const std::filesystem::path& file);

/// A grid that moves with the bands.
struct BandMetric {
    std::string name;
    bool pooled = false; ///< uses the cache when it is given one
    std::function<BandGrid(const ConditionResult& condition, const ConditionResult& reference,
                           const BandPartition& bands, PoolCache* pools)>
        grid;
};
const std::vector<BandMetric>& bandMetrics();
/// Eight bands (fewer for few pairs) with an edge on its way: another partition for every step.
BandPartition movedBands(int pairs, int step);
/// A metric of a session's last condition, as a drag asks for it.
Workload bandWork(std::shared_ptr<const Session> session, const BandMetric& metric, bool pools);

} // namespace qroar::bench
