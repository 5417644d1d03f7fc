// LayoutMenu: the menu of layouts that the user named: keep the present one, go back to one, remove one. Not
// here: what a layout is (the window's docks).
#pragma once

#include "app/gui/app_settings.h"

#include <QObject>

#include <functional>

class QMenu;
class QWidget;

namespace qroar {

class LayoutMenu : public QObject {
    Q_OBJECT

  public:
    using Take = std::function<AppSettings::Layout()>;
    using Restore = std::function<void(const AppSettings::Layout&)>;
    /// Fills `menu` behind what it has; everything handed in must outlive this.
    LayoutMenu(QMenu* menu, AppSettings& settings, Take take, Restore restore);

    void save(const QString& name);
    /// False when there is none of this name, or it is of another version.
    bool restore(const QString& name);
    void remove(const QString& name);
    void update();

  private:
    void askName();
    QMenu *menu_, *removeMenu_ = nullptr;
    AppSettings& settings_;
    Take take_;
    Restore restore_;
    QList<QAction*> own_;
};

} // namespace qroar
