// AppSettings: what the window remembers between starts (layouts, recent files, preferences), behind a
// QSettings that is handed in, so that tests use a file of their own. Session data never sits here.
#pragma once

#include "widgets/figures/figure_style.h"

#include <QByteArray>
#include <QSettings>
#include <QStringList>

namespace qroar {

enum class AppearanceMode { System, Light, Dark, HighContrast };

/// What the settings dialog edits. Values read from a file are brought into their ranges.
struct Preferences {
    AppearanceMode appearance = AppearanceMode::System;
    QString colorMap = QStringLiteral("viridis");    ///< or "cividis"
    QString figureSize = QStringLiteral("as-shown"); ///< or "one-column", "two-column", "slide"
    int figureFontPoints = 0;                        ///< 0: that of the size
    QString figureFormat = QStringLiteral("svg");    ///< or "pdf", "png"
    int autosaveSeconds = 20;                        ///< 0: only while an analysis runs
    int threads = 0;                                 ///< of computations; 0: all there are
    int recentCount = 8;
    bool operator==(const Preferences&) const = default;

    static constexpr int mostAutosaveSeconds = 3600, mostThreads = 256, mostRecent = 30;
};

class AppSettings {
  public:
    /// `store` must outlive this.
    explicit AppSettings(QSettings& store) : store_(store) {}

    [[nodiscard]] QStringList recentSessions() const { return recent("recent/sessions"); }
    [[nodiscard]] QStringList recentModels() const { return recent("recent/models"); }
    void addRecentSession(const QString& path) { addRecent("recent/sessions", path); }
    void addRecentModel(const QString& path) { addRecent("recent/models", path); }
    void clearRecent();
    void removeRecent(const QString& path);

    [[nodiscard]] Preferences preferences() const;
    void setPreferences(const Preferences& preferences);
    [[nodiscard]] AppearanceMode appearance() const { return preferences().appearance; }
    void setAppearance(AppearanceMode mode);

    /// The look of the last figure that was exported, else that of the preferences.
    [[nodiscard]] FigureStyle figureStyle() const;
    void setFigureStyle(const FigureStyle& style);

    /// Geometry of the window, its outer docks and those of the plot area.
    struct Layout {
        QByteArray geometry, docks, plots;
    };
    [[nodiscard]] Layout layout() const;
    void setLayout(const Layout& layout);
    void forgetLayout();
    /// Layouts that the user named, sorted; their geometry is not kept.
    [[nodiscard]] QStringList layoutNames() const;
    [[nodiscard]] Layout namedLayout(const QString& name) const;
    void setNamedLayout(const QString& name, const Layout& layout);
    void removeNamedLayout(const QString& name);

    /// Where the last file of a kind ("model", "session", "documents", "export") was chosen.
    [[nodiscard]] QString folder(const QString& kind) const;
    void setFolder(const QString& kind, const QString& path);

  private:
    [[nodiscard]] QStringList recent(const char* key) const;
    void addRecent(const char* key, const QString& path);
    QSettings& store_;
};

} // namespace qroar
