// GainEffectJob: what given gains do to one condition, exactly, on the heavy thread. Not here: what to do
// with the result (ScalesController).
#pragma once

#include "app/gui/jobs/input_jobs.h"
#include "app/gui/jobs/job.h"
#include "core/controls/gain_effect.h"

namespace qroar {

/// What the window asks for: the task without its weights, which the job makes.
struct GainEffectRequest {
    GainEffectTask effect;
    QuantSpec quant;
};

class GainEffectJob : public Job {
    Q_OBJECT

  public:
    explicit GainEffectJob(GainEffectRequest task) : task_(std::move(task)) {}

  signals:
    void measured(const std::shared_ptr<const qroar::WhatIf>& effect);

  protected:
    void work() override;

  private:
    GainEffectRequest task_;
};

} // namespace qroar
