// Frequency tables as text, JSON and CSV, and what other loaders make of the same checkpoint: for `rope`,
// `inspect` and `export`.
#pragma once

#include "app/cli/console.h"
#include "core/exporting/rope_audit.h"

namespace qroar::cli {

/// {spec, resolved, loader, trained_context, factor, ramp, attention_factor, inv_freq}.
Json tableJson(const std::string& spec, const FrequencyTable& table, RopeLoader loader = RopeLoader::Qroar);

/// tableJson() of each other loader, with `status`, `phase_error` (radians at the last position, to ours),
/// `pair` where that is, `attention_ratio` and `notes`; a loader that refuses has null instead of numbers.
Json loadersJson(const std::string& spec, const RopeAudit& audit);

/// {loader, status, phase_error, pair, attention_ratio} of each, for the report of an export.
Json verdictsJson(const RopeAudit& audit);

/// {spec, key, text} of each warning.
Json warningsJson(const std::string& spec, const RopeAudit& audit);

/// The same as rows: spec, loader, status, attention factor, phase error, pair; notes and warnings below.
void printAudits(const std::vector<std::string>& specs, const std::vector<RopeAudit>& audits);

/// Angular frequencies of every pair under one spec, ours and every loader's side by side.
void printPairs(const std::string& spec, const RopeAudit& audit);

/// spec,loader,pair,wavelength,omega,ratio,phase_error, one line per pair; comments first.
std::string auditCsv(const std::vector<std::string>& specs, const std::vector<RopeAudit>& audits);

} // namespace qroar::cli
