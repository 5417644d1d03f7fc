#include "app/cli/validators.h"

#include "core/base/strings.h"
#include "core/exporting/export_format.h"
#include "core/exporting/gguf_export.h"
#include "core/quant/quant_spec.h"
#include "core/rope/bands.h"

#include <algorithm>
#include <limits>
#include <string>

namespace qroar::cli {

namespace {

/// The check that a parser of core makes of a text, in its words.
template<class Parse>
CLI::Validator parsed(Parse parse) {
    return CLI::Validator(
        [parse](const std::string& text) {
            const auto value = parse(text);
            return value ? std::string() : value.error().message;
        },
        "");
}

} // namespace

CLI::Validator ropeSpecValue() {
    return parsed([](const std::string& text) { return RopeSpec::parse(text); });
}

CLI::Validator quantSpecValue() {
    return parsed([](const std::string& text) { return QuantSpec::parse(text); });
}

CLI::Validator bandEdgesValue() {
    return parsed([](const std::string& text) -> Outcome<BandPartition> {
        // How many pairs there are is not known yet: as many as the last edge says.
        const auto parts = split(text, ',');
        long long last = 1;
        parseInt(trim(parts.back()), last);
        return BandPartition::parseEdges(
            text, static_cast<int>(std::clamp<long long>(last, 1, std::numeric_limits<int>::max())));
    });
}

CLI::Validator tokensValue() {
    return CLI::Validator(
        [](const std::string& text) {
            long long value = 0;
            return parseInt(text, value) && value >= 2 && value <= std::numeric_limits<int>::max()
                       ? std::string()
                       : "expected a whole number of at least 2 tokens, found '" + text + "'";
        },
        "");
}

CLI::Validator exportFormatValue() {
    return parsed([](const std::string& text) { return parseExportFormat(text); });
}

CLI::Validator exportTypeValue() {
    return parsed(
        [](const std::string& text) { return parseGgufType(text); }); // has those of the others, too
}

void checkCommonValues(CLI::App& command) {
    const std::pair<const char*, CLI::Validator> checks[] = {{"--rope", ropeSpecValue()},
                                                             {"--quant", quantSpecValue()},
                                                             {"--contexts", tokensValue()},
                                                             {"--copy", tokensValue()},
                                                             {"--band-edges", bandEdgesValue()}};
    for (const auto& [name, check] : checks)
        if (CLI::Option* option = command.get_option_no_throw(name)) option->check(check);
}

} // namespace qroar::cli
