#include "app/gui/setup/setup_request.h"

#include "core/base/strings.h"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>

#include <algorithm>

namespace qroar {

namespace {

constexpr int longestContext = 16 * 1024 * 1024;

class Words {
    Q_DECLARE_TR_FUNCTIONS(SetupRequest)
};

template<class T>
void addOnce(std::vector<T>& values, const T& value) {
    if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

QString resolved(const std::string& stored, const QString& folder) {
    const QString path = QString::fromStdString(stored);
    if (path.isEmpty() || QFileInfo::exists(path)) return path;
    const QString below = QDir(folder).filePath(path); // the path itself when it is absolute
    return QFileInfo::exists(below) ? below : path;
}

} // namespace

Outcome<std::vector<int>> parseContexts(const QString& text) {
    std::vector<int> contexts;
    for (const std::string& part : split(text.toStdString(), ',')) {
        const std::string item = trim(part);
        if (item.empty()) continue;
        long long value = 0;
        if (!parseInt(item, value))
            return Error::bad("context \"" + item + "\": expected a whole number of tokens, such as 1024");
        if (value < 2) return Error::bad("context " + item + ": expected at least 2 tokens");
        if (value > longestContext)
            return Error::bad("context " + item + ": expected at most " + formatCount(longestContext)
                              + " tokens");
        contexts.push_back(static_cast<int>(value));
    }
    if (contexts.empty()) return Error::bad("no context length: expected numbers such as 256, 1024");
    std::sort(contexts.begin(), contexts.end());
    contexts.erase(std::unique(contexts.begin(), contexts.end()), contexts.end());
    return contexts;
}

std::string reproduceCommand(const SetupRequest& request) {
    std::string command = "qroar analyze " + shellQuoted(request.modelPath.toStdString()) + " --text";
    for (const QString& document : request.documents) command += " " + shellQuoted(document.toStdString());
    command += " --contexts ";
    for (std::size_t at = 0; at < request.contexts.size(); ++at)
        command += (at > 0 ? "," : "") + std::to_string(request.contexts[at]);
    command += " --rope ";
    for (std::size_t at = 0; at < request.ropes.size(); ++at)
        command += (at > 0 ? "," : "") + request.ropes[at].text();
    command += " --quant ";
    for (std::size_t at = 0; at < request.quants.size(); ++at)
        command += (at > 0 ? "," : "") + request.quants[at].text();
    if (request.maxWindows > 0) command += " --max-windows " + std::to_string(request.maxWindows);
    command += " --bands " + std::to_string(request.bands);
    if (request.groupPerKvHead) command += " --per-kv-head";
    for (const auto& set : request.scales)
        if (set) command += " --scales " + shellQuoted("run.h5:" + set->name);
    if (request.divergence) command += " --divergence";
    if (request.gradients) command += " --gradients";
    if (request.noise) command += " --noise";
    if (request.damage != DamageScope::None)
        command += request.damage == DamageScope::Bands ? " --damage bands" : " --damage layers";
    return command + " -o run.h5";
}

AnalysisPlan makePlan(const SetupRequest& request, std::shared_ptr<const Model> model,
                      SharedDocuments documents) {
    AnalysisPlan plan;
    plan.model = std::move(model);
    plan.documents = std::move(documents);
    plan.ropes = request.ropes;
    plan.contexts = request.contexts;
    plan.quants = request.quants;
    plan.scales = request.scales;
    plan.maxWindows = request.maxWindows;
    plan.bands = request.bands;
    plan.groupPerKvHead = request.groupPerKvHead;
    plan.divergence = request.divergence;
    plan.gradients = request.gradients;
    plan.noise = request.noise;
    plan.damage = request.damage;
    plan.command = reproduceCommand(request);
    return plan;
}

SetupRequest requestOf(const Session& session, const QString& sessionFolder) {
    SetupRequest request;
    request.modelPath = resolved(session.modelPath, sessionFolder);
    for (const SessionDocument& document : session.documents) // those of one .jsonl share their file
        if (const QString path = resolved(document.path, sessionFolder); !request.documents.contains(path))
            request.documents << path;
    for (const auto& condition : session.conditions) {
        if (!condition->key.scales.empty()) continue; // not what Setup asks for
        addOnce(request.ropes, condition->key.rope);
        addOnce(request.contexts, condition->key.context);
        addOnce(request.quants, condition->key.quant);
        if (!condition->divergence.empty()) request.divergence = true;
        if (!condition->sensitivity.empty()) request.gradients = true;
        if (!condition->noise.empty()) request.noise = true;
        if (!condition->damage.empty())
            request.damage =
                std::max(request.damage,
                         condition->damage.bandEdges.empty() ? DamageScope::Layers : DamageScope::Bands);
        if (condition->statistics.cells() > 0 && condition->statistics.shape().groups > 1)
            request.groupPerKvHead = true;
    }
    std::sort(request.contexts.begin(), request.contexts.end());
    request.maxWindows = session.maxWindows;
    request.bands = session.bands.count();
    return request;
}

MissingInputs missingInputs(const SetupRequest& request) {
    MissingInputs missing;
    const QFileInfo model(request.modelPath);
    missing.model = !model.isFile() && !model.isDir();
    for (const QString& document : request.documents)
        if (!QFileInfo(document).isFile()) missing.documents << document;
    return missing;
}

QString whyNotContinued(const Session& session, const AnalysisPlan& plan) {
    if (!plan.model || session.modelFingerprint != plan.model->fingerprint())
        return Words::tr("the open session is of another model");
    const auto same = [](const SessionDocument& a, const Document& b) {
        return a.fingerprint == b.fingerprint;
    };
    if (!plan.documents
        || !std::equal(session.documents.begin(), session.documents.end(), plan.documents->begin(),
                       plan.documents->end(), same))
        return Words::tr("the open session used other documents");
    if (session.maxWindows != plan.maxWindows) return Words::tr("the open session used another window limit");
    if (!checkCalibration(plan, session))
        return Words::tr("the open session calibrated a weight variant on other text");
    const int groups = plan.groupPerKvHead ? plan.model->config().kvHeads : 1;
    for (const auto& condition : session.conditions)
        if (condition->statistics.cells() > 0 && condition->statistics.shape().groups != groups)
            return Words::tr("the open session grouped its heads differently");
    return {};
}

int conditionsDone(const Session& session, const AnalysisPlan& plan) {
    int done = 0;
    for (const ConditionKey& key : plan.conditions()) done += plan.isDone(session, key) ? 1 : 0;
    return done;
}

} // namespace qroar
