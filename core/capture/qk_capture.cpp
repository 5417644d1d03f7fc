// QkCapture::deliver: the inner loops of capture. A unit of work is some heads of one group in one document;
// it goes through its tokens bucket by bucket, so that the dense counters of one bucket [pair][bin] stay in
// the cache, and flushes the touched stretch of each pair into a compact partial result. Units are merged in
// their order, pair by pair. Nothing here depends on the number of threads.
#include "core/base/vectorized.h"
#include "core/capture/qk_statistics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>

namespace qroar {

namespace {

/// Units in flight: enough for every core, few enough for their partial results to stay small.
constexpr std::size_t unitsPerWave = 64;
/// Least work of a share of heads, about 0.15 ms.
constexpr double valuesPerUnit = 65536;

} // namespace

struct QkCapture::Unit {
    int document = 0, group = 0;
    int firstHead = 0, endHead = 0;
    std::size_t firstWindow = 0, endWindow = 0; ///< into QkActivations::windows
};

struct QkCapture::Partial {
    struct Stretch {
        int firstBin = 0;
        std::uint32_t length = 0;
        std::size_t offset = 0; ///< into counts
    };
    std::vector<PairMoments> moments; ///< [buckets, pairs]; count 0 = nothing, and no stretch
    std::vector<Stretch> stretches;   ///< [buckets, pairs]
    std::vector<std::uint32_t> counts;

    void reset(std::size_t cells) {
        moments.assign(cells, {});
        stretches.assign(cells, {});
        counts.clear();
    }
};

/// Counters of one bucket. All arrays are over pairs, for vector instructions; sums are doubles.
struct QkCapture::Counters {
    explicit Counters(int pairCount)
        : pairs(static_cast<std::size_t>(pairCount)), counts(pairs * LogHistogram::binCount), sums(6 * pairs),
          largest(pairs), smallest(pairs), steps(2 * pairs), split(2 * pairs) {
        clearMoments();
    }

    std::size_t pairs;
    double samples = 0;
    std::vector<std::uint32_t> counts;            ///< [pairs, binCount]
    std::vector<double> sums;                     ///< [x, y, xx, xy, yy, norm][pairs]
    std::vector<std::uint32_t> largest, smallest; ///< [pairs] bits of |value|
    std::vector<std::uint16_t> steps;             ///< [2 * pairs] of the row in hand
    std::vector<float> split;                     ///< [2 * pairs] the row in hand as x..., y...

