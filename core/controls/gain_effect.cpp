#include "core/controls/gain_effect.h"

#include "core/controls/verdict.h"

#include <cmath>

namespace qroar {

namespace {

EffectInterval intervalOf(const PairedDifference& difference) {
    if (difference.tokens == 0) return {};
    EffectInterval interval;
    interval.mean = difference.mean;
    interval.low = difference.ciLow.value_or(std::nan(""));
    interval.high = difference.ciHigh.value_or(std::nan(""));
    interval.tokens = difference.tokens;
    interval.documents = difference.documents;
    interval.windows = difference.windows;
    interval.blocks = difference.blocks;
    return interval;
}

/// FP and FP+g in front, when there is full precision beside quantized weights; Q and Q+g.
std::vector<ControlVariant> variantsOf(const GainEffectTask& task) {
    const auto add = [&](std::vector<ControlVariant>& to, std::shared_ptr<const WeightSource> weights,
                         const char* plain, const char* scaled) {
        to.push_back({plain, task.rope, weights});
        to.push_back({scaled, task.rope, std::move(weights), task.scales.gains, task.scales.name});
    };
    std::vector<ControlVariant> variants;
    if (task.weights->spec().kind == QuantKind::None) {
        add(variants, task.weights, controlFp, controlFpScaled);
        return variants;
    }
    if (auto full = openWeights(task.model, QuantSpec{})) // none for a checkpoint that stores codes
        add(variants, cachedWeights(*full), controlFp, controlFpScaled);
    add(variants, task.weights, controlQ, controlQScaled);
    return variants;
}

} // namespace

Outcome<WhatIf> measureGainEffect(const GainEffectTask& task, ProgressSink& sink) {
    if (task.scales.name.empty()) return Error::bad("what-if: expected scales with a name");
    ControlOptions options;
    options.maxWindows = task.maxWindows;
    options.divergence = false;
    const auto results =
        runControls(task.model, *task.documents, {task.context}, variantsOf(task), options, sink);
    if (!results) return results.error();
    if (sink.cancelled()) return Error::cancelled();
    WhatIf effect;
    effect.scales = task.scales;
    effect.scales.modelFingerprint = task.model->fingerprint();
    effect.scales.rope = task.rope.text();
    effect.scales.quant = task.weights->spec().text();
    effect.context = task.context;
    for (const Document& document : *task.documents)
        effect.documents.push_back({document.name,
                                    document.path,
                                    document.fingerprint,
                                    static_cast<long long>(document.tokens.size()),
                                    {}});
    for (const ControlContrast& contrast : contrasts(conditionsOf(*results), Convention::All)) {
        if (contrast.quant != effect.scales.quant) continue;
        const Judgement judgement = judgeContrast(contrast);
        effect.quantized = intervalOf(contrast.quantized);
        effect.full = intervalOf(contrast.full);
        effect.gap = intervalOf(contrast.gap);
        effect.only = intervalOf(contrast.only);
        effect.effect = effectName(judgement.effect);
        effect.cause = causeName(judgement.cause);
        effect.words = judgement.words;
    }
    if (!effect.measured()) return Error::bad("what-if: the documents have no window that could be compared");
    return effect;
}

} // namespace qroar
