// Two conditions bit for bit, times aside.
#pragma once

#include "core/session/session.h"

#include <cstring>

namespace qroar::test {

inline bool sameBits(const std::vector<double>& a, const std::vector<double>& b) {
    return a.size() == b.size()
           && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

inline std::vector<double> numbersOf(const Damage& damage) {
    std::vector<double> values{static_cast<double>(damage.tokens)};
    const auto add = [&values](const DamageCell& cell) {
        values.insert(values.end(), {cell.kl, cell.nll, cell.noiseKl, cell.noiseNll});
    };
    add(damage.whole);
    for (const auto* cells : {&damage.byLayer, &damage.byBand})
        for (const DamageCell& cell : *cells) add(cell);
    return values;
}

inline std::vector<double> numbersOf(const std::vector<LayerDistortion>& distortions) {
    std::vector<double> values;
    for (const LayerDistortion& one : distortions)
        values.insert(values.end(), {static_cast<double>(one.layer), one.distortion.sumSquaredError,
                                     one.distortion.sumProduct, static_cast<double>(one.distortion.count),
                                     one.output ? one.output->sumSquaredError : -1.0});
    return values;
}

/// What differs, or nothing.
inline std::string difference(const ConditionResult& a, const ConditionResult& b) {
    if (!(a.key == b.key)) return "key";
    if (a.windows != b.windows) return "nll";
    if (a.divergence != b.divergence || a.reference != b.reference) return "divergence";
    if (!(a.statistics == b.statistics)) return "statistics";
    if (a.byDocument != b.byDocument) return "statistics by document";
    if (!(a.sensitivity == b.sensitivity)) return "gradients";
    if (!(a.noise == b.noise)) return "noise";
    if (!sameBits(numbersOf(a.damage), numbersOf(b.damage))) return "damage";
    if (!sameBits(numbersOf(a.distortions), numbersOf(b.distortions))) return "distortions";
    if (a.calibration != b.calibration) return "calibration";
    return {};
}

} // namespace qroar::test
