// What a search says before and after, as tables or JSON (product.md).
#pragma once

#include "app/cli/console.h"
#include "core/controls/search_report.h"
#include "core/search/search.h"

#include <optional>
#include <string>
#include <vector>

namespace qroar::cli {

Json previewJson(const SearchPlan& plan, const SearchPreview& preview);
/// Pressure, tail inflation, window and priority of every band.
void printWindows(const SearchPlan& plan, const SearchPreview& preview);

Json searchJson(const SearchPlan& plan, const SearchRecord& record, const std::optional<SearchReport>& report,
                const std::string& output);
void printSearch(const SearchPlan& plan, const SearchRecord& record,
                 const std::optional<SearchReport>& report, const std::string& output);

} // namespace qroar::cli
