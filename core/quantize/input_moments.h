// InputMoments: what a calibration remembers of the inputs x of a linear layer: the mean of |x| per input
// channel and the second moments X^T X. They are all that AWQ and GPTQ need: the squared error that a change
// E of the weights makes at the outputs, summed over all tokens, is tr(E X^T X E^T). Sums in double; the
// result does not depend on the number of threads. Not here: where the inputs come from
// (core/inference/linear_inputs.h).
#pragma once

#include "core/base/matrix.h"
#include "core/base/work_meter.h"
#include "core/model/model.h"
#include "core/quant/rtn.h"

#include <array>
#include <vector>

namespace qroar {

class InputMoments {
  public:
    explicit InputMoments(std::ptrdiff_t width);
    /// The tokens x, [tokens, width], in their order; what is left after a cancellation is unusable.
    void add(ConstMatrixView x, WorkMeter& meter);

    [[nodiscard]] std::ptrdiff_t width() const { return width_; }
    [[nodiscard]] long long tokens() const { return tokens_; }
    [[nodiscard]] bool finite() const; ///< no NaN or infinity was added
    /// sum over tokens of x_a x_b.
    [[nodiscard]] double product(std::ptrdiff_t a, std::ptrdiff_t b) const {
        return a < b ? products_[at(b, a)] : products_[at(a, b)];
    }
    [[nodiscard]] std::vector<double> meanAbsolute() const; ///< [width] mean |x|; 0 without tokens
    [[nodiscard]] Matrix gram() const;                      ///< [width, width] X^T X, rounded to float

    /// Floating-point operations of add() for a token.
    static double operations(std::ptrdiff_t width);

  private:
    [[nodiscard]] std::size_t at(std::ptrdiff_t row, std::ptrdiff_t column) const {
        return static_cast<std::size_t>(row * width_ + column);
    }
    std::ptrdiff_t width_;
    long long tokens_ = 0;
    std::vector<double> sumAbsolute_; ///< [width]
    std::vector<double> products_;    ///< [width, width], the part on and below the diagonal
};

/// The four inputs of a layer's linear projections, in the order of computation.
enum class LinearInput { Attention, Output, FeedForward, Down };
/// Attention for q, k, v; Output for o; FeedForward for gate, up; Down for down.
LinearInput inputOf(Projection projection);
std::ptrdiff_t inputWidth(const ModelConfig& config, LinearInput input);

/// Of the four inputs of a layer, by LinearInput.
struct LayerMoments {
    explicit LayerMoments(const ModelConfig& config);
    std::array<InputMoments, 4> inputs;
    [[nodiscard]] InputMoments& of(LinearInput input) { return inputs[static_cast<std::size_t>(input)]; }
    [[nodiscard]] const InputMoments& of(LinearInput input) const {
        return inputs[static_cast<std::size_t>(input)];
    }
    [[nodiscard]] const InputMoments& of(Projection projection) const { return of(inputOf(projection)); }
};

/// How far outputs x W_hat^T are from x W^T over the tokens behind `gram`, all [out, in]; maxError stays 0.
Distortion outputDistortion(ConstMatrixView weight, ConstMatrixView changed, ConstMatrixView gram,
                            long long tokens, WorkMeter& meter);

} // namespace qroar
