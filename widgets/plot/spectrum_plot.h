// SpectrumPlot: frequency of every rotary pair, bands as zones with edges that the mouse and the keys move,
// add and remove, and marks to snap to (not while Alt is down). Pair i is drawn at x = i, the edge between
// pairs e-1 and e at x = e - 0.5. Not here: what bands are used for, how names follow edges, undo.
#pragma once

#include "core/rope/band_layout.h"
#include "core/rope/rope_spec.h"
#include "widgets/plot/base_plot.h"
#include "widgets/plot/plottables.h"
#include "widgets/plot/point_labels.h"

namespace qroar {

/// What a finished gesture did to the edges.
enum class BandEdit { Drag, Step, Add, Remove };

class SpectrumPlot : public BasePlot {
    Q_OBJECT
  public:
    explicit SpectrumPlot(QWidget* parent = nullptr);

    void setTable(const FrequencyTable& table, std::vector<SnapPoint> marks);
    /// The curve on the right axis, one value per pair: `title` for the axis, `name` for the legend.
    struct CurveText {
        QString name, title, unit;
    };
    void setCurve(const std::vector<double>& values, const CurveText& text, bool logarithmic,
                  bool difference = false);
    /// The frequencies and the curve of a second condition, dashed; empty: none. To be set before the first
    /// ones: ranges cover both.
    void setOther(const std::vector<double>& omega, const std::vector<double>& curve);
    /// Dashed lines across at values of the right axis.
    struct CurveMark {
        double value = 0;
        QString label;
    };
    void setCurveMarks(std::vector<CurveMark> marks);
    [[nodiscard]] const std::vector<CurveMark>& curveMarks() const { return curveMarks_; }
    /// More lines of the read-out, one text for each pair.
    void setPairDetails(QStringList details) { pairDetails_ = std::move(details); }
    [[nodiscard]] const QString& curveTitle() const { return curveTitle_; } ///< whole, without its unit
    [[nodiscard]] const std::vector<double>& curve() const { return curve_; }
    [[nodiscard]] const std::vector<double>& otherCurve() const { return otherCurve_; }
    void setBands(const BandPartition& bands);
    [[nodiscard]] const BandPartition& bands() const { return bands_; }
    void setStyles(const BandStyles& styles);
    /// False: edges are only shown (of a session that is compared with).
    void setEditable(bool on);
    void setSelected(int band, int pair);
    [[nodiscard]] int focusedEdge() const { return focusedEdge_; } ///< 1..bands-1; 0: none
    void setFocusedEdge(int edge);
    /// Where edge `edge` is drawn, in the middle of its height; widget coordinates.
    [[nodiscard]] QPointF edgePosition(int edge) const;
    [[nodiscard]] double pairPosition(double pair) const { return xAxis->coordToPixel(pair); }
    [[nodiscard]] const MarkStrip& markStrip() const { return *markStrip_; }
    [[nodiscard]] bool isEditing() const { return before_.has_value(); }
    /// The mark that the dragged edge has snapped to, as its reason; empty: none.
    [[nodiscard]] QString snappedTo() const;
    /// Where the names of the bands are; widget coordinates.
    [[nodiscard]] QRect headRect() const;

    [[nodiscard]] QStringList leftOut() const override;

    /// By the user: bandEditFinished() follows when there was something to do.
    void addEdge(int pair); ///< in front of it
    void removeEdge(int edge);
    [[nodiscard]] int edgeNear(const QPointF& position) const;    ///< 0: none
    [[nodiscard]] int edgePlaceAt(const QPointF& position) const; ///< pair in front of which an edge would go
    /// Where Insert cuts: the band right of the focused edge in its middle, or the selected band at the
    /// selected pair; -1: nowhere.
    [[nodiscard]] int insertPlace() const;
    /// "Edge 2: band 1 ends at pair 7, band 2 starts at pair 8", and the reason of a mark that lies there.
    [[nodiscard]] QString edgeText(int edge) const;
    [[nodiscard]] const std::vector<SnapPoint>& marks() const { return marks_; }

  signals:
    void bandsEdited(const qroar::BandPartition& bands); ///< while an edge moves
    void bandEditFinished(const qroar::BandPartition& before, const qroar::BandPartition& after,
                          qroar::BandEdit what);
    void edgeFocused(int edge);
    void bandClicked(int band); ///< its name
    void pairClicked(int pair);

  protected:
    [[nodiscard]] QString readoutAt(const QPointF& position) const override;
    void applyTheme() override;
    void prepareLayout() override;
    bool beginGesture(const QPointF& position) override;
    void moveGesture(const QPointF& position) override;
    void endGesture(bool cancelled) override;
    [[nodiscard]] Qt::CursorShape cursorAt(const QPointF& position) const override;
    bool event(QEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void keyReleaseEvent(QKeyEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;
    bool focusNextPrevChild(bool next) override;

  private:
    /// The mark within reach of the mouse; -1: none, or Alt is down.
    [[nodiscard]] int markNear(const QPointF& position) const;
    [[nodiscard]] QString reasonAt(int edge) const; ///< why this is a good place; may be empty
    void moveEdge(int edge, int pair);
    void showSnap(int mark);
    void editEdges(const BandPartition& after, int focused, BandEdit what);
    bool editByKey(QKeyEvent* event);
    [[nodiscard]] double freePlaceFor(const CurveMark& mark) const; ///< pair that its label may cover
    void styleExtras(const QColor& accent); ///< the second condition and the marks of the curve
    void rebuildZones();
    void rebuildMarks();
    void reserveStrips(); ///< room above the axes for the names of bands and marks

    FrequencyTable table_;
    std::vector<SnapPoint> marks_;
    BandPartition bands_;
    BandStyles styles_;
    std::optional<BandPartition> before_; ///< while a gesture runs
    std::vector<double> curve_;
    QString curveTitle_, curveUnit_, curveAxisTitle_;
    std::vector<double> otherOmega_, otherCurve_;
    std::vector<CurveMark> curveMarks_;
    std::vector<QCPItemStraightLine*> curveMarkLines_;
    PointLabels* curveMarkLabels_ = nullptr;
    QStringList pairDetails_;
    SegmentGraph *otherScaled_ = nullptr, *otherRight_ = nullptr; ///< of the second condition
    int focusedEdge_ = 0, selectedBand_ = 0, selectedPair_ = -1;
    int snappedMark_ = -1, headGap_ = 0;
    bool editable_ = true;
    bool snaps_ = true, stepping_ = false; ///< the gesture is one of arrow keys
    QPointF dragged_;                      ///< last place of the mouse in a drag
    QCPLayer* bandLayer_ = nullptr;        ///< drawn alone while an edge moves: behind the curves
    ZoneStrips* zones_ = nullptr;
    MarkStrip* markStrip_ = nullptr;
    SegmentGraph *plain_ = nullptr, *scaled_ = nullptr, *right_ = nullptr;
    std::vector<QCPItemStraightLine*> edgeLines_;
    QCPItemStraightLine* snapLine_ = nullptr;
    QSharedPointer<IndexTicker> pairTicker_;
};

} // namespace qroar
