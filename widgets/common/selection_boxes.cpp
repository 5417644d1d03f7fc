#include "widgets/common/selection_boxes.h"

#include "core/diagnostics/tails.h"

namespace qroar {

QString tensorStageText(QkTensor tensor, RopeStage stage) {
    const bool pre = stage == RopeStage::Pre;
    if (tensor == QkTensor::Q) return pre ? TensorBox::tr("q before RoPE") : TensorBox::tr("q after RoPE");
    return pre ? TensorBox::tr("k before RoPE") : TensorBox::tr("k after RoPE");
}

QString epsilonText(double epsilon) {
    return EpsilonBox::tr("top %1 %").arg(QString::number(100 * epsilon, 'g', 3));
}

TensorBox::TensorBox(SelectionModel* selection, QWidget* parent) : CompactComboBox(parent) {
    setToolTip(tr("Tensor and stage; the factor m of YaRN is part of the values after RoPE"));
    setAccessibleName(tr("Tensor and stage"));
    for (const QkTensor tensor : {QkTensor::Q, QkTensor::K})
        for (const RopeStage stage : {RopeStage::Pre, RopeStage::Post})
            addEntry(tensorStageText(tensor, stage),
                     (stage == RopeStage::Pre ? tr("%1 before") : tr("%1 after"))
                         .arg(QLatin1Char(tensor == QkTensor::Q ? 'q' : 'k')));
    const auto follow = [this](const Selection& now) {
        setCurrentIndex((now.tensor == QkTensor::K ? 2 : 0) + (now.stage == RopeStage::Post ? 1 : 0));
    };
    follow(selection->selection());
    connect(selection, &SelectionModel::changed, this, follow);
    connect(this, &QComboBox::activated, this, [selection](int index) {
        Selection next = selection->selection();
        next.tensor = index >= 2 ? QkTensor::K : QkTensor::Q;
        next.stage = index % 2 == 1 ? RopeStage::Post : RopeStage::Pre;
        selection->setSelection(next);
    });
}

EpsilonBox::EpsilonBox(SelectionModel* selection, QWidget* parent) : CompactComboBox(parent) {
    setToolTip(tr("Tail: the share ε of the largest |x|; the quantile compared is 1 − ε"));
    setAccessibleName(tr("Tail share"));
    for (const double epsilon : tailEpsilons)
        addEntry(epsilonText(epsilon), tr("%1 %").arg(QString::number(100 * epsilon, 'g', 3)), epsilon);
    const auto follow = [this](const Selection& now) { setCurrentIndex(findData(now.epsilon)); };
    follow(selection->selection());
    connect(selection, &SelectionModel::changed, this, follow);
    connect(this, &QComboBox::activated, this,
            [this, selection](int index) { selection->setEpsilon(itemData(index).toDouble()); });
}

} // namespace qroar
