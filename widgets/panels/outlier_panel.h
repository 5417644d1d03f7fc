// OutlierPanel: where in the context the largest values sit, three ways: the share of the top-eps values per
// position bucket relative to the bucket's share of all values (1 = no shift) as a map over layers and a line
// for the selected one; how large the values of the selected layer are, position by position; and which
// positions hold the top-eps values, per document where statistics were kept per document. Of two conditions
// A and B: either, or A - B as a map with both as lines. Numbers are core's (tails.h, magnitudes.h).
#pragma once

#include "core/diagnostics/band_grid.h"
#include "core/diagnostics/magnitudes.h"
#include "widgets/common/color_map.h"
#include "widgets/panels/diagnostic_panel.h"

namespace qroar {

class CompactComboBox;
class HeatMapOptions;
class HeatMapPlot;
class LinePlot;

class OutlierPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit OutlierPanel(SelectionModel* selection, QWidget* parent = nullptr);
    enum class View { Shift, Magnitude, Positions };
    [[nodiscard]] View view() const;
    void setView(View view);
    [[nodiscard]] QStringList variants() const override; ///< the views
    [[nodiscard]] QString variantPrefix() const override { return QStringLiteral("outlier"); }
    [[nodiscard]] int variant() const override { return static_cast<int>(view()); }
    void setVariant(int index) override { setView(static_cast<View>(index)); }
    [[nodiscard]] std::vector<Table> tables() override;
    /// [layers, buckets], of the condition shown, A where the difference is; up to date.
    [[nodiscard]] const BandGrid& relativeShare();
    [[nodiscard]] HeatMapPlot* map() const { return map_; }
    [[nodiscard]] LinePlot* line() const { return line_; }
    [[nodiscard]] HeatMapPlot* documents() const { return documents_; } ///< hidden where there is nothing

  protected:
    void refresh(Changes changes) override;
    void tableRowActivated(int row) override;

  private:
    /// What core says of one condition.
    struct Numbers {
        Side side;
        BandGrid share, relative;              ///< [layers, buckets]
        std::vector<int> edges;                ///< [buckets + 1], tokens
        MagnitudeMap magnitudes;               ///< of the selected layer, in that view
        BandGrid documents, documentsRelative; ///< [documents, zones], of the selected layer, in that view
        std::vector<int> zones;                ///< [zones + 1], tokens
    };
    /// A row of a table or map: the value of A (or what is shown), of B, and what the map shows.
    struct Cell {
        double a, b, mapped;
    };
    void addControls();
    [[nodiscard]] QString whyEmpty(const Side& side) const;
    [[nodiscard]] QString whyEmpty() const;
    void compute(Numbers& numbers, const Side& side, bool keepShares) const;
    [[nodiscard]] Cell shiftCell(int layer, int bucket) const; ///< of the view's share
    [[nodiscard]] Cell magnitudeCell(int bucket, int level) const;
    [[nodiscard]] Cell documentCell(int document, int zone, bool relative) const;
    [[nodiscard]] int documentOfB(int document) const; ///< the same text in B; -1: there is none
    /// Why the difference has no map of documents; empty where it has, or there are no numbers.
    [[nodiscard]] QString whyNoDocuments() const;
    [[nodiscard]] QString bucketText(int bucket) const;
    [[nodiscard]] int rowOfLevel(int level) const { return lastLevel_ - level; }
    void setCursor(int row, int column);
    [[nodiscard]] Side unseenSide() const; ///< what of A and B is not shown and has numbers
    /// `values` of what is shown, and those of the counterpart.
    [[nodiscard]] std::vector<double> withCounterpart(std::vector<double> values,
                                                      const BandGrid& ofCounterpart) const;
    void arrange(); ///< the plots that the view needs
    void updateMap();
    void updateMagnitudeMap();
    void updateLine();
    void updateQuantiles();
    void updateDocuments();
    void fillTable();
    void fillMagnitudeTable();
    void fillQuantileTable(); ///< the lines beside the map of magnitudes
    void fillDocumentTable();
    [[nodiscard]] QString layerSummary() const;
    [[nodiscard]] QString magnitudeSummary() const;
    void describe();

    Numbers a_, b_;       ///< a_: what is shown, or A of a difference; b_: only of a difference
    Numbers counterpart_; ///< the one of A and B that is not shown, for colours that both share; or nothing
    bool subtracts_ = false;
    int buckets_ = 0;                    ///< position buckets on screen: those that both have
    int firstLevel_ = 0, lastLevel_ = 0; ///< of the magnitudes on screen
    int bucket_ = -1, level_ = -1;       ///< the cell under the cursor; -1: none
    Selection computedFor_;
    CompactComboBox* viewBox_ = nullptr;
    HeatMapOptions* options_ = nullptr;
    HeatMapPlot *map_ = nullptr, *documents_ = nullptr;
    LinePlot* line_ = nullptr;
    ResultTableModel *documentModel_ = nullptr, *quantileModel_ = nullptr;
};

} // namespace qroar
