// Copying at a distance: random tokens that nothing but the context can predict, repeated after D tokens.
// How much better the repetition is predicted than the original says whether attention still reaches D tokens
// back (the repeated-token score of Elhage et al. 2021 and Olsson et al. 2022 [std], with distances [ours]).
// Not here: text tasks (passkey.h, choices.h).
#pragma once

#include "core/evaluate/perplexity.h"
#include "core/tasks/prompt_scores.h"

namespace qroar {

struct CopyOptions {
    std::vector<int> distances; ///< D, tokens; at least 2
    int length = 32;            ///< repeated tokens, at most D; the first of them cannot be copied
    int trials = 16;            ///< sequences for each distance
};

struct CopyResult {
    int distance = 0, length = 0, trials = 0;
    double firstNll = 0, repeatNll = 0; ///< mean NLL of the same tokens, first time and repeated, nats
    PairedDifference difference;        ///< repeatNll - firstNll; negative: it copies. Blocks are sequences
    double top1 = 0;                    ///< share of repeated tokens that were the most probable ones
};

/// Sequences [BOS] x_0 .. x_{D-1} x_0 .. x_{length-1}, each x uniform over the vocabulary without BOS and EOS
/// (fixed seed: the same for every variant); scored are x_1 .. x_{length-1} both times. `bos` negative: none.
std::vector<Prompt> copyPrompts(const ModelConfig& config, TokenId bos, int distance, int length, int trials);

/// One result for each distance. Errors: a distance below 2, as scorePrompts().
Outcome<std::vector<CopyResult>> runCopying(const std::shared_ptr<const Model>& model,
                                            const ControlVariant& variant, TokenId bos,
                                            const CopyOptions& options, WorkMeter& meter);
double copyOperations(const ModelConfig& config, const CopyOptions& options);

} // namespace qroar
