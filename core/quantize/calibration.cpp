#include "core/quantize/calibration.h"

namespace qroar {

Outcome<CalibrationSet> makeCalibrationSet(std::shared_ptr<const std::vector<Document>> documents,
                                           const RopeSpec& rope, const RopeModel& model, int context,
                                           int mostWindows) {
    auto table = buildFrequencyTable(rope, model, context);
    if (!table) return table.error();
    auto windows = cutWindows(*documents, context);
    if (!windows) return windows.error().in("calibration");
    CalibrationSet set{std::move(documents), {}, *std::move(table), context};
    const std::size_t found = windows->size();
    const std::size_t wanted = std::min(found, static_cast<std::size_t>(std::max(1, mostWindows)));
    for (std::size_t at = 0; at < wanted; ++at) set.windows.push_back((*windows)[at * found / wanted]);
    return set;
}

} // namespace qroar
