// The HTML report: what it says are core's own numbers, its figures are whole SVGs whose commands draw them
// again, nothing in it runs or is fetched, names of strangers are text, and the command reports its errors.
#include "app/gui/figures/figure_panels.h"
#include "app/gui/figures/plot_command.h"
#include "app/gui/report/html_report.h"
#include "app/gui/report/report_action.h"
#include "app/gui/report/report_command.h"
#include "app/gui/report/report_figures.h"
#include "app/gui/report/report_places.h"
#include "app/gui/report/report_tables.h"
#include "core/diagnostics/tails.h"
#include "core/evaluate/perplexity.h"
#include "core/session/session_file.h"
#include "tests/app/report_bench.h"
#include "tests/support/contrast.h"
#include "tests/support/synthetic_session.h"
#include "widgets/common/default_condition.h"
#include "widgets/panels/histogram_panel.h"

#include <QColor>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QTest>
#include <QTextDocumentFragment>
#include <QXmlStreamReader>

#include <cmath>
#include <map>

using namespace qroar;
using qroar::test::contrast;
using qroar::test::found;
using qroar::test::luminance;
using qroar::test::reportOf;
using qroar::test::withSearch;

namespace {

/// Quotes hold words together.
QStringList shellWords(const QString& line) {
    QStringList words;
    for (const QString& part : found(line + ' ', "((?:'[^']*'|[^' ])+) "))
        words << QString(part).remove('\'');
    return words;
}

/// Moves the magnitudes after RoPE of one layer and band by `bins`.
void moveMagnitudes(const Session& session, ConditionResult& condition, int layer, QkTensor tensor, int band,
                    int bins) {
    QkStatistics& statistics = condition.statistics;
    const StatisticsShape& shape = statistics.shape();
    for (int group = 0; group < shape.groups; ++group)
        for (int pair = session.bands.begin(band); pair < session.bands.end(band); ++pair)
            for (int bucket = 0; bucket < shape.buckets(); ++bucket) {
                LogHistogram& histogram = statistics.histogram(
                    statistics.cell(layer, tensor, RopeStage::Post, group, pair, bucket));
                std::vector<std::uint32_t> counts;
                for (int bin = 0; bin + bins < LogHistogram::binCount; ++bin)
                    counts.push_back(static_cast<std::uint32_t>(histogram.countAt(bin)));
                histogram = LogHistogram::fromCounts(bins, counts);
            }
}

/// The most telling condition once more with gains, which change what `change` changes.
std::shared_ptr<Session> withGains(const std::function<void(const Session&, ConditionResult&)>& change) {
    auto session = std::make_shared<Session>(*test::makeSyntheticSession());
    const auto shown = static_cast<std::size_t>(mostTellingCondition(*session));
    auto scaled = std::make_shared<ConditionResult>(*session->conditions[shown]);
    scaled->key.scales = "g1";
    change(*session, *scaled);
    session->conditions.push_back(std::move(scaled));
    return session;
}

/// Of one kind, of A or of A - B.
QList<ReportFigure> figuresOf(const Session& session, const char* view, CompareMode mode) {
    QList<ReportFigure> all;
    for (const ReportFigure& figure : reportFigures(session))
        if (figure.spec.view == QLatin1String(view) && figure.spec.selection.compare == mode) all << figure;
    return all;
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

    void longSpecsBreakWhereTheirPartsEnd() {
        test::SyntheticOptions options;
        const QString spec = QStringLiteral("yarn:2:orig=256:beta_fast=16:beta_slow=2:attn=1.25");
        options.ropes = {"none", "yarn:4", spec.toStdString()};
        const QString html = QString::fromUtf8(reportOf(test::makeSyntheticSession(options)).html);
        const QStringList cells = found(html, "<td class=\"spec\">([^\n]*?)</td>");
        const QString broken = QString(spec).replace(':', ":<wbr>");
        QVERIFY2(cells.filter(broken).size() > 2, qPrintable(cells.join('|')));
        for (const QString& cell : found(html, "<td>([^\n]*?)</td>")) { // short ones are as they were
            QVERIFY2(!cell.contains("<wbr>") && !cell.contains(spec), qPrintable(cell));
            QCOMPARE(QTextDocumentFragment::fromHtml(cell).toPlainText().contains("yarn:4"),
                     cell.contains("yarn:4"));
        }
        for (const QString& cell : cells) // what is copied
            QVERIFY(QString(cell).remove("<wbr>").contains(spec) || !cell.contains("beta_fast"));
        // nothing else breaks them, and they have the room for the longest part
        QVERIFY(found(html, "(td\\.spec\\{overflow-wrap:break-word;min-width:[0-9]+ch\\})").size() == 1);
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
            const QStringList words = shellWords(line);
            FigureSpec spec;
            QCOMPARE(FigureSpec::parse(words.mid(3, words.size() - 5), spec), QString());
            FigureView view;
            QCOMPARE(view.set(spec, session, {}), QString());
        }
        // What was left out says why, and together they are all.
        QCOMPARE(report.figures + static_cast<int>(report.leftOut.size()),
                 static_cast<int>(reportFigures(*session).size()));
        for (const QString& reason : report.leftOut) QVERIFY(html.contains(reason.toHtmlEscaped()));
        // a map without anything to show is named by its metric
        FigureSpec damage;
        QCOMPARE(FigureSpec::parse({"--figure", "heatmap", "--option", "metric=band_damage_kl"}, damage),
                 QString());
        FigureView none;
        const QString empty = none.set(damage, session, {});
        QVERIFY2(empty.startsWith("Damage of a band"), qPrintable(empty));
    }

