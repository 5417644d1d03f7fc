// A Composition with the views it shows, and the arrangement on screen as a figure, as tables, as a
// Composition. Not here: files.
#pragma once

#include "app/gui/figures/composition.h"
#include "app/gui/figures/figure_panels.h"

namespace qroar {

class PlotArea;

/// Views of its own for every cell of a composition.
class ComposedFigure {
  public:
    /// Empty, or the first cell that cannot be shown, and why. Views whose spec is the same as before stay.
    QString set(const Composition& composition, const std::shared_ptr<const Session>& session,
                const SessionSource& source, const QString& sessionPath = {});
    [[nodiscard]] bool isMisfit() const { return misfit_; } ///< as FigureView::isMisfit()
    [[nodiscard]] QStringList notDrawn() const; ///< as FigureView::notDrawn(), of the cells that have it
    [[nodiscard]] QStringList titles() const;   ///< of the views, in words for people
    [[nodiscard]] Figure begin();
    void end();
    /// The tables of all cells, each behind its label.
    [[nodiscard]] QString csv();

  private:
    struct Shown {
        FigureSpec spec;
        FigureView view;
    };
    bool misfit_ = false;
    Composition composition_;
    std::shared_ptr<const Session> session_;
    QString sessionPath_;
    std::vector<std::shared_ptr<Shown>> views_; ///< of the cells, in order
};

/// The panels that can be seen in the plot area and have something to show.
QList<DiagnosticPanel*> visiblePanels(const PlotArea& plots);
/// Those, where they lie. beginFigure() has been called for each of `panels`.
Figure arrangementFigure(const PlotArea& plots, const QList<DiagnosticPanel*>& panels);
/// All their tables in one text, each behind its title.
QString arrangementCsv(const QList<DiagnosticPanel*>& panels);
/// The same for spreadsheets: tab-separated, a line with the name before each table.
QString arrangementText(const QList<DiagnosticPanel*>& panels);
/// What draws the same from the session's file: of the size that it has now. `otherPath` as in
/// figureSpecOf().
Composition arrangementOf(const PlotArea& plots, const QList<DiagnosticPanel*>& panels,
                          const FigureStyle& style, const QString& otherPath);

} // namespace qroar
