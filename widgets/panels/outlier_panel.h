// OutlierPanel: where in the context the largest values sit: the share of the top-eps values per position
// bucket relative to the bucket's share of all values (1 = no shift), as a map over layers and a line for the
// selected one.
#pragma once

#include "core/diagnostics/band_grid.h"
#include "widgets/panels/diagnostic_panel.h"

namespace qroar {

class HeatMapPlot;
class LinePlot;

class OutlierPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit OutlierPanel(SelectionModel* selection, QWidget* parent = nullptr);
    [[nodiscard]] const BandGrid& relativeShare(); ///< [layers, buckets]; up to date
    [[nodiscard]] HeatMapPlot* map() const { return map_; }
    [[nodiscard]] LinePlot* line() const { return line_; }

  protected:
    void refresh(Changes changes) override;
    void tableRowActivated(int row) override;

  private:
    void updateMap();
    void updateLine();
    void fillTable();

    BandGrid relative_, share_;
    std::shared_ptr<const ConditionResult> shown_;
    Selection computedFor_;
    std::vector<int> edges_; ///< [buckets + 1], tokens
    int trained_ = 0;
    HeatMapPlot* map_ = nullptr;
    LinePlot* line_ = nullptr;
};

} // namespace qroar
