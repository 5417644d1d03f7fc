#include "core/analysis/calibrations.h"

#include "core/base/strings.h"
#include "core/quantize/importance_weights.h"

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

bool calibrates(const AnalysisPlan& plan) {
    return std::any_of(plan.quants.begin(), plan.quants.end(),
                       [&plan](const QuantSpec& quant) { return plan.needsText(quant); });
}

/// Whether a variant is weighted by the plan's importance matrix.
bool weighted(const AnalysisPlan& plan, const QuantSpec& quant) {
    return plan.importance && usesImportance(quant);
}

CalibrationRecord recordOf(const ImportanceMatrix& importance) {
    CalibrationRecord record;
    record.imatrix = importance.record();
    return record;
}

/// What the weights of a condition depend on: those of an importance matrix on no text.
ConditionKey weightsKey(const AnalysisPlan& plan, ConditionKey key) {
    key.scales.clear();
    if (weighted(plan, key.quant)) {
        key.rope = {};
        key.context = 0;
    }
    return key;
}

} // namespace

Outcome<CalibrationSet> calibrationSetOf(const AnalysisPlan& plan, const ConditionKey& key) {
    return makeCalibrationSet(plan.calibrationDocuments(), key.rope, plan.model->config().ropeModel(),
                              key.context, plan.maxCalibrationWindows);
}

Status checkCalibrationText(const AnalysisPlan& plan) {
    if (plan.importance)
        if (Status fits = plan.importance->fits(plan.model->config()); !fits) return fits;
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
    const auto isWeighted = [&plan](const QuantSpec& quant) { return weighted(plan, quant); };
    if (plan.importance)
        notes.push_back(std::any_of(plan.quants.begin(), plan.quants.end(), isWeighted)
                            ? "rtn and awq are weighted by " + plan.importance->text()
                                  + ", which was measured without these RoPE specs and contexts"
                            : "no variant uses the importance matrix: rtn and awq do");
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
        if (!done) continue;
        std::optional<CalibrationRecord> wanted;
        if (weighted(plan, key.quant)) {
            wanted = recordOf(*plan.importance);
        } else if (key.quant.needsCalibration()) {
            const auto set = calibrationSetOf(plan, key);
            if (!set) return set.error();
            wanted = recordOf(*set);
        }
        if (done->calibration != wanted)
            return Error::bad("the earlier run calibrated " + key.text()
                              + " on other text, another number of windows or by another importance matrix: "
                                "start a new run");
    }
    return Done{};
}

Outcome<Calibrations::Weights> Calibrations::weights(const ConditionKey& key, WorkMeter& meter) {
    if (!ahead_.empty() && ahead_.front() == key) ahead_.erase(ahead_.begin());
    if (!key.quant.needsCalibration() && !weighted(plan_, key.quant)) {
        auto source = openWeights(plan_.model, key.quant);
        if (!source) return source.error();
        return Weights{*std::move(source), std::nullopt};
    }
    const ConditionKey wanted = weightsKey(plan_, key);
    const auto found =
        std::find_if(kept_.begin(), kept_.end(), [&wanted](const Kept& kept) { return kept.key == wanted; });
    if (found != kept_.end()) {
        Weights weights = found->weights;
        if (!needed(wanted)) kept_.erase(found);
        return weights;
    }
    auto made = make(key, meter);
    if (!made) return made;
    meter.setStage(key.text());
    Weights weights = std::move(*made);
    if (needed(wanted)) kept_.push_back({wanted, weights});
    return weights;
}

Outcome<Calibrations::Weights> Calibrations::make(const ConditionKey& key, WorkMeter& meter) const {
    if (weighted(plan_, key.quant)) {
        auto source = importanceWeights(plan_.model, key.quant, *plan_.importance, meter);
        if (!source) return source.error();
        return Weights{*std::move(source), recordOf(*plan_.importance)};
    }
    const auto set = calibrationSetOf(plan_, key);
    if (!set) return set.error();
    auto source = makeWeights(plan_.model, key.quant, &*set, meter);
    if (!source) return source.error();
    return Weights{*std::move(source), recordOf(*set)};
}

bool Calibrations::needed(const ConditionKey& key) const {
    return std::any_of(ahead_.begin(), ahead_.end(),
                       [this, &key](const ConditionKey& later) { return weightsKey(plan_, later) == key; });
}

std::vector<ConditionKey> Calibrations::distinct() const {
    std::vector<ConditionKey> keys;
    for (const ConditionKey& later : ahead_) {
        const ConditionKey key = weightsKey(plan_, later);
        const bool made = key.quant.needsCalibration() || weighted(plan_, key.quant);
        if (made && std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
    return keys;
}

double Calibrations::operations() const {
    double sum = 0;
    for (const ConditionKey& key : distinct())
        if (weighted(plan_, key.quant))
            sum += importanceOperations(plan_.model->config(), key.quant);
        else if (const auto set = calibrationSetOf(plan_, key))
            sum += calibrationOperations(plan_.model->config(), key.quant,
                                         static_cast<long long>(set->windows.size()), key.context);
    return sum;
}

double Calibrations::peakBytes() const {
    const auto keys = distinct();
    double peak = 0;
    for (const ConditionKey& key : keys)
        if (weighted(plan_, key.quant)) // the codes
            peak = std::max(peak, static_cast<double>(plan_.model->config().parameterCount()));
        else if (const auto set = calibrationSetOf(plan_, key))
            peak = std::max(peak,
                            calibrationPeakBytes(plan_.model->config(), key.quant,
                                                 static_cast<long long>(set->windows.size()), key.context));
    // With several scale sets, the codes of all calibrations are kept until the last set.
    const double kept = plan_.scales.size() > 1 ? static_cast<double>(keys.size()) : 0;
    return peak + kept * static_cast<double>(plan_.model->config().parameterCount());
}

} // namespace qroar
