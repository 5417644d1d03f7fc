// Pictures for the handbook: the start page, the window, every view and every dialog of a session, light and
// dark, small enough for a repository. .ci/screenshots makes a session of the sample and runs it.
//   make_screenshots SESSION FOLDER
#include "app/gui/help/help_center.h"
#include "app/gui/settings/settings_dialog.h"
#include "app/gui/window/appearance.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/plot_area.h"
#include "core/session/session.h"

#include <QAction>
#include <QApplication>
#include <QDeadlineTimer>
#include <QDir>
#include <QDockWidget>
#include <QHash>
#include <QLabel>
#include <QSettings>
#include <QTemporaryDir>

#include <algorithm>
#include <cstdio>
#include <functional>

using namespace qroar;

namespace {

constexpr int mostColors = 255;

void settle() {
    for (const QDeadlineTimer end(250); !end.hasExpired();)
        QApplication::processEvents(QEventLoop::AllEvents, 10);
}

/// The most frequent colours, the others as the nearest of them: a third of the size, and no difference to
/// see.
QImage fewColors(const QImage& source) {
    const QImage image = source.convertToFormat(QImage::Format_RGB32);
    QHash<QRgb, int> counts;
    for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x) ++counts[image.pixel(x, y)];
    QList<QRgb> colors = counts.keys();
    std::sort(colors.begin(), colors.end(),
              [&](QRgb a, QRgb b) { return counts[a] != counts[b] ? counts[a] > counts[b] : a < b; });
    // Of colours that look the same, the most frequent one: room for the rare ones of legends.
    QList<QRgb> kept;
    const auto apart = [](QRgb a, QRgb b) {
        const int red = qRed(a) - qRed(b), green = qGreen(a) - qGreen(b), blue = qBlue(a) - qBlue(b);
        return 2 * red * red + 4 * green * green + 3 * blue * blue;
    };
    for (int least = 600; kept.size() < mostColors && least >= 0; least -= 150)
        for (const QRgb color : colors)
            if (kept.size() < mostColors && std::none_of(kept.begin(), kept.end(), [&](QRgb one) {
                    return apart(one, color) <= least;
                }))
                kept << color;
    QHash<QRgb, int> nearest;
    QImage result(image.size(), QImage::Format_Indexed8);
    result.setColorTable(kept);
    for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x) {
            const QRgb color = image.pixel(x, y);
            auto known = nearest.find(color);
            if (known == nearest.end()) {
                const auto best = std::min_element(kept.begin(), kept.end(), [&](QRgb a, QRgb b) {
                    return apart(a, color) < apart(b, color);
                });
                known = nearest.insert(color, static_cast<int>(best - kept.begin()));
            }
            result.setPixel(x, y, static_cast<uint>(*known));
        }
    return result;
}

class Pictures {
  public:
    Pictures(MainWindow& window, QString folder) : window_(window), folder_(std::move(folder)) {}

    /// Of a widget, in both appearances; wider ones are made smaller.
    void take(const QString& name, const std::function<QWidget*()>& widget, int width = 960) {
        for (const auto& [mode, suffix] :
             {std::pair{AppearanceMode::Light, "-light.png"}, std::pair{AppearanceMode::Dark, "-dark.png"}}) {
            window_.setAppearance(mode);
            settle();
            QWidget* shown = widget();
            settle();
            QImage image = shown->grab().toImage();
            if (image.width() > width) image = image.scaledToWidth(width, Qt::SmoothTransformation);
            const QString path = QDir(folder_).filePath(name + QLatin1String(suffix));
            fine_ = fewColors(image).save(path, "PNG", 0) && fine_;
        }
        std::printf("%s\n", qPrintable(name));
    }
    [[nodiscard]] bool fine() const { return fine_; }

  private:
    MainWindow& window_;
    QString folder_;
    bool fine_ = true;
};

