#include "app/gui/workspace.h"

#include "core/session/session_merge.h"
#include "widgets/common/names.h"

#include <QDir>
#include <QElapsedTimer>
#include <QFileInfo>
#include <QUndoCommand>

#include <algorithm>

namespace qroar {

struct Workspace::Open {
    SessionId id = noSession;
    std::shared_ptr<const Session> session;
    QString path;
    int number = 0; ///< among those without a file
    QUndoStack undo;
    int holders = 0; ///< what will write into it
    bool resultsUnsaved = false;
    bool wasDirty = false;
    quint64 revision = 0;
    [[nodiscard]] bool dirty() const { return resultsUnsaved || !undo.isClean(); }
    void replace(Session next) { session = std::make_shared<const Session>(std::move(next)); }
};

namespace {

/// The same for all names of a file, also of one that is not there.
QString locationOf(const QString& path) {
    const QString canonical = QFileInfo(path).canonicalFilePath();
    return canonical.isEmpty() ? QDir::cleanPath(QFileInfo(path).absoluteFilePath()) : canonical;
}

} // namespace

/// The bands before and after one gesture, or after the last of a run of them.
class SetBandsCommand : public QUndoCommand {
  public:
    SetBandsCommand(Workspace& workspace, SessionId session, BandLayout before, BandLayout after,
                    const QString& text, const QString& run)
        : QUndoCommand(text), workspace_(workspace), session_(session), before_(std::move(before)),
          after_(std::move(after)), run_(run) {
        made_.start();
    }
    void undo() override {
        run_.clear(); // what was undone once is not continued
        workspace_.applyBands(session_, before_);
    }
    void redo() override { workspace_.applyBands(session_, after_); }
    [[nodiscard]] int id() const override { return run_.isEmpty() ? -1 : 1; }
    bool mergeWith(const QUndoCommand* other) override {
        const auto* next = dynamic_cast<const SetBandsCommand*>(other);
        if (!next || next->run_ != run_ || made_.msecsTo(next->made_) > workspace_.runPause()) return false;
        after_ = next->after_;
        made_ = next->made_;
        setObsolete(before_ == after_); // there and back again: no step
        return true;
    }

