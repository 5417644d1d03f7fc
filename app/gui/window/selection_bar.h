// SelectionBar: what all views look at, as a path from model to band whose steps can be changed: model ›
// condition › layer › Q/K › before/after RoPE › band. Writes to the SelectionModel and follows it.
#pragma once

#include "core/session/session.h"
#include "widgets/common/default_condition.h"
#include "widgets/common/selection_model.h"

#include <QWidget>

#include <memory>

class QComboBox;
class QLabel;

namespace qroar {

class SelectionBar : public QWidget {
    Q_OBJECT

  public:
    explicit SelectionBar(SelectionModel* selection, QWidget* parent = nullptr);
    void setSession(const std::shared_ptr<const Session>& session);
    void setBands(const BandPartition& bands);
    /// "qroar-nano › yarn:4 · 1,024 · none › layer 3 › K › band 5"
    [[nodiscard]] QString breadcrumb() const;

    void stepLayer(int by);
    void stepBand(int by);
    void stepCondition(int by);
    void toggleTensor();
    void toggleStage();

  private:
    QComboBox* step(const QString& accessibleName, const QString& tip, int minimumCharacters);
    void follow();

    SelectionModel* selection_;
    std::shared_ptr<const Session> session_;
    BandPartition bands_;
    QLabel* model_;
    QComboBox *condition_, *layer_, *tensor_, *stage_, *band_, *epsilon_;
};

} // namespace qroar
