// DropTarget: takes what is dropped anywhere on a window, shows before what would happen, and sorts it. Not
// here: opening it.
#pragma once

#include "app/gui/setup/dropped_paths.h"

#include <QObject>

class QMimeData;

namespace qroar {

class DropOverlay;

class DropTarget : public QObject {
    Q_OBJECT

  public:
    explicit DropTarget(QWidget* window);

  signals:
    /// Something that can be opened; `refused` names what cannot, empty when all can.
    void dropped(const qroar::DroppedPaths& paths, const QString& refused);
    /// Nothing of it can be opened.
    void refused(const QString& reason);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void drop(const QMimeData& data);
    DropOverlay* overlay_;
};

} // namespace qroar
