// FigureCenter: the window's figures: the dialogs for one figure and for a composed one, copying images,
// tables and commands. One for a window; makes its dialogs when they are first wanted. Not here: menus.
#pragma once

#include "app/gui/app_settings.h"
#include "app/gui/figures/figure_panels.h"

#include <QObject>
#include <QPointer>

namespace qroar {

class CompareController;
class ComposerDialog;
class FigureDialog;
class PlotArea;
class Workspace;

class FigureCenter : public QObject {
    Q_OBJECT

  public:
    /// All must outlive this. `window` is the parent of the dialogs.
    FigureCenter(QWidget* window, PlotArea& plots, Workspace& workspace, CompareController& compare,
                 AppSettings& settings);

    /// Null: the whole arrangement.
    void exportFigure(DiagnosticPanel* panel);
    void compose();
    /// With the look of the last figure.
    void copyImage(DiagnosticPanel* panel);
    /// "qroar plot run.h5 --figure heatmap ... -o heatmap.svg"; empty when the panel shows nothing.
    [[nodiscard]] QString commandFor(DiagnosticPanel& panel, const FigureStyle& style) const;
    /// The same of all plots in sight, where they lie; empty when there are none.
    [[nodiscard]] QString commandForArrangement(const FigureStyle& style) const;
    /// Null: of the arrangement.
    void copyCommand(DiagnosticPanel* panel, const FigureStyle& style);
    [[nodiscard]] ComposerDialog* composer() const; ///< null before it was wanted
    [[nodiscard]] FigureDialog* dialog() const;     ///< null while it is not open

  signals:
    void message(const QString& text);
    void failed(const QString& text);

  private:
    [[nodiscard]] QString otherPath() const;
    void addCurrentPlot();

    QWidget* window_;
    PlotArea& plots_;
    Workspace& workspace_;
    CompareController& compare_;
    AppSettings& settings_;
    QPointer<FigureDialog> dialog_;
    QPointer<ComposerDialog> composer_;
};

} // namespace qroar