    /// Each command, run on the file beside the report, writes the very figure that is in it.
    void commandsDrawTheFiguresThatAreShown() {
        QTemporaryDir folder;
        const QString path = folder.filePath("run.h5"), drawn = folder.filePath("drawn.svg");
        const auto session = test::makeSyntheticSession();
        QVERIFY(saveSession(*session, path.toStdString()).ok());
        const QString html = QString::fromUtf8(reportOf(*loadSession(path.toStdString())).html);
        const QStringList images = found(html, "src=\"data:image/svg\\+xml;base64,([^\"]+)\""),
                          commands = found(html, "<pre>([^<]+)</pre>");
        QCOMPARE(images.size(), commands.size());
        QVERIFY(images.size() >= 10);
        for (qsizetype index = 0; index < images.size(); ++index) {
            QStringList words = shellWords(QTextDocumentFragment::fromHtml(commands[index]).toPlainText());
            QVERIFY(words.size() > 6);
            words[2] = path;
            words.last() = drawn;
            QCOMPARE(runPlot(words.mid(2)), 0);
            QFile file(drawn);
            QVERIFY(file.open(QIODevice::ReadOnly));
            QVERIFY2(file.readAll() == QByteArray::fromBase64(images[index].toLatin1()),
                     qPrintable(words.join(' ')));
        }
    }

