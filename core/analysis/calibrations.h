// Calibrations: the weights of an analysis' conditions; those of awq and gptq are calibrated at the
// condition's context length and RoPE spec, once, and kept while a later condition needs the same. Private to
// this room. Not here: calibration itself (core/quantize).
#pragma once

#include "core/analysis/analysis.h"
#include "core/base/work_meter.h"
#include "core/quantize/calibrate.h"

namespace qroar {

class Calibrations {
  public:
    /// `ahead`: the conditions that weights() will be asked for, in that order. `plan` must outlive this.
    Calibrations(const AnalysisPlan& plan, std::vector<ConditionKey> ahead)
        : plan_(plan), ahead_(std::move(ahead)) {}

    struct Weights {
        std::shared_ptr<const WeightSource> source;
        std::optional<CalibrationRecord> record; ///< absent when the variant needs no calibration
    };
    /// Errors: as makeWeights, makeCalibrationSet.
    Outcome<Weights> weights(const ConditionKey& key, WorkMeter& meter);

    /// Floating-point operations of all calibrations; each is counted once.
    [[nodiscard]] double operations() const;
    /// Bytes at the peak beside a forward pass.
    [[nodiscard]] double peakBytes() const;

  private:
    struct Kept {
        ConditionKey key; ///< what the weights depend on
        Weights weights;
    };
    /// Conditions to calibrate, without scales and repeats.
    [[nodiscard]] std::vector<ConditionKey> distinct() const;
    [[nodiscard]] Outcome<Weights> make(const ConditionKey& key, WorkMeter& meter) const;
    [[nodiscard]] bool needed(const ConditionKey& key) const;

    const AnalysisPlan& plan_;
    std::vector<ConditionKey> ahead_;
    std::vector<Kept> kept_;
};

/// What a condition of the plan is calibrated on; its key must need calibration.
Outcome<CalibrationSet> calibrationSetOf(const AnalysisPlan& plan, const ConditionKey& key);
/// The calibration text has windows for every context, if the plan has a variant that needs them.
Status checkCalibrationText(const AnalysisPlan& plan);
/// That calibration text is also measured, when it is.
void addCalibrationNotes(const AnalysisPlan& plan, std::vector<std::string>& notes);

} // namespace qroar
