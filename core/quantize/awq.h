// AWQ (Lin, Tang, Tang, Yang, Chen, Wang, Xiao, Dang, Gan & Han 2024, arXiv 2306.00978): before rounding to
// nearest, every input channel of a linear layer is multiplied by a scale s that grows with the channel's
// activations, and whatever computes the channel is divided by it, so that the full-precision function stays
// as it is and the channels that matter are rounded finer. Then groups may be clipped. Pure functions of a
// layer's weights and the moments of its inputs. Not here: collecting moments (calibrate.h).
#pragma once

#include "core/inference/weight_source.h"
#include "core/quantize/block_errors.h"
#include "core/quantize/input_moments.h"

#include <optional>

namespace qroar {

/// Input scales of a layer, and where their inverse goes.
struct AwqScales {
    std::vector<float> attention;   ///< [hidden] of q, k, v; into the norm before them
    std::vector<float> output;      ///< [kvHeads * headDim] of o, one for a channel of v; into the rows of v
    std::vector<float> feedForward; ///< [hidden] of gate and up; into the norm before them
    std::vector<float> down;        ///< [intermediate] of down; into the rows of up
    std::array<double, 4> alpha{};  ///< that won, by LinearInput

    /// All ones: nothing is folded.
    static AwqScales ones(const ModelConfig& config);
    /// [in] what the columns of a projection are multiplied with. Query heads that share a head of v share
    /// the scales of its channels.
    [[nodiscard]] std::vector<float> columnsOf(const ModelConfig& config, Projection projection) const;
    /// [out] what its rows are divided by; empty: nothing.
    [[nodiscard]] std::vector<float> rowsOf(Projection projection) const;
};

struct AwqOptions {
    std::optional<double> alpha; ///< this one instead of the best of the grid
    bool clip = true;
};

/// s = mean|x|^alpha of every channel, at least 1e-4, divided by sqrt(max s * min s). `meanAbsolute`
/// [channels]; channels that were always 0 get 1 and do not take part in the maximum and minimum (ours).
std::vector<float> awqScales(const std::vector<double>& meanAbsolute, double alpha);

/// For each of the four inputs, the alpha of 0, 0.05 .. 0.95 with the least squared error when its readers
/// are Q(W diag s) diag(s)^-1, one input at a time. Errors are those that AutoAWQ looks at: q, k and v
/// together at the output of the attention block, gate and up together at that of the feed-forward block
/// (BlockErrors, on its windows); o and down at their own outputs (over all calibration tokens). For o,
/// mean|x| is averaged over the query heads that share a head of v (ours: AutoAWQ leaves o unscaled when
/// there are such). Scales whose inverse goes into a norm are moved a little, so that the new norm is a
/// number of the type in which the checkpoint stores norms (ours): an exported model is then the one that was
/// measured.
AwqScales searchAwqScales(const Model& model, int layer, const QuantSpec& spec,
                          const std::shared_ptr<const LayerWeights>& weights, const LayerMoments& moments,
                          const BlockErrors& blocks, const AwqOptions& options, WorkMeter& meter);

/// Multiplies columns by the scales and divides norms, rows of v and up, and their biases by them: the
/// function that the layer computes does not change but for rounding.
void foldAwqScales(const Model& model, int layer, const AwqScales& scales, LayerWeights& weights);

/// Limits every group of a row to +- f max|w|, f = 1, 0.95 .. 0.55 (AutoAWQ's grid: 20 steps, at most half),
/// the f with the least squared error of the group's own contribution to the output over all calibration
/// tokens (AutoAWQ takes 512 of them). `gram` [in, in] of the inputs of these weights. Returns how many
/// weights were limited.
long long clipAwqGroups(const QuantSpec& spec, ConstMatrixView gram, MatrixView weight, WorkMeter& meter);

/// Scales, fold, clip (not q and k, as in AutoAWQ: their product is not what the clip looks at), round to
/// nearest. `weights` as the checkpoint stores them. What it returns is unusable when the meter was
/// cancelled.
QuantizedLayer quantizeAwq(const Model& model, int layer, const QuantSpec& spec,
                           const std::shared_ptr<const LayerWeights>& weights, const LayerMoments& moments,
                           const BlockErrors& blocks, const AwqOptions& options, WorkMeter& meter);

/// Floating-point operations of quantizeAwq and of its BlockErrors on that many windows.
double awqOperations(const ModelConfig& config, const QuantSpec& spec, long long blockWindows, int context);

} // namespace qroar
