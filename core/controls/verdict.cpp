#include "core/controls/verdict.h"

#include "core/base/strings.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace qroar {

namespace {

/// Half an interval wider than this (2 % of perplexity) is said to be wide [ours].
constexpr double wide = 0.02;

std::string formatted(const char* format, double value) {
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}
std::string nats(double value) {
    return formatted("%.4f", value);
}
std::string percent(double nllDifference) {
    return formatted("%+.1f %%", 100 * std::expm1(nllDifference));
}

/// " [0.0012, 0.0034]" of sign * difference, low first; nothing when there is no interval.
std::string interval(const PairedDifference& difference, double sign = 1) {
    if (!difference.ciLow || !difference.ciHigh) return "";
    double low = sign * *difference.ciLow, high = sign * *difference.ciHigh;
    if (low > high) std::swap(low, high);
    return " [" + nats(low) + ", " + nats(high) + "]";
}

std::string place(const ControlContrast& c) {
    return "At " + formatCount(c.context) + " tokens under " + c.rope;
}

bool tooFew(const PairedDifference& difference) {
    return difference.blocks < leastBlocks;
}

/// What an inconclusive interval leaves open.
std::string openQuestion(const PairedDifference& difference) {
    if (tooFew(difference))
        return " Only " + std::to_string(difference.blocks) + (difference.blocks == 1 ? " block" : " blocks")
               + " of text: at least " + std::to_string(leastBlocks) + " are needed to tell.";
    if (!difference.ciLow || !difference.ciHigh) return "";
    if (*difference.ciHigh - *difference.ciLow <= 2 * wide) return "";
    return " The interval is wide: anything from perplexity " + percent(*difference.ciLow) + " to "
           + percent(*difference.ciHigh) + " fits these documents; more of them would narrow it.";
}

std::string effectWords(const ControlContrast& c, Effect effect) {
    const PairedDifference& d = c.quantized;
    const std::string target = c.quant == "none" ? "the full-precision model" : c.quant;
    const std::string size =
        formatted("%+.4f", d.mean) + " nats" + interval(d) + ", perplexity " + percent(d.mean) + ".";
    switch (effect) {
    case Effect::Helps:
        return place(c) + " the scales help " + target + ": " + size;
    case Effect::Hurts:
        return place(c) + " the scales hurt " + target + ": " + size;
    case Effect::None:
        break;
    }
    if (tooFew(d))
        return place(c) + " it cannot be told whether the scales have an effect on " + target + ": " + size
               + openQuestion(d);
    return place(c) + " the scales have no measurable effect on " + target + ": " + size + openQuestion(d);
}

/// Nothing is quantized: g - nothing is the control itself.
bool deploysFull(const ControlContrast& c) {
    return c.quant == QuantSpec{}.text();
}

Cause causeOf(const ControlContrast& c, Effect effect) {
    if (effect == Effect::None) return Cause::None;
    if (!c.hasFull()) return deploysFull(c) ? Cause::Shared : Cause::Unclear;
    const Effect full = effectOf(c.full), only = effectOf(c.only);
    if (full == effect) return only == effect ? Cause::Both : Cause::Shared;
    if (only == effect) return Cause::Quantization;
    return Cause::Unclear;
}

/// What a gain that FP+g shows too is good for.
std::string repair(const ControlContrast& c) {
    return c.interpolated ? "it repairs the RoPE interpolation"
                          : "nothing is interpolated here: it is a better attention temperature or a fit to "
                            "this kind of text";
}

/// ", 97 % of it," of the gain that full precision shows too.
std::string share(const Judgement& j) {
    return ", " + formatted("%.0f", 100 * j.shared / j.gain) + " % of it,";
}

std::string gainWords(const Judgement& j) {
    const ControlContrast& c = j.contrast;
    const std::string gain = nats(j.gain), shared = nats(j.shared) + interval(c.full, -1),
                      own = nats(j.quantizedOnly) + interval(c.only, -1);
    switch (j.cause) {
    case Cause::Both:
        return "Of the gain of " + gain + " nats, " + shared + share(j) + " are also shown by FP+g ("
               + repair(c) + ") and " + own + " only by Q+g (it repairs the quantization).";
    case Cause::Shared:
        if (effectOf(c.only) == Effect::Hurts)
            return "FP+g gains even more, " + shared + " nats (" + repair(c)
                   + "); quantization takes a part of it away: " + own + ".";
        return "Of the gain of " + gain + " nats, " + shared + share(j) + " are also shown by FP+g ("
               + repair(c) + "); the rest, " + own
               + ", cannot be told from zero: no repair of the quantization is " + "measurable.";
    case Cause::Quantization:
        if (effectOf(c.full) == Effect::Hurts)
            return "The same scales make FP worse by " + nats(-j.shared) + interval(c.full)
                   + " nats: the whole gain of " + gain
                   + " nats is made by Q+g alone (it repairs the quantization).";
        return "FP+g shows no measurable gain (" + shared + "): of the gain of " + gain + " nats, " + own
               + " are shown only by Q+g (it repairs the quantization).";
    case Cause::Unclear:
    case Cause::None:
        break;
    }
    return "Of the gain of " + gain + " nats FP+g shows " + shared + " too and Q+g alone " + own
           + ": these documents cannot tell the two causes apart.";
}

std::string lossWords(const Judgement& j) {
    const ControlContrast& c = j.contrast;
    const std::string loss = nats(-j.gain), shared = nats(-j.shared) + interval(c.full),
                      own = nats(-j.quantizedOnly) + interval(c.only);
    switch (j.cause) {
    case Cause::Both:
        return "Of the loss of " + loss + " nats, " + shared
               + " are also shown by FP+g (the scales do not suit this text or length) and " + own
               + " only by Q+g.";
    case Cause::Shared:
        return "FP+g loses too, " + shared
               + " nats: the scales do not suit this text or length, quantized or not.";
    case Cause::Quantization:
        return "FP+g does not lose measurably (" + shared + "): only the quantized model suffers.";
    case Cause::Unclear:
    case Cause::None:
        break;
    }
    return "Of the loss of " + loss + " nats FP+g shows " + shared + " too and Q+g alone " + own
           + ": these documents cannot tell the two causes apart.";
}

std::string causeWords(const Judgement& j) {
    const ControlContrast& c = j.contrast;
    if (!c.hasFull())
        return j.effect == Effect::None || deploysFull(c)
                   ? ""
                   : " Without FP and FP+g in the run the cause cannot be told.";
    if (j.effect == Effect::Hurts) return " " + lossWords(j);
    if (j.effect == Effect::None) {
        const Effect full = effectOf(c.full);
        if (full == Effect::None) return "";
        return " FP+g does " + std::string(full == Effect::Helps ? "gain " : "lose ")
               + nats(std::abs(c.full.mean)) + " nats" + interval(c.full, full == Effect::Helps ? -1 : 1)
               + ".";
    }
    std::string words = " " + gainWords(j);
    if (effectOf(c.gap) == Effect::Helps)
        words += " Q+g predicts better than the unscaled FP model by " + nats(-c.gap.mean)
                 + interval(c.gap, -1) + " nats; FP+g is what it should be compared with.";
    return words;
}

using Conditions = std::vector<std::shared_ptr<const ConditionResult>>;

const std::vector<WindowNll>* windowsOf(const Conditions& conditions, const ConditionKey& key) {
    const auto found = std::find_if(conditions.begin(), conditions.end(),
                                    [&key](const auto& one) { return one->key == key; });
    return found == conditions.end() ? nullptr : &(*found)->windows;
}

bool interpolates(const FrequencyTable& table) {
    return table.omega != table.plain || table.attentionFactor != 1;
}

/// The longest contrast that fits; null when none does.
template<class Fits>
const Judgement* longest(const std::vector<Judgement>& all, Fits fits) {
    const Judgement* best = nullptr;
    for (const Judgement& one : all)
        if (fits(one.contrast) && (!best || one.contrast.context > best->contrast.context)) best = &one;
    return best;
}

std::string verdictWords(const Verdict& verdict) {
    const auto part = [](const char* head, const std::optional<Judgement>& one, const char* missing) {
        return std::string(head) + (one ? effectPhrase(*one) + std::string(". ") + one->words : missing);
    };
    std::string words = part("Long context: ", verdict.longContext,
                             "not measured: no context above the trained one was run.");
    words += "\n"
             + part("Short context: ", verdict.shortContext,
                    "not measured: no context up to the trained one was run.");
    if (!verdict.shortPlain) return words;
    const ControlContrast& plain = verdict.shortPlain->contrast;
    words += "\n" + part("Without interpolation: ", verdict.shortPlain, "");
    if (verdict.longContext && verdict.longContext->shared > 0 && plain.hasFull()
        && effectOf(plain.full) == Effect::Helps)
        words +=
            " FP+g gains " + nats(-plain.full.mean)
            + " nats here, where there is nothing to repair: as much of the gain may be a better attention "
              "temperature or a fit to this kind of text, not a repair of the interpolation.";
    return words;
}

} // namespace

