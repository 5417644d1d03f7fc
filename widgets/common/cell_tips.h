// CellTips: the whole text of a cell or a column's title that its column cuts off, in a tool tip, above what
// the model says there anyway. For any view of items; not here: how wide columns are.
#pragma once

#include <QObject>

class QAbstractItemView;
class QHeaderView;
class QHelpEvent;

namespace qroar {

class CellTips : public QObject {
    Q_OBJECT

  public:
    /// For as long as the view lives.
    static void watch(QAbstractItemView* view);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    CellTips(QAbstractItemView* view, QHeaderView* titles);
    [[nodiscard]] bool showCell(const QHelpEvent& event) const;
    [[nodiscard]] bool showTitle(const QHelpEvent& event) const;
    QAbstractItemView* view_;
    QHeaderView* titles_; ///< null: it has none
};

} // namespace qroar
