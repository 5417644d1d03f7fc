// ReferenceLlama: a Llama / Mistral forward pass in double precision, written as plain loops so that one can
// check it by reading. For tests only. Shares with the product the checkpoint reader (Model) and nothing
// else: no core/inference, core/rope or core/quant. Slow: fits models of a million parameters and a few
// thousand tokens.
#pragma once

#include "core/model/model.h"
#include "tests/support/reference_rope.h"

#include <functional>
#include <vector>

namespace qroar::test {

/// Changes one projection's weights [rows = out, cols = in], row-major, in place.
using WeightTransform =
    std::function<void(int layer, Projection projection, std::vector<double>& weights, int rows, int cols)>;

/// Naive RTN (naive_rtn.h) of every projection; group 0 = whole row.
WeightTransform referenceRtn(int bits, int group, bool symmetric);

struct ReferenceLinear {
    int rows = 0, cols = 0;
    std::vector<double> weights; ///< [rows, cols]
    std::vector<double> bias;    ///< [rows] or empty
};

struct ReferenceLayer {
    std::vector<double> attentionNorm, feedForwardNorm; ///< [hidden]
    ReferenceLinear q, k, v, o, gate, up, down;
};

/// Everything one pass computed that tests look at. T = tokens.
struct ReferenceRun {
    struct LayerQk {
        std::vector<double> qBefore, qAfter; ///< [T, heads * headDim]: before, after RoPE (m included)
        std::vector<double> kBefore, kAfter; ///< [T, kvHeads * headDim]
    };
    std::vector<LayerQk> layers;
    std::vector<double> logits; ///< [T, vocab]; row t predicts token t + 1
};

struct ReferenceLlama {
    explicit ReferenceLlama(const Model& model, const WeightTransform& transform = {});

    [[nodiscard]] ReferenceRun run(const std::vector<int>& ids) const;
    [[nodiscard]] std::vector<double> logits(const std::vector<int>& ids) const; ///< [T, vocab]
    /// [T-1]: -ln p(ids[t+1] | ids[0..t]).
    [[nodiscard]] std::vector<double> nll(const std::vector<int>& ids) const;

    // Public, so that a test can change one thing and see what happens.
    ModelConfig config; ///< shapes, eps, theta, window and pair layout; its storedRope is not looked at
    ReferenceRope rope; ///< none unless set; for dynamic, L = number of tokens given
    std::vector<ReferenceLayer> layers;
    std::vector<double> embedding, head; ///< [vocab, hidden]
    std::vector<double> finalNorm;       ///< [hidden]
    /// Factors on both rows of a pair after the projection: [layers, heads, pairs], [layers, kvHeads, pairs];
    /// empty: none.
    std::vector<double> queryGains, keyGains;
    std::vector<double> omegaFactors; ///< [layers, pairs] on the pair's frequency in that layer; empty: none
};

} // namespace qroar::test