    void differencesAreShownWhereTheyAreLargest() {
        const auto session = withGains([](const Session& all, ConditionResult& scaled) {
            moveMagnitudes(all, scaled, 1, QkTensor::K, 0, 3); // first, and smaller
            moveMagnitudes(all, scaled, 2, QkTensor::Q, 3, 40);
            scaled.windows.front().nll.front() += 1;
        });
        for (const char* view : {"histogram", "heatmap"}) {
            const auto found = figuresOf(*session, view, CompareMode::Difference);
            QCOMPARE(found.size(), 1);
            const ReportFigure& figure = found.first();
            QVERIFY(figure.instead.isEmpty() && !figure.note.isEmpty());
            QCOMPARE(figure.spec.selection.layer, 2);
            QCOMPARE(figure.spec.selection.band, 3);
            QVERIFY(figure.spec.selection.tensor == QkTensor::Q);
            FigureView drawn;
            QCOMPARE(drawn.set(figure.spec, session, {}), QString());
            auto* histogram = qobject_cast<HistogramPanel*>(drawn.panel());
            if (!histogram) continue;
            const auto& curves = histogram->curves();
            QCOMPARE(curves.size(), std::size_t{2});
            double largest = 0, moved = 0;
            for (int point = 0; point < 2000; ++point) {
                const double by = std::abs(curves[0].shareOf(point) - curves[1].shareOf(point));
                largest = std::max(largest, by);
                if (by > 0) moved += by / 2 * octavesOf(point);
            }
            QVERIFY(largest > 0.01);
            const auto place =
                largestMagnitudeChange(*session, *session->conditions.back(),
                                       *session->conditions[static_cast<std::size_t>(
                                           mostTellingCondition(*test::makeSyntheticSession()))]);
            QVERIFY(place && std::abs(place->value - moved) < 1e-9 && moved <= 1);
        }
        const QString html = QString::fromUtf8(reportOf(session).html);
        for (const QString& note : {figuresOf(*session, "histogram", CompareMode::Difference).first().note,
                                    figuresOf(*session, "histogram", CompareMode::A).first().note})
            QVERIFY2(!note.isEmpty() && html.contains(note.toHtmlEscaped()), qPrintable(note));
    }

    void withoutADifferenceASentence() {
        const auto session = withGains([](const Session&, ConditionResult&) {});
        int said = 0;
        const QString html = QString::fromUtf8(reportOf(session).html);
        for (const ReportFigure& figure : reportFigures(*session)) {
            // A frame that no words tell of says nothing.
            QCOMPARE(figure.spec.style.selection, figure.note.contains(QLatin1String("Marked")));
            if (figure.spec.selection.compare != CompareMode::Difference) continue;
            ++said;
            QVERIFY2(html.contains(QStringLiteral("<p class=\"note\">") + figure.instead)
                         && figure.instead.contains("no difference to draw"),
                     qPrintable(figure.instead));
        }
        QCOMPARE(said, 3);
        QVERIFY(!html.contains(QStringLiteral("Δ magnitudes")));
    }

    /// What rounding moves is no place to mark.
    void differencesOfRoundingAreASentence() {
        const auto session = withGains([](const Session& all, ConditionResult& scaled) {
            LogHistogram& one = scaled.statistics.histogram(
                scaled.statistics.cell(0, QkTensor::K, RopeStage::Post, 0, all.bands.begin(0), 0));
            std::vector<std::uint32_t> counts;
            for (int bin = 0; bin < LogHistogram::binCount; ++bin)
                counts.push_back(static_cast<std::uint32_t>(one.countAt(bin)));
            for (std::size_t bin = 1; bin < counts.size(); ++bin)
                if (counts[bin] > 0) {
                    --counts[bin];
                    ++counts[bin - 1];
                    break;
                }
            one = LogHistogram::fromCounts(0, counts);
        });
        const auto changed = session->conditions.back();
        const auto before =
            session
                ->conditions[static_cast<std::size_t>(mostTellingCondition(*test::makeSyntheticSession()))];
        QVERIFY(!largestMagnitudeChange(*session, *changed, *before));
        for (const char* view : {"histogram", "heatmap"}) {
            const ReportFigure figure = figuresOf(*session, view, CompareMode::Difference).first();
            QVERIFY(figure.note.isEmpty() && figure.instead.contains("no difference to draw"));
        }
        ConditionResult damaged = *before;
        const int worst = mostDistortedLayer(damaged);
        LayerDistortion bad = damaged.distortions.front();
        bad.layer = -1; // sorts first
        bad.distortion.sumSquaredError = std::nan("");
        damaged.distortions.push_back(bad);
        QVERIFY(worst >= 0);
        QCOMPARE(mostDistortedLayer(damaged), worst);
    }

