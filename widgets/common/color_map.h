// ColorMap: colours along [0, 1] by linear interpolation between stops, and ColorScale: the mapping of values
// to [0, 1] behind a colour bar. Not here: drawing (widgets/plot).
#pragma once

#include <QColor>
#include <QList>

#include <optional>
#include <span>
#include <vector>

namespace qroar {

struct ColorMap {
    QList<QColor> stops; ///< at equal distances; at least two
    /// Colour at t, clamped to [0, 1]; NaN gives an invalid colour.
    [[nodiscard]] QColor at(double t) const;

    /// Ten samples of matplotlib's viridis (S. van der Walt, N. Smith; CC0): perceptually uniform.
    static ColorMap viridis();
    /// Ten samples of cividis (Nunez, Anderton, Renslow, PLoS ONE 13(7), 2018): the same with red-green
    /// colour-vision deficiency.
    static ColorMap cividis();
    /// Ours: blue - near white - vermilion, lightness falling equally on both sides.
    static ColorMap divergingLight();
    /// Ours: the same with a dark neutral middle, for dark backgrounds.
    static ColorMap divergingDark();
    /// Ours, for angles: the same colour at both ends, CIE lightness in even steps from the middle to them,
    /// blue before and orange behind the middle, which is light (on light backgrounds) or dark.
    static ColorMap cyclicLight();
    static ColorMap cyclicDark();
};

/// How the values of a metric want to be coloured: what they mean, not what they are.
struct ScaleStyle {
    bool logarithmic = false;
    std::optional<double> centre; ///< of a diverging map: "no change"
    /// Colours reach at least so far to each side of the centre: a difference, or (logarithmic) a factor of
    /// 1 + smallest.
    double smallest = 0;
    bool operator==(const ScaleStyle&) const = default;
};

/// Where a value lies on a colour bar.
struct ColorScale {
    double low = 0, high = 1; ///< values at the ends; low < high
    bool logarithmic = false; ///< then low > 0
    bool diverging = false;   ///< centre in the middle
    bool cyclic = false;      ///< both ends are the same value: -pi and pi
    bool operator==(const ColorScale&) const = default;

    /// Position in [0, 1] (clamped); NaN for NaN, and for values <= 0 on a logarithmic scale 0.
    [[nodiscard]] double position(double value) const;
    /// The value at a position: inverse of position().
    [[nodiscard]] double valueAt(double position) const;

    /// From the smallest to the largest finite value (positive ones on a logarithmic scale). Constant data
    /// gets a small range around it; no data gives [0, 1] or [0.1, 1].
    static ColorScale sequential(std::span<const double> values, bool logarithmic);
    /// Symmetric around `centre` (in the logarithm when asked), at least `smallest` to each side (a
    /// difference, or a factor when logarithmic), so that rounding noise does not light up.
    static ColorScale around(double centre, std::span<const double> values, bool logarithmic,
                             double smallest);
    /// The one or the other.
    static ColorScale of(const ScaleStyle& style, std::span<const double> values);
};

/// The p-quantile (0..1) of the finite values, linear between order statistics (Hyndman & Fan, type 7); NaN
/// without any.
double quantileOf(std::span<const double> values, double p);
/// The values moved into the range of their quantiles `low` and `high`: what a range that leaves out extremes
/// is made from. NaN and infinity stay what they are.
std::vector<double> clampedToQuantiles(std::span<const double> values, double low, double high);

} // namespace qroar
