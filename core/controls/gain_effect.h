// What given gains do to one condition, exactly: FP, FP+g, Q and Q+g through the same windows, their paired
// differences with intervals, and the verdict, as a WhatIf. The one entry that the window's what-if list and
// its tests share. Not here: first-order predictions (core/diagnostics/gain_prediction.h), searches.
#pragma once

#include "core/controls/controls.h"
#include "core/session/what_if.h"

namespace qroar {

struct GainEffectTask {
    std::shared_ptr<const Model> model;
    std::shared_ptr<const WeightSource> weights; ///< those that are deployed
    RopeSpec rope;
    int context = 0;
    int maxWindows = 0; ///< of each document; 0 = all
    std::shared_ptr<const std::vector<Document>> documents;
    ScaleSet scales; ///< name and gains; the rest is filled in
};

/// Scales, context, documents, the measured differences and the verdict are filled in; created, program and
/// prediction are the caller's. Full precision is left out for a checkpoint that stores codes. Errors as
/// runControls; cancelled.
Outcome<WhatIf> measureGainEffect(const GainEffectTask& task, ProgressSink& sink);

} // namespace qroar