    void figuresOfOneCellShowTheStrongest() {
        const auto session = test::makeSyntheticSession();
        const ConditionResult& shown =
            *session->conditions[static_cast<std::size_t>(mostTellingCondition(*session))];
        double largest = -1;
        Selection expected;
        for (const QkTensor tensor : {QkTensor::K, QkTensor::Q}) {
            TailInflationOptions options;
            options.tensor = tensor;
            const BandGrid grid =
                tailInflation(shown, *session->shortReference(shown), session->bands, options);
            for (int layer = 0; layer < grid.layers; ++layer)
                for (int band = 0; band < grid.bands; ++band)
                    if (const double log = std::abs(std::log(grid.at(layer, band))); log > largest) {
                        largest = log;
                        expected.layer = layer;
                        expected.band = band;
                        expected.tensor = tensor;
                    }
        }
        QVERIFY(expected.layer > 0);
        for (const char* view : {"histogram", "outliers"}) {
            const Selection found = figuresOf(*session, view, CompareMode::A).first().spec.selection;
            QCOMPARE(found.layer, expected.layer);
            QCOMPARE(found.band, expected.band);
            QVERIFY(found.tensor == expected.tensor);
        }
        const int worst = figuresOf(*session, "distortion", CompareMode::A).first().spec.selection.layer;
        std::map<int, Distortion> layers;
        for (const LayerDistortion& one : shown.distortions) layers[one.layer].add(one.distortion);
        QVERIFY(layers.size() > 1);
        for (const auto& [layer, all] : layers) QVERIFY(layers[worst].snrDb() <= all.snrDb());
        BandGrid flat(2, 2);
        flat.values = {1, 1, 1, 1};
        QVERIFY(!strongestCell(flat, {true, 1.0, 0}));
        flat.values = {1, std::nan(""), 0.25, 2}; // a quarter is farther than twice
        const auto cell = strongestCell(flat, {true, 1.0, 0});
        QVERIFY(cell && cell->layer == 1 && cell->band == 0);
    }

