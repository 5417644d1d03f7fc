// Frequency tables as text and JSON, and what other loaders make of the same checkpoint: for `rope` and
// `inspect`.
#pragma once

#include "app/cli/console.h"
#include "core/rope/loaders.h"

namespace qroar::cli {

/// {spec, resolved, loader, trained_context, factor, ramp, attention_factor, inv_freq}.
Json tableJson(const std::string& spec, const FrequencyTable& table, RopeLoader loader = RopeLoader::Qroar);

/// One spec as every loader reads it, ours first; errors as buildLoaderTable.
Outcome<std::vector<LoaderTable>> tablesOfLoaders(const RopeSpec& spec, const RopeModel& model,
                                                  long long context);

/// tableJson() of each but ours, with `phase_error` (radians at the last position, to ours) and `notes`; a
/// loader that refuses has null instead of numbers.
Json loadersJson(const std::string& spec, const std::vector<LoaderTable>& tables, long long context);

/// The same as rows: spec, loader, attention factor, phase error; and the notes below.
void printLoaders(const std::vector<std::string>& specs, const std::vector<std::vector<LoaderTable>>& tables,
                  long long context);

} // namespace qroar::cli
