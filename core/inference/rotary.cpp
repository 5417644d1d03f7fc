#include "core/inference/rotary.h"

#include "core/base/vectorized.h"

#include <cmath>

namespace qroar {

RotaryTable::RotaryTable(const FrequencyTable& table, int positions)
    : cosines_(positions, static_cast<std::ptrdiff_t>(table.omega.size())),
      sines_(positions, static_cast<std::ptrdiff_t>(table.omega.size())) {
#pragma omp parallel for schedule(static)
    for (int position = 0; position < positions; ++position)
        for (std::size_t pair = 0; pair < table.omega.size(); ++pair) {
            const double angle = position * table.omega[pair];
            cosines_.row(position)[pair] = static_cast<float>(table.attentionFactor * std::cos(angle));
            sines_.row(position)[pair] = static_cast<float>(table.attentionFactor * std::sin(angle));
        }
}

void RotaryTable::rotate(float* row, int position, int heads, int headDim, PairLayout layout) const {
    turn(row, position, 1, heads, headDim, layout);
}

void RotaryTable::rotateBack(float* row, int position, int heads, int headDim, PairLayout layout) const {
    turn(row, position, -1, heads, headDim, layout);
}

FrequencyTable localFrequencies(const ModelConfig& config) {
    RopeModel model = config.ropeModel();
    model.theta = *config.localTheta;
    return buildFrequencyTable({}, model, 1).value(); // a base above 1 always has one
}

LayerRotations::LayerRotations(const ModelConfig& config, const FrequencyTable& table, int positions)
    : scaled_(table, positions), scaledOmega_(table.omega), none_(table.omega.size()) {
    if (!config.localTheta) return;
    const FrequencyTable local = localFrequencies(config);
    local_.emplace(local, positions);
    localOmega_ = local.omega;
}

const RotaryTable* LayerRotations::of(LayerRope rope) const {
    if (rope == LayerRope::None) return nullptr;
    return rope == LayerRope::Local ? &*local_ : &scaled_;
}

const std::vector<double>& LayerRotations::omega(LayerRope rope) const {
    if (rope == LayerRope::None) return none_;
    return rope == LayerRope::Local ? localOmega_ : scaledOmega_;
}

QROAR_VECTORIZED void RotaryTable::turn(float* row, int position, float direction, int heads, int headDim,
                                        PairLayout layout) const {
    const float* cosine = cosines(position);
    const float* sine = sines(position);
    const int count = pairs();
    // Pair p of a head: x at p * step, y a fixed distance behind it.
    const int step = layout == PairLayout::HalfSplit ? 1 : 2;
    const int partner = layout == PairLayout::HalfSplit ? count : 1;
    for (int head = 0; head < heads; ++head) {
        float* x = row + static_cast<std::ptrdiff_t>(head) * headDim;
        float* y = x + partner;
        for (int pair = 0; pair < count; ++pair) {
            const float before = x[pair * step], after = y[pair * step];
            const float turned = direction * sine[pair];
            x[pair * step] = before * cosine[pair] - after * turned;
            y[pair * step] = after * cosine[pair] + before * turned;
        }
    }
}

} // namespace qroar
