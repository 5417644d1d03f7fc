// ColumnArea: a form in a dock that scrolls upright only: as wide as what is in it needs, whatever the font
// and the language.
#pragma once

#include <QEvent>
#include <QScrollArea>
#include <QScrollBar>

namespace qroar {

class ColumnArea : public QScrollArea {
  public:
    using QScrollArea::QScrollArea;
    [[nodiscard]] QSize minimumSizeHint() const override {
        const int content = widget() ? widget()->minimumSizeHint().width() : 0;
        return {content + verticalScrollBar()->sizeHint().width(), 120};
    }

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override {
        if (event->type() == QEvent::LayoutRequest) updateGeometry();
        return QScrollArea::eventFilter(watched, event);
    }
};

} // namespace qroar
