#include "app/cli/rope_tables.h"

#include "core/base/strings.h"

#include <iostream>

namespace qroar::cli {

Json tableJson(const std::string& spec, const FrequencyTable& table, RopeLoader loader) {
    return {{"spec", spec},
            {"resolved", table.spec.text()},
            {"loader", ropeLoaderName(loader)},
            {"trained_context", table.trainedContext},
            {"factor", table.factor},
            {"ramp", table.rampLow ? Json({*table.rampLow, *table.rampHigh}) : Json(nullptr)},
            {"attention_factor", table.attentionFactor},
            {"inv_freq", table.omega}};
}

Outcome<std::vector<LoaderTable>> tablesOfLoaders(const RopeSpec& spec, const RopeModel& model,
                                                  long long context) {
    std::vector<LoaderTable> tables;
    for (const RopeLoader loader : ropeLoaders()) {
        auto table = buildLoaderTable(loader, spec, model, context);
        if (!table) return table.error();
        tables.push_back(std::move(*table));
    }
    return tables;
}

Json loadersJson(const std::string& spec, const std::vector<LoaderTable>& tables, long long context) {
    Json rows = Json::array();
    for (const LoaderTable& other : tables) {
        if (other.loader == RopeLoader::Qroar) continue;
        Json row = other.table ? tableJson(spec, *other.table, other.loader)
                               : Json{{"spec", spec},
                                      {"loader", ropeLoaderName(other.loader)},
                                      {"attention_factor", nullptr},
                                      {"inv_freq", nullptr}};
        row["phase_error"] =
            other.table ? Json(phaseDifference(*other.table, *tables.front().table, context)) : Json(nullptr);
        row["notes"] = other.notes;
        rows.push_back(std::move(row));
    }
    return rows;
}

void printLoaders(const std::vector<std::string>& specs, const std::vector<std::vector<LoaderTable>>& tables,
                  long long context) {
    std::cout
        << "\nWhat each loader builds from a checkpoint with this scaling; the phase error is the largest "
           "difference to qroar at position "
        << formatCount(context) << ", in radians\n\n";
    Table rows({"spec", "loader", "attention factor", "phase error"});
    for (std::size_t at = 0; at < specs.size(); ++at)
        for (const LoaderTable& of : tables[at])
            rows.add(
                {specs[at], ropeLoaderName(of.loader),
                 of.table ? significant(of.table->attentionFactor, 7) : "refused",
                 of.table ? fixed(phaseDifference(*of.table, *tables[at].front().table, context), 4) : "-"});
    rows.print();
    std::cout << '\n';
    for (std::size_t at = 0; at < specs.size(); ++at)
        for (const LoaderTable& of : tables[at])
            for (const std::string& note : of.notes)
                std::cout << "note: " << specs[at] << ", " << ropeLoaderName(of.loader) << ": "
                          << readable(note) << '\n';
}

} // namespace qroar::cli
