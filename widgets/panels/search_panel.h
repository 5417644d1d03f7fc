// SearchPanel: a search for gains as it runs and when it is done: the objective of every trial and the best
// so far against what they cost, what the guarded short context lost beside its guard, what the longer ones
// gained (a scale of their own: it is mostly far more), and the gains of the best trial as a map or per band.
// Shows the live record it is given, else one of the session's; of A and B the search of either, or of both
// the objectives over each other and the difference of ln gain. Not here: starting and stopping a search
// (app/gui/search).
#pragma once

#include "core/session/search_record.h"
#include "widgets/models/result_table_model.h"
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
    /// That of B while B is shown, else that of A.
    [[nodiscard]] std::shared_ptr<const SearchRecord> shown() const;
    /// What was chosen; else, once a B is chosen, the newest under A's RoPE spec and weights; else the
    /// newest.
    [[nodiscard]] std::shared_ptr<const SearchRecord> searchOfA() const;
    /// What was chosen, else the newest under B's RoPE spec and weights; of another session any newest one.
    [[nodiscard]] std::shared_ptr<const SearchRecord> searchOfB() const;
    [[nodiscard]] std::vector<Table> tables() override; ///< trials, gains as drawn, gains, controls
    [[nodiscard]] QString comparisonNote() const override;
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
    using Columns = std::vector<ResultTableModel::Column>;
    using Rows = std::vector<ResultTableModel::Row>;
    enum GainView { ByLayer, ByHead, ByBand };
    [[nodiscard]] static QString gainName(const SearchRecord& record);
    [[nodiscard]] bool isLive() const; ///< the search that is chosen as A's is the live one
    void listInto(CompactComboBox& box, const Session& from) const;
    [[nodiscard]] static bool isTwin(const Side& a, const Side& b);
    void chooseByConditions(); ///< in both boxes, where the user has chosen nothing
    [[nodiscard]] QString whyNothing() const;
    [[nodiscard]] bool differs() const;                             ///< A - B is drawn
    [[nodiscard]] QString nameOf(const SearchRecord& record) const; ///< with its side where B is chosen
    void showDifference();
    void overlayTraces(const SearchRecord& a, const SearchRecord& b);
    void subtractGains(const SearchRecord& a, const SearchRecord& b);
    [[nodiscard]] QString differenceSummary(const SearchRecord& a, const SearchRecord& b) const;
    void fillDifferenceTables(const SearchRecord& a, const SearchRecord& b);
    void fillBothTrials(const SearchRecord& a, const SearchRecord& b);
    void fillGainDifferences(const SearchRecord& a, const SearchRecord& b);
    [[nodiscard]] static Rows ofBoth(Rows a,
                                     const Rows& b); ///< with a column in front that says whose they are
    void fillTables(const SearchRecord& record);
    [[nodiscard]] Columns trialColumns(const SearchRecord& record) const;
    [[nodiscard]] Rows trialRows(const SearchRecord& record) const;
    [[nodiscard]] static Columns controlColumns();
    [[nodiscard]] static Rows controlRows(const SearchRecord& record);
    [[nodiscard]] static QStringList verdictLines(const SearchRecord& record);
    void fillGains(const SearchRecord& record);
    void fillDrawnGains(const SearchRecord& record);
    /// Of all layers and heads; the window is the widest of all layers, 0 without.
    struct BandGain {
        int band = 0;
        double mean = 1, least = 1, largest = 1, window = 0;
    };
    [[nodiscard]] static std::vector<BandGain> bandGainsOf(const SearchRecord& record,
                                                           const BandPartition& bands);
    [[nodiscard]] QString describe(const SearchRecord& record) const;

    std::shared_ptr<const SearchRecord> live_;
    ResultTableModel *gainTable_ = nullptr, *controls_ = nullptr, *drawnGains_ = nullptr;
    QStringList verdict_; ///< lines for the head of the table of controls
    LinePlot *trace_ = nullptr, *guard_ = nullptr, *lengths_ = nullptr, *bandGains_ = nullptr;
    HeatMapPlot* gains_ = nullptr;
    QStackedWidget* gainViews_ = nullptr;
    CompactComboBox *searchBox_ = nullptr, *otherBox_ = nullptr, *rowsBox_ = nullptr;
    bool chosen_ = false, chosenB_ = false;    ///< in the boxes, by the user
    std::weak_ptr<const Session> otherListed_; ///< whose searches are in otherBox_
};

} // namespace qroar
