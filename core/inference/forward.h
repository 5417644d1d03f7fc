// ForwardPass: prefill of a batch of windows, layer by layer: every weight is read (and quantized) once per
// batch, all windows go through a layer before the next one. Memory is linear in the tokens of the batch;
// logits are streamed to a sink a block of positions at a time. Results do not depend on the number of
// threads. Goals: readable in one screen; one engine for every caller. Non-goals: generation, sampling,
// caches between calls.
#pragma once

#include "core/base/outcome.h"
#include "core/base/work_meter.h"
#include "core/inference/layer_weights.h"
#include "core/inference/probe.h"
#include "core/inference/rotary.h"
#include "core/model/model.h"
#include "core/text/documents.h"

#include <memory>
#include <span>
#include <vector>

namespace qroar {

/// Receives logits as they are made.
class LogitsSink {
  public:
    virtual ~LogitsSink() = default;
    /// Row r of `logits` [n, vocab] predicts the token after position firstPosition + r of `window` (index
    /// into the batch). Called concurrently for different blocks; each position of each window once.
    virtual void deliver(int window, int firstPosition, ConstMatrixView logits) = 0;
};

/// NLL of every predicted token: nll[window][t] = -ln p(token t+1 | tokens 0..t), natural logarithm, [context
/// - 1] each.
class NllSink : public LogitsSink {
  public:
    explicit NllSink(std::span<const Window> windows);
    void deliver(int window, int firstPosition, ConstMatrixView logits) override;
    [[nodiscard]] const std::vector<std::vector<float>>& nll() const { return nll_; }
    std::vector<std::vector<float>> take() { return std::move(nll_); }

  private:
    std::span<const Window> windows_;
    std::vector<std::vector<float>> nll_;
};

class ForwardPass {
  public:
    /// `table` must have been built for the windows' context. The spec must pass checkQuantSupported().
    ForwardPass(std::shared_ptr<const Model> model, const FrequencyTable& table, QuantSpec quant,
                int context);

    /// Runs all windows (at most `context` tokens each), in batches of about batchTokens() tokens. `probe`
    /// may be null. Error: cancelled.
    Status run(std::span<const Window> windows, ActivationProbe* probe, LogitsSink& sink, WorkMeter& meter);

    /// Distortion of each layer's projections, [layers][7]; empty for full precision. Known after run().
    [[nodiscard]] const std::vector<std::array<Distortion, 7>>& distortions() const { return distortions_; }

    /// Floating-point operations of one window (the unit of WorkMeter).
    static double operations(const ModelConfig& config, int context);
    /// Tokens of a batch: as many as fit the activation budget (512 MiB), but at least one window.
    static std::ptrdiff_t batchTokens(const ModelConfig& config, int context);
    /// Bytes beyond the mapped file that a run needs at its peak, without statistics.
    static double peakBytes(const ModelConfig& config, int context, long long tokens, int threads);

  private:
    struct Batch; ///< activations of the windows in flight
    void embed(Batch& batch) const;
    void projectQkv(Batch& batch, WorkMeter& meter) const;
    void observe(const Batch& batch, int layer, RopeStage stage, ActivationProbe* probe) const;
    void rotate(Batch& batch) const;
    void attend(Batch& batch, WorkMeter& meter) const;
    void finishLayer(Batch& batch, WorkMeter& meter) const;
    void streamLogits(Batch& batch, LogitsSink& sink, int firstWindow, WorkMeter& meter) const;
    Status runBatch(std::span<const Window> windows, int firstWindow, ActivationProbe* probe,
                    LogitsSink& sink, WorkMeter& meter);

    std::shared_ptr<const Model> model_;
    RotaryTable rotary_;
    QuantSpec quant_;
    LayerWeights weights_; ///< of the layer in flight
    Matrix head_;          ///< [vocab, hidden]
    std::vector<float> finalNorm_;
    std::vector<std::array<Distortion, 7>> distortions_;
};

} // namespace qroar
