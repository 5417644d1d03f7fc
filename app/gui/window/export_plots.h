// Writing every plot of the window into a folder, in every format. One plot by itself: DiagnosticPanel.
#pragma once

#include "widgets/panels/diagnostic_panel.h"

#include <QStringList>

namespace qroar {

struct ExportedPlots {
    QStringList written; ///< paths
    QStringList skipped; ///< "Outliers: no run with statistics", one per panel without anything to show
    QStringList failed;  ///< messages
};
/// NAME.svg, .png, .pdf and .csv for every panel; names come from the titles. Existing files of these names
/// are replaced.
ExportedPlots exportAllPlots(const QList<DiagnosticPanel*>& panels, const QString& folder);

} // namespace qroar
