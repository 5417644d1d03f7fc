// QkCapture::deliver: the inner loops of capture. A unit of work is some windows of one piece and some heads
// of one group; it goes through its tokens bucket by bucket, so that the dense counters of one bucket
// [pair][bin] stay in the cache, and flushes the touched stretch of each pair into a compact partial result.
// Counts are integers: how windows are shared among units does not show in them. Sums are flushed window by
// window, over heads that depend on the shape alone, and added in the order of the windows. Nothing here
// depends on the number of threads or on the batch.
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
    Piece piece;
    int group = 0, share = 0, shares = 1; ///< of the heads of the group; units of all shares are neighbours
    int firstHead = 0, endHead = 0;
    std::size_t firstWindow = 0, endWindow = 0; ///< into QkActivations::windows
    [[nodiscard]] std::size_t windows() const { return endWindow - firstWindow; }
};

struct QkCapture::Partial {
    struct Stretch {
        int firstBin = 0;
        std::uint32_t length = 0;
        std::size_t offset = 0; ///< into counts
    };
    std::vector<PairMoments> moments; ///< [windows, buckets, pairs]; count 0 = nothing
    std::vector<Stretch> stretches;   ///< [buckets, pairs]; length 0 = nothing
    std::vector<std::uint32_t> counts;

    void reset(std::size_t windows, std::size_t cells) {
        moments.assign(windows * cells, {});
        stretches.assign(cells, {});
        counts.clear();
    }
};

/// Counters of one bucket. All arrays are over pairs, for vector instructions; sums are doubles.
struct QkCapture::Counters {
    explicit Counters(int pairCount)
        : pairs(static_cast<std::size_t>(pairCount)), counts(pairs * LogHistogram::binCount), sums(6 * pairs),
          largest(pairs), smallest(pairs), windowLargest(pairs), steps(2 * pairs), split(2 * pairs) {
        clearMoments();
        clearRange();
    }

    std::size_t pairs;
    double samples = 0;
    std::vector<std::uint32_t> counts;            ///< [pairs, binCount]
    std::vector<double> sums;                     ///< [x, y, xx, xy, yy, norm][pairs]
    std::vector<std::uint32_t> largest, smallest; ///< [pairs] bits of |value|, of all windows
    std::vector<std::uint32_t> windowLargest;     ///< [pairs] of the window in hand
    std::vector<std::uint16_t> steps;             ///< [2 * pairs] of the row in hand
    std::vector<float> split;                     ///< [2 * pairs] the row in hand as x..., y...

