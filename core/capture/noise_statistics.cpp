#include "core/capture/noise_statistics.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace qroar {

void ErrorMoments::add(const ErrorMoments& other) {
    count += other.count;
    sumX += other.sumX;
    sumY += other.sumY;
    sumXX += other.sumXX;
    sumXY += other.sumXY;
    sumYY += other.sumYY;
    signalXX += other.signalXX;
    signalXY += other.signalXY;
    signalYY += other.signalYY;
}

std::vector<int> distanceBuckets(int context) {
    std::vector<int> edges{1};
    for (long long edge = 2; edge < context; edge *= 2) edges.push_back(static_cast<int>(edge));
    if (context > 1) edges.push_back(context);
    return edges;
}

NoiseStatistics::NoiseStatistics(NoiseShape shape) : shape_(std::move(shape)) {
    const auto rows = static_cast<std::size_t>(shape_.layers) * static_cast<std::size_t>(shape_.groups);
    const auto pairs = static_cast<std::size_t>(shape_.pairs);
    errors_.resize(rows * 2 * pairs * static_cast<std::size_t>(std::max(shape_.buckets(), 0)));
    const std::size_t cells = rows * static_cast<std::size_t>(std::max(shape_.distances(), 0));
    samples_.resize(cells);
    sums_.resize(cells * pairs);
    products_.resize(cells * shape_.triangle());
}

std::size_t NoiseStatistics::errorCell(int layer, QkTensor tensor, int group, int pair, int bucket) const {
    assert(layer >= 0 && layer < shape_.layers && group >= 0 && group < shape_.groups);
    assert(pair >= 0 && pair < shape_.pairs && bucket >= 0 && bucket < shape_.buckets());
    std::size_t index = static_cast<std::size_t>(layer) * 2 + static_cast<std::size_t>(tensor);
    index = index * static_cast<std::size_t>(shape_.groups) + static_cast<std::size_t>(group);
    index = index * static_cast<std::size_t>(shape_.pairs) + static_cast<std::size_t>(pair);
    return index * static_cast<std::size_t>(shape_.buckets()) + static_cast<std::size_t>(bucket);
}

std::size_t NoiseStatistics::logitCell(int layer, int group, int distance) const {
    assert(layer >= 0 && layer < shape_.layers && group >= 0 && group < shape_.groups);
    assert(distance >= 0 && distance < shape_.distances());
    const std::size_t row = static_cast<std::size_t>(layer) * static_cast<std::size_t>(shape_.groups)
                            + static_cast<std::size_t>(group);
    return row * static_cast<std::size_t>(shape_.distances()) + static_cast<std::size_t>(distance);
}

std::span<const double> NoiseStatistics::sums(std::size_t cell) const {
    const auto pairs = static_cast<std::size_t>(shape_.pairs);
    return {sums_.data() + cell * pairs, pairs};
}

std::span<const double> NoiseStatistics::products(std::size_t cell) const {
    return {products_.data() + cell * shape_.triangle(), shape_.triangle()};
}

std::size_t NoiseStatistics::productIndex(int first, int second) const {
    const auto low = static_cast<std::size_t>(std::min(first, second));
    const auto high = static_cast<std::size_t>(std::max(first, second));
    return low * static_cast<std::size_t>(shape_.pairs) - low * (low + 1) / 2 + high;
}

void NoiseStatistics::moveLayer(int layer, NoiseStatistics& from) {
    assert(shape_ == from.shape_);
    const auto layers = static_cast<std::size_t>(shape_.layers), at = static_cast<std::size_t>(layer);
    const auto move = [&](auto& to, auto& source, const auto& add) {
        const std::size_t length = to.size() / layers;
        for (std::size_t index = at * length; index < (at + 1) * length; ++index)
            add(to[index], std::exchange(source[index], {}));
    };
    const auto addNumber = [](double& to, double more) { to += more; };
    move(errors_, from.errors_, [](ErrorMoments& to, const ErrorMoments& more) { to.add(more); });
    move(samples_, from.samples_, addNumber);
    move(sums_, from.sums_, addNumber);
    move(products_, from.products_, addNumber);
}

} // namespace qroar
