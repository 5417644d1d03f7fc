// Figure export: figures as PNG, SVG or PDF, in memory or as files written in one go. Text stays text in SVG
// and PDF, maps stay vectors. The widgets on screen stay as they are. Not here: layout (figure_layout.h).
#pragma once

#include "widgets/figures/figure.h"
#include "widgets/figures/figure_style.h"

#include <QByteArray>
#include <QImage>
#include <QString>

namespace qroar {

class LaidOutFigure;

/// At `scale` device pixels per logical pixel (96 a inch); 0: that of the style.
QImage renderFigure(const Figure& figure, const FigureStyle& style, double scale = 0);
QImage renderFigure(const LaidOutFigure& page, const FigureStyle& style, double scale);
/// `format`: "png", "svg" or "pdf". Empty when it could not be drawn. Title and provenance are in the file's
/// metadata whether they are shown or not.
QByteArray figureBytes(const Figure& figure, const QString& format, const FigureStyle& style);
/// By suffix: .png .svg .pdf. False with a message on failure; an existing file is then left as it was.
bool writeFigure(const Figure& figure, const QString& path, const FigureStyle& style, QString* error);
/// `path` when its name ends in a suffix; else (also after numbers, as in "eps_0.01") with the first one of
/// the file dialog's `filter`, "SVG (*.svg)", or .pdf.
QString withFigureSuffix(const QString& path, const QString& filter);
/// `bytes` to a file, atomically.
bool writeWholeFile(const QString& path, const QByteArray& bytes, QString* error);

} // namespace qroar
