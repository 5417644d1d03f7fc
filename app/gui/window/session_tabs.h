// SessionTabs: a tab for each open session, in the order of the workspace: click or Ctrl+Tab to switch, drag
// to move, the button or a middle click to close. Hidden while there is nothing to switch. Not here: what
// closing asks (the window).
#pragma once

#include "app/gui/workspace.h"

#include <QTabBar>

namespace qroar {

class SessionTabs : public QTabBar {
    Q_OBJECT

  public:
    explicit SessionTabs(Workspace& workspace, QWidget* parent = nullptr);

  signals:
    void closeWanted(int id);

  protected:
    void mouseReleaseEvent(QMouseEvent* event) override;
    [[nodiscard]] QSize tabSizeHint(int index) const override;
    [[nodiscard]] QSize minimumTabSizeHint(int index) const override;

  private:
    void follow();
    [[nodiscard]] SessionId idAt(int tab) const;

    Workspace& workspace_;
    bool following_ = false;
};

} // namespace qroar
