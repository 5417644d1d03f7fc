// Sensitivity: how the loss of a condition reacts to the gain and to the phase speed of every rotary pair,
// from one reverse pass (core/inference/reverse.h; ours, method.md sections 5 and 6). A value; not here: how
// it is computed (core/analysis), what bands make of it (core/diagnostics).
#pragma once

#include <cstddef>
#include <vector>

namespace qroar {

/// Derivatives of the mean NLL per predicted token, in nats, at the condition's weights, scales and
/// frequencies; logarithmic, so 0.01 means: 1 % more costs 0.0001 nats a token.
struct Sensitivity {
    int layers = 0, heads = 0, kvHeads = 0, pairs = 0;
    long long tokens = 0;        ///< predicted tokens the mean is over; 0: nothing was measured
    std::vector<double> lnGainQ; ///< [layers, heads, pairs] d NLL / d ln gQ of a query head
    std::vector<double> lnGainK; ///< [layers, kvHeads, pairs] d NLL / d ln gK of a key head
    std::vector<double> lnOmega; ///< [layers, pairs] d NLL / d ln omega' of the layer's q and k together
    /// Blocks of the text: documents when there are six or more, else stretches of them; 0: not kept.
    int blocks = 0;
    /// [blocks, layers, pairs] each block's share of d NLL / d ln g, g on all heads of the layer's queries
    /// (or keys): the shares add up to the sum of lnGainQ over heads. What a standard error is made of.
    std::vector<double> blockGain;

    [[nodiscard]] bool empty() const { return tokens == 0; }
    [[nodiscard]] double gainQ(int layer, int head, int pair) const {
        return lnGainQ[index(layer * heads + head, pair)];
    }
    [[nodiscard]] double gainK(int layer, int kvHead, int pair) const {
        return lnGainK[index(layer * kvHeads + kvHead, pair)];
    }
    [[nodiscard]] double omega(int layer, int pair) const { return lnOmega[index(layer, pair)]; }
    bool operator==(const Sensitivity&) const = default;

  private:
    [[nodiscard]] std::size_t index(int row, int pair) const {
        return static_cast<std::size_t>(row) * static_cast<std::size_t>(pairs)
               + static_cast<std::size_t>(pair);
    }
};

} // namespace qroar
