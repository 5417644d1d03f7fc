#include "widgets/plot/figure_export.h"

#include "widgets/plot/base_plot.h"

#include <QBuffer>
#include <QCoreApplication>
#include <QFileInfo>
#include <QPdfWriter>
#include <QRegularExpression>
#include <QSaveFile>
#include <QSvgGenerator>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

constexpr double margin = 10;

QString translated(const char* text) {
    return QCoreApplication::translate("FigureExport", text);
}

struct Layout {
    QSizeF size; ///< logical pixels
    int fontPixels = 12;
    bool stacked = false; ///< parts below each other
};

Layout layoutOf(const Figure& figure, FigureSize size) {
    const bool several = figure.parts.size() > 1;
    const auto rows = static_cast<double>(figure.parts.size());
    switch (size) {
    case FigureSize::OneColumn: // 3.3 in, 8 pt
        return {QSizeF(316.8, (several ? 215 * rows : 262) + 40), 11, several};
    case FigureSize::TwoColumn: // 7 in, 8 pt
        return {QSizeF(672, 380), 11, false};
    case FigureSize::Slide:
        return {QSizeF(1280, 720), 18, false};
    case FigureSize::AsShown:
        break;
    }
    return {QSizeF(figure.shownSize.expandedTo(several ? QSize(720, 400) : QSize(480, 320))), 12, false};
}

double imageScale(FigureSize size) {
    switch (size) {
    case FigureSize::Slide:
        return 1.5; // 1920 x 1080
    case FigureSize::OneColumn:
    case FigureSize::TwoColumn:
        return 300.0 / 96;
    case FigureSize::AsShown:
        break;
    }
    return 2;
}

/// Draws with the export theme and puts the theme of the widgets back.
void drawPlot(BasePlot* plot, QCPPainter* painter, const QRectF& place, int fontPixels) {
    const PlotTheme shown = plot->theme();
    const int shownPixels = plot->fontPixels();
    plot->setTheme(PlotTheme::forExport(), fontPixels);
    painter->save();
    painter->translate(place.topLeft());
    plot->renderTo(painter, place.size().toSize());
    painter->restore();
    plot->setTheme(shown, shownPixels);
    plot->replot(QCustomPlot::rpQueuedReplot);
}

void drawFigure(const Figure& figure, QCPPainter* painter, const Layout& layout) {
    const PlotTheme theme = PlotTheme::forExport();
    const QRectF page(QPointF(0, 0), layout.size);
    painter->fillRect(page, theme.background);
    QFont titleFont = figure.parts.isEmpty() ? QFont() : figure.parts.front().plot->font();
    titleFont.setPixelSize(static_cast<int>(std::lround(layout.fontPixels * 1.15)));
    titleFont.setBold(true);
    QFont smallFont = titleFont;
    smallFont.setBold(false);
    smallFont.setPixelSize(std::max(7, static_cast<int>(std::lround(layout.fontPixels * 0.72))));
    const QRectF inner = page.adjusted(margin, margin * 0.7, -margin, -margin * 0.6);
    const auto heightOf = [&](const QFont& font, const QString& text) {
        if (text.isEmpty()) return 0.0;
        return QFontMetricsF(font).boundingRect(inner, Qt::TextWordWrap, text).height();
    };
    const double titleHeight = heightOf(titleFont, figure.title);
    const double footHeight = heightOf(smallFont, figure.provenance);
    const auto text = [&](const QFont& font, const QColor& colour, const QRectF& place,
                          const QString& words) {
        painter->setFont(font);
        painter->setPen(colour);
        painter->drawText(place, Qt::AlignLeft | Qt::AlignTop | Qt::TextWordWrap, words);
    };
    text(titleFont, theme.text, QRectF(inner.topLeft(), QSizeF(inner.width(), titleHeight + 2)),
         figure.title);
    text(smallFont, theme.mutedText,
         QRectF(inner.left(), inner.bottom() - footHeight, inner.width(), footHeight + 2), figure.provenance);
    const QRectF area = inner.adjusted(-4, titleHeight + 4, 4, -footHeight - 4);
    const auto count = static_cast<double>(figure.parts.size());
    for (qsizetype part = 0; part < figure.parts.size(); ++part) {
        QRectF place = figure.parts[part].place;
        if (layout.stacked) place = QRectF(0, static_cast<double>(part) / count, 1, 1 / count);
        drawPlot(figure.parts[part].plot, painter,
                 QRectF(std::round(area.left() + place.left() * area.width()),
                        std::round(area.top() + place.top() * area.height()),
                        std::floor(place.width() * area.width()), std::floor(place.height() * area.height())),
                 layout.fontPixels);
    }
}

