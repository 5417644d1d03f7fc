#include "widgets/common/icons.h"

#include <QIconEngine>
#include <QPainter>

namespace qroar {

namespace {

/// Paints on a 16 x 16 grid at whatever size is asked for.
class LineIconEngine : public QIconEngine {
  public:
    LineIconEngine(PanelIcon icon, QColor normal, QColor disabled)
        : icon_(icon), normal_(std::move(normal)), disabled_(std::move(disabled)) {}

    void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State state) override {
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        painter->translate(rect.topLeft());
        painter->scale(rect.width() / 16.0, rect.height() / 16.0);
        painter->setPen(QPen(mode == QIcon::Disabled ? disabled_ : normal_, 1.3, Qt::SolidLine, Qt::RoundCap,
                             Qt::RoundJoin));
        draw(painter, state);
        painter->restore();
    }

    QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override {
        QPixmap pixmap(size);
        pixmap.fill(Qt::transparent);
        QPainter painter(&pixmap);
        paint(&painter, QRect(QPoint(0, 0), size), mode, state);
        return pixmap;
    }

    [[nodiscard]] QIconEngine* clone() const override {
        return new LineIconEngine(icon_, normal_, disabled_);
    }

  private:
    void draw(QPainter* painter, QIcon::State state) const {
        switch (icon_) {
        case PanelIcon::Home:
            painter->drawPolyline(QPolygonF{{1.5, 8}, {8, 2}, {14.5, 8}});
            painter->drawPolyline(QPolygonF{{3.5, 7}, {3.5, 14}, {12.5, 14}, {12.5, 7}});
            painter->drawPolyline(QPolygonF{{6.5, 14}, {6.5, 10}, {9.5, 10}, {9.5, 14}});
            break;
        case PanelIcon::Copy:
            painter->drawRect(QRectF(5.5, 5.5, 8.5, 8.5));
            painter->drawPolyline(QPolygonF{{3.5, 10.5}, {2, 10.5}, {2, 2}, {10.5, 2}, {10.5, 3.5}});
            break;
        case PanelIcon::Save:
            painter->drawPolyline(QPolygonF{{2, 10}, {2, 14}, {14, 14}, {14, 10}});
            painter->drawLine(QPointF(8, 2), QPointF(8, 10));
            painter->drawPolyline(QPolygonF{{5, 7}, {8, 10.2}, {11, 7}});
            break;
        case PanelIcon::Table:
            painter->drawRect(QRectF(2, 3, 12, 10));
            painter->drawLine(QPointF(2, 6.3), QPointF(14, 6.3));
            painter->drawLine(QPointF(2, 9.6), QPointF(14, 9.6));
            painter->drawLine(QPointF(6.5, 3), QPointF(6.5, 13));
            break;
        case PanelIcon::Lock:
            painter->drawRect(QRectF(3.5, 7, 9, 7));
            if (state == QIcon::On) { // closed
                painter->fillRect(QRectF(3.5, 7, 9, 7), painter->pen().color());
                painter->drawArc(QRectF(5, 2, 6, 9), 0, 180 * 16);
            } else {
                painter->drawArc(QRectF(5, 1.5, 6, 8), 30 * 16, 150 * 16);
            }
            break;
        case PanelIcon::Zoom:
            painter->drawEllipse(QRectF(2, 2, 8.5, 8.5));
            painter->drawLine(QPointF(9.4, 9.4), QPointF(14, 14));
            painter->drawLine(QPointF(4.2, 6.25), QPointF(8.3, 6.25));
            painter->drawLine(QPointF(6.25, 4.2), QPointF(6.25, 8.3));
            break;
        case PanelIcon::Help: // an i in a circle
            painter->drawEllipse(QRectF(2, 2, 12, 12));
            painter->drawLine(QPointF(8, 7.4), QPointF(8, 11.2));
            painter->drawPoint(QPointF(8, 4.9));
            break;
        }
    }

    PanelIcon icon_;
    QColor normal_, disabled_;
};

} // namespace

QIcon panelIcon(PanelIcon icon, const QPalette& palette) {
    return QIcon(new LineIconEngine(icon, palette.color(QPalette::Active, QPalette::ButtonText),
                                    palette.color(QPalette::Disabled, QPalette::ButtonText)));
}

} // namespace qroar
