// CalibrationSet: the text that a quantizer looks at, cut into windows of the context length that will be
// deployed, under its frequency table. Not here: what is measured on it (input_moments.h), quantizers.
#pragma once

#include "core/base/outcome.h"
#include "core/rope/rope_spec.h"
#include "core/text/documents.h"

#include <memory>
#include <vector>

namespace qroar {

struct CalibrationSet {
    std::shared_ptr<const std::vector<Document>> documents; ///< owns the tokens of the windows
    std::vector<Window> windows;                            ///< of `context` tokens each
    FrequencyTable table;
    int context = 0;
    [[nodiscard]] long long tokens() const { return static_cast<long long>(windows.size()) * context; }
};

/// At most `mostWindows` windows (1 or more), evenly spread over all that the documents have. Errors: no
/// document is long enough, the spec does not resolve.
Outcome<CalibrationSet> makeCalibrationSet(std::shared_ptr<const std::vector<Document>> documents,
                                           const RopeSpec& rope, const RopeModel& model, int context,
                                           int mostWindows);

} // namespace qroar
