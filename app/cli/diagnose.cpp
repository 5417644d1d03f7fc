// qroar diagnose run.h5: interpolation pressure and tail inflation per layer and band, from stored
// statistics, and the sensitivities that analyze --gradients measured.
#include "app/cli/commands.h"
#include "app/cli/inputs.h"
#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/diagnostics/pressure.h"
#include "core/diagnostics/sensitivity_grid.h"
#include "core/diagnostics/tails.h"
#include "core/session/session_file.h"

#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

namespace qroar::cli {

namespace {

struct Options {
    Common common;
    std::string session, csvFolder;
    std::optional<std::string> edges;
    std::optional<int> bands;
    int draws = 200;
    bool byHead = false;
};

const char* name(QkTensor tensor) {
    return tensor == QkTensor::Q ? "q" : "k";
}
const char* name(RopeStage stage) {
    return stage == RopeStage::Pre ? "pre" : "post";
}

Outcome<BandPartition> chooseBands(const Options& options, const Session& session) {
    const int pairs = session.model.pairs();
    if (options.edges) return BandPartition::parseEdges(*options.edges, pairs);
    if (options.bands) {
        if (*options.bands > pairs)
            return Error::bad("--bands " + std::to_string(*options.bands) + ": the model has "
                              + std::to_string(pairs) + " rotary pairs; expected 1.."
                              + std::to_string(pairs));
        return BandPartition::equal(*options.bands, pairs);
    }
    return session.bands;
}

Json bandsJson(const BandPartition& bands, const Session& session) {
    Json rows = Json::array();
    for (int band = 0; band < bands.count(); ++band) {
        Json row{{"index", band}, {"from_pair", bands.begin(band)}, {"to_pair", bands.end(band)}};
        const auto omega = [&](int pair) {
            return std::pow(session.model.ropeTheta, -2.0 * pair / session.model.rotaryDim);
        };
        row["omega_low"] = omega(bands.end(band) - 1); // unscaled frequencies, the same for every condition
        row["omega_high"] = omega(bands.begin(band));
        rows.push_back(std::move(row));
    }
    return rows;
}

Json conditionJson(const ConditionResult& condition) {
    return {{"id", condition.key.text()},
            {"rope", condition.key.rope.text()},
            {"quant", condition.key.quant.text()},
            {"scales", condition.key.scales.empty() ? Json(nullptr) : Json(condition.key.scales)},
            {"context", condition.key.context},
            {"factor", condition.table.factor},
            {"trained_context", condition.table.trainedContext},
            {"attention_factor", condition.table.attentionFactor}};
}

void addPressure(const ConditionResult& condition, const BandPartition& bands, Json& rows) {
    const double distance = condition.key.context;
    const BandGrid raw =
        pressureGrid(PressureForm::Raw, condition.table, distance, bands, condition.statistics);
    const BandGrid saturated =
        pressureGrid(PressureForm::Saturated, condition.table, distance, bands, condition.statistics);
    const BandGrid weighted =
        pressureGrid(PressureForm::EnergyWeighted, condition.table, distance, bands, condition.statistics);
    const BandGrid measured = measuredPressure(condition.sensitivity, bands);
    for (int layer = 0; layer < raw.layers; ++layer)
        for (int band = 0; band < bands.count(); ++band)
            rows.push_back({{"condition", condition.key.text()},
                            {"layer", layer},
                            {"band", band},
                            {"distance", distance},
                            {"raw", number(raw.at(layer, band))},
                            {"saturated", number(saturated.at(layer, band))},
                            {"weighted", number(weighted.at(layer, band))},
                            {"measured", measured.layers > 0 ? number(measured.at(layer, band)) : Json()}});
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

void addTails(const ConditionResult& longCondition, const ConditionResult& shortCondition,
              const BandPartition& bands, int draws, Json& rows) {
    for (const QkTensor tensor : {QkTensor::Q, QkTensor::K})
        for (const RopeStage stage : {RopeStage::Pre, RopeStage::Post})
            for (const double epsilon : tailEpsilons) {
                const TailInflationOptions what{tensor, stage, epsilon, false};
                const BandGrid grid = tailInflation(longCondition, shortCondition, bands, what);
                for (int layer = 0; layer < grid.layers; ++layer)
                    for (int band = 0; band < bands.count(); ++band) {
                        const Interval ci =
                            draws > 0 ? tailInflationInterval(longCondition, shortCondition, layer,
                                                              bands.begin(band), bands.end(band), what, draws)
                                      : Interval{NAN, NAN};
                        const bool known = std::isfinite(ci.low) && std::isfinite(ci.high);
                        rows.push_back(
                            {{"long", longCondition.key.text()},
                             {"short", shortCondition.key.text()},
                             {"layer", layer},
                             {"band", band},
                             {"tensor", name(tensor)},
                             {"stage", name(stage)},
                             {"epsilon", epsilon},
                             {"value", number(grid.at(layer, band))},
                             {"attention_factor",
                              stage == RopeStage::Post ? longCondition.table.attentionFactor : 1.0},
                             {"ci95", known ? Json({ci.low, ci.high}) : Json(nullptr)}});
                    }
            }
}

/// Rows of flat objects as CSV; the columns are the keys of the first row, intervals become two columns.
std::string rowsCsv(const Json& rows) {
    std::string text;
    const auto cell = [](const Json& value) {
        if (value.is_null()) return std::string();
        if (value.is_string()) return "\"" + value.get<std::string>() + "\"";
        return value.dump();
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

Status writeCsv(const std::filesystem::path& folder, const Json& document) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) return Error::io(folder.string() + ": cannot be created: " + failed.message());
    for (const char* key : {"bands", "conditions", "interpolation_pressure", "tail_inflation", "sensitivity"})
        if (document[key].empty()) // no table without a header
            std::filesystem::remove(folder / (std::string(key) + ".csv"), failed);
        else if (Status written =
                     writeTextAtomically(folder / (std::string(key) + ".csv"), rowsCsv(document[key]));
                 !written)
            return written;
    return Done{};
}

/// The largest tail inflations, for people; all of them are in --json and --csv.
void printText(const Json& document) {
    std::vector<Json> rows;
    for (const Json& row : document["tail_inflation"])
        if (row["stage"] == "post" && row["epsilon"] == 1e-3 && row["value"].is_number()) rows.push_back(row);
    std::stable_sort(rows.begin(), rows.end(),
                     [](const Json& a, const Json& b) { return a["value"] > b["value"]; });
    std::cout << document["conditions"].size() << " conditions, " << document["bands"].size()
              << " bands. Largest tail-inflation ratios (after RoPE, eps 0.001; long / short):\n\n";
    Table table({"long", "short", "layer", "band", "tensor", "TIR", "TIR/m", "95 % interval"});
    for (std::size_t at = 0; at < std::min<std::size_t>(rows.size(), 20); ++at) {
        const Json& r = rows[at];
        const std::string interval = r["ci95"].is_null() ? "-"
                                                         : "[" + fixed(r["ci95"][0].get<double>(), 3) + ", "
                                                               + fixed(r["ci95"][1].get<double>(), 3) + "]";
        const double value = r["value"].get<double>();
        table.add({r["long"].get<std::string>(), r["short"].get<std::string>(),
                   std::to_string(r["layer"].get<int>()), std::to_string(r["band"].get<int>()),
                   r["tensor"].get<std::string>(), fixed(value, 3),
                   fixed(value / r["attention_factor"].get<double>(), 3), interval});
    }
    if (rows.empty())
        std::cout << "(none: an analysis at or below the trained context with --rope none is needed as the "
                     "short reference)\n";
    else
        table.print();
}

int run(const Options& options) {
    auto session = loadSession(options.session);
    if (!session) return fail(session.error());
    auto bands = chooseBands(options, **session);
    if (!bands) return fail(bands.error());
    Json conditions = Json::array(), pressure = Json::array(), tails = Json::array(),
         sensitivity = Json::array();
    for (const auto& condition : (*session)->conditions) {
        conditions.push_back(conditionJson(*condition));
        addSensitivity(*condition, options.byHead, sensitivity);
        if (condition->statistics.cells() == 0) continue;
        addPressure(*condition, *bands, pressure);
        const auto reference = (*session)->shortReference(*condition);
        if (reference && reference != condition && reference->statistics.cells() > 0)
            addTails(*condition, *reference, *bands, options.draws, tails);
    }
    const Json document{{"schema", 1},
                        {"bands", bandsJson(*bands, **session)},
                        {"conditions", std::move(conditions)},
                        {"interpolation_pressure", std::move(pressure)},
                        {"tail_inflation", std::move(tails)},
                        {"sensitivity", std::move(sensitivity)}};
    if (!options.csvFolder.empty())
        if (Status written = writeCsv(options.csvFolder, document); !written) return fail(written.error());
    if (options.common.json)
        print(document);
    else
        printText(document);
    return exitDone;
}

} // namespace

void addDiagnose(CLI::App& program, int& result) {
    auto options = std::make_shared<Options>();
    CLI::App* command = program.add_subcommand(
        "diagnose", "interpolation pressure, tail inflation and sensitivities per layer and band");
    command->add_option("SESSION", options->session, "session file of analyze")->required();
    auto* bands =
        command->add_option("--bands", options->bands, "that many equal bands instead of the session's")
            ->check(fromOne());
    command->add_option("--band-edges", options->edges, "edges in pairs, e.g. 0,4,9,16")->excludes(bands);
    command
        ->add_option_function<std::string>(
            "--scope", [options](const std::string& scope) { options->byHead = scope == "head"; },
            "rows of the sensitivities: one a layer and pair, or one a head too")
        ->check(CLI::IsMember({"layer", "head"}))
        ->default_str("layer");
    command->add_option("--csv", options->csvFolder, "also write the tables as CSV files into this folder");
    command->add_option("--draws", options->draws, "bootstrap draws of the intervals; 0 = no intervals")
        ->check(CLI::Range(0, 100000))
        ->capture_default_str();
    addCommon(*command, options->common);
    command->callback([options, &result] { result = run(*options); });
}

} // namespace qroar::cli
