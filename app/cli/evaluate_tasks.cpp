#include "app/cli/evaluate_tasks.h"

#include "core/analysis/machine.h"
#include "core/base/strings.h"
#include "core/inference/forward.h"

#include <omp.h>

#include <algorithm>
#include <iostream>
#include <limits>

namespace qroar::cli {

struct PreparedTasks {
    PasskeyOptions passkey;
    CopyOptions copying;
    std::vector<Question> questions;
    std::vector<Prompt> choicePrompts;
    std::shared_ptr<const Tokenizer> tokenizer; ///< null when nothing needs text and the model has none
};

namespace {

Outcome<PreparedTasks> prepare(const TaskOptions& options, const Model& model,
                               const std::vector<int>& contexts) {
    PreparedTasks prepared;
    const bool needsText = options.passkey || !options.choices.empty();
    auto tokenizer = loadTokenizerFor(model.path(), model.config().vocabSize);
    if (!tokenizer && needsText) return tokenizer.error();
    if (tokenizer) prepared.tokenizer = *tokenizer;
    prepared.copying.distances = options.copyDistances;
    if (options.passkey) prepared.passkey.contexts = contexts;
    if (options.trials > 0) prepared.passkey.trials = prepared.copying.trials = options.trials;
    if (options.passkey && contexts.empty())
        return Error::bad("--passkey: name the context lengths with --contexts");
    if (options.passkey) { // what is too short is said now
        const int shortest = *std::min_element(contexts.begin(), contexts.end());
        const auto prompts = passkeyPrompts(*prepared.tokenizer, shortest, 0, prepared.passkey);
        if (!prompts) return prompts.error();
    }
    if (options.choices.empty()) return prepared;
    auto questions = readQuestions(options.choices, options.answersFrom);
    if (!questions) return questions.error();
    prepared.questions = std::move(*questions);
    auto prompts = choicePrompts(prepared.questions, *prepared.tokenizer);
    if (!prompts) return prompts.error().in(options.choices);
    prepared.choicePrompts = std::move(*prompts);
    return prepared;
}

Outcome<TaskScores> score(const PreparedTasks& tasks, const std::shared_ptr<const Model>& model,
                          const ControlVariant& variant, WorkMeter& meter) {
    TaskScores scores;
    scores.variant = &variant;
    if (!tasks.passkey.contexts.empty()) {
        auto found = runPasskey(model, variant, *tasks.tokenizer, tasks.passkey, meter);
        if (!found) return found.error();
        scores.passkey = std::move(*found);
    }
    if (!tasks.copying.distances.empty()) {
        const TokenId bos = tasks.tokenizer ? tasks.tokenizer->bosToAdd() : -1;
        auto found = runCopying(model, variant, bos, tasks.copying, meter);
        if (!found) return found.error();
        scores.copying = std::move(*found);
    }
    if (!tasks.questions.empty()) {
        auto found = runChoices(model, variant, tasks.questions, tasks.choicePrompts, meter);
        if (!found) return found.error();
        scores.choices = *found;
    }
    return scores;
}

Json head(const ControlVariant& variant) {
    return {{"rope", variant.rope.text()},
            {"quant", variant.weights->spec().text()},
            {"scales", variant.scales.empty() ? Json(nullptr) : Json(variant.scales)}};
}

std::string weightsOf(const ControlVariant& variant) {
    return ConditionKey{variant.rope, 0, variant.weights->spec(), variant.scales}.weights();
}

std::string percent(double share) {
    return fixed(100 * share, 1);
}
std::string percents(const ShareInterval& interval) {
    return "[" + percent(interval.low) + ", " + percent(interval.high) + "]";
}

std::vector<std::string> layoutNames(const ChoicesResult& result) {
    std::vector<std::string> names;
    for (const QuestionLayout layout : result.layouts) names.emplace_back(layoutName(layout));
    return names;
}

void printPasskey(const std::vector<TaskScores>& scores) {
    Table table({"rope", "weights", "context", "depth", "trials", "ln p(key)", "margin", "rank", "first %",
                 "95 % interval"});
    int candidates = 0;
    for (const TaskScores& one : scores)
        for (const PasskeyResult& r : one.passkey) {
            candidates = r.candidates;
            table.add({one.variant->rope.text(), weightsOf(*one.variant), std::to_string(r.context),
                       formatNumber(r.depth), std::to_string(r.trials), fixed(r.logLikelihood, 3),
                       fixed(r.margin, 3), fixed(r.rank, 2), percent(r.accuracy), percents(r.interval)});
        }
    if (candidates == 0) return;
    std::cout << "\nPasskey: rank of the key among " << candidates << " by likelihood; chance is "
              << percent(1.0 / candidates) << " % first\n\n";
    table.print();
}

void printCopying(const std::vector<TaskScores>& scores) {
    Table table({"rope", "weights", "distance", "trials", "NLL first", "NLL repeated", "difference",
                 "95 % interval", "top 1 %"});
    bool any = false;
    for (const TaskScores& one : scores)
        for (const CopyResult& r : one.copying) {
            any = true;
            const PairedDifference& d = r.difference;
            table.add({one.variant->rope.text(), weightsOf(*one.variant), std::to_string(r.distance),
                       std::to_string(r.trials), fixed(r.firstNll, 3), fixed(r.repeatNll, 3),
                       fixed(d.mean, 3),
                       d.ciLow ? "[" + fixed(*d.ciLow, 3) + ", " + fixed(*d.ciHigh, 3) + "]" : "-",
                       percent(r.top1)});
        }
    if (!any) return;
    std::cout << "\nCopying of random tokens: negative differences copy\n\n";
    table.print();
}

void printChoices(const std::vector<TaskScores>& scores) {
    Table table({"rope", "weights", "questions", "acc %", "95 % interval", "acc_norm %", "95 % interval",
                 "chance %"});
    bool any = false;
    std::string layouts;
    for (const TaskScores& one : scores) {
        if (!one.choices) continue;
        any = true;
        const ChoicesResult& r = *one.choices;
        layouts.clear();
        for (const std::string& layout : layoutNames(r)) layouts += (layouts.empty() ? "" : ", ") + layout;
        table.add({one.variant->rope.text(), weightsOf(*one.variant), std::to_string(r.questions),
                   percent(r.acc), percents(r.accInterval), percent(r.accNorm), percents(r.accNormInterval),
                   percent(r.chance)});
    }
    if (!any) return;
    std::cout << "\nMultiple choice by likelihood, without examples; prompts: " << layouts << "\n\n";
    table.print();
}

} // namespace

void addTaskOptions(CLI::App& command, TaskOptions& options) {
    command.add_flag("--passkey", options.passkey,
                     "find a hidden key at each context length: rank by likelihood");
    command
        .add_option("--copy", options.copyDistances,
                    "how well repeated random tokens are predicted at these distances, e.g. 64,512")
        ->delimiter(',');
    command.add_option(
        "--choices", options.choices,
        "multiple choice from a .jsonl: context, choices, answer; or as ARC, HellaSwag, BoolQ, "
        "WinoGrande are published");
    command.add_option("--answers-from", options.answersFrom, "numbers in --choices count from 0 or from 1")
        ->check(CLI::IsMember({0, 1}))
        ->capture_default_str();
    command.add_option("--trials", options.trials, "passkeys and copied sequences each; 0 = 8 and 16")
        ->check(CLI::Range(0, 10000))
        ->capture_default_str();
}

namespace {

Status checkTaskMemory(const ModelConfig& config, const PreparedTasks& tasks) {
    long long longest = 0;
    for (const int context : tasks.passkey.contexts) longest = std::max<long long>(longest, context);
    for (const int distance : tasks.copying.distances)
        longest = std::max(longest, 1LL + distance + tasks.copying.length);
    if (longest == 0) return Done{};
    const double prompts = static_cast<double>(std::max(tasks.copying.trials, tasks.passkey.trials))
                           * static_cast<double>(longest);
    const int window = static_cast<int>(std::min<long long>(longest, std::numeric_limits<int>::max()));
    const double bytes =
        ForwardPass::peakBytes(config, window, static_cast<long long>(prompts), omp_get_max_threads())
        + sizeof(TokenId) * prompts;
    if (Status fits = checkMemory(bytes, "the longest task"); !fits)
        return Error::outOfMemory(fits.error().message
                                  + ": use shorter contexts or distances, or fewer --trials");
    return Done{};
}

} // namespace

Outcome<std::shared_ptr<const PreparedTasks>> prepareTasks(const TaskOptions& options, const Model& model,
                                                           const std::vector<int>& contexts) {
    auto tasks = prepare(options, model, contexts);
    if (!tasks) return tasks.error();
    if (Status fits = checkTaskMemory(model.config(), *tasks); !fits) return fits.error();
    return std::make_shared<const PreparedTasks>(std::move(*tasks));
}

Outcome<std::vector<TaskScores>> runTasks(const PreparedTasks& tasks,
                                          const std::shared_ptr<const Model>& model,
                                          const std::vector<ControlVariant>& variants, ProgressSink& sink) {
    const double work = passkeyOperations(model->config(), tasks.passkey)
                        + copyOperations(model->config(), tasks.copying)
                        + promptOperations(model->config(), tasks.choicePrompts);
    WorkMeter meter(sink, work * static_cast<double>(variants.size()));
    std::vector<TaskScores> all;
    for (const ControlVariant& variant : variants) {
        auto scores = score(tasks, model, variant, meter);
        if (!scores && scores.error().code == ErrorCode::Cancelled) break;
        if (!scores) return scores.error();
        all.push_back(std::move(*scores));
    }
    return all;
}

Json taskRows(const std::vector<TaskScores>& scores) {
    Json passkey = Json::array(), copying = Json::array(), choices = Json::array();
    for (const TaskScores& one : scores) {
        for (const PasskeyResult& r : one.passkey) {
            Json row = head(*one.variant);
            row.update(Json{{"context", r.context},
                            {"tokens", r.tokens},
                            {"depth", r.depth},
                            {"trials", r.trials},
                            {"candidates", r.candidates},
                            {"log_likelihood", number(r.logLikelihood)},
                            {"margin", number(r.margin)},
                            {"rank", number(r.rank)},
                            {"accuracy", number(r.accuracy)},
                            {"accuracy_ci95", {r.interval.low, r.interval.high}}});
            passkey.push_back(std::move(row));
        }
        for (const CopyResult& r : one.copying) {
            Json row = head(*one.variant);
            const PairedDifference& d = r.difference;
            row.update(Json{{"distance", r.distance},
                            {"length", r.length},
                            {"trials", r.trials},
                            {"nll_first", number(r.firstNll)},
                            {"nll_repeated", number(r.repeatNll)},
                            {"difference", number(d.mean)},
                            {"difference_ci95", d.ciLow ? Json{*d.ciLow, *d.ciHigh} : Json(nullptr)},
                            {"top1", number(r.top1)}});
            copying.push_back(std::move(row));
        }
        if (!one.choices) continue;
        const ChoicesResult& r = *one.choices;
        Json row = head(*one.variant);
        row.update(Json{{"questions", r.questions},
                        {"acc", r.acc},
                        {"acc_ci95", {r.accInterval.low, r.accInterval.high}},
                        {"acc_norm", r.accNorm},
                        {"acc_norm_ci95", {r.accNormInterval.low, r.accNormInterval.high}},
                        {"chance", r.chance},
                        {"longest", r.longest},
                        {"layouts", layoutNames(r)}});
        choices.push_back(std::move(row));
    }
    return {{"passkey", std::move(passkey)}, {"copy", std::move(copying)}, {"choices", std::move(choices)}};
}

void printTasks(const std::vector<TaskScores>& scores) {
    printPasskey(scores);
    printCopying(scores);
    printChoices(scores);
}

} // namespace qroar::cli
