// OutlierPanel: where in the context the largest values sit: the share of the top-eps values per position
// bucket relative to the bucket's share of all values (1 = no shift), as a map over layers and a line for the
// selected one. Of a condition that was run without and with gains: either, or the difference as a map and
// both as lines.
#pragma once

#include "core/diagnostics/band_grid.h"
#include "widgets/panels/diagnostic_panel.h"

namespace qroar {

class BeforeAfterBox;
class HeatMapPlot;
class LinePlot;

class OutlierPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit OutlierPanel(SelectionModel* selection, QWidget* parent = nullptr);
    /// [layers, buckets], of the condition shown, the one with gains where both are; up to date.
    [[nodiscard]] const BandGrid& relativeShare();
    [[nodiscard]] BeforeAfterBox* beforeAfter() const { return beforeAfter_; }
    [[nodiscard]] HeatMapPlot* map() const { return map_; }
    [[nodiscard]] LinePlot* line() const { return line_; }

  protected:
    void refresh(Changes changes) override;
    void tableRowActivated(int row) override;

  private:
    [[nodiscard]] bool subtracts() const; ///< the map shows after - before
    [[nodiscard]] bool findShown();       ///< false when it shows the empty state
    [[nodiscard]] QString layerSummary() const;
    void updateMap();
    void updateLine();
    void fillTable();

    BandGrid relative_, share_;
    BandGrid relativeBefore_, shareBefore_;                 ///< without gains, while both are shown
    BandGrid mapped_;                                       ///< what the map shows
    std::shared_ptr<const ConditionResult> shown_, before_; ///< before_: only while both are shown
    Selection computedFor_;
    std::vector<int> edges_; ///< [buckets + 1], tokens
    BeforeAfterBox* beforeAfter_ = nullptr;
    HeatMapPlot* map_ = nullptr;
    LinePlot* line_ = nullptr;
};

} // namespace qroar
