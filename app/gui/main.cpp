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

/// What needs no window needs no display.
void chooseDisplay(int argc, char** argv) {
    const auto asks = [&](const char* option) {
        return std::any_of(argv + 1, argv + argc,
                           [option](const char* word) { return std::strcmp(word, option) == 0; });
    };
    const bool display = qEnvironmentVariableIsSet("DISPLAY") || qEnvironmentVariableIsSet("WAYLAND_DISPLAY");
    if (!display && qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")
        && (std::any_of(std::begin(commands), std::end(commands),
                        [&](const auto& one) { return asks(one.first); })
            || asks("--help") || asks("-h") || asks("--version") || asks("-v") || asks("--export-figures")))
        qputenv("QT_QPA_PLATFORM", "offscreen");
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
    bool sample = false, headless = false, wrong = false;
};

Words parseWords(const QApplication& application) {
    QCommandLineParser parser;
    parser.setApplicationDescription(Main::tr(
        "Diagnostics workbench for RoPE scaling of quantized LLMs. All on this machine's processor."));
    parser.addHelpOption();
    parser.addVersionOption();
    const QCommandLineOption sample(QStringLiteral("sample"),
                                    Main::tr("Open the sample model and the sample texts."));
    const QCommandLineOption figures(
        QStringLiteral("export-figures"),
        Main::tr("Write every plot of the session and screenshots of the window into FOLDER, "
                 "then end. Works without a display under QT_QPA_PLATFORM=offscreen."),
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
    parser.process(application);

    Words words;
    words.paths = parser.positionalArguments();
    words.sample = parser.isSet(sample);
    words.headless = parser.isSet(figures);
    words.figures = parser.value(figures);
    words.what.everyCondition = parser.isSet(everyCondition);
    words.what.everyMetric = parser.isSet(everyMetric);
    words.what.formats = parser.value(formats).toLower().split(',', Qt::SkipEmptyParts);
    const QStringList unknown = qroar::unknownFormats(words.what.formats);
    const bool forFigures = words.what.everyCondition || words.what.everyMetric || parser.isSet(formats);
    words.wrong = words.paths.size() > 1 || (words.headless && words.paths.isEmpty())
                  || (!words.headless && forFigures) || !unknown.isEmpty() || words.what.formats.isEmpty();
    if (!words.wrong) return words;
    for (const QString& word : unknown)
        std::fprintf(stderr, "--formats: %s is not known\n\n", qPrintable(word));
    std::fputs(qPrintable(parser.helpText()), stderr);
    return words;
}

} // namespace

int main(int argc, char** argv) {
    chooseDisplay(argc, argv);
    const auto* const command = std::find_if(std::begin(commands), std::end(commands), [&](const auto& one) {
        return argc > 1 && std::strcmp(argv[1], one.first) == 0;
    });
    if (command != std::end(commands)) qInstallMessageHandler(onlyOurWords);
    QApplication application(argc, argv);
    nameApplication();
    QTranslator translator;
    translate(translator);
    if (command != std::end(commands)) return command->second(QApplication::arguments().mid(2));

    const Words words = parseWords(application);
    if (words.wrong) return 2;
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
            window.openPath(words.paths.first());
        else if (words.sample)
            window.openSample();
        window.offerRecovery();
    });
    return QApplication::exec();
}
