#include "core/quant/quant_spec.h"

#include "core/base/strings.h"

#include <algorithm>
#include <iterator>

namespace qroar {

namespace {

constexpr std::size_t longestSpec = 100; // characters
constexpr long long largestGroup = 1 << 20;

struct KindName {
    QuantKind kind;
    const char* name;
};
constexpr KindName kindNames[] = {{QuantKind::None, "none"},
                                  {QuantKind::Stored, "stored"},
                                  {QuantKind::Rtn, "rtn"},
                                  {QuantKind::Awq, "awq"},
                                  {QuantKind::Gptq, "gptq"}};

bool hasParameters(QuantKind kind) {
    return kind != QuantKind::None && kind != QuantKind::Stored;
}

/// The text in quotes, cut and with unprintable bytes replaced: it goes into messages.
std::string quoted(std::string_view text) {
    std::string shown = "'";
    for (const char c : text.substr(0, 60)) shown += c >= ' ' && c != 127 ? c : '?';
    return shown + (text.size() > 60 ? "...'" : "'");
}

Outcome<int> parseGroup(const std::string& text) {
    if (text == "row" || text == "g-1") return 0;
    long long size = 0;
    if (text.empty() || text[0] != 'g' || !parseInt(std::string_view(text).substr(1), size) || size < 1
        || size > largestGroup)
        return Error::bad("the group must be g32, g64, g128 (g1 to g" + std::to_string(largestGroup)
                          + ") or row, found " + quoted(text));
    return static_cast<int>(size);
}

Outcome<QuantSpec> parseParts(const std::vector<std::string>& parts) {
    const auto* known = std::find_if(std::begin(kindNames), std::end(kindNames),
                                     [&parts](const KindName& name) { return parts[0] == name.name; });
    if (known == std::end(kindNames))
        return Error::bad("unknown kind " + quoted(parts[0])
                          + "; expected none, stored, rtn:4:g128, awq:4:g128 or gptq:4:g128");
    QuantSpec spec;
    spec.kind = known->kind;
    const std::string name = known->name;
    if (!hasParameters(spec.kind)) {
        if (parts.size() > 1) return Error::bad(name + " takes no options, found " + quoted(parts[1]));
        return spec;
    }
    if (parts.size() < 3)
        return Error::bad(name + " needs bits and a group, as in " + name + ":4:g128 or " + name + ":4:row");
    long long bits = 0;
    if (!parseInt(parts[1], bits) || bits < 2 || bits > 8)
        return Error::bad("bits must be a whole number from 2 to 8, found " + quoted(parts[1]));
    spec.bits = static_cast<int>(bits);
    const auto group = parseGroup(parts[2]);
    if (!group) return group.error();
    spec.groupSize = *group;
    bool gridNamed = false;
    for (std::size_t at = 3; at < parts.size(); ++at) {
        const bool grid = parts[at] == "sym" || parts[at] == "asym", order = parts[at] == "act";
        if (order && spec.kind != QuantKind::Gptq)
            return Error::bad("act (inputs in the order of their activations) is an option of gptq, not of "
                              + name);
        if (!grid && !order)
            return Error::bad(std::string("expected sym or asym")
                              + (spec.kind == QuantKind::Gptq ? " or act" : "") + " after the group, found "
                              + quoted(parts[at]));
        if ((grid && gridNamed) || (order && spec.actOrder))
            return Error::bad("unexpected part " + quoted(parts[at]));
        gridNamed |= grid;
        spec.symmetric |= parts[at] == "sym";
        spec.actOrder |= order;
    }
    return spec;
}

} // namespace

Outcome<QuantSpec> QuantSpec::parse(std::string_view text) {
    const std::string context = "quant spec " + quoted(text);
    if (text.size() > longestSpec)
        return Error::bad("at most " + std::to_string(longestSpec) + " characters expected, found "
                          + std::to_string(text.size()))
            .in(context);
    auto spec = parseParts(split(trim(text), ':'));
    if (!spec) return spec.error().in(context);
    return spec;
}

std::string QuantSpec::text() const {
    std::string text;
    for (const KindName& name : kindNames)
        if (name.kind == kind) text = name.name;
    if (!hasParameters(kind)) return text;
    text += ":" + std::to_string(bits) + (groupSize == 0 ? ":row" : ":g" + std::to_string(groupSize));
    return text + (symmetric ? ":sym" : "") + (actOrder ? ":act" : "");
}

} // namespace qroar
