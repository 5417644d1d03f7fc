// Damage (core/session/damage.h; ours) as grids, and how far damages of parts add up. Pure functions. Damage
// of a band is measured, not summed over pairs: it is there for the bands it was measured for, and for no
// others.
#pragma once

#include "core/diagnostics/band_grid.h"
#include "core/rope/bands.h"
#include "core/session/session.h"

namespace qroar {

/// One of the four numbers of a DamageCell.
using DamageMember = double DamageCell::*;

/// Layer x band of Q or K; without rows when these bands were not measured.
BandGrid damageGrid(const ConditionResult& condition, const BandPartition& bands, QkTensor tensor,
                    DamageMember number = &DamageCell::kl);
/// Layer x 1; without rows when nothing was measured.
BandGrid layerDamage(const ConditionResult& condition, DamageMember number = &DamageCell::kl);

/// Sum of the parts over the whole: 1 when damages add, below 1 when they feed each other, above 1 when they
/// cancel. NaN unless all of them are known.
double layerAdditivity(const Damage& damage, DamageMember number = &DamageCell::kl);
/// Share of a layer's damage that the rows of its Q and K bands cause by themselves: their sum over the
/// layer's.
double bandShare(const Damage& damage, int layer, DamageMember number = &DamageCell::kl);

} // namespace qroar
