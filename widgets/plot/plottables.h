// Plottables that QCustomPlot lacks or draws badly: lines that stay fast with wide pens, maps of rectangles
// that stay vectors in PDF and SVG, colour bars, translucent zones.
#pragma once

#include "widgets/common/color_map.h"

#include <qcustomplot.h>

#include <limits>
#include <vector>

namespace qroar {

/// A graph whose lines are drawn segment by segment on raster painters: Qt's polyline with a pen wider than
/// one device pixel takes seconds for a few thousand points. Vector painters get the whole polyline.
class SegmentGraph : public QCPGraph {
  public:
    SegmentGraph(QCPAxis* keyAxis, QCPAxis* valueAxis) : QCPGraph(keyAxis, valueAxis) {}
    void lower() { moveToLayer(layer(), true); }  ///< below everything else of its layer
    void raise() { moveToLayer(layer(), false); } ///< above everything else of its layer
    /// Covers what is behind, from the line down to `base`.
    void setCover(double base, const QColor& colour) { coverBase_ = base, cover_ = colour; }

  protected:
    void draw(QCPPainter* painter) override;
    void drawLinePlot(QCPPainter* painter, const QVector<QPointF>& lines) const override;
    /// SVG: QCustomPlot's line is longer than the icon and relies on a clip that SVG files do not have.
    void drawLegendIcon(QCPPainter* painter, const QRectF& rect) const override;

  private:
    double coverBase_ = 0;
    QColor cover_; ///< invalid: nothing is covered
};

/// A plottable that takes no part in ranges, selection or legends.
class PassivePlottable : public QCPAbstractPlottable {
  public:
    using QCPAbstractPlottable::QCPAbstractPlottable;
    double selectTest(const QPointF&, bool, QVariant* = nullptr) const override { return -1; }
    QCPRange getKeyRange(bool& found, QCP::SignDomain = QCP::sdBoth) const override;
    QCPRange getValueRange(bool& found, QCP::SignDomain = QCP::sdBoth, const QCPRange& = {}) const override;

  protected:
    void drawLegendIcon(QCPPainter*, const QRectF&) const override {}
};

/// A translucent band between two lines over the same keys; gaps where either is not finite.
class IntervalBand : public PassivePlottable {
  public:
    IntervalBand(QCPAxis* keyAxis, QCPAxis* valueAxis) : PassivePlottable(keyAxis, valueAxis) {}
    void setData(std::vector<double> keys, std::vector<double> low, std::vector<double> high);
    void setColour(const QColor& colour) { colour_ = colour; }

  protected:
    void draw(QCPPainter* painter) override;

  private:
    std::vector<double> keys_, low_, high_;
    QColor colour_;
};

/// rows x columns rectangles; cell (row, column) is centred on (column, row) in coordinates. Missing cells
/// are hatched; values are printed when all of them fit.
class CellMap : public PassivePlottable {
  public:
    CellMap(QCPAxis* keyAxis, QCPAxis* valueAxis);
    void setCells(int rows, int columns, std::vector<double> values); ///< [rows, columns]
    void setColours(const ColorMap& map, const ColorScale& scale, const QColor& missing, const QColor& hatch);
    void setOutline(const QColor& inner, const QColor& outer);
    void setSelected(int row, int column) { selectedRow_ = row, selectedColumn_ = column; } ///< -1: none
    void setValueFont(const QFont& font) { font_ = font; }
    void setOutlined(bool on) { outlined_ = on; }         ///< the selected cell has a frame
    void setFewerDigits(bool on) { fewerDigits_ = on; }   ///< two where three have no room
    void setPlainGaps(bool plain) { plainGaps_ = plain; } ///< missing cells are left empty, not hatched
    [[nodiscard]] int rows() const { return rows_; }
    [[nodiscard]] int columns() const { return columns_; }
    [[nodiscard]] double value(int row, int column) const {
        return values_[static_cast<size_t>(row) * columns_ + column];
    }
    [[nodiscard]] QRectF cellRect(int row, int column) const; ///< pixels
    [[nodiscard]] QColor cellColour(int row, int column) const;
    [[nodiscard]] int shownDigits() const; ///< of the values in the cells; 0: they have no room

