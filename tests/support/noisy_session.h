// A synthetic session whose quantized conditions also have quantization noise (growing with distance, more in
// late bands and fewer bits) and damage. For tests of views. Not here: anything measured.
#pragma once

#include "tests/support/synthetic_session.h"

#include <cmath>

namespace qroar::test {

/// Noise with independent pairs: RMS of pair i at distance bucket b is 0.01 (1 + i + layer) (1 + b) of
/// `scale`, mean a tenth of it; A = 0.5 for q, 0 for k.
inline NoiseStatistics syntheticNoise(const ConditionResult& condition, const ModelConfig& model, int groups,
                                      double scale) {
    NoiseShape shape;
    shape.layers = model.layers;
    shape.groups = groups;
    shape.pairs = model.pairs();
    shape.bucketEdges = positionBuckets(condition.key.context, model.trainedContext());
    shape.distanceEdges = distanceBuckets(condition.key.context);
    NoiseStatistics noise(shape);
    for (std::size_t at = 0; at < noise.errors().size(); ++at) {
        const bool query =
            at / static_cast<std::size_t>(shape.groups * shape.pairs * shape.buckets()) % 2 == 0;
        noise.errors()[at] = {
            10, 0, 0, query ? 0.3 * scale : 0.2 * scale, 0, query ? 0.1 * scale : 0.2 * scale, 20, 0, 20};
    }
    for (int layer = 0; layer < shape.layers; ++layer)
        for (int group = 0; group < shape.groups; ++group)
            for (int distance = 0; distance < shape.distances(); ++distance) {
                const std::size_t cell = noise.logitCell(layer, group, distance);
                noise.samplesOfAll()[cell] = 100;
                for (int pair = 0; pair < shape.pairs; ++pair) {
                    const double rms = 0.01 * scale * (1 + pair + layer) * (1 + distance);
                    noise.sumsOfAll()[cell * static_cast<std::size_t>(shape.pairs)
                                      + static_cast<std::size_t>(pair)] = 10 * rms;
                    noise.productsOfAll()[cell * shape.triangle() + noise.productIndex(pair, pair)] =
                        100 * rms * rms;
                }
            }
    return noise;
}

inline std::shared_ptr<const Session> withNoise(const std::shared_ptr<const Session>& session,
                                                int groups = 1) {
    auto noisy = std::make_shared<Session>(*session);
    double scale = 1;
    for (auto& condition : noisy->conditions) {
        if (condition->key.quant.kind == QuantKind::None) continue;
        auto own = std::make_shared<ConditionResult>(*condition);
        own->noise = syntheticNoise(*own, session->model, groups, scale);
        scale *= 1.25;
        own->damage.layers = session->model.layers;
        own->damage.tokens = 1000;
        own->damage.bandEdges = session->bands.edges();
        own->damage.whole = {0.1, 0.05, 0.2, 0.1};
        for (int layer = 0; layer < session->model.layers; ++layer) {
            own->damage.byLayer.push_back({0.01 * (1 + layer), 0.004, 0.02, 0.01});
            for (int cell = 0; cell < 2 * session->bands.count(); ++cell)
                own->damage.byBand.push_back({1e-4 * (1 + cell) * (1 + layer), 1e-5, 2e-4, 1e-5});
        }
        condition = std::move(own);
    }
    return noisy;
}

} // namespace qroar::test
