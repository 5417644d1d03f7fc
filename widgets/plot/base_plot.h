// BasePlot: what every plot of the workbench does the same way: colours of the theme, thin grid, wheel zoom
// (Ctrl: x only, Shift: y only), pan by dragging, rubber band with the right button or in zoom mode, Home by
// key or double click, a read-out with units under the cursor. Not here: data (subclasses), export
// (figure_export.h).
#pragma once

#include "widgets/common/theme.h"

#include <qcustomplot.h>

#include <QElapsedTimer>
#include <QTimer>

#include <optional>
#include <vector>

class QLabel;
class QRubberBand;

namespace qroar {

class PlotHeading;

class BasePlot : public QCustomPlot {
    Q_OBJECT
  public:
    explicit BasePlot(QWidget* parent = nullptr);

    [[nodiscard]] const PlotTheme& theme() const { return theme_; }
    /// Colours of everything; fonts of `fontPixels`.
    void setTheme(const PlotTheme& theme, int fontPixels);
    /// Back to the palette and font of the widget.
    void useWidgetTheme();
    [[nodiscard]] int fontPixels() const { return fontPixels_; }
    /// Instead of the sequential map of whatever theme is set, now and later.
    void setSequentialMap(const ColorMap& map);

    /// Small heading above the axes; empty takes no room.
    void setHeading(const QString& text);
    [[nodiscard]] QString heading() const { return headingText_; }
    /// Ranges that Home shows; also applied now unless the user has zoomed and `keepZoom`.
    void setHomeRanges(const QCPRange& x, const QCPRange& y, bool keepZoom = true);
    void home();
    [[nodiscard]] bool isZoomed() const { return zoomed_; }
    /// While on, dragging with the left button zooms instead of panning.
    void setZoomMode(bool on) { zoomMode_ = on; }
    /// To the ranges before the last zoom or move, and back again (also by the mouse's own buttons).
    void zoomBack();
    void zoomForward();
    /// Axes that do not zoom and pan (heat maps of few bands).
    void setNavigable(bool x, bool y);
    [[nodiscard]] bool isNavigable() const { return navigableX_ || navigableY_; }

    /// Draws at `size` logical pixels, laid out for it, with the theme in force; the widget stays as it is
    /// but for its layout: settle() afterwards.
    void renderTo(QCPPainter* painter, const QSize& size);
    /// Where renderTo would put the axes.
    [[nodiscard]] QRect axesAt(const QSize& size);
    /// Whether that was the last size it was laid out for, for a figure.
    [[nodiscard]] bool isLaidOutFor(const QSize& size) const {
        return !screen_.isNull() && viewport().size() == size;
    }
    /// Plots with the same key show the same rows and columns: side by side in a figure they get axes of one
    /// size. Empty: nothing is like it.
    [[nodiscard]] virtual QString shapeKey() const { return {}; }
    /// What has no room where it is laid out now and is not there, a sentence each.
    [[nodiscard]] virtual QStringList leftOut() const { return {}; }
    /// No title of an axis ends in an ellipsis, as it is laid out now.
    [[nodiscard]] bool titlesAreWhole() const;
    /// All the room that a figure has for it, of which it may get less so that axes line up; what is drawn
    /// beside the axes at all depends on it. Until settle().
    void setRoomOfFigure(const QSize& room) { roomOfFigure_ = room; }
    /// Lays out for the screen again.
    void settle();
    /// What of the legend and the colour bar is there at all; what is not takes no room.
    void setFurniture(bool legendShown, bool colourBarShown);
    /// In figures whose page may still grow the legend gets no smaller than this share of the plot's font,
    /// and none of it is left out: what it lacks is the page's to give. 0: the page is as it is.
    void setLeastLegendScale(double scale) { leastLegendScale_ = scale; }
    /// Instead of the widget's font, while figures are drawn.
    void setFontOfFigures(const std::optional<QFont>& font) { figureFont_ = font; }
    /// To these ranges, as if the user had zoomed there; home() leads back.
    void zoomTo(const QCPRange& x, const QCPRange& y);
    /// When it is next painted: what is hidden, resized twice or told three things is drawn once at most.
    void drawLater();
    /// Name and summary for assistive technology (a plot is one opaque widget to it).
    void describe(const QString& name, const QString& summary);
    [[nodiscard]] QString readoutText() const;
    [[nodiscard]] QSize sizeHint() const override { return {420, 260}; }
    /// The least that can be read: axes of some lines of text beside titles, labels and a legend.
    [[nodiscard]] QSize minimumSizeHint() const override;

  signals:
    void clicked(const QPointF& position); ///< left button, without dragging; widget coordinates
    /// Right button without dragging, or the menu key.
    void menuWanted(const QPoint& globalPosition);

  protected:
    /// Text under the cursor; empty hides it. Positions are widget coordinates inside the axes.
    [[nodiscard]] virtual QString readoutAt(const QPointF& position) const;
    /// Where readoutAt() is asked: the axes, for most.
    [[nodiscard]] virtual QRect readoutArea() const { return axisRect()->rect(); }
    /// Colours of what the subclass adds. Not called for the first time before the subclass calls
    /// useWidgetTheme().
    virtual void applyTheme() {}
    /// What depends on the size of the axes in pixels; called when it may have changed.
    virtual void prepareLayout() {}
    /// True when a subclass takes the left-button gesture that starts here (an edge drag).
    virtual bool beginGesture(const QPointF& position);
    virtual void moveGesture(const QPointF& position);
    virtual void endGesture(bool cancelled);
    [[nodiscard]] virtual Qt::CursorShape cursorAt(const QPointF& position) const;

