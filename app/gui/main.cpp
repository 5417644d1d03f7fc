// qroar-workbench: reads the command line, sets the program up, shows the window.
#include "app/gui/figures/plot_command.h"
#include "app/gui/report/report_command.h"
#include "app/gui/window/launcher_entry.h"
#include "app/gui/window/log_panel.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/message_bar.h"
#include "qroar/version.h"

#include <QApplication>
#include <QCommandLineParser>
#include <QDir>
#include <QEventLoop>
#include <QLocale>
#include <QSettings>
#include <QStandardPaths>
#include <QTimer>
#include <QTranslator>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

namespace {

/// The headless way to every figure of a session: loads it, exports, and says how it went.
int exportFigures(qroar::MainWindow& window, const QString& session, const QString& folder,
                  const qroar::PlotsToExport& what) {
    bool loaded = false;
    QEventLoop wait;
    QObject::connect(&window, &qroar::MainWindow::sessionOpened, &wait, [&] {
        loaded = true;
        wait.quit();
    });
    QObject::connect(&window, &qroar::MainWindow::errorShown, &wait, [&](const QString& message) {
        std::fprintf(stderr, "%s\n", qPrintable(message));
        wait.quit();
    });
    QTimer::singleShot(0, &window, [&] { window.openSession(session); });
    wait.exec();
    window.messages().dismiss(); // figures do not need the session's model: no word of it in the pictures
    // Pictures first: after the export the status bar speaks of that.
    const bool fine = loaded && window.saveScreenshots(folder) && window.exportPlots(folder, what);
    for (const QString& line : window.log().toPlainText().split('\n'))
        if (line.contains(QStringLiteral("Not exported"))) std::fprintf(stderr, "%s\n", qPrintable(line));
    return fine ? 0 : 1;
}

/// What the command line names; who started the window from a terminal reads there why it cannot be opened.
void openNamed(qroar::MainWindow& window, const QString& path) {
    auto* wait = new QObject(&window); // until it is open, or not
    const auto end = [wait] { wait->deleteLater(); };
    QObject::connect(&window, &qroar::MainWindow::errorShown, wait, [end](const QString& message) {
        std::fprintf(stderr, "qroar-workbench: %s\n", qPrintable(message));
        end();
    });
    QObject::connect(&window, &qroar::MainWindow::sessionOpened, wait, end);
    QObject::connect(&window.analysis(), &qroar::AnalysisController::modelOpened, wait, end);
    window.openPath(path);
}

/// Sub-commands of qroar that need views but no window: app/cli/workbench_process.h starts them.
constexpr std::pair<const char*, int (*)(const QStringList&)> commands[] = {{"--plot", qroar::runPlot},
                                                                            {"--report", qroar::runReport}};

/// Words of Qt about its own surroundings are no words of a command.
void onlyOurWords(QtMsgType kind, const QMessageLogContext&, const QString& text) {
    if (kind == QtDebugMsg || kind == QtInfoMsg || text.startsWith(QLatin1String("QStandardPaths:"))
        || text.startsWith(QLatin1String("This plugin does not support")))
        return;
    std::fprintf(stderr, "%s\n", qPrintable(text));
}

/// Without a display Qt aborts before anything can be said; help, errors and what needs no window need none.
/// True: there is none to show a window on.
bool withoutDisplay(int argc, char** argv) {
#if defined(Q_OS_UNIX) && !defined(Q_OS_MACOS)
    const bool chosen = std::any_of(argv + 1, argv + argc, [](const char* word) {
        return std::strcmp(word, "-platform") == 0 || std::strcmp(word, "--platform") == 0;
    });
    if (chosen || qEnvironmentVariableIsSet("DISPLAY") || qEnvironmentVariableIsSet("WAYLAND_DISPLAY")
        || !qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM"))
        return false;
    qputenv("QT_QPA_PLATFORM", "offscreen");
    return true;
#else
    return false;
#endif
}

void nameApplication() {
    QApplication::setApplicationName(QStringLiteral("qroar-workbench"));
    QApplication::setApplicationDisplayName(QStringLiteral("Q-ROAR Workbench"));
    QApplication::setApplicationVersion(QStringLiteral(QROAR_VERSION));
    QApplication::setOrganizationName(QStringLiteral("qroar"));
    QApplication::setDesktopFileName(QStringLiteral("qroar-workbench"));
}

/// The user's language, where there is one (resources/translations).
void translate(QTranslator& translator) {
    for (const char* folder : {"../share/qroar-workbench/translations", "../translations"})
        if (translator.load(QLocale(), QStringLiteral("qroar"), QStringLiteral("_"),
                            QDir(QApplication::applicationDirPath()).filePath(QLatin1String(folder)))) {
            QApplication::installTranslator(&translator);
            return;
        }
}

class Main {
    Q_DECLARE_TR_FUNCTIONS(main)
};

/// What the words of the command line ask for.
struct Words {
    QStringList paths;
    QString figures; ///< folder of --export-figures
    qroar::PlotsToExport what;
    bool sample = false, headless = false;
    std::optional<int> exitCode; ///< nothing more is to be done
};

/// As `qroar` says it, and where help is.
int wrongWords(const QString& problem) {
    std::fprintf(stderr, "qroar-workbench: %s\nRun qroar-workbench --help for more information.\n",
                 qPrintable(problem));
    return 2;
}

/// What is wrong with the words by themselves; empty: nothing.
QString problemOf(const Words& words, bool forFigures) {
    if (words.paths.size() > 1)
        return Main::tr("%1: one path only, after %2").arg(words.paths[1], words.paths[0]);
    if (words.headless && words.paths.isEmpty())
        return Main::tr("--export-figures: of which session? Add its path.");
    if (words.headless && words.sample) return Main::tr("--sample: not with --export-figures");
    if (words.sample && !words.paths.isEmpty())
        return Main::tr("--sample: not with a path (%1)").arg(words.paths.first());
    if (!words.headless && forFigures)
        return Main::tr("--every-condition, --every-metric and --formats go with --export-figures");
    if (const QStringList unknown = qroar::unknownFormats(words.what.formats); !unknown.isEmpty())
        return Main::tr("--formats: %1 is not known; expected some of svg,png,pdf,csv")
            .arg(unknown.join(','));
    if (words.what.formats.isEmpty())
        return Main::tr("--formats: nothing is named; expected some of svg,png,pdf,csv");
    return {};
}

Words parseWords() {
    QCommandLineParser parser;
    parser.setApplicationDescription(Main::tr(
        "Diagnostics workbench for RoPE scaling of quantized LLMs. All on this machine's processor."));
    const QCommandLineOption help = parser.addHelpOption(), version = parser.addVersionOption();
    const QCommandLineOption sample(QStringLiteral("sample"),
                                    Main::tr("Open the sample model and the sample texts."));
    const QCommandLineOption figures(
        QStringLiteral("export-figures"),
        Main::tr("Write every plot of the session and screenshots of the window into FOLDER, "
                 "then end. Needs no display."),
        QStringLiteral("FOLDER"));
    const QCommandLineOption everyCondition(
        QStringLiteral("every-condition"),
        Main::tr("With --export-figures: a folder of plots for every condition, and for "
                 "after - before where it was run with gains."));
    const QCommandLineOption everyMetric(QStringLiteral("every-metric"),
                                         Main::tr("With --export-figures: every metric of the maps."));
    const QCommandLineOption formats(
        QStringLiteral("formats"),
        Main::tr("With --export-figures: which of svg,png,pdf,csv to write (all)."), QStringLiteral("LIST"),
        QStringLiteral("svg,png,pdf,csv"));
    parser.addOptions({sample, figures, everyCondition, everyMetric, formats});
    parser.addPositionalArgument(
        QStringLiteral("path"),
        Main::tr(
            "A session (.h5), a Hugging Face model folder, a .safetensors or .gguf file or a llama2.c .bin."),
        QStringLiteral("[path]"));
    Words words;
    if (!parser.parse(QApplication::arguments())) { // process() ends with 1, which is for failures
        words.exitCode = wrongWords(parser.errorText());
        return words;
    }
    if (parser.isSet(version)) parser.showVersion();
    if (parser.isSet(help)) parser.showHelp();
    words.paths = parser.positionalArguments();
    words.sample = parser.isSet(sample);
    words.headless = parser.isSet(figures);
    words.figures = parser.value(figures);
    words.what.everyCondition = parser.isSet(everyCondition);
    words.what.everyMetric = parser.isSet(everyMetric);
    words.what.formats = parser.value(formats).toLower().split(',', Qt::SkipEmptyParts);
    const bool forFigures = words.what.everyCondition || words.what.everyMetric || parser.isSet(formats);
    if (const QString problem = problemOf(words, forFigures); !problem.isEmpty())
        words.exitCode = wrongWords(problem);
    return words;
}

} // namespace

int main(int argc, char** argv) {
    const bool blind = withoutDisplay(argc, argv);
    const auto* const command = std::find_if(std::begin(commands), std::end(commands), [&](const auto& one) {
        return argc > 1 && std::strcmp(argv[1], one.first) == 0;
    });
    if (command != std::end(commands)) qInstallMessageHandler(onlyOurWords);
    QApplication application(argc, argv);
    nameApplication();
    QTranslator translator;
    translate(translator);
    if (command != std::end(commands)) return command->second(QApplication::arguments().mid(2));

    const Words words = parseWords();
    if (words.exitCode) return *words.exitCode;
    if (blind && !words.headless) {
        std::fputs(qPrintable(Main::tr("qroar-workbench: no display to show a window on: neither DISPLAY nor "
                                       "WAYLAND_DISPLAY is set. qroar needs none.\n")),
                   stderr);
        return 1;
    }
    // Headless: the user's settings and autosaves have no part in it.
    auto settings = words.headless ? std::make_unique<QSettings>(QString(), QSettings::IniFormat)
                                   : std::make_unique<QSettings>();
    qroar::WindowEnvironment environment;
    environment.settings = settings.get();
    if (!words.headless)
        environment.autosaveFolder =
            QStandardPaths::writableLocation(QStandardPaths::AppDataLocation) + QStringLiteral("/autosave");
    environment.sampleFolders = qroar::sampleFolders();
    if (!words.headless) environment.taskbar = qroar::desktopTaskbar();
    qroar::MainWindow window(environment);
    window.show();
    if (words.headless) return exportFigures(window, words.paths.first(), words.figures, words.what);
    QTimer::singleShot(0, &window, [&] {
        if (!words.paths.isEmpty())
            openNamed(window, words.paths.first());
        else if (words.sample)
            window.openSample();
        window.offerRecovery();
    });
    return QApplication::exec();
}
