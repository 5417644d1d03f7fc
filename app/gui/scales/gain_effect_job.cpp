#include "app/gui/scales/gain_effect_job.h"

#include "core/analysis/machine.h"
#include "core/inference/forward.h"
#include "core/quantize/calibrate.h"

#include <omp.h>

namespace qroar {

void GainEffectJob::work() {
    JobSink sink(*this);
    constexpr int calibrationWindows = 16; // as an analysis
    GainEffectTask& task = task_.effect;
    const auto fail = [this](const Error& error) {
        if (error.code != ErrorCode::Cancelled) emit failed(QString::fromStdString(error.message));
    };
    auto weights = makeWeightsOn(task.documents, task.rope, task.context, calibrationWindows, task.model,
                                 task_.quant, sink);
    if (!weights) return fail(weights.error());
    const auto windows = cutWindows(*task.documents, task.context, task.maxWindows);
    if (!windows) return fail(windows.error());
    const double bytes = 2
                         * ForwardPass::peakBytes(task.model->config(), task.context,
                                                  static_cast<long long>(windows->size()) * task.context,
                                                  omp_get_max_threads());
    if (Status fits = checkMemory(bytes, "this evaluation"); !fits) return fail(fits.error());
    task.weights = *weights;
    auto effect = measureGainEffect(task, sink);
    if (!effect) return fail(effect.error());
    emit measured(std::make_shared<const WhatIf>(std::move(*effect)));
}

} // namespace qroar
