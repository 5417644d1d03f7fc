// qroar-workbench: reads the command line, sets the program up, shows the window.
#include "app/gui/window/main_window.h"
#include "qroar/version.h"

#include <QApplication>
#include <QCommandLineParser>
#include <QSettings>
#include <QStandardPaths>
#include <QTimer>

int main(int argc, char** argv) {
    QApplication application(argc, argv);
    QApplication::setApplicationName(QStringLiteral("qroar-workbench"));
    QApplication::setApplicationDisplayName(QStringLiteral("Q-ROAR Workbench"));
    QApplication::setApplicationVersion(QStringLiteral(QROAR_VERSION));
    QApplication::setOrganizationName(QStringLiteral("qroar"));
    QApplication::setDesktopFileName(QStringLiteral("qroar-workbench"));

    QCommandLineParser parser;
    parser.setApplicationDescription(QApplication::translate(
        "main",
        "Diagnostics workbench for RoPE scaling of quantized LLMs. All on this machine's processor."));
    parser.addHelpOption();
    parser.addVersionOption();
    const QCommandLineOption sample(
        QStringLiteral("sample"),
        QApplication::translate("main", "Open the sample model and the sample texts."));
    parser.addOption(sample);
    parser.addPositionalArgument(
        QStringLiteral("path"),
        QApplication::translate("main",
                                "A session (.h5), a Hugging Face model folder, a .safetensors file or a "
                                "llama2.c .bin."),
        QStringLiteral("[path]"));
    parser.process(application);

    QSettings settings;
    qroar::WindowEnvironment environment;
    environment.settings = &settings;
    environment.autosaveFolder =
        QStandardPaths::writableLocation(QStandardPaths::AppDataLocation) + QStringLiteral("/autosave");
    environment.sampleFolders = qroar::sampleFolders();
    qroar::MainWindow window(environment);
    window.show();
    QTimer::singleShot(0, &window, [&] {
        window.offerRecovery();
        if (!parser.positionalArguments().isEmpty())
            window.openPath(parser.positionalArguments().first());
        else if (parser.isSet(sample))
            window.openSample();
    });
    return QApplication::exec();
}
