// FigureStyleForm: the controls of a FigureStyle, for the dialogs that make figures. Not here: previews and
// files.
#pragma once

#include "widgets/figures/figure_style.h"

#include <QWidget>

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QFormLayout;

namespace qroar {

class FigureStyleForm : public QWidget {
    Q_OBJECT

  public:
    explicit FigureStyleForm(QWidget* parent = nullptr);
    [[nodiscard]] FigureStyle style() const;
    void setStyle(const FigureStyle& style); ///< emits nothing

    void setDrawn(bool drawn); ///< false: what is saved is a table, which has no looks
    /// A row of the dialog's own, above or below the others.
    void addRowAround(const QString& label, QWidget* field, bool above);

  signals:
    void changed(); ///< by the user

  private:
    void buildSize(QFormLayout& form);
    void buildLook(QFormLayout& form);
    void showCustom();
    [[nodiscard]] QDoubleSpinBox* number(const QString& name, double low, double high, double step,
                                         int digits);

    QComboBox *size_ = nullptr, *unit_ = nullptr, *resolution_ = nullptr, *theme_ = nullptr;
    QDoubleSpinBox *width_ = nullptr, *height_ = nullptr, *font_ = nullptr, *lines_ = nullptr;
    QCheckBox *title_ = nullptr, *legend_ = nullptr, *bar_ = nullptr, *footer_ = nullptr,
              *selection_ = nullptr;
    QWidget* custom_ = nullptr;
    QFormLayout* form_ = nullptr;
};

} // namespace qroar
