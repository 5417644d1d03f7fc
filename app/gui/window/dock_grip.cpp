#include "app/gui/window/dock_grip.h"

#include <QDockWidget>

namespace qroar {

namespace {

class Grip : public QWidget {
  public:
    using QWidget::QWidget;
    [[nodiscard]] QSize sizeHint() const override { return {20, 3}; }
    [[nodiscard]] QSize minimumSizeHint() const override { return sizeHint(); }
};

} // namespace

void useGrip(QDockWidget* dock) {
    dock->setTitleBarWidget(new Grip(dock));
    QObject::connect(dock, &QDockWidget::topLevelChanged, dock, [dock](bool floating) {
        QWidget* old = dock->titleBarWidget();
        dock->setTitleBarWidget(floating ? nullptr : new Grip(dock));
        if (old) old->deleteLater();
    });
}

} // namespace qroar
