// PlotArea: the docks that hold the diagnostic panels, in the middle of the window. It hands the session, the
// bands and the provenance to every panel, and knows which one the user worked with last.
#pragma once

#include "widgets/panels/diagnostic_panel.h"

#include <QMainWindow>

#include <map>

class QDockWidget;
class QMenu;

namespace qroar {

class Model;
class RopeAuditPanel;
class SearchPanel;
class SpectrumPanel;
class StepQueue;

class PlotArea : public QMainWindow {
    Q_OBJECT

  public:
    explicit PlotArea(SelectionModel* selection, QWidget* parent = nullptr);
    /// In which the panels recompute one after the other, and what comes before or after that.
    [[nodiscard]] StepQueue& steps() const { return *steps_; }

    void setSession(const std::shared_ptr<const Session>& session);
    /// The model that is open: what the views that need no analysis show while there is no session, and how
    /// its RoPE is spelled, which a session file does not keep.
    void setModel(const Model& model);
    void setBands(const BandPartition& bands);
    void setBandStyles(const BandStyles& styles);
    /// Another session that conditions B are taken from; null: the same.
    /// `name`: of its file.
    void setOther(const std::shared_ptr<const Session>& other, const QString& name = {},
                  const QString& ownName = {});

    [[nodiscard]] SpectrumPanel* spectrum() const { return spectrum_; }
    [[nodiscard]] SearchPanel* searches() const { return searches_; }
    /// In the order of the View menu.
    [[nodiscard]] const QList<DiagnosticPanel*>& panels() const { return panels_; }
    /// The panel that has, or had last, the keyboard.
    [[nodiscard]] DiagnosticPanel* currentPanel() const;
    /// The name that a panel keeps: in layouts, sessions and commands ("tailInflation").
    [[nodiscard]] QString keyOf(const DiagnosticPanel* panel) const;
    void addViewActions(QMenu* menu) const;
    /// Rows under each other where there is height for them, tabs where there is not.
    void resetLayout(int height);
    /// What saveState() gave. While the area has no size yet it is kept until it has.
    void restoreLayout(const QByteArray& state);
    /// Brings a panel to the front of its tabs and gives it the keyboard.
    void showPanel(DiagnosticPanel* panel);

  signals:
    void message(const QString& text);
    void failed(const QString& text);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void showEvent(QShowEvent* event) override;

  private:
    [[nodiscard]] bool isSharing(const QDockWidget* dock) const;
    QDockWidget* addPanel(DiagnosticPanel* panel, const QString& objectName, const QString& title);
    void noteFocus(QWidget* now);

    QList<DiagnosticPanel*> panels_;
    QList<QDockWidget*> docks_;
    SpectrumPanel* spectrum_ = nullptr;
    SearchPanel* searches_ = nullptr;
    RopeAuditPanel* audit_ = nullptr;
    std::shared_ptr<const Session> session_, modelOnly_; ///< the latter: the open model without conditions
    QPointer<DiagnosticPanel> current_;
    std::map<QDockWidget*, int> shares_; ///< heights when the area was sharedHeight_ high
    int sharedHeight_ = 0;
    QByteArray unshown_; ///< a layout that waits for the size of the area
    StepQueue* steps_;
};

/// One line for the foot of every figure: program, model, documents, how it was computed.
QString provenanceLine(const Session& session);

} // namespace qroar
