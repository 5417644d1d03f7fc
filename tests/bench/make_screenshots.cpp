// Pictures for the handbook: the start page, the window, every view, dock and dialog of a session, light and
// dark, small enough for a repository. .ci/screenshots makes a session of the sample and runs it. The session
// should hold noise, damage and a condition with gains; its model and documents should still be there, so
// that a what-if can be measured.
//   make_screenshots SESSION FOLDER
#include "app/gui/figures/composer_dialog.h"
#include "app/gui/figures/figure_center.h"
#include "app/gui/figures/figure_dialog.h"
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
#include <string_view>

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

QDockWidget* dockNamed(MainWindow& window, const char* name) {
    return window.findChild<QDockWidget*>(QLatin1String(name));
}

/// The dock by itself, as large as a figure in a page.
void takeDock(Pictures& pictures, QDockWidget* dock, const QString& name, const QSize& size) {
    const bool hidden = dock->isHidden();
    dock->show();
    dock->setFloating(true);
    dock->resize(size);
    pictures.take(name, [dock] {
        dock->raise();
        for (DiagnosticPanel* panel : dock->findChildren<DiagnosticPanel*>()) panel->ensureFresh();
        return dock->widget();
    });
    dock->setFloating(false);
    dock->setHidden(hidden);
}

constexpr QSize viewSize(760, 470);

/// A view with other choices than those it begins with.
struct Look {
    const char *picture, *dock, *option, *value;
};
constexpr Look looks[] = {{"view-phases-curves", "phases", "view", "curves"},
                          {"view-ropeAudit", "ropeAudit", "spec", "yarn:8:attn=1.2"},
                          {"view-histogram-ridges", "histogram", "view", "ridge-context"},
                          {"view-histogram-map", "histogram", "view", "map"},
                          {"view-perplexity-kl", "perplexity", "measure", "kl"},
                          {"view-outliers-magnitude", "outliers", "view", "magnitude"},
                          {"view-outliers-positions", "outliers", "view", "positions"},
                          {"view-logitNoise-bands", "logitNoise", "curves", "bands"},
                          {"map-excess", "tailInflation", "metric", "excess_tail_mass"},
                          {"map-anisotropy", "tailInflation", "metric", "anisotropy"},
                          {"map-logitNoise", "tailInflation", "metric", "logit_noise_rms"},
                          {"map-damage", "tailInflation", "metric", "band_damage_kl"}};

void takeLook(MainWindow& window, Pictures& pictures, const Look& look) {
    QDockWidget* dock = dockNamed(window, look.dock);
    auto* panel = dock ? qobject_cast<DiagnosticPanel*>(dock->widget()) : nullptr;
    if (!panel) return;
    QString before;
    for (const DiagnosticPanel::Option& option : panel->options())
        if (option.name == QLatin1String(look.option)) before = option.value;
    QString problem = panel->setOption(QLatin1String(look.option), QLatin1String(look.value));
    if (problem.isEmpty()) problem = panel->emptyText();
    if (problem.isEmpty())
        takeDock(pictures, dock, QLatin1String(look.picture), viewSize);
    else
        std::printf("%s: %s\n", look.picture, qPrintable(problem));
    panel->setOption(QLatin1String(look.option), before);
}

void takeViews(MainWindow& window, Pictures& pictures) {
    for (auto* dock : window.plots().findChildren<QDockWidget*>()) {
        auto* panel = qobject_cast<DiagnosticPanel*>(dock->widget());
        if (panel && !panel->emptyText().isEmpty())
            std::printf("%s is empty: %s\n", qPrintable(dock->objectName()), qPrintable(panel->emptyText()));
        takeDock(pictures, dock, "view-" + dock->objectName(), viewSize);
    }
    for (const Look& look : looks) takeLook(window, pictures, look);
}

/// Conditions of the session by their names; -1: not there.
int conditionNamed(const Session& session, const std::string& text) {
    for (std::size_t index = 0; index < session.conditions.size(); ++index)
        if (session.conditions[index]->key.text() == text) return static_cast<int>(index);
    return -1;
}

