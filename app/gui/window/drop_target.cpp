#include "app/gui/window/drop_target.h"
#include "app/gui/setup/dropped_paths.h"

#include "app/gui/window/drop_overlay.h"

#include <QDropEvent>
#include <QMimeData>
#include <QUrl>

namespace qroar {

namespace {

DroppedPaths pathsOf(const QMimeData& data) {
    QStringList files;
    for (const QUrl& url : data.urls())
        if (url.isLocalFile()) files << url.toLocalFile();
    return sortDropped(files);
}

QString reasonOf(const DroppedPaths& paths) {
    const QString reason = describeRefused(paths);
    return reason.isEmpty() ? DropTarget::tr("Only files and folders of this machine can be dropped here.")
                            : reason;
}

} // namespace

DropTarget::DropTarget(QWidget* window) : QObject(window), overlay_(new DropOverlay(window)) {
    window->setAcceptDrops(true);
    window->installEventFilter(this);
}

bool DropTarget::eventFilter(QObject* watched, QEvent* event) {
    const bool over = event->type() == QEvent::DragEnter || event->type() == QEvent::DragMove;
    if (event->type() == QEvent::DragLeave) {
        overlay_->hide();
        return true;
    }
    if (!over && event->type() != QEvent::Drop) return QObject::eventFilter(watched, event);
    auto* drag = static_cast<QDropEvent*>(event);
    if (!drag->mimeData()->hasUrls()) return QObject::eventFilter(watched, event);
    drag->acceptProposedAction();
    if (event->type() == QEvent::DragEnter) {
        const DroppedPaths paths = pathsOf(*drag->mimeData());
        overlay_->show(paths.empty() ? reasonOf(paths) : describeDrop(paths), !paths.empty());
    } else if (!over) {
        overlay_->hide();
        drop(*drag->mimeData());
    }
    return true;
}

void DropTarget::drop(const QMimeData& data) {
    const DroppedPaths paths = pathsOf(data);
    if (paths.empty())
        emit refused(reasonOf(paths));
    else
        emit dropped(paths, describeRefused(paths));
}

} // namespace qroar
