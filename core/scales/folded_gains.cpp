#include "core/scales/folded_gains.h"

#include "core/base/files.h"
#include "core/base/hash.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace qroar {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t mostMarkBytes = 1u << 20;
constexpr const char* advice =
    "The gains named here are folded into the weights of this checkpoint already: load it as "
    "it is, and do not apply or fold them again.";

std::string text(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

} // namespace

std::string gainsFingerprint(const QkGains& gains) {
    Fingerprint print;
    const std::int64_t shape[] = {gains.layers, gains.heads, gains.kvHeads, gains.pairs};
    print.add(shape, sizeof shape);
    for (const std::vector<double>* values : {&gains.q, &gains.k})
        print.add(values->data(), values->size() * sizeof(double));
    return print.hex();
}

std::string foldedMark(const std::vector<FoldedGains>& sets, const std::string& program) {
    Json folded = Json::array();
    for (const FoldedGains& set : sets)
        folded.push_back(
            {{"name", set.name}, {"gains", set.gains}, {"folded", set.folded}, {"source", set.source}});
    const Json mark{
        {"schema", 1}, {"program", program}, {"note", advice}, {"folded_gains", std::move(folded)}};
    return mark.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Outcome<std::vector<FoldedGains>> readFoldedMark(const std::filesystem::path& model) {
    std::error_code ignored;
    std::vector<FoldedGains> sets;
    if (!std::filesystem::is_directory(model, ignored) && model.extension() != ".safetensors") return sets;
    const auto path =
        (std::filesystem::is_directory(model, ignored) ? model : model.parent_path()) / foldedMarkName;
    if (!std::filesystem::exists(path, ignored)) return sets;
    auto content = readFile(path, mostMarkBytes);
    if (!content) return content.error();
    const Json mark = Json::parse(*content, nullptr, false);
    const auto list = mark.is_object() ? mark.find("folded_gains") : mark.end();
    if (!mark.is_object() || list == mark.end() || !list->is_array())
        return Error::bad(path.string() + ": expected a list folded_gains, found none");
    for (const Json& one : *list) {
        const FoldedGains set{text(one, "name"), text(one, "gains"), text(one, "folded"),
                              text(one, "source")};
        if (set.gains.empty())
            return Error::bad(path.string() + ": expected a fingerprint for every set of gains");
        sets.push_back(set);
    }
    return sets;
}

std::string foldedWarning(const std::filesystem::path& model, const QkGains& gains) {
    const auto sets = readFoldedMark(model);
    if (!sets) return sets.error().message + ": whether gains are folded into this checkpoint is not known";
    if (sets->empty()) return {};
    std::string names;
    for (const FoldedGains& set : *sets) names += (names.empty() ? "'" : ", '") + set.name + "'";
    if (gains.empty())
        return "gains are folded into this checkpoint already (" + names
               + "): what is found now comes on top of them";
    const std::string print = gainsFingerprint(gains);
    const auto same = [&print](const FoldedGains& set) { return set.gains == print || set.folded == print; };
    if (gains.isIdentity() || std::none_of(sets->begin(), sets->end(), same)) return {};
    return "these gains are folded into " + model.string() + " already (" + foldedMarkName
           + "): applied again, they act twice";
}

} // namespace qroar
