#include "app/cli/diagnose_noise.h"

#include "core/diagnostics/damage_grid.h"
#include "core/diagnostics/noise_grid.h"

#include <cmath>
#include <iostream>
#include <numbers>
#include <utility>

namespace qroar::cli {

namespace {

constexpr double degrees = 180 / std::numbers::pi;

void addAnisotropy(const ConditionResult& condition, double logitScale, Json& rows) {
    const NoiseShape& shape = condition.noise.shape();
    for (int layer = 0; layer < shape.layers; ++layer)
        for (int pair = 0; pair < shape.pairs; ++pair) {
            const Anisotropy q = anisotropyOf(condition.noise, layer, QkTensor::Q, pair);
            const Anisotropy k = anisotropyOf(condition.noise, layer, QkTensor::K, pair);
            const NoiseDepth depth = noiseDepth(condition, logitScale, layer, pair);
            rows.push_back({{"condition", condition.key.text()},
                            {"layer", layer},
                            {"pair", pair},
                            {"anisotropy_q", number(q.value)},
                            {"anisotropy_k", number(k.value)},
                            {"orientation_q", number(q.orientation)},
                            {"orientation_k", number(k.orientation)},
                            {"snr_db_q", number(q.snrDb)},
                            {"snr_db_k", number(k.snrDb)},
                            {"depth", number(depth.largest)},
                            {"depth_mean", number(depth.mean)},
                            {"rms", number(depth.rms)}});
        }
}

/// One row for every band, and one with band null for all pairs together.
void addLogitNoise(const ConditionResult& condition, const BandPartition& bands, Json& rows) {
    const NoiseStatistics& noise = condition.noise;
    const NoiseShape& shape = noise.shape();
    const auto add = [&](int layer, const Json& band, int first, int end) {
        for (int distance = 0; distance < shape.distances(); ++distance) {
            double samples = 0;
            for (int group = 0; group < shape.groups; ++group)
                samples += noise.samples(noise.logitCell(layer, group, distance));
            const auto at = static_cast<std::size_t>(distance);
            rows.push_back(
                {{"condition", condition.key.text()},
                 {"layer", layer},
                 {"band", band},
                 {"from_distance", shape.distanceEdges[at]},
                 {"to_distance", shape.distanceEdges[at + 1]},
                 {"samples", samples},
                 {"rms", number(logitNoise(noise, LogitNoise::Rms, layer, first, end, distance))},
                 {"mean", number(logitNoise(noise, LogitNoise::Mean, layer, first, end, distance))}});
        }
    };
    for (int layer = 0; layer < shape.layers; ++layer) {
        for (int band = 0; band < bands.count(); ++band) add(layer, band, bands.begin(band), bands.end(band));
        add(layer, nullptr, 0, shape.pairs);
    }
}

Json damageRow(const ConditionResult& condition, const Json& layer, const Json& tensor, const Json& band,
               const DamageCell& cell) {
    return {{"condition", condition.key.text()},
            {"layer", layer},
            {"tensor", tensor},
            {"band", band},
            {"kl", number(cell.kl)},
            {"nll", number(cell.nll)},
            {"noise_kl", number(cell.noiseKl)},
            {"noise_nll", number(cell.noiseNll)}};
}

/// Whole layers (tensor and band null), then their bands, which are those that were measured.
void addDamage(const ConditionResult& condition, Json& rows) {
    const Damage& damage = condition.damage;
    for (int layer = 0; layer < damage.layers; ++layer) {
        rows.push_back(
            damageRow(condition, layer, nullptr, nullptr, damage.byLayer[static_cast<std::size_t>(layer)]));
        for (const QkTensor tensor : {QkTensor::Q, QkTensor::K})
            for (int band = 0; band < damage.bands(); ++band)
                rows.push_back(damageRow(condition, layer, tensor == QkTensor::Q ? "q" : "k", band,
                                         damage.byBand[damage.bandCell(layer, tensor, band)]));
    }
}

Json damageSummary(const ConditionResult& condition) {
    const Damage& damage = condition.damage;
    Json row = damageRow(condition, nullptr, nullptr, nullptr, damage.whole);
    for (const char* key : {"layer", "tensor", "band"}) row.erase(key);
    row["tokens"] = damage.tokens;
    row["layer_additivity"] = number(layerAdditivity(damage));
    row["noise_layer_additivity"] = number(layerAdditivity(damage, &DamageCell::noiseKl));
    std::string edges; // as --band-edges takes them
    for (const int edge : damage.bandEdges) edges += (edges.empty() ? "" : ",") + std::to_string(edge);
    row["band_edges"] = edges.empty() ? Json(nullptr) : Json(edges);
    return row;
}

double valueOf(const Json& field) {
    return field.is_number() ? field.get<double>() : NAN;
}

std::vector<const Json*> rowsOf(const Json& document, const char* list, const std::string& condition) {
    std::vector<const Json*> rows;
    for (const Json& row : document[list])
        if (row["condition"] == condition) rows.push_back(&row);
    return rows;
}

void heading(const std::string& condition, const std::string& text) {
    std::cout << '\n' << condition << ": " << text << "\n\n";
}

std::string label(const Json& field) {
    if (field.is_null()) return "all";
    return field.is_string() ? field.get<std::string>() : std::to_string(field.get<int>());
}

} // namespace

void addNoiseRows(const Session& session, const Conditions& conditions, const BandPartition& bands,
                  Json& document) {
    Json anisotropy = Json::array(), noise = Json::array(), damage = Json::array(), summary = Json::array();
    for (const auto& condition : conditions) {
        if (!condition->noise.empty()) {
            addAnisotropy(*condition, session.model.attentionFactor(), anisotropy);
            addLogitNoise(*condition, bands, noise);
        }
        if (condition->damage.empty()) continue;
        addDamage(*condition, damage);
        summary.push_back(damageSummary(*condition));
    }
    document["anisotropy"] = std::move(anisotropy);
    document["logit_noise"] = std::move(noise);
    document["damage"] = std::move(damage);
    document["damage_summary"] = std::move(summary);
}

void printAnisotropy(const Json& document, const std::string& condition) {
    const auto rows = rowsOf(document, "anisotropy", condition);
    if (rows.empty()) return;
    heading(condition,
            "anisotropy A = |l1 - l2| / (l1 + l2) of the quantization errors of each pair before RoPE, "
            "angle of the larger axis, and the share of the logit noise that turns with distance");
    Table table({"layer", "pair", "A q", "A k", "psi q (deg)", "psi k (deg)", "SNR q (dB)", "SNR k (dB)",
                 "depth", "mean depth", "noise RMS"});
    for (const Json* row : rows)
        table.add(
            {label((*row)["layer"]), label((*row)["pair"]), fixed(valueOf((*row)["anisotropy_q"]), 3),
             fixed(valueOf((*row)["anisotropy_k"]), 3), fixed(valueOf((*row)["orientation_q"]) * degrees, 1),
             fixed(valueOf((*row)["orientation_k"]) * degrees, 1), fixed(valueOf((*row)["snr_db_q"]), 1),
             fixed(valueOf((*row)["snr_db_k"]), 1), fixed(valueOf((*row)["depth"]), 3),
             fixed(valueOf((*row)["depth_mean"]), 3), significant(valueOf((*row)["rms"]), 3)});
    table.print();
}

void printLogitNoise(const Json& document, const std::string& condition) {
    const auto rows = rowsOf(document, "logit_noise", condition);
    if (rows.empty()) return;
    heading(condition,
            "RMS noise of the attention logits by distance in tokens (mean in brackets: of all pairs)");
    std::vector<std::string> header{"layer", "band"};
    const Json &layer = (*rows.front())["layer"], &band = (*rows.front())["band"];
    for (const Json* row : rows)
        if ((*row)["layer"] == layer && (*row)["band"] == band) {
            const int from = (*row)["from_distance"].get<int>(), last = (*row)["to_distance"].get<int>() - 1;
            header.push_back(from == last ? std::to_string(from)
                                          : std::to_string(from) + ".." + std::to_string(last));
        }
    Table table(header);
    std::vector<std::string> cells;
    for (const Json* row : rows) {
        if (cells.empty()) cells = {label((*row)["layer"]), label((*row)["band"])};
        std::string cell = significant(valueOf((*row)["rms"]), 3);
        if ((*row)["band"].is_null()) cell += " (" + significant(valueOf((*row)["mean"]), 2) + ")";
        cells.push_back(std::move(cell));
        if (cells.size() < header.size()) continue;
        table.add(std::exchange(cells, {}));
    }
    table.print();
}

void printDamage(const Json& document, const std::string& condition) {
    const auto summaries = rowsOf(document, "damage_summary", condition);
    if (summaries.empty()) return;
    const Json& whole = *summaries.front();
    heading(condition,
            "damage of parts alone: KL from the reference and change of NLL, nats per token; and with "
            "random errors of the same size");
    Table table({"layer", "tensor", "band", "KL", "NLL change", "random KL", "random NLL change"});
    const auto add = [&table](const Json& row, std::vector<std::string> cells) {
        for (const char* field : {"kl", "nll", "noise_kl", "noise_nll"})
            cells.push_back(significant(valueOf(row[field]), 4));
        table.add(std::move(cells));
    };
    for (const Json* row : rowsOf(document, "damage", condition))
        add(*row, {label((*row)["layer"]), label((*row)["tensor"]), label((*row)["band"])});
    add(whole, {"all", "all", "all"});
    table.print();
    std::cout << "\nSum of the layers' KL over that of the whole model: "
              << fixed(valueOf(whole["layer_additivity"]), 3) << " (random errors "
              << fixed(valueOf(whole["noise_layer_additivity"]), 3)
              << "); 1: damages add; below 1: they feed each other\n";
}

} // namespace qroar::cli
