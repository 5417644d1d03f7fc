// AnalysisController: opens models and documents, estimates, runs and stops analyses, puts their results into
// the Workspace and autosaves them now and then. It talks to no widget: the window connects its signals.
#pragma once

#include "app/gui/jobs/analysis_job.h"
#include "app/gui/jobs/session_jobs.h"
#include "app/gui/setup/setup_request.h"
#include "app/gui/workspace.h"

#include <QPointer>
#include <QTimer>

#include <functional>

namespace qroar {

class AnalysisController : public QObject {
    Q_OBJECT

  public:
    /// `heavy` is shared with all who compute, `files` with all who read and write sessions; all must outlive
    /// this.
    AnalysisController(Workspace& workspace, JobQueue& heavy, JobQueue& files, QObject* parent = nullptr);

    void openModel(const QString& path);
    /// Nothing is open any more, and what is being opened is dropped.
    void closeInputs();
    /// Reads them with the open model's tokenizer; waits for the model when it is still being opened.
    void openDocuments(const QStringList& paths);
    /// Soon, and only the newest; nothing while an analysis runs.
    void estimateLater(const SetupRequest& request);

    /// The plan of a request with the inputs that are open.
    [[nodiscard]] AnalysisPlan plan(const SetupRequest& request) const;
    /// The open session can take this request's conditions.
    [[nodiscard]] bool continues(const SetupRequest& request) const;
    /// Into the current session where that can be continued, else into one more. What becomes current
    /// afterwards changes nothing about it. False when something else holds the heavy thread.
    bool start(const SetupRequest& request);
    void cancel();
    [[nodiscard]] bool running() const { return !job_.isNull(); }
    /// The session that the running analysis, or the last one, writes into.
    [[nodiscard]] SessionId target() const { return target_; }
    /// Where an open session is autosaved; an empty path switches it off.
    void setAutosavePaths(std::function<QString(SessionId)> paths) { autosavePaths_ = std::move(paths); }
    /// What is written then: the session and whatever else would be lost. Without it, the session.
    void setAutosaved(std::function<std::shared_ptr<const Session>(SessionId)> whole) {
        autosaved_ = std::move(whole);
    }
    /// Now, of any open session, on the thread for files.
    void autosave(SessionId id);
    /// An autosave is being written; autosaveEnded() follows.
    [[nodiscard]] bool autosaving() const { return autosaves_ > 0; }
    [[nodiscard]] bool inputsReady() const { return opened_.model && documents_; }
    [[nodiscard]] const OpenedModel& openedModel() const { return opened_; }

  signals:
    void modelBusy();
    void modelOpened(const qroar::OpenedModel& model);
    void modelFailed(const QString& message);
    void documentsBusy();
    void documentsOpened(const qroar::SharedDocuments& documents);
    void documentsFailed(const QString& message);
    void estimateBusy();
    void estimated(const qroar::AnalysisEstimate& estimate);
    void estimateFailed(const QString& message);

    void runningChanged(bool running);
    void progressed(const qroar::Progress& progress);
    void conditionFinished(const qroar::ConditionResult& result);
    void analysisFinished(const QString& summary);
    void analysisCancelled(const QString& summary);
    void analysisFailed(const QString& message);
    void autosaveEnded(int id);
    void warning(const QString& message);

  private:
    void closeModel();
    void readDocuments();
    void estimateNow();
    void connectRun(AnalysisJob* job, bool continued);

    Workspace& workspace_;
    JobQueue& heavy_;
    JobQueue& files_;
    JobQueue light_;
    LatestJob latestModel_, latestDocuments_, latestEstimate_;
    OpenedModel opened_;
    SharedDocuments documents_;
    QStringList documentPaths_;
    SetupRequest estimateRequest_;
    QTimer estimateTimer_;
    QPointer<AnalysisJob> job_;
    QPointer<EstimateJob> estimateJob_;
    std::function<QString(SessionId)> autosavePaths_;
    std::function<std::shared_ptr<const Session>(SessionId)> autosaved_;
    SessionId target_ = noSession;
    double unsavedSeconds_ = 0; ///< of finished conditions since the last autosave
    int autosaves_ = 0;         ///< being written or waiting for it
};

} // namespace qroar
