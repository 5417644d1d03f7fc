// FigurePreview: a picture of a figure, as large as there is room, drawn when things have settled, and a line
// with the size of the page. Not here: what the figure is.
#pragma once

#include "widgets/figures/figure.h"
#include "widgets/figures/figure_style.h"

#include <QWidget>

#include <functional>

class QLabel;
class QTimer;

namespace qroar {

class FigurePreview : public QWidget {
    Q_OBJECT

  public:
    explicit FigurePreview(QWidget* parent = nullptr);
    /// Called to draw: the page, or a null image and why there is none.
    struct Drawn {
        QImage image{};
        QSizeF page{}; ///< 1/96 in
        QString problem{};
        QString tooSmall{}; ///< figureSizeProblem: the page can be drawn, but not read
    };
    void setSource(std::function<Drawn(QSize room)> source) { source_ = std::move(source); }
    void refresh(); ///< soon, where it can be seen
    void refreshNow();
    [[nodiscard]] QString problem() const { return problem_; }
    [[nodiscard]] QImage image() const { return image_; }
    /// Why the page that is shown cannot be read; empty: it can.
    [[nodiscard]] QString tooSmall() const { return tooSmall_; }

  signals:
    void refreshed();

  protected:
    void resizeEvent(QResizeEvent* event) override;
    void showEvent(QShowEvent* event) override;

  private:
    std::function<Drawn(QSize)> source_;
    QLabel *picture_ = nullptr, *note_ = nullptr;
    QTimer* timer_ = nullptr;
    bool stale_ = false;
    QString problem_, tooSmall_;
    QImage image_;
};

/// Draws `figure` so that it fits `room`.
FigurePreview::Drawn previewOf(const Figure& figure, const FigureStyle& style, QSize room,
                               double devicePixelRatio);
/// "84 × 63 mm, PNG 992 × 744 px".
QString pageSizeText(const QSizeF& page, const FigureStyle& style);

} // namespace qroar
