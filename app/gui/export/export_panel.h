// ExportPanel: which weights, scales, RoPE scaling and format to write, where to; what it will take, what is
// refused and why; and what the verification found. It writes nothing: it says what the user chose and shows
// what it is told. ExportController does the work.
#pragma once

#include "app/gui/jobs/export_job.h"
#include "app/gui/jobs/input_jobs.h"
#include "core/session/search_record.h"

#include <QWidget>

class QCheckBox;
class QComboBox;
class QFormLayout;
class QLabel;
class QLineEdit;
class QPushButton;

namespace qroar {

class ExportPanel : public QWidget {
    Q_OBJECT

  public:
    explicit ExportPanel(QWidget* parent = nullptr);

    void setModel(const OpenedModel& model);
    void setDocuments(const SharedDocuments& documents) { documents_ = documents; }
    void setSession(const std::shared_ptr<const Session>& session);
    void setBlocked(bool blocked);
    void setTarget(const QString& folder);
    void setFormat(ExportFormat format);
    void setQuant(const QString& text);
    void setScales(const QString& name);

    /// What is filled in; an Error says, in words for the user, why it cannot be written.
    [[nodiscard]] Outcome<ExportTask> task() const;

    void showEstimate(const ExportEstimate& estimate);
    void showProblem(const QString& message);
    void showReport(const ExportReport& report);

  signals:
    void requestChanged();
    void exportRequested();
    void browseRequested();

  private:
    void buildForm(QFormLayout* form);
    void edited();
    void offerTypes(); ///< those of the format
    void note(const QString& text, bool problem);

    OpenedModel model_;
    SharedDocuments documents_;
    std::shared_ptr<const Session> session_;
    bool blocked_ = false;

    QComboBox *quant_ = nullptr, *scales_ = nullptr, *rope_ = nullptr, *format_ = nullptr, *type_ = nullptr;
    QCheckBox *patch_ = nullptr, *snap_ = nullptr, *replace_ = nullptr;
    QLineEdit* target_ = nullptr;
    QLabel *note_ = nullptr, *result_ = nullptr;
    QPushButton* export_ = nullptr;
};

} // namespace qroar
