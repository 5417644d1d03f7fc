// The kernels of a forward pass as workloads: matrix products in the tiles that the pass cuts, and the
// attention of one head. Not here: whole passes (pass_work.h).
#pragma once

#include "core/base/matrix.h"
#include "core/bench/measure.h"
#include "core/model/config.h"

namespace qroar::bench {

/// C [rows, cols] = A [rows, inner] times B^T [cols, inner] (or B [inner, cols]).
struct GemmCase {
    std::string what; ///< "q", "gate", "q k^T"
    int rows = 0, cols = 0, inner = 0;
    bool transposed = true;
    [[nodiscard]] std::string text() const;  ///< "128 x 576 x 576"
    [[nodiscard]] double operations() const; ///< 2 rows cols inner
};
/// The tiles of a model's linear layers, output head, scores (inner = headDim) and weighted values.
std::vector<GemmCase> gemmCases(const ModelConfig& config);
/// A product of its own on each of so many threads; operations are those of all of them.
Workload gemmWork(const GemmCase& of, int threads);

/// Causal attention of one head of the model over `context` positions; operations as in
/// ForwardPass::operations: 4 headDim for every pair that is seen, in the window of the lowest layer.
Workload attentionWork(const ModelConfig& config, int context, int threads);

/// A matrix of small numbers that differ.
Matrix patternMatrix(std::ptrdiff_t rows, std::ptrdiff_t cols);

} // namespace qroar::bench
