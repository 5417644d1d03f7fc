#include "app/gui/window/plot_area.h"

#include "app/gui/window/dock_grip.h"
#include "core/model/model.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/common/step_queue.h"
#include "widgets/common/tab_order.h"
#include "widgets/panels/distortion_panel.h"
#include "widgets/panels/heat_map_panel.h"
#include "widgets/panels/histogram_panel.h"
#include "widgets/panels/noise_panel.h"
#include "widgets/panels/outlier_panel.h"
#include "widgets/panels/perplexity_panel.h"
#include "widgets/panels/phase_panel.h"
#include "widgets/panels/rope_audit_panel.h"
#include "widgets/panels/search_panel.h"
#include "widgets/panels/spectrum_panel.h"

#include <QApplication>
#include <QDockWidget>
#include <QMenu>
#include <QResizeEvent>

#include <algorithm>

namespace qroar {

namespace {

/// Two rows of them, a dock below, tabs and messages fit into 1280 x 800.
constexpr QSize smallestPanel(240, 160);
/// Below this height of the window, three rows of plots are too low to be read.
constexpr int heightForThreeRows = 1000;

} // namespace

QString provenanceLine(const Session& session) {
    return PlotArea::tr("%1 · model %2 (%3) · %4 · %5")
        .arg(QString::fromStdString(session.provenance.program), modelName(session),
             QString::fromStdString(session.modelFingerprint).left(8),
             counted(session.documents.size(), PlotArea::tr("document"), PlotArea::tr("documents")),
             QString::fromStdString(session.provenance.created));
}

PlotArea::PlotArea(SelectionModel* selection, QWidget* parent)
    : QMainWindow(parent), steps_(new StepQueue(this)) {
    setWindowFlags(Qt::Widget);
    setDockNestingEnabled(true);
    setTabPosition(Qt::AllDockWidgetAreas, QTabWidget::North);
    spectrum_ = new SpectrumPanel(selection);
    addPanel(spectrum_, "spectrum", tr("Spectrum"));
    addPanel(new HeatMapPanel(HeatMapMetric::TailInflation, selection), "tailInflation",
             tr("Tail inflation"));
    addPanel(new HeatMapPanel(HeatMapMetric::PressureSaturated, selection), "pressure", tr("Pressure"));
    addPanel(new HistogramPanel(selection), "histogram", tr("Histogram"));
    addPanel(new PerplexityPanel(selection), "perplexity", tr("Perplexity"));
    addPanel(new OutlierPanel(selection), "outliers", tr("Outliers"));
    addPanel(new DistortionPanel(selection), "distortion", tr("Distortion"));
    addPanel(new NoisePanel(selection), "logitNoise", tr("Logit noise"));
    addPanel(new PhasePanel(selection), "phases", tr("Phases"));
    audit_ = new RopeAuditPanel(selection);
    addPanel(audit_, "ropeAudit", tr("RoPE audit"));
    searches_ = new SearchPanel(selection);
    addPanel(searches_, "searches", tr("Search"));
    panels_.removeLast(); // a view of searches, not of conditions: most sessions have nothing to show in it
    connect(qApp, &QApplication::focusChanged, this,
            [this](const QWidget*, QWidget* now) { noteFocus(now); });
    resetLayout(0);
}

QDockWidget* PlotArea::addPanel(DiagnosticPanel* panel, const QString& objectName, const QString& title) {
    auto* dock = new QDockWidget(title, this);
    // A window that grows by itself when a panel comes to the front is worse than a small plot.
    panel->setMinimumSize(smallestPanel);
    panel->setSteps(steps_);
    tabAsLaidOut(panel);
    dock->setObjectName(objectName);
    dock->setWidget(panel);
    useGrip(dock);
    dock->installEventFilter(this);
    connect(dock, &QDockWidget::visibilityChanged, panel, [panel](bool inSight) {
        if (inSight) panel->catchUp();
    });
    connect(panel, &DiagnosticPanel::message, this, &PlotArea::message);
    connect(panel, &DiagnosticPanel::failed, this, &PlotArea::failed);
    panels_ << panel;
    docks_ << dock;
    return dock;
}

bool PlotArea::eventFilter(QObject* watched, QEvent* event) {
    const QEvent::Type type = event->type();
    if ((type == QEvent::Resize || type == QEvent::Paint) && height() == sharedHeight_)
        for (QDockWidget* dock : std::as_const(docks_)) // by its user, or by a layout
            if (dock == watched && isSharing(dock)) shares_[dock] = dock->height();
    return QMainWindow::eventFilter(watched, event);
}

bool PlotArea::isSharing(const QDockWidget* dock) const {
    return dock->isVisible() && !dock->isFloating() && !dock->visibleRegion().isEmpty();
}

/// Qt takes the height that a dock of the window wants from the highest row alone: the rows keep their
/// shares.
void PlotArea::resizeEvent(QResizeEvent* event) {
    QMainWindow::resizeEvent(event);
    QList<QDockWidget*> rows;
    QList<int> heights;
    for (const auto& [dock, share] : shares_)
        if (isSharing(dock)) {
            rows << dock;
            heights << share;
        }
    if (height() != sharedHeight_ && !rows.isEmpty()) resizeDocks(rows, heights, Qt::Vertical);
    sharedHeight_ = height();
}

void PlotArea::restoreLayout(const QByteArray& state) {
    restoreState(state);
    shares_.clear(); // those of the layout before
    unshown_ = isVisible() ? QByteArray() : state;
}

/// Heights that were kept for this size are lost when the rows grow from that of a hidden area to it.
void PlotArea::showEvent(QShowEvent* event) {
    QMainWindow::showEvent(event);
    if (!unshown_.isEmpty()) restoreLayout(QByteArray(unshown_));
}

void PlotArea::resetLayout(int height) {
    unshown_.clear();
    enum {
        Spectrum,
        Tails,
        Pressure,
        Histogram,
        Perplexity,
        Outliers,
        Distortion,
        LogitNoise,
        Phases,
        RopeAudit,
        Searches
    };
    for (QDockWidget* dock : std::as_const(docks_)) {
        dock->setFloating(false);
        removeDockWidget(dock);
    }
    const bool threeRows = height >= heightForThreeRows;
    addDockWidget(Qt::LeftDockWidgetArea, docks_[Spectrum]);
    splitDockWidget(docks_[Spectrum], docks_[Tails], Qt::Vertical);
    if (threeRows) {
        splitDockWidget(docks_[Tails], docks_[Histogram], Qt::Vertical);
        splitDockWidget(docks_[Tails], docks_[Pressure], Qt::Horizontal);
        splitDockWidget(docks_[Histogram], docks_[Perplexity], Qt::Horizontal);
        tabifyDockWidget(docks_[Histogram], docks_[Outliers]);
    } else {
        splitDockWidget(docks_[Tails], docks_[Histogram], Qt::Horizontal);
        tabifyDockWidget(docks_[Tails], docks_[Pressure]);
        tabifyDockWidget(docks_[Histogram], docks_[Perplexity]);
        tabifyDockWidget(docks_[Perplexity], docks_[Outliers]);
    }
    tabifyDockWidget(threeRows ? docks_[Perplexity] : docks_[Outliers], docks_[Distortion]);
    tabifyDockWidget(docks_[Distortion], docks_[Searches]);
    tabifyDockWidget(docks_[Spectrum], docks_[Phases]);
    tabifyDockWidget(docks_[Phases], docks_[RopeAudit]);
    tabifyDockWidget(docks_[Pressure], docks_[LogitNoise]);
    for (QDockWidget* dock : std::as_const(docks_)) dock->show();
    docks_[Spectrum]->raise();
    if (threeRows) docks_[Pressure]->raise();
    docks_[Perplexity]->raise();
    docks_[Tails]->raise();
    docks_[Histogram]->raise();
    if (threeRows)
        resizeDocks({docks_[Spectrum], docks_[Tails], docks_[Histogram]}, {28, 32, 40}, Qt::Vertical);
    else
        resizeDocks({docks_[Spectrum], docks_[Tails]}, {290, 390}, Qt::Vertical);
    resizeDocks({docks_[Tails], threeRows ? docks_[Pressure] : docks_[Histogram]}, {50, 50}, Qt::Horizontal);
    if (threeRows) resizeDocks({docks_[Histogram], docks_[Perplexity]}, {50, 50}, Qt::Horizontal);
}

void PlotArea::setSession(const std::shared_ptr<const Session>& session) {
    session_ = session;
    for (DiagnosticPanel* panel : std::as_const(panels_)) {
        panel->setProvenance(session ? provenanceLine(*session) : QString());
        panel->setSession(session || !panel->needsOnlyModel() ? session : modelOnly_);
        if (session) panel->setBands(session->bands);
    }
    searches_->setProvenance(session ? provenanceLine(*session) : QString());
    searches_->setSession(session);
}

void PlotArea::setModel(const Model& model) {
    audit_->setModel(model.config(), model.fingerprint());
    auto only = std::make_shared<Session>();
    only->modelPath = model.path().string();
    only->modelFormat = model.format();
    only->modelFingerprint = model.fingerprint();
    only->model = model.config();
    modelOnly_ = std::move(only);
    if (session_) return;
    for (DiagnosticPanel* panel : std::as_const(panels_))
        if (panel->needsOnlyModel()) panel->setSession(modelOnly_);
}

void PlotArea::setBands(const BandPartition& bands) {
    for (DiagnosticPanel* panel : std::as_const(panels_)) panel->setBands(bands);
}

void PlotArea::setBandStyles(const BandStyles& styles) {
    for (DiagnosticPanel* panel : std::as_const(panels_)) panel->setBandStyles(styles);
}

void PlotArea::setOther(const std::shared_ptr<const Session>& other, const QString& name,
                        const QString& ownName) {
    const QString provenance = other ? provenanceLine(*other) : QString();
    for (DiagnosticPanel* panel : std::as_const(panels_)) panel->setOther(other, name, provenance, ownName);
    searches_->setOther(other, name, provenance, ownName);
}

void PlotArea::noteFocus(QWidget* now) {
    for (QWidget* widget = now; widget; widget = widget->parentWidget())
        if (auto* panel = qobject_cast<DiagnosticPanel*>(widget); panel && isAncestorOf(panel)) {
            current_ = panel;
            return;
        }
}

DiagnosticPanel* PlotArea::currentPanel() const {
    return current_ ? current_.data() : panels_.first();
}

QString PlotArea::keyOf(const DiagnosticPanel* panel) const {
    for (const QDockWidget* dock : docks_)
        if (dock->widget() == panel) return dock->objectName();
    return {};
}

void PlotArea::addViewActions(QMenu* menu) const {
    for (QDockWidget* dock : docks_) menu->addAction(dock->toggleViewAction());
}

void PlotArea::showPanel(DiagnosticPanel* panel) {
    const auto holds = [panel](const QDockWidget* dock) { return dock->widget() == panel; };
    const auto dock = std::find_if(docks_.begin(), docks_.end(), holds);
    if (dock == docks_.end()) return;
    (*dock)->show();
    (*dock)->raise();
    current_ = panel;
    panel->setFocus(Qt::ShortcutFocusReason);
    if (!panel->hasFocus())
        if (QWidget* first = panel->nextInFocusChain(); first && panel->isAncestorOf(first))
            first->setFocus(Qt::ShortcutFocusReason);
}

} // namespace qroar
