#include "app/gui/workspace.h"

#include <QUndoCommand>

namespace qroar {

/// The bands before and after one gesture.
class SetBandsCommand : public QUndoCommand {
  public:
    SetBandsCommand(Workspace& workspace, BandPartition before, BandPartition after, const QString& text)
        : QUndoCommand(text), workspace_(workspace), before_(std::move(before)), after_(std::move(after)) {}
    void undo() override { workspace_.applyBands(before_); }
    void redo() override { workspace_.applyBands(after_); }

  private:
    Workspace& workspace_;
    BandPartition before_, after_;
};

Workspace::Workspace(QObject* parent) : QObject(parent) {
    connect(&undo_, &QUndoStack::cleanChanged, this, &Workspace::refreshDirty);
}

bool Workspace::dirty() const {
    return session_ && (resultsUnsaved_ || !undo_.isClean());
}

void Workspace::refreshDirty() {
    if (dirty() == wasDirty_) return;
    wasDirty_ = dirty();
    emit dirtyChanged(wasDirty_);
}

void Workspace::open(std::shared_ptr<const Session> session, const QString& path) {
    session_ = std::move(session);
    path_ = path;
    resultsUnsaved_ = session_ && path.isEmpty() && !session_->conditions.empty();
    undo_.clear();
    emit pathChanged(path_);
    emit sessionChanged(session_);
    refreshDirty();
}

void Workspace::close() {
    open(nullptr, {});
}

void Workspace::replace(Session session) {
    session_ = std::make_shared<const Session>(std::move(session));
}

void Workspace::updateResults(std::shared_ptr<const Session> session) {
    if (!session) return;
    Session merged = *session;
    if (session_ && session_->bands.pairs() == merged.bands.pairs()) merged.bands = session_->bands;
    replace(std::move(merged));
    resultsUnsaved_ = true;
    emit sessionChanged(session_);
    refreshDirty();
}

void Workspace::addCondition(std::shared_ptr<const ConditionResult> result) {
    if (!session_ || !result || session_->find(result->key) == result) return;
    Session next = *session_;
    next.put(std::move(result));
    updateResults(std::make_shared<const Session>(std::move(next)));
}

void Workspace::addSearch(std::shared_ptr<const SearchRecord> search) {
    if (!session_ || !search) return;
    Session next = *session_;
    next.searches.push_back(std::move(search));
    updateResults(std::make_shared<const Session>(std::move(next)));
}

void Workspace::previewBands(const BandPartition& bands) {
    applyBands(bands);
}

void Workspace::applyBands(const BandPartition& bands) {
    if (!session_ || bands.pairs() != session_->bands.pairs() || bands == session_->bands) return;
    Session next = *session_;
    next.bands = bands;
    replace(std::move(next));
    emit bandsChanged(session_->bands);
}

void Workspace::setBands(const BandPartition& before, const BandPartition& after, const QString& text) {
    if (!session_ || before == after || after.pairs() != session_->bands.pairs()) return;
    undo_.push(new SetBandsCommand(*this, before, after, text.isEmpty() ? tr("Move band edge") : text));
}

std::shared_ptr<const Session> Workspace::withViewState(const std::string& json) const {
    if (!session_) return nullptr;
    auto copy = std::make_shared<Session>(*session_);
    copy->viewState = json;
    return copy;
}

void Workspace::markSaved(const QString& path, const std::shared_ptr<const Session>& written) {
    if (!session_ || !written) return;
    path_ = path;
    if (written->bands == session_->bands) undo_.setClean();
    if (written->conditions.size() == session_->conditions.size()
        && written->searches.size() == session_->searches.size())
        resultsUnsaved_ = false;
    emit pathChanged(path_);
    refreshDirty();
}

} // namespace qroar
