// WhatIf: gains that were set by hand (or taken from elsewhere), pinned with what was predicted of them and
// what was measured: the list of the window, stored in the session file. Also finds scales by name among
// everything a session holds. Not here: how effects are measured (core/controls/gain_effect.h), the file
// (what_if_storage.h).
#pragma once

#include "core/scales/scale_set.h"
#include "core/session/session.h"

#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace qroar {

/// A mean difference of NLL in nats per token with its 95 % interval (PairedDifference of core/evaluate);
/// without tokens nothing was measured, and the bounds are NaN where there is no interval.
struct EffectInterval {
    double mean = std::numeric_limits<double>::quiet_NaN(), low = mean, high = mean;
    long long tokens = 0;
    int documents = 0, windows = 0, blocks = 0;
    [[nodiscard]] bool measured() const { return tokens > 0; }
};

struct WhatIf {
    ScaleSet scales;     ///< their name is that of the entry, unique among all scales of the session
    int context = 0;     ///< tokens of a window; with scales.rope and scales.quant the condition
    std::string created; ///< ISO 8601, UTC
    std::string program; ///< "qroar 0.1.0"

    /// First order, at the condition (gain_prediction.h): NaN when there were no gradients; its standard
    /// error, NaN without one; largest |ln gQ gK|.
    double predicted = std::numeric_limits<double>::quiet_NaN(), predictedError = predicted;
    double largestLogGain = 0;

    EffectInterval quantized;  ///< (Q+g) - Q; (FP+g) - FP where full precision is what is deployed
    EffectInterval full;       ///< (FP+g) - FP; not measured without full precision beside
    EffectInterval gap;        ///< (Q+g) - FP
    EffectInterval only;       ///< quantized - full
    std::string effect, cause; ///< effectName(), causeName() of core/controls; empty: not measured
    std::string words;         ///< verdict
    std::vector<SessionDocument> documents; ///< that were measured; empty: not measured
    [[nodiscard]] bool measured() const { return quantized.measured(); }
};

/// Scales that a session holds, and the contexts they were found or measured at.
struct NamedScales {
    std::shared_ptr<const ScaleSet> scales;
    std::vector<int> contexts;
};
/// Of all searches, then of all what-ifs, in their order.
std::vector<NamedScales> allScales(const Session& session);
/// scales is null when there are none of that name.
NamedScales scalesNamed(const Session& session, const std::string& name);
/// "w1", "w2", ...: the first that neither scales nor a condition of the session have.
std::string freshScalesName(const Session& session, const std::string& prefix);

} // namespace qroar
