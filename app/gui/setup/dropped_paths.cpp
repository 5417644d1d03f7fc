#include "app/gui/setup/dropped_paths.h"

#include <QFileInfo>
#include <QMimeDatabase>

namespace qroar {

namespace {

bool isModelSuffix(const QString& suffix) {
    return suffix == "safetensors" || suffix == "gguf" || suffix == "bin";
}

/// By name, else by content: text of any kind. A file that is not there is judged by its name.
bool isDocument(const QFileInfo& info) {
    static const QStringList suffixes{"txt", "md", "jsonl", "npy", "u16", "u32", "text", ""};
    if (suffixes.contains(info.suffix().toLower())) return true;
    return QMimeDatabase().mimeTypeForFile(info).inherits(QStringLiteral("text/plain"));
}

} // namespace

DroppedPaths sortDropped(const QStringList& localFiles) {
    DroppedPaths paths;
    for (const QString& file : localFiles) {
        const QFileInfo info(file);
        const QString suffix = info.suffix().toLower();
        if (info.isDir() || isModelSuffix(suffix)) {
            if (!paths.model.isEmpty()) paths.refused << paths.model;
            paths.model = file;
        } else if (suffix == "h5" || suffix == "hdf5") {
            paths.session = file;
            paths.sessions << file;
        } else if (isDocument(info)) {
            paths.documents << file;
        } else {
            paths.refused << file;
        }
    }
    return paths;
}

} // namespace qroar
