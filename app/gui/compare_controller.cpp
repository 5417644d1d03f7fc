#include "app/gui/compare_controller.h"

#include "widgets/common/before_after.h"
#include "widgets/common/default_condition.h"
#include "widgets/common/names.h"

#include <QFileInfo>

#include <utility>

namespace qroar {

namespace {

QString nameOf(const Session& session, int condition) {
    if (condition < 0 || condition >= static_cast<int>(session.conditions.size())) return {};
    return conditionName(session.conditions[static_cast<std::size_t>(condition)]->key);
}

} // namespace

CompareController::CompareController(Workspace& workspace, SelectionModel& selection, QObject* parent)
    : QObject(parent), workspace_(workspace), selection_(selection) {
    connect(&selection_, &SelectionModel::changed, this, &CompareController::followSelection);
    connect(&workspace_, &Workspace::sessionChanged, this, &CompareController::resolve);
    connect(&workspace_, &Workspace::listChanged, this, &CompareController::resolve);
    connect(&workspace_, &Workspace::contentChanged, this, [this](int id) {
        if (id == state_.session) resolve();
    });
}

void CompareController::restore(const State& state) {
    state_ = state;
    resolve();
}

void CompareController::choose(SessionId session, int condition) {
    const auto of = workspace_.session(session);
    if (!of || condition < 0 || condition >= static_cast<int>(of->conditions.size())) return;
    restore({Source::Chosen, session, of->conditions[static_cast<std::size_t>(condition)]->key.text()});
}

int CompareController::conditionA() const {
    const auto session = workspace_.session();
    if (!session) return -1;
    const int chosen = selection_.selection().condition;
    return chosen >= 0 && chosen < static_cast<int>(session->conditions.size())
               ? chosen
               : mostTellingCondition(*session);
}

std::shared_ptr<const Session> CompareController::other() const {
    if (state_.source != Source::Chosen || state_.session == workspace_.current()) return nullptr;
    return workspace_.session(state_.session);
}

int CompareController::conditionOf(const Session& session) const {
    for (std::size_t index = 0; index < session.conditions.size(); ++index)
        if (session.conditions[index]->key.text() == state_.condition) return static_cast<int>(index);
    return -1;
}

/// An index that was not set here is a choice, too.
void CompareController::followSelection() {
    if (resolving_) return;
    const int index = selection_.selection().conditionB;
    if (index == resolved_)
        resolve();
    else if (index < 0)
        clear();
    else
        choose(other() ? state_.session : workspace_.current(), index);
}

/// The file of B was opened, by whomever.
void CompareController::takeAwaited() {
    const SessionId id = workspace_.withPath(state_.path);
    const auto session = workspace_.session(id);
    if (session && conditionOf(*session) >= 0) state_ = {Source::Chosen, id, state_.condition};
}

/// The session of B was closed: its file can be opened again.
void CompareController::awaitClosed() {
    const QString path = workspace_.lastPath(state_.session);
    if (path.isEmpty() || state_.session == workspace_.current()) // which is A's, and on its way out
        state_ = {};
    else
        state_ = {Source::Awaited, noSession, state_.condition, path};
}

/// From what is B to the index that the views read.
void CompareController::resolve() {
    if (resolving_) return;
    resolving_ = true;
    if (state_.source == Source::Chosen && !workspace_.isOpen(state_.session)) awaitClosed();
    if (state_.source == Source::Awaited) takeAwaited();
    int index = -1;
    const auto session = workspace_.session();
    if (session && state_.source == Source::Twin) {
        const ScaleTwins twins = scaleTwins(*session, conditionA(), {});
        if (twins.complete() && twins.after == conditionA()) index = twins.before;
    } else if (state_.source == Source::Chosen) {
        index = conditionOf(*workspace_.session(state_.session));
    }
    if (auto now = other(); now != announced_) {
        announced_ = std::move(now);
        emit otherChanged(announced_);
    }
    Selection next = selection_.selection();
    next.conditionB = resolved_ = index;
    if (state_.source == Source::None) next.compare = CompareMode::A;
    selection_.setSelection(next);
    resolving_ = false;
    emit changed();
}

QString CompareController::nameA() const {
    const auto session = workspace_.session();
    return session ? nameOf(*session, conditionA()) : QString();
}

QString CompareController::whyAwaited() const {
    if (state_.source != Source::Awaited) return {};
    const QString condition = QString::fromStdString(state_.condition);
    if (workspace_.withPath(state_.path) != noSession)
        return tr("B was %1 of %2, which has no such condition: choose another B.")
            .arg(condition, state_.path);
    return (QFileInfo::exists(state_.path)
                ? tr("B is %1 of %2, which is not open: open that file, or choose another B.")
                : tr("B is %1 of %2, and there is no such file: put it back and open it, or choose another "
                     "B."))
        .arg(condition, state_.path);
}

QString CompareController::nameB() const {
    if (state_.source == Source::Awaited)
        return tr("%1: %2 (not open)")
            .arg(QFileInfo(state_.path).fileName(), QString::fromStdString(state_.condition));
    const auto another = other();
    const auto session = another ? another : workspace_.session();
    const QString name = session ? nameOf(*session, selection_.selection().conditionB) : QString();
    return another && !name.isEmpty() ? tr("%1: %2").arg(workspace_.name(state_.session), name) : name;
}

QString CompareController::whyNot(CompareMode mode) const {
    const auto session = workspace_.session();
    if (!session) return tr("No session is open.");
    if (mode == CompareMode::A) return {};
    if (selection_.selection().conditionB < 0) {
        if (state_.source == Source::Awaited) return whyAwaited();
        if (state_.source != Source::Twin) return tr("Choose a condition B to compare with.");
        const QString reason = whyNoTwins(*session, conditionA());
        return reason.isEmpty()
                   ? tr("%1 is without gains itself: choose the condition with gains as A.").arg(nameA())
                   : reason;
    }
    if (mode == CompareMode::B) return {};
    const auto another = other();
    const ModelConfig &a = session->model, &b = another ? another->model : session->model;
    if (conditionA() < 0) return tr("The current session has no condition yet.");
    if (a.layers != b.layers || a.pairs() != b.pairs())
        return tr("A has %1 layers of %2 pairs, B %3 layers of %4 pairs: they cannot be subtracted.")
            .arg(a.layers)
            .arg(a.pairs())
            .arg(b.layers)
            .arg(b.pairs());
    return {};
}

CompareMode CompareController::shown() const {
    const CompareMode wanted = selection_.selection().compare;
    return whyNot(wanted).isEmpty() ? wanted : CompareMode::A;
}

QString CompareController::show(CompareMode mode) {
    if (QString reason = whyNot(mode); !reason.isEmpty()) return reason;
    selection_.setCompare(mode);
    return {};
}

QString CompareController::swap() {
    if (QString reason = whyNot(CompareMode::B); !reason.isEmpty()) return reason;
    const SessionId session = workspace_.current();
    const int a = conditionA();
    if (a < 0) return tr("The current session has no condition yet.");
    Selection next = selection_.selection();
    next.condition = next.conditionB;
    if (other()) workspace_.setCurrent(state_.session);
    choose(session, a);
    next.conditionB = a;
    selection_.setSelection(next);
    return {};
}

void CompareController::showTwins(const Selection& selection) {
    state_ = {Source::Twin, noSession, {}};
    resolved_ = selection.conditionB;
    selection_.setSelection(selection);
    resolve();
}

QString CompareController::stepGains() {
    const auto session = workspace_.session();
    if (!session) return tr("No session is open.");
    const int a = conditionA();
    const ScaleTwins twins = scaleTwins(*session, a, {});
    if (!twins.complete()) return whyNoTwins(*session, a);
    const Selection& now = selection_.selection();
    Selection next = now;
    const bool isPair = !other() && a == twins.after && now.conditionB == twins.before;
    if (!isPair)
        next.compare = a == twins.after ? CompareMode::B : CompareMode::A;
    else if (now.compare == CompareMode::B)
        next.compare = CompareMode::A;
    else
        next.compare = now.compare == CompareMode::A ? CompareMode::Difference : CompareMode::B;
    next.condition = twins.after;
    next.conditionB = twins.before;
    showTwins(next);
    return {};
}

bool CompareController::showGains(const std::string& scales) {
    const auto session = workspace_.session();
    if (!session) return false;
    const ScaleTwins twins = scaleTwins(*session, conditionA(), scales);
    if (!twins.complete()) return false;
    Selection next = selection_.selection();
    next.condition = twins.after;
    next.conditionB = twins.before;
    next.compare = CompareMode::Difference;
    showTwins(next);
    return true;
}

} // namespace qroar
