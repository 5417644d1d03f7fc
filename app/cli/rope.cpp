// qroar rope MODEL: the frequency table of each RoPE spec for a model and a context, what other loaders would
// make of it, and the spec as llama.cpp's flags or as keys of config.json.
#include "app/cli/commands.h"
#include "app/cli/inputs.h"
#include "app/cli/rope_tables.h"
#include "app/cli/validators.h"
#include "core/base/files.h"
#include "core/base/strings.h"

#include <cmath>
#include <iostream>

namespace qroar::cli {

namespace {

struct Options {
    Common common;
    std::string model, as, csv;
    std::vector<std::string> ropes;
    int context = 0;
    bool pairs = false;
};

void printText(const std::vector<RopeAudit>& audits, const std::vector<std::string>& names, int context) {
    std::vector<std::string> header{"pair", "unscaled wavelength"};
    header.insert(header.end(), names.begin(), names.end());
    Table table(header);
    const FrequencyTable& first = audits.front().ours;
    for (std::size_t pair = 0; pair < first.omega.size(); ++pair) {
        std::vector<std::string> row{std::to_string(pair), fixed(2 * M_PI / first.plain[pair], 1)};
        char buffer[32];
        for (const RopeAudit& audit : audits) {
            std::snprintf(buffer, sizeof buffer, "%.6e", audit.ours.omega[pair]);
            row.emplace_back(buffer);
        }
        table.add(std::move(row));
    }
    std::cout << "Angular frequency omega' in radians per position, at context " << formatCount(context)
              << "; wavelength 2 pi / omega in tokens, before scaling\n\n";
    table.print();
    std::cout << '\n';
    for (std::size_t at = 0; at < audits.size(); ++at)
        std::cout << names[at] << ": attention factor " << significant(audits[at].ours.attentionFactor, 7)
                  << ", largest phase difference to " << names.front() << " at " << formatCount(context)
                  << ": " << fixed(phaseDifference(audits[at].ours, first, context), 4) << " rad\n";
}

void printJson(const std::vector<RopeAudit>& audits, const std::vector<std::string>& names, int context) {
    Json tables = Json::array(), others = Json::array(), warnings = Json::array(), findings = Json::array();
    for (std::size_t at = 0; at < audits.size(); ++at) {
        tables.push_back(tableJson(names[at], audits[at].ours));
        for (Json& row : loadersJson(names[at], audits[at])) others.push_back(std::move(row));
        for (Json& row : warningsJson(names[at], audits[at])) findings.push_back(std::move(row));
        for (const std::string& warning : audits[at].ours.warnings)
            warnings.push_back(names[at] + ": " + warning);
    }
    for (Json& row : others) tables.push_back(std::move(row));
    print({{"schema", 1},
           {"context", context},
           {"tables", std::move(tables)},
           {"warnings", std::move(warnings)},
           {"findings", std::move(findings)}});
}

/// --as: nothing but the words themselves on standard output.
int printAs(const Options& options, const RopeSpec& spec, const ModelConfig& config, int context) {
    if (options.as == "llama.cpp") {
        const auto table = buildFrequencyTable(spec, config.ropeModel(), context);
        if (!table) return fail(table.error());
        const auto flags = llamaCppFlags(*table, config.ropeModel(), context);
        if (!flags) return fail(flags.error());
        if (options.common.json)
            print({{"schema", 1}, {"flags", *flags}});
        else
            std::cout << *flags << '\n';
        return exitDone;
    }
    const auto block = ropeConfigText(spec, config,
                                      options.as == "config.json" ? ConfigSpelling::Transformers4
                                                                  : ConfigSpelling::Transformers5);
    if (!block) return fail(block.error());
    std::cout << *block << '\n';
    return exitDone;
}

int run(Options options) {
    if (options.ropes.empty())
        options.ropes = options.as.empty() ? std::vector<std::string>{"none", "model"}
                                           : std::vector<std::string>{"model"};
    auto model = openModel(options.model);
    if (!model) return fail(model.error());
    auto specs = parseRopes(options.ropes);
    if (!specs) return fail(specs.error());
    const ModelConfig& config = (*model)->config();
    const int context = options.context > 0 ? options.context : config.maxPositions;
    if (!options.as.empty()) {
        if (specs->size() != 1)
            return fail(
                Error::bad("--as takes one RoPE spec (--rope), found " + std::to_string(specs->size())));
        return printAs(options, specs->front(), config, context);
    }
    std::vector<RopeAudit> audits;
    for (const RopeSpec& spec : *specs) {
        auto audit = auditScaling(spec, config, context);
        if (!audit) return fail(audit.error());
        audits.push_back(std::move(*audit));
    }
    if (!options.csv.empty())
        if (Status written = writeTextAtomically(options.csv, auditCsv(options.ropes, audits)); !written)
            return fail(written.error());
    if (options.common.json) {
        printJson(audits, options.ropes, context);
        return exitDone;
    }
    if (options.pairs)
        for (std::size_t at = 0; at < audits.size(); ++at) printPairs(options.ropes[at], audits[at]);
    else
        printText(audits, options.ropes, context);
    printAudits(options.ropes, audits);
    return exitDone;
}

} // namespace

void addRope(CLI::App& program, int& result) {
    auto options = std::make_shared<Options>();
    CLI::App* command = program.add_subcommand(
        "rope", "frequency table per RoPE spec, as each loader would build it, and their differences");
    command->add_option("MODEL", options->model, "HF folder, .safetensors or .gguf file, or llama2.c .bin")
        ->required();
    command
        ->add_option("--rope", options->ropes,
                     "RoPE specs, e.g. none,yarn:4 (default: none,model; with --as: model)")
        ->delimiter(',');
    command
        ->add_option("--context", options->context,
                     "context length in tokens (dynamic and longrope depend on it)")
        ->check(fromOne());
    command->add_flag("--pairs", options->pairs, "every pair as every loader has it, side by side");
    command->add_option("--csv", options->csv, "writes every pair of every loader into this file");
    command
        ->add_option(
            "--as", options->as,
            "prints one spec as arguments for llama.cpp, or as keys of config.json for transformers 4 "
            "or 5 (config.json-v5), and nothing else")
        ->check(CLI::IsMember({"llama.cpp", "config.json", "config.json-v5"}));
    checkCommonValues(*command);
    addCommon(*command, options->common);
    command->callback([options, &result] { result = run(*options); });
}

} // namespace qroar::cli
