// PointLabels: short texts beside points, where they cover neither each other nor the curves of the plot. Not
// here: the points themselves.
#pragma once

#include "widgets/plot/plottables.h"

namespace qroar {

/// The first labels choose first: what would touch another one is left out.
class PointLabels : public PassivePlottable {
  public:
    struct Label {
        double key = 0, value = 0;
        QString text;
        std::vector<QPointF> others{}; ///< further points that the text may stand at: keys and values
    };
    PointLabels(QCPAxis* keyAxis, QCPAxis* valueAxis) : PassivePlottable(keyAxis, valueAxis) {}
    void setLabels(std::vector<Label> labels) { labels_ = std::move(labels); }
    void setColours(const QColor& text, const QColor& behind) { text_ = text, behind_ = behind; }
    void setFont(const QFont& font) { font_ = font; }
    /// Curves that texts keep off where there is room.
    void setAvoided(std::vector<const QCPGraph*> graphs) { avoided_ = std::move(graphs); }
    /// A text that cannot keep off them is left out: the legend says it as well.
    void setOptional(bool on) { optional_ = on; }
    /// Each stands beside its own point, none is led there by a line; where not all have such a place, none
    /// is drawn: something else says what they say.
    void setTogether(bool on) { together_ = on; }
    [[nodiscard]] const std::vector<Label>& labels() const { return labels_; }
    /// Where they are drawn, in pixels; empty rectangles for those left out.
    [[nodiscard]] std::vector<QRectF> places() const;

  protected:
    void draw(QCPPainter* painter) override;

  private:
    struct Place {
        QRectF rect;
        QPointF point; ///< that it belongs to
    };
    [[nodiscard]] std::vector<Place> arranged() const;

    std::vector<Label> labels_;
    std::vector<const QCPGraph*> avoided_;
    bool optional_ = false, together_ = false;
    QColor text_, behind_;
    QFont font_;
};

} // namespace qroar