const char* effectName(Effect effect) {
    switch (effect) {
    case Effect::Helps:
        return "helps";
    case Effect::Hurts:
        return "hurts";
    case Effect::None:
        break;
    }
    return "no measurable effect";
}

const char* effectPhrase(const Judgement& judgement) {
    const bool untold = judgement.effect == Effect::None && tooFew(judgement.contrast.quantized);
    return untold ? "cannot be told" : effectName(judgement.effect);
}

const char* causeName(Cause cause) {
    switch (cause) {
    case Cause::Shared:
        return "shared";
    case Cause::Quantization:
        return "quantization";
    case Cause::Both:
        return "both";
    case Cause::Unclear:
        return "unclear";
    case Cause::None:
        break;
    }
    return "none";
}

Effect effectOf(const PairedDifference& difference) {
    if (difference.blocks < leastBlocks || !difference.ciLow || !difference.ciHigh) return Effect::None;
    if (*difference.ciHigh < 0) return Effect::Helps;
    if (*difference.ciLow > 0) return Effect::Hurts;
    return Effect::None;
}

std::vector<ControlContrast> contrasts(const Conditions& conditions, Convention convention) {
    std::vector<ControlContrast> all;
    for (const auto& scaled : conditions) {
        const ConditionKey& key = scaled->key;
        const auto with = [&key](const QuantSpec& quant, const std::string& scales) {
            return ConditionKey{key.rope, key.context, quant, scales};
        };
        const auto* base = key.scales.empty() ? nullptr : windowsOf(conditions, with(key.quant, ""));
        if (!base) continue;
        ControlContrast one;
        one.context = key.context;
        one.trainedContext = static_cast<int>(scaled->table.trainedContext);
        one.rope = key.rope.text();
        one.quant = key.quant.text();
        one.scales = key.scales;
        one.interpolated = interpolates(scaled->table);
        one.quantized = pairedDifference(scaled->windows, *base, key.context, convention);
        const auto* full = windowsOf(conditions, with(QuantSpec{}, ""));
        const auto* fullScaled = windowsOf(conditions, with(QuantSpec{}, key.scales));
        if (full && fullScaled && key.quant.kind != QuantKind::None) {
            one.full = pairedDifference(*fullScaled, *full, key.context, convention);
            one.gap = pairedDifference(scaled->windows, *full, key.context, convention);
            const ContrastTerm terms[] = {{1, &scaled->windows}, {-1, base}, {-1, fullScaled}, {1, full}};
            one.only = pairedContrast(terms, key.context, convention);
        }
        all.push_back(std::move(one));
    }
    return all;
}

