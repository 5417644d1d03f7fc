// Every text that a figure or a plot draws, with the place it takes on the page: what tests of figures ask
// whether words overlap, leave the page, are cut or end in an ellipsis. Not here: curves, cells and pixels.
#pragma once

#include "widgets/figures/figure_layout.h"

#include <qcustomplot.h>

#include <QPaintEngine>

#include <algorithm>
#include <vector>

namespace qroar::test {

struct DrawnText {
    QString text;
    QRectF ink;        ///< page coordinates
    bool whole = true; ///< no clip cuts it
    bool turned = false;
};

/// A painter's device that keeps texts and forgets all else.
class TextRecorder : public QPaintDevice, private QPaintEngine {
  public:
    explicit TextRecorder(const QSizeF& page) : QPaintEngine(AllFeatures), page_(page) {}
    [[nodiscard]] const std::vector<DrawnText>& texts() const { return texts_; }
    [[nodiscard]] QPaintEngine* paintEngine() const override { return const_cast<TextRecorder*>(this); }

  protected:
    [[nodiscard]] int metric(PaintDeviceMetric which) const override {
        switch (which) {
        case PdmWidth:
            return static_cast<int>(page_.width());
        case PdmHeight:
            return static_cast<int>(page_.height());
        case PdmDevicePixelRatio:
            return 1;
        case PdmDevicePixelRatioScaled:
            return static_cast<int>(devicePixelRatioFScale());
        case PdmDepth:
            return 32;
        case PdmNumColors:
            return 1 << 24;
        default: // dots an inch and millimetres, which nothing asks for
            return 96;
        }
    }

  private:
    bool begin(QPaintDevice*) override { return true; }
    bool end() override { return true; }
    [[nodiscard]] Type type() const override { return User; }
    void updateState(const QPaintEngineState&) override {}
    void drawPixmap(const QRectF&, const QPixmap&, const QRectF&) override {}
    void drawImage(const QRectF&, const QImage&, const QRectF&, Qt::ImageConversionFlags) override {}
    void drawPath(const QPainterPath&) override {}
    void drawPolygon(const QPointF*, int, PolygonDrawMode) override {}

    void drawTextItem(const QPointF& at, const QTextItem& item) override {
        const QString text = item.text();
        if (text.trimmed().isEmpty()) return;
        const QRectF own = QFontMetricsF(item.font()).tightBoundingRect(text).translated(at);
        const QTransform& turn = state->transform();
        const QPointF from = turn.map(at), to = turn.map(at + QPointF(item.width(), 0));
        const bool whole = !painter()->hasClipping()
                           || painter()->clipBoundingRect().adjusted(-1.5, -1.5, 1.5, 1.5).contains(own);
        const DrawnText now{text, turn.mapRect(own), whole, std::abs(to.y() - from.y()) > 0.1};
        // A line of several scripts comes in pieces.
        if (!texts_.empty() && QLineF(end_, from).length() < 0.5) {
            DrawnText& line = texts_.back();
            line = {line.text + text, line.ink.united(now.ink), line.whole && whole, line.turned};
        } else {
            texts_.push_back(now);
        }
        end_ = to;
    }

    QSizeF page_;
    QPointF end_{-1e9, -1e9};
    std::vector<DrawnText> texts_;
};

inline std::vector<DrawnText> drawnTexts(const Figure& figure, const FigureStyle& style) {
    TextRecorder page(figurePageSize(figure, style));
    QCPPainter painter(&page);
    painter.setMode(QCPPainter::pmVectorized);
    painter.setMode(QCPPainter::pmNoCaching);
    drawFigure(figure, &painter, style);
    painter.end();
    return page.texts();
}

/// The same of a plot on screen, as it is laid out now.
inline std::vector<DrawnText> shownTexts(QCustomPlot& plot) {
    TextRecorder page(plot.size());
    QCPPainter painter(&page);
    plot.toPainter(&painter, plot.width(), plot.height());
    painter.end();
    return page.texts();
}

/// What of them cannot be read as it is: one line each.
inline QStringList unreadable(const std::vector<DrawnText>& texts, const QSizeF& page) {
    QStringList problems;
    const QRectF room = QRectF(QPointF(0, 0), page).adjusted(-0.5, -0.5, 0.5, 0.5);
    const auto oneLine = [](const DrawnText& one) { return QString(one.text).replace(u'\n', u'|'); };
    for (std::size_t index = 0; index < texts.size(); ++index) {
        const DrawnText& one = texts[index];
        if (one.text.contains(u'\u2026')) problems << QStringLiteral("elided: ") + oneLine(one);
        if (!room.contains(one.ink)) problems << QStringLiteral("outside the page: ") + oneLine(one);
        if (!one.whole) problems << QStringLiteral("cut: ") + oneLine(one);
        for (std::size_t other = index + 1; other < texts.size(); ++other) {
            const QRectF both = one.ink & texts[other].ink;
            if (both.width() > 0.75 && both.height() > 0.75)
                problems << QStringLiteral("overlap: %1 / %2").arg(oneLine(one), oneLine(texts[other]));
        }
    }
    return problems;
}

} // namespace qroar::test
