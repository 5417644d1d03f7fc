// The HTML report: what it says are core's own numbers, its figures are whole SVGs whose commands draw them
// again, nothing in it runs or is fetched, names of strangers are text, and the command reports its errors.
#include "app/gui/figures/figure_panels.h"
#include "app/gui/report/html_report.h"
#include "app/gui/report/report_action.h"
#include "app/gui/report/report_command.h"
#include "app/gui/report/report_figures.h"
#include "core/evaluate/perplexity.h"
#include "core/session/search_record.h"
#include "core/session/session_file.h"
#include "tests/support/synthetic_session.h"

#include <QRegularExpression>
#include <QTemporaryDir>
#include <QTest>
#include <QTextDocumentFragment>
#include <QXmlStreamReader>

using namespace qroar;

namespace {

Report reportOf(const std::shared_ptr<const Session>& session, const QString& title = {}) {
    ReportRequest request;
    request.session = session;
    request.sessionPath = QStringLiteral("/somewhere/run.h5");
    request.title = title;
    const auto report = makeReport(request);
    if (!report) qFatal("no report");
    return *report;
}

/// Everything that a pattern's first group finds.
QStringList found(const QString& html, const char* pattern) {
    QStringList all;
    auto matches = QRegularExpression(QLatin1String(pattern), QRegularExpression::DotMatchesEverythingOption)
                       .globalMatch(html);
    while (matches.hasNext()) all << matches.next().captured(1);
    return all;
}

std::shared_ptr<const Session> withSearch() {
    auto session = std::make_shared<Session>(*test::makeSyntheticSession());
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

} // namespace

class TestReport : public QObject {
    Q_OBJECT
  private slots:
    void numbersAreThoseOfCore() {
        const auto session = test::makeSyntheticSession();
        const QString html = QString::fromUtf8(reportOf(session).html);
        for (const auto& condition : session->conditions) {
            const auto nll = summarizeNll(condition->windows, condition->key.context, 256, Convention::All);
            QVERIFY2(html.contains(QString::number(nll.nll, 'f', 4)), condition->key.text().c_str());
        }
        const auto all = interactions(session->conditions, Convention::All);
        QVERIFY(!all.empty());
        for (const Interaction& one : all)
            QVERIFY(html.contains(QString::number(one.value, 'f', 4).replace('-', QStringLiteral("−"))));
        QVERIFY(html.contains(QString::fromStdString(session->modelFingerprint)));
        for (const SessionDocument& document : session->documents)
            QVERIFY(html.contains(QString::fromStdString(document.fingerprint)));
    }

    void figuresAreWholeAndDrawnAgainByTheirCommands() {
        const auto session = test::makeSyntheticSession();
        const Report report = reportOf(session);
        const QString html = QString::fromUtf8(report.html);
        const QStringList images = found(html, "src=\"data:image/svg\\+xml;base64,([^\"]+)\"");
        QCOMPARE(images.size(), report.figures);
        QVERIFY(report.figures >= 10);
        for (const QString& image : images) {
            QXmlStreamReader xml(QByteArray::fromBase64(image.toLatin1()));
            while (!xml.atEnd()) xml.readNext();
            QVERIFY(!xml.hasError());
        }
        const QStringList commands = found(html, "<pre>([^<]+)</pre>");
        QCOMPARE(commands.size(), report.figures);
        for (const QString& escaped : commands) {
            const QString line = QTextDocumentFragment::fromHtml(escaped).toPlainText();
            QVERIFY(line.startsWith(QLatin1String("qroar plot run.h5 --figure ")));
            QStringList words; // of a shell: quotes hold words together
            for (const QString& part : found(line + ' ', "((?:'[^']*'|[^' ])+) "))
                words << QString(part).remove('\'');
            FigureSpec spec;
            QCOMPARE(FigureSpec::parse(words.mid(3, words.size() - 5), spec), QString());
            FigureView view;
            QCOMPARE(view.set(spec, session, {}), QString());
        }
        // What was left out says why, and together they are all.
        QCOMPARE(report.figures + static_cast<int>(report.leftOut.size()),
                 static_cast<int>(reportFigures(*session).size()));
        for (const QString& reason : report.leftOut) QVERIFY(html.contains(reason.toHtmlEscaped()));
    }

