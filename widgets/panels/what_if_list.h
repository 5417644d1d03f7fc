// WhatIfList: the gains that were pinned, with what was predicted and what was measured, as a table: names
// can be edited, one can be restored into the editor, two compared, one run as a condition, exported,
// deleted. It shows what it is told and says what the user wants. Not here: undo, files, evaluation
// (app/gui/scales).
#pragma once

#include "core/session/what_if.h"
#include "widgets/models/result_table_model.h"

#include <QWidget>

#include <memory>
#include <vector>

class QBoxLayout;
class QLabel;
class QPushButton;
class QStackedWidget;
class QTableView;

namespace qroar {

class EmptyText;
class RefreshTurn;
class StepQueue;

using WhatIfs = std::vector<std::shared_ptr<const WhatIf>>;

/// What makes prediction and measurement of a what-if numbers of different text: other documents in Setup, or
/// another limit of windows, than the session has. Empty: nothing does, or there are not both.
QString predictionNote(const Session& session, const WhatIf& whatIf);

/// Its first column are the names, which can be edited.
class WhatIfModel : public ResultTableModel {
    Q_OBJECT
  public:
    using ResultTableModel::ResultTableModel;
    /// The what-ifs of the session; null: none.
    void show(const Session* session, const BandPartition& bands);
    [[nodiscard]] Qt::ItemFlags flags(const QModelIndex& index) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
    bool setData(const QModelIndex& index, const QVariant& value, int role) override;
    /// Of rows their names: what a row is, where the first column is out of sight.
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  signals:
    void renameRequested(int row, const QString& name);

  private:
    /// Means over layers, heads and pairs take milliseconds each: made once for each what-if and its bands.
    struct Known {
        std::shared_ptr<const WhatIf> of;
        QString gains, layers;
    };
    [[nodiscard]] const Known& known(const std::shared_ptr<const WhatIf>& whatIf, const BandPartition& bands);
    std::vector<Known> known_;
    BandPartition bands_;
};

class WhatIfList : public QWidget {
    Q_OBJECT
  public:
    explicit WhatIfList(QWidget* parent = nullptr);
    /// Null shows the empty state.
    void setSession(const std::shared_ptr<const Session>& session);
    void setBands(const BandPartition& bands);
    /// Another job holds the heavy thread: nothing can be run.
    void setBlocked(bool blocked);

    /// Up to date; on screen it is when the list comes into sight.
    [[nodiscard]] WhatIfModel& model();
    [[nodiscard]] QTableView& view();
    [[nodiscard]] bool isFresh() const { return !stale_; }
    /// In whose steps it catches up; must outlive it.
    void setSteps(StepQueue* steps);
    /// Selected rows, rising.
    [[nodiscard]] std::vector<int> selectedRows();
    void select(const std::vector<int>& rows);
    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QString emptyText(); ///< empty when there is something to see

  signals:
    void renameRequested(int row, const QString& name);
    void restoreRequested(int row);
    void compareRequested(int first, int second);
    void conditionRequested(int row);
    void exportScalesRequested(int row);
    void exportListRequested();
    void deleteRequested(const std::vector<int>& rows);

  protected:
    void resizeEvent(QResizeEvent* event) override;
    void showEvent(QShowEvent* event) override;
    void paintEvent(QPaintEvent* event) override;

  private:
    void buildTable();
    void ensureFresh();
    void showLater(); ///< of what changed
    [[nodiscard]] QWidget* buildButtons();
    void updateButtons();
    void sayWhatToDo();
    void fitColumns();

    std::shared_ptr<const Session> session_;
    BandPartition bands_;
    bool blocked_ = false, stale_ = false;
    RefreshTurn* turn_ = nullptr;
    bool ownWidths_ = false, fitting_ = false; ///< columns: dragged by the user; while they are fitted
    WhatIfModel* model_ = nullptr;
    QTableView* view_ = nullptr;
    QStackedWidget* pages_ = nullptr;
    QLabel* words_ = nullptr;
    EmptyText* empty_ = nullptr;
    QBoxLayout* sides_ = nullptr; ///< the table, the buttons
    QWidget* buttons_ = nullptr;
    QPushButton *restore_ = nullptr, *compare_ = nullptr, *condition_ = nullptr, *exportScales_ = nullptr,
                *exportList_ = nullptr, *delete_ = nullptr;
};

} // namespace qroar
