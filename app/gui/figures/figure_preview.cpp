#include "app/gui/figures/figure_preview.h"

#include "widgets/figures/figure_layout.h"
#include "widgets/figures/figure_room.h"
#include "widgets/plot/figure_export.h"

#include <QLabel>
#include <QPixmap>
#include <QTimer>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace qroar {

FigurePreview::FigurePreview(QWidget* parent)
    : QWidget(parent), picture_(new QLabel(this)), note_(new QLabel(this)), timer_(new QTimer(this)) {
    setMinimumSize(320, 240);
    setAccessibleName(tr("Preview of the figure"));
    picture_->setAlignment(Qt::AlignCenter);
    picture_->setWordWrap(true);
    picture_->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Ignored);
    picture_->setBackgroundRole(QPalette::Mid);
    picture_->setAutoFillBackground(true);
    picture_->setMargin(8);
    picture_->setAccessibleName(tr("Preview"));
    note_->setAlignment(Qt::AlignCenter);
    note_->setWordWrap(true);
    note_->setTextInteractionFlags(Qt::TextSelectableByMouse);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(picture_, 1);
    column->addWidget(note_);
    timer_->setSingleShot(true);
    timer_->setInterval(60);
    connect(timer_, &QTimer::timeout, this, [this] {
        stale_ = !isVisible(); // nobody sees it: drawn when it is shown
        if (!stale_) refreshNow();
    });
}

void FigurePreview::refresh() {
    timer_->start();
}

void FigurePreview::refreshNow() {
    timer_->stop();
    stale_ = false;
    if (!source_) return;
    const QSize room = picture_->size() - QSize(24, 24);
    const Drawn drawn = source_(room.expandedTo(QSize(120, 90)));
    problem_ = drawn.problem;
    image_ = drawn.image;
    picture_->setPixmap(QPixmap::fromImage(image_));
    if (image_.isNull()) picture_->setText(problem_);
    note_->setText(image_.isNull() ? QString() : drawn.image.text(QStringLiteral("note")));
    tooSmall_ = drawn.tooSmall;
    emit refreshed();
}

void FigurePreview::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    refresh();
}

void FigurePreview::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    if (stale_) refresh();
}

QString pageSizeText(const QSizeF& page, const FigureStyle& style) {
    const QSizeF millimetres = page * 25.4 / 96;
    const QSize pixels = (page * style.scale()).toSize();
    return FigurePreview::tr("%1 × %2 mm, PNG %3 × %4 px")
        .arg(millimetres.width(), 0, 'f', 0)
        .arg(millimetres.height(), 0, 'f', 0)
        .arg(pixels.width())
        .arg(pixels.height());
}

FigurePreview::Drawn previewOf(const Figure& figure, const FigureStyle& style, QSize room,
                               double devicePixelRatio) {
    FigurePreview::Drawn drawn;
    {
        const LaidOutFigure page(figure, style);
        drawn.page = page.size();
        const double fit = std::min(room.width() / drawn.page.width(), room.height() / drawn.page.height());
        const double scale = std::clamp(fit, 0.05, 3.0) * devicePixelRatio;
        drawn.image = renderFigure(page, style, scale);
    }
    drawn.image.setDevicePixelRatio(devicePixelRatio);
    drawn.image.setText(QStringLiteral("note"), pageSizeText(drawn.page, style));
    drawn.tooSmall = figureSizeProblem(figure, style);
    if (!drawn.tooSmall.isEmpty())
        drawn.image.setText(QStringLiteral("note"),
                            FigurePreview::tr("%1\n%2").arg(pageSizeText(drawn.page, style), drawn.tooSmall));
    return drawn;
}

} // namespace qroar
