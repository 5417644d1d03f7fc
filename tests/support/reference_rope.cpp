#include "tests/support/reference_rope.h"

#include <algorithm>
#include <cmath>

namespace qroar::test {

namespace {

constexpr double pi = 3.14159265358979323846;

/// How much slower pair `pair` turns under yarn: omega' / omega.
double yarnShare(const ReferenceRope& rope, int pair, int d, double theta) {
    const auto turnsAt = [&](double turns) {
        return d * std::log(rope.trainedContext / (2 * pi * turns)) / (2 * std::log(theta));
    };
    const double low = std::max(std::floor(turnsAt(rope.betaFast)), 0.0);
    double high = std::min(std::ceil(turnsAt(rope.betaSlow)), d - 1.0);
    if (low == high) high += 0.001;
    const double ramp = std::min(std::max((pair - low) / (high - low), 0.0), 1.0);
    return (1 - ramp) + ramp / rope.factor;
}

/// The same for llama3, by the wavelength 2 pi / omega.
double llama3Share(const ReferenceRope& rope, double wavelength) {
    if (wavelength < rope.trainedContext / rope.highFreqFactor) return 1;
    if (wavelength > rope.trainedContext / rope.lowFreqFactor) return 1 / rope.factor;
    const double t =
        (rope.trainedContext / wavelength - rope.lowFreqFactor) / (rope.highFreqFactor - rope.lowFreqFactor);
    return (1 - t) / rope.factor + t;
}

} // namespace

ReferenceRopeTable referenceRopeTable(const ReferenceRope& rope, int d, double theta, double context) {
    using Kind = ReferenceRope::Kind;
    const double s = rope.factor, exponent = double(d) / (d - 2);
    double base = theta;
    if (rope.kind == Kind::Ntk) base = theta * std::pow(s, exponent);
    if (rope.kind == Kind::Dynamic) {
        const double length = std::max(context, rope.trainedContext);
        base = theta * std::pow(s * length / rope.trainedContext - (s - 1), exponent);
    }
    ReferenceRopeTable table;
    for (int pair = 0; pair < d / 2; ++pair) {
        double omega = 1 / std::pow(base, 2.0 * pair / d);
        if (rope.kind == Kind::Linear) omega /= s;
        if (rope.kind == Kind::Yarn) omega *= yarnShare(rope, pair, d, theta);
        if (rope.kind == Kind::Llama3) omega *= llama3Share(rope, 2 * pi / omega);
        if (rope.kind == Kind::LongRope)
            omega /= (context > rope.trainedContext ? rope.longFactors : rope.shortFactors).at(pair);
        table.omega.push_back(omega);
    }
    if (rope.kind == Kind::LongRope && s > 1)
        table.attentionFactor = std::sqrt(1 + std::log(s) / std::log(rope.trainedContext));
    if (rope.kind == Kind::Yarn && s > 1) table.attentionFactor = 0.1 * std::log(s) + 1;
    return table;
}

} // namespace qroar::test
