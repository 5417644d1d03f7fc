// What recorded quantization errors (core/capture/noise_statistics.h) come to: anisotropy of the errors of a
// pair, and the noise of attention logits against distance (method.md section 5; ours). Pure functions; bands
// are a view. Units: logits, i.e. q.k / sqrt(head dim) with the attention factor in it, before the softmax.
// Not here: what the noise costs (damage_grid.h).
#pragma once

#include "core/diagnostics/band_grid.h"
#include "core/rope/bands.h"
#include "core/session/session.h"

namespace qroar {

/// Of the 2x2 covariance of (ex, ey), with eigenvalues l1 >= l2.
struct Anisotropy {
    double value = 0;       ///< A = |l1 - l2| / (l1 + l2), 0 (the same in all directions) to 1
    double orientation = 0; ///< psi: angle of the larger axis to the pair's first row, radians, (-pi/2, pi/2]
    double variance = 0;    ///< l1 + l2
    double mean = 0;        ///< |(mean ex, mean ey)|
    double snrDb = 0;       ///< 10 log10(sum x^2 + y^2 / sum ex^2 + ey^2) with the reference's (x, y)
};
/// NaN without samples. `group` -1: all head groups; all positions.
Anisotropy anisotropyOf(const NoiseStatistics& noise, int layer, QkTensor tensor, int pair, int group = -1);
Anisotropy anisotropyOf(const ErrorMoments& moments);
/// Sum over positions, and over head groups when `group` is -1.
ErrorMoments pooledErrors(const NoiseStatistics& noise, int layer, QkTensor tensor, int pair, int group = -1);

/// The part of a pair's logit noise that turns with the distance. For independent errors and a key at angle
/// theta,  Var = |k|^2 ((l1 + l2)/2 + (l1 - l2)/2 cos 2(theta - psi))  + the same with q and k swapped, and
/// RoPE adds omega' D to theta.
struct NoiseDepth {
    /// [ |k|^2 (l1 - l2)_q + |q|^2 (l1 - l2)_k ] / [ |k|^2 (l1 + l2)_q + |q|^2 (l1 + l2)_k ]: the largest
    /// share, for one direction of q and k, 0 to 1.
    double largest = 0;
    /// The same averaged over the directions that q and k really take (their second moments), 0 to `largest`.
    double mean = 0;
    double rms =
        0; ///< sqrt of the part that does not turn, times m^2 and the scale of q k^T: logits, uncapped
};
/// `logitScale` multiplies q k^T: ModelConfig::attentionFactor().
NoiseDepth noiseDepth(const ConditionResult& condition, double logitScale, int layer, int pair,
                      int group = -1);

/// Layer x band: mean over the band's pairs of A, weighted with the variance of their errors. Without rows
/// when nothing was recorded. In the order of everything here: `group` -1 pools head groups.
BandGrid anisotropyGrid(const ConditionResult& condition, const BandPartition& bands, QkTensor tensor,
                        int group = -1);
/// Layer x band: mean over the band's pairs of NoiseDepth::largest, weighted with their logit variance.
BandGrid noiseDepthGrid(const ConditionResult& condition, double logitScale, const BandPartition& bands,
                        int group = -1);

enum class LogitNoise { Rms, Mean };
/// Noise of a band of pairs [firstPair, endPair) in one distance bucket; -1: all buckets together, each with
/// the same weight (they are sampled equally). NaN without samples.
double logitNoise(const NoiseStatistics& noise, LogitNoise form, int layer, int firstPair, int endPair,
                  int distance, int group = -1);
/// Layer x band of that.
BandGrid logitNoiseGrid(const ConditionResult& condition, const BandPartition& bands, LogitNoise form,
                        int distance = -1, int group = -1);

} // namespace qroar
