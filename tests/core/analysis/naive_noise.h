// Quantization noise as plain loops over two runs of the reference model, to check the capture against:
// errors of q and k before RoPE, and errors of logits from rotated q and k. Shares with the product only
// which queries and keys are sampled, and the places of the cells.
#pragma once

#include "core/capture/noise_statistics.h"
#include "core/text/documents.h"
#include "tests/support/reference_llama.h"

#include <cmath>

namespace qroar::test {

/// The rows of a head that a pair turns: neighbours, or half a rotary part apart.
inline std::pair<int, int> naiveRows(const ModelConfig& c, int pair) {
    if (c.pairLayout == PairLayout::Interleaved) return {2 * pair, 2 * pair + 1};
    return {pair, pair + c.rotaryDim / 2};
}

inline void addNaiveErrors(const ReferenceRun::LayerQk& was, const ReferenceRun::LayerQk& is, int layer,
                           const ModelConfig& c, NoiseStatistics& naive) {
    const NoiseShape& shape = naive.shape();
    for (const QkTensor tensor : {QkTensor::Q, QkTensor::K}) {
        const auto &a = tensor == QkTensor::Q ? was.qBefore : was.kBefore,
                   &b = tensor == QkTensor::Q ? is.qBefore : is.kBefore;
        const int heads = tensor == QkTensor::Q ? c.heads : c.kvHeads;
        const int tokens = static_cast<int>(a.size()) / (heads * c.headDim);
        for (int token = 0; token < tokens; ++token)
            for (int head = 0; head < heads; ++head)
                for (int pair = 0; pair < shape.pairs; ++pair) {
                    const auto [first, second] = naiveRows(c, pair);
                    const auto x = static_cast<std::size_t>((token * heads + head) * c.headDim + first);
                    const auto y = static_cast<std::size_t>((token * heads + head) * c.headDim + second);
                    int bucket = 0;
                    while (shape.bucketEdges[static_cast<std::size_t>(bucket) + 1] <= token) ++bucket;
                    const double ex = b[x] - a[x], ey = b[y] - a[y];
                    naive.errors()[naive.errorCell(layer, tensor, head * shape.groups / heads, pair, bucket)]
                        .add({1, ex, ey, ex * ex, ex * ey, ey * ey, a[x] * a[x], a[x] * a[y], a[y] * a[y]});
                }
    }
}

/// The pairs' parts of the error of one logit.
inline std::vector<double> naiveLogitError(const ReferenceRun::LayerQk& was, const ReferenceRun::LayerQk& is,
                                           const ModelConfig& c, int query, int key, int head) {
    std::vector<double> parts;
    const int kvHead = head / (c.heads / c.kvHeads);
    for (int pair = 0; pair < c.rotaryDim / 2; ++pair) {
        const auto [first, second] = naiveRows(c, pair);
        double part = 0;
        for (const int row : {first, second}) {
            const auto q = static_cast<std::size_t>((query * c.heads + head) * c.headDim + row);
            const auto k = static_cast<std::size_t>((key * c.kvHeads + kvHead) * c.headDim + row);
            part += (is.qAfter[q] * is.kAfter[k] - was.qAfter[q] * was.kAfter[k]) / std::sqrt(c.headDim);
        }
        parts.push_back(part);
    }
    return parts;
}

inline void addNaiveLogits(const ReferenceRun::LayerQk& was, const ReferenceRun::LayerQk& is, int layer,
                           const Window& window, const ModelConfig& c, NoiseStatistics& naive) {
    const NoiseShape& shape = naive.shape();
    const auto pairs = static_cast<std::size_t>(shape.pairs);
    for (std::size_t bucket = 0; bucket + 1 < shape.distanceEdges.size(); ++bucket)
        for (const NoiseSample& sample :
             noiseSamples(shape.distanceEdges[bucket], shape.distanceEdges[bucket + 1],
                          static_cast<int>(window.tokens.size()), window.document + window.index, 64))
            for (int head = 0; head < c.heads; ++head) {
                const auto part =
                    naiveLogitError(was, is, c, sample.query, sample.query - sample.distance, head);
                const std::size_t cell =
                    naive.logitCell(layer, head * shape.groups / c.heads, static_cast<int>(bucket));
                naive.samplesOfAll()[cell] += 1;
                for (std::size_t first = 0; first < pairs; ++first) {
                    naive.sumsOfAll()[cell * pairs + first] += part[first];
                    for (std::size_t second = first; second < pairs; ++second)
                        naive.productsOfAll()[cell * shape.triangle()
                                              + naive.productIndex(static_cast<int>(first),
                                                                   static_cast<int>(second))] +=
                            part[first] * part[second];
                }
            }
}

inline NoiseStatistics naiveNoise(const ReferenceLlama& was, const ReferenceLlama& is,
                                  const std::vector<Window>& windows, const NoiseShape& shape) {
    NoiseStatistics naive(shape);
    for (const Window& window : windows) {
        const std::vector<int> ids(window.tokens.begin(), window.tokens.end());
        const ReferenceRun a = was.run(ids), b = is.run(ids);
        for (int layer = 0; layer < shape.layers; ++layer) {
            const auto at = static_cast<std::size_t>(layer);
            addNaiveErrors(a.layers[at], b.layers[at], layer, was.config, naive);
            addNaiveLogits(a.layers[at], b.layers[at], layer, window, was.config, naive);
        }
    }
    return naive;
}

} // namespace qroar::test
