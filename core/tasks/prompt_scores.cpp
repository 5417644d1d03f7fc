#include "core/tasks/prompt_scores.h"

#include "core/base/strings.h"
#include "core/controls/row_divergence.h"
#include "core/inference/forward.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qroar {

namespace {

/// Keeps what it is shown of the scored tokens.
class ScoreSink final : public LogitsSink {
  public:
    explicit ScoreSink(std::span<const Prompt> prompts) : prompts_(prompts) {
        for (const Prompt& prompt : prompts) {
            logProbability_.emplace_back(prompt.tokens.size() - prompt.first);
            top_.emplace_back(prompt.tokens.size() - prompt.first);
        }
    }
    void deliver(int window, int firstPosition, ConstMatrixView logits) override {
        const auto at = static_cast<std::size_t>(window);
        const Prompt& prompt = prompts_[at];
        for (std::ptrdiff_t row = 0; row < logits.rows; ++row) {
            const auto target = static_cast<std::size_t>(firstPosition + row) + 1;
            if (target < prompt.first || target >= prompt.tokens.size()) continue;
            const RowNormalizer found = normalizerOf(logits.row(row), logits.cols);
            const std::ptrdiff_t token = prompt.tokens[target];
            logProbability_[at][target - prompt.first] = logits.row(row)[token] - found.logSumExp;
            top_[at][target - prompt.first] = found.top == token ? 1 : 0;
        }
    }
    [[nodiscard]] std::vector<PromptScore> scores() const {
        std::vector<PromptScore> all(prompts_.size());
        for (std::size_t at = 0; at < all.size(); ++at) {
            all[at].logProbability = logProbability_[at];
            all[at].top.assign(top_[at].begin(), top_[at].end());
        }
        return all;
    }

  private:
    std::span<const Prompt> prompts_;
    std::vector<std::vector<double>> logProbability_;
    std::vector<std::vector<char>> top_; ///< not of bool: written by several threads
};

Status checkPrompts(std::span<const Prompt> prompts, int context, int vocabSize) {
    for (std::size_t at = 0; at < prompts.size(); ++at) {
        const std::vector<TokenId>& tokens = prompts[at].tokens;
        const std::string name = "prompt " + std::to_string(at);
        if (prompts[at].first < 1 || prompts[at].first >= tokens.size())
            return Error::bad(name + ": expected a token to score behind at least one other, found "
                              + std::to_string(tokens.size()) + " tokens scored from "
                              + std::to_string(prompts[at].first) + " on");
        if (static_cast<long long>(tokens.size()) > context)
            return Error::bad(name + ": " + formatCount(static_cast<long long>(tokens.size()))
                              + " tokens do not fit the context of " + formatCount(context));
        for (const TokenId token : tokens)
            if (token < 0 || token >= vocabSize)
                return Error::bad(name + ": token " + std::to_string(token)
                                  + " is outside the model's vocabulary of " + formatCount(vocabSize));
    }
    return Done{};
}

bool isSpace(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

} // namespace

double PromptScore::logLikelihood() const {
    return std::accumulate(logProbability.begin(), logProbability.end(), 0.0);
}

int PromptScore::hits() const {
    return static_cast<int>(std::count(top.begin(), top.end(), true));
}

double promptOperations(const ModelConfig& config, std::span<const Prompt> prompts) {
    double work = 0;
    for (const Prompt& prompt : prompts)
        work += ForwardPass::operations(config, static_cast<int>(prompt.tokens.size()));
    return work;
}

Outcome<std::vector<PromptScore>> scorePrompts(const std::shared_ptr<const Model>& model,
                                               const ControlVariant& variant, int context,
                                               std::span<const Prompt> prompts, WorkMeter& meter) {
    const ModelConfig& config = model->config();
    if (Status fine = checkPrompts(prompts, context, config.vocabSize); !fine) return fine.error();
    const auto table = buildFrequencyTable(variant.rope, config.ropeModel(), context);
    if (!table) return table.error();
    std::vector<Window> windows;
    for (std::size_t at = 0; at < prompts.size(); ++at)
        windows.push_back({0, static_cast<int>(at), prompts[at].tokens});
    ForwardPass pass(model, *table, variant.weights, context, variant.gains);
    ScoreSink sink(prompts);
    if (Status ran = pass.run(windows, nullptr, sink, meter); !ran) return ran.error();
    std::vector<PromptScore> scores = sink.scores();
    for (std::size_t at = 0; at < scores.size(); ++at)
        if (!std::isfinite(scores[at].logLikelihood()))
            return Error::bad(variant.name + " under " + variant.rope.text()
                              + ": the model's output is not a number in prompt " + std::to_string(at)
                              + ": its activations overflow under this condition");
    return scores;
}

Outcome<Prompt> encodePrompt(const Tokenizer& tokenizer, std::string_view context,
                             std::string_view continuation) {
    if (continuation.empty()) return Error::bad("an empty continuation has no likelihood");
    std::string head(context), tail(continuation);
    const std::size_t end = head.find_last_not_of(" \n\t\r") + 1; // 0 when there is nothing else
    const std::string gap = head.substr(end);
    head.resize(end);
    if (!gap.empty())
        tail = gap + tail;
    else if (!head.empty() && !isSpace(tail.front()))
        tail = " " + tail;
    Prompt prompt;
    if (tokenizer.bosToAdd() >= 0) prompt.tokens.push_back(tokenizer.bosToAdd());
    const std::vector<TokenId> alone = head.empty() ? std::vector<TokenId>() : tokenizer.encode(head);
    const std::vector<TokenId> whole = tokenizer.encode(head + tail);
    prompt.first = prompt.tokens.size() + alone.size();
    prompt.tokens.insert(prompt.tokens.end(), whole.begin(), whole.end());
    if (prompt.first < 1)
        return Error::bad("nothing stands before the continuation, and the tokenizer adds no BOS");
    if (prompt.first >= prompt.tokens.size())
        return Error::bad("the continuation has no token of its own behind its context");
    return prompt;
}

} // namespace qroar
