#include "core/analysis/machine.h"

#include "core/base/stopwatch.h"
#include "core/base/strings.h"
#include "core/capture/qk_statistics.h"
#include "core/controls/row_divergence.h"
#include "core/inference/layer_weights.h"
#include "core/quant/rtn.h"

#include <omp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>

namespace qroar {

namespace {

/// What a limit on the address space (ulimit -v) leaves; infinite without one.
double leftOfAddressSpace() {
    rlimit limit{};
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return std::numeric_limits<double>::infinity();
    double pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return std::max(1.0,
                    static_cast<double>(limit.rlim_cur) - pages * static_cast<double>(sysconf(_SC_PAGESIZE)));
}

/// Of a batch of some windows, where what a batch costs beside its values is shared.
double captureSpeed(const ModelConfig& config) {
    constexpr int context = 512;
    const int heads = std::min(config.heads, 16);
    const int windowCount = std::clamp((1 << 20) / (context * heads * std::max(1, config.rotaryDim)), 1, 16);
    QkCapture::Options options;
    options.layers = 1;
    options.pairs = config.pairs();
    options.context = context;
    options.documents = 1;
    options.queryHeads = options.kvHeads = heads;
    QkCapture capture(options);
    Matrix values(windowCount * context, static_cast<std::ptrdiff_t>(heads) * config.headDim);
    std::uint32_t random = 1;
    for (std::ptrdiff_t at = 0; at < values.rows() * values.cols(); ++at) {
        random = random * 1664525U + 1013904223U;
        values.data()[at] = static_cast<float>(random >> 8) / 8388608.0F - 1.0F;
    }
    std::vector<BatchWindow> windows;
    for (int at = 0; at < windowCount; ++at) windows.push_back({0, at, at * context, context});
    const double seconds = typicalSeconds([&] {
        capture.deliver({0, QkTensor::Q, RopeStage::Pre, values.view(), heads, config.headDim,
                         config.rotaryDim, config.pairLayout, windows});
    });
    return 1.0 * windowCount * context * heads * config.rotaryDim / seconds;
}

/// Of rows of logits, on all threads at once as in a pass.
double comparisonSpeed(const ModelConfig& config) {
    const std::ptrdiff_t vocab = std::min(config.vocabSize, 16384);
    const std::ptrdiff_t rows = ((1 << 18) / vocab + 1) * omp_get_max_threads();
    Matrix reference(1, vocab), own(1, vocab);
    for (std::ptrdiff_t token = 0; token < vocab; ++token) {
        reference.row(0)[token] = static_cast<float>(token % 97) / 9;
        own.row(0)[token] = static_cast<float>(token % 89) / 9;
    }
    const double seconds = typicalSeconds([&] {
#pragma omp parallel
        {
            std::vector<double> scratch;
#pragma omp for schedule(static)
            for (std::ptrdiff_t row = 0; row < rows; ++row)
                compareRows(reference.row(0), own.row(0), vocab, 0, scratch);
        }
    });
    return static_cast<double>(rows * vocab) / seconds;
}

} // namespace

double availableMemory() {
    std::ifstream info("/proc/meminfo");
    std::string key, unit;
    double kib = 0;
    while (info >> key >> kib) {
        std::getline(info, unit);
        if (key == "MemAvailable:") return std::min(kib * 1024, leftOfAddressSpace());
    }
    return 0;
}

Status checkMemory(double bytes, const std::string& what) {
    const double available = availableMemory();
    if (available <= 0 || bytes <= available) return Done{};
    return Error::outOfMemory(what + " needs about " + formatBytes(bytes) + " of memory, "
                              + formatBytes(available) + " are available");
}

std::string processorName() {
    std::ifstream info("/proc/cpuinfo");
    std::string line;
    while (std::getline(info, line))
        if (startsWith(line, "model name")) return trim(line.substr(line.find(':') + 1));
    return "unknown processor";
}

MachineSpeed measureMachine(const ModelConfig& config, RareSteps rare) {
    MachineSpeed speed;
    speed.pass = measurePassSpeed(config, rare.reverse);
    if (rare.comparisons) speed.compared = comparisonSpeed(config);
    speed.captured = captureSpeed(config);
    constexpr int rows = 1024, cols = 1024;
    const std::vector<std::byte> stored(std::size_t{2} * rows * cols, std::byte{0x3c});
    TensorView tensor;
    tensor.type = DType::BF16;
    tensor.shape = {rows, cols};
    tensor.data = stored.data();
    const auto convert = [&tensor](Matrix& target) {
        target = {};
        readMatrix(tensor, target);
    };
    Matrix weight;
    const double converting = typicalSeconds([&] { convert(weight); });
    const double rounding = typicalSeconds([&] { applyRtn({QuantKind::Rtn, 4, 64}, weight.view()); });
    speed.converted = 1.0 * rows * cols / converting;
    speed.rounded = 1.0 * rows * cols / (converting + rounding);
    return speed;
}

} // namespace qroar
