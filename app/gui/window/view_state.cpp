#include "app/gui/window/view_state.h"

#include "app/gui/window/plot_area.h"
#include "widgets/common/before_after.h"
#include "widgets/common/head_groups.h"

#include <QDir>
#include <QFileInfo>
#include <QJsonDocument>
#include <QJsonObject>

#include <algorithm>

namespace qroar {

namespace {

QString conditionText(const Session& session, int index) {
    if (index < 0 || index >= static_cast<int>(session.conditions.size())) return {};
    return QString::fromStdString(session.conditions[static_cast<std::size_t>(index)]->key.text());
}

int conditionCalled(const Session& session, const QString& text) {
    for (int index = 0; index < static_cast<int>(session.conditions.size()); ++index)
        if (conditionText(session, index) == text) return index;
    return -1;
}

const char* modeName(CompareMode mode) {
    switch (mode) {
    case CompareMode::A:
        return "a";
    case CompareMode::B:
        return "b";
    case CompareMode::Difference:
        return "difference";
    }
    return "a";
}

void readSelection(const QJsonObject& state, const Session& session, Selection& next) {
    const auto within = [&state](const char* key, int least, int count, int& value) {
        const int read = state.value(key).toInt(least - 1);
        if (read >= least && read < count) value = read;
    };
    within("layer", 0, session.model.layers, next.layer);
    within("band", 0, session.bands.count(), next.band);
    next.pair = next.group = -1;
    if (next.band < session.bands.count()) {
        const int pair = state.value("pair").toInt(-1);
        if (pair >= session.bands.begin(next.band) && pair < session.bands.end(next.band)) next.pair = pair;
    }
    if (const int groups = headGroups(session); groups > 1) within("group", 0, groups, next.group);
    if (const QJsonValue condition = state.value("condition"); condition.isString())
        next.condition = std::max(conditionCalled(session, condition.toString()), -1);
    else // as earlier versions wrote it
        within("condition", 0, static_cast<int>(session.conditions.size()), next.condition);
    if (state.contains("tensor")) next.tensor = state.value("tensor") == "q" ? QkTensor::Q : QkTensor::K;
    if (state.contains("stage"))
        next.stage = state.value("stage") == "pre" ? RopeStage::Pre : RopeStage::Post;
    const double epsilon = state.value("epsilon").toDouble();
    if (epsilon > 0 && epsilon < 1) next.epsilon = epsilon;
    next.compare = CompareMode::A;
    for (const CompareMode mode : {CompareMode::B, CompareMode::Difference})
        if (state.value("compare") == modeName(mode)) next.compare = mode;
}

/// The file that is meant: the one of that name, or where there is none, one beside the session's own, with
/// which it was moved. Earlier versions wrote names as they were typed.
QString placeNow(const QString& path, const Workspace& workspace, SessionId of) {
    const QString own = workspace.path(of);
    const QDir beside = QFileInfo(own).absoluteDir();
    const QFileInfo file(path);
    QStringList places{file.absoluteFilePath()};
    if (!own.isEmpty()) {
        if (file.isRelative()) places.prepend(QDir::cleanPath(beside.absoluteFilePath(path)));
        places.append(beside.absoluteFilePath(file.fileName()));
    }
    for (const QString& place : places)
        if (QFileInfo::exists(place) && workspace.withPath(place) != of) return place;
    return places.first();
}

CompareController::State readB(const QJsonObject& b, const Workspace& workspace, SessionId of) {
    if (b.value("twin").toBool()) return {CompareController::Source::Twin, noSession, {}};
    QString path = b.value("session").toString();
    if (!path.isEmpty()) path = placeNow(path, workspace, of);
    const SessionId id = path.isEmpty() ? of : workspace.withPath(path);
    const auto session = workspace.session(id);
    const QString condition = b.value("condition").toString();
    if (session && conditionCalled(*session, condition) >= 0)
        return {CompareController::Source::Chosen, id, condition.toStdString()};
    if (path.isEmpty() || condition.isEmpty()) return {};
    return {CompareController::Source::Awaited, noSession, condition.toStdString(), path};
}

} // namespace

ViewState viewStateOf(const SelectionModel& selection, const CompareController& compare,
                      const PlotArea& plots) {
    ViewState state{selection.selection(), compare.state(), {}};
    for (const DiagnosticPanel* panel : plots.panels())
        for (const DiagnosticPanel::Option& option : panel->options())
            state.panels[plots.keyOf(panel)][option.name] = option.value;
    return state;
}

void showViewState(const ViewState& state, SelectionModel& selection, CompareController& compare,
                   PlotArea& plots) {
    Selection next = state.selection;
    next.conditionB = -1;
    next.compare = CompareMode::A; // until B is known
    selection.setSelection(next);
    compare.restore(state.b);
    if (state.b.source != CompareController::Source::None) selection.setCompare(state.selection.compare);
    for (DiagnosticPanel* panel : plots.panels()) {
        const QMap<QString, QString> options = state.panels.value(plots.keyOf(panel));
        for (const DiagnosticPanel::Option& now : panel->options())
            if (options.contains(now.name) && options[now.name] != now.value)
                panel->setOption(now.name, options[now.name]);
    }
}

std::string viewStateJson(const ViewState& state, const Workspace& workspace, SessionId of) {
    const auto session = workspace.session(of);
    if (!session) return {};
    const Selection& now = state.selection;
    QJsonObject json{{"layer", now.layer},
                     {"tensor", now.tensor == QkTensor::Q ? "q" : "k"},
                     {"stage", now.stage == RopeStage::Pre ? "pre" : "post"},
                     {"group", now.group},
                     {"band", now.band},
                     {"pair", now.pair},
                     {"condition", conditionText(*session, now.condition)},
                     {"epsilon", now.epsilon},
                     {"compare", modeName(now.compare)}};
    using Source = CompareController::Source;
    const auto fileOf = [](const QString& path) { return QFileInfo(path).absoluteFilePath(); };
    if (state.b.source == Source::Twin) json["b"] = QJsonObject{{"twin", true}};
    if (state.b.source == Source::Awaited)
        json["b"] = QJsonObject{{"condition", QString::fromStdString(state.b.condition)},
                                {"session", fileOf(state.b.path)}};
    if (state.b.source == Source::Chosen) {
        QJsonObject b{{"condition", QString::fromStdString(state.b.condition)}};
        const QString path = workspace.lastPath(state.b.session); // it may have been closed meanwhile
        if (state.b.session != of) b["session"] = fileOf(path);
        // A session without a file cannot be found again.
        if (state.b.session == of || !path.isEmpty()) json["b"] = b;
    }
    QJsonObject panels;
    for (auto panel = state.panels.begin(); panel != state.panels.end(); ++panel) {
        QJsonObject options;
        for (auto option = panel->begin(); option != panel->end(); ++option)
            options[option.key()] = option.value();
        panels[panel.key()] = options;
    }
    json["panels"] = panels;
    return QJsonDocument(json).toJson(QJsonDocument::Compact).toStdString();
}

ViewState viewStateFrom(const std::string& json, const ViewState& base, const Workspace& workspace,
                        SessionId of) {
    ViewState state = base;
    const QJsonObject read = QJsonDocument::fromJson(QByteArray::fromStdString(json)).object();
    const auto session = workspace.session(of);
    if (!session) return state;
    state.selection.group = shownHeadGroup(state.selection.group, headGroups(*session));
    if (read.isEmpty()) return state;
    readSelection(read, *session, state.selection);
    state.b = readB(read.value("b").toObject(), workspace, of);
    if (read.value("difference").toBool()) { // as earlier versions wrote after minus before
        const ScaleTwins twins = scaleTwins(*session, state.selection.condition, {});
        if (twins.complete()) state.selection.condition = twins.after;
        state.selection.compare = CompareMode::Difference;
        state.b = {CompareController::Source::Twin, noSession, {}};
    }
    const QJsonObject panels = read.value("panels").toObject();
    for (auto panel = panels.begin(); panel != panels.end(); ++panel) {
        const QJsonObject options = panel.value().toObject();
        for (auto option = options.begin(); option != options.end(); ++option)
            state.panels[panel.key()][option.key()] = option.value().toString();
    }
    return state;
}

} // namespace qroar
