// What `qroar diagnose` says, as JSON rows (product.md, cli.md), and as text made from those rows. Private to
// that sub-command; the metrics themselves are core/diagnostics.
#pragma once

#include "app/cli/console.h"
#include "core/session/session.h"

#include <filesystem>
#include <memory>
#include <vector>

namespace qroar::cli {

struct DiagnosisOptions {
    bool byHead = false; ///< rows of the sensitivities
    int draws = 200;     ///< of the intervals; 0: none
};

using Conditions = std::vector<std::shared_ptr<const ConditionResult>>;

/// The whole document. `conditions` are those of the session to be shown; their short references are looked
/// for in the whole session.
Json diagnosis(const Session& session, const Conditions& conditions, const BandPartition& bands,
               const DiagnosisOptions& options);

/// One CSV file for every list of the document, into `folder`, which is made; a list without rows has no
/// file.
Status writeDiagnosisCsv(const std::filesystem::path& folder, const Json& document);

/// Names that printDiagnosis() takes.
inline const std::vector<std::string> diagnosisMetrics{
    "overview",  "pressure",    "tir",        "excess", "dilation", "calibration",
    "top-share", "sensitivity", "anisotropy", "noise",  "damage",   "all"};
/// Tables on stdout, one for each condition. `epsilon` is that of the tables that show one.
void printDiagnosis(const Json& document, const std::vector<std::string>& metrics, double epsilon);

} // namespace qroar::cli
