// What the tests of whole windows share: a window in a folder of its own, a tiny random model, documents.
#pragma once

#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/main_window.h"
#include "tests/support/safetensors_writer.h"

#include <QSettings>
#include <QTemporaryDir>
#include <QTest>

#include <memory>

namespace qroar::test {

struct WindowBench {
    QTemporaryDir folder;
    QSettings settings{folder.filePath("settings.ini"), QSettings::IniFormat};
    std::unique_ptr<MainWindow> window;
    TaskbarProgress::Send taskbar; ///< of the windows opened from now on

    WindowBench() { open(); }
    void open() {
        WindowEnvironment environment;
        environment.settings = &settings;
        environment.autosaveFolder = folder.filePath("autosave");
        environment.taskbar = taskbar;
        window = std::make_unique<MainWindow>(environment);
        window->setQuestion(
            [](const QString&, QMessageBox::StandardButtons) { return QMessageBox::Discard; });
        window->show();
    }

    [[nodiscard]] QString model() const {
        const QString path = folder.filePath("model");
        if (!QFile::exists(path)) makeRandomHfModel(path.toStdString());
        return path;
    }
    /// Token ids below the vocabulary of the random model.
    [[nodiscard]] QString document(const QString& name, int tokens) const {
        const QString path = folder.filePath(name + ".u16");
        std::string bytes;
        for (int token = 0; token < tokens; ++token) {
            bytes.push_back(static_cast<char>((token * 7 + token / 11) % 64));
            bytes.push_back(0);
        }
        writeBytes(path.toStdString(), bytes);
        return path;
    }
    [[nodiscard]] bool ready(const QStringList& documents, const std::vector<int>& contexts,
                             const QStringList& ropes, const QStringList& quants) const {
        window->setup().setRopes(ropes);
        window->setup().setQuants(quants);
        window->setup().setContexts(contexts);
        window->openModel(model());
        window->setup().setDocuments(documents);
        return QTest::qWaitFor([this] { return window->analysis().inputsReady(); }, 20000)
               && window->setup().problem().isEmpty();
    }
    [[nodiscard]] bool waitForEnd(int milliseconds = 60000) const {
        const auto idle = [this] {
            return !window->analysis().running() && !window->analysis().autosaving();
        };
        return QTest::qWaitFor(idle, milliseconds);
    }
};

} // namespace qroar::test
