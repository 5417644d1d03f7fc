#include "widgets/common/color_map.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace qroar {

namespace {

QList<QColor> fromHex(std::initializer_list<QRgb> colours) {
    QList<QColor> stops;
    for (const QRgb colour : colours) stops << QColor::fromRgb(colour);
    return stops;
}

/// CIE L*a*b* (D65) of a lightness, a chroma and a hue in degrees, as sRGB.
QColor fromLch(double lightness, double chroma, double hue) {
    const double turn = hue * std::numbers::pi / 180;
    const double fy = (lightness + 16) / 116, fx = fy + chroma * std::cos(turn) / 500,
                 fz = fy - chroma * std::sin(turn) / 200;
    const auto inverse = [](double t) { return t > 6.0 / 29 ? t * t * t : (t - 4.0 / 29) * 108 / 841; };
    const double x = 0.95047 * inverse(fx), y = inverse(fy), z = 1.08883 * inverse(fz);
    const auto channel = [](double linear) {
        const double part = std::clamp(linear, 0.0, 1.0);
        const double shown = part <= 0.0031308 ? 12.92 * part : 1.055 * std::pow(part, 1 / 2.4) - 0.055;
        return static_cast<int>(std::lround(255 * shown));
    };
    return {channel(3.2406 * x - 1.5372 * y - 0.4986 * z), channel(-0.9689 * x + 1.8758 * y + 0.0415 * z),
            channel(0.0557 * x - 0.2040 * y + 1.0570 * z)};
}

/// Hues of the Okabe-Ito blue and vermilion, which colour-vision deficiencies leave apart; grey where they
/// meet.
ColorMap cyclic(double middle, double ends) {
    constexpr int steps = 32; // even: one stop is the middle
    ColorMap map;
    for (int step = 0; step <= steps; ++step) {
        const double part = 2.0 * step / steps - 1, from = std::abs(part);
        const double chroma = 46 * std::sin(std::numbers::pi * from);
        map.stops << fromLch(middle + (ends - middle) * from, chroma, part < 0 ? 265 : 58);
    }
    return map;
}

} // namespace

QColor ColorMap::at(double t) const {
    if (std::isnan(t) || stops.isEmpty()) return {};
    const double scaled = std::clamp(t, 0.0, 1.0) * static_cast<double>(stops.size() - 1);
    const auto index = std::min(static_cast<qsizetype>(scaled), stops.size() - 2);
    const double part = scaled - static_cast<double>(index);
    const QColor &a = stops[index], &b = stops[index + 1];
    const auto mix = [part](int from, int to) {
        return static_cast<int>(std::lround(from + part * (to - from)));
    };
    return QColor(mix(a.red(), b.red()), mix(a.green(), b.green()), mix(a.blue(), b.blue()));
}

ColorMap ColorMap::viridis() {
    return {fromHex({0x440154, 0x482878, 0x3e4989, 0x31688e, 0x26828e, 0x1f9e89, 0x35b779, 0x6ece58, 0xb5de2b,
                     0xfde725})};
}

ColorMap ColorMap::cividis() {
    return {fromHex({0x00224e, 0x123570, 0x3b496c, 0x575d6d, 0x707173, 0x8a8678, 0xa59c74, 0xc3b369, 0xe1cc55,
                     0xfee838})};
}

ColorMap ColorMap::divergingLight() {
    return {
        fromHex({0x0b3c78, 0x2f6db0, 0x79a9d6, 0xbdd5ea, 0xf5f4f1, 0xf3cdb4, 0xe39a6d, 0xc65b27, 0x8a2f06})};
}

ColorMap ColorMap::divergingDark() {
    return {
        fromHex({0x8fc4f5, 0x5b9bd8, 0x3a72ab, 0x2d4b6b, 0x33363b, 0x6b4430, 0xa85f33, 0xd9864a, 0xffba85})};
}

ColorMap ColorMap::cyclicLight() {
    return cyclic(95, 25);
}

