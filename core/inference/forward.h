// ForwardPass: prefill of a batch of windows, layer by layer: every weight is read (and quantized) once per
// batch, all windows go through a layer before the next one. Memory is linear in the tokens of the batch;
// logits are streamed to a sink a block of positions at a time. Results do not depend on the number of
// threads. Goals: readable in one screen; one engine for every caller. Non-goals: generation, sampling.
// run() is the whole pass; embed(), runLayers() and streamLogits() are its steps, for callers that keep or
// compare residual streams (search trials above an unchanged layer, KL against a reference).
#pragma once

#include "core/base/outcome.h"
#include "core/base/work_meter.h"
#include "core/inference/layer_weights.h"
#include "core/inference/probe.h"
#include "core/inference/rotary.h"
#include "core/inference/weight_source.h"
#include "core/model/model.h"
#include "core/scales/qk_gains.h"
#include "core/text/documents.h"

#include <memory>
#include <span>
#include <vector>

namespace qroar {

struct LayerOperands;
struct AttentionActivations;

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

/// The residual stream of some windows between two layers.
struct Residual {
    std::vector<BatchWindow> windows; ///< in the order of the rows
    Matrix x;                         ///< [tokens of all windows, hidden]
};

/// Bytes beyond the mapped file that a pass over one batch holds, at the one and at the other of its peaks.
struct PassMemory {
    double layers = 0; ///< stream, activations of a layer, its weights, tiles
    double logits = 0; ///< stream, output head, blocks of logits
    [[nodiscard]] double peak() const { return layers > logits ? layers : logits; }
};

class ForwardPass {
  public:
    /// `table` must have been built for the windows' context; `gains` (empty: none) must fit the model.
    ForwardPass(std::shared_ptr<const Model> model, const FrequencyTable& table,
                std::shared_ptr<const WeightSource> weights, int context, QkGains gains = {});
    /// The same with a weight variant that needs no calibration: the spec must pass
    /// checkQuantSupported(quant, *model).
    ForwardPass(std::shared_ptr<const Model> model, const FrequencyTable& table, const QuantSpec& quant,
                int context);

    /// Runs all windows (at most `context` tokens each), in batches of about batchTokens() tokens. `probe`
    /// may be null. Error: cancelled.
    Status run(std::span<const Window> windows, ActivationProbe* probe, LogitsSink& sink, WorkMeter& meter);

    /// x = E[token]: the residual stream below layer 0.
    [[nodiscard]] Residual embed(std::span<const Window> windows) const;
    /// Layers [first, end) on a residual stream in place. Error: cancelled (the stream is then unusable).
    Status runLayers(Residual& stream, int first, int end, ActivationProbe* probe, WorkMeter& meter);
    /// Logits from the stream above the last layer; window at of the stream is reported as firstWindow + at.
    Status streamLogits(const Residual& stream, LogitsSink& sink, int firstWindow, WorkMeter& meter);
    /// Logits [n, vocab] of positions first .. first + n - 1 of window `at` of a stream above the last layer.
    /// From any thread inside a sink of streamLogits(): the other half of a comparison.
    void logitsOf(const Residual& stream, int at, int first, MatrixView logits) const;
    /// Logits [windows, vocab] of the last position of every window of a stream above the last layer: what
    /// predicts the token after a prompt.
    Matrix lastLogits(const Residual& stream);
    /// Other gains from now on (must fit the model, or be empty).
    void setGains(QkGains gains) { gains_ = std::move(gains); }
    /// Another weight variant of the same model and other gains from now on; distortions() begins anew.
    void use(std::shared_ptr<const WeightSource> weights, QkGains gains);

    /// Distortion of each layer's projections, [layers][7]; empty for full precision and
    /// for stored codes, whose original nobody has. Known after run().
    [[nodiscard]] const std::vector<std::array<Distortion, 7>>& distortions() const { return distortions_; }

    /// Floating-point operations of one window (the unit of WorkMeter), from the stream below a layer to the
    /// logits.
    static double operations(const ModelConfig& config, int context, int firstLayer = 0);
    /// Tokens of a batch: as many as fit the activation budget (512 MiB), but at least one window.
    static std::ptrdiff_t batchTokens(const ModelConfig& config, int context);
    /// Of one batch of so many tokens, on its own; what is kept from batch to batch (the output head behind
    /// the first one, a reference's stream) comes on top.
    static PassMemory batchMemory(const ModelConfig& config, int context, double tokens, int threads);
    static double layerBytes(const ModelConfig& config);               ///< of a layer's projections as floats
    static double headBytes(const ModelConfig& config);                ///< of the output head as floats
    static double logitsBytes(const ModelConfig& config, int threads); ///< of all threads' blocks of logits
    /// Of the residual stream of a batch when a run has `tokens`.
    static double streamBytes(const ModelConfig& config, int context, long long tokens);
    /// Bytes beyond the mapped file that a run needs at its peak, without statistics.
    static double peakBytes(const ModelConfig& config, int context, long long tokens, int threads);

  private:
    LayerOperands useLayer(int layer);
    void applyHead(ConstMatrixView x, MatrixView normed, MatrixView logits) const;
    void observe(const Residual& stream, const AttentionActivations& activations, int layer, RopeStage stage,
                 ActivationProbe* probe) const;

    std::shared_ptr<const Model> model_;
    LayerRotations rotations_;
    std::shared_ptr<const WeightSource> source_;
    QkGains gains_;
    OutputHead head_;
    std::vector<std::array<Distortion, 7>> distortions_;
};

} // namespace qroar
