#include "widgets/plot/figure_export.h"

#include "widgets/figures/figure_layout.h"
#include "widgets/figures/figure_look.h"
#include "widgets/plot/svg_clips.h"

#include <qcustomplot.h>

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

class Words {
    Q_DECLARE_TR_FUNCTIONS(FigureExport)
};

constexpr double mostPixels = 250e6; ///< of an image: 1 GB of memory

double pixelsOf(const LaidOutFigure& page, double scale) {
    return page.size().width() * scale * page.size().height() * scale;
}

/// XML knows no control characters but the white ones, not even escaped; they are drawn as nothing anyway.
QByteArray withoutControls(QByteArray svg) {
    erase_if(svg, [](char c) {
        return static_cast<unsigned char>(c) < 32 && c != '\t' && c != '\n' && c != '\r';
    });
    return svg;
}

QByteArray svgOf(const Figure& figure, const FigureStyle& style) {
    const LaidOutFigure page(figure, style);
    const QSizeF size = page.size();
    QBuffer buffer;
    buffer.open(QIODevice::WriteOnly);
    QSvgGenerator svg;
    svg.setOutputDevice(&buffer);
    svg.setSize(size.toSize());
    svg.setViewBox(QRectF(QPointF(0, 0), size));
    svg.setResolution(96);
    svg.setTitle(figure.title.toHtmlEscaped()); // Qt writes both as they are
    svg.setDescription(figure.provenance.toHtmlEscaped());
    QCPPainter painter;
    if (!painter.begin(&svg)) return {};
    painter.setMode(QCPPainter::pmVectorized);
    painter.setMode(QCPPainter::pmNoCaching);
    page.draw(&painter);
    painter.end();
    // Other machines may lack the font: the ones that stand in for it are named as well.
    const QByteArray family = figureFont(12).family().toUtf8();
    QByteArray bytes = buffer.data();
    bytes.replace("font-family=\"" + family + '"', "font-family=\"" + figureFontFamilies().toUtf8() + '"');
    return withoutSvgSeams(withSvgClips(withoutControls(bytes)));
}

/// Without the time at which Qt wrote it, so that the same figure is the same file. Same length: offsets
/// stay.
QByteArray withoutWritingTime(QByteArray pdf) {
    const qsizetype from = pdf.indexOf("\n/CreationDate (D:"), end = pdf.indexOf(')', from);
    if (from >= 0 && end > from) std::fill(pdf.begin() + from + 1, pdf.begin() + end + 1, ' ');
    return pdf;
}

QByteArray pdfOf(const Figure& figure, const FigureStyle& style) {
    const LaidOutFigure page(figure, style);
    const QSizeF size = page.size();
    QBuffer buffer;
    buffer.open(QIODevice::WriteOnly);
    {
        QPdfWriter pdf(&buffer);
        pdf.setResolution(96);
        pdf.setPageSize(QPageSize(size * 72.0 / 96.0, QPageSize::Point, {}, QPageSize::ExactMatch));
        pdf.setPageMargins(QMarginsF(0, 0, 0, 0));
        pdf.setTitle(figure.title);
        pdf.setCreator(figure.provenance);
        QCPPainter painter;
        if (!painter.begin(&pdf)) return {};
        painter.setMode(QCPPainter::pmVectorized);
        painter.setMode(QCPPainter::pmNoCaching);
        page.draw(&painter);
    }
    return withoutWritingTime(buffer.data());
}

QByteArray pngOf(const Figure& figure, const FigureStyle& style) {
    QImage image = renderFigure(figure, style);
    if (image.isNull()) return {};
    image.setText(QStringLiteral("Title"), figure.title);
    image.setText(QStringLiteral("Description"), figure.provenance);
    image.setDotsPerMeterX(static_cast<int>(std::lround(96 * style.scale() / 0.0254)));
    image.setDotsPerMeterY(image.dotsPerMeterX());
    QBuffer buffer;
    buffer.open(QIODevice::WriteOnly);
    image.save(&buffer, "PNG");
    return buffer.data();
}

} // namespace

QImage renderFigure(const Figure& figure, const FigureStyle& style, double scale) {
    return renderFigure(LaidOutFigure(figure, style), style, scale);
}

QImage renderFigure(const LaidOutFigure& page, const FigureStyle& style, double scale) {
    if (scale <= 0) scale = style.scale();
    if (pixelsOf(page, scale) > mostPixels) return {};
    QImage image((page.size() * scale).toSize(), QImage::Format_RGB32);
    if (image.isNull()) return {};
    image.setDevicePixelRatio(scale);
    image.fill(style.dark ? Qt::black : Qt::white);
    QCPPainter painter;
    if (!painter.begin(&image)) return {};
    painter.setMode(QCPPainter::pmNoCaching);
    painter.setRenderHint(QPainter::TextAntialiasing);
    if (scale < 1) painter.scale(scale, scale); // Qt takes ratios below 1 for 1
    page.draw(&painter);
    painter.end();
    return image;
}

QByteArray figureBytes(const Figure& figure, const QString& format, const FigureStyle& style) {
    if (format == QLatin1String("png")) return pngOf(figure, style);
    if (format == QLatin1String("svg")) return svgOf(figure, style);
    if (format == QLatin1String("pdf")) return pdfOf(figure, style);
    return {};
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
    if (error) *error = Words::tr("Cannot write %1: %2").arg(path, file.errorString());
    return false;
}

bool writeFigure(const Figure& figure, const QString& path, const FigureStyle& style, QString* error) {
    const QString suffix = QFileInfo(path).suffix().toLower();
    if (suffix != QLatin1String("png") && suffix != QLatin1String("svg") && suffix != QLatin1String("pdf")) {
        if (error)
            *error = Words::tr("%1: unknown kind of file \"%2\"; expected .png, .svg, .pdf or .csv")
                         .arg(path, suffix);
        return false;
    }
    const QByteArray bytes = figureBytes(figure, suffix, style);
    if (bytes.isEmpty()) {
        if (error)
            *error =
                suffix == QLatin1String("png")
                    ? Words::tr("%1: the figure could not be drawn: an image has at most %2 million pixels; "
                                "choose a smaller size or resolution, or .svg or .pdf")
                          .arg(path)
                          .arg(mostPixels / 1e6)
                    : Words::tr("%1: the figure could not be drawn").arg(path);
        return false;
    }
    return writeWholeFile(path, bytes, error);
}

} // namespace qroar
