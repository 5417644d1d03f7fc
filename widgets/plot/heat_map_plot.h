// HeatMapPlot: a table of cells as coloured rectangles with a colour bar, the means of rows and columns
// beside them, selection by mouse and keys, and a read-out. Row 0 is at the top. Knows nothing of layers and
// bands: the labels say what rows and columns are.
#pragma once

#include "widgets/plot/base_plot.h"
#include "widgets/plot/map_margins.h"
#include "widgets/plot/plottables.h"

#include <functional>

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
        QString rowsName, columnsName;             ///< "layers", "bands": what means are over
        QStringList columnDetails;                 ///< what the read-out says of a column
        bool plainGaps = false;                    ///< cells without data are nothing to point out
        bool namedColumns =
            false; ///< columns are names, not numbers: every one is labelled, upright if need be
        /// Columns begin with names that somebody gave them: in figures they are broken into lines, on screen
        /// cut to the width of a cell.
        bool longNames = false;
        bool difference = false; ///< A - B: cells may have fewer digits; all zero is said on the colour bar
        /// Instead of the columns' labels: where in columns, and the label there.
        std::vector<std::pair<double, QString>> columnMarks{};
        bool means = true; ///< of rows and columns say something
        /// More lines of the read-out of a cell, where there is more to say.
        std::function<QString(int row, int column)> details{};
    };
    void setContent(Content content);
    void setScale(const ColorScale& scale);
    [[nodiscard]] QString shapeKey() const override {
        return content_.columnLabels.join(u'|') + u'/' + content_.rowLabels.join(u'|');
    }
    [[nodiscard]] const ColorScale& scale() const { return scale_; }
    /// Instead of the theme's map; maps around a centre have colours of their own.
    void setOwnMap(const std::optional<ColorMap>& map);
    void showColorBar(bool on);
    [[nodiscard]] bool hasColorBar() const { return barRect_->visible(); }
    /// Means of the rows at the right and of the columns at the top, where there is room for them.
    void showMargins(bool on);
    [[nodiscard]] const MapMargins& margins() const { return *margins_; }
    /// Values below or above the ends of the colour bar: its arrows.
    [[nodiscard]] bool hasValuesBelow() const { return bar_->isBelow(); }
    [[nodiscard]] bool hasValuesAbove() const { return bar_->isAbove(); }
    /// Outlines a cell, or the whole row with column -1; row -1: nothing. Emits nothing.
    void setSelectedCell(int row, int column);
    /// A line of the read-out of the selected cell (its interval), until another one is selected.
    void setSelectedNote(const QString& note) { selectedNote_ = note; }
    [[nodiscard]] int selectedRow() const { return selectedRow_; }
    [[nodiscard]] int selectedColumn() const { return selectedColumn_; }
    [[nodiscard]] const Content& content() const { return content_; }
    /// Middle of a cell in widget coordinates.
    [[nodiscard]] QPointF cellCentre(int row, int column) const;
    [[nodiscard]] QColor cellColour(int row, int column) const { return cells_->cellColour(row, column); }
    [[nodiscard]] QString readoutAt(const QPointF& position) const override;
    [[nodiscard]] QStringList leftOut() const override;

  signals:
    void cellSelected(int row, int column); ///< by the user

  protected:
    [[nodiscard]] QRect readoutArea() const override;
    void applyTheme() override;
    void prepareLayout() override;
    void keyPressEvent(QKeyEvent* event) override;
    void paintEvent(QPaintEvent* event) override;

  private:
    void select(int row, int column);                                          ///< by the user
    void bringIntoView(int row, int column);                                   ///< of a zoomed map
    [[nodiscard]] std::optional<QPoint> cellAt(const QPointF& position) const; ///< x: column, y: row
    [[nodiscard]] QString marginReadout(const QPointF& position) const;
    [[nodiscard]] QString labelReadout(const QPointF& position) const;
    void makeColorBar();
    void updateBeyond(); ///< the arrows of the colour bar
    void updateMeans();
    void fitRowLabels();
    bool fitMargins(); ///< true when the room for them changed
    void fitColumnLabels();
    [[nodiscard]] QStringList fittedColumns(double room) const;
    void fitColumnMarks();
    [[nodiscard]] QSharedPointer<QCPAxisTicker> barTicker() const;
    [[nodiscard]] int barLabelWidth() const; ///< pixels of the widest number of the colour bar

    Content content_;
    QStringList fittedRows_, fittedColumns_; ///< labels as they are drawn
    ColorScale scale_;
    CellMap* cells_ = nullptr;
    MapMargins* margins_ = nullptr;
    ColorBar* bar_ = nullptr;
    QCPAxisRect* barRect_ = nullptr;
    QSharedPointer<IndexTicker> rowTicker_, columnTicker_;
    QSharedPointer<QCPAxisTickerText> markTicker_;
    bool noDifference_ = false; ///< A and B are the same in every cell
    int selectedRow_ = -1, selectedColumn_ = -1;
    int barLabels_ = 0; ///< barLabelWidth() that titles were laid out for
    QString selectedNote_;
    bool showsMargins_ = false;
    std::optional<ColorMap> ownMap_;
};

} // namespace qroar
