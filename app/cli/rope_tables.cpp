#include "app/cli/rope_tables.h"

#include "core/base/strings.h"
#include "core/diagnostics/csv.h"

#include <iostream>
#include <numbers>

namespace qroar::cli {

namespace {

constexpr double twoPi = 2 * std::numbers::pi;

const char* statusName(LoaderStatus status) {
    return status == LoaderStatus::Same ? "same" : status == LoaderStatus::Differs ? "differs" : "refuses";
}

std::string scientific(double value) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.6e", value);
    return buffer;
}

void addRow(const std::string& spec, const LoaderVerdict& verdict, Table& rows) {
    const bool refused = !verdict.loaded.table;
    rows.add({spec, ropeLoaderName(verdict.loaded.loader), statusName(verdict.status),
              refused ? "-" : significant(verdict.loaded.table->attentionFactor, 7),
              refused ? "-" : fixed(verdict.phaseError, 4),
              refused ? "-" : fixed(verdict.phaseError / twoPi, 4),
              verdict.pair >= 0 ? std::to_string(verdict.pair) : "-"});
}

} // namespace

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

Json loadersJson(const std::string& spec, const RopeAudit& audit) {
    Json rows = Json::array();
    for (const LoaderVerdict& verdict : audit.loaders) {
        const auto& table = verdict.loaded.table;
        Json row = table ? tableJson(spec, *table, verdict.loaded.loader)
                         : Json{{"spec", spec},
                                {"loader", ropeLoaderName(verdict.loaded.loader)},
                                {"attention_factor", nullptr},
                                {"inv_freq", nullptr}};
        row["status"] = statusName(verdict.status);
        row["phase_error"] = table ? Json(verdict.phaseError) : Json(nullptr);
        row["pair"] = verdict.pair >= 0 ? Json(verdict.pair) : Json(nullptr);
        row["attention_ratio"] = table ? Json(verdict.attentionRatio) : Json(nullptr);
        row["notes"] = verdict.loaded.notes;
        rows.push_back(std::move(row));
    }
    return rows;
}

Json verdictsJson(const RopeAudit& audit) {
    Json rows = Json::array();
    for (const LoaderVerdict& verdict : audit.loaders) {
        const bool refused = !verdict.loaded.table;
        rows.push_back({{"loader", ropeLoaderName(verdict.loaded.loader)},
                        {"status", statusName(verdict.status)},
                        {"phase_error", refused ? Json(nullptr) : Json(verdict.phaseError)},
                        {"pair", verdict.pair >= 0 ? Json(verdict.pair) : Json(nullptr)},
                        {"attention_ratio", refused ? Json(nullptr) : Json(verdict.attentionRatio)}});
    }
    return rows;
}

Json warningsJson(const std::string& spec, const RopeAudit& audit) {
    Json rows = Json::array();
    for (const RopeWarning& warning : audit.warnings)
        rows.push_back({{"spec", spec}, {"key", warning.key}, {"text", warning.text}});
    return rows;
}

void printAudits(const std::vector<std::string>& specs, const std::vector<RopeAudit>& audits) {
    std::cout
        << "\nWhat each loader builds: of the scaling stored in the checkpoint as it is spelled there, of "
           "another one as an export would write it. The phase error is the largest difference to qroar "
           "at position "
        << formatCount(audits.front().context) << ", in radians and turns, and the pair where it is\n\n";
    Table rows({"spec", "loader", "status", "attention factor", "phase error", "turns", "pair"});
    for (std::size_t at = 0; at < specs.size(); ++at) {
        rows.add({specs[at], ropeLoaderName(RopeLoader::Qroar), "-",
                  significant(audits[at].ours.attentionFactor, 7), "-", "-", "-"});
        for (const LoaderVerdict& verdict : audits[at].loaders) addRow(specs[at], verdict, rows);
    }
    rows.print();
    std::cout << '\n';
    for (std::size_t at = 0; at < specs.size(); ++at)
        for (const LoaderVerdict& verdict : audits[at].loaders)
            for (const std::string& note : verdict.loaded.notes)
                std::cout << "note: " << specs[at] << ", " << ropeLoaderName(verdict.loaded.loader) << ": "
                          << readable(note) << '\n';
    for (std::size_t at = 0; at < specs.size(); ++at)
        for (const RopeWarning& warning : audits[at].warnings)
            std::cout << "warning: " << specs[at] << ", " << warning.key << ": " << readable(warning.text)
                      << '\n';
}

void printPairs(const std::string& spec, const RopeAudit& audit) {
    std::vector<std::string> header{"pair", "unscaled wavelength", "qroar"};
    for (const LoaderVerdict& verdict : audit.loaders)
        header.emplace_back(ropeLoaderName(verdict.loaded.loader));
    Table table(header);
    for (std::size_t pair = 0; pair < audit.ours.omega.size(); ++pair) {
        std::vector<std::string> row{std::to_string(pair), fixed(twoPi / audit.ours.plain[pair], 1),
                                     scientific(audit.ours.omega[pair])};
        for (const LoaderVerdict& verdict : audit.loaders)
            row.push_back(verdict.loaded.table ? scientific(verdict.loaded.table->omega[pair]) : "-");
        table.add(std::move(row));
    }
    std::cout << "\n"
              << spec << ": angular frequency omega' in radians per position, as each loader has it\n\n";
    table.print();
}

std::string auditCsv(const std::vector<std::string>& specs, const std::vector<RopeAudit>& audits) {
    std::string text =
        "# RoPE audit at " + std::to_string(audits.front().context)
        + " tokens; omega in radians per position, phase_error in radians at the last position "
          "against qroar\nspec,loader,pair,wavelength,omega,ratio,phase_error\n";
    const auto add = [&](const std::string& spec, RopeLoader loader, const FrequencyTable& table,
                         const RopeAudit& audit) {
        for (std::size_t pair = 0; pair < table.omega.size(); ++pair) {
            const double plain = audit.ours.plain[pair], omega = table.omega[pair];
            text +=
                csvField(spec) + "," + ropeLoaderName(loader) + "," + std::to_string(pair) + ","
                + formatNumber(twoPi / plain) + "," + formatNumber(omega) + "," + formatNumber(omega / plain)
                + ","
                + formatNumber(std::abs(omega - audit.ours.omega[pair]) * static_cast<double>(audit.context))
                + "\n";
        }
    };
    for (std::size_t at = 0; at < specs.size(); ++at) {
        add(specs[at], RopeLoader::Qroar, audits[at].ours, audits[at]);
        for (const LoaderVerdict& verdict : audits[at].loaders)
            if (verdict.loaded.table)
                add(specs[at], verdict.loaded.loader, *verdict.loaded.table, audits[at]);
    }
    return text;
}

} // namespace qroar::cli
