// RotaryTable: cosines and sines of every position and pair under one frequency table, attention factor
// included, and the rotation itself (RoPE, Su et al. 2021; pair layouts: method.md section 2).
#pragma once

#include "core/base/matrix.h"
#include "core/model/config.h"
#include "core/rope/rope_spec.h"

#include <optional>
#include <vector>

namespace qroar {

class RotaryTable {
  public:
    /// Angles are computed in double: position * omega'_pair.
    RotaryTable(const FrequencyTable& table, int positions);
    [[nodiscard]] int positions() const { return static_cast<int>(cosines_.rows()); }
    [[nodiscard]] int pairs() const { return static_cast<int>(cosines_.cols()); }
    [[nodiscard]] const float* cosines(int position) const {
        return cosines_.row(position);
    } ///< [pairs], times m
    [[nodiscard]] const float* sines(int position) const {
        return sines_.row(position);
    } ///< [pairs], times m

    /// Rotates one token's heads in place: row [heads * headDim]. Values beyond the rotary dims are left
    /// alone.
    void rotate(float* row, int position, int heads, int headDim, PairLayout layout) const;
    /// The transpose of rotate(): turns a gradient at rotated values into the one before the rotation (back
    /// by the same angle, and times m once more).
    void rotateBack(float* row, int position, int heads, int headDim, PairLayout layout) const;

  private:
    void turn(float* row, int position, float direction, int heads, int headDim, PairLayout layout) const;

    Matrix cosines_, sines_;
};

/// The rotations of a model's layers while one frequency table is in force (LayerRope, config.h).
class LayerRotations {
  public:
    LayerRotations(const ModelConfig& config, const FrequencyTable& table, int positions);
    /// Null for a layer without RoPE.
    [[nodiscard]] const RotaryTable* of(LayerRope rope) const;
    /// omega' of such a layer's pairs, [pairs]; zeros for one without RoPE.
    [[nodiscard]] const std::vector<double>& omega(LayerRope rope) const;

  private:
    RotaryTable scaled_;
    std::optional<RotaryTable> local_;
    std::vector<double> scaledOmega_, localOmega_, none_;
};

/// The table of the layers that are never scaled; the config must have a localTheta.
FrequencyTable localFrequencies(const ModelConfig& config);

} // namespace qroar