  private:
    Workspace& workspace_;
    SessionId session_;
    BandLayout before_, after_;
    QString run_;
    QElapsedTimer made_; ///< since the last gesture of the run
};

Workspace::Workspace(QObject* parent) : QObject(parent) {
    undoGroup_.addStack(&idle_);
    undoGroup_.setActiveStack(&idle_);
}

Workspace::~Workspace() {
    for (const auto& open : open_) open->undo.disconnect(this);
}

const Workspace::Open* Workspace::find(SessionId id) const {
    for (const auto& open : open_)
        if (open->id == id) return open.get();
    return nullptr;
}

Workspace::Open* Workspace::find(SessionId id) {
    for (const auto& open : open_)
        if (open->id == id) return open.get();
    return nullptr;
}

std::vector<SessionId> Workspace::sessions() const {
    std::vector<SessionId> ids;
    for (const auto& open : open_) ids.push_back(open->id);
    return ids;
}

SessionId Workspace::withPath(const QString& path) const {
    if (path.isEmpty()) return noSession;
    for (const auto& open : open_)
        if (!open->path.isEmpty() && locationOf(open->path) == locationOf(path)) return open->id;
    return noSession;
}

std::shared_ptr<const Session> Workspace::session(SessionId id) const {
    const Open* open = find(id);
    return open ? open->session : nullptr;
}

QString Workspace::lastPath(SessionId id) const {
    const auto closed = closedPaths_.find(id);
    return closed == closedPaths_.end() ? path(id) : closed->second;
}

QString Workspace::path(SessionId id) const {
    const Open* open = find(id);
    return open ? open->path : QString();
}

bool Workspace::dirty(SessionId id) const {
    const Open* open = find(id);
    return open && open->dirty();
}

bool Workspace::anyDirty() const {
    return std::any_of(open_.begin(), open_.end(), [](const auto& open) { return open->dirty(); });
}

QString Workspace::name(SessionId id) const {
    const Open* of = find(id);
    if (!of) return tr("no session");
    if (of->path.isEmpty())
        return of->number <= 1 ? tr("unsaved session") : tr("unsaved session %1").arg(of->number);
    QStringList others;
    for (const auto& other : open_)
        if (other->id != id && !other->path.isEmpty()) others << other->path;
    return nameApart(of->path, others);
}

QString Workspace::nameBeside(SessionId id, SessionId other) const {
    const QString own = path(id);
    return own.isEmpty() ? name(id) : nameApart(own, QStringList(path(other)));
}

QUndoStack* Workspace::undoStack() {
    Open* open = find(current_);
    return open ? &open->undo : &idle_;
}

QUndoStack* Workspace::undoStack(SessionId id) {
    Open* open = find(id);
    return open ? &open->undo : nullptr;
}

bool Workspace::isBlank(const Open& open) const {
    return open.holders == 0 && open.path.isEmpty() && !open.dirty() && open.session->conditions.empty()
           && open.session->searches.empty() && open.session->whatIfs.empty();
}

void Workspace::refreshDirty(SessionId id) {
    if (Open* open = find(id); open && open->dirty() != open->wasDirty) {
        open->wasDirty = open->dirty();
        if (!open->wasDirty) emit settled(id);
        emit listChanged();
    }
    if (dirty() == wasDirty_) return;
    wasDirty_ = dirty();
    emit dirtyChanged(wasDirty_);
}

void Workspace::add(std::shared_ptr<const Session> session, const QString& path, bool unsaved) {
    auto open = std::make_unique<Open>();
    const SessionId id = open->id = ++newest_;
    open->path = path;
    const bool something =
        !session->conditions.empty() || !session->searches.empty() || !session->whatIfs.empty();
    open->resultsUnsaved = unsaved || (path.isEmpty() && something);
    open->wasDirty = open->dirty();
    open->session = std::move(session);
    if (open_.empty()) unsaved_ = 0;
    if (path.isEmpty()) open->number = ++unsaved_;
    undoGroup_.addStack(&open->undo);
    connect(&open->undo, &QUndoStack::cleanChanged, this, [this, id] { refreshDirty(id); });
    connect(&open->undo, &QUndoStack::indexChanged, this, [this, id] { // also when a step grows
        if (Open* changed = find(id)) ++changed->revision;
    });
    open_.push_back(std::move(open));
}

SessionId Workspace::open(std::shared_ptr<const Session> session, const QString& path, bool unsaved) {
    if (!session) return noSession;
    SessionId replaced = withPath(path);
    if (const Open* now = find(current_); replaced == noSession && now && isBlank(*now)) replaced = current_;
    const auto place =
        std::find_if(open_.begin(), open_.end(), [replaced](const auto& one) { return one->id == replaced; });
    const auto at = place - open_.begin();
    if (place != open_.end()) {
        undoGroup_.removeStack(&(*place)->undo);
        (*place)->undo.disconnect(this);
        closedPaths_[replaced] = (*place)->path;
        open_.erase(place);
    }
    add(std::move(session), path, unsaved);
    if (replaced != noSession) {
        std::rotate(open_.begin() + at, open_.end() - 1, open_.end());
        emit settled(replaced);
    }
    emit listChanged();
    activate(newest_);
    return newest_;
}

void Workspace::activate(SessionId id) {
    const SessionId before = current_;
    current_ = id;
    undoGroup_.setActiveStack(undoStack());
    emit currentChanged(id, before);
    announce();
}

void Workspace::announce() {
    emit pathChanged(path());
    emit sessionChanged(session());
    refreshDirty(current_);
    emit listChanged();
}

void Workspace::hold(SessionId id) {
    if (Open* open = find(id)) ++open->holders;
}

void Workspace::release(SessionId id) {
    if (Open* open = find(id)) --open->holders;
}

bool Workspace::isHeld(SessionId id) const {
    const Open* open = find(id);
    return open && open->holders > 0;
}

void Workspace::setCurrent(SessionId id) {
    if (id != current_ && isOpen(id)) activate(id);
}

void Workspace::step(int by) {
    const std::vector<SessionId> ids = sessions();
    if (ids.size() < 2) return;
    const auto count = static_cast<int>(ids.size());
    const auto at = static_cast<int>(std::find(ids.begin(), ids.end(), current_) - ids.begin());
    setCurrent(ids[static_cast<std::size_t>(((at + by) % count + count) % count)]);
}

void Workspace::move(int from, int to) {
    const auto count = static_cast<int>(open_.size());
    if (from < 0 || to < 0 || from >= count || to >= count || from == to) return;
    const auto first = open_.begin();
    if (from < to)
        std::rotate(first + from, first + from + 1, first + to + 1);
    else
        std::rotate(first + to, first + from, first + from + 1);
    emit listChanged();
}

void Workspace::close(SessionId id) {
    const auto place =
        std::find_if(open_.begin(), open_.end(), [id](const auto& open) { return open->id == id; });
    if (place == open_.end()) return;
    const std::unique_ptr<Open> closed = std::move(*place);
    const auto at = static_cast<std::size_t>(place - open_.begin());
    open_.erase(place);
    closedPaths_[id] = closed->path;
    undoGroup_.removeStack(&closed->undo);
    closed->undo.disconnect(this);
    emit settled(id);
    emit listChanged();
    if (id == current_) activate(open_.empty() ? noSession : open_[std::min(at, open_.size() - 1)]->id);
}

void Workspace::updateResults(SessionId id, std::shared_ptr<const Session> session) {
    Open* open = find(id);
    if (!session || !open) return;
    Session merged = *session;
    merged.searches = open->session->searches; // theirs are the older lists
    merged.whatIfs = open->session->whatIfs;
    if (open->session->bands.pairs() == merged.bands.pairs()) {
        merged.bands = open->session->bands;
        merged.bandStyles = open->session->bandStyles;
    }
    replaceResults(id, std::move(merged));
}

void Workspace::replaceResults(SessionId id, Session next) {
    Open* open = find(id);
    open->replace(std::move(next));
    open->resultsUnsaved = true;
    emit contentChanged(id);
    if (id == current_) emit sessionChanged(open->session);
    refreshDirty(id);
}

Status Workspace::takeOver(SessionId id, const std::shared_ptr<const Session>& base,
                           const std::shared_ptr<const Session>& theirs) {
    Open* open = find(id);
    if (!open || !theirs) return Done{};
    ScalesRenames renames;
    auto merged = mergeSessions(*open->session, base.get(), *theirs, renames);
    if (!merged) return merged.error();
    const Session& now = *open->session;
    if (merged->conditions == now.conditions && merged->searches == now.searches
        && merged->whatIfs == now.whatIfs)
        return Done{};
    if (merged->whatIfs != now.whatIfs) { // steps would bring back the list as it was
        open->resultsUnsaved = open->dirty();
        open->undo.clear();
    }
    const bool unsaved = open->resultsUnsaved;
    replaceResults(id, std::move(*merged));
    open->resultsUnsaved = unsaved;
    refreshDirty(id);
    return Done{};
}

void Workspace::addCondition(SessionId id, std::shared_ptr<const ConditionResult> result) {
    const auto now = session(id);
    if (!now || !result || now->find(result->key) == result) return;
    Session next = *now;
    next.put(std::move(result));
    updateResults(id, std::make_shared<const Session>(std::move(next)));
}

void Workspace::addSearch(SessionId id, std::shared_ptr<const SearchRecord> search) {
    const auto now = session(id);
    if (!now || !search) return;
    Session next = *now;
    next.searches.push_back(std::move(search));
    replaceResults(id, std::move(next));
}

void Workspace::previewBands(const BandPartition& bands) {
    if (hasSession()) applyBands(current_, bandLayout().withEdges(bands));
}

BandLayout Workspace::bandLayout() const {
    const auto now = session();
    return now ? BandLayout{now->bands, now->bandStyles} : BandLayout{};
}

void Workspace::applyBands(SessionId id, const BandLayout& layout) {
    Open* open = find(id);
    if (!open || layout.bands.pairs() != open->session->bands.pairs()) return;
    Session next = *open->session;
    const bool styles = layout.styles != next.bandStyles, edges = layout.bands != next.bands;
    if (!styles && !edges) return;
    next.bands = layout.bands;
    next.bandStyles = layout.styles;
    open->replace(std::move(next));
    emit contentChanged(id);
    if (id != current_) return;
    if (styles) emit bandStylesChanged(layout.styles);
    if (edges) emit bandsChanged(layout.bands);
}

void Workspace::setBands(const BandPartition& before, const BandPartition& after, const QString& text,
                         const QString& run) {
    Open* open = find(current_);
    if (!open || before == after || after.pairs() != open->session->bands.pairs()) return;
    const BandLayout from = bandLayout().withEdges(before);
    open->undo.push(new SetBandsCommand(*this, current_, from, from.withEdges(after),
                                        text.isEmpty() ? tr("move band edge") : text, run));
}

void Workspace::setBandLayout(const BandLayout& after, const QString& text, const QString& run) {
    Open* open = find(current_);
    if (!open || after == bandLayout() || after.bands.pairs() != open->session->bands.pairs()) return;
    open->undo.push(new SetBandsCommand(*this, current_, bandLayout(), after, text, run));
}

void Workspace::setWhatIfs(SessionId id, std::vector<std::shared_ptr<const WhatIf>> whatIfs) {
    Open* open = find(id);
    if (!open || open->session->whatIfs == whatIfs) return;
    Session next = *open->session;
    next.whatIfs = std::move(whatIfs);
    open->replace(std::move(next));
    emit contentChanged(id);
    if (id == current_) emit whatIfsChanged(open->session);
}

std::shared_ptr<const Session> Workspace::withViewState(SessionId id, const std::string& json) const {
    const Open* open = find(id);
    if (!open) return nullptr;
    auto copy = std::make_shared<Session>(*open->session);
    copy->viewState = json;
    return copy;
}

quint64 Workspace::revision(SessionId id) const {
    const Open* open = find(id);
    return open ? open->revision : 0;
}

void Workspace::markSaved(SessionId id, const QString& path, const std::shared_ptr<const Session>& written,
                          std::optional<quint64> revision) {
    Open* open = find(id);
    if (!open || !written) return;
    open->path = path;
    const Session& now = *open->session;
    if (written->bands == now.bands && written->bandStyles == now.bandStyles
        && written->whatIfs == now.whatIfs && revision.value_or(open->revision) == open->revision)
        open->undo.setClean();
    else
        open->undo.resetClean(); // what was clean is no longer what the file holds
    if (written->conditions == now.conditions && written->searches == now.searches)
        open->resultsUnsaved = false;
    if (id == current_) emit pathChanged(path);
    emit listChanged();
    refreshDirty(id);
}

} // namespace qroar
