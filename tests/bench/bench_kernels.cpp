// Kernel rates (Google Benchmark), single thread: matrix products of the shapes of a forward pass, attention
// tiles, RTN.
#include "core/inference/attention.h"
#include "core/inference/gemm.h"
#include "core/quant/rtn.h"

#include <benchmark/benchmark.h>

using namespace qroar;

namespace {

void gemmShape(benchmark::State& state) {
    const auto rows = state.range(0), cols = state.range(1), inner = state.range(2);
    const Matrix a(rows, inner), b(cols, inner);
    Matrix c(rows, cols);
    for (auto _ : state) multiplyTransposed(a.view(), b.view(), c.view());
    state.counters["FLOP/s"] = benchmark::Counter(2.0 * static_cast<double>(rows * cols * inner),
                                                  benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(gemmShape)
    ->Args({128, 128, 128})
    ->Args({128, 384, 128})
    ->Args({128, 576, 576})
    ->Args({128, 1536, 576})
    ->Args({128, 4096, 4096});

void attentionHead(benchmark::State& state) {
    const int context = static_cast<int>(state.range(0)), dim = static_cast<int>(state.range(1));
    const AttentionShape shape{1, 1, dim, 0};
    const Matrix q(context, dim), k(context, dim), v(context, dim);
    Matrix out(context, dim);
    AttentionScratch scratch;
    for (auto _ : state)
        for (int first = 0; first < context; first += queryTile)
            attendTile(shape, 0, first, std::min(queryTile, context - first), q.view(), k.view(), v.view(),
                       out.view(), scratch);
    state.counters["FLOP/s"] = benchmark::Counter(2.0 * dim * context * (context + 1.0),
                                                  benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(attentionHead)
    ->Args({512, 32})
    ->Args({4096, 32})
    ->Args({2048, 64})
    ->Args({8192, 64})
    ->Args({8192, 128});

void rtn(benchmark::State& state) {
    const QuantSpec spec{QuantKind::Rtn, 4, 64, false};
    Matrix weight(512, 4096);
    for (std::ptrdiff_t at = 0; at < weight.rows() * weight.cols(); ++at)
        weight.data()[at] = static_cast<float>(at % 977) / 977.0F - 0.5F;
    for (auto _ : state) benchmark::DoNotOptimize(applyRtn(spec, weight.view()));
    state.SetItemsProcessed(state.iterations() * weight.rows() * weight.cols());
}
BENCHMARK(rtn);

} // namespace

BENCHMARK_MAIN();
