// How the plots of a view share its room: beside each other where each gets the least that can be read, else
// below each other. Both ask for no more than that least; the view scrolls where even that is not there
// (DiagnosticPanel::setContent). Not here: what the least is (BasePlot::minimumSizeHint).
#pragma once

#include <QSplitter>
#include <QWidget>

namespace qroar {

/// A splitter that stands up where its widgets have no room beside each other.
class PlotSplit : public QSplitter {
    Q_OBJECT
  public:
    explicit PlotSplit(QWidget* parent = nullptr);
    [[nodiscard]] QSize minimumSizeHint() const override;

  protected:
    void resizeEvent(QResizeEvent* event) override;
    bool event(QEvent* event) override;

  private:
    [[nodiscard]] Qt::Orientation orientationAt(int width) const;
    void fit();
};

/// Equal cells for the widgets that are not hidden, in as many columns as suit the room.
class PlotGrid : public QWidget {
    Q_OBJECT
  public:
    using QWidget::QWidget;
    void add(QWidget* plot);
    [[nodiscard]] int columns() const { return columns_; } ///< in force
    [[nodiscard]] QSize minimumSizeHint() const override;

  protected:
    void resizeEvent(QResizeEvent* event) override;
    bool event(QEvent* event) override;

  private:
    [[nodiscard]] QList<QWidget*> shown() const;
    [[nodiscard]] QSize least() const; ///< of one cell
    [[nodiscard]] int mostColumns(int width) const;
    [[nodiscard]] int suitingColumns(const QSize& room) const;
    void arrange();

    QList<QWidget*> plots_;
    int columns_ = 1;
};

} // namespace qroar
