// The session on disk: one HDF5 file (schema version 1), readable with h5dump and h5py: named datasets with
// attributes `units`, `axes` and `description`. Written atomically. Call from one thread at a time (the heavy
// one).
#pragma once

#include "core/base/outcome.h"
#include "core/session/derived_metrics.h"
#include "core/session/session.h"

#include <filesystem>

namespace qroar {

/// `metrics` (core/analysis/session_metrics.h) are for other programs: loadSession ignores them.
Status saveSession(const Session& session, const std::filesystem::path& path,
                   const DerivedMetrics& metrics = {});
/// Refuses, by name of file and dataset: not HDF5, no schema, newer schema, wrong shapes, truncated data.
Outcome<std::shared_ptr<const Session>> loadSession(const std::filesystem::path& path);

} // namespace qroar
