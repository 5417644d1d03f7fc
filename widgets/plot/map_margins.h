// MapMargins: what the rows and columns of a map come to, as two slim lines beside the cells: over every
// column at the top, over every row at the right. A strip runs over the range of the colour bar, so that a
// value has one place and one colour in all three. Not here: what the values are (means, for heat maps).
#pragma once

#include "widgets/plot/plottables.h"

namespace qroar {

class MapMargins : public PassivePlottable {
  public:
    MapMargins(QCPAxis* keyAxis, QCPAxis* valueAxis) : PassivePlottable(keyAxis, valueAxis) {}
    void setValues(std::vector<double> rows, std::vector<double> columns); ///< NaN: none
    void setColours(const ColorMap& map, const ColorScale& scale);
    void setStyle(const QColor& line, const QColor& frame) { line_ = line, frame_ = frame; }
    /// Pixels of the strips, 0 for none; the owner reserves them and the gap beside the axes.
    void setExtent(int top, int right) { top_ = top, right_ = right; }
    [[nodiscard]] int top() const { return top_; }
    [[nodiscard]] int right() const { return right_; }
    static constexpr int gap = 5; ///< pixels between cells and strips

    [[nodiscard]] const std::vector<double>& rows() const { return rows_; }
    [[nodiscard]] const std::vector<double>& columns() const { return columns_; }
    [[nodiscard]] QRectF topStrip() const; ///< pixels; empty without
    [[nodiscard]] QRectF rightStrip() const;
    /// Where the value of a column (at the top) or of a row (at the right) is drawn.
    [[nodiscard]] QPointF columnPoint(int column) const;
    [[nodiscard]] QPointF rowPoint(int row) const;

  protected:
    void draw(QCPPainter* painter) override;
    QRect clipRect() const override;

  private:
    void drawStrip(QCPPainter* painter, bool atTop) const;

    std::vector<double> rows_, columns_;
    ColorMap map_ = ColorMap::viridis();
    ColorScale scale_;
    QColor line_ = Qt::black, frame_ = Qt::gray;
    int top_ = 0, right_ = 0;
};

} // namespace qroar
