// ScalesController: the gains that are being set by hand in each open session, as undo steps; their exact
// evaluation in the background; and the list of what-ifs: pinning, renaming, deleting, as undo steps too. It
// talks to no widget: ManualScales connects its signals.
#pragma once

#include "app/gui/scales/gain_effect_job.h"
#include "app/gui/workspace.h"
#include "core/scales/gain_edit.h"
#include "core/session/what_if.h"

#include <QPointer>

#include <map>

namespace qroar {

class ScalesController : public QObject {
    Q_OBJECT

  public:
    /// `heavy` is shared with all who need the heavy thread; both must outlive this.
    ScalesController(Workspace& workspace, JobQueue& heavy, QObject* parent = nullptr);

    /// Of the current session; empty without one.
    [[nodiscard]] GainEdit edit() const { return editOf(workspace_.current()); }
    [[nodiscard]] GainEdit editOf(SessionId id) const;
    /// One undo step; steps of the same gesture (not empty) that follow each other become one.
    void setEdit(const GainEdit& next, const QString& text, const QString& gesture = {});
    /// As it was saved: no undo step.
    void restoreEdit(SessionId id, const GainEdit& edit);

    /// Starts an evaluation for the current session; the result is pinned under a fresh name, with the given
    /// prediction. False when the heavy thread is busy.
    bool evaluate(GainEffectRequest request, const WhatIf& prediction);
    void cancel();
    [[nodiscard]] bool running() const { return !job_.isNull(); }
    /// The session whose gains are being evaluated; noSession when none are.
    [[nodiscard]] SessionId target() const { return running() ? target_ : noSession; }
    /// Into the list of a session, under a fresh name when it has none or one that is taken.
    void pin(SessionId id, WhatIf whatIf);
    /// Empty, or why the name cannot be had.
    QString rename(int row, const QString& name);
    void remove(const std::vector<int>& rows);

  signals:
    void editChanged(const qroar::GainEdit& edit); ///< of the current session
    void edited(int session);                      ///< its gains were moved, or moved back
    void runningChanged(bool running);
    void progressed(const qroar::Progress& progress);
    void pinned(const QString& name);
    void failed(const QString& message);

  private:
    friend class SetGainsCommand;
    friend class SetWhatIfsCommand;
    void apply(SessionId id, const GainEdit& edit);
    /// What the conditions of a session were run with, as long as its list says so: when a step that put it
    /// there is undone, only this knows.
    void rememberGainsOfConditions(SessionId id);
    /// The list with names that nothing else of the session has: searches and conditions come in between undo
    /// steps. A name that a condition has stays with the gains it was run with.
    [[nodiscard]] std::vector<std::shared_ptr<const WhatIf>>
    uniquelyNamed(SessionId id, std::vector<std::shared_ptr<const WhatIf>> list);
    void setList(SessionId id, std::vector<std::shared_ptr<const WhatIf>> list, const QString& text);

    Workspace& workspace_;
    JobQueue& heavy_;
    std::map<SessionId, GainEdit> edits_;
    std::map<SessionId, std::map<std::string, QkGains>> gainsOfConditions_; ///< by their names
    QPointer<GainEffectJob> job_;
    SessionId target_ = noSession;
};

} // namespace qroar