QByteArray svgOf(const Figure& figure, const Layout& layout) {
    QBuffer buffer;
    buffer.open(QIODevice::WriteOnly);
    QSvgGenerator svg;
    svg.setOutputDevice(&buffer);
    svg.setSize(layout.size.toSize());
    svg.setViewBox(QRectF(QPointF(0, 0), layout.size));
    svg.setResolution(96);
    svg.setTitle(figure.title);
    svg.setDescription(figure.provenance);
    QCPPainter painter;
    if (!painter.begin(&svg)) return {};
    painter.setMode(QCPPainter::pmVectorized);
    painter.setMode(QCPPainter::pmNoCaching);
    drawFigure(figure, &painter, layout);
    painter.end();
    return buffer.data();
}

QByteArray pdfOf(const Figure& figure, const Layout& layout) {
    QBuffer buffer;
    buffer.open(QIODevice::WriteOnly);
    {
        QPdfWriter pdf(&buffer);
        pdf.setResolution(96);
        pdf.setPageSize(QPageSize(layout.size * 72.0 / 96.0, QPageSize::Point, {}, QPageSize::ExactMatch));
        pdf.setPageMargins(QMarginsF(0, 0, 0, 0));
        pdf.setTitle(figure.title);
        pdf.setCreator(figure.provenance);
        QCPPainter painter;
        if (!painter.begin(&pdf)) return {};
        painter.setMode(QCPPainter::pmVectorized);
        painter.setMode(QCPPainter::pmNoCaching);
        drawFigure(figure, &painter, layout);
    }
    return buffer.data();
}

QByteArray pngOf(const Figure& figure, FigureSize size) {
    QImage image = renderFigure(figure, size, imageScale(size));
    image.setText(QStringLiteral("Title"), figure.title);
    image.setText(QStringLiteral("Description"), figure.provenance);
    image.setDotsPerMeterX(static_cast<int>(std::lround(96 * imageScale(size) / 0.0254)));
    image.setDotsPerMeterY(image.dotsPerMeterX());
    QBuffer buffer;
    buffer.open(QIODevice::WriteOnly);
    image.save(&buffer, "PNG");
    return buffer.data();
}

} // namespace

QImage renderFigure(const Figure& figure, FigureSize size, double scale) {
    const Layout layout = layoutOf(figure, size);
    QImage image((layout.size * scale).toSize(), QImage::Format_RGB32);
    image.setDevicePixelRatio(scale);
    image.fill(Qt::white);
    QCPPainter painter;
    if (!painter.begin(&image)) return {};
    painter.setMode(QCPPainter::pmNoCaching);
    painter.setRenderHint(QPainter::TextAntialiasing);
    drawFigure(figure, &painter, layout);
    painter.end();
    return image;
}

QString withFigureSuffix(const QString& path, const QString& filter) {
    static const QRegularExpression number(QStringLiteral("^[0-9]*$")),
        pattern(QStringLiteral("\\*(\\.\\w+)"));
    if (!number.match(QFileInfo(path).suffix()).hasMatch()) return path;
    const QRegularExpressionMatch first = pattern.match(filter);
    return path + (first.hasMatch() ? first.captured(1) : QStringLiteral(".pdf"));
}

bool writeWholeFile(const QString& path, const QByteArray& bytes, QString* error) {
    QSaveFile file(path);
    if (file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size() && file.commit()) return true;
    if (error) *error = translated("Cannot write %1: %2").arg(path, file.errorString());
    return false;
}

bool writeFigure(const Figure& figure, const QString& path, FigureSize size, QString* error) {
    const QString suffix = QFileInfo(path).suffix().toLower();
    QByteArray bytes;
    if (suffix == QLatin1String("png")) {
        bytes = pngOf(figure, size);
    } else if (suffix == QLatin1String("svg")) {
        bytes = svgOf(figure, layoutOf(figure, size));
    } else if (suffix == QLatin1String("pdf")) {
        bytes = pdfOf(figure, layoutOf(figure, size));
    } else {
        if (error)
            *error = translated("%1: unknown kind of file \"%2\"; expected .png, .svg, .pdf or .csv")
                         .arg(path, suffix);
        return false;
    }
    if (bytes.isEmpty()) {
        if (error) *error = translated("%1: the figure could not be drawn").arg(path);
        return false;
    }
    return writeWholeFile(path, bytes, error);
}

} // namespace qroar
