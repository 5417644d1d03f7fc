// SpectrumPlot: frequency of every rotary pair, bands as zones with edges that the mouse and the arrow keys
// move, and marks to snap to. Pair i is drawn at x = i, the edge between pairs e-1 and e at x = e - 0.5. Not
// here: what bands are used for, undo.
#pragma once

#include "core/rope/bands.h"
#include "core/rope/rope_spec.h"
#include "widgets/plot/base_plot.h"
#include "widgets/plot/plottables.h"

namespace qroar {

class SpectrumPlot : public BasePlot {
    Q_OBJECT
  public:
    explicit SpectrumPlot(QWidget* parent = nullptr);

    void setTable(const FrequencyTable& table, std::vector<SnapPoint> marks);
    /// The curve on the right axis, one value per pair.
    void setCurve(const std::vector<double>& values, const QString& title, const QString& unit,
                  bool logarithmic);
    void setBands(const BandPartition& bands);
    [[nodiscard]] const BandPartition& bands() const { return bands_; }
    void setSelected(int band, int pair);
    [[nodiscard]] int focusedEdge() const { return focusedEdge_; } ///< 1..bands-1; 0: none
    void setFocusedEdge(int edge);
    /// Where edge `edge` is drawn, in the middle of its height; widget coordinates.
    [[nodiscard]] QPointF edgePosition(int edge) const;
    [[nodiscard]] double pairPosition(double pair) const { return xAxis->coordToPixel(pair); }
    [[nodiscard]] const MarkStrip& markStrip() const { return *markStrip_; }
    [[nodiscard]] bool isEditing() const { return before_.has_value(); }

  signals:
    void bandsEdited(const qroar::BandPartition& bands);
    void bandEditFinished(const qroar::BandPartition& before, const qroar::BandPartition& after);
    void pairClicked(int pair);

  protected:
    [[nodiscard]] QString readoutAt(const QPointF& position) const override;
    void applyTheme() override;
    void prepareLayout() override;
    bool beginGesture(const QPointF& position) override;
    void moveGesture(const QPointF& position) override;
    void endGesture(bool cancelled) override;
    [[nodiscard]] Qt::CursorShape cursorAt(const QPointF& position) const override;
    void keyPressEvent(QKeyEvent* event) override;
    void keyReleaseEvent(QKeyEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;
    bool focusNextPrevChild(bool next) override;

  private:
    [[nodiscard]] int edgeNear(const QPointF& position) const; ///< 0: none
    [[nodiscard]] int snapped(const QPointF& position) const;  ///< pair index for the edge under the mouse
    [[nodiscard]] QString reasonAt(int edge) const;            ///< why this is a good place; may be empty
    void moveEdge(int edge, int pair);
    void rebuildZones();
    void rebuildMarks();
    void reserveStrips(); ///< room above the axes for the names of bands and marks

    FrequencyTable table_;
    std::vector<SnapPoint> marks_;
    BandPartition bands_;
    std::optional<BandPartition> before_; ///< while a gesture runs
    std::vector<double> curve_;
    QString curveTitle_, curveUnit_, curveAxisTitle_;
    int focusedEdge_ = 0, selectedBand_ = 0, selectedPair_ = -1;
    ZoneStrips* zones_ = nullptr;
    MarkStrip* markStrip_ = nullptr;
    SegmentGraph *plain_ = nullptr, *scaled_ = nullptr, *right_ = nullptr;
    std::vector<QCPItemStraightLine*> edgeLines_;
    QSharedPointer<IndexTicker> pairTicker_;
};

} // namespace qroar
