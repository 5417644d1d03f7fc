#include "core/analysis/calibrations.h"

#include "core/base/strings.h"

#include <algorithm>

namespace qroar {

namespace {

CalibrationRecord recordOf(const CalibrationSet& set) {
    CalibrationRecord record;
    for (const Document& document : *set.documents) record.documents.push_back(document.fingerprint);
    record.rope = set.table.spec.text();
    record.context = set.context;
    record.windows = static_cast<int>(set.windows.size());
    return record;
}

ConditionKey withoutScales(ConditionKey key) {
    key.scales.clear();
    return key;
}

bool calibrates(const AnalysisPlan& plan) {
    return std::any_of(plan.quants.begin(), plan.quants.end(),
                       [](const QuantSpec& quant) { return quant.needsCalibration(); });
}

} // namespace

Outcome<CalibrationSet> calibrationSetOf(const AnalysisPlan& plan, const ConditionKey& key) {
    return makeCalibrationSet(plan.calibrationDocuments(), key.rope, plan.model->config().ropeModel(),
                              key.context, plan.maxCalibrationWindows);
}

Status checkCalibrationText(const AnalysisPlan& plan) {
    if (!calibrates(plan)) return Done{};
    if (plan.maxCalibrationWindows < 1)
        return Error::bad("calibration windows: expected 1 or more, found "
                          + std::to_string(plan.maxCalibrationWindows));
    for (const int context : plan.contexts)
        if (auto windows = cutWindows(*plan.calibrationDocuments(), context); !windows)
            return windows.error().in("calibration text");
    return Done{};
}

void addCalibrationNotes(const AnalysisPlan& plan, std::vector<std::string>& notes) {
    if (!calibrates(plan)) return;
    if (!plan.calibration) {
        notes.push_back(
            "awq and gptq are calibrated on up to " + std::to_string(plan.maxCalibrationWindows)
            + " windows of the documents that they are measured on: for figures to report, calibrate on "
              "other text (--calib-text)");
        return;
    }
    for (const Document& calibration : *plan.calibration)
        for (const Document& measured : *plan.documents)
            if (calibration.fingerprint == measured.fingerprint) {
                notes.push_back("calibration text " + calibration.name
                                + " is also measured: its figures favour awq and gptq");
                break;
            }
}

Status checkCalibration(const AnalysisPlan& plan, const Session& previous) {
    for (const ConditionKey& key : plan.conditions()) {
        const auto done = previous.find(key);
        if (!done || !key.quant.needsCalibration()) continue;
        const auto set = calibrationSetOf(plan, key);
        if (!set) return set.error();
        if (done->calibration != recordOf(*set))
            return Error::bad("the earlier run calibrated " + key.text()
                              + " on other text or another number of windows: start a new run");
    }
    return Done{};
}

Outcome<Calibrations::Weights> Calibrations::weights(const ConditionKey& key, WorkMeter& meter) {
    if (!ahead_.empty() && ahead_.front() == key) ahead_.erase(ahead_.begin());
    if (!key.quant.needsCalibration()) {
        auto source = openWeights(plan_.model, key.quant);
        if (!source) return source.error();
        return Weights{*std::move(source), std::nullopt};
    }
    const ConditionKey wanted = withoutScales(key);
    const auto found =
        std::find_if(kept_.begin(), kept_.end(), [&wanted](const Kept& kept) { return kept.key == wanted; });
    if (found != kept_.end()) {
        Weights weights = found->weights;
        if (!needed(wanted)) kept_.erase(found);
        return weights;
    }
    const auto set = calibrationSetOf(plan_, key);
    if (!set) return set.error();
    auto source = makeWeights(plan_.model, key.quant, &*set, meter);
    if (!source) return source.error();
    meter.setStage(key.text());
    Weights weights{*std::move(source), recordOf(*set)};
    if (needed(wanted)) kept_.push_back({wanted, weights});
    return weights;
}

bool Calibrations::needed(const ConditionKey& key) const {
    return std::any_of(ahead_.begin(), ahead_.end(),
                       [&key](const ConditionKey& later) { return withoutScales(later) == key; });
}

std::vector<ConditionKey> Calibrations::distinct() const {
    std::vector<ConditionKey> keys;
    for (const ConditionKey& later : ahead_) {
        const ConditionKey key = withoutScales(later);
        if (key.quant.needsCalibration() && std::find(keys.begin(), keys.end(), key) == keys.end())
            keys.push_back(key);
    }
    return keys;
}

double Calibrations::operations() const {
    double sum = 0;
    for (const ConditionKey& key : distinct())
        if (const auto set = calibrationSetOf(plan_, key))
            sum += calibrationOperations(plan_.model->config(), key.quant,
                                         static_cast<long long>(set->windows.size()), key.context);
    return sum;
}

double Calibrations::peakBytes() const {
    const auto keys = distinct();
    double peak = 0;
    for (const ConditionKey& key : keys)
        if (const auto set = calibrationSetOf(plan_, key))
            peak = std::max(peak,
                            calibrationPeakBytes(plan_.model->config(), key.quant,
                                                 static_cast<long long>(set->windows.size()), key.context));
    // With several scale sets, the codes of all calibrations are kept until the last set.
    const double kept = plan_.scales.size() > 1 ? static_cast<double>(keys.size()) : 0;
    return peak + kept * static_cast<double>(plan_.model->config().parameterCount());
}

} // namespace qroar
