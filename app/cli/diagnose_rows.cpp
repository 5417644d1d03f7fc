#include "app/cli/diagnose_rows.h"

#include "app/cli/diagnose_noise.h"

#include "core/base/files.h"
#include "core/diagnostics/csv.h"
#include "core/diagnostics/pressure.h"
#include "core/diagnostics/sensitivity_grid.h"
#include "core/diagnostics/tails.h"

#include <array>
#include <cmath>

namespace qroar::cli {

namespace {

constexpr std::array tensors{QkTensor::Q, QkTensor::K};
constexpr std::array stages{RopeStage::Pre, RopeStage::Post};

const char* name(QkTensor tensor) {
    return tensor == QkTensor::Q ? "q" : "k";
}
const char* name(RopeStage stage) {
    return stage == RopeStage::Pre ? "pre" : "post";
}

/// A row that begins with what every row of a condition begins with.
Json cellRow(const ConditionResult& condition, int layer, int band) {
    return {{"condition", condition.key.text()}, {"layer", layer}, {"band", band}};
}

Json bandsJson(const BandPartition& bands, const ModelConfig& model) {
    Json rows = Json::array();
    for (int band = 0; band < bands.count(); ++band) {
        Json row{{"index", band}, {"from_pair", bands.begin(band)}, {"to_pair", bands.end(band)}};
        const auto omega = [&](int pair) { return std::pow(model.ropeTheta, -2.0 * pair / model.rotaryDim); };
        row["omega_low"] = omega(bands.end(band) - 1); // unscaled frequencies, the same for every condition
        row["omega_high"] = omega(bands.begin(band));
        rows.push_back(std::move(row));
    }
    return rows;
}

/// Rows of a head that are not rotated; null when all are.
Json nopeJson(const ModelConfig& model) {
    if (model.rotaryDim >= model.headDim) return nullptr;
    return {{"from_row", model.rotaryDim},
            {"to_row", model.headDim},
            {"rows", model.headDim - model.rotaryDim},
            {"recorded", false}};
}

Json conditionJson(const ConditionResult& condition) {
    return {{"id", condition.key.text()},
            {"rope", condition.key.rope.text()},
            {"quant", condition.key.quant.text()},
            {"scales", condition.key.scales.empty() ? Json(nullptr) : Json(condition.key.scales)},
            {"context", condition.key.context},
            {"factor", condition.table.factor},
            {"trained_context", condition.table.trainedContext},
            {"attention_factor", condition.table.attentionFactor},
            {"bucket_edges", condition.statistics.shape().bucketEdges}};
}

void addPressure(const ConditionResult& condition, const BandPartition& bands, Json& rows) {
    const double distance = condition.key.context;
    const auto grid = [&](PressureForm form) {
        return pressureGrid(form, condition.table, distance, bands, condition.statistics);
    };
    const BandGrid raw = grid(PressureForm::Raw), saturated = grid(PressureForm::Saturated),
                   weighted = grid(PressureForm::EnergyWeighted);
    const BandGrid measured = measuredPressure(condition.sensitivity, bands);
    const std::vector<BandCompanions> companions = bandCompanions(condition.table, distance, bands);
    for (int layer = 0; layer < raw.layers; ++layer)
        for (int band = 0; band < bands.count(); ++band) {
            const BandCompanions& beside = companions[static_cast<std::size_t>(band)];
            Json row = cellRow(condition, layer, band);
            row["distance"] = distance;
            row["raw"] = number(raw.at(layer, band));
            row["saturated"] = number(saturated.at(layer, band));
            row["weighted"] = number(weighted.at(layer, band));
            row["measured"] = measured.layers > 0 ? number(measured.at(layer, band)) : Json();
            row["displacement"] = number(beside.displacement);
            row["aliasing_distance"] = number(beside.aliasingDistance);
            row["partial_cycle_pairs"] = beside.partialCycles;
            rows.push_back(std::move(row));
        }
}

/// One row a layer and pair: sums over the heads; or one a query head, with the derivative by the gain of its
/// key head (shared by the head's group), and without that by the frequency (shared by all heads).
void addSensitivity(const ConditionResult& condition, bool byHead, Json& rows) {
    const Sensitivity& s = condition.sensitivity;
    if (s.empty()) return;
    const auto add = [&](int layer, int pair, int head, double gainQ, double gainK, const Json& omega) {
        Json row = {{"condition", condition.key.text()},
                    {"rope", condition.key.rope.text()},
                    {"quant", condition.key.quant.text()},
                    {"scales", condition.key.scales.empty() ? Json(nullptr) : Json(condition.key.scales)},
                    {"context", condition.key.context},
                    {"layer", layer}};
        if (byHead) row["head"] = head;
        row["pair"] = pair;
        row["dnll_dln_gq"] = number(gainQ);
        row["dnll_dln_gk"] = number(gainK);
        row["dnll_dln_omega"] = omega;
        rows.push_back(std::move(row));
    };
    for (int layer = 0; layer < s.layers; ++layer)
        for (int pair = 0; pair < s.pairs; ++pair) {
            double sumQ = 0, sumK = 0;
            for (int head = 0; head < s.heads; ++head) {
                sumQ += s.gainQ(layer, head, pair);
                const int kvHead = head / (s.heads / s.kvHeads);
                if (byHead)
                    add(layer, pair, head, s.gainQ(layer, head, pair), s.gainK(layer, kvHead, pair), nullptr);
            }
            for (int kvHead = 0; kvHead < s.kvHeads; ++kvHead) sumK += s.gainK(layer, kvHead, pair);
            if (!byHead) add(layer, pair, -1, sumQ, sumK, number(s.omega(layer, pair)));
        }
}

/// A long condition and what it is compared with.
struct Comparison {
    const ConditionResult& longOne;
    const ConditionResult& shortOne;
    [[nodiscard]] Json row(int layer, int band, QkTensor tensor, RopeStage stage) const {
        return {
            {"long", longOne.key.text()}, {"short", shortOne.key.text()}, {"layer", layer}, {"band", band},
            {"tensor", name(tensor)},     {"stage", name(stage)}};
    }
};

void addTails(const Comparison& both, const BandPartition& bands, int draws, TailInflationOptions what,
              Json& rows) {
    const auto& [longOne, shortOne] = both;
    const BandGrid ratio = tailInflation(longOne, shortOne, bands, what);
    const BandGrid excess = excessTailMass(longOne, shortOne, bands, what);
    TailInflationOptions divided = what;
    divided.divideByAttentionFactor = true;
    const BandGrid excessWithoutM = excessTailMass(longOne, shortOne, bands, divided);
    for (int layer = 0; layer < ratio.layers; ++layer)
        for (int band = 0; band < bands.count(); ++band) {
            const Interval ci = draws > 0 ? tailInflationInterval(longOne, shortOne, layer, bands.begin(band),
                                                                  bands.end(band), what, draws)
                                          : Interval{NAN, NAN};
            const bool known = std::isfinite(ci.low) && std::isfinite(ci.high);
            Json row = both.row(layer, band, what.tensor, what.stage);
            row["epsilon"] = what.epsilon;
            row["value"] = number(ratio.at(layer, band));
            row["attention_factor"] = what.stage == RopeStage::Post ? longOne.table.attentionFactor : 1.0;
            row["ci95"] = known ? Json({ci.low, ci.high}) : Json(nullptr);
            row["excess_tail_mass"] = number(excess.at(layer, band));
            row["excess_tail_mass_without_m"] = number(excessWithoutM.at(layer, band));
            rows.push_back(std::move(row));
        }
}

void addCalibration(const Comparison& both, const BandPartition& bands, Json& rows) {
    for (const QkTensor tensor : tensors)
        for (const RopeStage stage : stages) {
            const CalibrationLoss loss = calibrationLoss(both.longOne, both.shortOne, bands, tensor, stage);
            for (int layer = 0; layer < loss.clipRate.layers; ++layer)
                for (int band = 0; band < bands.count(); ++band) {
                    Json row = both.row(layer, band, tensor, stage);
                    row["clip_rate"] = number(loss.clipRate.at(layer, band));
                    row["bits_lost"] = number(loss.bitsLost.at(layer, band));
                    rows.push_back(std::move(row));
                }
        }
}

void addDilation(const ConditionResult& condition, const BandPartition& bands, Json& rows) {
    for (const QkTensor tensor : tensors) {
        const BandGrid grid = rangeDilation(condition, tensor, bands);
        for (int layer = 0; layer < grid.layers; ++layer)
            for (int band = 0; band < grid.bands; ++band) {
                Json row = cellRow(condition, layer, band);
                row["tensor"] = name(tensor);
                row["value"] = number(grid.at(layer, band));
                row["attention_factor"] = condition.table.attentionFactor;
                rows.push_back(std::move(row));
            }
    }
}

void addTopShares(const ConditionResult& condition, const BandPartition& bands, QkTensor tensor,
                  RopeStage stage, double epsilon, Json& rows) {
    const TopShares shares = topShares(condition, bands, tensor, stage, epsilon);
    for (int layer = 0; layer < shares.layers; ++layer)
        for (int band = 0; band < shares.bands; ++band) {
            double share = 0, all = 0;
            Json shareBy = Json::array(), relativeBy = Json::array();
            for (int bucket = 0; bucket < shares.buckets; ++bucket) {
                const std::size_t cell = shares.cell(layer, band, bucket);
                share += shares.share[cell];
                all += shares.all[cell];
                shareBy.push_back(number(shares.share[cell]));
                relativeBy.push_back(number(shares.share[cell] / shares.all[cell]));
            }
            Json row = cellRow(condition, layer, band);
            row["tensor"] = name(tensor);
            row["stage"] = name(stage);
            row["epsilon"] = epsilon;
            row["share"] = number(share);
            row["relative"] = number(share / all);
            row["share_by_bucket"] = std::move(shareBy);
            row["relative_by_bucket"] = std::move(relativeBy);
            rows.push_back(std::move(row));
        }
}

void addTopShares(const ConditionResult& condition, const BandPartition& bands, Json& rows) {
    for (const QkTensor tensor : tensors)
        for (const RopeStage stage : stages)
            for (const double epsilon : tailEpsilons)
                addTopShares(condition, bands, tensor, stage, epsilon, rows);
}

/// Rows of flat objects as CSV; the columns are the keys of the first row, intervals become two columns.
std::string rowsCsv(const Json& rows) {
    std::string text;
    const auto cell = [](const Json& value) {
        if (value.is_null()) return std::string();
        return value.is_string() ? "\"" + value.get<std::string>() + "\"" : csvField(value.dump());
    };
    for (const Json& row : rows) {
        if (text.empty()) {
            for (const auto& [key, value] : row.items())
                text += (text.empty() ? "" : ",") + (key == "ci95" ? std::string("ci95_low,ci95_high") : key);
            text += '\n';
        }
        bool first = true;
        for (const auto& [key, value] : row.items()) {
            if (!first) text += ',';
            first = false;
            if (key == "ci95")
                text += value.is_null() ? std::string(",") : cell(value[0]) + "," + cell(value[1]);
            else
                text += cell(value);
        }
        text += '\n';
    }
    return text;
}

/// Top shares for CSV: a row for each position bucket.
Json bucketRows(const Json& document) {
    Json rows = Json::array();
    for (const Json& row : document["top_shares"]) {
        Json edges;
        for (const Json& condition : document["conditions"])
            if (condition["id"] == row["condition"]) edges = condition["bucket_edges"];
        for (std::size_t bucket = 0; bucket < row["share_by_bucket"].size(); ++bucket)
            rows.push_back({{"condition", row["condition"]},
                            {"layer", row["layer"]},
                            {"band", row["band"]},
                            {"tensor", row["tensor"]},
                            {"stage", row["stage"]},
                            {"epsilon", row["epsilon"]},
                            {"from", edges[bucket]},
                            {"to", edges[bucket + 1]},
                            {"share", row["share_by_bucket"][bucket]},
                            {"relative", row["relative_by_bucket"][bucket]}});
    }
    return rows;
}

} // namespace

Json diagnosis(const Session& session, const Conditions& conditions, const BandPartition& bands,
               const DiagnosisOptions& options) {
    Json listed = Json::array(), pressure = Json::array(), tails = Json::array(), calibration = Json::array(),
         dilation = Json::array(), shares = Json::array(), sensitivity = Json::array();
    for (const auto& condition : conditions) {
        listed.push_back(conditionJson(*condition));
        addSensitivity(*condition, options.byHead, sensitivity);
        if (condition->statistics.cells() == 0) continue;
        addPressure(*condition, bands, pressure);
        addDilation(*condition, bands, dilation);
        addTopShares(*condition, bands, shares);
        const auto reference = session.shortReference(*condition);
        if (!reference || reference == condition || reference->statistics.cells() == 0) continue;
        const Comparison both{*condition, *reference};
        for (const QkTensor tensor : tensors)
            for (const RopeStage stage : stages)
                for (const double epsilon : tailEpsilons)
                    addTails(both, bands, options.draws, {tensor, stage, epsilon, false}, tails);
        addCalibration(both, bands, calibration);
    }
    Json document = {{"schema", 1},
                     {"bands", bandsJson(bands, session.model)},
                     {"nope", nopeJson(session.model)},
                     {"conditions", std::move(listed)},
                     {"interpolation_pressure", std::move(pressure)},
                     {"tail_inflation", std::move(tails)},
                     {"calibration", std::move(calibration)},
                     {"dilation", std::move(dilation)},
                     {"top_shares", std::move(shares)},
                     {"sensitivity", std::move(sensitivity)}};
    addNoiseRows(session, conditions, bands, document);
    return document;
}

Status writeDiagnosisCsv(const std::filesystem::path& folder, const Json& document) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) return Error::io(folder.string() + ": cannot be created: " + failed.message());
    for (const char* key :
         {"bands", "conditions", "interpolation_pressure", "tail_inflation", "calibration", "dilation",
          "top_shares", "sensitivity", "anisotropy", "logit_noise", "damage", "damage_summary"}) {
        const auto path = folder / (std::string(key) + ".csv");
        const Json rows = key == std::string("top_shares") ? bucketRows(document) : document[key];
        if (rows.empty()) // no table without a header
            std::filesystem::remove(path, failed);
        else if (Status written = writeTextAtomically(path, rowsCsv(rows)); !written)
            return written;
    }
    return Done{};
}

} // namespace qroar::cli
