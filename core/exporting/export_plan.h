// ExportPlan: a request, checked and completed: types, layout, files and texts are settled, nothing is
// written. Internal to core/exporting.
#pragma once

#include "core/exporting/export_model.h"
#include "core/exporting/side_files.h"

namespace qroar {

struct ExportPlan {
    ExportRequest request; ///< gains snapped
    RopeSpec rope;         ///< resolved: never `model`
    ExportLayout layout;   ///< unused by patches
    FoldTask fold;
    std::string config;         ///< text of config.json
    std::string quantizeConfig; ///< text of quantize_config.json (GPTQ), else empty
    std::string mark; ///< text of qroar.json (folded_gains.h); empty when no gains are in the weights
    std::vector<PatchedFile> weightFiles; ///< patches
    SideFiles side;
    SafetensorsMetadata metadata;
    std::vector<std::vector<TokenId>> windows; ///< to verify with
    double largestSnap = 1;
    std::uint64_t bytes = 0; ///< of all files
    std::vector<std::string> notes;
};

/// What a request comes to, whatever it is written as.
struct SettledRequest {
    QkGains gains;                             ///< snapped
    RopeSpec rope;                             ///< resolved: never `model`
    std::vector<std::vector<TokenId>> windows; ///< to verify with
};
/// `largestSnap`: the largest factor by which a gain was changed, >= 1.
Outcome<SettledRequest> settleRequest(const ExportRequest& request, double& largestSnap);
/// The scaling that a model stores, resolved.
RopeSpec resolvedStoredRope(const Model& model);

Outcome<ExportPlan> planExport(const ExportRequest& request);

} // namespace qroar
