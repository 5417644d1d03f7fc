// Bands: the dock that edits them, what the spectrum's gestures become, and who hears of it.
#include "app/gui/window/main_window.h"
#include "app/gui/window/plot_area.h"
#include "app/gui/window/selection_bar.h"
#include "widgets/panels/band_editor.h"
#include "widgets/panels/spectrum_panel.h"
#include "widgets/plot/spectrum_plot.h"

#include <QDockWidget>

namespace qroar {

void MainWindow::buildBandsDock() {
    bandEditor_ = new BandEditor(&selection_);
    bandsDock_ = new QDockWidget(tr("Bands"), this);
    bandsDock_->setObjectName(QStringLiteral("bands"));
    bandsDock_->setWidget(bandEditor_);
}

void MainWindow::arrangeBandsDock() {
    bandsDock_->setFloating(false);
    removeDockWidget(bandsDock_);
    addDockWidget(Qt::RightDockWidgetArea, bandsDock_);
    for (QDockWidget* other : findChildren<QDockWidget*>(QString(), Qt::FindDirectChildrenOnly))
        if (other != bandsDock_ && !other->isFloating() && dockWidgetArea(other) == Qt::RightDockWidgetArea)
            tabifyDockWidget(other, bandsDock_);
    bandsDock_->hide();
}

void MainWindow::showBands() {
    bandsDock_->show();
    bandsDock_->raise();
}

void MainWindow::connectBands() {
    connect(&workspace_, &Workspace::bandStylesChanged, plots_, &PlotArea::setBandStyles);
    connect(&workspace_, &Workspace::bandStylesChanged, selectionBar_, &SelectionBar::setBandStyles);
    connect(&workspace_, &Workspace::bandStylesChanged, bandEditor_, &BandEditor::setStyles);
    connect(&workspace_, &Workspace::bandsChanged, plots_, &PlotArea::setBands);
    connect(&workspace_, &Workspace::bandsChanged, selectionBar_, &SelectionBar::setBands);
    connect(&workspace_, &Workspace::bandsChanged, bandEditor_, &BandEditor::setBands);
    connect(&workspace_, &Workspace::sessionChanged, bandEditor_, &BandEditor::setSession);
    const auto model = [this] { bandEditor_->setModelOpen(analysis_.openedModel().model != nullptr); };
    connect(&analysis_, &AnalysisController::modelBusy, bandEditor_, model);
    connect(&analysis_, &AnalysisController::modelOpened, bandEditor_, model);
    connect(&workspace_, &Workspace::sessionChanged, bandEditor_, model);
    const SpectrumPanel* spectrum = plots_->spectrum();
    connect(spectrum, &SpectrumPanel::bandsEdited, &workspace_, &Workspace::previewBands);
    connect(spectrum, &SpectrumPanel::bandEditFinished, &workspace_,
            [this](const BandPartition& before, const BandPartition& after, BandEdit what) {
                switch (what) {
                case BandEdit::Drag:
                    return workspace_.setBands(before, after, tr("move band edge"));
                case BandEdit::Step:
                    return workspace_.setBands(
                        before, after, tr("move band edge"),
                        QStringLiteral("step %1").arg(plots_->spectrum()->plot()->focusedEdge()));
                case BandEdit::Add:
                    return workspace_.setBands(before, after, tr("split band"));
                case BandEdit::Remove:
                    return workspace_.setBands(before, after, tr("merge bands"));
                }
            });
    connect(spectrum, &SpectrumPanel::renameRequested, this, [this](int band) {
        showBands();
        bandEditor_->rename(band);
    });
    connect(bandEditor_, &BandEditor::edited, &workspace_, &Workspace::setBandLayout);
}

} // namespace qroar