ColorMap ColorMap::cyclicDark() {
    return cyclic(22, 92);
}

double ColorScale::position(double value) const {
    if (std::isnan(value)) return value;
    if (!logarithmic) return std::clamp((value - low) / (high - low), 0.0, 1.0);
    if (value <= 0) return 0;
    const double logLow = std::log(low); // differences of logarithms: ratios may overflow
    return std::clamp((std::log(value) - logLow) / (std::log(high) - logLow), 0.0, 1.0);
}

double ColorScale::valueAt(double position) const {
    if (!logarithmic) return low + position * (high - low);
    return std::exp(std::log(low) + position * (std::log(high) - std::log(low)));
}

ColorScale ColorScale::sequential(std::span<const double> values, bool logarithmic) {
    ColorScale scale{.low = std::numeric_limits<double>::infinity(),
                     .high = -std::numeric_limits<double>::infinity(),
                     .logarithmic = logarithmic};
    for (const double value : values) {
        if (!std::isfinite(value) || (logarithmic && value <= 0)) continue;
        scale.low = std::min(scale.low, value);
        scale.high = std::max(scale.high, value);
    }
    if (!(scale.low <= scale.high)) {
        scale.low = logarithmic ? 0.1 : 0;
        scale.high = 1;
    } else if (logarithmic && scale.high / scale.low < 1.02) {
        scale.low /= 1.01;
        scale.high *= 1.01;
    } else if (!logarithmic && scale.high - scale.low < 1e-9 * std::max(1.0, std::abs(scale.high))) {
        const double margin = scale.high == 0 ? 1 : 0.05 * std::abs(scale.high);
        scale.low = scale.low >= 0 ? std::max(0.0, scale.low - margin) : scale.low - margin;
        scale.high += margin;
    }
    return scale;
}

ColorScale ColorScale::around(double centre, std::span<const double> values, bool logarithmic,
                              double smallest) {
    double reach = logarithmic ? std::log(smallest) : smallest;
    for (const double value : values) {
        if (!std::isfinite(value) || (logarithmic && value <= 0)) continue;
        reach = std::max(reach, std::abs(logarithmic ? std::log(value / centre) : value - centre));
    }
    ColorScale scale{.logarithmic = logarithmic, .diverging = true};
    scale.low = logarithmic ? centre * std::exp(-reach) : centre - reach;
    scale.high = logarithmic ? centre * std::exp(reach) : centre + reach;
    return scale;
}

ColorScale ColorScale::of(const ScaleStyle& style, std::span<const double> values) {
    if (!style.centre) return sequential(values, style.logarithmic);
    return around(*style.centre, values, style.logarithmic,
                  style.logarithmic ? 1 + style.smallest : style.smallest);
}

double quantileOf(std::span<const double> values, double p) {
    std::vector<double> finite;
    for (const double value : values)
        if (std::isfinite(value)) finite.push_back(value);
    if (finite.empty()) return std::numeric_limits<double>::quiet_NaN();
    const double rank = std::clamp(p, 0.0, 1.0) * static_cast<double>(finite.size() - 1);
    const auto below = static_cast<std::ptrdiff_t>(rank);
    std::nth_element(finite.begin(), finite.begin() + below, finite.end());
    const double lower = finite[static_cast<std::size_t>(below)];
    if (below + 1 == static_cast<std::ptrdiff_t>(finite.size())) return lower;
    const double upper = *std::min_element(finite.begin() + below + 1, finite.end());
    return lower + (rank - static_cast<double>(below)) * (upper - lower);
}

std::vector<double> clampedToQuantiles(std::span<const double> values, double low, double high) {
    const double least = quantileOf(values, low), most = quantileOf(values, high);
    std::vector<double> result(values.begin(), values.end());
    for (double& value : result)
        if (std::isfinite(value)) value = std::clamp(value, least, most);
    return result;
}

} // namespace qroar
