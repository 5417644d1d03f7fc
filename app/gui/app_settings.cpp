#include "app/gui/app_settings.h"

#include <QFileInfo>

#include <algorithm>

namespace qroar {

namespace {
/// A layout of another version is not restored.
constexpr int layoutVersion = 1;

/// A word of `allowed`, the first one for anything else.
QString oneOf(const QVariant& stored, const QStringList& allowed) {
    return allowed.contains(stored.toString()) ? stored.toString() : allowed.first();
}

int within(const QSettings& store, const char* key, int low, int high, int otherwise) {
    bool number = false;
    const int value = store.value(key, otherwise).toInt(&number);
    return number ? std::clamp(value, low, high) : otherwise;
}

/// Any text as the name of one group: QSettings takes slashes for groups.
QString layoutGroup(const QString& name) {
    return "layouts/" + QString::fromLatin1(name.toUtf8().toHex());
}

} // namespace

QStringList AppSettings::recent(const char* key) const {
    return store_.value(key).toStringList();
}

void AppSettings::addRecent(const char* key, const QString& path) {
    const QString absolute = QFileInfo(path).absoluteFilePath();
    QStringList paths = recent(key);
    paths.removeAll(absolute);
    paths.prepend(absolute);
    while (paths.size() > preferences().recentCount) paths.removeLast();
    store_.setValue(key, paths);
}

void AppSettings::clearRecent() {
    store_.remove("recent/sessions");
    store_.remove("recent/models");
}

void AppSettings::removeRecent(const QString& path) {
    for (const char* key : {"recent/sessions", "recent/models"}) {
        QStringList paths = recent(key);
        if (paths.removeAll(path) > 0) store_.setValue(key, paths);
    }
}

Preferences AppSettings::preferences() const {
    const Preferences usual;
    Preferences now;
    const QString mode = store_.value("window/appearance").toString();
    now.appearance = mode == "light"      ? AppearanceMode::Light
                     : mode == "dark"     ? AppearanceMode::Dark
                     : mode == "contrast" ? AppearanceMode::HighContrast
                                          : AppearanceMode::System;
    now.colorMap = oneOf(store_.value("plots/colorMap"), {"viridis", "cividis"});
    now.figureSize = oneOf(store_.value("figures/size"), {"as-shown", "one-column", "two-column", "slide"});
    now.figureFontPoints = within(store_, "figures/fontPoints", 0, 36, usual.figureFontPoints);
    now.figureFormat = oneOf(store_.value("figures/format"), {"svg", "pdf", "png"});
    now.autosaveSeconds =
        within(store_, "autosave/seconds", 0, Preferences::mostAutosaveSeconds, usual.autosaveSeconds);
    now.threads = within(store_, "compute/threads", 0, Preferences::mostThreads, usual.threads);
    now.recentCount = within(store_, "recent/count", 1, Preferences::mostRecent, usual.recentCount);
    return now;
}

void AppSettings::setPreferences(const Preferences& preferences) {
    const Preferences before = this->preferences();
    if (before.figureSize != preferences.figureSize
        || before.figureFontPoints != preferences.figureFontPoints)
        store_.remove("figures/style"); // the newer wish
    setAppearance(preferences.appearance);
    store_.setValue("plots/colorMap", preferences.colorMap);
    store_.setValue("figures/size", preferences.figureSize);
    store_.setValue("figures/fontPoints", preferences.figureFontPoints);
    store_.setValue("figures/format", preferences.figureFormat);
    store_.setValue("autosave/seconds", preferences.autosaveSeconds);
    store_.setValue("compute/threads", preferences.threads);
    store_.setValue("recent/count", preferences.recentCount);
    for (const char* key : {"recent/sessions", "recent/models"})
        store_.setValue(key, recent(key).mid(0, preferences.recentCount));
}

FigureStyle AppSettings::figureStyle() const {
    const Preferences now = preferences();
    FigureStyle style(now.figureSize == "one-column"   ? FigureSize::OneColumn
                      : now.figureSize == "two-column" ? FigureSize::TwoColumn
                      : now.figureSize == "slide"      ? FigureSize::Slide
                                                       : FigureSize::AsShown);
    style.fontPoints = now.figureFontPoints > 0 ? std::max(4.5, 1.0 * now.figureFontPoints) : 0;
    if (!store_.contains("figures/style")) return style;
    FigureStyle last;
    const QStringList words = store_.value("figures/style").toStringList();
    for (qsizetype at = 0; at + 1 < words.size(); at += 2)
        if (!last.set(words[at].mid(2), words[at + 1]).isEmpty()) return style; // of another version
    return last;
}

void AppSettings::setFigureStyle(const FigureStyle& style) {
    store_.setValue("figures/style", style.arguments());
}

void AppSettings::setAppearance(AppearanceMode mode) {
    store_.setValue("window/appearance", mode == AppearanceMode::Light          ? "light"
                                         : mode == AppearanceMode::Dark         ? "dark"
                                         : mode == AppearanceMode::HighContrast ? "contrast"
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

QStringList AppSettings::layoutNames() const {
    store_.beginGroup("layouts");
    const QStringList groups = store_.childGroups();
    store_.endGroup();
    QStringList names;
    for (const QString& group : groups) names << QString::fromUtf8(QByteArray::fromHex(group.toLatin1()));
    names.sort(Qt::CaseInsensitive);
    return names;
}

AppSettings::Layout AppSettings::namedLayout(const QString& name) const {
    const QString group = layoutGroup(name);
    if (store_.value(group + "/version").toInt() != layoutVersion) return {};
    return {{}, store_.value(group + "/docks").toByteArray(), store_.value(group + "/plots").toByteArray()};
}

void AppSettings::setNamedLayout(const QString& name, const Layout& layout) {
    const QString group = layoutGroup(name);
    store_.setValue(group + "/version", layoutVersion);
    store_.setValue(group + "/docks", layout.docks);
    store_.setValue(group + "/plots", layout.plots);
}

void AppSettings::removeNamedLayout(const QString& name) {
    store_.remove(layoutGroup(name));
}

QString AppSettings::folder(const QString& kind) const {
    return store_.value("folders/" + kind).toString();
}

void AppSettings::setFolder(const QString& kind, const QString& path) {
    const QFileInfo info(path);
    store_.setValue("folders/" + kind, info.isDir() ? info.absoluteFilePath() : info.absolutePath());
}

} // namespace qroar
