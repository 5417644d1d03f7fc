// AppSettings: what the window remembers between starts (layout, recent files, appearance), behind a
// QSettings that is handed in, so that tests use a file of their own. Session data never sits here.
#pragma once

#include <QByteArray>
#include <QSettings>
#include <QStringList>

namespace qroar {

enum class AppearanceMode { System, Light, Dark };

class AppSettings {
  public:
    /// `store` must outlive this.
    explicit AppSettings(QSettings& store) : store_(store) {}

    [[nodiscard]] QStringList recentSessions() const { return recent("recent/sessions"); }
    [[nodiscard]] QStringList recentModels() const { return recent("recent/models"); }
    void addRecentSession(const QString& path) { addRecent("recent/sessions", path); }
    void addRecentModel(const QString& path) { addRecent("recent/models", path); }
    void clearRecent();

    [[nodiscard]] AppearanceMode appearance() const;
    void setAppearance(AppearanceMode mode);

    /// Geometry of the window, its outer docks and those of the plot area.
    struct Layout {
        QByteArray geometry, docks, plots;
    };
    [[nodiscard]] Layout layout() const;
    void setLayout(const Layout& layout);
    void forgetLayout();

    /// Where the last file of a kind ("model", "session", "documents", "export") was chosen.
    [[nodiscard]] QString folder(const QString& kind) const;
    void setFolder(const QString& kind, const QString& path);

  private:
    [[nodiscard]] QStringList recent(const char* key) const;
    void addRecent(const char* key, const QString& path);
    QSettings& store_;
};

} // namespace qroar
