#include "app/gui/scales/manual_scales.h"

#include "app/gui/jobs/session_jobs.h"
#include "core/rope/bands.h"
#include "widgets/common/names.h"
#include "widgets/panels/what_if_comparison.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QSaveFile>

#include <optional>

namespace qroar {

namespace {

QJsonArray numbers(std::span<const double> values) {
    QJsonArray array;
    for (const double value : values) array.append(value);
    return array;
}

QJsonObject valuesOf(const GainEdit& edit, int layer) {
    return {{"q", numbers(edit.queryValues(layer))}, {"k", numbers(edit.keyValues(layer))}};
}

/// Pair by pair; whatever is not a positive number of the right count is left out.
void readValues(const QJsonObject& from, int layer, GainEdit& edit) {
    const QJsonArray q = from.value("q").toArray(), k = from.value("k").toArray();
    if (q.size() != edit.pairs() || k.size() != edit.pairs()) return;
    const BandPartition pairs = BandPartition::equal(edit.pairs(), edit.pairs());
    for (int pair = 0; pair < edit.pairs(); ++pair) {
        const BandGain gain{q[pair].toDouble(), k[pair].toDouble()};
        if (gain.q > 0 && gain.k > 0) edit.set(pairs, layer, pair, gain);
    }
}

/// What the values are on top of: the name that these gains have in the session now, or the gains themselves
/// where they were deleted since.
void writeBase(const GainEdit& edit, const Session& session, QJsonObject& to) {
    if (!edit.base()) return;
    to["base"] = QString::fromStdString(edit.baseName());
    if (const auto same = scalesNamed(session, edit.baseName()).scales; same && same->gains == *edit.base())
        return;
    for (const NamedScales& one : allScales(session))
        if (one.scales->gains == *edit.base()) {
            to["base"] = QString::fromStdString(one.scales->name);
            return;
        }
    to["baseGains"] = QJsonObject{{"q", numbers(edit.base()->q)}, {"k", numbers(edit.base()->k)}};
}

/// No edit when it is gone.
std::optional<GainEdit> readBase(const QJsonObject& from, const Session& session) {
    const std::string name = from.value("base").toString().toStdString();
    if (name.empty()) return GainEdit(session.model.layers, session.model.pairs());
    if (!from.contains("baseGains")) {
        const auto scales = scalesNamed(session, name).scales;
        return scales ? std::optional(GainEdit::from(scales->gains, name)) : std::nullopt;
    }
    const QJsonObject stored = from.value("baseGains").toObject();
    QkGains gains = QkGains::ones(session.model);
    for (auto [values, key] : {std::pair{&gains.q, "q"}, std::pair{&gains.k, "k"}}) {
        const QJsonArray array = stored.value(QLatin1String(key)).toArray();
        if (static_cast<std::size_t>(array.size()) != values->size()) return std::nullopt;
        for (std::size_t at = 0; at < values->size(); ++at) {
            (*values)[at] = array[static_cast<qsizetype>(at)].toDouble();
            if (!((*values)[at] > 0)) return std::nullopt;
        }
    }
    return GainEdit::from(gains, name);
}

} // namespace

ManualScales::ManualScales(Workspace& workspace, SelectionModel& selection,
                           const AnalysisController& analysis, JobQueue& heavy, JobQueue& files,
                           QObject* parent)
    : QObject(parent), workspace_(workspace), analysis_(analysis), files_(files),
      controller_(workspace, heavy), editor_(new ScaleEditor(&selection)), list_(new WhatIfList) {
    const auto show = [this](const std::shared_ptr<const Session>& session) {
        editor_->setSession(session);
        list_->setSession(session);
        update(busy_);
    };
    connect(&workspace_, &Workspace::sessionChanged, this, show);
    connect(&workspace_, &Workspace::whatIfsChanged, this, show);
    connect(&workspace_, &Workspace::bandsChanged, editor_, &ScaleEditor::setBands);
    connect(&workspace_, &Workspace::bandsChanged, list_, &WhatIfList::setBands);
    connect(&workspace_, &Workspace::bandStylesChanged, this,
            [this] { editor_->setSession(workspace_.session()); });
    connect(&controller_, &ScalesController::editChanged, editor_, &ScaleEditor::setEdit);
    connect(&controller_, &ScalesController::failed, this, &ManualScales::failed);
    connect(&controller_, &ScalesController::pinned, this, [this](const QString& name) {
        if (const auto session = workspace_.session(); session && !session->whatIfs.empty())
            list_->select({static_cast<int>(session->whatIfs.size()) - 1});
        emit pinned(name);
    });
    connect(&controller_, &ScalesController::progressed, this, [this](const Progress& progress) {
        editor_->setProgress(static_cast<int>(100 * progress.fraction));
        emit progressed(progress);
    });
    connect(&controller_, &ScalesController::runningChanged, this, [this](bool running) {
        editor_->setProgress(running ? 0 : -1);
        emit runningChanged(running);
    });
    connectEditor();
    connectList();
}

void ManualScales::connectEditor() {
    connect(editor_, &ScaleEditor::edited, &controller_, &ScalesController::setEdit);
    connect(editor_, &ScaleEditor::evaluateRequested, this, &ManualScales::evaluate);
    connect(editor_, &ScaleEditor::cancelRequested, &controller_, &ScalesController::cancel);
    connect(editor_, &ScaleEditor::pinRequested, this, &ManualScales::pin);
}

void ManualScales::connectList() {
    connect(list_, &WhatIfList::renameRequested, this, [this](int row, const QString& name) {
        if (const QString problem = controller_.rename(row, name); !problem.isEmpty()) emit failed(problem);
    });
    connect(list_, &WhatIfList::restoreRequested, this, [this](int row) {
        if (const auto one = whatIf(row))
            controller_.setEdit(GainEdit::from(one->scales.gains, one->scales.name),
                                tr("restore %1").arg(QString::fromStdString(one->scales.name)));
    });
    connect(list_, &WhatIfList::compareRequested, this, &ManualScales::compare);
    connect(list_, &WhatIfList::conditionRequested, this, &ManualScales::requestCondition);
    connect(list_, &WhatIfList::deleteRequested, &controller_, &ScalesController::remove);
    connect(list_, &WhatIfList::exportScalesRequested, this, &ManualScales::askForScalesFile);
    connect(list_, &WhatIfList::exportListRequested, this, [this] {
        const QString path = QFileDialog::getSaveFileName(list_->window(), tr("Export the list of what-ifs"),
                                                          tr("what-ifs.csv"), tr("Tables (*.csv)"));
        if (!path.isEmpty()) exportList(path);
    });
}

std::shared_ptr<const WhatIf> ManualScales::whatIf(int row) const {
    const auto session = workspace_.session();
    if (!session || row < 0 || row >= static_cast<int>(session->whatIfs.size())) return nullptr;
    return session->whatIfs[static_cast<std::size_t>(row)];
}

Outcome<GainEffectRequest> ManualScales::evaluation() const {
    const auto session = workspace_.session();
    const auto condition = editor_->condition();
    if (!session || !condition) return Error::bad(tr("Choose a condition first.").toStdString());
    if (!request_ || !analysis_.inputsReady())
        return Error::bad(
            tr("An exact evaluation needs the model and documents: open them in Setup.").toStdString());
    const AnalysisPlan plan = analysis_.plan(request_());
    if (plan.model->fingerprint() != session->modelFingerprint)
        return Error::bad(tr("The model in Setup is another one than that of the session.").toStdString());
    if (auto windows = cutWindows(*plan.documents, condition->key.context, plan.maxWindows); !windows)
        return windows.error();
    GainEffectRequest request;
    request.quant = condition->key.quant;
    request.effect.model = plan.model;
    request.effect.rope = condition->key.rope;
    request.effect.context = condition->key.context;
    request.effect.maxWindows = plan.maxWindows;
    request.effect.documents = plan.documents;
    request.effect.scales.gains = editor_->edit().toGains(session->model);
    return request;
}

void ManualScales::update(bool busy) {
    busy_ = busy;
    QString problem;
    if (busy)
        problem = tr("Something else is running.");
    else if (const auto could = evaluation(); !could && workspace_.hasSession())
        problem = QString::fromStdString(could.error().message);
    editor_->setProblem(running() ? QString() : problem);
    list_->setBlocked(busy);
}

WhatIf ManualScales::predicted() const {
    WhatIf whatIf;
    const auto session = workspace_.session();
    const auto condition = editor_->condition();
    if (!session || !condition) return whatIf;
    whatIf.scales.gains = editor_->edit().toGains(session->model);
    whatIf.scales.modelFingerprint = session->modelFingerprint;
    whatIf.scales.rope = condition->key.rope.text();
    whatIf.scales.quant = condition->key.quant.text();
    whatIf.context = condition->key.context;
    for (int layer = 0; layer < session->model.layers; ++layer)
        for (int head = 0; head < session->model.heads; ++head)
            for (int pair = 0; pair < session->model.pairs(); ++pair)
                whatIf.largestLogGain =
                    std::max(whatIf.largestLogGain,
                             std::abs(std::log(whatIf.scales.gains.effective(layer, head, pair))));
    if (const auto& prediction = editor_->prediction()) {
        whatIf.predicted = prediction->change;
        if (prediction->error) whatIf.predictedError = *prediction->error;
    }
    return whatIf;
}

void ManualScales::evaluate() {
    const auto request = evaluation();
    if (!request) {
        emit failed(QString::fromStdString(request.error().message));
        return;
    }
    if (!controller_.evaluate(*request, predicted()))
        emit failed(tr("Something else is running. Evaluate when it is done."));
}

void ManualScales::pin() {
    WhatIf whatIf = predicted();
    if (whatIf.context > 0) controller_.pin(workspace_.current(), std::move(whatIf));
}

void ManualScales::compare(int first, int second) {
    const auto a = whatIf(first), b = whatIf(second);
    if (!a || !b) return;
    auto* dialog = new WhatIfComparison(*a, *b, workspace_.session()->bands, list_->window());
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->show();
}

void ManualScales::requestCondition(int row) {
    const auto one = whatIf(row);
    if (!one) return;
    const auto rope = RopeSpec::parse(one->scales.rope);
    const auto quant = QuantSpec::parse(one->scales.quant);
    if (rope && quant)
        emit conditionRequested({one, &one->scales}, ConditionKey{*rope, one->context, *quant, {}});
}

void ManualScales::askForScalesFile(int row) {
    const auto one = whatIf(row);
    if (!one) return;
    QString path =
        QFileDialog::getSaveFileName(list_->window(), tr("Export these gains"),
                                     QString::fromStdString(one->scales.name) + ".h5", tr("Sessions (*.h5)"));
    if (path.isEmpty()) return;
    if (QFileInfo(path).suffix().isEmpty()) path += QStringLiteral(".h5");
    exportScales(row, path);
}

void ManualScales::exportScales(int row, const QString& path) {
    const auto one = whatIf(row);
    if (!one) return;
    auto alone = std::make_shared<Session>(*workspace_.session());
    alone->conditions.clear();
    alone->searches.clear();
    alone->viewState.clear();
    alone->whatIfs = {one};
    auto* job = new SaveJob(alone, std::filesystem::path(path.toStdString()));
    connect(job, &Job::failed, this, &ManualScales::failed);
    connect(job, &SaveJob::saved, this, [this, path] {
        emit message(tr("Gains written. Use them with: qroar export --scales %1").arg(path));
    });
    files_.start(job);
}

bool ManualScales::exportList(const QString& path) {
    QSaveFile file(path);
    const QByteArray text =
        list_->model().toCsv({tr("What-ifs of %1").arg(workspace_.name(workspace_.current()))}).toUtf8();
    const bool fine = file.open(QIODevice::WriteOnly) && file.write(text) == text.size() && file.commit();
    if (fine)
        emit message(tr("Exported %1.").arg(path));
    else
        emit failed(tr("%1: cannot be written").arg(path));
    return fine;
}

std::string ManualScales::withEdit(const std::string& viewState, SessionId id) const {
    const GainEdit edit = controller_.editOf(id);
    if (edit.empty() || edit == GainEdit(edit.layers(), edit.pairs())) return viewState;
    QJsonObject gains = valuesOf(edit, -1), layers;
    for (int layer = 0; layer < edit.layers(); ++layer)
        if (edit.differs(layer)) layers[QString::number(layer)] = valuesOf(edit, layer);
    gains["layers"] = layers;
    writeBase(edit, *workspace_.session(id), gains);
    QJsonObject state = QJsonDocument::fromJson(QByteArray::fromStdString(viewState)).object();
    state["gains"] = gains;
    return QJsonDocument(state).toJson(QJsonDocument::Compact).toStdString();
}

void ManualScales::restoreEdit(const std::string& viewState, SessionId id) {
    const QJsonObject gains =
        QJsonDocument::fromJson(QByteArray::fromStdString(viewState)).object().value("gains").toObject();
    const auto session = workspace_.session(id);
    if (gains.isEmpty() || !session) return;
    auto found = readBase(gains, *session);
    if (!found) {
        emit failed(
            tr("Gains were being set on top of %1, which the session does not hold: they are dropped.")
                .arg(gains.value("base").toString()));
        return;
    }
    GainEdit edit = std::move(*found);
    readValues(gains, -1, edit);
    const QJsonObject layers = gains.value("layers").toObject();
    for (auto at = layers.begin(); at != layers.end(); ++at) {
        bool number = false;
        const int layer = at.key().toInt(&number);
        if (number && layer >= 0 && layer < edit.layers()) readValues(at.value().toObject(), layer, edit);
    }
    controller_.restoreEdit(id, edit);
}

} // namespace qroar
