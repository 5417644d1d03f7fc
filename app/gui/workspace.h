// Workspace: the sessions that are open, one of them current, where each is saved, and the undo stack of what
// the user changed in it. A session is an immutable value; a change makes a new one that shares the unchanged
// parts. Not here: reading, writing and computing (jobs/), selection (widgets/common/selection_model.h), what
// the window shows of each (window/view_state.h).
#pragma once

#include "core/base/outcome.h"
#include "core/session/search_record.h"
#include "core/session/session.h"
#include "core/session/what_if.h"

#include <QObject>
#include <QString>
#include <QUndoGroup>
#include <QUndoStack>

#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace qroar {

/// Tells an open session from the others for as long as it is open; never used again.
using SessionId = int;
inline constexpr SessionId noSession = -1;

class Workspace : public QObject {
    Q_OBJECT

  public:
    explicit Workspace(QObject* parent = nullptr);
    ~Workspace() override;

    /// In the order of the tabs.
    [[nodiscard]] std::vector<SessionId> sessions() const;
    [[nodiscard]] SessionId current() const { return current_; }
    [[nodiscard]] bool isOpen(SessionId id) const { return find(id) != nullptr; }
    /// The open session with this file; noSession when there is none.
    [[nodiscard]] SessionId withPath(const QString& path) const;
    [[nodiscard]] std::shared_ptr<const Session> session(SessionId id) const;
    [[nodiscard]] QString path(SessionId id) const;
    /// The same, or what it was when the session was closed.
    [[nodiscard]] QString lastPath(SessionId id) const;
    [[nodiscard]] bool dirty(SessionId id) const;
    /// File name, or "unsaved session" with a number where there are several; unique by names of folders.
    [[nodiscard]] QString name(SessionId id) const;
    /// What a session is called in figures of it and another one: as "qroar plot" calls it.
    [[nodiscard]] QString nameBeside(SessionId id, SessionId other) const;
    [[nodiscard]] bool anyDirty() const;

    // Of the current session.
    [[nodiscard]] std::shared_ptr<const Session> session() const { return session(current_); }
    [[nodiscard]] bool hasSession() const { return session() != nullptr; }
    /// Where the session was read from or saved to; empty when it has no file yet.
    [[nodiscard]] QString path() const { return path(current_); }
    /// There is something that a save would keep and quitting would lose.
    [[nodiscard]] bool dirty() const { return dirty(current_); }
    [[nodiscard]] QUndoStack* undoStack();
    [[nodiscard]] QUndoStack* undoStack(SessionId id); ///< null when it is not open
    /// Its active stack is that of the current session.
    [[nodiscard]] QUndoGroup* undoGroup() { return &undoGroup_; }

    /// One more session, read from `path` (empty: not saved anywhere yet), which becomes current. It takes
    /// the place of the current one where that is empty (nothing in it, no file), and of the one with the
    /// same file. `unsaved`: it was recovered, so whatever is in it would be lost.
    SessionId open(std::shared_ptr<const Session> session, const QString& path, bool unsaved = false);
    /// While something will write into a session, it is not taken for an empty one.
    void hold(SessionId id);
    void release(SessionId id);
    [[nodiscard]] bool isHeld(SessionId id) const;
    void setCurrent(SessionId id);
    void step(int by); ///< to the next tab, and round
    void move(int from, int to);
    /// Its neighbour becomes current.
    void close(SessionId id);
    void close() { close(current_); }

    /// New results for an open session. Bands the user set in the meantime stay, so do searches that were
    /// accepted, what-ifs and the undo stack. Nothing happens when it has been closed.
    void updateResults(SessionId id, std::shared_ptr<const Session> session);
    void addCondition(SessionId id, std::shared_ptr<const ConditionResult> result);
    void addSearch(SessionId id, std::shared_ptr<const SearchRecord> search);
    void updateResults(std::shared_ptr<const Session> session) {
        updateResults(current_, std::move(session));
    }
    void addCondition(std::shared_ptr<const ConditionResult> result) {
        addCondition(current_, std::move(result));
    }
    void addSearch(std::shared_ptr<const SearchRecord> search) { addSearch(current_, std::move(search)); }

