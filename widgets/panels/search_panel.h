// SearchPanel: a search for gains as it runs and when it is done: the objective of every trial against what
// it cost, and the effective gains gQ gK of the best one as a map. Shows the live record it is given, else
// one of the session's. Not here: starting and stopping a search (app/gui/search).
#pragma once

#include "core/session/search_record.h"
#include "widgets/panels/diagnostic_panel.h"

namespace qroar {

class CompactComboBox;
class HeatMapPlot;
class LinePlot;

class SearchPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit SearchPanel(SelectionModel* selection, QWidget* parent = nullptr);
    void setSession(std::shared_ptr<const Session> session) override;
    /// A search that is running, paused or not yet accepted; null: back to the session's.
    void setLive(std::shared_ptr<const SearchRecord> record);
    [[nodiscard]] std::shared_ptr<const SearchRecord> shown() const;
    [[nodiscard]] std::vector<Table> tables() override; ///< trials, gains, controls
    [[nodiscard]] bool followsCondition() const override { return false; }
    [[nodiscard]] LinePlot* trace() const { return trace_; }
    [[nodiscard]] HeatMapPlot* gains() const { return gains_; }

  protected:
    void refresh(Changes changes) override;
    [[nodiscard]] QString noSessionText() const override;

  private:
    void listSearches();
    void updateTrace(const SearchRecord& record);
    void updateGains(const SearchRecord& record);
    void fillTable(const SearchRecord& record);
    void fillGains(const SearchRecord& record);
    void fillControls(const SearchRecord& record);
    [[nodiscard]] QString describe(const SearchRecord& record) const;

    std::shared_ptr<const SearchRecord> live_;
    ResultTableModel *gainTable_ = nullptr, *controls_ = nullptr;
    QStringList verdict_; ///< lines for the head of the table of controls
    LinePlot* trace_ = nullptr;
    HeatMapPlot* gains_ = nullptr;
    CompactComboBox *searchBox_ = nullptr, *rowsBox_ = nullptr;
};

} // namespace qroar
