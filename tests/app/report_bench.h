// Reports to test: of a session, with a search, and what a pattern finds in their text.
#pragma once

#include "app/gui/report/html_report.h"
#include "core/session/search_record.h"
#include "tests/support/synthetic_session.h"

#include <QRegularExpression>

namespace qroar::test {

inline Report reportOf(const std::shared_ptr<const Session>& session, const QString& title = {}) {
    ReportRequest request;
    request.session = session;
    request.sessionPath = QStringLiteral("/somewhere/run.h5");
    request.title = title;
    const auto report = makeReport(request);
    if (!report) qFatal("no report");
    return *report;
}

/// Everything that a pattern's first group finds.
inline QStringList found(const QString& html, const char* pattern) {
    QStringList all;
    auto matches = QRegularExpression(QLatin1String(pattern), QRegularExpression::DotMatchesEverythingOption)
                       .globalMatch(html);
    while (matches.hasNext()) all << matches.next().captured(1);
    return all;
}

inline std::shared_ptr<const Session> withSearch() {
    auto session = std::make_shared<Session>(*makeSyntheticSession());
    auto search = std::make_shared<SearchRecord>();
    search->scales.name = "found";
    search->scales.gains = QkGains::ones(session->model);
    for (double& gain : search->scales.gains.q) gain = 1.25;
    search->settings.rope = "yarn:4";
    search->settings.quant = "rtn:4:g64";
    search->settings.bandEdges = session->bands.edges();
    search->settings.contexts = {1024};
    search->settings.contextWeights = {1};
    search->trials.resize(2);
    search->trials[0].objective = 3.5;
    search->trials[1].objective = 3.25;
    for (SearchTrial& trial : search->trials) {
        trial.accepted = true;
        trial.nll = {trial.objective};
        trial.theta.assign(static_cast<std::size_t>(session->bands.count()), 0.0);
    }
    search->report = {{"Q", "yarn:4", "rtn:4:g64", "", 1024, 6, 12, 12276, 3.1234, 3.0, 3.2},
                      {"Q+g", "yarn:4", "rtn:4:g64", "found", 1024, 6, 12, 12276, 3.0567, 2.9, 3.1}};
    search->verdict.words = "helps at 1,024 tokens";
    session->searches.push_back(search);
    return session;
}

} // namespace qroar::test
