// Kernel rates (Google Benchmark): matrix products of the shapes of a forward pass, attention of a head from
// 512 to 32,768 tokens, RTN. Single thread; `qroar bench` has all threads and shares of the peak.
#include "core/bench/kernel_work.h"
#include "core/bench/random_model.h"
#include "core/quant/rtn.h"
#include "tests/bench/workload_benchmarks.h"

using namespace qroar;
using namespace qroar::bench;

namespace {

void rtn(benchmark::State& state) {
    const QuantSpec spec{QuantKind::Rtn, 4, 64, false};
    Matrix weight = patternMatrix(512, 4096);
    for (auto _ : state) benchmark::DoNotOptimize(applyRtn(spec, weight.view()));
    state.SetItemsProcessed(state.iterations() * weight.rows() * weight.cols());
}
BENCHMARK(rtn);

void registerKernels() {
    for (const ModelShape& shape : namedShapes()) {
        const ModelConfig config = configOf(shape);
        for (const GemmCase& one : gemmCases(config)) {
            Workload work = gemmWork(one, 1);
            work.model = shape.name;
            registerWorkload(work);
        }
    }
    for (const char* shape : {"15m", "135m", "7b"}) // heads of 48, 64 and 128
        for (const int context : {512, 2048, 8192, 32768})
            registerWorkload(attentionWork(configOf(*findShape(shape)), context, 1));
}

} // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    registerKernels();
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
