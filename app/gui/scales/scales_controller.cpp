#include "app/gui/scales/scales_controller.h"

#include "core/session/scales_file.h"
#include "qroar/version.h"

#include <QDateTime>
#include <QUndoCommand>

#include <algorithm>

namespace qroar {

using WhatIfs = std::vector<std::shared_ptr<const WhatIf>>;

namespace {

/// Whether a condition of the session was run with gains of that name.
bool usedByCondition(const Session& session, const std::string& name) {
    return std::any_of(session.conditions.begin(), session.conditions.end(),
                       [&name](const auto& condition) { return condition->key.scales == name; });
}

} // namespace

/// The list before and after.
class SetWhatIfsCommand : public QUndoCommand {
  public:
    SetWhatIfsCommand(ScalesController& controller, SessionId session, WhatIfs before, WhatIfs after,
                      const QString& text)
        : QUndoCommand(text), controller_(controller), session_(session), before_(std::move(before)),
          after_(std::move(after)) {}
    void undo() override { set(before_); }
    void redo() override { set(after_); }

  private:
    void set(const WhatIfs& list) {
        controller_.workspace_.setWhatIfs(session_, controller_.uniquelyNamed(session_, list));
    }
    ScalesController& controller_;
    SessionId session_;
    WhatIfs before_, after_;
};

/// The gains before a gesture and after its last move.
class SetGainsCommand : public QUndoCommand {
  public:
    SetGainsCommand(ScalesController& controller, SessionId session, GainEdit before, GainEdit after,
                    const QString& text, const QString& gesture)
        : QUndoCommand(text), controller_(controller), session_(session), before_(std::move(before)),
          after_(std::move(after)), gesture_(gesture) {}
    void undo() override {
        gesture_.clear(); // what was undone once is not continued
        controller_.apply(session_, before_);
    }
    void redo() override { controller_.apply(session_, after_); }
    [[nodiscard]] int id() const override { return gesture_.isEmpty() ? -1 : 2; }
    bool mergeWith(const QUndoCommand* other) override {
        const auto* next = dynamic_cast<const SetGainsCommand*>(other);
        if (!next || next->gesture_ != gesture_ || next->session_ != session_) return false;
        after_ = next->after_;
        setObsolete(before_ == after_); // there and back again: no step
        return true;
    }