/// What quantization does at the long context: A - B, then what gains do to it.
void takeDifferences(MainWindow& window, Pictures& pictures, int quantized, int full) {
    window.selection().setCondition(quantized);
    window.compare().choose(window.workspace().current(), full);
    if (const QString why = window.compare().show(CompareMode::Difference); !why.isEmpty()) {
        std::printf("difference: %s\n", qPrintable(why));
        return;
    }
    window.resetLayout();
    pictures.take(
        "window-difference", [&window] { return &window; }, 1280);
    for (const char* name : {"spectrum", "tailInflation", "histogram", "perplexity"})
        takeDock(pictures, dockNamed(window, name), QStringLiteral("difference-%1").arg(name), viewSize);
    window.compare().show(CompareMode::A);
}

/// Gains of three bands by hand, measured where the model is there, and others that are only pinned.
void pinWhatIfs(MainWindow& window) {
    const BandPartition bands = window.workspace().session()->bands;
    dockNamed(window, "scales")->show(); // a hidden editor predicts nothing
    dockNamed(window, "scales")->raise();
    const auto set = [&](int band, double value) {
        GainEdit next = window.scales().controller().edit();
        next.set(bands, -1, band, {value, 1});
        window.scales().controller().setEdit(next, "picture");
        settle();
    };
    set(std::min(3, bands.count() - 1), 1.12);
    set(std::min(5, bands.count() - 1), 0.94);
    for (const QDeadlineTimer end(30000); !window.scales().evaluation() && !end.hasExpired();) settle();
    if (const auto possible = window.scales().evaluation(); !possible)
        std::printf("what-ifs: %s\n", possible.error().message.c_str());
    else
        window.scales().evaluate();
    while (window.scales().running()) settle();
    settle();
    set(0, 1.05);
    window.scales().pin();
    settle();
}

void takeDocks(MainWindow& window, Pictures& pictures) {
    for (const char* name : {"setup", "project", "searchSetup", "export", "scales", "bands"})
        if (QDockWidget* dock = dockNamed(window, name))
            takeDock(pictures, dock, QStringLiteral("view-%1").arg(name),
                     QSize(380, std::string_view(name) == "setup" ? 800 : 640));
    if (QDockWidget* dock = dockNamed(window, "whatIfs"))
        takeDock(pictures, dock, "view-whatIfs", QSize(960, 200));
    window.resetLayout();
}

void takeFigures(MainWindow& window, Pictures& pictures) {
    const auto panel = [&](const char* name) {
        return qobject_cast<DiagnosticPanel*>(dockNamed(window, name)->widget());
    };
    window.figures().exportFigure(panel("tailInflation"));
    pictures.take("figure", [&] { return window.figures().dialog(); });
    window.figures().dialog()->close();
    window.figures().compose();
    ComposerDialog* composer = window.figures().composer();
    for (const char* name : {"tailInflation", "pressure", "histogram", "perplexity"}) {
        window.plots().showPanel(panel(name));
        emit composer->currentPlotWanted();
    }
    composer->resize(1120, 720);
    pictures.take(
        "composer", [&] { return composer; }, 1120);
    composer->close();
    window.resetLayout();
}

void takeHelp(MainWindow& window, Pictures& pictures) {
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

void takeAll(MainWindow& window, Pictures& pictures) {
    const auto session = window.workspace().session();
    const int quantized = conditionNamed(*session, "yarn:4 \u00b7 1024 \u00b7 rtn:4:g64");
    const int full = conditionNamed(*session, "yarn:4 \u00b7 1024 \u00b7 none");
    if (quantized >= 0) window.selection().setCondition(quantized);
    window.selection().setLayer(std::min(2, session->model.layers - 1));
    window.selection().setBand(std::min(3, session->bands.count() - 1));
    window.resetLayout();
    pictures.take(
        "window", [&window] { return &window; }, 1280);
    takeViews(window, pictures);
    if (quantized >= 0 && full >= 0) takeDifferences(window, pictures, quantized, full);
    pinWhatIfs(window);
    takeDocks(window, pictures);
    takeFigures(window, pictures);
    takeHelp(window, pictures);
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
    window.resize(1280, 800);
    window.show();
    Pictures pictures(window, words[2]);
    QDir().mkpath(words[2]);
    pictures.take(
        "start", [&window] { return &window; }, 1280);
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
