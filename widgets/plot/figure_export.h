// Figure export: plots with a title and a provenance line as PNG, SVG or PDF in the light theme, whatever the
// application looks like. The widgets on screen stay as they are.
#pragma once

#include "widgets/common/figure_size.h"

#include <QImage>
#include <QList>
#include <QRectF>
#include <QSize>
#include <QString>

namespace qroar {

class BasePlot;

struct Figure {
    struct Part {
        BasePlot* plot = nullptr;
        QRectF place{0, 0, 1, 1}; ///< fractions of the area between title and provenance
    };
    QString title, provenance;
    QList<Part> parts;
    QSize shownSize{720, 440}; ///< logical pixels, for FigureSize::AsShown
};

/// At `scale` device pixels per logical pixel (96 a inch).
QImage renderFigure(const Figure& figure, FigureSize size, double scale);
/// By suffix: .png .svg .pdf. False with a message on failure; an existing file is then left as it was.
bool writeFigure(const Figure& figure, const QString& path, FigureSize size, QString* error);
/// `path` when its name ends in a suffix; else (also after numbers, as in "eps_0.01") with the first one of
/// the file dialog's `filter`, "SVG (*.svg)", or .pdf.
QString withFigureSuffix(const QString& path, const QString& filter);
/// `bytes` to a file, atomically.
bool writeWholeFile(const QString& path, const QByteArray& bytes, QString* error);

} // namespace qroar
