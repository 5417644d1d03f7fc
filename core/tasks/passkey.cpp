#include "core/tasks/passkey.h"

#include "core/base/strings.h"
#include "core/inference/forward.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace qroar {

namespace {

constexpr const char* filler =
    " The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.";
constexpr const char* question = " What is the pass key? The pass key is";

std::string needle(const std::string& key) {
    return " The pass key is " + key + ". Remember it. " + key + " is the pass key.";
}

/// The key of each trial, then its alternatives: distinct five-digit numbers.
std::vector<std::vector<std::string>> makeKeys(const PasskeyOptions& options) {
    std::mt19937_64 random(0x706173736b6579ULL);
    std::vector<std::vector<std::string>> trials(static_cast<std::size_t>(options.trials));
    for (auto& keys : trials)
        while (static_cast<int>(keys.size()) <= options.alternatives) {
            std::string key = std::to_string(10000 + random() % 90000);
            if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(std::move(key));
        }
    return trials;
}

using Tokens = std::vector<TokenId>;

void append(Tokens& to, const Tokens& from) {
    to.insert(to.end(), from.begin(), from.end());
}

/// The question and the answer, without BOS.
Outcome<Prompt> ask(const Tokenizer& tokenizer, const std::string& key) {
    auto prompt = encodePrompt(tokenizer, question, key);
    if (!prompt || tokenizer.bosToAdd() < 0) return prompt;
    prompt->tokens.erase(prompt->tokens.begin());
    --prompt->first;
    return prompt;
}

PasskeyResult summarize(const std::vector<PromptScore>& scores, int candidates) {
    PasskeyResult result;
    result.candidates = candidates;
    result.trials = static_cast<int>(scores.size()) / candidates;
    long long first = 0;
    for (int trial = 0; trial < result.trials; ++trial) {
        const auto at = static_cast<std::size_t>(trial) * static_cast<std::size_t>(candidates);
        const double own = scores[at].logLikelihood();
        double best = -INFINITY;
        int rank = 1;
        for (std::size_t other = at + 1; other < at + static_cast<std::size_t>(candidates); ++other) {
            best = std::max(best, scores[other].logLikelihood());
            rank += scores[other].logLikelihood() >= own ? 1 : 0;
        }
        result.logLikelihood += own / result.trials;
        result.margin += (own - best) / result.trials;
        result.rank += static_cast<double>(rank) / result.trials;
        first += rank == 1 ? 1 : 0;
    }
    result.accuracy = static_cast<double>(first) / result.trials;
    result.interval = wilsonInterval(first, result.trials);
    return result;
}

} // namespace

Outcome<std::vector<Prompt>> passkeyPrompts(const Tokenizer& tokenizer, int context, double depth,
                                            const PasskeyOptions& options) {
    if (options.trials < 1 || options.alternatives < 1 || !(depth >= 0 && depth <= 1))
        return Error::bad("passkey: expected at least one trial, one alternative and depths from 0 to 1, "
                          "found depth "
                          + formatNumber(depth));
    const Tokens unit = tokenizer.encode(filler);
    std::vector<Prompt> prompts;
    for (const std::vector<std::string>& keys : makeKeys(options)) {
        const Tokens hidden = tokenizer.encode(needle(keys.front()));
        for (const std::string& key : keys) {
            auto end = ask(tokenizer, key);
            if (!end) return end.error().in("passkey " + key);
            Prompt prompt;
            if (tokenizer.bosToAdd() >= 0) prompt.tokens.push_back(tokenizer.bosToAdd());
            const std::size_t fixed = prompt.tokens.size() + hidden.size() + end->tokens.size();
            const auto room = static_cast<std::size_t>(std::max(context, 0));
            const std::size_t least = fixed + unit.size();
            if (unit.empty() || least > room)
                return Error::bad("passkey at " + formatCount(context) + " tokens: at least "
                                  + formatCount(static_cast<long long>(least))
                                  + " are needed for the key, the question and one stretch of filler");
            const std::size_t stretches = (room - fixed) / unit.size();
            const auto before = static_cast<std::size_t>(std::lround(depth * static_cast<double>(stretches)));
            for (std::size_t stretch = 0; stretch < before; ++stretch) append(prompt.tokens, unit);
            append(prompt.tokens, hidden);
            for (std::size_t stretch = before; stretch < stretches; ++stretch) append(prompt.tokens, unit);
            prompt.first = prompt.tokens.size() + end->first;
            append(prompt.tokens, end->tokens);
            prompts.push_back(std::move(prompt));
        }
    }
    return prompts;
}

double passkeyOperations(const ModelConfig& config, const PasskeyOptions& options) {
    double work = 0;
    for (const int context : options.contexts)
        work += static_cast<double>(options.depths.size()) * options.trials * (options.alternatives + 1)
                * ForwardPass::operations(config, context);
    return work;
}

Outcome<std::vector<PasskeyResult>> runPasskey(const std::shared_ptr<const Model>& model,
                                               const ControlVariant& variant, const Tokenizer& tokenizer,
                                               const PasskeyOptions& options, WorkMeter& meter) {
    std::vector<PasskeyResult> results;
    for (const int context : options.contexts)
        for (const double depth : options.depths) {
            meter.setStage("passkey at " + formatCount(context) + ", depth " + formatNumber(depth) + ", "
                           + variant.rope.text() + ", " + variant.name);
            auto prompts = passkeyPrompts(tokenizer, context, depth, options);
            if (!prompts) return prompts.error();
            auto scores = scorePrompts(model, variant, context, *prompts, meter);
            if (!scores) return scores.error();
            PasskeyResult result = summarize(*scores, options.alternatives + 1);
            result.context = context;
            result.depth = depth;
            for (const Prompt& prompt : *prompts)
                result.tokens = std::max(result.tokens, static_cast<int>(prompt.tokens.size()));
            results.push_back(result);
        }
    return results;
}

} // namespace qroar