    /// What another program made of its file (`theirs`; both began from `base`) becomes part of the session:
    /// mergeSessions(). What was saved stays saved. Undo steps end where the list of what-ifs changes.
    Status takeOver(SessionId id, const std::shared_ptr<const Session>& base,
                    const std::shared_ptr<const Session>& theirs);

    /// While an edge is being dragged: shown, not yet an undo step.
    void previewBands(const BandPartition& bands);
    /// One undo step, for one gesture; names and colours follow the edges (BandLayout::withEdges). Nothing
    /// happens when both are equal. Steps with the same `run` (not empty) that follow each other within
    /// runPause() become one: a held arrow key, a spin box, a name while it is typed.
    void setBands(const BandPartition& before, const BandPartition& after, const QString& text = {},
                  const QString& run = {});
    /// The same for names, colours and edges at once, from what is there now.
    void setBandLayout(const BandLayout& after, const QString& text, const QString& run = {});
    [[nodiscard]] BandLayout bandLayout() const;
    [[nodiscard]] int runPause() const { return runPause_; } ///< milliseconds
    void setRunPause(int milliseconds) { runPause_ = milliseconds; }

    /// The list of what-ifs, at once: undo steps are their controller's (scales/scales_controller.h).
    void setWhatIfs(SessionId id, std::vector<std::shared_ptr<const WhatIf>> whatIfs);

    /// The session with the window's state in it, as it should be written.
    [[nodiscard]] std::shared_ptr<const Session> withViewState(SessionId id, const std::string& json) const;
    [[nodiscard]] std::shared_ptr<const Session> withViewState(const std::string& json) const {
        return withViewState(current_, json);
    }
    /// Counts the undo steps that were made, undone and redone.
    [[nodiscard]] quint64 revision(SessionId id) const;
    /// `written` is in the file. With the revision of when writing began, steps that came since stay unsaved,
    /// also those that the session itself does not show (gains being set).
    void markSaved(SessionId id, const QString& path, const std::shared_ptr<const Session>& written,
                   std::optional<quint64> revision = {});
    void markSaved(const QString& path, const std::shared_ptr<const Session>& written) {
        markSaved(current_, path, written);
    }

  signals:
    // Of the current session, also when another one becomes current.
    void sessionChanged(const std::shared_ptr<const qroar::Session>& session);
    void bandsChanged(const qroar::BandPartition& bands);
    /// Names and colours, before the bandsChanged() of the same change.
    void bandStylesChanged(const qroar::BandStyles& styles);
    void whatIfsChanged(const std::shared_ptr<const qroar::Session>& session);
    void dirtyChanged(bool dirty);
    void pathChanged(const QString& path);

    /// Before sessionChanged(). `before` may have been closed.
    void currentChanged(int now, int before);
    /// Which are open, their order, names or unsaved marks.
    void listChanged();
    /// Results or bands of one of them, current or not.
    void contentChanged(int id);
    /// A session was saved, or all that was unsaved in it undone; or it was closed.
    void settled(int id);

  private:
    friend class SetBandsCommand;
    struct Open;
    [[nodiscard]] const Open* find(SessionId id) const;
    [[nodiscard]] Open* find(SessionId id);
    [[nodiscard]] bool isBlank(const Open& open) const;
    void add(std::shared_ptr<const Session> session, const QString& path, bool unsaved);
    void replaceResults(SessionId id, Session next);
    void activate(SessionId id);
    void announce();
    void applyBands(SessionId id, const BandLayout& layout);
    void refreshDirty(SessionId id);

    std::vector<std::unique_ptr<Open>> open_;
    SessionId current_ = noSession, newest_ = noSession;
    int unsaved_ = 0; ///< sessions without a file so far: their numbers
    std::map<SessionId, QString> closedPaths_;
    QUndoGroup undoGroup_;
    QUndoStack idle_; ///< of no session
    bool wasDirty_ = false;
    int runPause_ = 700;
};

} // namespace qroar