  protected:
    void draw(QCPPainter* painter) override;

  private:
    class Frame; ///< of the selected cell; around a small one it reaches out of the axes
    void drawMissing(QCPPainter* painter, const QRectF& rect) const;
    void drawFrame(QCPPainter* painter) const;
    void drawValues(QCPPainter* painter) const;
    [[nodiscard]] bool hasRoomForValues(int digits) const;

    int rows_ = 0, columns_ = 0, selectedRow_ = -1, selectedColumn_ = -1;
    bool plainGaps_ = false, outlined_ = true, fewerDigits_ = false;
    std::vector<double> values_;
    ColorMap map_ = ColorMap::viridis();
    ColorScale scale_;
    QColor missing_ = Qt::lightGray, hatch_ = Qt::gray, outlineInner_ = Qt::black, outlineOuter_ = Qt::white;
    QFont font_;
};

/// Fills its axis rect with a vertical colour gradient; an arrow at an end says that there are values beyond.
class ColorBar : public PassivePlottable {
  public:
    ColorBar(QCPAxis* keyAxis, QCPAxis* valueAxis) : PassivePlottable(keyAxis, valueAxis) {}
    void setMap(const ColorMap& map) { map_ = map; }
    void setBeyond(bool below, bool above) { below_ = below, above_ = above; }
    [[nodiscard]] bool isBelow() const { return below_; }
    [[nodiscard]] bool isAbove() const { return above_; }
    static constexpr int arrow = 8; ///< pixels; the owner reserves them above and below the axes

  protected:
    void draw(QCPPainter* painter) override;
    QRect clipRect() const override {
        return keyAxis()->axisRect()->rect().adjusted(0, -arrow - 2, 0, arrow + 2);
    }

  private:
    ColorMap map_ = ColorMap::viridis();
    bool below_ = false, above_ = false;
};

/// Vertical zones of the full height, with a coloured head above the axes that holds their names, so that
/// nothing in the plot can cross them. The owner reserves headHeight() + gap above the axes.
class ZoneStrips : public PassivePlottable {
  public:
    struct Zone {
        double from = 0, to = 0; ///< key coordinates
        QColor fill;
        QString label, shortLabel; ///< the short one when the other does not fit
        bool emphasised = false;
    };
    ZoneStrips(QCPAxis* keyAxis, QCPAxis* valueAxis) : PassivePlottable(keyAxis, valueAxis) {}
    void setZones(std::vector<Zone> zones) { zones_ = std::move(zones); }
    void setLabelStyle(const QFont& font, const QColor& colour) { font_ = font, text_ = colour; }
    [[nodiscard]] int headHeight() const;
    void setGap(int pixels) { gap_ = pixels; } ///< between the head and the axes
    /// A strip of `colour` over the half before and behind `key`; NaN: none.
    void setSelected(double key, const QColor& colour) { selected_ = key, selectedColour_ = colour; }
    void setSelectionShown(bool on) { selectionShown_ = on; }
    enum class Lack { Label, ShortLabel };
    /// Of the zones in sight, as they lie now, those whose label, or whose short one too, has no room.
    [[nodiscard]] std::vector<std::size_t> unnamed(Lack lack) const;

  protected:
    void draw(QCPPainter* painter) override;
    QRect clipRect() const override;

  private:
    [[nodiscard]] QRectF areaOf(double from, double to) const; ///< within the axes; empty: out of sight
    [[nodiscard]] QRectF areaOf(const Zone& zone) const { return areaOf(zone.from, zone.to); }
    void drawSelected(QCPPainter* painter) const;
    [[nodiscard]] QRectF headOf(const QRectF& area) const;
    [[nodiscard]] QFont fontOf(const Zone& zone) const;
    [[nodiscard]] static bool hasRoom(const QFont& font, const QString& label, int margin,
                                      const QRectF& head);

