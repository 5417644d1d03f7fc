// CompareBar: A [condition]  B [condition of any open session]  [A | B | A - B], and the button that
// exchanges both. Follows the CompareController and asks it. Not here: what views make of it.
#pragma once

#include "app/gui/compare_controller.h"

#include <QWidget>

class QToolButton;

namespace qroar {

class ElidedComboBox;

class CompareBar : public QWidget {
    Q_OBJECT

  public:
    CompareBar(Workspace& workspace, SelectionModel& selection, CompareController& compare,
               QWidget* parent = nullptr);

    [[nodiscard]] ElidedComboBox* boxA() const { return a_; }
    [[nodiscard]] ElidedComboBox* boxB() const { return b_; }
    [[nodiscard]] QToolButton* modeButton(CompareMode mode) const;
    [[nodiscard]] QToolButton* swapButton() const { return swap_; }
    void updateIcons(const QPalette& palette); ///< the window's: the bar's own comes later

  private:
    QToolButton* modeButton(const QString& text, const QString& accessibleName);
    void fill();
    void fillB();
    void follow();
    void pickB(int entry);

    Workspace& workspace_;
    SelectionModel& selection_;
    CompareController& compare_;
    ElidedComboBox *a_, *b_;
    QToolButton *swap_ = nullptr, *modes_[3] = {};
    QStringList shownA_, shownB_; ///< entries, to fill only when they change
};

} // namespace qroar
