// calibrateWeights: runs AWQ or GPTQ over a model, layer by layer, on calibration text; makeWeights: the
// weights of any variant, calibrated or not, the one factory that callers need. Not here: the quantizers
// themselves (awq.h, gptq.h), which text (calibration.h).
#pragma once

#include "core/base/work_meter.h"
#include "core/inference/weight_source.h"
#include "core/quantize/calibration.h"
#include "core/quantize/importance.h"

namespace qroar {

/// How far a quantized projection is from the original: its weights, and its outputs on the calibration
/// tokens.
struct LayerOutputError {
    int layer = 0;
    Projection projection = Projection::Q;
    Distortion weight; ///< of the weights the quantizer saw (AWQ: after the fold)
    Distortion output; ///< without biases; both sides read the same inputs; maxError is not measured
    /// sqrt(sum ||y - y_hat||^2 / sum ||y||^2).
    [[nodiscard]] double relativeOutputError() const;
};

struct CalibratedWeights {
    std::shared_ptr<const WeightSource> weights; ///< packed codes
    std::vector<LayerOutputError> errors;        ///< [layers * 7]
};

/// `spec` is awq or gptq. AWQ reads the activations of the full-precision layers below, as AutoAWQ does; GPTQ
/// those of the layers that it has quantized already, and within a layer q, k, v before o before gate, up
/// before down
/// ("true sequential", the default of AutoGPTQ). The meter's stage is "awq:4:g64 layer 3/5". The result does
/// not depend on the number of threads. Errors: no windows, activations that overflow, cancelled.
Outcome<CalibratedWeights> calibrateWeights(std::shared_ptr<const Model> model, const QuantSpec& spec,
                                            const CalibrationSet& calibration, WorkMeter& meter);

/// The weights of a variant: openWeights() for those that need no calibration, else calibrateWeights().
/// Errors as theirs, or that calibration text is missing (`calibration` null).
Outcome<std::shared_ptr<const WeightSource>> makeWeights(std::shared_ptr<const Model> model,
                                                         const QuantSpec& spec,
                                                         const CalibrationSet* calibration, WorkMeter& meter);

/// makeWeights() for callers that have documents: calibrated, where the variant needs it, on up to
/// `mostWindows` windows of `context` tokens under `rope`. Errors as makeWeights and makeCalibrationSet, or
/// that there are no documents. With an importance matrix rtn and awq are weighted by it and look at no text
/// (importance_weights.h); gptq as without.
Outcome<std::shared_ptr<const WeightSource>>
makeWeightsOn(std::shared_ptr<const std::vector<Document>> documents, const RopeSpec& rope, int context,
              int mostWindows, std::shared_ptr<const Model> model, const QuantSpec& spec, ProgressSink& sink,
              const ImportanceMatrix* importance = nullptr);

/// The context length to calibrate at when nobody names one: what the scaling is for, s * L0 (L0 without
/// scaling; max_position_embeddings for longrope), but not beyond `most` tokens or the longest document.
int deployedContext(const RopeSpec& rope, const RopeModel& model, const std::vector<Document>& documents,
                    int most = 2048);

/// What calibrateWeights() measured; empty for weights that were not calibrated.
std::vector<LayerOutputError> layerOutputErrors(const WeightSource& weights, const ModelConfig& config);

/// Floating-point operations of calibrateWeights(), in the unit of ForwardPass::operations; 0 when the spec
/// needs none.
double calibrationOperations(const ModelConfig& config, const QuantSpec& spec, long long windows,
                             int context);
/// Bytes beyond the mapped file at its peak, the codes included; 0 when the spec needs none.
double calibrationPeakBytes(const ModelConfig& config, const QuantSpec& spec, long long windows, int context);

} // namespace qroar
