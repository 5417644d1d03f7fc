// ActivationProbe: how statistics look into the forward pass without slowing the one that nobody watches: the
// pass asks first (wants) and delivers only what was asked for. Called from the engine's thread, once per
// layer, tensor, stage and batch; a probe may use OpenMP inside deliver(), but its result must not depend on
// the number of threads.
#pragma once

#include "core/base/matrix.h"
#include "core/model/config.h"

#include <span>

namespace qroar {

enum class QkTensor { Q, K };
enum class RopeStage { Pre, Post }; ///< before and after the rotation (post includes the attention factor m)

/// One window inside a batch: rows [firstRow, firstRow + context) are its tokens; positions in the model are
/// 0..context-1.
struct BatchWindow {
    int document = 0;
    int index = 0; ///< within the document
    std::ptrdiff_t firstRow = 0;
    int context = 0;
};

struct QkActivations {
    int layer = 0;
    QkTensor tensor = QkTensor::Q;
    RopeStage stage = RopeStage::Pre;
    /// [tokens of the batch, heads * headDim] for Q, [.., kvHeads * headDim] for K, in the checkpoint's pair
    /// layout.
    ConstMatrixView values;
    int heads = 0, headDim = 0, rotaryDim = 0;
    PairLayout layout = PairLayout::HalfSplit;
    std::span<const BatchWindow> windows; ///< ordered by (document, index)
};

/// Q and K of a layer and stage come one after the other; the values of both stay as they are until deliver()
/// of the second one returns.
class ActivationProbe {
  public:
    virtual ~ActivationProbe() = default;
    [[nodiscard]] virtual bool wants(int layer, QkTensor tensor, RopeStage stage) const = 0;
    virtual void deliver(const QkActivations& activations) = 0;
};

} // namespace qroar
