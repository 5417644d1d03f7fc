// Writing the plots of the window into a folder: as they are, or of every condition and every metric. One
// plot by itself: DiagnosticPanel.
#pragma once

#include "widgets/panels/diagnostic_panel.h"

#include <QStringList>

#include <functional>

namespace qroar {

struct PlotsToExport {
    QList<DiagnosticPanel*> panels;
    /// A folder per condition, and one more for its difference: A - B for every A where that is on screen,
    /// else with the gains minus without for what was run with them. What does not follow the condition stays
    /// in the folder itself.
    bool everyCondition = false;
    /// A file per metric of the heat maps and per measure of the weight distortion.
    bool everyMetric = false;
    QStringList formats{"svg", "png", "pdf", "csv"};
    /// Told before every file; false stops. May be empty.
    std::function<bool(int done, int all)> progress;
};
/// Suffixes that are not among the formats that can be written.
QStringList unknownFormats(const QStringList& formats);

struct ExportedPlots {
    QStringList written; ///< paths
    QStringList skipped; ///< "Outliers: no run with statistics", one per panel without anything to show
    QStringList failed;  ///< messages
    bool stopped = false;
};
/// NAME.svg, .png, .pdf and .csv for every panel, NAME-TABLE.csv for its other tables; names come from the
/// titles. Existing files of these names are replaced. The selection and the metrics are as before
/// afterwards.
ExportedPlots exportPlotsTo(const QString& folder, const PlotsToExport& what);

} // namespace qroar
