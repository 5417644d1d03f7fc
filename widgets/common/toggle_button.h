// ToggleButton: a flat button with a border that is filled while it is on, in any palette: chips, and choices
// beside each other. It paints itself: a style sheet would be read again for every button whenever the
// colours of the window change.
#pragma once

#include <QToolButton>

namespace qroar {

class ToggleButton : public QToolButton {
    Q_OBJECT
  public:
    explicit ToggleButton(QWidget* parent = nullptr, int radius = 0);
    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override { return sizeHint(); }

  protected:
    void paintEvent(QPaintEvent* event) override;

  private:
    int radius_;
};

} // namespace qroar
