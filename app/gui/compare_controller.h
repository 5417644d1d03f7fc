// CompareController: which condition of which open session is B, what of A, B and A - B can be shown, and why
// not. A is the selected condition of the current session. Index and mode live in the selection, where the
// views read them; here is what they mean while sessions are opened, closed and filled. Not here: widgets.
#pragma once

#include "app/gui/workspace.h"
#include "widgets/common/selection_model.h"

namespace qroar {

class CompareController : public QObject {
    Q_OBJECT

  public:
    enum class Source {
        None,    ///< no B
        Twin,    ///< whatever is A, without the gains
        Chosen,  ///< one condition, which stays B while A changes
        Awaited, ///< one of a file that is not open: chosen as soon as it is
    };
    /// What is B, apart from indices: to put it back later.
    struct State {
        Source source = Source::None;
        SessionId session = noSession;
        std::string condition{}; ///< ConditionKey::text()
        QString path{};          ///< of what is awaited
        bool operator==(const State&) const = default;
    };
    /// Both must outlive this.
    CompareController(Workspace& workspace, SelectionModel& selection, QObject* parent = nullptr);

    [[nodiscard]] const State& state() const { return state_; }
    void restore(const State& state);
    void choose(SessionId session, int condition);
    void chooseTwin() { restore({Source::Twin, noSession, {}}); }
    void clear() { restore({}); }

    /// Index of the condition that is A; -1: none.
    [[nodiscard]] int conditionA() const;
    /// The session of B where it is not the current one; null otherwise.
    [[nodiscard]] std::shared_ptr<const Session> other() const;
    [[nodiscard]] QString nameA() const;
    [[nodiscard]] QString nameB() const; ///< with that of its session where it is another one; empty: no B
    /// Which file the B that is awaited is in, why that is not shown, and what to do; empty: none is awaited.
    [[nodiscard]] QString whyAwaited() const;

    /// Why a mode cannot be shown, and what to do; empty when it can.
    [[nodiscard]] QString whyNot(CompareMode mode) const;
    /// The mode that is asked for where it can be shown, else A.
    [[nodiscard]] CompareMode shown() const;
    /// Empty, or why not.
    QString show(CompareMode mode);
    /// A becomes B and B becomes A, also across sessions. Empty, or why not.
    QString swap();
    /// With and without the gains: B (before), A (after), A - B, and round again. Sets A and B where they are
    /// not such a pair. Empty, or why not.
    QString stepGains();
    /// A with the gains of that name, B without, as their difference. False when they were not run.
    bool showGains(const std::string& scales);

  signals:
    /// Whose conditions B is of; null: the current session's.
    void otherChanged(const std::shared_ptr<const qroar::Session>& other);
    /// Names, reasons or what can be chosen.
    void changed();

  private:
    void resolve();
    void followSelection();
    void showTwins(const Selection& selection);
    void takeAwaited();
    void awaitClosed();
    [[nodiscard]] int conditionOf(const Session& session) const;

    Workspace& workspace_;
    SelectionModel& selection_;
    State state_;
    std::shared_ptr<const Session> announced_;
    int resolved_ = -1; ///< index of B
    bool resolving_ = false;
};

} // namespace qroar
