// qroar rope MODEL: the frequency table that each RoPE spec gives for a model and a context, side by side.
#include "app/cli/commands.h"
#include "app/cli/inputs.h"
#include "app/cli/rope_tables.h"
#include "app/cli/validators.h"
#include "core/base/strings.h"

#include <cmath>
#include <iostream>

namespace qroar::cli {

namespace {

struct Options {
    Common common;
    std::string model;
    std::vector<std::string> ropes{"none", "model"};
    int context = 0;
};

void printText(const std::vector<FrequencyTable>& tables, const std::vector<std::string>& names,
               int context) {
    std::vector<std::string> header{"pair", "unscaled wavelength"};
    header.insert(header.end(), names.begin(), names.end());
    Table table(header);
    for (std::size_t pair = 0; pair < tables.front().omega.size(); ++pair) {
        std::vector<std::string> row{std::to_string(pair), fixed(2 * M_PI / tables.front().plain[pair], 1)};
        char buffer[32];
        for (const FrequencyTable& t : tables) {
            std::snprintf(buffer, sizeof buffer, "%.6e", t.omega[pair]);
            row.emplace_back(buffer);
        }
        table.add(std::move(row));
    }
    std::cout << "Angular frequency omega' in radians per position, at context " << formatCount(context)
              << "; wavelength 2 pi / omega in tokens, before scaling\n\n";
    table.print();
    std::cout << '\n';
    for (std::size_t at = 0; at < tables.size(); ++at)
        std::cout << names[at] << ": attention factor " << significant(tables[at].attentionFactor, 7)
                  << ", largest phase difference to " << names.front() << " at " << formatCount(context)
                  << ": " << fixed(phaseDifference(tables[at], tables.front(), context), 4) << " rad\n";
}

int run(const Options& options) {
    auto model = openModel(options.model);
    if (!model) return fail(model.error());
    auto specs = parseRopes(options.ropes);
    if (!specs) return fail(specs.error());
    const ModelConfig& config = (*model)->config();
    const int context = options.context > 0 ? options.context : config.maxPositions;

    std::vector<FrequencyTable> tables;
    std::vector<std::vector<LoaderTable>> loaders;
    Json json = Json::array(), others = Json::array(), warnings = Json::array();
    for (std::size_t at = 0; at < specs->size(); ++at) {
        auto read = tablesOfLoaders((*specs)[at], config.ropeModel(), context);
        if (!read) return fail(read.error());
        tables.push_back(*read->front().table);
        json.push_back(tableJson(options.ropes[at], tables.back()));
        for (Json& row : loadersJson(options.ropes[at], *read, context)) others.push_back(std::move(row));
        for (const std::string& warning : tables.back().warnings)
            warnings.push_back(options.ropes[at] + ": " + warning);
        loaders.push_back(std::move(*read));
    }
    for (Json& row : others) json.push_back(std::move(row));
    if (options.common.json) {
        print({{"schema", 1},
               {"context", context},
               {"tables", std::move(json)},
               {"warnings", std::move(warnings)}});
        return exitDone;
    }
    printText(tables, options.ropes, context);
    printLoaders(options.ropes, loaders, context);
    for (const auto& warning : warnings)
        std::cout << "warning: " << readable(warning.get<std::string>()) << '\n';
    return exitDone;
}

} // namespace

void addRope(CLI::App& program, int& result) {
    auto options = std::make_shared<Options>();
    CLI::App* command = program.add_subcommand(
        "rope", "frequency table per RoPE spec, as each loader would build it, and their differences");
    command->add_option("MODEL", options->model, "HF folder, .safetensors file, or llama2.c .bin")
        ->required();
    command->add_option("--rope", options->ropes, "RoPE specs, e.g. none,yarn:4")
        ->delimiter(',')
        ->capture_default_str();
    command
        ->add_option("--context", options->context,
                     "context length in tokens (dynamic and longrope depend on it)")
        ->check(fromOne());
    checkCommonValues(*command);
    addCommon(*command, options->common);
    command->callback([options, &result] { result = run(*options); });
}

} // namespace qroar::cli
