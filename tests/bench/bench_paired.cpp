// Whole-pass comparisons as ratios: the two sides alternate within one run, so that a drifting machine slows
// both.
//   bench_paired [MODEL [CONTEXT [PAIRS]]]     default: the sample model, 1,024 tokens, 9 pairs
#include "core/base/strings.h"
#include "core/capture/qk_statistics.h"
#include "core/inference/forward.h"
#include "core/inference/reverse.h"

#include <omp.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <numeric>

using namespace qroar;

namespace {

struct Setup {
    std::shared_ptr<const Model> model;
    FrequencyTable table;
    std::vector<std::vector<TokenId>> texts;
    std::vector<Window> windows;
    int context = 1024;
};

double seconds(const std::function<void()>& work) {
    const double start = omp_get_wtime();
    work();
    return omp_get_wtime() - start;
}

/// Runs a and b in turn; prints the median of a/b with its range.
void compare(const char* name, int pairs, const std::function<void()>& a, const std::function<void()>& b) {
    a();
    b();
    std::vector<double> ratios, baseline;
    for (int pair = 0; pair < pairs; ++pair) {
        const double timeA = seconds(a), timeB = seconds(b);
        ratios.push_back(timeA / timeB);
        baseline.push_back(timeB);
    }
    std::sort(ratios.begin(), ratios.end());
    std::sort(baseline.begin(), baseline.end());
    std::printf("%-44s %6.3f  [%.3f, %.3f]   second side: %.3f s\n", name, ratios[ratios.size() / 2],
                ratios.front(), ratios.back(), baseline[baseline.size() / 2]);
}

void forward(const Setup& setup, bool capture, const QuantSpec& quant) {
    ProgressSink sink;
    WorkMeter meter(sink, 1);
    ForwardPass pass(setup.model, setup.table, quant, setup.context);
    NllSink nll(setup.windows);
    const ModelConfig& c = setup.model->config();
    QkCapture probe({c.layers, c.pairs(), setup.context, c.trainedContext(), 4, c.heads, c.kvHeads, false});
    if (!pass.run(setup.windows, capture ? &probe : nullptr, nll, meter)) std::abort();
}

void reverse(const Setup& setup) {
    ProgressSink sink;
    WorkMeter meter(sink, 1);
    ReversePass pass(setup.model, setup.table, *openWeights(setup.model, {}), setup.context);
    QkGradient sum = QkGradient::zero(setup.model->config());
    if (!pass.run(
            setup.windows, 1, [&](int, const QkGradient& gradient) { sum.add(gradient); }, meter))
        std::abort();
}

Setup makeSetup(const char* path, int context) {
    Setup setup;
    setup.context = context;
    auto model = openModel(path);
    if (!model) {
        std::fprintf(stderr, "%s\n", model.error().message.c_str());
        std::exit(1);
    }
    setup.model = *model;
    setup.table =
        *buildFrequencyTable(*RopeSpec::parse("yarn:4"), setup.model->config().ropeModel(), context);
    constexpr int documents = 4, windowsEach = 3;
    for (int document = 0; document < documents; ++document) {
        setup.texts.emplace_back(static_cast<std::size_t>(context * windowsEach));
        for (std::size_t token = 0; token < setup.texts.back().size();
             ++token) // any ids do: only the shapes matter
            setup.texts.back()[token] =
                static_cast<TokenId>((token * 7919 + document) % setup.model->config().vocabSize);
    }
    for (int document = 0; document < documents; ++document)
        for (int at = 0; at < windowsEach; ++at)
            setup.windows.push_back(
                {document, at, std::span(setup.texts[document]).subspan(at * context, context)});
    return setup;
}

} // namespace

int main(int argc, char** argv) {
    const Setup setup = makeSetup(argc > 1 ? argv[1] : QROAR_SOURCE_DIR "/samples/model",
                                  argc > 2 ? std::atoi(argv[2]) : 1024);
    const int pairs = argc > 3 ? std::atoi(argv[3]) : 9;
    const double operations = ForwardPass::operations(setup.model->config(), setup.context)
                              * static_cast<double>(setup.windows.size());
    const double once = seconds([&] { forward(setup, false, {}); });
    std::printf("%s tokens in windows of %d, %d threads: %.1f GFLOP/s, %.0f tokens/s\n\n",
                formatCount(setup.context * static_cast<long long>(setup.windows.size())).c_str(),
                setup.context, omp_get_max_threads(), operations / once / 1e9,
                setup.context * static_cast<double>(setup.windows.size()) / once);
    std::printf("%-44s %6s\n", "ratio of times", "median");
    compare(
        "capture / plain forward pass", pairs, [&] { forward(setup, true, {}); },
        [&] { forward(setup, false, {}); });
    compare(
        "reverse pass / plain forward pass", pairs, [&] { reverse(setup); },
        [&] { forward(setup, false, {}); });
    compare(
        "rtn:4:g64 / full precision", pairs, [&] { forward(setup, false, *QuantSpec::parse("rtn:4:g64")); },
        [&] { forward(setup, false, {}); });
    const int threads = omp_get_max_threads();
    if (threads > 1)
        compare(
            "1 thread / all threads", pairs,
            [&] {
                omp_set_num_threads(1);
                forward(setup, false, {});
                omp_set_num_threads(threads);
            },
            [&] { forward(setup, false, {}); });
    return 0;
}
