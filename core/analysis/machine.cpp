#include "core/analysis/machine.h"

#include "core/base/strings.h"
#include "core/inference/gemm.h"

#include <omp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
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

double measuredOperationsPerSecond(const ModelConfig& config) {
    constexpr int rows = 128;
    constexpr double passShare =
        0.55; // of the rate of its matrix products alone (measured on the sample model)
    const int inner = std::min(config.hiddenSize, 2048), outer = std::min(config.intermediateSize, 2048);
    const Matrix weight(outer, inner);
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    const auto secondsSince = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
    double operations = 0;
#pragma omp parallel reduction(+ : operations)
    {
        const Matrix input(rows, inner);
        Matrix output(rows, outer);
        do { // at least once: a busy machine may let the time pass before this thread has begun
            multiplyTransposed(input.view(), weight.view(), output.view());
            operations += 2.0 * rows * inner * outer;
        } while (secondsSince() < 0.05);
    }
    return passShare * operations / secondsSince();
}

} // namespace qroar
