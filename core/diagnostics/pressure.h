// Interpolation pressure, analytic (method.md section 5; ours, after the papers' wording), and its
// companions. Pure functions of a frequency table and, for energy weights, of stored statistics. Not here:
// the measured pressure d NLL / d ln omega', which needs a reverse pass (sensitivity_grid.h).
#pragma once

#include "core/capture/qk_statistics.h"
#include "core/diagnostics/band_grid.h"
#include "core/rope/bands.h"
#include "core/rope/rope_spec.h"

namespace qroar {

/// Per pair, at relative distance D (tokens).
struct PairPressure {
    double raw = 0;              ///< IP_i(D) = |d phi_i / d ln s|, radians
    double saturated = 0;        ///< min(IP, pi) / pi, 0..1
    double displacement = 0;     ///< |omega - omega'| D, radians
    double aliasingDistance = 0; ///< pi / |omega - omega'|, tokens; +inf when the frequency is unchanged
    double wavelength = 0;       ///< 2 pi / omega (unscaled), tokens
    bool partialCycle = false;   ///< wavelength > L0: the pair never completed a cycle in training
};
/// [d/2]. Raw pressure by the kind of the table's spec, s = table.factor:
///   linear omega_i D / s;  ntk 2i/(d-2) omega'_i D;  yarn r_i omega_i D / s;
///   dynamic as ntk, with the derivative taken by its effective factor s_eff = s L/L0 - (s-1), not by the s
///   of the spec (for that, multiply by (s_eff - 1) / s_eff): equal tables have equal pressure; 0 while
///   L <= L0, where it scales nothing;
///   any other table |omega_i - omega'_i| D / |ln s|, 0 when s = 1.
std::vector<PairPressure> pairPressure(const FrequencyTable& table, double distance);

enum class PressureForm { Raw, Saturated, EnergyWeighted };
/// Layer x band; 0 in layers that no scaling changes. Raw and Saturated: plain mean over the band's pairs
/// (equal in every other layer). EnergyWeighted:
/// mean of the saturated form with weights E|q_i| E|k_i| of that layer (pair lengths, before RoPE, all
/// positions and heads); NaN where the band has no samples or no energy.
BandGrid pressureGrid(PressureForm form, const FrequencyTable& table, double distance,
                      const BandPartition& bands, const QkStatistics& statistics);

/// The companions of a band, the same in every layer (ours).
struct BandCompanions {
    double displacement = 0;     ///< mean over the pairs of |omega - omega'| D, radians
    double aliasingDistance = 0; ///< of the pair that gets there first, tokens; +inf when no pair moved
    int partialCycles = 0;       ///< pairs whose wavelength exceeds L0
};
/// [bands] of the same pairs as the table's.
std::vector<BandCompanions> bandCompanions(const FrequencyTable& table, double distance,
                                           const BandPartition& bands);

/// E|q_i| E|k_i| per pair of a layer, [pairs], mean lengths of the pair before RoPE; K heads are matched to
/// their query groups when groups are recorded (mean of the groups' products). NaN without samples.
std::vector<double> pairEnergy(const QkStatistics& statistics, int layer);

} // namespace qroar
