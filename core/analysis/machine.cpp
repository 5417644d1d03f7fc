#include "core/analysis/machine.h"

#include "core/base/stopwatch.h"
#include "core/base/strings.h"
#include "core/capture/qk_statistics.h"
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

double captureSpeed(const ModelConfig& config) {
    constexpr int context = 512;
    const int heads = std::min(config.heads, 16);
    QkCapture::Options options;
    options.layers = 1;
    options.pairs = config.pairs();
    options.context = context;
    options.documents = 1;
    options.queryHeads = options.kvHeads = heads;
    QkCapture capture(options);
    Matrix values(context, static_cast<std::ptrdiff_t>(heads) * config.headDim);
    std::uint32_t random = 1;
    for (std::ptrdiff_t at = 0; at < values.rows() * values.cols(); ++at) {
        random = random * 1664525U + 1013904223U;
        values.data()[at] = static_cast<float>(random >> 8) / 8388608.0F - 1.0F;
    }
    const std::vector<BatchWindow> windows{{0, 0, 0, context}};
    const double seconds = fastestSeconds([&] {
        capture.deliver({0, QkTensor::Q, RopeStage::Pre, values.view(), heads, config.headDim,
                         config.rotaryDim, config.pairLayout, windows});
    });
    return 1.0 * context * heads * config.rotaryDim / seconds;
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

MachineSpeed measureMachine(const ModelConfig& config) {
    MachineSpeed speed;
    speed.pass = measurePassSpeed(config);
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
    const double converting = fastestSeconds([&] { convert(weight); });
    const double rounding = fastestSeconds([&] { applyRtn({QuantKind::Rtn, 4, 64}, weight.view()); });
    speed.converted = 1.0 * rows * cols / converting;
    speed.rounded = 1.0 * rows * cols / (converting + rounding);
    return speed;
}

} // namespace qroar
