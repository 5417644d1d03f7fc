// What is not arithmetic (Google Benchmark): tokenizer, session files, moving a band edge. With sessions of
// the shapes of a small and of a 7B model.
#include "core/bench/random_model.h"
#include "core/bench/session_work.h"
#include "core/bench/text_work.h"
#include "tests/bench/workload_benchmarks.h"

#include "core/base/files.h"

#include <unistd.h>

#include <cstdio>

using namespace qroar;
using namespace qroar::bench;

namespace {

Status registerTokenizer(const std::filesystem::path& scratch) {
    const auto file = scratch / "tokenizer.json";
    if (Status written = writeTextAtomically(file, randomTokenizerText(32000)); !written) return written;
    const auto tokenizer = loadHfTokenizer(file);
    if (!tokenizer) return tokenizer.error();
    registerWorkload(encodeWork(*tokenizer));
    registerWorkload(decodeWork(*tokenizer));
    return Done{};
}

Status registerSession(const ModelShape& shape, const std::filesystem::path& scratch) {
    const auto session = benchSession(configOf(shape));
    if (!session) return session.error();
    const auto file = scratch / (shape.name + ".h5");
    const Workload save = saveWork(*session, file);
    if (const auto saved = save.run(); !saved) return saved.error(); // for a filter that leaves it out
    registerWorkload(save);
    registerWorkload(openWork(*session, file));
    for (const BandMetric& metric : bandMetrics()) {
        registerWorkload(bandWork(*session, metric, false));
        if (metric.pooled) registerWorkload(bandWork(*session, metric, true));
    }
    return Done{};
}

Status registerAll(const std::filesystem::path& scratch) {
    if (Status done = registerTokenizer(scratch); !done) return done;
    for (const char* shape : {"15m", "7b"})
        if (Status done = registerSession(*findShape(shape), scratch); !done) return done;
    return Done{};
}

} // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    const auto scratch = std::filesystem::temp_directory_path()
                         / ("qroar-bench-data-" + std::to_string(static_cast<long>(::getpid())));
    std::filesystem::create_directories(scratch);
    const Status ready = registerAll(scratch);
    if (ready)
        benchmark::RunSpecifiedBenchmarks();
    else
        std::fprintf(stderr, "%s\n", ready.error().message.c_str());
    std::filesystem::remove_all(scratch);
    return ready ? 0 : 1;
}