    void phasesOfTheSpecsOfTheSession() {
        const auto session = test::makeSyntheticSession();
        const auto phases = figuresOf(*session, "phases", CompareMode::A);
        QCOMPARE(phases.size(), 1);
        QVERIFY(phases.first().section == ReportSection::Frequencies);
        const QString html = QString::fromUtf8(reportOf(session).html);
        QVERIFY(html.contains(phases.first().note.toHtmlEscaped()));
        const QString caption = found(html, "</b> (Phases by pair and distance[^<]*)").value(0);
        for (const auto& condition : session->conditions)
            QVERIFY2(caption.contains(QString::fromStdString(condition->key.rope.text())),
                     qPrintable(caption));
        const FrequencyTable& table =
            session->conditions[static_cast<std::size_t>(mostTellingCondition(*session))]->table;
        const int pair = phases.first().spec.selection.pair;
        QVERIFY(pair > 0);
        for (std::size_t other = 0; other < table.plain.size(); ++other)
            QVERIFY(table.plain[other] - table.omega[other]
                    <= table.plain[static_cast<std::size_t>(pair)]
                           - table.omega[static_cast<std::size_t>(pair)]);
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
        const auto session = std::make_shared<Session>(*withSearch());
        auto search = std::make_shared<SearchRecord>(*session->searches.front());
        for (int head = 0; head < search->scales.gains.heads; ++head)
            for (int pair = session->bands.begin(2); pair < session->bands.end(2); ++pair)
                search->scales.gains.queryGains(1, head)[static_cast<std::size_t>(pair)] = 0.1;
        session->searches = {search};
        auto second = std::make_shared<SearchRecord>(*search); // each has its figure
        second->scales.name = "found later";
        auto two = std::make_shared<Session>(*session);
        two->searches.push_back(second);
        const auto figures = figuresOf(*two, "search", CompareMode::A);
        QCOMPARE(figures.size(), 2);
        QVERIFY(figures[0].spec.arguments().contains("search=found"));
        QVERIFY(figures[1].spec.arguments().contains("search=found later"));
        const Selection marked = figuresOf(*session, "search", CompareMode::A).first().spec.selection;
        QCOMPARE(marked.layer, 1);
        QCOMPARE(marked.band, 2);
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

    void linksAndMinusSigns() {
        auto session = std::make_shared<Session>(*withSearch());
        auto search = std::make_shared<SearchRecord>(*session->searches.back());
        search->verdict.words = "On set-2: -0.0368 nats [-0.0474, -0.0296], 2-bit.";
        search->verdict.longEffect = "cannot be told";
        search->verdict.cause = "none";
        session->searches.back() = search;
        ReportRequest request;
        request.session = session;
        const QString html = QString::fromUtf8(makeReport(request)->html);
        QVERIFY(html.contains(QStringLiteral("On set-2: −0.0368 nats [−0.0474,\u00a0−0.0296], 2-bit.")));
        QVERIFY(!html.contains(QStringLiteral("cause: none")));
        for (const char* id : {"findings", "loss", "definitions"})
            QVERIFY2(html.count(QStringLiteral("<a href=\"#%1\">").arg(QLatin1String(id))) == 1
                         && html.count(QStringLiteral("<h2 id=\"%1\">").arg(QLatin1String(id))) == 1,
                     id);
    }

    void verdictsAreReadable() {
        auto session = std::make_shared<Session>(*withSearch());
        auto search = std::make_shared<SearchRecord>(*session->searches.back());
        search->verdict.words =
            "Long context: helps, -3.8 % [-0.0474, -0.0296].\nShort context: 95 % of <it>.";
        session->searches.back() = search;
        const QString html = QString::fromUtf8(reportOf(session).html);
        const QString words =
            QStringLiteral("Long context: helps, \u22123.8\u00a0% [\u22120.0474,\u00a0\u22120.0296]."
                           "</span><span class=\"verdict\">Short context: 95\u00a0% of &lt;it&gt;.</span>");
        QVERIFY(html.count(words) >= 2); // under findings and beside the search
        // on a narrow screen values are not broken letter by letter beside names that keep to one line
        QVERIFY(html.contains(QStringLiteral("@media(max-width:40rem)")));
    }

    void stoppedByTheUser() {
        ReportRequest request;
        request.session = test::makeSyntheticSession();
        int calls = 0;
        request.progress = [&calls](int done, int all) { return done < all && ++calls < 3; };
        QVERIFY(!makeReport(request));
        QCOMPARE(calls, 3);
    }

    /// Light, and dark for who has a dark desktop; paper is white in any case.
    void readableInBothSchemes() {
        const QString html = QString::fromUtf8(reportOf(test::makeSyntheticSession()).html);
        const auto colours = [&html](const char* pattern) {
            std::map<QString, QColor> all;
            for (const QString& scheme : found(html, pattern))
                for (const QString& one : scheme.split(';'))
                    if (one.startsWith("--")) all[one.section(':', 0, 0)] = QColor(one.section(':', 1));
            return all;
        };
        auto light = colours("\n:root\\{([^}]*)\\}");
        auto dark = colours("@media screen and \\(prefers-color-scheme:dark\\)\\{:root\\{([^}]*)\\}");
        QCOMPARE(light.size(), std::size_t(5));
        QCOMPARE(dark.size(), std::size_t(5));
        for (auto* scheme : {&light, &dark})
            for (const char* ground : {"--bg", "--tint"}) {
                QVERIFY((*scheme)["--fg"].isValid() && (*scheme)[ground].isValid());
                QVERIFY(contrast((*scheme)["--fg"], (*scheme)[ground]) >= 7);
                QVERIFY(contrast((*scheme)["--soft"], (*scheme)[ground]) >= 4.5);
            }
        QVERIFY(luminance(dark["--bg"]) < luminance(dark["--fg"]));
        QVERIFY(!html.contains("@media(prefers-color-scheme")); // it would print light words on white paper
        QVERIFY(html.contains("figure img{")
                && html.contains("background:#fff")); // figures are drawn for white
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
        QCOMPARE(runReport({session, "-o", target, "--condition", "yarn:9 . 1 . none"}), 1);
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
