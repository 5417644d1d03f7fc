#include "app/gui/report/html_report.h"

#include "app/gui/figures/figure_panels.h"
#include "app/gui/report/report_figures.h"
#include "app/gui/report/report_tables.h"
#include "app/gui/window/plot_area.h"
#include "widgets/common/names.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/heat_map_metric.h"
#include "widgets/plot/figure_export.h"

#include <QCoreApplication>
#include <QDateTime>
#include <QFileInfo>
#include <QLocale>
#include <QRegularExpression>

namespace qroar {

namespace {

/// Longer tables of figures are cut: the rest is what CSV files are for.
constexpr int mostRows = 300;
constexpr int longestWhole = 16; ///< characters of a spec that is in one line

class HtmlReport {
    Q_DECLARE_TR_FUNCTIONS(HtmlReport)
};

QString escaped(const QString& text) {
    return text.toHtmlEscaped();
}

/// Running text: a number stays with its percent sign, an interval in one line.
QString flowing(const QString& text) {
    static const QRegularExpression percent(QStringLiteral("(\\d) %")),
        interval(QStringLiteral("(\\[[^\\]\\s]+,) ([^\\]\\s]+\\])"));
    QString kept = text;
    kept.replace(percent, QStringLiteral("\\1\u00A0%"));
    kept.replace(interval, QStringLiteral("\\1\u00A0\\2"));
    return escaped(kept);
}

/// A verdict: a paragraph for each context that it speaks of.
QString verdictHtml(const QString& words) {
    QString html;
    for (const QString& line : flowing(words).split(u'\n', Qt::SkipEmptyParts))
        html += QStringLiteral("<span class=\"verdict\">%1</span>").arg(line);
    return html;
}

/// Numbers go to the right: digits, signs, intervals and dashes.
bool looksNumeric(const QString& text) {
    static const QString allowed = QStringLiteral("0123456789.,+-−–[]() %×⁻⁰¹²³⁴⁵⁶⁷⁸⁹e∞");
    return !text.isEmpty()
           && std::all_of(text.begin(), text.end(), [](QChar c) { return allowed.contains(c); });
}

/// A long spec breaks where its parts end, and nowhere else; what is copied is the spec.
QString cell(const QString& text, bool inColumn) {
    if (inColumn && looksNumeric(text)) return QStringLiteral("<td class=\"n\">%1</td>").arg(escaped(text));
    QStringList words = text.split(u' ');
    bool spec = false;
    for (QString& word : words) {
        const bool parts = word.size() > longestWhole && word.front().isLetter() && word.contains(u':');
        spec = spec || parts;
        word = escaped(word); // has no ':' of its own
        if (parts) word.replace(u':', QStringLiteral(":<wbr>"));
    }
    return QStringLiteral("<td%1>%2</td>")
        .arg(spec ? QStringLiteral(" class=\"spec\"") : QString(), words.join(u' '));
}

QString tableHtml(const ReportTable& table) {
    if (table.rows.empty()) return {};
    QString html =
        QStringLiteral("<div class=\"wide\"><table><caption>%1</caption>").arg(escaped(table.title));
    if (!table.columns.isEmpty()) {
        html += QStringLiteral("<thead><tr>");
        for (qsizetype column = 0; column < table.columns.size(); ++column) {
            const bool numbers =
                std::all_of(table.rows.begin(), table.rows.end(), [&](const QStringList& row) {
                    return row.value(column).isEmpty() || looksNumeric(row[column]);
                });
            html += QStringLiteral("<th scope=\"col\"%1%2>%3</th>")
                        .arg(numbers ? QStringLiteral(" class=\"n\"") : QString(),
                             column < table.hints.size()
                                 ? QStringLiteral(" title=\"%1\"").arg(escaped(table.hints[column]))
                                 : QString(),
                             escaped(table.columns[column]));
        }
        html += QStringLiteral("</tr></thead>");
    }
    html += QStringLiteral("<tbody>");
    for (const QStringList& row : table.rows) {
        html += QStringLiteral("<tr>");
        for (qsizetype column = 0; column < row.size(); ++column)
            html += table.columns.isEmpty() && column == 0
                        ? QStringLiteral("<th scope=\"row\">%1</th>").arg(escaped(row[column]))
                        : cell(row[column], !table.columns.isEmpty());
        html += QStringLiteral("</tr>");
    }
    html += QStringLiteral("</tbody></table></div>\n");
    if (!table.note.isEmpty()) html += QStringLiteral("<p class=\"note\">%1</p>\n").arg(escaped(table.note));
    return html;
}

/// The table twin of a view, as it is shown.
ReportTable twinOf(DiagnosticPanel& panel) {
    const QAbstractItemModel* model = panel.tableModel();
    ReportTable table{HtmlReport::tr("Numbers of the figure")};
    const int rows = model->rowCount(), columns = model->columnCount();
    for (int column = 0; column < columns; ++column) {
        table.columns << model->headerData(column, Qt::Horizontal).toString();
        table.hints << model->headerData(column, Qt::Horizontal, Qt::ToolTipRole).toString();
    }
    for (int row = 0; row < std::min(rows, mostRows); ++row) {
        QStringList values;
        for (int column = 0; column < columns; ++column)
            values << model->index(row, column).data().toString();
        table.rows.push_back(std::move(values));
    }
    if (rows > mostRows)
        table.note = HtmlReport::tr("%1 of %2 rows; the command below with -o FILE.csv writes all of them.")
                         .arg(mostRows)
                         .arg(rows);
    return table;
}

QString sentences(const QString& first, const QString& second) {
    if (first.isEmpty() || second.isEmpty()) return first + second;
    return first + (first.endsWith(u'.') ? QStringLiteral(" ") : QStringLiteral(". ")) + second;
}

QString figureHtml(FigureView& view, const ReportFigure& shown, const ReportRequest& request, int number) {
    const FigureSpec& spec = shown.spec;
    DiagnosticPanel& panel = *view.panel();
    const QString title = panel.figureTitle(), summary = sentences(panel.summary(), shown.note);
    const Figure figure = view.begin();
    const QByteArray svg = figureBytes(figure, QStringLiteral("svg"), spec.style);
    view.end();
    QStringList words{QStringLiteral("qroar"), QStringLiteral("plot"),
                      QFileInfo(request.sessionPath).fileName()};
    words << spec.arguments() << QStringLiteral("-o") << QStringLiteral("figure-%1.svg").arg(number);
    QString html =
        QStringLiteral("<figure id=\"figure-%1\"><img alt=\"%2\" src=\"data:image/svg+xml;base64,%3\">\n"
                       "<figcaption><b>%4</b> %5 <span class=\"note\">%6</span></figcaption>\n")
            .arg(QString::number(number), escaped(title + QStringLiteral(". ") + summary),
                 QString::fromLatin1(svg.toBase64()), escaped(HtmlReport::tr("Figure %1.").arg(number)),
                 escaped(title.endsWith(u'.') ? title : title + u'.'), escaped(summary));
    if (request.figureTables) {
        html += QStringLiteral(
                    "<details><summary>%1</summary>%2<p class=\"note\">%3</p><pre>%4</pre></details>\n")
                    .arg(escaped(HtmlReport::tr("Numbers and command")), tableHtml(twinOf(panel)),
                         escaped(HtmlReport::tr("Drawn again by:")), escaped(shellLine(words)));
    }
    return html + QStringLiteral("</figure>\n");
}

const char* styleSheet = R"(
:root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--soft:#57606a;--line:#d0d7de;--tint:#f6f8fa}
@media screen and (prefers-color-scheme:dark){:root{--fg:#e6edf3;--bg:#14181d;--soft:#9aa4af;--line:#353c44;--tint:#1c2128}}
body{font:15px/1.5 system-ui,"DejaVu Sans","Segoe UI",sans-serif;color:var(--fg);background:var(--bg);
max-width:58rem;margin:0 auto;padding:2rem 1.2rem 4rem}
h1{font-size:1.7rem;margin:0 0 .2rem}h2{font-size:1.25rem;margin:2.4rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.25rem}
h3{font-size:1.05rem;margin:1.6rem 0 .4rem}a{color:inherit}nav{margin:.8rem 0 0}nav a{display:inline-block;margin-right:1rem}
.note,.sub{color:var(--soft);font-size:.87rem}.wide{overflow-x:auto;margin:.8rem 0 .3rem}
table{border-collapse:collapse;font-size:.87rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.2rem 0}th,td{padding:.22rem 1.25rem .22rem 0;border-bottom:1px solid var(--line);
text-align:left;vertical-align:top}td.n,th.n{text-align:right}td.n{white-space:nowrap}th[scope=col]{vertical-align:bottom}
th[scope=row]{font-weight:500;color:var(--soft);padding-right:1.4rem;white-space:nowrap}td{overflow-wrap:anywhere}
td.spec{overflow-wrap:break-word;min-width:24ch}
figure{margin:1.2rem 0 1.8rem}figure img{display:block;width:100%;height:auto;background:#fff;border:1px solid var(--line)}
figcaption{margin-top:.4rem;font-size:.9rem}details{margin:.4rem 0}summary{cursor:pointer;color:var(--soft);font-size:.87rem}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--tint);padding:.6rem .8rem;font-size:.8rem}
ul.findings{background:var(--tint);padding:.8rem 1rem .8rem 2rem;margin:1rem 0}ul.findings li+li{margin-top:.6rem}.verdict{display:block}.verdict+.verdict{margin-top:.45rem}
dt{font-weight:600;margin-top:.7rem}dd{margin:0 0 0 1.2rem}
@media(max-width:40rem){body{padding:1rem .8rem 2rem}th[scope=row]{white-space:normal;padding-right:.8rem}td:not(.n){min-width:9ch}}
@media print{body{max-width:none;padding:0}nav,details>summary{display:none}figure,table{break-inside:avoid}}
)";

QString definitions() {
    QString html = QStringLiteral("<dl>");
    for (const HeatMapMetric metric : heatMapMetrics) {
        const MetricText text = metricText(metric);
        html += QStringLiteral("<dt>%1</dt><dd>%2</dd>\n").arg(escaped(text.name), escaped(text.formula));
    }
    return html + QStringLiteral("</dl>\n")
           + QStringLiteral("<p class=\"note\">%1</p>\n")
                 .arg(escaped(HtmlReport::tr(
                     "[paper]: stated by the authors of arXiv 2509.14391 and 2510.00028; [std]: standard in "
                     "the field; [ours]: defined by this program.")));
}

struct Heading {
    ReportSection section;
    const char* id;
    const char* text;
};
constexpr Heading headings[] = {
    {ReportSection::Frequencies, "frequencies", QT_TRANSLATE_NOOP("HtmlReport", "Frequencies and bands")},
    {ReportSection::Loss, "loss", QT_TRANSLATE_NOOP("HtmlReport", "Loss by length and position")},
    {ReportSection::Diagnostics, "diagnostics",
     QT_TRANSLATE_NOOP("HtmlReport", "Diagnostics by layer and band")},
    {ReportSection::Quantization, "quantization", QT_TRANSLATE_NOOP("HtmlReport", "Quantization")},
    {ReportSection::Search, "search", QT_TRANSLATE_NOOP("HtmlReport", "Search and what-ifs")}};

QString tablesOf(ReportSection section, const Session& session) {
    if (section == ReportSection::Frequencies) return tableHtml(bandTable(session));
    if (section == ReportSection::Loss)
        return tableHtml(conditionTable(session)) + tableHtml(interactionTable(session))
               + tableHtml(divergenceTable(session));
    if (section != ReportSection::Search) return {};
    QString html;
    for (const ReportSearch& search : reportSearches(session)) {
        html += QStringLiteral("<h3>%1</h3>\n").arg(escaped(HtmlReport::tr("Gains %1").arg(search.name)));
        if (!search.verdict.isEmpty()) html += QStringLiteral("<p>%1</p>\n").arg(verdictHtml(search.verdict));
        html += tableHtml(search.settings) + tableHtml(search.controls);
        const QString gains = tableHtml(search.gains);
        if (!gains.isEmpty())
            html += QStringLiteral("<details><summary>%1</summary>%2</details>\n")
                        .arg(escaped(search.gains.title), gains);
    }
    return html + tableHtml(whatIfTable(session));
}

QString opening(const ReportRequest& request, const QString& title) {
    const Session& session = *request.session;
    QString html =
        QStringLiteral(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
            "<meta name=\"generator\" content=\"%1\">\n<title>%2</title>\n<style>%3</style></head>\n"
            "<body>\n<header><h1>%2</h1><p class=\"sub\">%4</p>\n<nav>")
            .arg(escaped(QString::fromStdString(session.provenance.program)), escaped(title),
                 QLatin1String(styleSheet), escaped(provenanceLine(session)));
    const auto link = [&html](const char* id, const QString& text) {
        html += QStringLiteral("<a href=\"#%1\">%2</a> ").arg(QLatin1String(id), escaped(text));
    };
    link("findings", HtmlReport::tr("Findings"));
    for (const Heading& heading : headings) link(heading.id, HtmlReport::tr(heading.text));
    link("definitions", HtmlReport::tr("Definitions"));
    link("provenance", HtmlReport::tr("Provenance"));
    html += QStringLiteral("</nav></header>\n<main>\n<h2 id=\"findings\">%1</h2>\n<ul class=\"findings\">")
                .arg(escaped(HtmlReport::tr("Findings")));
    for (const QString& finding : reportFindings(session))
        html += QStringLiteral("<li>%1</li>\n").arg(verdictHtml(finding));
    html += QStringLiteral("</ul>\n") + tableHtml(modelTable(session))
            + tableHtml(documentTable(session.documents));
    return html;
}

} // namespace

std::optional<Report> makeReport(const ReportRequest& request) {
    const Session& session = *request.session;
    const QString title =
        request.title.isEmpty() ? HtmlReport::tr("Q-ROAR report: %1").arg(modelName(session)) : request.title;
    const QList<ReportFigure> figures = reportFigures(session, request.condition);
    Report report;
    QString html = opening(request, title);
    int done = 0;
    for (const Heading& heading : headings) {
        QString body = tablesOf(heading.section, session);
        for (const ReportFigure& figure : figures) {
            if (figure.section != heading.section) continue;
            if (request.progress && !request.progress(done++, static_cast<int>(figures.size())))
                return std::nullopt;
            if (!figure.instead.isEmpty()) {
                body += QStringLiteral("<p class=\"note\">%1</p>\n").arg(escaped(figure.instead));
                report.leftOut << figure.instead;
                continue;
            }
            FigureView view;
            if (const QString empty = view.set(figure.spec, request.session, {}); !empty.isEmpty()) {
                report.leftOut << empty;
                continue;
            }
            body += figureHtml(view, figure, request, ++report.figures);
        }
        if (body.isEmpty())
            body = QStringLiteral("<p class=\"note\">%1</p>\n")
                       .arg(escaped(HtmlReport::tr("Nothing was recorded.")));
        html += QStringLiteral("<h2 id=\"%1\">%2</h2>\n%3")
                    .arg(QLatin1String(heading.id), escaped(HtmlReport::tr(heading.text)), body);
    }
    html += QStringLiteral("<h2 id=\"definitions\">%1</h2>\n").arg(escaped(HtmlReport::tr("Definitions")))
            + definitions();
    html += QStringLiteral("<h2 id=\"provenance\">%1</h2>\n").arg(escaped(HtmlReport::tr("Provenance")))
            + tableHtml(provenanceTable(session, request.sessionPath));
    if (!report.leftOut.isEmpty()) {
        html += QStringLiteral("<details><summary>%1</summary><ul class=\"note\">")
                    .arg(escaped(HtmlReport::tr("Views that had nothing to show")));
        for (const QString& one : std::as_const(report.leftOut))
            html += QStringLiteral("<li>%1</li>").arg(escaped(one));
        html += QStringLiteral("</ul></details>\n");
    }
    report.html = (html + QStringLiteral("</main></body></html>\n")).toUtf8();
    return report;
}

} // namespace qroar
