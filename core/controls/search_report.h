// Report of a search: FP, FP+g, Q and Q+g on documents that the search never saw, with and without
// interpolation, and the verdict; filled into the record. The one entry that the window and the command line
// share. Not here: the controls and the verdict themselves (controls.h, verdict.h).
#pragma once

#include "core/controls/controls.h"
#include "core/controls/verdict.h"
#include "core/session/search_record.h"

namespace qroar {

struct SearchReportTask {
    std::shared_ptr<const Model> model;
    std::shared_ptr<const WeightSource> weights; ///< those of the search
    RopeSpec rope;                               ///< that of the search
    std::shared_ptr<const std::vector<Document>> documents;
    std::vector<int> contexts;
    ControlOptions options;
};

struct SearchReport {
    std::vector<VariantResult> results; ///< FP, Q, FP+g, Q+g under the spec, then without interpolation
    std::vector<ControlContrast> contrasts;
    Verdict verdict;
};

/// Runs the controls at the task's contexts, and at L0 when none of them is that short and a document is long
/// enough: the verdict is about both, and says which documents are not held out (held_out.h). Fills report,
/// reportDocuments and verdict of `record`. Full precision is left out for a checkpoint that stores codes: it
/// has none. Errors as runControls; cancelled leaves the record as it was.
Outcome<SearchReport> reportSearch(const SearchReportTask& task, SearchRecord& record, ProgressSink& sink);

} // namespace qroar
