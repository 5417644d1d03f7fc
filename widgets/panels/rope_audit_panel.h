// RopeAuditPanel: what transformers, llama.cpp and vLLM would make of the RoPE of the open checkpoint, or of
// a scaling as an export would write it: curves per pair, a verdict for every loader, warnings with the keys
// that cause them, and the scaling as flags or as a block of config.json on the clipboard. Works on any open
// model: no analysis is needed. The audit itself: core/rope/audit.h, core/exporting/rope_audit.h.
#pragma once

#include "core/exporting/rope_audit.h"
#include "widgets/panels/diagnostic_panel.h"

class QLineEdit;
class QListWidget;
class QToolButton;

namespace qroar {

class CompactComboBox;
class LinePlot;

class RopeAuditPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit RopeAuditPanel(SelectionModel* selection, QWidget* parent = nullptr);
    [[nodiscard]] std::vector<Table> tables() override; ///< loaders, pairs, warnings
    [[nodiscard]] LinePlot* plot() const { return plot_; }
    [[nodiscard]] QListWidget* findings() const { return findings_; }
    [[nodiscard]] QLineEdit* specEdit() const { return specEdit_; }
    /// Of what is on screen; nothing while the panel is empty.
    [[nodiscard]] const std::optional<RopeAudit>& audit() const { return audit_; }
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
    [[nodiscard]] RopeSpec spec() const; ///< typed, else the condition's, else the checkpoint's
    [[nodiscard]] long long context() const;
    [[nodiscard]] ModelConfig config() const;
    void draw();
    void fillTables();
    void listFindings();
    void copy(const Outcome<std::string>& text, const QString& what);
    [[nodiscard]] QString specName() const;
    [[nodiscard]] QString summaryText() const;

    std::optional<RopeAudit> audit_;
    std::optional<ModelConfig> opened_;
    std::string fingerprint_; ///< of opened_
    LinePlot* plot_ = nullptr;
    QListWidget* findings_ = nullptr;
    QLineEdit* specEdit_ = nullptr;
    CompactComboBox *valueBox_ = nullptr, *sourceBox_ = nullptr;
    QToolButton *flagsButton_ = nullptr, *configButton_ = nullptr;
    ResultTableModel *pairModel_ = nullptr, *warningModel_ = nullptr;
    std::vector<int> rowPairs_; ///< of the table twin
};

} // namespace qroar
