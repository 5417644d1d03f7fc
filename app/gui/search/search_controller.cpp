#include "app/gui/search/search_controller.h"

#include "core/session/what_if.h"

#include <algorithm>

namespace qroar {

SearchController::SearchController(Workspace& workspace, AnalysisController& analysis, JobQueue& heavy,
                                   QObject* parent)
    : QObject(parent), workspace_(workspace), analysis_(analysis), heavy_(heavy) {}

void SearchController::setState(State state) {
    if (state == state_) return;
    state_ = state;
    if (state == State::Idle) workspace_.release(target_);
    emit stateChanged();
}

void SearchController::setRecord(std::shared_ptr<const SearchRecord> record) {
    record_ = std::move(record);
    emit recordChanged(record_);
}

bool SearchController::start(SearchTask task) {
    if (running() || heavy_.busy() || analysis_.running() || !task.plan.model || !task.plan.documents)
        return false;
    task.previous = nullptr;
    task_ = std::move(task);
    if (state_ != State::Idle) workspace_.release(target_);
    target_ = workspace_.current();
    workspace_.hold(target_);
    setRecord(nullptr);
    launch();
    return true;
}

void SearchController::launch() {
    stopping_ = false;
    auto* job = new SearchJob(task_);
    connect(job, &Job::progressed, this, &SearchController::progressed);
    connect(job, &SearchJob::updated, this, &SearchController::setRecord);
    connect(job, &SearchJob::searched, this, &SearchController::setRecord);
    connect(job, &SearchJob::reported, this, &SearchController::setRecord);
    connect(job, &Job::failed, this, &SearchController::failed);
    connect(job, &Job::ended, this, &SearchController::ended);
    job_ = job;
    setState(State::Running);
    heavy_.start(job);
}

void SearchController::ended() {
    job_ = nullptr;
    const bool something = record_ && !record_->trials.empty();
    if (!something)
        setState(State::Idle);
    else
        setState(record_->finished || stopping_ ? State::Undecided : State::Paused);
}

void SearchController::pause() {
    if (job_) job_->cancel();
}

bool SearchController::resume() {
    if (state_ != State::Paused || heavy_.busy() || analysis_.running()) return false;
    task_.previous = record_;
    launch();
    return true;
}

void SearchController::stop() {
    stopping_ = true;
    if (job_)
        job_->cancel();
    else if (state_ == State::Paused)
        setState(State::Undecided);
}

SessionId SearchController::target() const {
    return workspace_.isOpen(target_) ? target_ : workspace_.current();
}

std::shared_ptr<const SearchRecord> SearchController::named(const Session& session) const {
    if (!record_ || session.modelFingerprint != record_->scales.modelFingerprint) return nullptr;
    auto record = std::make_shared<SearchRecord>(*record_);
    std::string& name = record->scales.name;
    const auto used = [&name](const auto& condition) { return condition->key.scales == name; };
    if (name.empty() || scalesNamed(session, name).scales
        || std::any_of(session.conditions.begin(), session.conditions.end(), used))
        name = freshScalesName(session, "g");
    return record;
}

std::shared_ptr<const Session> SearchController::withRecord(std::shared_ptr<const Session> session) const {
    const auto record = session ? named(*session) : nullptr;
    if (!record || !record->scales.gains.fits(session->model)) return session;
    auto whole = std::make_shared<Session>(*session);
    whole->searches.push_back(record);
    return whole;
}

void SearchController::accept() {
    if (!record_ || running()) return;
    const auto session = workspace_.session(target());
    const auto record = session ? named(*session) : nullptr;
    if (!record) {
        emit failed(tr("The open session is of another model: open the session this search belongs to, or "
                       "discard it."));
        return;
    }
    workspace_.addSearch(target(), record);
    record_ = nullptr;
    emit recordChanged(nullptr);
    setState(State::Idle);
    emit accepted(QString::fromStdString(record->scales.name));
}

void SearchController::discard() {
    if (running()) return;
    setRecord(nullptr);
    setState(State::Idle);
}

} // namespace qroar
