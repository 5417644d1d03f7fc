#include "app/gui/window/export_plots.h"

#include <QDir>
#include <QRegularExpression>

namespace qroar {

ExportedPlots exportAllPlots(const QList<DiagnosticPanel*>& panels, const QString& folder) {
    ExportedPlots result;
    QStringList used;
    for (DiagnosticPanel* panel : panels) {
        panel->ensureFresh();
        if (const QString empty = panel->emptyText(); !empty.isEmpty()) {
            result.skipped << QStringLiteral("%1: %2").arg(panel->title(), empty);
            continue;
        }
        static const QRegularExpression notWord(QStringLiteral("[^A-Za-z0-9]+"));
        QString base = panel->title().toLower().replace(notWord, "-");
        while (base.endsWith('-')) base.chop(1);
        while (used.contains(base)) base += "-2";
        used << base;
        for (const char* suffix : {".svg", ".png", ".pdf", ".csv"}) {
            const QString path = QDir(folder).filePath(base + suffix);
            QString error;
            if (panel->exportTo(path, &error))
                result.written << path;
            else
                result.failed << error;
        }
    }
    return result;
}

} // namespace qroar