Conditions conditionsOf(const std::vector<VariantResult>& results) {
    Conditions conditions;
    for (const VariantResult& result : results) conditions.push_back(result.condition);
    return conditions;
}

Judgement judgeContrast(const ControlContrast& contrast) {
    Judgement judgement;
    judgement.contrast = contrast;
    judgement.effect = effectOf(contrast.quantized);
    judgement.cause = causeOf(contrast, judgement.effect);
    judgement.gain = -contrast.quantized.mean;
    if (contrast.hasFull()) {
        judgement.shared = -contrast.full.mean;
        judgement.quantizedOnly = -contrast.only.mean;
    } else if (deploysFull(contrast)) {
        judgement.shared = judgement.gain;
    }
    judgement.words = effectWords(contrast, judgement.effect) + causeWords(judgement);
    return judgement;
}

Verdict judge(const std::vector<ControlContrast>& contrasts, const std::string& rope,
              const std::string& quant) {
    Verdict verdict;
    bool interpolated = false;
    for (const ControlContrast& one : contrasts) {
        if (one.quant != quant) continue;
        verdict.all.push_back(judgeContrast(one));
        interpolated = interpolated || (one.rope == rope && one.interpolated);
    }
    const auto beyond = [&](const ControlContrast& c) {
        return c.rope == rope && c.context > c.trainedContext;
    };
    const auto within = [&](const ControlContrast& c) {
        return c.rope == rope && c.context <= c.trainedContext;
    };
    const auto plain = [&](const ControlContrast& c) {
        return interpolated && !c.interpolated && c.rope != rope && c.context <= c.trainedContext;
    };
    if (const Judgement* found = longest(verdict.all, beyond)) verdict.longContext = *found;
    if (const Judgement* found = longest(verdict.all, within)) verdict.shortContext = *found;
    if (const Judgement* found = longest(verdict.all, plain)) verdict.shortPlain = *found;
    verdict.words = verdictWords(verdict);
    return verdict;
}

} // namespace qroar
