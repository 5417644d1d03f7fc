// PerplexityPanel: loss, or divergence from a reference, against context length and by position, with
// intervals; of two conditions A and B that were run on the same windows their paired difference; and the
// four-way split (FP, PI, Q, Q+PI) with its interaction term. Everything comes from stored numbers per token.
#pragma once

#include "core/evaluate/divergence.h"
#include "core/evaluate/perplexity.h"
#include "core/evaluate/token_series.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/diagnostic_panel.h"
#include "widgets/plot/line_plot.h"

#include <map>

class QSplitter;

namespace qroar {

class CompactComboBox;

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
    enum class Measure { Nll, Perplexity, KlMean, KlMedian, KlP99, SameTop };
    void buildControls();
    [[nodiscard]] Convention convention() const;
    [[nodiscard]] Measure measure() const;
    [[nodiscard]] bool isLoss() const; ///< of the text, not of a reference's predictions
    [[nodiscard]] QString axisTitle() const;
    [[nodiscard]] double shownValue(double value) const; ///< exp of it for perplexities
    [[nodiscard]] bool differs() const;                  ///< A - B is drawn
    [[nodiscard]] bool showsSplit() const;               ///< the four-way split: losses of one side
    [[nodiscard]] QString whyNothing() const;            ///< empty when there is something to draw
    [[nodiscard]] QString whyNotPaired() const;
    void arrange(); ///< the plots and the split: beside each other, stacked, or one at a time in small docks
    void summarize(bool conventionChanged);
    void collectFamilies();
    [[nodiscard]] static std::vector<Family> familiesOf(const Session& session);
    [[nodiscard]] const Family* familyHolding(const std::vector<Family>& families, int condition) const;

    using Result = std::shared_ptr<const ConditionResult>;
    /// What of a token's numbers the measure asks for.
    [[nodiscard]] TokenQuestion questionFor(const ConditionResult& condition) const;
    [[nodiscard]] TokenMeasure tokenMeasure() const;
    /// Of one condition, or of A - B with `other`; remembered.
    const TokenEstimate& whole(const Result& condition, const Result& other = nullptr);
    const std::vector<TokenEstimate>& byPosition(const Result& condition, const Result& other = nullptr);
    void forget(); ///< what is remembered of conditions that are gone
    /// Conditions of A's and B's family at the same context length.
    struct Partners {
        Result a, b;
    };
    [[nodiscard]] std::vector<Partners> partners() const;
    [[nodiscard]] const Partners* partnersAtHand() const; ///< at the context of A, else the first

    void updateByContext();
    void updateByPosition();
    [[nodiscard]] LinePlot::Series seriesOf(const Family& family) const; ///< its looks
    void addPoint(LinePlot::Series& line, double x, const TokenEstimate& estimate) const;
    void addBuckets(LinePlot::Series& line, const std::vector<TokenEstimate>& buckets) const;
    void setContextTicks(std::vector<double> contexts);
    void setPositionTicks(const std::vector<TokenEstimate>& buckets);
    void fillTables();
    void addDrawnColumns(std::vector<ResultTableModel::Column>& columns) const;
    [[nodiscard]] QVariant shownBound(const std::optional<double>& bound) const;
    void fillConditions();
    void fillDifferences();
    void fillPositions();
    void fillSplit();
    [[nodiscard]] QString summaryText();
    [[nodiscard]] QString differenceText();
    [[nodiscard]] QString detailText() const; ///< whose losses, of what length and convention
    /// What is drawn in place of A and B where their windows are of two lengths; empty: they are.
    [[nodiscard]] QString replacedText() const;
    [[nodiscard]] QString whyNoDocuments() const; ///< that A and B could be paired over; empty: there are
    [[nodiscard]] QString splitSummary(const ConditionResult& shown) const;
    [[nodiscard]] QString familyOf(int condition) const; ///< its name in legends

    struct Remembered {
        std::optional<TokenEstimate> whole;
        std::optional<std::vector<TokenEstimate>> buckets;
    };
    std::map<std::pair<Result, Result>, Remembered> remembered_;
    std::map<Result, DivergenceSummary> divergences_; ///< of the table
    std::vector<Family> otherFamilies_;               ///< of B's session
    std::vector<Partners> partners_;
    std::map<std::shared_ptr<const ConditionResult>, NllSummary> summaries_; ///< kept while sessions grow
    std::vector<Family> families_;
    std::vector<Interaction> interactions_;
    std::shared_ptr<const Session> interactionsOf_; ///< whose they are
    Convention interactionsBy_{};                   ///< and by which convention
    LinePlot *byContext_ = nullptr, *byPosition_ = nullptr;
    QSplitter *outer_ = nullptr, *plots_ = nullptr;
    QTableView* splitView_ = nullptr;
    ResultTableModel *splitModel_ = nullptr, *positionModel_ = nullptr;
    CompactComboBox *unitBox_ = nullptr, *conventionBox_ = nullptr;
    CompactComboBox* viewBox_ = nullptr; ///< which plot, where there is room for one
    bool single_ = false;
    bool exporting_ = false; ///< both plots are drawn, whatever is on screen
};

} // namespace qroar