    void clearMoments() {
        samples = 0;
        std::fill(sums.begin(), sums.end(), 0.0);
        std::fill(largest.begin(), largest.end(), 0U);
        std::fill(smallest.begin(), smallest.end(), std::numeric_limits<std::uint32_t>::max());
    }
    void addRow(const float* head, PairLayout layout, std::size_t halfRotary);
    void addMoments(const float* xs, const float* ys);
    void addCounts(const float* xs, const float* ys);
    void flush(Partial& partial, std::size_t firstCell);
};

/// One head of one token: head[0 .. 2 * halfRotary) in the checkpoint's pair layout.
void QkCapture::Counters::addRow(const float* head, PairLayout layout, std::size_t halfRotary) {
    const float* xs = head;
    const float* ys = head + halfRotary;
    if (layout == PairLayout::Interleaved) {
        float* x = split.data();
        float* y = split.data() + pairs;
        for (std::size_t pair = 0; pair < pairs; ++pair) {
            x[pair] = head[2 * pair];
            y[pair] = head[2 * pair + 1];
        }
        xs = x;
        ys = y;
    }
    samples += 1;
    addMoments(xs, ys);
    addCounts(xs, ys);
}

QROAR_VECTORIZED void QkCapture::Counters::addMoments(const float* xs, const float* ys) {
    double* __restrict sumX = sums.data();
    double* __restrict sumY = sumX + pairs;
    double* __restrict sumXX = sumY + pairs;
    double* __restrict sumXY = sumXX + pairs;
    double* __restrict sumYY = sumXY + pairs;
    double* __restrict sumNorm = sumYY + pairs;
    const std::size_t count = pairs;
#pragma omp simd
    for (std::size_t pair = 0; pair < count; ++pair) {
        const double x = xs[pair], y = ys[pair];
        const double xx = x * x, yy = y * y;
        sumX[pair] += x;
        sumY[pair] += y;
        sumXX[pair] += xx;
        sumXY[pair] += x * y;
        sumYY[pair] += yy;
        sumNorm[pair] += std::sqrt(xx + yy);
    }
}

QROAR_VECTORIZED void QkCapture::Counters::addCounts(const float* xs, const float* ys) {
    std::uint16_t* __restrict stepX = steps.data();
    std::uint16_t* __restrict stepY = stepX + pairs;
    std::uint32_t* __restrict high = largest.data();
    std::uint32_t* __restrict low = smallest.data();
    const std::size_t count = pairs;
#pragma omp simd
    for (std::size_t pair = 0; pair < count; ++pair) {
        const std::uint32_t x = std::bit_cast<std::uint32_t>(xs[pair]) & logbins::magnitudeMask;
        const std::uint32_t y = std::bit_cast<std::uint32_t>(ys[pair]) & logbins::magnitudeMask;
        stepX[pair] = static_cast<std::uint16_t>(LogHistogram::stepOf(x));
        stepY[pair] = static_cast<std::uint16_t>(LogHistogram::stepOf(y));
        const std::uint32_t larger = x > y ? x : y, smaller = x > y ? y : x;
        high[pair] = high[pair] > larger ? high[pair] : larger;
        low[pair] = low[pair] < smaller ? low[pair] : smaller;
    }
    std::uint32_t* __restrict bins = counts.data(); // of the pair in hand
    for (std::size_t pair = 0; pair < count; ++pair, bins += LogHistogram::binCount)
        ++bins[LogHistogram::binOfStep(stepX[pair])];
    bins = counts.data(); // x and y apart: neighbouring increments of one counter would wait for each other
    for (std::size_t pair = 0; pair < count; ++pair, bins += LogHistogram::binCount)
        ++bins[LogHistogram::binOfStep(stepY[pair])];
}

/// Moves everything to partial cells [firstCell, firstCell + pairs) and starts afresh.
void QkCapture::Counters::flush(Partial& partial, std::size_t firstCell) {
    if (samples == 0) return;
    for (std::size_t pair = 0; pair < pairs; ++pair) {
        const double* sum = sums.data() + pair;
        partial.moments[firstCell + pair] = {
            samples,        sum[0],         sum[pairs],     sum[2 * pairs],
            sum[3 * pairs], sum[4 * pairs], sum[5 * pairs], std::bit_cast<float>(largest[pair])};
        const int first = LogHistogram::binOfBits(smallest[pair]);
        const auto length = static_cast<std::uint32_t>(LogHistogram::binOfBits(largest[pair]) - first + 1);
        std::uint32_t* touched = counts.data() + pair * LogHistogram::binCount + first;
        partial.stretches[firstCell + pair] = {first, length, partial.counts.size()};
        partial.counts.insert(partial.counts.end(), touched, touched + length);
        std::memset(touched, 0, length * sizeof(std::uint32_t));
    }
    clearMoments();
}

QkCapture::QkCapture(const Options& options) : options_(options) {
    StatisticsShape shape;
    shape.layers = options.layers;
    shape.groups = options.groupPerKvHead ? std::max(options.kvHeads, 1) : 1;
    shape.pairs = options.pairs;
    shape.bucketEdges = positionBuckets(options.context, options.trainedContext);
    merged_ = QkStatistics(shape);
    shape.groups = 1;
    shape.bucketEdges = positionZones(options.context, options.trainedContext);
    byDocument_.assign(static_cast<std::size_t>(options.documents), QkStatistics(shape));
}

QkCapture::~QkCapture() = default;

/// Documents in order, then head groups, then heads in shares small enough to occupy every core.
std::vector<QkCapture::Unit> QkCapture::cutUnits(const QkActivations& activations) const {
    const auto& windows = activations.windows;
    const int groups = merged_.shape().groups, groupHeads = activations.heads / groups;
    std::vector<std::pair<std::size_t, std::size_t>> runs; // windows of one document
    for (std::size_t first = 0; first < windows.size();) {
        std::size_t end = first + 1;
        while (end < windows.size() && windows[end].document == windows[first].document) ++end;
        assert(windows[first].document >= 0 && windows[first].document < options_.documents);
        if (windows[first].document >= 0 && windows[first].document < options_.documents)
            runs.emplace_back(first, end);
        first = end;
    }
    if (runs.empty() || groupHeads < 1) return {};
    const double parallel = static_cast<double>(runs.size()) * groups;
    const double values =
        static_cast<double>(activations.values.rows) * activations.heads * options_.pairs * 2;
    // enough units to occupy every core, but none so small that flushing its counters costs more than
    // counting
    const double wanted = std::min(unitsPerWave / 2.0, values / valuesPerUnit);
    const int shares = std::clamp(static_cast<int>(std::ceil(wanted / parallel)), 1, groupHeads);
    std::vector<Unit> units;
    for (const auto& [first, end] : runs)
        for (int group = 0; group < groups; ++group)
            for (int share = 0; share < shares; ++share) {
                const int base = group * groupHeads;
                units.push_back({windows[first].document, group, base + groupHeads * share / shares,
                                 base + groupHeads * (share + 1) / shares, first, end});
            }
    return units;
}

void QkCapture::count(const QkActivations& activations, const Unit& unit, Counters& counters,
                      Partial& partial) const {
    const std::vector<int>& edges = merged_.shape().bucketEdges;
    const auto halfRotary = static_cast<std::size_t>(activations.rotaryDim / 2);
    const std::size_t buckets = edges.size() - 1;
    partial.reset(buckets * counters.pairs);
    for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
        for (std::size_t at = unit.firstWindow; at < unit.endWindow; ++at) {
            const BatchWindow& window = activations.windows[at];
            assert(window.context <= options_.context);
            const int end = std::min(edges[bucket + 1], window.context);
            for (int token = edges[bucket]; token < end; ++token) {
                const float* row = activations.values.row(window.firstRow + token);
                for (int head = unit.firstHead; head < unit.endHead; ++head)
                    counters.addRow(row + static_cast<std::ptrdiff_t>(head) * activations.headDim,
                                    activations.layout, halfRotary);
            }
        }
        counters.flush(partial, bucket * counters.pairs);
    }
}

