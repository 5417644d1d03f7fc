#include "app/gui/analysis_controller.h"

#include "widgets/common/number_format.h"

namespace qroar {

namespace {

/// Writing the whole file takes a second or more: not after every short condition.
constexpr double secondsBetweenAutosaves = 20;

std::filesystem::path toPath(const QString& text) {
    return std::filesystem::path(text.toStdString());
}

QString conditionsOf(const Session& session) {
    return counted(session.conditions.size(), AnalysisController::tr("condition"),
                   AnalysisController::tr("conditions"));
}

} // namespace

AnalysisController::AnalysisController(Workspace& workspace, JobQueue& heavy, JobQueue& files,
                                       QObject* parent)
    : QObject(parent), workspace_(workspace), heavy_(heavy), files_(files) {
    estimateTimer_.setSingleShot(true);
    estimateTimer_.setInterval(250);
    connect(&estimateTimer_, &QTimer::timeout, this, &AnalysisController::estimateNow);
}

void AnalysisController::closeModel() {
    opened_ = {};
    documents_ = nullptr;
    latestModel_.next();
    latestDocuments_.next(); // documents of another model's tokenizer are of no use
    latestEstimate_.next();
}

void AnalysisController::closeInputs() {
    closeModel();
    documentPaths_.clear();
}

void AnalysisController::openModel(const QString& path) {
    closeModel();
    const auto ticket = latestModel_.next();
    emit modelBusy();
    auto* job = new OpenModelJob(toPath(path));
    connect(job, &OpenModelJob::opened, this, [this, ticket](const OpenedModel& model) {
        if (!latestModel_.isCurrent(ticket)) return;
        opened_ = model;
        emit modelOpened(model);
        readDocuments();
    });
    connect(job, &Job::failed, this, [this, ticket](const QString& message) {
        if (latestModel_.isCurrent(ticket)) emit modelFailed(message);
    });
    light_.start(job);
}

void AnalysisController::openDocuments(const QStringList& paths) {
    documentPaths_ = paths;
    documents_ = nullptr;
    latestDocuments_.next();
    latestEstimate_.next();
    readDocuments();
}

void AnalysisController::readDocuments() {
    if (!opened_.model || documentPaths_.isEmpty()) return;
    std::vector<std::filesystem::path> paths;
    for (const QString& path : documentPaths_) paths.push_back(toPath(path));
    const auto ticket = latestDocuments_.next();
    emit documentsBusy();
    auto* job = new OpenDocumentsJob(std::move(paths), opened_);
    connect(job, &OpenDocumentsJob::opened, this, [this, ticket](const SharedDocuments& documents) {
        if (!latestDocuments_.isCurrent(ticket)) return;
        documents_ = documents;
        emit documentsOpened(documents);
    });
    connect(job, &Job::failed, this, [this, ticket](const QString& message) {
        if (latestDocuments_.isCurrent(ticket)) emit documentsFailed(message);
    });
    light_.start(job);
}

void AnalysisController::estimateLater(const SetupRequest& request) {
    latestEstimate_.next();
    estimateRequest_ = request;
    if (!running() && inputsReady()) estimateTimer_.start();
}

void AnalysisController::estimateNow() {
    if (running() || !inputsReady()) return;
    if (estimateRequest_.ropes.empty() || estimateRequest_.contexts.empty()
        || estimateRequest_.quants.empty())
        return;
    if (estimateJob_) estimateJob_->cancel();
    const auto ticket = latestEstimate_.next();
    emit estimateBusy();
    auto* job =
        new EstimateJob(plan(estimateRequest_), continues(estimateRequest_) ? workspace_.session() : nullptr);
    connect(job, &EstimateJob::estimated, this, [this, ticket](const AnalysisEstimate& estimate) {
        if (latestEstimate_.isCurrent(ticket)) emit estimated(estimate);
    });
    connect(job, &Job::failed, this, [this, ticket](const QString& message) {
        if (latestEstimate_.isCurrent(ticket)) emit estimateFailed(message);
    });
    estimateJob_ = job;
    light_.start(job);
}

AnalysisPlan AnalysisController::plan(const SetupRequest& request) const {
    return makePlan(request, opened_.model, documents_);
}

bool AnalysisController::continues(const SetupRequest& request) const {
    return workspace_.hasSession() && whyNotContinued(*workspace_.session(), plan(request)).isEmpty();
}

bool AnalysisController::start(const SetupRequest& request) {
    if (running() || heavy_.busy() || !inputsReady()) return false;
    estimateTimer_.stop();
    latestEstimate_.next();
    const bool continued = continues(request);
    target_ = continued ? workspace_.current() : noSession;
    workspace_.hold(target_);
    unsavedSeconds_ = 0;
    auto* job = new AnalysisJob(plan(request), continued ? workspace_.session() : nullptr);
    connectRun(job, continued);
    job_ = job;
    emit runningChanged(true);
    heavy_.start(job);
    return true;
}

void AnalysisController::connectRun(AnalysisJob* job, bool continued) {
    connect(job, &AnalysisJob::started, this, [this, continued](const std::shared_ptr<const Session>& base) {
        if (continued) return;
        target_ = workspace_.open(base, {});
        workspace_.hold(target_);
    });
    connect(job, &Job::progressed, this, &AnalysisController::progressed);
    connect(job, &AnalysisJob::conditionFinished, this,
            [this](const std::shared_ptr<const ConditionResult>& result) {
                workspace_.addCondition(target_, result);
                emit conditionFinished(*result);
                unsavedSeconds_ += result->seconds;
                if (unsavedSeconds_ >= secondsBetweenAutosaves) autosave(target_);
            });
    connect(job, &AnalysisJob::finished, this, [this](const std::shared_ptr<const Session>& session) {
        workspace_.updateResults(target_, session);
        emit analysisFinished(tr("Analysis done: %1.").arg(conditionsOf(*session)));
    });
    connect(job, &AnalysisJob::cancelled, this, [this](const std::shared_ptr<const Session>& session) {
        emit analysisCancelled(
            tr("Analysis stopped; %1 kept. Run again to continue.").arg(conditionsOf(*session)));
    });
    connect(job, &Job::failed, this, &AnalysisController::analysisFailed);
    connect(job, &Job::ended, this, [this] {
        if (unsavedSeconds_ > 0) autosave(target_);
        job_ = nullptr;
        workspace_.release(target_);
        emit runningChanged(false);
    });
}

/// On the thread for files, beside a running analysis: neither it nor a cancel waits for the disk.
void AnalysisController::autosave(SessionId id) {
    if (id == target_) unsavedSeconds_ = 0;
    const auto session = autosaved_ && workspace_.isOpen(id) ? autosaved_(id) : workspace_.session(id);
    const QString path = session && autosavePaths_ ? autosavePaths_(id) : QString();
    if (path.isEmpty()) return;
    auto* job = new SaveJob(session, toPath(path));
    ++autosaves_;
    connect(job, &Job::failed, this, [this](const QString& message) {
        emit warning(tr("The results could not be autosaved: %1").arg(message));
    });
    connect(job, &Job::ended, this, [this, id] {
        --autosaves_;
        emit autosaveEnded(id);
    });
    files_.start(job);
}

void AnalysisController::cancel() {
    if (job_) job_->cancel();
}

} // namespace qroar
