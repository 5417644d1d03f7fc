#include "app/gui/window/window_geometry.h"

#include <algorithm>

namespace qroar {

QRect reachableGeometry(const QRect& wanted, const QList<QRect>& screens) {
    if (screens.isEmpty()) return wanted;
    const auto area = [](const QRect& rect) {
        return rect.isEmpty() ? qint64(0) : qint64(rect.width()) * rect.height();
    };
    QRect best = screens.first();
    for (const QRect& screen : screens)
        if (area(screen & wanted) > area(best & wanted)) best = screen;
    const bool top = best.contains(wanted.topLeft()) || best.contains(wanted.topRight());
    if (top && area(best & wanted) * 4 >= area(wanted) && wanted.width() <= best.width()
        && wanted.height() <= best.height())
        return wanted; // its title can be grasped
    QRect fitted = wanted;
    fitted.setSize(wanted.size().boundedTo(best.size()));
    fitted.moveLeft(std::clamp(fitted.left(), best.left(), best.right() - fitted.width() + 1));
    fitted.moveTop(std::clamp(fitted.top(), best.top(), best.bottom() - fitted.height() + 1));
    return fitted;
}

} // namespace qroar
