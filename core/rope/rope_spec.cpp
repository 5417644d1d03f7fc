#include "core/rope/rope_spec.h"

#include "core/base/strings.h"
#include "core/rope/spec_rules.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace qroar {

namespace {

constexpr std::size_t longestSpec = 400; // characters; the longest sensible one has about 120

struct KindRule {
    RopeKind kind;
    const char* name;
    enum { Never, Optional, Required } factor;
};
constexpr KindRule kindRules[] = {
    {RopeKind::None, "none", KindRule::Never},          {RopeKind::Model, "model", KindRule::Never},
    {RopeKind::Linear, "linear", KindRule::Required},   {RopeKind::Ntk, "ntk", KindRule::Required},
    {RopeKind::Dynamic, "dynamic", KindRule::Required}, {RopeKind::Yarn, "yarn", KindRule::Optional},
    {RopeKind::Llama3, "llama3", KindRule::Required},   {RopeKind::LongRope, "longrope", KindRule::Optional},
};

constexpr unsigned bit(RopeKind kind) {
    return 1U << static_cast<unsigned>(kind);
}
constexpr unsigned yarnOnly = bit(RopeKind::Yarn);
constexpr unsigned llama3Only = bit(RopeKind::Llama3);
constexpr unsigned scaled = bit(RopeKind::Linear) | bit(RopeKind::Ntk) | bit(RopeKind::Dynamic)
                            | bit(RopeKind::Yarn) | bit(RopeKind::Llama3) | bit(RopeKind::LongRope);

/// One numeric option: which kinds know it and which values it may have. The order is the canonical order.
struct OptionRule {
    const char* name;
    unsigned kinds;
    std::optional<double> RopeSpec::*member;
    double least, most; // inclusive
};
constexpr OptionRule optionRules[] = {
    {"orig", scaled, &RopeSpec::original, 1, 1e12},
    {"beta_fast", yarnOnly, &RopeSpec::betaFast, 1e-6, 1e9},
    {"beta_slow", yarnOnly, &RopeSpec::betaSlow, 1e-6, 1e9},
    {"attn", yarnOnly | bit(RopeKind::LongRope), &RopeSpec::attentionFactor, 1e-6, 1e6},
    {"mscale", yarnOnly, &RopeSpec::mscale, 0, 1e6},
    {"mscale_all_dim", yarnOnly, &RopeSpec::mscaleAllDim, 0, 1e6},
    {"low", llama3Only, &RopeSpec::lowFreqFactor, 1e-6, 1e9},
    {"high", llama3Only, &RopeSpec::highFreqFactor, 1e-6, 1e9},
};
constexpr double leastFactor = 1e-6, mostFactor = 1e6;

const KindRule& ruleOf(RopeKind kind) {
    return *std::find_if(std::begin(kindRules), std::end(kindRules),
                         [kind](const KindRule& rule) { return rule.kind == kind; });
}

/// The text in quotes, cut and with unprintable bytes replaced: it goes into messages.
std::string quoted(std::string_view text) {
    std::string shown = "'";
    for (const char c : text.substr(0, 60)) shown += c >= ' ' && c != 127 ? c : '?';
    return shown + (text.size() > 60 ? "...'" : "'");
}

std::string rangeText(double least, double most) {
    return "a number from " + formatNumber(least) + " to " + formatNumber(most);
}

std::string knownOptions(RopeKind kind) {
    std::string names;
    const auto append = [&names](const std::string& name) { names += (names.empty() ? "" : ", ") + name; };
    for (const OptionRule& rule : optionRules)
        if (rule.kinds & bit(kind)) append(std::string(rule.name) + "=");
    if (kind == RopeKind::Yarn) append("truncate=");
    return names.empty() ? "none" : names;
}

Status parseOption(std::string_view name, std::string_view value, RopeSpec& spec) {
    if (name == "truncate" && spec.kind == RopeKind::Yarn) {
        if (spec.truncate) return Error::bad("truncate is given twice");
        if (value != "0" && value != "1" && value != "true" && value != "false")
            return Error::bad("truncate must be 0 or 1, found " + quoted(value));
        spec.truncate = value == "1" || value == "true";
        return Done{};
    }
    for (const OptionRule& rule : optionRules) {
        if (name != rule.name || !(rule.kinds & bit(spec.kind))) continue;
        if (spec.*rule.member) return Error::bad(std::string(name) + " is given twice");
        double number = 0;
        if (!parseDouble(value, number))
            return Error::bad(std::string(name) + " must be " + rangeText(rule.least, rule.most) + ", found "
                              + quoted(value));
        spec.*rule.member = number;
        return Done{};
    }
    return Error::bad("unknown option " + quoted(name) + "; " + ropeKindName(spec.kind)
                      + " knows: " + knownOptions(spec.kind));
}

Outcome<RopeSpec> parseParts(const std::vector<std::string>& parts) {
    RopeSpec spec;
    const auto* kind = std::find_if(std::begin(kindRules), std::end(kindRules),
                                    [&parts](const KindRule& rule) { return parts[0] == rule.name; });
    if (kind == std::end(kindRules))
        return Error::bad("unknown kind " + quoted(parts[0])
                          + "; expected none, model, linear:4, ntk:4, dynamic:4, yarn:4, llama3:8 or "
                            "longrope");
    spec.kind = kind->kind;
    for (std::size_t at = 1; at < parts.size(); ++at) {
        const std::string& part = parts[at];
        const auto equals = part.find('=');
        if (equals != std::string::npos) {
            const Status status = parseOption(std::string_view(part).substr(0, equals),
                                              std::string_view(part).substr(equals + 1), spec);
            if (!status) return status.error();
            continue;
        }
        if (at != 1 || kind->factor == KindRule::Never)
            return Error::bad("unexpected part " + quoted(part) + "; options of " + kind->name + ": "
                              + knownOptions(spec.kind));
        double factor = 0;
        if (!parseDouble(part, factor))
            return Error::bad("the factor must be " + rangeText(leastFactor, mostFactor) + ", found "
                              + quoted(part));
        spec.factor = factor;
    }
    return spec;
}

bool within(double value, double least, double most) {
    return value >= least && value <= most; // false for NaN
}

} // namespace

