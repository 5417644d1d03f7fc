// SelectionModel: the hub of linked brushing. Every panel reads what is selected here and writes here when
// the user picks something else; panels never talk to each other. Not here: sessions, bands, undo.
#pragma once

#include "core/inference/probe.h"

#include <QObject>

namespace qroar {

/// What views show of two conditions A and B: one of them, or A - B.
enum class CompareMode { A, B, Difference };

/// What all views look at. Indices may lie outside the session on screen: views clamp when they draw.
struct Selection {
    int layer = 0;
    QkTensor tensor = QkTensor::K;
    RopeStage stage = RopeStage::Post;
    int group = -1;     ///< head group; -1 = all heads pooled
    int band = 0;       ///< index into the band partition
    int pair = -1;      ///< rotary pair inside the band; -1 = the whole band
    int condition = -1; ///< A: index into Session::conditions; -1 = the view's default
    double epsilon = 1e-3;
    /// B: index into the conditions of the session that is compared with (the same one or another); -1: none.
    int conditionB = -1;
    CompareMode compare = CompareMode::A;
    bool operator==(const Selection&) const = default;
};

class SelectionModel : public QObject {
    Q_OBJECT
  public:
    explicit SelectionModel(QObject* parent = nullptr);
    [[nodiscard]] const Selection& selection() const { return selection_; }

    /// Each emits changed() once, and only when something changed.
    void setLayer(int layer);
    void setTensor(QkTensor tensor);
    void setStage(RopeStage stage);
    void setBand(int band); ///< also goes back to the whole band
    void setPair(int pair);
    void setCondition(int condition);
    void setEpsilon(double epsilon);
    void setConditionB(int condition);
    void setCompare(CompareMode mode);
    void setSelection(const Selection& selection);

  signals:
    void changed(const qroar::Selection& selection);

  private:
    Selection selection_;
};

} // namespace qroar