/// Adds one pair of all units of a wave, in their order.
void QkCapture::mergePair(const QkActivations& activations, int pair, const Unit* units,
                          std::size_t unitCount) {
    const int buckets = merged_.shape().buckets();
    for (std::size_t at = 0; at < unitCount; ++at) {
        const Unit& unit = units[at];
        const Partial& partial = partials_[at];
        QkStatistics& document = byDocument_[static_cast<std::size_t>(unit.document)];
        for (int bucket = 0; bucket < buckets; ++bucket) {
            const std::size_t from = static_cast<std::size_t>(bucket) * merged_.shape().pairs + pair;
            if (partial.moments[from].count == 0) continue;
            const auto& stretch = partial.stretches[from];
            const std::span<const std::uint32_t> counts(partial.counts.data() + stretch.offset,
                                                        stretch.length);
            const int zone =
                document.shape().bucketOf(merged_.shape().bucketEdges[static_cast<std::size_t>(bucket)]);
            const auto addTo = [&](QkStatistics& statistics, int group, int targetBucket) {
                const std::size_t cell = statistics.cell(activations.layer, activations.tensor,
                                                         activations.stage, group, pair, targetBucket);
                statistics.moments(cell).add(partial.moments[from]);
                statistics.histogram(cell).addStretch(stretch.firstBin, counts);
            };
            addTo(merged_, unit.group, bucket);
            addTo(document, 0, zone);
        }
    }
}

void QkCapture::deliver(const QkActivations& activations) {
    const int pairs = merged_.shape().pairs;
    if (pairs == 0 || byDocument_.empty()) return;
    assert(activations.rotaryDim / 2 == pairs && activations.rotaryDim <= activations.headDim);
    const std::vector<Unit> units = cutUnits(activations);
    for (std::size_t first = 0; first < units.size(); first += unitsPerWave) {
        const std::size_t waveUnits = std::min(unitsPerWave, units.size() - first);
        if (partials_.size() < waveUnits) partials_.resize(waveUnits);
#pragma omp parallel
        {
            Counters counters(pairs);
#pragma omp for schedule(dynamic)
            for (std::size_t at = 0; at < waveUnits; ++at)
                count(activations, units[first + at], counters, partials_[at]);
#pragma omp for schedule(static)
            for (int pair = 0; pair < pairs; ++pair)
                mergePair(activations, pair, units.data() + first, waveUnits);
        }
    }
}

namespace {

/// Bins from the smallest to the largest of n half-normal samples: ln n sqrt(2 ln n) / 1.25 in octaves.
double expectedBins(double samples) {
    if (samples <= 1) return samples;
    const double ratio = samples * std::sqrt(2 * std::log(samples)) / 1.25;
    return std::clamp(LogHistogram::binsPerOctave * std::log2(ratio), 1.0, 680.0);
}

double expectedCells(const std::vector<int>& edges, double rows, double windows, double heads) {
    constexpr double block = 56; // of an allocation of its own: its count of owners and the allocator's share
    double bytes = 0;
    for (std::size_t at = 0; at + 1 < edges.size(); ++at)
        bytes += rows
                 * (sizeof(PairMoments) + sizeof(LogHistogram) + block
                    + 4 * expectedBins(2 * windows * (edges[at + 1] - edges[at]) * heads));
    return bytes;
}

} // namespace

CaptureMemory QkCapture::expectedBytes(const Options& options, double tokens) {
    const int groups = options.groupPerKvHead ? std::max(options.kvHeads, 1) : 1;
    const double rows = 4.0 * options.layers * options.pairs;
    const double windows = tokens / std::max(options.context, 1), documents = std::max(options.documents, 1);
    const double heads = (options.queryHeads + options.kvHeads) / 2.0; // of q and of k, on average
    const auto buckets = positionBuckets(options.context, options.trainedContext);
    const auto zones = positionZones(options.context, options.trainedContext);
    const double units = std::clamp(std::min(documents, windows) * groups,
                                    std::min(unitsPerWave / 2.0, heads), static_cast<double>(unitsPerWave));
    CaptureMemory memory;
    memory.merged = expectedCells(buckets, rows * groups, windows, heads / groups);
    memory.byDocument = documents * expectedCells(zones, rows, windows / documents, heads);
    memory.working = expectedCells(buckets, options.pairs * units, windows / units, heads);
    return memory;
}

} // namespace qroar
