// Rows and tables of `qroar diagnose` about quantization noise and damage, which only conditions that were
// run beside a reference have (analyze --noise, --damage). Private to that sub-command.
#pragma once

#include "app/cli/diagnose_rows.h"

namespace qroar::cli {

/// Adds the lists "anisotropy", "logit_noise", "damage" and "damage_summary" to the document.
void addNoiseRows(const Session& session, const Conditions& conditions, const BandPartition& bands,
                  Json& document);

/// Tables of one condition; nothing when it has no such rows.
void printAnisotropy(const Json& document, const std::string& condition);
void printLogitNoise(const Json& document, const std::string& condition);
void printDamage(const Json& document, const std::string& condition);

} // namespace qroar::cli
