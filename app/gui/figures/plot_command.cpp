#include "app/gui/figures/plot_command.h"

#include "app/gui/figures/composed_figure.h"
#include "app/gui/headless_command.h"
#include "core/session/session_file.h"
#include "widgets/figures/figure_layout.h"
#include "widgets/figures/figure_room.h"
#include "widgets/plot/figure_export.h"

#include <QCoreApplication>
#include <QFile>
#include <QFileInfo>

#include <cstdio>

namespace qroar {

namespace {

class Words {
    Q_DECLARE_TR_FUNCTIONS(PlotCommand)
};

int complain(const QString& message, HeadlessExit code) {
    return qroar::complain("plot", message, code);
}

struct Request {
    QString session, output, composition;
    bool list = false, help = false;
    QStringList
        figure; ///< the words of the FigureSpec; of an arrangement, those before its first plot and its look
    Composition arrangement = Composition::arrangement();
    QList<QStringList> plots; ///< the words of its plots

    /// Where words about what is shown, or of the look, go.
    QStringList& wordsFor(const QString& option) {
        return plots.isEmpty() || FigureStyle::optionNames().contains(option) ? figure : plots.back();
    }
};

QString helpText() {
    return Words::tr(
        "Usage: qroar plot SESSION --figure NAME [options] -o FILE\n"
        "       qroar plot SESSION --composition FILE.qfigure [look] -o FILE\n"
        "       qroar plot SESSION [look] --place L:T:W:H --figure NAME [options] --place .. -o FILE\n"
        "       qroar plot [SESSION] --list\n\n"
        "  -o, --output FILE        ends in .svg, .pdf, .png or .csv\n"
        "  --composition FILE       what the composer saved, instead of a view\n"
        "  --place L:T:W:H          begins a plot of an arrangement, at this part of the page (left, top,\n"
        "                           width, height from 0 to 1); what follows it says what the plot shows\n"
        "  --list                   figures, their options and the conditions of the session\n\n"
        "What is shown:\n"
        "  --figure NAME            the view; --list prints them and their options\n"
        "  --option NAME=VALUE      an option of the view; may be given again\n"
        "  --condition TEXT         \"yarn:4 . 1024 . rtn:4:g64\", as --list prints it: A\n"
        "  --other TEXT             the condition it is compared with: B\n"
        "  --compare FILE           another session that B is taken from\n"
        "  --show a|b|a-b           A, B or their difference (a)\n"
        "  --layer N  --tensor q|k  --stage pre|post  --group N|all  --band N  --pair N|all\n"
        "  --epsilon SHARE          of the largest values (0.001)\n"
        "  --bands EDGES            0,4,9,16 (those of the session); with what each band is called and\n"
        "                           painted in: 0=low,4=mid@#e69f00,9,16\n"
        "  --zoom PLOT:X0:X1:Y0:Y1  ranges of a plot of the view, counted from 1\n"
        "  --part N                 only this plot of the view (0: all)\n"
        "  --table NAME             this table of the view, in a .csv file; all: every one, each in a\n"
        "                           file of its own (x.csv, x-NAME.csv); --list prints the names\n"
        "  --title TEXT             instead of the view's own\n"
        "  --map viridis|cividis\n\n"
        "The look:\n"
        "  --size SIZE              shown, 3.3in, 7in, slide, or 84mm, 120x80mm, 3.5x2.5in, 812x460px\n"
        "  --font-size PT  --dpi N  --line-width FACTOR  --theme light|dark\n"
        "  --without LIST           some of title,legend,colour-bar,footer\n"
        "  --selection on|off       what is selected: the cell of a map, the pair of a spectrum (off)\n\n"
        "Exit codes: 0 done, 1 failed, 2 usage.\n");
}

QString read(const QStringList& arguments, Request& request) {
    for (qsizetype at = 0; at < arguments.size(); ++at) {
        const QString& word = arguments[at];
        const auto equals = word.indexOf(u'=');
        const bool isLong = word.startsWith(QLatin1String("--"));
        const QString name = isLong && equals > 0 ? word.left(equals) : word;
        QString* target = name == QLatin1String("-o") || name == QLatin1String("--output") ? &request.output
                          : name == QLatin1String("--composition") ? &request.composition
                                                                   : nullptr;
        const bool place = name == QLatin1String("--place");
        if (name == QLatin1String("--help") || name == QLatin1String("-h")) {
            request.help = true;
        } else if (name == QLatin1String("--list")) {
            request.list = true;
        } else if (!isLong && !target) {
            if (word.startsWith(u'-'))
                return Words::tr(
                           "%1: unknown option; expected -o or one of --list, --composition, --place, --%2")
                    .arg(word, FigureSpec::optionNames().join(QStringLiteral(", --")));
            if (!request.session.isEmpty())
                return Words::tr("expected one session, found \"%1\" and \"%2\"").arg(request.session, word);
            request.session = word;
        } else if (target) {
            if (name == word && at + 1 >= arguments.size())
                return Words::tr("%1: expected a value").arg(word);
            *target = name == word ? arguments[++at] : word.mid(equals + 1);
        } else if (place) {
            if (name == word && at + 1 >= arguments.size())
                return Words::tr("%1: expected a value").arg(word);
            const QString value = name == word ? arguments[++at] : word.mid(equals + 1);
            if (const QString error = request.arrangement.addPlace(value); !error.isEmpty()) return error;
            request.plots << QStringList();
        } else {
            if (!FigureSpec::optionNames().contains(name.mid(2))) return FigureSpec().set(name.mid(2), {});
            if (name == word && at + 1 >= arguments.size())
                return Words::tr("%1: expected a value").arg(word);
            QStringList& words = request.wordsFor(name.mid(2));
            words << word;
            if (name == word) words << arguments[++at];
        }
    }
    return {};
}

QString check(const Request& request, const FigureSpec& spec) {
    if (request.session.isEmpty()) return Words::tr("expected a session (.h5), found none");
    if (request.output.isEmpty()) return Words::tr("-o: expected a file name, found none");
    if (!request.plots.isEmpty() && !request.composition.isEmpty())
        return Words::tr("--place: expected an arrangement or --composition, found both");
    if (!request.plots.isEmpty() && !spec.view.isEmpty())
        return Words::tr("--figure: expected it behind the --place of its plot");
    const QString suffix = QFileInfo(request.output).suffix().toLower();
    if (!QStringList{QStringLiteral("svg"), QStringLiteral("pdf"), QStringLiteral("png"),
                     QStringLiteral("csv")}
             .contains(suffix))
        return Words::tr("-o: expected a name that ends in .svg, .pdf, .png or .csv, found \"%1\"")
            .arg(request.output);
    const bool csv = suffix == QLatin1String("csv");
    if (!csv && !spec.table.isEmpty())
        return Words::tr("--table: expected an output that ends in .csv, found \"%1\"").arg(request.output);
    if (csv && spec.part > 0)
        return Words::tr("--part: is a plot of the view; --table chooses what a .csv file holds");
    return {};
}

std::shared_ptr<const Session> open(const QString& path, QString* error) {
    auto session = loadSession(path.toStdString());
    if (session) return *session;
    *error = QString::fromStdString(session.error().message);
    return nullptr;
}

void print(const QString& text) {
    std::fputs(text.toUtf8().constData(), stdout);
}

/// What the figure lacks of what was asked for.
void note(const QString& text) {
    if (!text.isEmpty()) std::fprintf(stderr, "qroar plot: %s\n", text.toUtf8().constData());
}

/// What the first table of a view is called, whose key is empty.
QString wordOf(const DiagnosticPanel::Table& table) {
    return table.key.isEmpty() ? QStringLiteral("main") : table.key;
}

QStringList tableWords(DiagnosticPanel& panel) {
    QStringList words;
    for (const DiagnosticPanel::Table& table : panel.tables()) words << wordOf(table);
    return words;
}

/// Every view with its options, their values and, for a session, what they are now; and its conditions.
void list(const std::shared_ptr<const Session>& session) {
    for (const FigureKind& kind : figureKinds()) {
        SelectionModel selection;
        const auto panel = kind.make(&selection);
        if (session) panel->setSession(session);
        panel->ensureFresh();
        print(QStringLiteral("%1  %2\n").arg(kind.key.leftJustified(14), kind.title));
        for (const DiagnosticPanel::Option& option : panel->options())
            print(QStringLiteral("    --option %1=%2\n")
                      .arg(option.name, option.free               ? Words::tr("TEXT")
                                        : option.values.isEmpty() ? Words::tr("NUMBER")
                                                                  : option.values.join(u'|')));
        if (const QStringList words = tableWords(*panel); session && words.size() > 1)
            print(QStringLiteral("    --table %1\n").arg(words.join(u'|')));
    }
    if (!session) return;
    print(Words::tr("\nConditions:\n"));
    for (const auto& condition : session->conditions)
        print(QStringLiteral("    %1\n").arg(QString::fromStdString(condition->key.text())));
}

int write(const Request& request, const Figure& figure, const FigureStyle& style) {
    if (const QString problem = figureSizeProblem(figure, style); !problem.isEmpty())
        return complain(QStringLiteral("--size ") + problem, Failed); // depends on what the session has
    QString error;
    if (!writeFigure(figure, request.output, style, &error)) return complain(error, Failed);
    for (const QString& sentence : figureLeftOut(figure, style)) note(sentence);
    return Fine;
}

bool isCsv(const Request& request) {
    return request.output.endsWith(QLatin1String(".csv"), Qt::CaseInsensitive);
}

/// The table that was asked for, or all of them, each in a file of its own.
int writeTables(const Request& request, const FigureSpec& spec, DiagnosticPanel& panel) {
    const QStringList words = tableWords(panel);
    const QString wanted = spec.table.isEmpty() ? words.front() : spec.table;
    const bool all = wanted == QLatin1String("all");
    if (!all && !words.contains(wanted))
        return complain(Words::tr("--table: expected all or one of %1, found \"%2\"")
                            .arg(words.join(QStringLiteral(", ")), wanted),
                        Failed);
    const std::vector<DiagnosticPanel::Table> tables = panel.tables();
    for (const DiagnosticPanel::Table& table : tables) {
        if (!all && wordOf(table) != wanted) continue;
        QString path = request.output, error;
        if (all && !table.key.isEmpty()) path.insert(path.size() - 4, u'-' + table.key);
        if (!panel.exportTable(table, path, &error)) return complain(error, Failed);
    }
    if (spec.table.isEmpty() && tables.size() > 1)
        note(Words::tr("wrote the table \"%1\"; --table has %2 as well, and all")
                 .arg(words.front(), words.mid(1).join(QStringLiteral(", "))));
    return Fine;
}

int plotOne(const Request& request, const FigureSpec& spec, const std::shared_ptr<const Session>& session) {
    FigureView view;
    if (const QString error = view.set(spec, session, open, request.session); !error.isEmpty())
        return complain(error, view.isMisfit() ? Failed : Usage);
    note(view.notDrawn());
    if (isCsv(request)) return writeTables(request, spec, *view.panel());
    const int code = write(request, view.begin(), spec.style);
    view.end();
    return code;
}

/// `name`: of the file that says what is drawn, with which messages begin; what is wrong in a file is no
/// fault of the command line.
int draw(const Request& request, const Composition& composition, const QString& name,
         const std::shared_ptr<const Session>& session) {
    ComposedFigure composed;
    if (const QString error = composed.set(composition, session, open, request.session); !error.isEmpty())
        return complain(name.isEmpty() ? error : QStringLiteral("%1: %2").arg(name, error),
                        composed.isMisfit() || !name.isEmpty() ? Failed : Usage);
    for (const QString& one : composed.notDrawn()) note(one);
    QString error;
    if (isCsv(request))
        return writeWholeFile(request.output, composed.csv().toUtf8(), &error) ? Fine
                                                                               : complain(error, Failed);
    const int code = write(request, composed.begin(), composition.style);
    composed.end();
    return code;
}

int plotArrangement(const Request& request, const FigureSpec& look,
                    const std::shared_ptr<const Session>& session) {
    Composition composition = request.arrangement;
    composition.style = look.style;
    composition.title = look.title;
    for (qsizetype plot = 0; plot < request.plots.size(); ++plot)
        if (const QString error = FigureSpec::parse(request.plots[plot], composition.cells[plot].figure);
            !error.isEmpty())
            return complain(error, Usage);
    return draw(request, composition, {}, session);
}

int plotComposition(const Request& request, const FigureSpec& look,
                    const std::shared_ptr<const Session>& session) {
    QFile file(request.composition);
    if (!file.open(QIODevice::ReadOnly))
        return complain(QStringLiteral("%1: %2").arg(request.composition, file.errorString()), Failed);
    auto composition = Composition::fromJson(file.readAll());
    if (!composition)
        return complain(QStringLiteral("%1: %2").arg(request.composition,
                                                     QString::fromStdString(composition.error().message)),
                        Failed);
    // The look of the command line goes before that of the file, option by option.
    FigureSpec merged;
    merged.style = composition->style;
    if (const QString error = FigureSpec::parse(request.figure, merged); !error.isEmpty())
        return complain(error, Usage);
    composition->style = merged.style;
    if (!look.title.isEmpty()) composition->title = look.title;
    return draw(request, *composition, request.composition, session);
}

} // namespace

int runPlot(const QStringList& arguments) {
    Request request;
    if (const QString error = read(arguments, request); !error.isEmpty()) return complain(error, Usage);
    if (request.help) {
        print(helpText());
        return Fine;
    }
    FigureSpec spec;
    QString error = FigureSpec::parse(request.figure, spec);
    if (error.isEmpty() && !request.list) error = check(request, spec);
    if (!error.isEmpty()) return complain(error, Usage);
    std::shared_ptr<const Session> session;
    if (!request.session.isEmpty() && !(session = open(request.session, &error)))
        return complain(error, Failed);
    if (request.list) {
        list(session);
        return Fine;
    }
    if (!request.plots.isEmpty()) return plotArrangement(request, spec, session);
    return request.composition.isEmpty() ? plotOne(request, spec, session)
                                         : plotComposition(request, spec, session);
}

} // namespace qroar