    void clearMoments() {
        samples = 0;
        std::fill(sums.begin(), sums.end(), 0.0);
        std::fill(windowLargest.begin(), windowLargest.end(), 0U);
    }
    void clearRange() {
        std::fill(largest.begin(), largest.end(), 0U);
        std::fill(smallest.begin(), smallest.end(), std::numeric_limits<std::uint32_t>::max());
    }
    void addRow(const float* head, PairLayout layout, std::size_t halfRotary);
    void addMoments(const float* xs, const float* ys);
    void addCounts(const float* xs, const float* ys);
    void flushWindow(PairMoments* cells);
    void flushCounts(Partial& partial, std::size_t firstCell);
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
    std::uint32_t* __restrict high = windowLargest.data();
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

/// Moves the sums of a window to cells [pairs] and starts afresh.
void QkCapture::Counters::flushWindow(PairMoments* cells) {
    if (samples == 0) return;
    for (std::size_t pair = 0; pair < pairs; ++pair) {
        const double* sum = sums.data() + pair;
        cells[pair] = {
            samples,        sum[0],         sum[pairs],     sum[2 * pairs],
            sum[3 * pairs], sum[4 * pairs], sum[5 * pairs], std::bit_cast<float>(windowLargest[pair])};
        largest[pair] = std::max(largest[pair], windowLargest[pair]);
    }
    clearMoments();
}

/// Moves the counts of all windows to partial cells [firstCell, firstCell + pairs) and starts afresh.
void QkCapture::Counters::flushCounts(Partial& partial, std::size_t firstCell) {
    for (std::size_t pair = 0; pair < pairs; ++pair) {
        if (smallest[pair] > largest[pair]) continue; // no samples
        const int first = LogHistogram::binOfBits(smallest[pair]);
        const auto length = static_cast<std::uint32_t>(LogHistogram::binOfBits(largest[pair]) - first + 1);
        std::uint32_t* touched = counts.data() + pair * LogHistogram::binCount + first;
        partial.stretches[firstCell + pair] = {first, length, partial.counts.size()};
        partial.counts.insert(partial.counts.end(), touched, touched + length);
        std::memset(touched, 0, length * sizeof(std::uint32_t));
    }
    clearRange();
}

QkCapture::QkCapture(const Options& options) : options_(options) {
    StatisticsShape shape;
    shape.layers = options.layers;
    shape.groups = options.groupPerKvHead ? std::max(options.kvHeads, 1) : 1;
    shape.pairs = options.pairs;
    shape.bucketEdges = positionBuckets(options.context, options.trainedContext);
    merged_ = QkStatistics(shape);
    open_.resize(static_cast<std::size_t>(options.layers) * 4);
    openMoments_.resize(merged_.cells());
    shape.groups = 1;
    shape.bucketEdges = positionZones(options.context, options.trainedContext);
    byDocument_.assign(static_cast<std::size_t>(options.documents), QkStatistics(shape));
}

QkCapture::~QkCapture() = default;

QkCapture::Piece QkCapture::pieceOf(const BatchWindow& window) const {
    if (window.document < 0 || window.document >= options_.documents) return {};
    Piece piece{window.document, 0};
    const auto at = static_cast<std::size_t>(window.document);
    if (options_.windowsPerBlock > 0 && at < options_.firstWindow.size())
        piece.block =
            (options_.firstWindow[at] + static_cast<std::size_t>(window.index)) / options_.windowsPerBlock;
    return piece;
}

/// Pieces in order, then head groups, then windows, then shares of the heads. The shares depend on the shape
/// alone, for they show in the sums; how many windows a unit takes is free: enough units to occupy every
/// core, but none so small that flushing its counters costs more than counting.
std::vector<QkCapture::Unit> QkCapture::cutUnits(const QkActivations& activations) const {
    const auto& windows = activations.windows;
    const int groups = merged_.shape().groups, groupHeads = activations.heads / groups;
    if (groupHeads < 1) return {};
    const double groupValues = 2.0 * options_.context * groupHeads * options_.pairs; // of a window
    const int shares = std::clamp(static_cast<int>(std::ceil(groupValues / valuesPerUnit)), 1, groupHeads);
    const auto least =
        static_cast<std::size_t>(std::ceil(valuesPerUnit * shares / std::max(groupValues, 1.0)));
    const std::size_t even = windows.size() * static_cast<std::size_t>(groups * shares) / (unitsPerWave / 2);
    const std::size_t perUnit = std::max<std::size_t>({least, even, 1});
    std::vector<Unit> units;
    for (std::size_t first = 0; first < windows.size();) {
        const Piece piece = pieceOf(windows[first]);
        std::size_t end = first + 1;
        while (end < windows.size() && pieceOf(windows[end]) == piece) ++end;
        assert(piece.document >= 0);
        for (int group = 0; group < groups && piece.document >= 0; ++group)
            for (std::size_t from = first; from < end; from += perUnit)
                for (int share = 0; share < shares; ++share) {
                    const int base = group * groupHeads;
                    units.push_back({piece, group, share, shares, base + groupHeads * share / shares,
                                     base + groupHeads * (share + 1) / shares, from,
                                     std::min(from + perUnit, end)});
                }
        first = end;
    }
    return units;
}

void QkCapture::count(const QkActivations& activations, const Unit& unit, Counters& counters,
                      Partial& partial) const {
    const std::vector<int>& edges = merged_.shape().bucketEdges;
    const auto halfRotary = static_cast<std::size_t>(activations.rotaryDim / 2);
    const std::size_t buckets = edges.size() - 1;
    partial.reset(unit.windows(), buckets * counters.pairs);
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
            counters.flushWindow(partial.moments.data()
                                 + ((at - unit.firstWindow) * buckets + bucket) * counters.pairs);
        }
        counters.flushCounts(partial, bucket * counters.pairs);
    }
}

