// The tables of a report that no single view has: where the numbers are from, documents, conditions with
// their losses, bands, searches with their controls and verdicts, what-ifs. Values as texts, ready to print;
// computed by core from what the session stores. Not here: HTML (html_report.h).
#pragma once

#include "core/session/session.h"

#include <QString>
#include <QStringList>

#include <utility>
#include <vector>

namespace qroar {

struct ReportTable {
    QString title;
    QString note{};        ///< a sentence below the table
    QStringList columns{}; ///< empty: rows are name and value
    QStringList hints{};   ///< unit and meaning of the columns, as many; may be empty
    std::vector<QStringList> rows{};
};

ReportTable provenanceTable(const Session& session, const QString& sessionPath);
ReportTable modelTable(const Session& session);
ReportTable documentTable(const std::vector<SessionDocument>& documents);
ReportTable conditionTable(const Session& session);
ReportTable divergenceTable(const Session& session); ///< no rows: no condition has a reference
ReportTable interactionTable(const Session& session);
ReportTable bandTable(const Session& session);
ReportTable whatIfTable(const Session& session);

struct ReportSearch {
    QString name, verdict; ///< verdict in words; empty without a report
    ReportTable settings, controls, gains;
};
std::vector<ReportSearch> reportSearches(const Session& session);

/// What the session says in sentences: verdicts of searches, the strongest interaction, what is missing.
QStringList reportFindings(const Session& session);

} // namespace qroar
