// The report of a session as one HTML file that needs nothing beside it: findings, provenance, tables, vector
// figures with their numbers and the commands that draw them, definitions of the metrics with their sources.
// Readable without scripts, in light and dark, and printable. Needs a QApplication (the figures are views).
#pragma once

#include "core/session/session.h"

#include <QByteArray>
#include <QString>
#include <QStringList>

#include <functional>
#include <memory>
#include <optional>

namespace qroar {

struct ReportRequest {
    std::shared_ptr<const Session> session;
    QString sessionPath;      ///< of its file; for names and commands
    QString title;            ///< empty: the model's name
    QString condition;        ///< shown in the figures, by its text; empty: the most telling one
    bool figureTables = true; ///< the numbers behind every figure, folded
    /// Told before every figure; false stops. May be empty.
    std::function<bool(int done, int all)> progress;
};
struct Report {
    QByteArray html;
    int figures = 0;
    QStringList leftOut; ///< "Noise: why", one for each view without anything to show
};
/// Nothing when it was stopped.
std::optional<Report> makeReport(const ReportRequest& request);

} // namespace qroar
