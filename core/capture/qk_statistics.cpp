#include "core/capture/qk_statistics.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace qroar {

void PairMoments::add(const PairMoments& other) {
    count += other.count;
    sumX += other.sumX;
    sumY += other.sumY;
    sumXX += other.sumXX;
    sumXY += other.sumXY;
    sumYY += other.sumYY;
    sumNorm += other.sumNorm;
    if (other.maxAbs > maxAbs || std::isnan(other.maxAbs)) maxAbs = other.maxAbs; // NaN stays visible
}

int StatisticsShape::bucketOf(int position) const {
    if (bucketEdges.empty() || position < bucketEdges.front() || position >= bucketEdges.back()) return -1;
    const auto above = std::upper_bound(bucketEdges.begin(), bucketEdges.end(), position);
    return static_cast<int>(above - bucketEdges.begin()) - 1;
}

std::vector<int> positionBuckets(int context, int trainedContext) {
    if (context <= 0) return {0};
    std::vector<int> edges{0};
    for (long long edge = 16; edge < context; edge *= 2) edges.push_back(static_cast<int>(edge));
    edges.push_back(context);
    if (trainedContext > 0 && trainedContext < context) edges.push_back(trainedContext);
    std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
    return edges;
}

std::vector<int> positionZones(int context, int trainedContext) {
    if (context <= 0) return {0};
    if (trainedContext <= 0 || context <= trainedContext) return {0, context};
    return {0, trainedContext, context};
}

QkStatistics::QkStatistics(StatisticsShape shape) : shape_(std::move(shape)) {
    const auto cells = static_cast<std::size_t>(shape_.layers) * 4 * static_cast<std::size_t>(shape_.groups)
                       * static_cast<std::size_t>(shape_.pairs)
                       * static_cast<std::size_t>(std::max(shape_.buckets(), 0));
    moments_.resize(cells);
    histograms_.resize(cells);
}

std::size_t QkStatistics::cell(int layer, QkTensor tensor, RopeStage stage, int group, int pair,
                               int bucket) const {
    assert(layer >= 0 && layer < shape_.layers && group >= 0 && group < shape_.groups);
    assert(pair >= 0 && pair < shape_.pairs && bucket >= 0 && bucket < shape_.buckets());
    std::size_t index = static_cast<std::size_t>(layer) * 2 + static_cast<std::size_t>(tensor);
    index = index * 2 + static_cast<std::size_t>(stage);
    index = index * static_cast<std::size_t>(shape_.groups) + static_cast<std::size_t>(group);
    index = index * static_cast<std::size_t>(shape_.pairs) + static_cast<std::size_t>(pair);
    return index * static_cast<std::size_t>(shape_.buckets()) + static_cast<std::size_t>(bucket);
}

void QkStatistics::add(const QkStatistics& other) {
    assert(shape_ == other.shape_);
    for (std::size_t at = 0; at < cells(); ++at) {
        moments_[at].add(other.moments_[at]);
        histograms_[at].merge(other.histograms_[at]);
    }
}

QkStatistics QkStatistics::rebucketed(const std::vector<int>& edges) const {
    StatisticsShape shape = shape_;
    shape.bucketEdges = edges;
    for ([[maybe_unused]] const int edge : edges)
        assert(std::binary_search(shape_.bucketEdges.begin(), shape_.bucketEdges.end(), edge));
    QkStatistics result(shape);
    const auto fine = static_cast<std::size_t>(std::max(shape_.buckets(), 0));
    const auto coarse = static_cast<std::size_t>(std::max(shape.buckets(), 0));
    if (fine == 0 || coarse == 0) return result;
    const std::size_t rows = cells() / fine; // everything but the bucket
    for (std::size_t bucket = 0; bucket < fine; ++bucket) {
        const int target = shape.bucketOf(shape_.bucketEdges[bucket]);
        if (target < 0) continue;
        for (std::size_t row = 0; row < rows; ++row) {
            const std::size_t to = row * coarse + static_cast<std::size_t>(target);
            result.moments_[to].add(moments_[row * fine + bucket]);
            result.histograms_[to].merge(histograms_[row * fine + bucket]);
        }
    }
    return result;
}

std::size_t QkStatistics::bytes() const {
    std::size_t sum = sizeof(*this) + shape_.bucketEdges.capacity() * sizeof(int)
                      + moments_.capacity() * sizeof(PairMoments)
                      + histograms_.capacity() * sizeof(LogHistogram);
    for (const LogHistogram& histogram : histograms_)
        sum += histogram.counts().size() * sizeof(std::uint32_t);
    return sum;
}

} // namespace qroar
