// SetupRequest: what the user asked for in the setup panel, as plain values, and what follows from it: the
// plan for the engine, the command line that does the same, whether an open session can be continued.
#pragma once

#include "app/gui/jobs/input_jobs.h"
#include "core/analysis/analysis.h"

#include <QString>
#include <QStringList>

namespace qroar {

struct SetupRequest {
    QString modelPath;
    QStringList documents;
    std::vector<RopeSpec> ropes;
    std::vector<int> contexts;
    std::vector<QuantSpec> quants;
    /// As AnalysisPlan::scales.
    std::vector<std::shared_ptr<const ScaleSet>> scales{nullptr};
    int maxWindows = 0; ///< of each document; 0 = all
    int bands = 8;
    bool groupPerKvHead = false;
    bool divergence = false, gradients = false, noise = false;
    DamageScope damage = DamageScope::None;
};

/// "256, 1024": whole numbers of at least 2, in any order; repeats are dropped, the result ascends.
Outcome<std::vector<int>> parseContexts(const QString& text);

/// qroar analyze MODEL --text ... : quoted for a POSIX shell.
std::string reproduceCommand(const SetupRequest& request);

AnalysisPlan makePlan(const SetupRequest& request, std::shared_ptr<const Model> model,
                      SharedDocuments documents);

/// What a session was made with, so that it can be looked up and continued: every RoPE spec, context and
/// variant of its conditions (a run that was stopped is completed by the same request). Relative paths that
/// are not below the working folder are looked for below `sessionFolder`.
SetupRequest requestOf(const Session& session, const QString& sessionFolder);

/// The files of a request that are not there (a model may be a folder, a document may not); devices and pipes
/// count as missing.
struct MissingInputs {
    bool model = false;
    QStringList documents;
    [[nodiscard]] bool any() const { return model || !documents.isEmpty(); }
};
MissingInputs missingInputs(const SetupRequest& request);

/// Empty when `plan` can add its conditions to `session`; else the reason, for the user.
QString whyNotContinued(const Session& session, const AnalysisPlan& plan);

/// How many of the plan's conditions the session already holds.
int conditionsDone(const Session& session, const AnalysisPlan& plan);

} // namespace qroar
