// PerplexityPanel: loss against context length with intervals, loss by position for the selected context
// length, and the four-way split (FP, PI, Q, Q+PI) with its interaction term. Everything comes from stored
// per-token losses.
#pragma once

#include "core/evaluate/perplexity.h"
#include "widgets/panels/diagnostic_panel.h"

#include <map>

class QSplitter;

namespace qroar {

class CompactComboBox;
class LinePlot;

class PerplexityPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit PerplexityPanel(SelectionModel* selection, QWidget* parent = nullptr);
    [[nodiscard]] LinePlot* byContext() const { return byContext_; }
    [[nodiscard]] LinePlot* byPosition() const { return byPosition_; }
    /// The four-way split: a row per (rope, quant, context) whose four conditions are all present.
    QAbstractItemModel* interactionModel();
    [[nodiscard]] std::vector<Table> tables() override;

  protected:
    void refresh(Changes changes) override;
    void resizeEvent(QResizeEvent* event) override;
    void arrangeForExport(bool exporting) override;
    void tableRowActivated(int row) override;

  private:
    /// A line of the plots: the conditions of one RoPE spec and one quantizer.
    struct Family {
        std::string rope, quant;
        int ropeIndex = 0, quantIndex = 0;
        std::vector<int> conditions; ///< by context length
    };
    [[nodiscard]] Convention convention() const;
    [[nodiscard]] bool showsPerplexity() const;
    void arrange(); ///< the plots and the split: beside each other, stacked, or one at a time in small docks
    void summarize(bool conventionChanged);
    void collectFamilies();
    void updateByContext();
    void updateByPosition(int context);
    void fillTables();
    [[nodiscard]] QString splitSummary(const ConditionResult& shown) const;
    [[nodiscard]] const NllSummary& summaryOf(int condition) const;
    [[nodiscard]] QString familyOf(int condition) const; ///< its name in legends

    std::map<std::shared_ptr<const ConditionResult>, NllSummary> summaries_; ///< kept while sessions grow
    std::vector<Family> families_;
    std::vector<Interaction> interactions_;
    LinePlot *byContext_ = nullptr, *byPosition_ = nullptr;
    QSplitter *outer_ = nullptr, *plots_ = nullptr;
    QTableView* splitView_ = nullptr;
    ResultTableModel* splitModel_ = nullptr;
    CompactComboBox *unitBox_ = nullptr, *conventionBox_ = nullptr;
    CompactComboBox* viewBox_ = nullptr; ///< which plot, where there is room for one
    bool single_ = false;
    bool exporting_ = false; ///< both plots are drawn, whatever is on screen
};

} // namespace qroar
