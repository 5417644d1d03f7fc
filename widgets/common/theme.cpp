#include "widgets/common/theme.h"

#include <cmath>

namespace qroar {

namespace {

QColor mixed(const QColor& a, const QColor& b, double part) {
    const auto mix = [part](int from, int to) {
        return static_cast<int>(std::lround(from + part * (to - from)));
    };
    return QColor(mix(a.red(), b.red()), mix(a.green(), b.green()), mix(a.blue(), b.blue()));
}

double linearChannel(double channel) {
    return channel <= 0.04045 ? channel / 12.92 : std::pow((channel + 0.055) / 1.055, 2.4);
}

double relativeLuminance(const QColor& colour) {
    return 0.2126 * linearChannel(colour.redF()) + 0.7152 * linearChannel(colour.greenF())
           + 0.0722 * linearChannel(colour.blueF());
}

PlotTheme themeOf(const QColor& background, const QColor& text, const QColor& highlight, bool dark) {
    PlotTheme theme;
    theme.dark = dark;
    theme.background = background;
    theme.text = text;
    theme.mutedText = mixed(text, background, 0.4);
    theme.axis = mixed(text, background, 0.35);
    theme.grid = mixed(background, text, dark ? 0.14 : 0.10);
    theme.highlight = highlight;
    theme.missing = mixed(background, text, 0.18);
    const QColor blue(0x00, 0x72, 0xb2), vermilion(0xd5, 0x5e, 0x00), green(0x00, 0x9e, 0x73);
    const QColor purple(0xcc, 0x79, 0xa7), orange(0xe6, 0x9f, 0x00), sky(0x56, 0xb4, 0xe9);
    const QColor yellow(0xf0, 0xe4, 0x42);
    // ours: their black cannot be seen on dark, their blue is close to sky there; their yellow is too pale on
    // white
    const QColor grey(0xd9, 0xd9, 0xd9), violet(0x5a, 0x6f, 0xf0), black(0x33, 0x33, 0x33), red(0x80, 0, 0);
    theme.categorical = dark ? QList<QColor>{sky, orange, green, purple, yellow, vermilion, violet, grey}
                             : QList<QColor>{blue, vermilion, green, purple, orange, sky, black, red};
    Q_ASSERT(theme.categorical.size() == PlotTheme::categories);
    theme.sequential = ColorMap::viridis();
    theme.sequentialAlternative = ColorMap::cividis();
    theme.cyclic = dark ? ColorMap::cyclicDark() : ColorMap::cyclicLight();
    theme.diverging = dark ? ColorMap::divergingDark() : ColorMap::divergingLight();
    return theme;
}

} // namespace

PlotTheme PlotTheme::fromPalette(const QPalette& palette) {
    const QColor background = palette.color(QPalette::Base), text = palette.color(QPalette::Text);
    const bool dark = relativeLuminance(background) < relativeLuminance(text);
    return themeOf(background, text, dark ? QColor(0xff, 0xff, 0xff) : QColor(0x11, 0x11, 0x11), dark);
}

PlotTheme PlotTheme::forExport(bool dark) {
    if (dark) return themeOf(QColor(0x1e, 0x20, 0x23), QColor(0xe8, 0xe8, 0xe8), Qt::white, true);
    return themeOf(Qt::white, QColor(0x1a, 0x1a, 0x1a), QColor(0x11, 0x11, 0x11), false);
}

QColor PlotTheme::category(int index) const {
    return categorical[static_cast<qsizetype>(index) % categorical.size()];
}

QColor readableOn(const QColor& background) {
    return relativeLuminance(background) > 0.179 ? QColor(0x11, 0x11, 0x11) : QColor(0xff, 0xff, 0xff);
}

} // namespace qroar
