// Small combo boxes bound to the SelectionModel: which tensor and stage, which tail. They follow the model
// and write to it; nothing else.
#pragma once

#include "widgets/common/compact_combo_box.h"
#include "widgets/common/selection_model.h"

namespace qroar {

/// "k after RoPE": the words every panel uses.
QString tensorStageText(QkTensor tensor, RopeStage stage);
/// "top 0.1 %".
QString epsilonText(double epsilon);

/// q or k, before or after RoPE.
class TensorBox : public CompactComboBox {
    Q_OBJECT
  public:
    explicit TensorBox(SelectionModel* selection, QWidget* parent = nullptr);
};

/// The share of largest values that counts as the tail.
class EpsilonBox : public CompactComboBox {
    Q_OBJECT
  public:
    explicit EpsilonBox(SelectionModel* selection, QWidget* parent = nullptr);
};

} // namespace qroar