/// The dock by itself, as large as a figure in a page.
void takeDock(Pictures& pictures, QDockWidget* dock, const QSize& size) {
    const bool hidden = dock->isHidden();
    dock->show();
    dock->setFloating(true);
    dock->resize(size);
    pictures.take("view-" + dock->objectName(), [dock] {
        dock->raise();
        for (DiagnosticPanel* panel : dock->findChildren<DiagnosticPanel*>()) panel->ensureFresh();
        return dock->widget();
    });
    dock->setFloating(false);
    dock->setHidden(hidden);
}

void takeAll(MainWindow& window, Pictures& pictures) {
    pictures.take(
        "window", [&window] { return &window; }, 1120);
    for (auto* dock : window.plots().findChildren<QDockWidget*>()) {
        auto* panel = qobject_cast<DiagnosticPanel*>(dock->widget());
        if (panel && !panel->emptyText().isEmpty())
            std::printf("%s is empty: %s\n", qPrintable(dock->objectName()), qPrintable(panel->emptyText()));
        takeDock(pictures, dock, {760, 470});
    }
    for (const char* name : {"setup", "project", "searchSetup", "export", "scales", "whatIfs"})
        if (auto* dock = window.findChild<QDockWidget*>(name))
            takeDock(pictures, dock,
                     QLatin1String(name) == QLatin1String("whatIfs") ? QSize(760, 240) : QSize(380, 640));
    window.resetLayout();
    window.help().showHandbook("theory.md", "tail-inflation-ratio-tir-ours-after-the-papers-wording");
    pictures.take("handbook", [&window] { return window.findChild<QWidget*>("handbook"); });
    window.findChild<QWidget*>("handbook")->close();
    window.help().showShortcuts();
    pictures.take("shortcuts", [&window] { return window.findChild<QWidget*>("shortcutSheet"); });
    window.findChild<QWidget*>("shortcutSheet")->close();
    window.help().showCommands();
    pictures.take("commands", [&window] { return window.findChild<QWidget*>("commandPalette"); });
    window.findChild<QWidget*>("commandPalette")->close();
    SettingsDialog settings(Preferences(), &window);
    settings.setAttribute(Qt::WA_DeleteOnClose, false);
    settings.QDialog::show();
    pictures.take("settings", [&settings] { return &settings; });
}

} // namespace

int main(int argc, char** argv) {
    if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
    QApplication application(argc, argv);
    const QStringList words = QApplication::arguments();
    if (words.size() != 3) {
        std::fputs("make_screenshots SESSION FOLDER\n", stderr);
        return 2;
    }
    QTemporaryDir own;
    QSettings store(own.filePath("settings.ini"), QSettings::IniFormat);
    WindowEnvironment environment;
    environment.settings = &store;
    environment.sampleFolders = {QStringLiteral(QROAR_SOURCE_DIR "/samples")};
    MainWindow window(environment);
    window.show();
    Pictures pictures(window, words[2]);
    QDir().mkpath(words[2]);
    pictures.take(
        "start", [&window] { return &window; }, 1120);
    bool open = false;
    QObject::connect(&window, &MainWindow::sessionOpened, &window, [&] { open = true; });
    QObject::connect(&window, &MainWindow::errorShown, &window,
                     [&](const QString& text) { std::fprintf(stderr, "%s\n", qPrintable(text)); });
    window.openSession(words[1]);
    for (const QDeadlineTimer end(60000); !open && !end.hasExpired();) settle();
    settle();
    if (!open) return 1;
    window.messages().dismiss();
    // Whose machine it was is no business of the handbook.
    for (auto* action : window.findChildren<QAction*>())
        if (action->text() == QLatin1String("&Clear this list")) action->trigger();
    for (auto* label : window.findChildren<QLabel*>())
        if (label->accessibleName() == QLatin1String("Status")) label->clear();
    takeAll(window, pictures);
    return pictures.fine() ? 0 : 1;
}