/// Adds one pair of all units of a wave, in their order: counts to the results, sums to those of the piece,
/// window by window; a piece that is complete is folded.
void QkCapture::mergePair(const QkActivations& activations, int pair, const Unit* units,
                          std::size_t unitCount) {
    const std::size_t slot = slotOf(activations);
    Piece piece = open_[slot];
    for (std::size_t first = 0; first < unitCount; first += static_cast<std::size_t>(units[first].shares)) {
        if (units[first].piece != piece) fold(slot, pair, piece);
        piece = units[first].piece;
        mergeUnits(slot, pair, units + first, partials_.data() + first);
    }
}

/// One pair of the units of all shares of some windows.
void QkCapture::mergeUnits(std::size_t slot, int pair, const Unit* units, const Partial* partials) {
    const auto buckets = static_cast<std::size_t>(merged_.shape().buckets());
    const auto pairs = static_cast<std::size_t>(merged_.shape().pairs), at = static_cast<std::size_t>(pair);
    const auto group = static_cast<std::size_t>(units->group);
    const auto groups = static_cast<std::size_t>(merged_.shape().groups);
    QkStatistics& document = byDocument_[static_cast<std::size_t>(units->piece.document)];
    for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
        const std::size_t from = bucket * pairs + at;
        const std::size_t cell = ((slot * groups + group) * pairs + at) * buckets + bucket;
        LogHistogram& ofDocument = document.histogram(documentCell(slot, pair, bucket));
        for (std::size_t window = 0; window < units->windows(); ++window)
            for (int share = 0; share < units->shares; ++share) {
                const PairMoments& sums = partials[share].moments[window * buckets * pairs + from];
                if (sums.count > 0) openMoments_[cell].add(sums);
            }
        for (int share = 0; share < units->shares; ++share) {
            const auto& stretch = partials[share].stretches[from];
            if (stretch.length == 0) continue;
            const std::span<const std::uint32_t> counts(partials[share].counts.data() + stretch.offset,
                                                        stretch.length);
            merged_.histogram(cell).addStretch(stretch.firstBin, counts);
            ofDocument.addStretch(stretch.firstBin, counts);
        }
    }
}

std::size_t QkCapture::slotOf(const QkActivations& activations) {
    return (static_cast<std::size_t>(activations.layer) * 2 + static_cast<std::size_t>(activations.tensor))
               * 2
           + static_cast<std::size_t>(activations.stage);
}

/// The cell of a document's statistics that takes in a bucket of the merged ones.
std::size_t QkCapture::documentCell(std::size_t slot, int pair, std::size_t bucket) const {
    const StatisticsShape& shape = byDocument_.front().shape();
    const int zone = shape.bucketOf(merged_.shape().bucketEdges[bucket]);
    return (slot * static_cast<std::size_t>(shape.pairs) + static_cast<std::size_t>(pair))
               * static_cast<std::size_t>(shape.buckets())
           + static_cast<std::size_t>(zone);
}

