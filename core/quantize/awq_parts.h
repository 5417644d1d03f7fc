// Steps of AWQ that its two searches share: by moments (awq.cpp) and by an importance matrix
// (importance_weights.cpp). Private to this room.
#pragma once

#include "core/quantize/awq.h"

namespace qroar {

inline constexpr int awqAlphaSteps = 20; ///< alpha = step / 20
inline constexpr int awqClipSteps = 10;  ///< f = 1 - step / 20

/// Scales that turn `norm` into numbers of its own type; 1 where that cannot be.
std::vector<float> storableScales(const Model& model, const TensorView& norm,
                                  const std::vector<float>& scales);
/// The size of a channel of v: the mean over the columns of o that read it.
std::vector<double> meanOverSharedHeads(const ModelConfig& config, const std::vector<double>& sizes);
/// Q(W diag s) diag(s)^-1 in place of W.
void roundScaled(const QuantSpec& grid, const std::vector<float>& scales, MatrixView weight);

} // namespace qroar