    /// A layer on the grid, behind all that is drawn there, for what moves while the rest stands: it can be
    /// drawn without them. Nothing in it has a part in the layout.
    QCPLayer* addMovingLayer();
    void drawMovingLater(); ///< as drawLater(), that layer alone
    /// The same, behind what the views have waiting: they and this plot are painted together, once.
    void drawMovingInTurn();

    [[nodiscard]] QFont plotFont(double scale = 1.0) const;
    void styleAxis(QCPAxis* axis) const;
    void styleLegend();
    /// The legend into its own row above the axes (horizontal) or its own column right of them.
    void placeLegend(bool above);
    /// Labels `axis` with `title`, in as many lines as it needs along the axis; where it has no room on
    /// screen, with the shorter one, if there is one, or with as much of it as there is room for.
    void fitTitle(QCPAxis* axis, const QString& title, const QString& shorter = {});
    [[nodiscard]] QSize room() const { return roomOfFigure_.value_or(viewport().size()); }
    [[nodiscard]] bool isForFigure() const { return !screen_.isNull(); }
    [[nodiscard]] bool hasRoomFor(const QCPAxis* axis, const QString& title) const;
    /// The names in the legend, in its font as it is now: whole, broken into lines of at most `room` pixels,
    /// or shortened.
    virtual void nameLegend(double /*room*/, bool /*whole*/) {}
    void resetLegend(); ///< to a state that no earlier layout has left
    void wrapLegend();  ///< of a horizontal legend, to the width of the plot, in a font that its height has
                        ///< room for
    /// The element that setFurniture() takes for the colour bar.
    void setColourBar(QCPLayoutElement* element) { colourBar_ = element; }

    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void changeEvent(QEvent* event) override;
    void draw(QCPPainter* painter) override; ///< SVG: with clips, which Qt does not write
    void focusInEvent(QFocusEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;

  private:
    enum class Drag { None, Pending, Pan, RubberBand, Gesture };
    struct View {
        QCPRange x, y;
    };
    void remember(); ///< the view in force, before it changes
    void step(std::vector<View>& from, std::vector<View>& to);
    /// A part of the plot that can be taken out of the layout and put back.
    struct Furniture {
        bool out = false, visible = true;
        int row = 0, column = 0;
        double rowStretch = 1, columnStretch = 1;
    };
    void show(QCPLayoutElement* element, Furniture& place, bool shown);
    void layOutFor(const QSize& size);
    void fitHeading();
    void scaleLegend(double scale); ///< its font, as a share of the plot's
    void setLegendColumns();
    [[nodiscard]] double legendTextRoom() const; ///< pixels of one entry that has a row of its own
    [[nodiscard]] bool legendFits() const;       ///< beside what else must be there
    void panTo(const QPointF& position);
    void zoomInto(const QRectF& area);
    void showReadout(const QPointF& position);
    [[nodiscard]] QCPRange freeAlong(const QCPAxis* axis) const; ///< of a title: pixels of the plot
    [[nodiscard]] int titleRoom(const QCPAxis* axis) const;      ///< pixels along the axis
    [[nodiscard]] int mostTitleLines(const QCPAxis* axis) const;
    void limitTicks();          ///< to what has room along the axes
    bool placeLegendOverAxes(); ///< true when it moved
    void alignLegend();         ///< after a layout
    void prepare();             ///< limitTicks() and prepareLayout()

    double legendWidth_ = 0; ///< pixels, of a legend above the axes
    double leastLegendScale_ = 0;
    PlotTheme theme_;
    std::optional<ColorMap> sequential_;
    int fontPixels_ = 12;
    bool exportTheme_ = false, zoomed_ = false, zoomMode_ = false, navigableX_ = true, navigableY_ = true;
    void drawStale(); ///< what is, of which the widget is then a picture

    QTimer turn_, readoutTurn_; ///< drawMovingInTurn(); the read-out, after what is under it was drawn
    QCPLayer* moving_ = nullptr;
    bool stale_ = false, movingStale_ = false; ///< to be drawn when it is painted
    bool resized_ = false;                     ///< to be laid out before
    Drag drag_ = Drag::None;
    QPointF pressed_, last_;
    QCPRange homeX_, homeY_;
    std::vector<View> back_, forward_;
    QElapsedTimer wheel_; ///< since the last turn: one turn of the wheel is one step back
    QString headingText_;
    std::optional<QFont> figureFont_;
    QCPLayoutElement* colourBar_ = nullptr;
    struct BrokenTitle {
        const QCPAxis* axis = nullptr;
        QString title;
        int lines = 1;
    };
    std::vector<BrokenTitle> broken_; ///< the lines that titles take at the size laid out for, at least
    bool keepsBroken_ = false;
    Furniture legendPlace_, barPlace_;
    Furniture noRoom_; ///< of a legend that the plot is too low for
    std::optional<QSize> roomOfFigure_;
    QRect screen_; ///< the viewport on screen while figures are drawn; null: none are
    PlotHeading* headingElement_ = nullptr;
    QLabel* readout_ = nullptr;
    QString said_; ///< by readout_, before its lines were broken
    QRubberBand* rubberBand_ = nullptr;
};

} // namespace qroar
