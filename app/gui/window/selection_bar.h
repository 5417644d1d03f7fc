// SelectionBar: what all views look at, as a path whose steps can be changed: model › condition › layer › Q/K
// › before/after RoPE › head group › band › pair. Writes to the SelectionModel and follows it. Not here:
// which conditions are compared (CompareBar).
#pragma once

#include "core/session/session.h"
#include "widgets/common/selection_model.h"

#include <QWidget>

#include <memory>
#include <utility>

class QComboBox;
class QLabel;

namespace qroar {

class ElidedLabel;

class SelectionBar : public QWidget {
    Q_OBJECT

  public:
    explicit SelectionBar(SelectionModel* selection, QWidget* parent = nullptr);
    void setSession(const std::shared_ptr<const Session>& session);
    void setBands(const BandPartition& bands);
    void setBandStyles(const BandStyles& styles);
    /// What views show: A, B, or both where B is subtracted from A.
    struct Shown {
        /// Whose layers, heads and bands the steps are; null: of the session.
        std::shared_ptr<const Session> session{};
        QStringList models{};     ///< of A, B or both; the same names once
        QStringList conditions{}; ///< none: nothing has been run
        bool operator==(const Shown&) const = default;
    };
    void setShown(const Shown& shown);
    /// "qroar-nano › yarn:4 · 1,024 · FP › layer 3 › K › after RoPE › band 5: pairs 20–23 › pair 21"; heads
    /// only where they were recorded apart, a pair only when one is selected.
    [[nodiscard]] QString breadcrumb() const;

    void stepLayer(int by);
    void stepBand(int by);
    /// Through all pairs, into the next band behind the last one of a band.
    void stepPair(int by);
    void wholeBand();
    /// Through all heads pooled and each group.
    void stepGroup(int by);
    void stepCondition(int by);
    void toggleTensor();
    void toggleStage();

  private:
    QComboBox* step(const QString& accessibleName, const QString& tip, int minimumCharacters);
    void buildRow();
    void connectBoxes();
    void follow();
    void fillSteps();
    void fillBands();
    void fillPairs();
    [[nodiscard]] const BandPartition& bands() const; ///< of what is shown

    SelectionModel* selection_;
    std::shared_ptr<const Session> session_;
    Shown shown_;
    BandPartition ownBands_, otherBands_;
    BandStyles styles_;
    int groups_ = 1;
    std::pair<int, int> pairsShown_{-1, -1}; ///< first one and the one behind the last, of the list of pairs
    ElidedLabel *model_, *condition_;
    QLabel* groupDivider_ = nullptr;
    QComboBox *layer_, *tensor_, *stage_, *group_, *band_, *pair_, *epsilon_;
};

} // namespace qroar