/// One pair of a piece that is complete: its sums go where they belong, and start afresh.
void QkCapture::fold(std::size_t slot, int pair, const Piece& piece) {
    if (piece.document < 0) return;
    KeptPiece* kept = nullptr;
    for (KeptPiece& one : kept_)
        if (one.piece == piece) kept = &one;
    const auto buckets = static_cast<std::size_t>(merged_.shape().buckets());
    const auto pairs = static_cast<std::size_t>(merged_.shape().pairs);
    const auto groups = static_cast<std::size_t>(merged_.shape().groups);
    QkStatistics& document = byDocument_[static_cast<std::size_t>(piece.document)];
    for (std::size_t group = 0; group < groups; ++group)
        for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
            const std::size_t cell =
                ((slot * groups + group) * pairs + static_cast<std::size_t>(pair)) * buckets + bucket;
            const PairMoments sums = std::exchange(openMoments_[cell], {});
            if (keepsPieces_) {
                assert(kept);
                if (kept) kept->moments[cell] = sums;
                continue;
            }
            merged_.moments(cell).add(sums);
            document.moments(documentCell(slot, pair, bucket)).add(sums);
        }
}

/// Room for the pieces of a wave, before its pairs are folded by several threads.
void QkCapture::keep(const Piece& piece) {
    if (!keepsPieces_ || piece.document < 0 || (!kept_.empty() && kept_.back().piece == piece)) return;
    const auto same = [&](const KeptPiece& one) { return one.piece == piece; };
    if (std::none_of(kept_.begin(), kept_.end(), same))
        kept_.push_back({piece, std::vector<PairMoments>(merged_.cells())});
}

void QkCapture::finish() {
    for (std::size_t slot = 0; slot < open_.size(); ++slot) {
        const Piece piece = std::exchange(open_[slot], {});
        for (int pair = 0; pair < merged_.shape().pairs; ++pair) fold(slot, pair, piece);
    }
}

void QkCapture::deliver(const QkActivations& activations) {
    const int pairs = merged_.shape().pairs;
    if (pairs == 0 || byDocument_.empty()) return;
    assert(activations.rotaryDim / 2 == pairs && activations.rotaryDim <= activations.headDim);
    const std::vector<Unit> units = cutUnits(activations);
    for (std::size_t first = 0; first < units.size();) {
        std::size_t end = first; // of a wave: with all shares of a unit
        for (; end < units.size() && (units[end].share > 0 || end - first < unitsPerWave); ++end)
            keep(units[end].piece);
        const std::size_t waveUnits = end - first;
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
        open_[slotOf(activations)] = units[end - 1].piece;
        first = end;
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

CaptureMemory QkCapture::expectedBytes(const Options& options, double tokens, double windowsPerBatch) {
    const int groups = options.groupPerKvHead ? std::max(options.kvHeads, 1) : 1;
    const double rows = 4.0 * options.layers * options.pairs;
    const double windows = tokens / std::max(options.context, 1), documents = std::max(options.documents, 1);
    const double heads = (options.queryHeads + options.kvHeads) / 2.0; // of q and of k, on average
    const auto buckets = positionBuckets(options.context, options.trainedContext);
    const auto zones = positionZones(options.context, options.trainedContext);
    // As cutUnits() cuts a batch.
    const double batch = std::min(windows, windowsPerBatch);
    const double groupValues = std::max(2.0 * options.context * heads / groups * options.pairs, 1.0);
    const double shares =
        std::clamp(std::ceil(groupValues / valuesPerUnit), 1.0, std::max(heads / groups, 1.0));
    const double perUnit = std::clamp(std::max(std::ceil(valuesPerUnit * shares / groupValues),
                                               batch * groups * shares / (unitsPerWave / 2.0)),
                                      1.0, std::max(std::min(batch, windows / documents), 1.0));
    const double units = std::min(batch / perUnit * groups * shares, unitsPerWave + shares);
    CaptureMemory memory;
    memory.merged = expectedCells(buckets, rows * groups, windows, heads / groups);
    memory.byDocument = documents * expectedCells(zones, rows, windows / documents, heads);
    const double cells = static_cast<double>(buckets.size() - 1) * options.pairs;
    memory.working = expectedCells(buckets, options.pairs * units, perUnit, heads / groups / shares)
                     + cells * sizeof(PairMoments)
                           * (units * (perUnit - 1) + 4.0 * options.layers * groups); // the piece in hand
    return memory;
}

} // namespace qroar
