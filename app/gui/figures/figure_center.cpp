#include "app/gui/figures/figure_center.h"

#include "app/gui/compare_controller.h"
#include "app/gui/figures/composed_figure.h"
#include "app/gui/figures/composer_dialog.h"
#include "app/gui/figures/figure_dialog.h"
#include "app/gui/window/plot_area.h"

#include <QClipboard>
#include <QGuiApplication>

namespace qroar {

FigureCenter::FigureCenter(QWidget* window, PlotArea& plots, Workspace& workspace, CompareController& compare,
                           AppSettings& settings)
    : QObject(window), window_(window), plots_(plots), workspace_(workspace), compare_(compare),
      settings_(settings) {
    for (DiagnosticPanel* panel : plots_.findChildren<DiagnosticPanel*>()) {
        connect(panel, &DiagnosticPanel::figureWanted, this, [this, panel] { exportFigure(panel); });
        if (!figureKey(*panel).isEmpty())
            connect(panel, &DiagnosticPanel::commandWanted, this,
                    [this, panel] { copyCommand(panel, settings_.figureStyle()); });
    }
    connect(&workspace_, &Workspace::sessionChanged, this,
            [this](const std::shared_ptr<const Session>& session) {
                if (composer_) composer_->setSession(session, workspace_.path());
            });
}

ComposerDialog* FigureCenter::composer() const {
    return composer_;
}

FigureDialog* FigureCenter::dialog() const {
    return dialog_;
}

void FigureCenter::exportFigure(DiagnosticPanel* panel) {
    if (dialog_ && !dialog_->close()) return; // it asks for a file name
    dialog_ = new FigureDialog(plots_, settings_, window_);
    dialog_->setAttribute(Qt::WA_DeleteOnClose);
    dialog_->setModal(true);
    connect(dialog_, &FigureDialog::message, this, &FigureCenter::message);
    connect(dialog_, &FigureDialog::failed, this, &FigureCenter::failed);
    connect(dialog_, &FigureDialog::commandWanted, this, &FigureCenter::copyCommand);
    dialog_->choose(panel);
    dialog_->show();
}

void FigureCenter::compose() {
    if (!composer_) {
        const SessionSource source = [this](const QString& path, QString* error) {
            const auto session = workspace_.session(workspace_.withPath(path));
            if (!session) *error = tr("%1 is not open in the window").arg(path);
            return session;
        };
        composer_ = new ComposerDialog(settings_, source, window_);
        connect(composer_, &ComposerDialog::message, this, &FigureCenter::message);
        connect(composer_, &ComposerDialog::failed, this, &FigureCenter::failed);
        connect(composer_, &ComposerDialog::currentPlotWanted, this, &FigureCenter::addCurrentPlot);
        composer_->setSession(workspace_.session(), workspace_.path());
    }
    composer_->show();
    composer_->raise();
    composer_->activateWindow();
}

void FigureCenter::addCurrentPlot() {
    DiagnosticPanel* panel = plots_.currentPanel();
    const QString empty = panel->emptyText(), key = figureKey(*panel);
    if (!empty.isEmpty() || key.isEmpty()) {
        emit failed(tr("%1 cannot be added: %2")
                        .arg(panel->title(), key.isEmpty() ? tr("figures are not made of it") : empty));
        return;
    }
    FigureSpec spec = figureSpecOf(*panel, {}, otherPath());
    if (spec.bands.isEmpty()) spec.bands = QString::fromStdString(panel->bands().text()); // edges may move
    composer_->add(spec);
}

void FigureCenter::copyImage(DiagnosticPanel* panel) {
    panel->copyImage(settings_.figureStyle());
}

QString FigureCenter::otherPath() const {
    const QString path = workspace_.path(compare_.state().session);
    return path.isEmpty() ? QStringLiteral("OTHER.h5") : path;
}

QString FigureCenter::commandFor(DiagnosticPanel& panel, const FigureStyle& style) const {
    if (!panel.session() || !panel.emptyText().isEmpty()) return {};
    const FigureSpec spec = figureSpecOf(panel, style, otherPath());
    const QString path = workspace_.path();
    return shellLine(QStringList{QStringLiteral("qroar"), QStringLiteral("plot"),
                                 path.isEmpty() ? QStringLiteral("SESSION.h5") : path}
                     + spec.arguments()
                     + QStringList{QStringLiteral("-o"), spec.view + QStringLiteral(".svg")});
}

QString FigureCenter::commandForArrangement(const FigureStyle& style) const {
    QList<DiagnosticPanel*> panels = visiblePanels(plots_);
    panels.removeIf([](const DiagnosticPanel* panel) { return figureKey(*panel).isEmpty(); });
    if (panels.isEmpty()) return {};
    const QString path = workspace_.path();
    return shellLine(QStringList{QStringLiteral("qroar"), QStringLiteral("plot"),
                                 path.isEmpty() ? QStringLiteral("SESSION.h5") : path}
                     + arrangementOf(plots_, panels, style, otherPath()).arguments()
                     + QStringList{QStringLiteral("-o"), QStringLiteral("arrangement.svg")});
}

void FigureCenter::copyCommand(DiagnosticPanel* panel, const FigureStyle& style) {
    if (panel && figureKey(*panel).isEmpty()) {
        emit failed(tr("There is no command for this view."));
        return;
    }
    const QString command = panel ? commandFor(*panel, style) : commandForArrangement(style);
    if (command.isEmpty()) {
        emit failed(tr("%1 shows nothing that a command could reproduce.")
                        .arg(panel ? panel->title() : tr("The arrangement")));
        return;
    }
    QGuiApplication::clipboard()->setText(command);
    emit message(workspace_.path().isEmpty() || workspace_.dirty()
                     ? tr("The command is on the clipboard. Save the session: the command reads its file.")
                     : tr("The command is on the clipboard: %1").arg(command));
}

} // namespace qroar
