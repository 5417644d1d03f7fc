#include "app/gui/samples.h"

#include <QCoreApplication>
#include <QDir>

namespace qroar {

SamplePaths findSamples(const QStringList& folders) {
    SamplePaths paths;
    for (const QString& folder : folders) {
        const QDir samples(folder);
        if (!samples.exists("model/config.json")) continue;
        paths.model = samples.absoluteFilePath("model");
        const QDir texts(samples.filePath("texts"));
        QStringList names = texts.entryList({"search_*.txt"}, QDir::Files, QDir::Name);
        if (names.isEmpty()) names = texts.entryList({"*.txt"}, QDir::Files, QDir::Name);
        for (const QString& name : names) paths.documents << texts.absoluteFilePath(name);
        break;
    }
    return paths;
}

QStringList sampleFolders() {
    const QDir program(QCoreApplication::applicationDirPath());
    return {program.absoluteFilePath("../share/qroar-workbench/samples"),
            program.absoluteFilePath("../samples"), QStringLiteral(QROAR_SAMPLES_DIR)};
}

} // namespace qroar
