// Workspace: the one open session, where it is saved, and the undo stack of what the user changed in it. The
// session is an immutable value; a change makes a new one that shares the unchanged parts. Not here: reading,
// writing and computing (jobs/), selection (widgets/common/selection_model.h).
#pragma once

#include "core/session/search_record.h"
#include "core/session/session.h"

#include <QObject>
#include <QString>
#include <QUndoStack>

#include <memory>

namespace qroar {

class Workspace : public QObject {
    Q_OBJECT

  public:
    explicit Workspace(QObject* parent = nullptr);

    [[nodiscard]] std::shared_ptr<const Session> session() const { return session_; }
    [[nodiscard]] bool hasSession() const { return session_ != nullptr; }
    /// Where the session was read from or saved to; empty when it has no file yet.
    [[nodiscard]] QString path() const { return path_; }
    /// There is something that a save would keep and quitting would lose.
    [[nodiscard]] bool dirty() const;
    [[nodiscard]] QUndoStack* undoStack() { return &undo_; }

    /// Another session, read from `path` (empty: not saved anywhere yet). Clears the undo stack.
    void open(std::shared_ptr<const Session> session, const QString& path);
    /// New results for the open session. Bands the user set in the meantime stay; so does the undo stack.
    void updateResults(std::shared_ptr<const Session> session);
    void addCondition(std::shared_ptr<const ConditionResult> result);
    void addSearch(std::shared_ptr<const SearchRecord> search);
    void close();

    /// While an edge is being dragged: shown, not yet an undo step.
    void previewBands(const BandPartition& bands);
    /// One undo step, for one gesture. Nothing happens when both are equal.
    void setBands(const BandPartition& before, const BandPartition& after, const QString& text = {});

    /// The session with the window's state in it, as it should be written.
    [[nodiscard]] std::shared_ptr<const Session> withViewState(const std::string& json) const;
    void markSaved(const QString& path, const std::shared_ptr<const Session>& written);

  signals:
    void sessionChanged(const std::shared_ptr<const qroar::Session>& session);
    void bandsChanged(const qroar::BandPartition& bands);
    void dirtyChanged(bool dirty);
    void pathChanged(const QString& path);

  private:
    friend class SetBandsCommand;
    void applyBands(const BandPartition& bands);
    void replace(Session session);
    void refreshDirty();

    std::shared_ptr<const Session> session_;
    QString path_;
    QUndoStack undo_;
    bool resultsUnsaved_ = false;
    bool wasDirty_ = false;
};

} // namespace qroar