    void nothingRunsAndNothingIsFetched() {
        const QString html = QString::fromUtf8(reportOf(withSearch()).html).toLower();
        for (const char* forbidden :
             {"<script", "javascript:", "http://", "https://", "<link", "<iframe", "@import"}) {
            const QString text = QString(html).remove(QRegularExpression("src=\"[^\"]*\""));
            QVERIFY2(!text.contains(QLatin1String(forbidden)), forbidden);
        }
        QVERIFY(!html.contains(QRegularExpression("\\son[a-z]+=")));
    }

    void namesAreText() {
        auto session = std::make_shared<Session>(*test::makeSyntheticSession());
        session->documents[0].name = "<img src=x onerror=alert(1)>";
        session->bandStyles = {{"\"quotes\" & <b>", ""}};
        session->bandStyles.resize(static_cast<std::size_t>(session->bands.count()));
        session->provenance.command = "qroar analyze '</style>'";
        const QString html = QString::fromUtf8(reportOf(session, "<title> & more").html);
        QVERIFY(!html.contains("<img src=x"));
        QVERIFY(html.contains("&lt;img src=x"));
        QVERIFY(html.contains("<title>&lt;title&gt; &amp; more</title>"));
        QCOMPARE(found(html, "(</style>)").size(), 1);
    }

    void searchesAndTheirControls() {
        const QString html = QString::fromUtf8(reportOf(withSearch()).html);
        for (const char* text :
             {"helps at 1,024 tokens", "3.1234", "3.0567", "3.5000 → 3.2500", "1.25", "Q+g"})
            QVERIFY2(html.contains(QString::fromUtf8(text)), text);
    }

    void withoutAnythingToShow() {
        auto session = std::make_shared<Session>(*test::makeSyntheticSession());
        session->conditions.clear();
        const Report report = reportOf(session);
        QVERIFY(report.html.endsWith("</html>\n"));
        QVERIFY(report.html.contains("The four-way split needs"));
    }

    void stoppedByTheUser() {
        ReportRequest request;
        request.session = test::makeSyntheticSession();
        int calls = 0;
        request.progress = [&calls](int done, int all) { return done < all && ++calls < 3; };
        QVERIFY(!makeReport(request));
        QCOMPARE(calls, 3);
    }

    void theCommand() {
        QTemporaryDir folder;
        const QString session = folder.filePath("run.h5"), target = folder.filePath("report.html");
        QVERIFY(saveSession(*test::makeSyntheticSession(), session.toStdString()).ok());
        QCOMPARE(runReport({session, "-o", target}), 0);
        QFile file(target);
        QVERIFY(file.open(QIODevice::ReadOnly) && file.readAll().startsWith("<!DOCTYPE html>"));
        QCOMPARE(runReport({session, "--output=" + target, "--condition", "yarn:4 . 1024 . rtn:4:g64",
                            "--no-tables"}),
                 0);
        QCOMPARE(runReport({session, "-o", target, "--condition", "yarn:9 . 1 . none"}), 2);
        QCOMPARE(runReport({session, "-o", folder.filePath("report.pdf")}), 2);
        QCOMPARE(runReport({session}), 2);
        QCOMPARE(runReport({session, "-o", target, "--nonsense"}), 2);
        QCOMPARE(runReport({folder.filePath("missing.h5"), "-o", target}), 1);
        QCOMPARE(runReport({session, "-o", folder.filePath("no/such/folder/report.html")}), 1);
        const SavedReport saved = saveReportTo(nullptr, test::makeSyntheticSession(), session, target);
        QCOMPARE(saved.path, target);
        QVERIFY(saved.error.isEmpty());
    }
};

QTEST_MAIN(TestReport)
#include "test_report.moc"
