#include "widgets/plot/plot_heading.h"

#include <algorithm>

namespace qroar {

PlotHeading::PlotHeading(QCustomPlot* plot) : QCPTextElement(plot) {}

QSize PlotHeading::minimumOuterSizeHint() const {
    return {0, QCPTextElement::minimumOuterSizeHint().height()};
}

QRectF PlotHeading::textRect() const {
    double width = 0;
    const QFontMetricsF metrics(font());
    for (const QString& line : text().split(u'\n')) width = std::max(width, metrics.horizontalAdvance(line));
    const QRectF plot = parentPlot()->viewport();
    const double least = plot.left() + margin, most = plot.right() - margin - width;
    const double centred = QRectF(parentPlot()->axisRect()->rect()).center().x() - width / 2;
    const double left = most < least ? plot.center().x() - width / 2 : std::clamp(centred, least, most);
    return {left, static_cast<double>(rect().top()), width, static_cast<double>(rect().height())};
}

void PlotHeading::draw(QCPPainter* painter) {
    painter->setFont(font());
    painter->setPen(textColor());
    painter->drawText(textRect(), Qt::AlignHCenter | Qt::AlignTop | Qt::TextDontClip, text());
}

} // namespace qroar
