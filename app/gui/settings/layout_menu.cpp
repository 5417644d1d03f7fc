#include "app/gui/settings/layout_menu.h"

#include <QInputDialog>
#include <QMenu>

namespace qroar {

LayoutMenu::LayoutMenu(QMenu* menu, AppSettings& settings, Take take, Restore restore)
    : QObject(menu), menu_(menu), settings_(settings), take_(std::move(take)), restore_(std::move(restore)) {
    update();
}

void LayoutMenu::save(const QString& name) {
    if (name.trimmed().isEmpty()) return;
    settings_.setNamedLayout(name.trimmed(), take_());
    update();
}

bool LayoutMenu::restore(const QString& name) {
    const AppSettings::Layout layout = settings_.namedLayout(name);
    if (layout.docks.isEmpty()) return false;
    restore_(layout);
    return true;
}

void LayoutMenu::remove(const QString& name) {
    settings_.removeNamedLayout(name);
    update();
}

void LayoutMenu::update() {
    for (QAction* action : std::as_const(own_)) {
        menu_->removeAction(action);
        action->deleteLater();
    }
    own_.clear();
    if (removeMenu_) removeMenu_->deleteLater();
    removeMenu_ = nullptr;
    const QStringList names = settings_.layoutNames();
    for (const QString& name : names) {
        QAction* action = menu_->addAction(QString(name).replace('&', QStringLiteral("&&")));
        connect(action, &QAction::triggered, this, [this, name] { restore(name); });
        own_ << action;
    }
    if (!names.isEmpty()) own_ << menu_->addSeparator();
    QAction* save = menu_->addAction(tr("&Save this layout as..."));
    connect(save, &QAction::triggered, this, &LayoutMenu::askName);
    own_ << save;
    if (names.isEmpty()) return;
    removeMenu_ = menu_->addMenu(tr("&Remove a layout"));
    for (const QString& name : names) {
        QAction* action = removeMenu_->addAction(QString(name).replace('&', QStringLiteral("&&")));
        connect(
            action, &QAction::triggered, this, [this, name] { remove(name); }, Qt::QueuedConnection);
    }
}

void LayoutMenu::askName() {
    bool wanted = false;
    const QString name = QInputDialog::getText(menu_->parentWidget(), tr("Save layout"), tr("Name"),
                                               QLineEdit::Normal, {}, &wanted);
    if (wanted) save(name);
}

} // namespace qroar
