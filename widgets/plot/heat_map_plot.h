// HeatMapPlot: a table of cells as coloured rectangles with a colour bar, selection by mouse and arrow keys,
// and a read-out. Row 0 is at the top. Knows nothing of layers and bands: the labels say what rows and
// columns are.
#pragma once

#include "widgets/plot/base_plot.h"
#include "widgets/plot/plottables.h"

namespace qroar {

class HeatMapPlot : public BasePlot {
    Q_OBJECT
  public:
    explicit HeatMapPlot(QWidget* parent = nullptr);

    struct Content {
        int rows = 0, columns = 0;
        std::vector<double> values;                ///< [rows, columns]; NaN: no data
        QStringList rowLabels, columnLabels;       ///< tick labels; may hold "\n"
        QString rowTitle, columnTitle, valueTitle; ///< axis labels with units
        QString rowName, columnName;               ///< "layer", "band": for the read-out
        QStringList columnDetails;                 ///< what the read-out says of a column
    };
    void setContent(Content content);
    void setScale(const ColorScale& scale);
    [[nodiscard]] const ColorScale& scale() const { return scale_; }
    /// Outlines a cell, or the whole row with column -1; row -1: nothing. Emits nothing.
    void setSelectedCell(int row, int column);
    [[nodiscard]] int selectedRow() const { return selectedRow_; }
    [[nodiscard]] int selectedColumn() const { return selectedColumn_; }
    [[nodiscard]] const Content& content() const { return content_; }
    /// Middle of a cell in widget coordinates.
    [[nodiscard]] QPointF cellCentre(int row, int column) const;
    [[nodiscard]] QColor cellColour(int row, int column) const { return cells_->cellColour(row, column); }

  signals:
    void cellSelected(int row, int column); ///< by the user

  protected:
    [[nodiscard]] QString readoutAt(const QPointF& position) const override;
    void applyTheme() override;
    void prepareLayout() override;
    void keyPressEvent(QKeyEvent* event) override;

  private:
    void select(int row, int column);                                          ///< by the user
    [[nodiscard]] std::optional<QPoint> cellAt(const QPointF& position) const; ///< x: column, y: row

    Content content_;
    ColorScale scale_;
    CellMap* cells_ = nullptr;
    ColorBar* bar_ = nullptr;
    QCPAxisRect* barRect_ = nullptr;
    QSharedPointer<IndexTicker> rowTicker_, columnTicker_;
    int selectedRow_ = -1, selectedColumn_ = -1;
};

} // namespace qroar
