// Where a window may stand: a screen that a layout was saved on may be gone, smaller, or scaled otherwise.
#pragma once

#include <QList>
#include <QRect>

namespace qroar {

/// `wanted` (with its frame) where enough of it is on one of `screens` (their usable parts, the first one
/// first); else moved and shrunk to fit the nearest.
QRect reachableGeometry(const QRect& wanted, const QList<QRect>& screens);

} // namespace qroar
