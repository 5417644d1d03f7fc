// PhasePanel: the RoPE phase explorer: the effective angle omega' D of every pair and distance under several
// RoPE specs side by side, as maps (pair x distance) or as curves of the selected pair. Works on any open
// model: only frequency tables are needed, no analysis. Specs are those of the session's conditions and those
// the user types; of B the spec of that condition; of A - B the phase error between the two,
// (omega'_A - omega'_B) D.
#pragma once

#include "core/rope/rope_spec.h"
#include "widgets/panels/diagnostic_panel.h"
#include "widgets/plot/line_plot.h"

#include <array>

class QLabel;
class QLineEdit;
class QStackedWidget;

namespace qroar {

class CompactComboBox;
class HeatMapPlot;

/// The same angle in (−π, π].
double wrappedAngle(double angle);

class PhasePanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit PhasePanel(SelectionModel* selection, QWidget* parent = nullptr);
    static constexpr int mostMaps = 4;
    [[nodiscard]] const std::array<HeatMapPlot*, mostMaps>& maps() const { return maps_; }
    [[nodiscard]] LinePlot* curves() const { return curves_; }
    [[nodiscard]] QLineEdit* specEdit() const { return specEdit_; }
    /// What is wrong with the typed specs, and which specs there is no room for; empty when all are shown.
    [[nodiscard]] QString specError() const { return specError_; }
    [[nodiscard]] bool followsCondition() const override { return false; }
    [[nodiscard]] bool needsOnlyModel() const override { return true; }

  protected:
    [[nodiscard]] QString noSessionText() const override;
    void refresh(Changes changes) override;
    void tableRowActivated(int row) override;

  private:
    enum Value { Wrapped, Cosine, Unwrapped };
    struct Spec {
        QString name;
        FrequencyTable table;
        QStringList equals{};                ///< other specs that give the same table at this L
        QString said{};                      ///< with what is in force at this L; empty: the name
        [[nodiscard]] QString label() const; ///< "none = dynamic:2"
        [[nodiscard]] QString title() const; ///< the same in a sentence: "longrope, short factors"
    };
    [[nodiscard]] Value value() const;
    [[nodiscard]] double valueOf(double angle) const;
    [[nodiscard]] QString valueTitle() const;
    void collectSpecs(); ///< into specs_ and specError_
    void collectSpecsOfSession(std::size_t room);
    void addMark(std::vector<LinePlot::Series>& series, double distance, const QCPRange& range,
                 const QString& name, bool below) const;
    [[nodiscard]] double aboveCurves(const QCPRange& range, double part) const;
    void setDistanceTicks();
    [[nodiscard]] QString whyNoDifference() const;                      ///< empty when A - B can be drawn
    static constexpr double markRoom = 0.05, nameRoom = 0.2;            ///< above the curves, of their range
    [[nodiscard]] bool differs() const;                                 ///< A - B is drawn
    [[nodiscard]] const ModelConfig& model() const;                     ///< of what is shown
    [[nodiscard]] std::size_t mapCount() const;                         ///< that are drawn
    [[nodiscard]] double differenceOf(int pair, double distance) const; ///< A - B of the value in force
    [[nodiscard]] QString differenceTitle() const;
    void drawDifferenceMap();
    void drawDifferenceCurve();
    void fillDifferenceTable();
    [[nodiscard]] QString differenceSummary() const;
    [[nodiscard]] std::vector<double> tableDistances() const; ///< that are drawn
    [[nodiscard]] QVariant cellOf(double distance) const;     ///< of maps a whole number of tokens
    [[nodiscard]] std::vector<int> tablePairs() const;
    void addSpec(const RopeSpec& spec, std::size_t room); ///< else into notShown_
    [[nodiscard]] int context() const;                    ///< L: of the condition, else the model's longest
    [[nodiscard]] int selectedPair() const; ///< of the selection, else the first of the selected band
    void chooseDistances();
    void drawMaps();
    void drawCurves();
    void arrangeParts();
    void fillTable();
    [[nodiscard]] QString summaryText() const;

    std::vector<Spec> specs_;    ///< of A - B: A's and B's
    std::vector<int> distances_; ///< 0 to 3, then log-spaced, to the context
    QString specError_;
    QStringList notShown_; ///< specs there was no room for
    std::array<HeatMapPlot*, mostMaps> maps_{};
    LinePlot* curves_ = nullptr;
    QStackedWidget* pages_ = nullptr;
    QLabel* errorLabel_ = nullptr;
    QLineEdit* specEdit_ = nullptr;
    CompactComboBox *valueBox_ = nullptr, *viewBox_ = nullptr;
    std::vector<int> rowPairs_; ///< of the table twin
};

} // namespace qroar
