// What files and folders are, for all who accept them: drops, the command line, dialogs. Not here: opening
// them (window/main_window_files.cpp), what is said while they are held over the window
// (window/drop_overlay.h).
#pragma once

#include <QString>
#include <QStringList>

namespace qroar {

/// Folders, model files and documents among what was dropped, for all who accept drops.
struct DroppedPaths {
    QString model, session; ///< the last of each kind
    QStringList sessions, documents;
    QStringList refused; ///< neither of these, or one model too many
    [[nodiscard]] bool empty() const { return model.isEmpty() && session.isEmpty() && documents.isEmpty(); }
};
DroppedPaths sortDropped(const QStringList& localFiles);

} // namespace qroar
