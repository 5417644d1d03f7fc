// Which figures a report of a session holds: every view that has something to show of the chosen condition,
// with the words of the command that draws it alone. Not here: how a report looks (html_report.h).
#pragma once

#include "core/session/session.h"
#include "widgets/figures/figure_spec.h"

#include <QList>
#include <QString>

#include <memory>

namespace qroar {

/// The part of a report that a figure belongs to.
enum class ReportSection { Frequencies, Loss, Diagnostics, Quantization, Search };

struct ReportFigure {
    ReportSection section = ReportSection::Diagnostics;
    FigureSpec spec;
    QString note{};    ///< of the caption: what is shown and why it is that layer, band or pair
    QString instead{}; ///< said in the place of a figure that would be a flat line
};

/// `condition`: what the views show, by its text; empty: the most telling one. Views of both gains and no
/// gains are there as differences too, where that condition was run with and without. Views that turn out to
/// have nothing to show are left out when the report is made.
QList<ReportFigure> reportFigures(const Session& session, const QString& condition = {});

} // namespace qroar
