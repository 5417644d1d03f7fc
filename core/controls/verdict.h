// Verdict: what the controls say about a set of scales, in numbers with intervals and in words. The evidence
// is paired by token and resampled by block (core/evaluate), the words follow from the intervals by a pure
// function, and where the documents cannot tell, it says so. Not here: running variants (controls.h).
#pragma once

#include "core/controls/controls.h"
#include "core/evaluate/perplexity.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace qroar {

/// Mean NLL differences of one context length, one RoPE spec and one weight variant, in nats per token;
/// negative: the first of the two predicts better. All on the same tokens, all with the same resampled
/// blocks. Without full-precision results (or when the weight variant is full precision itself) the last
/// three hold no tokens.
struct ControlContrast {
    int context = 0;
    int trainedContext = 0;     ///< L0 in force for the spec
    std::string rope, quant;    ///< canonical texts
    std::string scales;         ///< name of g
    bool interpolated = false;  ///< the spec changes the frequencies or the attention factor
    PairedDifference quantized; ///< (Q+g) - Q: what the scales do to the model that is deployed
    PairedDifference full;      ///< (FP+g) - FP: what the same scales do without quantization
    PairedDifference gap;       ///< (Q+g) - FP: what is left to (or gained on) full precision
    PairedDifference only;      ///< quantized - full: what only the quantized model shows
    [[nodiscard]] bool hasFull() const { return full.tokens > 0; }
};
/// One for every condition with scales that has its counterpart without, in their order.
std::vector<ControlContrast> contrasts(const std::vector<std::shared_ptr<const ConditionResult>>& conditions,
                                       Convention convention);
/// The conditions of results, in their order.
std::vector<std::shared_ptr<const ConditionResult>> conditionsOf(const std::vector<VariantResult>& results);

enum class Effect {
    Helps, ///< the whole 95 % interval of the difference is below zero, from at least leastBlocks blocks
    None,  ///< no measurable effect: the interval holds zero, or there are too few blocks for one
    Hurts, ///< the whole interval is above zero
};
const char* effectName(Effect effect); ///< "helps", "no measurable effect", "hurts"
/// With n blocks a change of the same sign in all of them happens by chance with probability 2^(1-n): from
/// six on that is below 5 %.
inline constexpr int leastBlocks = 6;
Effect effectOf(const PairedDifference& difference);

/// Where a measurable effect of g on Q comes from, told by FP+g.
enum class Cause {
    None,   ///< there is no measurable effect
    Shared, ///< FP+g shows it too (or is what is deployed), and nothing beyond: about RoPE (or the text)
    Quantization, ///< only Q+g shows it
    Both,         ///< FP+g shows a measurable part, Q+g measurably more
    Unclear,      ///< the intervals cannot tell, or full precision was not run
};
const char* causeName(Cause cause); ///< "none", "shared", "quantization", "both", "unclear"

/// Of one contrast. gain = shared + quantizedOnly, in nats (positive: better): what FP+g shows too, and the
/// rest. The parts are zero without full-precision results.
struct Judgement {
    ControlContrast contrast;
    Effect effect = Effect::None;
    Cause cause = Cause::None;
    double gain = 0, shared = 0, quantizedOnly = 0;
    std::string words; ///< one or two sentences with the numbers
};
/// effectName(), or "cannot be told" where there are fewer than leastBlocks blocks.
const char* effectPhrase(const Judgement& judgement);
Judgement judgeContrast(const ControlContrast& contrast);

/// long: the longest context above L0 under the deployed spec. short: the longest one up to L0 under the
/// deployed spec (what a short request to the deployed model sees). shortPlain: the same without
/// interpolation, when that was run and the deployed spec interpolates: it shows what g does where there is
/// nothing to repair. Absent: no such context was run.
struct Verdict {
    std::optional<Judgement> longContext, shortContext, shortPlain;
    std::vector<Judgement> all; ///< every contrast of the weight variant
    std::string words;          ///< a short paragraph
};
/// `rope` is the deployed spec and `quant` the deployed weight variant (canonical texts); of other specs only
/// those without interpolation are looked at. All contrasts of one scale set.
Verdict judge(const std::vector<ControlContrast>& contrasts, const std::string& rope,
              const std::string& quant);

} // namespace qroar
