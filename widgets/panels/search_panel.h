// SearchPanel: a search for gains as it runs and when it is done: the objective of every trial and the best
// so far against what they cost, what the guarded short context lost beside its guard, what the longer ones
// gained (a scale of their own: it is mostly far more), and the gains of the best trial as a map or per band.
// Shows the live record it is given, else one of the session's. Not here: starting and stopping a search
// (app/gui/search).
#pragma once

#include "core/session/search_record.h"
#include "widgets/panels/diagnostic_panel.h"

class QStackedWidget;

namespace qroar {

class CompactComboBox;
class HeatMapPlot;
class LinePlot;
struct SearchTrial;

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
    [[nodiscard]] LinePlot* guard() const { return guard_; }     ///< without a guard: all context lengths
    [[nodiscard]] LinePlot* lengths() const { return lengths_; } ///< those that are not guarded
    [[nodiscard]] HeatMapPlot* gains() const { return gains_; }
    [[nodiscard]] LinePlot* bandGains() const { return bandGains_; }

  protected:
    void refresh(Changes changes) override;
    [[nodiscard]] QString noSessionText() const override;

  private:
    void buildControls();
    void arrange(); ///< the plot of context lengths only where a search has several
    void listSearches();
    void updateTraces(const SearchRecord& record); ///< both
    void updateTrace(const SearchRecord& record);
    void updateGuard(const SearchRecord& record);
    void arrangeParts(const SearchRecord& record);
    void updateGains(const SearchRecord& record);
    void updateBandGains(const SearchRecord& record);
    [[nodiscard]] int shortContext(const SearchRecord& record) const; ///< what the guard watches; -1: none
    void fillTable(const SearchRecord& record);
    void fillGains(const SearchRecord& record);
    void fillControls(const SearchRecord& record);
    [[nodiscard]] QString describe(const SearchRecord& record) const;

    std::shared_ptr<const SearchRecord> live_;
    ResultTableModel *gainTable_ = nullptr, *controls_ = nullptr;
    QStringList verdict_; ///< lines for the head of the table of controls
    LinePlot *trace_ = nullptr, *guard_ = nullptr, *lengths_ = nullptr, *bandGains_ = nullptr;
    HeatMapPlot* gains_ = nullptr;
    QStackedWidget* gainViews_ = nullptr;
    CompactComboBox *searchBox_ = nullptr, *rowsBox_ = nullptr;
};

} // namespace qroar
