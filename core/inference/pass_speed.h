// PassSpeed: how fast the steps of a forward pass run here, measured with the engine's own steps on a layer
// of the model's shape (cut to about a thousand columns, beyond which rates do not change): for estimates of
// time. Reads no file. Not here: what a job consists of (core/analysis).
#pragma once

#include "core/model/config.h"

namespace qroar {

struct PassSpeed {
    double linear = 0;    ///< operations a second of a layer without its attention: products, norms, rotation
    double attention = 0; ///< of attention, counting whole tiles on the diagonal
    double head = 0;      ///< of the output head, to negative log-likelihoods
    /// The same of the way back through them (ReverseWork); 0: not measured.
    double linearBack = 0, attentionBack = 0, headBack = 0;

    /// Seconds of `operations` that passes of windows of `context` tokens are made of
    /// (ForwardPass::operations and what is a multiple of it).
    [[nodiscard]] double seconds(const ModelConfig& config, int context, double operations) const;
    /// The same of `operations` that reverse passes are made of (ReversePass::operations).
    [[nodiscard]] double reverseSeconds(const ModelConfig& config, int context, double operations) const;
};
/// With all threads, in a few tenths of a second; those of the way back only when they are asked for.
PassSpeed measurePassSpeed(const ModelConfig& config, bool wayBack = false);

} // namespace qroar
