// Contrast of two colours as WCAG 2.1 defines it, 1 to 21; 4.5 is AA for text, 7 AAA.
#pragma once

#include <QColor>

#include <algorithm>
#include <cmath>

namespace qroar::test {

inline double luminance(const QColor& color) {
    const auto linear = [](double c) {
        return c <= 0.03928 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF());
}

inline double contrast(const QColor& a, const QColor& b) {
    const double one = luminance(a) + 0.05, two = luminance(b) + 0.05;
    return std::max(one, two) / std::min(one, two);
}

} // namespace qroar::test
