// Windows of a search: how far each band's gain may move, [1/tau, tau], and in which order a coordinate
// search visits the bands (method.md section 6: the idea is the papers', both formulas are ours). From stored
// diagnostics when there are some, else from the frequency table alone. Values to be shown and edited before
// a search starts. Not here: the metrics themselves (core/diagnostics).
#pragma once

#include "core/diagnostics/band_grid.h"
#include "core/rope/bands.h"
#include "core/rope/rope_spec.h"
#include "core/session/session.h"

#include <string>

namespace qroar {

struct GainWindowOptions {
    double least = 1.25; ///< tau of a band without pressure and without tail inflation
    double most =
        2.5; ///< tau of a band with as much of both as counts; also of every band without diagnostics
    double epsilon = 1e-3; ///< of the TIR
};

/// One row per layer.
struct GainWindows {
    BandGrid pressure; ///< saturated IP, 0..1: energy-weighted with diagnostics, else the plain mean
    BandGrid
        inflation; ///< max(0, TIR - 1) of q and k after RoPE without m, the larger; NaN without diagnostics
    BandGrid tau;  ///< 1 or more
    BandGrid priority;  ///< visited in falling order
    std::string source; ///< where they are from, in words
};

/// ln tau = ln least + (ln most - ln least) min(1, IP + max(0, TIR - 1)) and priority = IP max(0, TIR - 1).
/// A cell without samples counts as IP = 0 and TIR = 1.
double windowTau(double pressure, double inflation, const GainWindowOptions& options);

/// What windowTau() computes, as text for people.
const char* windowFormula();

/// Sets tau of a band by hand; `layer` < 0: of every layer. Errors: no such layer or band, tau below 1 or
/// above 1000.
Status setWindow(GainWindows& windows, int layer, int band, double tau);

/// Without diagnostics: tau = most everywhere, priority = saturated IP at distance `context`.
GainWindows defaultWindows(int layers, const FrequencyTable& table, int context, const BandPartition& bands,
                           const GainWindowOptions& options);
/// From two conditions with statistics (Session::shortReference finds the short one); IP at the long context.
GainWindows diagnosedWindows(const ConditionResult& longCondition, const ConditionResult& shortCondition,
                             const BandPartition& bands, const GainWindowOptions& options);
/// From what a session holds for (rope, quant): the longest context with statistics under that spec, with
/// these weights if there are any, and its short reference. Errors say what the session lacks.
Outcome<GainWindows> windowsFromSession(const Session& session, const FrequencyTable& table,
                                        const RopeSpec& rope, const QuantSpec& quant,
                                        const BandPartition& bands, const GainWindowOptions& options);

} // namespace qroar
