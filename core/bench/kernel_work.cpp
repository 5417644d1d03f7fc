#include "core/bench/kernel_work.h"

#include "core/base/strings.h"
#include "core/inference/attention.h"
#include "core/inference/layer_steps.h"
#include "core/kernels/panels.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace qroar::bench {

Matrix patternMatrix(std::ptrdiff_t rows, std::ptrdiff_t cols) {
    Matrix made(rows, cols);
    for (std::ptrdiff_t at = 0; at < rows * cols; ++at)
        made.data()[at] = static_cast<float>(at * 7919 % 977) / 977.0F - 0.5F;
    return made;
}

std::string GemmCase::text() const {
    return std::to_string(rows) + " x " + std::to_string(cols) + " x " + std::to_string(inner);
}

double GemmCase::operations() const {
    return 2.0 * rows * cols * inner;
}

std::vector<GemmCase> gemmCases(const ModelConfig& c) {
    return {{"q", tokenTile, c.queryDim(), c.hiddenSize},
            {"gate", tokenTile, c.intermediateSize, c.hiddenSize},
            {"down", tokenTile, c.hiddenSize, c.intermediateSize},
            {"head", logitsTile(c), c.vocabSize, c.hiddenSize},
            {"q k^T", queryTile, keyTile, c.headDim},
            {"p v", queryTile, c.headDim, keyTile, false}};
}

Workload gemmWork(const GemmCase& of, int threads) {
    struct Operands {
        Panels a; ///< packed once: layers multiply a tile with several matrices
        Matrix b;
        std::vector<Matrix> c; ///< one a thread
    };
    auto operands = std::make_shared<Operands>();
    operands->a.pack(patternMatrix(of.rows, of.inner).view());
    operands->b = of.transposed ? patternMatrix(of.cols, of.inner) : patternMatrix(of.inner, of.cols);
    for (int thread = 0; thread < threads; ++thread) operands->c.emplace_back(of.rows, of.cols);
    constexpr double enough = 2e8; // operations of a call on each thread
    const int count = static_cast<int>(std::clamp(enough / of.operations(), 1.0, 1e6));
    Workload work{"gemm, " + of.what, "", of.text(), threads, 1, {}};
    work.run = [of, operands, count, threads]() -> Outcome<WorkDone> {
#pragma omp parallel num_threads(threads)
        {
            Matrix& c = operands->c[static_cast<std::size_t>(omp_get_thread_num())];
            const ConstMatrixView b = std::as_const(operands->b).view();
            const Factor factor = of.transposed ? factorOf(b) : transposedFactor(b);
            for (int turn = 0; turn < count; ++turn) multiplyPanels(operands->a, factor, c.view());
        }
        return WorkDone{of.operations() * threads, 0, 0, count, 0};
    };
    return work;
}

Workload attentionWork(const ModelConfig& config, int context, int threads) {
    struct State {
        ModelConfig config;
        AttentionActivations activations;
        std::vector<BatchWindow> windows;
    };
    auto state = std::make_shared<State>();
    state->config = config;
    state->config.heads = state->config.kvHeads = 1;
    state->activations.q = patternMatrix(context, config.headDim);
    state->activations.k = patternMatrix(context, config.headDim);
    state->activations.v = patternMatrix(context, config.headDim);
    state->activations.heads.resize(context, config.headDim);
    state->windows = {{0, 0, 0, context}};
    Workload work{"attention", "", "1 head of " + std::to_string(config.headDim), threads, 1, {}};
    work.shape += ", " + formatCount(context) + " tokens";
    if (const int sight = config.windowOf(0); sight > 0 && sight < context)
        work.shape += ", window " + formatCount(sight);
    work.run = [state, context]() -> Outcome<WorkDone> {
        ProgressSink silent;
        WorkMeter meter(silent, 1);
        attend(state->config, 0, state->windows, state->activations, meter);
        const double pairs = visibleKeys(0, context, state->config.windowOf(0));
        return WorkDone{4.0 * state->config.headDim * pairs, 0, 0, 1, 0};
    };
    return work;
}

} // namespace qroar::bench
