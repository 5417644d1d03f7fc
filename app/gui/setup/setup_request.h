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
    int maxWindows = 0; ///< of each document; 0 = all
    int bands = 8;
    bool groupPerKvHead = false;
};

/// "256, 1024": whole numbers of at least 2, in any order; repeats are dropped, the result ascends.
Outcome<std::vector<int>> parseContexts(const QString& text);

/// qroar analyze MODEL --text ... : quoted for a POSIX shell.
std::string reproduceCommand(const SetupRequest& request);

AnalysisPlan makePlan(const SetupRequest& request, std::shared_ptr<const Model> model,
                      SharedDocuments documents);

/// Empty when `plan` can add its conditions to `session`; else the reason, for the user.
QString whyNotContinued(const Session& session, const AnalysisPlan& plan);

/// How many of the plan's conditions the session already holds.
int conditionsDone(const Session& session, const AnalysisPlan& plan);

} // namespace qroar
