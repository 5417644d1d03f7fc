// Weights with one part of a layer exchanged, for the passes that measure its damage. Private to this room.
// Not here: running them (damage.cpp).
#pragma once

#include "core/inference/weight_source.h"
#include "core/scales/qk_gains.h"

#include <functional>
#include <memory>

namespace qroar {

using SharedLayer = std::shared_ptr<const LayerWeights>;

/// `source` with layers that `exchanged` makes when they are asked for; null: that of `source`.
std::shared_ptr<const WeightSource> withLayers(std::shared_ptr<const WeightSource> source,
                                               std::function<SharedLayer(int layer)> exchanged);

/// A layer of the condition with its gains on the rows of Q and K (or on their norms), so that it runs
/// without gains.
SharedLayer foldedLayer(const WeightSource& condition, const QkGains& gains, const ModelConfig& config,
                        int layer);

/// `reference` with the rows of pairs [firstPair, endPair) of Q or K of `condition` (every head), and their
/// gains in the norm behind them, where there is one. Where the
/// condition changed the norm before them (awq folds its input scales there), its columns are brought to the
/// reference's norm, which leaves its outputs as they are.
SharedLayer withBandRows(const LayerWeights& reference, const LayerWeights& condition,
                         const ModelConfig& config, Projection projection, int firstPair, int endPair);

/// The control: every row of a projection that differs between the two gets the reference's values plus a
/// random direction (independent normal numbers, fixed seed) as long as its error; biases stay the
/// reference's. Null where that is not defined: the norms differ (compare withBandRows(), which undoes that).
SharedLayer withRandomErrors(const LayerWeights& reference, const LayerWeights& condition, int layer);

} // namespace qroar
