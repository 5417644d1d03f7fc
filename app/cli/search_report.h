// What a search says at its end: the controls on held-out documents, and everything as tables or JSON
// (product.md).
#pragma once

#include "app/cli/console.h"
#include "core/controls/verdict.h"
#include "core/search/search.h"

#include <optional>
#include <string>
#include <vector>

namespace qroar::cli {

struct SearchReport {
    std::vector<VariantResult> results; ///< FP, Q, FP+g, Q+g under the spec, then without interpolation
    std::vector<ControlContrast> contrasts;
    Verdict verdict;
};
/// The controls on documents the search never saw, at the contexts of the search, and at the trained length
/// when none of them is that short.
Outcome<SearchReport> reportSearch(const SearchPlan& plan, const SearchRecord& record,
                                   const std::vector<Document>& documents, int maxWindows,
                                   ProgressSink& sink);
/// The part of it that is stored with the record.
void fillReport(const SearchReport& report, const std::vector<Document>& documents, SearchRecord& record);

Json previewJson(const SearchPlan& plan, const SearchPreview& preview);
/// Pressure, tail inflation, window and priority of every band.
void printWindows(const SearchPlan& plan, const SearchPreview& preview);

Json searchJson(const SearchPlan& plan, const SearchRecord& record, const std::optional<SearchReport>& report,
                const std::string& output);
void printSearch(const SearchPlan& plan, const SearchRecord& record,
                 const std::optional<SearchReport>& report, const std::string& output);

} // namespace qroar::cli
