// Clipping in SVG files: QSvgGenerator forgets every clip, so curves of a zoomed figure left their axes. What
// is to be clipped is drawn between two marks, which withSvgClips() makes groups with a clip path. And seams:
// cells of a map touch, but readers that smooth every edge on its own let the page shine through between
// them, withoutSvgSeams(). Not here: when to clip (BasePlot::draw).
#pragma once

#include <QByteArray>
#include <QRectF>

class QPainter;

namespace qroar {

[[nodiscard]] bool drawsSvg(const QPainter& painter);
/// `rect` in the coordinates of the painter, which must only be moved. Not nested.
void beginSvgClip(QPainter& painter, const QRectF& rect);
void endSvgClip(QPainter& painter);
/// What QSvgGenerator wrote, with clip paths instead of the marks.
[[nodiscard]] QByteArray withSvgClips(const QByteArray& svg);
/// Rectangles that are filled and have no outline (cells, zones, backgrounds) end at whole pixels of the
/// reader.
[[nodiscard]] QByteArray withoutSvgSeams(const QByteArray& svg);

} // namespace qroar
