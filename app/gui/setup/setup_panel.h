// SetupPanel: what to analyze (model, documents, RoPE specs, context lengths, weight variants), checked while
// it is being written, with the estimate and the Run button. It opens no files and runs nothing: it says what
// the user chose, and shows what it is told.
#pragma once

#include "app/gui/setup/setup_request.h"
#include "app/gui/setup/spec_chips.h"

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>
#include <QSpinBox>
#include <QToolButton>
#include <QWidget>

class QFormLayout;
class QVBoxLayout;

namespace qroar {

class SetupPanel : public QWidget {
    Q_OBJECT

  public:
    explicit SetupPanel(QWidget* parent = nullptr);

    /// What is filled in; meaningful parts only where problem() is empty.
    [[nodiscard]] SetupRequest request() const;
    /// Why this cannot run, in words; empty when it can.
    [[nodiscard]] QString problem() const;

    /// Fills everything in without asking for the files: who calls it opens them, or says what is missing.
    void setRequest(const SetupRequest& request);
    void setModelPath(const QString& path);
    void setDocuments(const QStringList& paths);
    void addDocuments(const QStringList& paths);
    void setRopes(const QStringList& texts);
    void setQuants(const QStringList& texts);
    void setContexts(const std::vector<int>& contexts);
    void setMaxWindows(int windows);

    /// The answers of the jobs that read the inputs.
    void showModelBusy();
    void showModel(const OpenedModel& model);
    void showModelProblem(const QString& message);
    void showDocumentsBusy();
    void showDocuments(const SharedDocuments& documents);
    void showDocumentsProblem(const QString& message);
    void showEstimate(const AnalysisEstimate& estimate);
    void showEstimateProblem(const QString& message);
    void showEstimateBusy();
    void setRunning(bool running);
    /// Conditions of the request that the open session holds; `reason` says why it cannot be continued.
    void setDone(int done, const QString& reason);

  signals:
    void modelPathChosen(const QString& path);
    void documentsChosen(const QStringList& paths);
    /// Anything else changed: estimates are out of date.
    void requestChanged();
    void runRequested();
    void browseModelFolder();
    void browseModelFile();
    void browseDocuments();

  protected:
    void changeEvent(QEvent* event) override;

  private:
    void fitDocuments();
    void buildModel(QVBoxLayout* column);
    void buildDocuments(QVBoxLayout* column);
    void buildConditions(QVBoxLayout* column);
    void buildOptions(QVBoxLayout* column);
    void buildRun(QVBoxLayout* column);
    void updatePresets();
    void offerQuants();
    void updateContextMessage();
    void updateRun();
    void edited();
    QStringList listDocuments(const QStringList& paths);
    void removeSelectedDocuments();
    void suggestContexts();
    void writeContexts(const std::vector<int>& contexts);
    [[nodiscard]] int requestedConditions() const;

    QLineEdit* modelPath_;
    QLabel* modelNote_;
    QListWidget* documents_;
    QLabel* documentsNote_;
    QToolButton* removeDocument_;
    SpecChips* ropes_;
    QSpinBox* factor_;
    QLineEdit* contexts_;
    QLabel* contextsNote_;
    SpecChips* quants_;
    QSpinBox* maxWindows_;
    QSpinBox* bands_;
    QComboBox* groups_;
    QCheckBox *divergence_, *gradients_, *noise_;
    QComboBox* damage_; ///< in the order of DamageScope
    QLabel* estimate_;
    QPushButton* run_;

    OpenedModel model_;
    SharedDocuments tokens_;
    QString modelProblem_, documentsProblem_, estimateProblem_, newSessionReason_;
    bool modelBusy_ = false, documentsBusy_ = false, running_ = false, contextsTouched_ = false;
    int done_ = 0;
};

} // namespace qroar
