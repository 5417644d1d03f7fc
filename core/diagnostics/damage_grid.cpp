#include "core/diagnostics/damage_grid.h"

namespace qroar {

BandGrid damageGrid(const ConditionResult& condition, const BandPartition& bands, QkTensor tensor,
                    DamageMember number) {
    const Damage& damage = condition.damage;
    const bool measured = !damage.empty() && damage.bandEdges == bands.edges();
    BandGrid grid(measured ? damage.layers : 0, bands.count());
    for (int layer = 0; layer < grid.layers; ++layer)
        for (int band = 0; band < grid.bands; ++band)
            grid.at(layer, band) = damage.byBand[damage.bandCell(layer, tensor, band)].*number;
    return grid;
}

BandGrid layerDamage(const ConditionResult& condition, DamageMember number) {
    const Damage& damage = condition.damage;
    BandGrid grid(damage.empty() ? 0 : damage.layers, 1);
    for (int layer = 0; layer < grid.layers; ++layer)
        grid.at(layer, 0) = damage.byLayer[static_cast<std::size_t>(layer)].*number;
    return grid;
}

double layerAdditivity(const Damage& damage, DamageMember number) {
    double sum = 0;
    for (const DamageCell& cell : damage.byLayer) sum += cell.*number;
    return sum / (damage.whole.*number);
}

double bandShare(const Damage& damage, int layer, DamageMember number) {
    if (damage.bands() == 0) return std::numeric_limits<double>::quiet_NaN();
    double sum = 0;
    for (const QkTensor tensor : {QkTensor::Q, QkTensor::K})
        for (int band = 0; band < damage.bands(); ++band)
            sum += damage.byBand[damage.bandCell(layer, tensor, band)].*number;
    return sum / (damage.byLayer[static_cast<std::size_t>(layer)].*number);
}

} // namespace qroar
