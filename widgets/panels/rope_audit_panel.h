// RopeAuditPanel: what transformers, llama.cpp and vLLM would make of the RoPE of the open checkpoint, or of
// a scaling as an export would write it: curves per pair, a verdict for every loader, warnings with the keys
// that cause them, and the scaling as flags or as a block of config.json on the clipboard. Works on any open
// model: no analysis is needed. With A and B, that of B, or what differs loader by loader
// (rope_audit_difference.cpp). The audit itself: core/rope/audit.h, core/exporting/rope_audit.h.
#pragma once

#include "core/exporting/rope_audit.h"
#include "widgets/panels/diagnostic_panel.h"
#include "widgets/plot/line_plot.h"

class QLineEdit;
class QListWidget;
class QToolButton;

namespace qroar {

class CompactComboBox;
class FindingList;
class RopeAuditContent;

class RopeAuditPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit RopeAuditPanel(SelectionModel* selection, QWidget* parent = nullptr);
    [[nodiscard]] std::vector<Table> tables() override; ///< loaders, pairs, warnings
    [[nodiscard]] LinePlot* plot() const { return plot_; }
    [[nodiscard]] QListWidget* findings() const;
    [[nodiscard]] QLineEdit* specEdit() const { return specEdit_; }
    /// Of what is on screen, A of a difference; nothing while the panel is empty.
    [[nodiscard]] const std::optional<RopeAudit>& audit() const { return audit_; }
    [[nodiscard]] const std::optional<RopeAudit>& auditOfB() const { return auditB_; } ///< of a difference
    [[nodiscard]] bool followsCondition() const override;
    [[nodiscard]] bool needsOnlyModel() const override { return true; }
    /// The open model: sessions with this fingerprint are audited as its files spell RoPE.
    void setModel(const ModelConfig& config, const std::string& fingerprint);
    /// Puts llama.cpp's flags, or a block of config.json, on the clipboard; what cannot be said is told by
    /// failed() and changes nothing.
    void copyFlags();
    void copyConfig(ConfigSpelling spelling);

  protected:
    [[nodiscard]] QString noSessionText() const override;
    void refresh(Changes changes) override;
    void tableRowActivated(int row) override;

  private:
    enum Value { Phase, Ratio };
    [[nodiscard]] Value value() const;
    void buildControls();
    void buildContent();
    /// A scaling on a model: that of A or of B.
    struct Audited {
        RopeSpec spec; ///< typed (of A alone), else the condition's, else the checkpoint's
        ModelConfig config;
        std::shared_ptr<const Session> session;
    };
    [[nodiscard]] Audited auditedOf(const Side& side, bool isB) const;
    [[nodiscard]] Audited audited() const; ///< what is on screen, A of a difference
    [[nodiscard]] bool showsB() const;
    [[nodiscard]] bool isTyped() const;
    [[nodiscard]] bool followsBox() const;   ///< the box says: of the condition
    [[nodiscard]] long long context() const; ///< L, the same for A and B
    [[nodiscard]] ModelConfig configOf(const Session& session) const;
    [[nodiscard]] QString whyNoAudit() const;           ///< empty when there is one
    [[nodiscard]] QString whyNoAuditDifference() const; ///< empty when there is an A - B
    void refreshDifference();
    void drawDifference();
    void listDifferences();
    void fillDifferenceTables();
    [[nodiscard]] QString differenceSummary() const;
    void setUpPlot(std::vector<LinePlot::Series> series, const QString& title, bool logarithmic,
                   double reference, const QString& referenceName);
    void draw();
    void fillTables();
    void listFindings();
    void copy(const Outcome<std::string>& text, const QString& what);
    [[nodiscard]] QString specName() const;
    [[nodiscard]] QString summaryText() const;

    std::optional<RopeAudit> audit_, auditB_;
    std::optional<ModelConfig> opened_;
    std::string fingerprint_; ///< of opened_
    LinePlot* plot_ = nullptr;
    FindingList* findings_ = nullptr;
    RopeAuditContent* content_ = nullptr;
    QLineEdit* specEdit_ = nullptr;
    CompactComboBox *valueBox_ = nullptr, *sourceBox_ = nullptr;
    QToolButton *flagsButton_ = nullptr, *configButton_ = nullptr;
    ResultTableModel *pairModel_ = nullptr, *warningModel_ = nullptr;
    std::vector<int> rowPairs_; ///< of the table twin
};

} // namespace qroar
