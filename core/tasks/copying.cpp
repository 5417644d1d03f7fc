#include "core/tasks/copying.h"

#include "core/inference/forward.h"

#include <algorithm>
#include <random>

namespace qroar {

namespace {

int lengthFor(const CopyOptions& options, int distance) {
    return std::clamp(options.length, 2, std::max(distance, 2));
}

/// NLL of scored tokens [first, first + count) as a window of one trial.
WindowNll nllOf(const PromptScore& score, std::size_t first, std::size_t count, int trial) {
    WindowNll window{trial, 0, {}};
    for (std::size_t token = first; token < first + count; ++token)
        window.nll.push_back(static_cast<float>(-score.logProbability[token]));
    return window;
}

CopyResult summarize(const std::vector<PromptScore>& scores, int distance, int length) {
    std::vector<WindowNll> original, repeated;
    long long hits = 0;
    const auto count = static_cast<std::size_t>(length - 1); // x_0 has nothing before it to be found by
    for (std::size_t trial = 0; trial < scores.size(); ++trial) {
        const auto repeat = static_cast<std::size_t>(distance); // x_1 is scored first; x_{1+D} stands D on
        original.push_back(nllOf(scores[trial], 0, count, static_cast<int>(trial)));
        repeated.push_back(nllOf(scores[trial], repeat, count, static_cast<int>(trial)));
        for (std::size_t token = repeat; token < repeat + count; ++token)
            hits += scores[trial].top[token] ? 1 : 0;
    }
    CopyResult result;
    result.distance = distance;
    result.length = length;
    result.trials = static_cast<int>(scores.size());
    result.firstNll = summarizeNll(original, length, 0, Convention::All, 0).nll;
    const NllSummary again = summarizeNll(repeated, length, 0, Convention::All, 0);
    result.repeatNll = again.nll;
    result.difference = pairedDifference(repeated, original, length, Convention::All);
    result.top1 = static_cast<double>(hits) / static_cast<double>(again.tokens);
    return result;
}

} // namespace

std::vector<Prompt> copyPrompts(const ModelConfig& config, TokenId bos, int distance, int length,
                                int trials) {
    std::vector<TokenId> vocabulary;
    for (TokenId id = 0; id < config.vocabSize; ++id)
        if (id != config.bosId && id != config.eosId && id != bos) vocabulary.push_back(id);
    std::mt19937_64 random(0x636f7079ULL + static_cast<unsigned long long>(distance));
    std::vector<Prompt> prompts(static_cast<std::size_t>(trials));
    for (Prompt& prompt : prompts) {
        if (bos >= 0) prompt.tokens.push_back(bos);
        const std::size_t start = prompt.tokens.size();
        prompt.first = start + 1;
        for (int token = 0; token < distance; ++token)
            prompt.tokens.push_back(vocabulary[random() % vocabulary.size()]);
        for (int token = 0; token < length; ++token)
            prompt.tokens.push_back(prompt.tokens[start + static_cast<std::size_t>(token)]);
    }
    return prompts;
}

double copyOperations(const ModelConfig& config, const CopyOptions& options) {
    double work = 0;
    for (const int distance : options.distances)
        work += options.trials * ForwardPass::operations(config, distance + lengthFor(options, distance) + 1);
    return work;
}

Outcome<std::vector<CopyResult>> runCopying(const std::shared_ptr<const Model>& model,
                                            const ControlVariant& variant, TokenId bos,
                                            const CopyOptions& options, WorkMeter& meter) {
    std::vector<CopyResult> results;
    for (const int distance : options.distances) {
        if (distance < 2 || options.trials < 1 || model->config().vocabSize < 4)
            return Error::bad("copying at distance " + std::to_string(distance)
                              + ": expected a distance of at least 2 tokens, at least one trial and a "
                                "vocabulary of at least 4 tokens");
        const int length = lengthFor(options, distance);
        meter.setStage("copying at " + std::to_string(distance) + ", " + variant.rope.text() + ", "
                       + variant.name);
        const auto prompts = copyPrompts(model->config(), bos, distance, length, options.trials);
        const auto context = static_cast<int>(prompts.front().tokens.size());
        auto scores = scorePrompts(model, variant, context, prompts, meter);
        if (!scores) return scores.error();
        results.push_back(summarize(*scores, distance, length));
    }
    return results;
}

} // namespace qroar
