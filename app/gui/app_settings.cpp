#include "app/gui/app_settings.h"

#include <QFileInfo>

namespace qroar {

namespace {
constexpr int maxRecent = 8;
/// A layout of another version is not restored.
constexpr int layoutVersion = 1;
} // namespace

QStringList AppSettings::recent(const char* key) const {
    return store_.value(key).toStringList();
}

void AppSettings::addRecent(const char* key, const QString& path) {
    const QString absolute = QFileInfo(path).absoluteFilePath();
    QStringList paths = recent(key);
    paths.removeAll(absolute);
    paths.prepend(absolute);
    while (paths.size() > maxRecent) paths.removeLast();
    store_.setValue(key, paths);
}

void AppSettings::clearRecent() {
    store_.remove("recent/sessions");
    store_.remove("recent/models");
}

AppearanceMode AppSettings::appearance() const {
    const QString mode = store_.value("window/appearance").toString();
    return mode == "light"  ? AppearanceMode::Light
           : mode == "dark" ? AppearanceMode::Dark
                            : AppearanceMode::System;
}

void AppSettings::setAppearance(AppearanceMode mode) {
    store_.setValue("window/appearance", mode == AppearanceMode::Light  ? "light"
                                         : mode == AppearanceMode::Dark ? "dark"
                                                                        : "system");
}

AppSettings::Layout AppSettings::layout() const {
    if (store_.value("window/layoutVersion").toInt() != layoutVersion) return {};
    return {store_.value("window/geometry").toByteArray(), store_.value("window/docks").toByteArray(),
            store_.value("window/plots").toByteArray()};
}

void AppSettings::setLayout(const Layout& layout) {
    store_.setValue("window/layoutVersion", layoutVersion);
    store_.setValue("window/geometry", layout.geometry);
    store_.setValue("window/docks", layout.docks);
    store_.setValue("window/plots", layout.plots);
}

void AppSettings::forgetLayout() {
    for (const char* key : {"window/layoutVersion", "window/docks", "window/plots"}) store_.remove(key);
}

QString AppSettings::folder(const QString& kind) const {
    return store_.value("folders/" + kind).toString();
}

void AppSettings::setFolder(const QString& kind, const QString& path) {
    const QFileInfo info(path);
    store_.setValue("folders/" + kind, info.isDir() ? info.absoluteFilePath() : info.absolutePath());
}

} // namespace qroar
