#include "core/search/gain_windows.h"

#include "core/base/strings.h"
#include "core/diagnostics/pressure.h"
#include "core/diagnostics/tails.h"

#include <algorithm>
#include <cmath>

namespace qroar {

double windowTau(double pressure, double inflation, const GainWindowOptions& options) {
    const double ip = std::isnan(pressure) ? 0 : pressure;
    const double tir = std::isnan(inflation) ? 0 : std::max(0.0, inflation);
    const double low = std::log(options.least), high = std::log(options.most);
    return std::exp(low + (high - low) * std::min(1.0, ip + tir));
}

GainWindows defaultWindows(int layers, const FrequencyTable& table, int context, const BandPartition& bands,
                           const GainWindowOptions& options) {
    GainWindows windows;
    windows.pressure = windows.inflation = windows.tau = windows.priority = BandGrid(layers, bands.count());
    const std::vector<PairPressure> pairs = pairPressure(table, context);
    for (int layer = 0; layer < layers; ++layer)
        for (int band = 0; band < bands.count(); ++band) {
            double sum = 0;
            for (int pair = bands.begin(band); pair < bands.end(band); ++pair)
                sum += pairs[static_cast<std::size_t>(pair)].saturated;
            const double mean = table.scales(layer) ? sum / (bands.end(band) - bands.begin(band)) : 0;
            windows.pressure.at(layer, band) = windows.priority.at(layer, band) = mean;
            windows.tau.at(layer, band) = options.most;
        }
    windows.source = "no diagnostics: tau = " + formatNumber(options.most)
                     + " for every band, order by saturated IP at " + formatCount(context);
    return windows;
}

GainWindows diagnosedWindows(const ConditionResult& longCondition, const ConditionResult& shortCondition,
                             const BandPartition& bands, const GainWindowOptions& options) {
    GainWindows windows;
    windows.pressure = pressureGrid(PressureForm::EnergyWeighted, longCondition.table,
                                    longCondition.key.context, bands, longCondition.statistics);
    TailInflationOptions tails;
    tails.epsilon = options.epsilon;
    tails.divideByAttentionFactor = true;
    tails.tensor = QkTensor::Q;
    windows.inflation = tailInflation(longCondition, shortCondition, bands, tails);
    tails.tensor = QkTensor::K;
    const BandGrid ofKeys = tailInflation(longCondition, shortCondition, bands, tails);
    const int layers = windows.pressure.layers;
    windows.tau = windows.priority = BandGrid(layers, bands.count());
    for (int layer = 0; layer < layers; ++layer)
        for (int band = 0; band < bands.count(); ++band) {
            double& inflation = windows.inflation.at(layer, band);
            inflation =
                std::max(0.0, std::fmax(inflation, ofKeys.at(layer, band)) - 1); // fmax passes over NaN
            const double pressure = windows.pressure.at(layer, band);
            windows.tau.at(layer, band) = windowTau(pressure, inflation, options);
            windows.priority.at(layer, band) =
                (std::isnan(pressure) ? 0 : pressure) * (std::isnan(inflation) ? 0 : inflation);
        }
    windows.source = "ln tau = ln " + formatNumber(options.least) + " + ln("
                     + formatNumber(options.most / options.least) + ") min(1, IP + max(0, TIR - 1)); IP of "
                     + longCondition.key.text() + ", TIR at eps " + formatNumber(options.epsilon)
                     + " against " + shortCondition.key.text();
    return windows;
}

Outcome<GainWindows> windowsFromSession(const Session& session, const FrequencyTable& table,
                                        const RopeSpec& rope, const QuantSpec& quant,
                                        const BandPartition& bands, const GainWindowOptions& options) {
    std::shared_ptr<const ConditionResult> longest;
    const auto rank = [&quant](const ConditionResult& condition) {
        return std::tuple(condition.key.quant == quant, condition.key.scales.empty(), condition.key.context);
    };
    for (const auto& condition : session.conditions) {
        const bool same = condition->key.rope == rope || condition->table.spec == table.spec;
        if (!same || condition->statistics.cells() == 0) continue;
        if (!longest || rank(*condition) > rank(*longest)) longest = condition;
    }
    if (!longest)
        return Error::notFound("the session has no condition with statistics under " + rope.text()
                               + ": windows cannot be taken from its diagnostics");
    const auto reference = session.shortReference(*longest);
    if (!reference)
        return Error::notFound(
            "the session has no condition without scaling up to the trained context: TIR needs "
            "one to compare "
            + longest->key.text() + " with");
    return diagnosedWindows(*longest, *reference, bands, options);
}

const char* windowFormula() {
    return "ln tau = ln least + (ln most - ln least) min(1, IP + max(0, TIR - 1))";
}

Status setWindow(GainWindows& windows, int layer, int band, double tau) {
    if (layer >= windows.tau.layers || band < 0 || band >= windows.tau.bands)
        return Error::bad("window: there are " + std::to_string(windows.tau.layers) + " layers and "
                          + std::to_string(windows.tau.bands) + " bands, found layer " + std::to_string(layer)
                          + ", band " + std::to_string(band));
    if (!(tau >= 1 && tau <= 1000))
        return Error::bad("window: tau must be between 1 and 1000, found " + formatNumber(tau));
    for (int at = 0; at < windows.tau.layers; ++at)
        if (layer < 0 || at == layer) windows.tau.at(at, band) = tau;
    if (windows.source.find("edited") == std::string::npos) windows.source += ", edited";
    return Done{};
}

} // namespace qroar