  private:
    ScalesController& controller_;
    SessionId session_;
    GainEdit before_, after_;
    QString gesture_;
};

ScalesController::ScalesController(Workspace& workspace, JobQueue& heavy, QObject* parent)
    : QObject(parent), workspace_(workspace), heavy_(heavy) {
    connect(&workspace_, &Workspace::sessionChanged, this, [this] { emit editChanged(edit()); });
    connect(&workspace_, &Workspace::listChanged, this, [this] { // of those that were closed nothing is kept
        for (auto at = edits_.begin(); at != edits_.end();)
            at = workspace_.isOpen(at->first) ? std::next(at) : edits_.erase(at);
        std::erase_if(gainsOfConditions_, [this](const auto& of) { return !workspace_.isOpen(of.first); });
    });
}

GainEdit ScalesController::editOf(SessionId id) const {
    const auto session = workspace_.session(id);
    if (!session) return {};
    const ModelConfig& model = session->model;
    const auto found = edits_.find(id);
    if (found != edits_.end() && found->second.layers() == model.layers
        && found->second.pairs() == model.pairs())
        return found->second;
    return {model.layers, model.pairs()};
}

void ScalesController::apply(SessionId id, const GainEdit& edit) {
    edits_[id] = edit;
    emit edited(id);
    if (id == workspace_.current()) emit editChanged(edit);
}

void ScalesController::setEdit(const GainEdit& next, const QString& text, const QString& gesture) {
    const SessionId id = workspace_.current();
    QUndoStack* stack = workspace_.undoStack(id);
    const GainEdit before = editOf(id);
    if (!stack || next == before) return;
    stack->push(new SetGainsCommand(*this, id, before, next, text, gesture));
}

void ScalesController::restoreEdit(SessionId id, const GainEdit& edit) {
    apply(id, edit);
}

bool ScalesController::evaluate(GainEffectRequest request, const WhatIf& prediction) {
    const SessionId id = workspace_.current();
    const auto session = workspace_.session(id);
    if (running() || heavy_.busy() || !session) return false;
    if (request.effect.scales.name.empty()) request.effect.scales.name = freshScalesName(*session, "w");
    auto* job = new GainEffectJob(std::move(request));
    connect(job, &Job::progressed, this, &ScalesController::progressed);
    connect(job, &Job::failed, this, &ScalesController::failed);
    connect(job, &GainEffectJob::measured, this,
            [this, id, prediction](const std::shared_ptr<const WhatIf>& measured) {
                WhatIf whatIf = *measured;
                whatIf.predicted = prediction.predicted;
                whatIf.predictedError = prediction.predictedError;
                whatIf.largestLogGain = prediction.largestLogGain;
                pin(id, std::move(whatIf));
            });
    connect(job, &Job::ended, this, [this, id] {
        job_ = nullptr;
        workspace_.release(id);
        emit runningChanged(false);
    });
    job_ = job;
    target_ = id;
    workspace_.hold(id);
    emit runningChanged(true);
    heavy_.start(job);
    return true;
}

void ScalesController::cancel() {
    if (job_) job_->cancel();
}

void ScalesController::pin(SessionId id, WhatIf whatIf) {
    auto session = workspace_.session(id);
    if (!session) { // closed in the meantime: into the current one, where it fits
        id = workspace_.current();
        session = workspace_.session(id);
    }
    if (!session || session->modelFingerprint != whatIf.scales.modelFingerprint) {
        emit failed(tr("The session that these gains belong to is not open any more: the result is lost."));
        return;
    }
    const std::string& wanted = whatIf.scales.name;
    if (wanted.empty() || scalesNamed(*session, wanted).scales || usedByCondition(*session, wanted))
        whatIf.scales.name = freshScalesName(*session, "w");
    if (whatIf.created.empty())
        whatIf.created = QDateTime::currentDateTimeUtc().toString(Qt::ISODate).toStdString();
    whatIf.program = "qroar " QROAR_VERSION;
    const QString name = QString::fromStdString(whatIf.scales.name);
    WhatIfs list = session->whatIfs;
    list.push_back(std::make_shared<const WhatIf>(std::move(whatIf)));
    setList(id, std::move(list), tr("pin %1").arg(name));
    emit pinned(name);
}

QString ScalesController::rename(int row, const QString& name) {
    const auto session = workspace_.session();
    if (!session || row < 0 || row >= static_cast<int>(session->whatIfs.size())) return {};
    const std::string wanted = name.trimmed().toStdString();
    const auto& old = session->whatIfs[static_cast<std::size_t>(row)];
    if (wanted == old->scales.name) return {};
    if (const Status sayable = checkScalesName(wanted); !sayable)
        return QString::fromStdString(sayable.error().message);
    if (scalesNamed(*session, wanted).scales || usedByCondition(*session, wanted))
        return tr("There are gains named %1 already: choose another name.").arg(name);
    if (usedByCondition(*session, old->scales.name))
        return tr("%1 is the name of a condition: it keeps its name.")
            .arg(QString::fromStdString(old->scales.name));
    auto renamed = std::make_shared<WhatIf>(*old);
    renamed->scales.name = wanted;
    WhatIfs list = session->whatIfs;
    list[static_cast<std::size_t>(row)] = std::move(renamed);
    setList(workspace_.current(), std::move(list), tr("rename to %1").arg(name));
    return {};
}

void ScalesController::remove(const std::vector<int>& rows) {
    const auto session = workspace_.session();
    if (!session) return;
    WhatIfs kept;
    for (int row = 0; row < static_cast<int>(session->whatIfs.size()); ++row) {
        const auto& whatIf = session->whatIfs[static_cast<std::size_t>(row)];
        if (std::find(rows.begin(), rows.end(), row) == rows.end()) {
            kept.push_back(whatIf);
        } else if (usedByCondition(*session, whatIf->scales.name)) {
            emit failed(tr("%1 holds the gains of a condition: it cannot be deleted.")
                            .arg(QString::fromStdString(whatIf->scales.name)));
            return;
        }
    }
    if (kept.size() == session->whatIfs.size()) return;
    setList(workspace_.current(), std::move(kept),
            rows.size() == 1 ? tr("delete a what-if") : tr("delete what-ifs"));
}

void ScalesController::rememberGainsOfConditions(SessionId id) {
    const auto session = workspace_.session(id);
    if (!session) return;
    for (const auto& condition : session->conditions)
        if (const auto scales = scalesNamed(*session, condition->key.scales).scales)
            gainsOfConditions_[id][scales->name] = scales->gains;
}

WhatIfs ScalesController::uniquelyNamed(SessionId id, WhatIfs list) {
    const auto session = workspace_.session(id);
    if (!session) return list;
    rememberGainsOfConditions(id);
    const auto& known = gainsOfConditions_[id];
    Session then = *session;
    for (auto& one : list) {
        const std::string name = one->scales.name;
        then.whatIfs.clear();
        const bool ofSearch = scalesNamed(then, name).scales != nullptr;
        const auto gains = known.find(name);
        const bool ofOthers = usedByCondition(*session, name)
                              && (gains == known.end() || !(gains->second == one->scales.gains));
        if (!ofSearch && !ofOthers) continue;
        then.whatIfs = list;
        auto renamed = std::make_shared<WhatIf>(*one);
        renamed->scales.name = freshScalesName(then, "w");
        emit failed((ofSearch ? tr("A search has the name %1 by now: the what-if is called %2.")
                              : tr("A condition with other gains has the name %1 by now: the what-if is "
                                   "called %2."))
                        .arg(QString::fromStdString(name), QString::fromStdString(renamed->scales.name)));
        one = std::move(renamed);
    }
    return list;
}

void ScalesController::setList(SessionId id, WhatIfs list, const QString& text) {
    QUndoStack* stack = workspace_.undoStack(id);
    const auto session = workspace_.session(id);
    if (stack && session)
        stack->push(new SetWhatIfsCommand(*this, id, session->whatIfs, std::move(list), text));
}

} // namespace qroar
