#include "widgets/common/selection_model.h"

namespace qroar {

SelectionModel::SelectionModel(QObject* parent) : QObject(parent) {}

void SelectionModel::setSelection(const Selection& selection) {
    if (selection == selection_) return;
    selection_ = selection;
    emit changed(selection_);
}

void SelectionModel::setLayer(int layer) {
    Selection next = selection_;
    next.layer = layer;
    setSelection(next);
}

void SelectionModel::setTensor(QkTensor tensor) {
    Selection next = selection_;
    next.tensor = tensor;
    setSelection(next);
}

void SelectionModel::setStage(RopeStage stage) {
    Selection next = selection_;
    next.stage = stage;
    setSelection(next);
}

void SelectionModel::setBand(int band) {
    Selection next = selection_;
    next.band = band;
    next.pair = -1;
    setSelection(next);
}

void SelectionModel::setPair(int pair) {
    Selection next = selection_;
    next.pair = pair;
    setSelection(next);
}

void SelectionModel::setCondition(int condition) {
    Selection next = selection_;
    next.condition = condition;
    setSelection(next);
}

void SelectionModel::setEpsilon(double epsilon) {
    Selection next = selection_;
    next.epsilon = epsilon;
    setSelection(next);
}

void SelectionModel::setConditionB(int condition) {
    Selection next = selection_;
    next.conditionB = condition;
    setSelection(next);
}

void SelectionModel::setCompare(CompareMode mode) {
    Selection next = selection_;
    next.compare = mode;
    setSelection(next);
}

} // namespace qroar
