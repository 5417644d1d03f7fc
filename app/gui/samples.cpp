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
        for (const QString& name : texts.entryList({"*.txt", "*.jsonl"}, QDir::Files, QDir::Name))
            if (!name.startsWith("README")) paths.documents << texts.absoluteFilePath(name);
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
