// Where the sample model and the sample texts are: beside an installed program, or in the source tree.
#pragma once

#include <QString>
#include <QStringList>

namespace qroar {

struct SamplePaths {
    QString model;         ///< empty when there is none
    QStringList documents; ///< sorted by name: search_*.txt, so that report_*.txt stay unseen; else all
    [[nodiscard]] bool found() const { return !model.isEmpty() && !documents.isEmpty(); }
};

/// Looks in `folders` in this order; the first that holds model/config.json wins.
SamplePaths findSamples(const QStringList& folders);
/// The folders of a normal start: relative to the program (installed, or built), then the source tree.
QStringList sampleFolders();

} // namespace qroar