const char* ropeKindName(RopeKind kind) {
    return ruleOf(kind).name;
}

Status checkRopeSpec(const RopeSpec& spec) {
    const KindRule& kind = ruleOf(spec.kind);
    const std::string name = kind.name;
    if (kind.factor == KindRule::Required && !spec.factor)
        return Error::bad(name + " needs a factor, as in " + name + ":4");
    if (kind.factor != KindRule::Never && spec.factor && !within(*spec.factor, leastFactor, mostFactor))
        return Error::bad("the factor must be " + rangeText(leastFactor, mostFactor) + ", found "
                          + formatNumber(*spec.factor));
    for (const OptionRule& rule : optionRules) {
        const std::optional<double>& value = spec.*rule.member;
        if ((rule.kinds & bit(spec.kind)) && value && !within(*value, rule.least, rule.most))
            return Error::bad(std::string(rule.name) + " must be " + rangeText(rule.least, rule.most)
                              + ", found " + formatNumber(*value));
    }
    if (spec.kind == RopeKind::Yarn) {
        const double fast = spec.betaFast.value_or(yarnBetaFast), slow = spec.betaSlow.value_or(yarnBetaSlow);
        if (fast < slow)
            return Error::bad("beta_fast must not be less than beta_slow, found beta_fast "
                              + formatNumber(fast) + " and beta_slow " + formatNumber(slow));
    }
    if (spec.kind == RopeKind::Llama3) {
        const double low = spec.lowFreqFactor.value_or(llama3LowFrequency);
        const double high = spec.highFreqFactor.value_or(llama3HighFrequency);
        if (low >= high)
            return Error::bad("low must be less than high, found low " + formatNumber(low) + " and high "
                              + formatNumber(high));
    }
    return Done{};
}

Outcome<RopeSpec> RopeSpec::parse(std::string_view text) {
    const std::string context = "RoPE spec " + quoted(text);
    if (text.size() > longestSpec)
        return Error::bad("at most " + std::to_string(longestSpec) + " characters expected, found "
                          + std::to_string(text.size()))
            .in(context);
    auto spec = parseParts(split(trim(text), ':'));
    if (!spec) return spec.error().in(context);
    const Status checked = checkRopeSpec(*spec);
    if (!checked) return checked.error().in(context);
    return spec;
}

std::string RopeSpec::text() const {
    const KindRule& rule = ruleOf(kind);
    std::string text = rule.name;
    if (factor && rule.factor != KindRule::Never) text += ":" + formatNumber(*factor);
    for (const OptionRule& option : optionRules)
        if (const auto& value = this->*option.member; value && (option.kinds & bit(kind)))
            text += std::string(":") + option.name + "=" + formatNumber(*value);
    if (truncate && kind == RopeKind::Yarn) text += *truncate ? ":truncate=1" : ":truncate=0";
    return text;
}

} // namespace qroar
