#include "app/gui/report/report_command.h"

#include "app/gui/headless_command.h"
#include "app/gui/report/html_report.h"
#include "core/session/condition_name.h"
#include "core/session/session_file.h"
#include "widgets/plot/figure_export.h"

#include <QCoreApplication>
#include <QFileInfo>

#include <cstdio>

namespace qroar {

namespace {

class ReportCommand {
    Q_DECLARE_TR_FUNCTIONS(ReportCommand)
};

int complain(const QString& message, HeadlessExit code) {
    return qroar::complain("report", message, code);
}

QString helpText() {
    return ReportCommand::tr(
        "Usage: qroar report SESSION -o FILE.html [options]\n\n"
        "One HTML file with everything in it: findings, settings, tables, vector figures, provenance.\n\n"
        "  -o, --output FILE   where it goes; an existing .html file is replaced\n"
        "  --title TEXT        instead of the model's name\n"
        "  --condition TEXT    what the figures show, \"yarn:4 . 1024 . rtn:4:g64\" (the most telling one)\n"
        "  --no-tables         without the numbers behind every figure\n\n"
        "Exit codes: 0 done, 1 failed, 2 usage.\n");
}

struct Arguments {
    QString session, output, title, condition;
    bool tables = true, help = false;
};

QString read(const QStringList& words, Arguments& arguments) {
    for (qsizetype at = 0; at < words.size(); ++at) {
        const QString word = words[at],
                      name = word.startsWith(QLatin1String("--")) ? word.section(u'=', 0, 0) : word;
        QString* target = name == QLatin1String("-o") || name == QLatin1String("--output") ? &arguments.output
                          : name == QLatin1String("--title")                               ? &arguments.title
                          : name == QLatin1String("--condition") ? &arguments.condition
                                                                 : nullptr;
        if (name == QLatin1String("--help") || name == QLatin1String("-h")) {
            arguments.help = true;
        } else if (name == QLatin1String("--no-tables")) {
            arguments.tables = false;
        } else if (target) {
            if (name == word && at + 1 >= words.size())
                return ReportCommand::tr("%1: expected a value").arg(word);
            *target = name == word ? words[++at] : word.section(u'=', 1);
        } else if (word.startsWith(u'-')) {
            return ReportCommand::tr("%1: unknown option; expected -o, --title, --condition or --no-tables")
                .arg(word);
        } else if (!arguments.session.isEmpty()) {
            return ReportCommand::tr("expected one session, found \"%1\" and \"%2\"")
                .arg(arguments.session, word);
        } else {
            arguments.session = word;
        }
    }
    return {};
}

QString check(const Arguments& arguments) {
    if (arguments.session.isEmpty()) return ReportCommand::tr("expected a session (.h5), found none");
    if (arguments.output.isEmpty()) return ReportCommand::tr("-o: expected a file name, found none");
    const QString suffix = QFileInfo(arguments.output).suffix().toLower();
    if (suffix != QLatin1String("html") && suffix != QLatin1String("htm"))
        return ReportCommand::tr("-o: expected a name that ends in .html, found \"%1\"")
            .arg(arguments.output);
    return {};
}

} // namespace

int runReport(const QStringList& words) {
    Arguments arguments;
    QString error = read(words, arguments);
    if (arguments.help) {
        std::fputs(helpText().toUtf8().constData(), stdout);
        return Fine;
    }
    if (error.isEmpty()) error = check(arguments);
    if (!error.isEmpty()) return complain(error, Usage);
    const auto session = loadSession(arguments.session.toStdString());
    if (!session) return complain(QString::fromStdString(session.error().message), Failed);
    ReportRequest request;
    if (!arguments.condition.isEmpty()) {
        const Outcome<int> chosen = conditionNamed(**session, arguments.condition.toStdString());
        if (!chosen)
            return complain(
                QStringLiteral("--condition: %1").arg(QString::fromStdString(chosen.error().message)),
                Failed);
        request.condition =
            QString::fromStdString((*session)->conditions[static_cast<std::size_t>(*chosen)]->key.text());
    }
    request.session = *session;
    request.sessionPath = arguments.session;
    request.title = arguments.title;
    request.figureTables = arguments.tables;
    const auto report = makeReport(request);
    if (!writeWholeFile(arguments.output, report->html, &error)) return complain(error, Failed);
    std::printf("%s: %d figures, %lld bytes\n", qPrintable(arguments.output), report->figures,
                static_cast<long long>(report->html.size()));
    return Fine;
}

} // namespace qroar