    std::vector<Zone> zones_;
    QFont font_;
    QColor text_, selectedColour_;
    int gap_ = 0;
    double selected_ = std::numeric_limits<double>::quiet_NaN();
    bool selectionShown_ = true;
};

/// Dashed vertical lines with a short name each, in one or two rows between the axes and whatever is above
/// them. Names never cover each other or the line of another mark; one without room is left out.
class MarkStrip : public PassivePlottable {
  public:
    struct Mark {
        double key = 0;
        QString label;
    };
    MarkStrip(QCPAxis* keyAxis, QCPAxis* valueAxis) : PassivePlottable(keyAxis, valueAxis) {}
    void setMarks(std::vector<Mark> marks) { marks_ = std::move(marks); }
    void setStyle(const QFont& font, const QColor& colour) { font_ = font, colour_ = colour; }
    /// Places the names for the range and width in force; the height they need above the axes.
    int arrange();
    /// Where the name of mark `index` is drawn, in pixels; empty when there was no room for it.
    [[nodiscard]] QRectF labelRect(size_t index) const { return places_.at(index).rect; }
    /// Labels of the marks in sight that have no room, as arranged last.
    [[nodiscard]] QStringList unnamed() const;

  protected:
    void draw(QCPPainter* painter) override;
    QRect clipRect() const override;

  private:
    struct Place {
        double x = 0; ///< of the line
        int row = -1; ///< 0: next to the axes; -1: no name
        QRectF rect;
    };
    /// `last`: no other name is to be placed, so that the line of one without begins at the axes.
    [[nodiscard]] bool tryPlace(size_t index, int row, double left, double width, bool last);
    /// Places the names one after the other; how many have a place.
    int placeInOrder(const std::vector<size_t>& order);
    [[nodiscard]] double rowHeight() const;

    std::vector<Mark> marks_;
    std::vector<Place> places_;
    QFont font_;
    QColor colour_;
};

/// Ticks at 1, 2, 5 x 10^n, or at decades only when the range spans many; labels as people write them.
class ReadableLogTicker : public QCPAxisTicker {
  public:
    /// `floor` > 0: where values below it are drawn; it has a tick, "≤ 10⁻⁴", and there is none below it.
    explicit ReadableLogTicker(double floor = 0) : floor_(floor) {}
    [[nodiscard]] static QVector<double> ticksIn(const QCPRange& range, int count = 5);
    [[nodiscard]] static QString textOf(double tick);

  protected:
    QVector<double> createTickVector(double tickStep, const QCPRange& range) override;
    QVector<double> createSubTickVector(int, const QVector<double>&) override { return {}; }
    QString getTickLabel(double tick, const QLocale& locale, QChar format, int precision) override;
    double getTickStep(const QCPRange&) override { return 1; }

  private:
    double floor_;
};

/// Linear ticks with readable labels ("1,024", "0.05").
class ReadableTicker : public QCPAxisTicker {
  protected:
    QString getTickLabel(double tick, const QLocale& locale, QChar format, int precision) override;
    int getSubTickCount(double) override { return 0; }
};

/// Ticks at 0, step, 2 step, ... with a label each.
class IndexTicker : public QCPAxisTicker {
  public:
    void setLabels(QStringList labels) { labels_ = std::move(labels); }
    void setStep(int step) { step_ = step; }
    [[nodiscard]] bool isShown(int index) const { return index % step_ == 0; }
    [[nodiscard]] const QStringList& labels() const { return labels_; }

  protected:
    QVector<double> createTickVector(double tickStep, const QCPRange& range) override;
    QVector<double> createSubTickVector(int, const QVector<double>&) override { return {}; }
    QString getTickLabel(double tick, const QLocale& locale, QChar format, int precision) override;

  private:
    QStringList labels_;
    int step_ = 1;
};

} // namespace qroar
