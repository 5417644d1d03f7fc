// qroar evaluate: perplexity of a model on documents, per context length and position, for every RoPE spec
// and weight variant.
#include "app/cli/commands.h"
#include "app/cli/inputs.h"
#include "app/cli/rows.h"
#include "core/base/strings.h"

#include <iostream>

namespace qroar::cli {

namespace {

NllSummary summarize(const ConditionResult& condition, Convention convention) {
    return summarizeNll(condition.windows, condition.key.context,
                        static_cast<int>(condition.table.trainedContext), convention);
}

Json optionalInterval(const NllSummary& summary) {
    if (!summary.ciLow || !summary.ciHigh) return nullptr;
    return {*summary.ciLow, *summary.ciHigh};
}

struct Options {
    Common common;
    RunOptions run;
    std::string convention = "all";
};

int run(const Options& options) {
    useThreads(options.common);
    auto plan = makePlan(options.run);
    if (!plan) return fail(plan.error());
    plan->capture = false;
    auto estimate = estimateAnalysis(*plan);
    if (!estimate) return fail(estimate.error());
    for (const std::string& note : estimate->notes) std::cerr << "note: " << note << '\n';
    const Convention convention = options.convention == "all" ? Convention::All : Convention::LastHalf;
    bool cancelled = false;
    Outcome<std::shared_ptr<const Session>> session = [&] {
        ConsoleProgress progress;
        auto result = runAnalysis(*plan, progress);
        cancelled = progress.cancelled();
        return result;
    }();
    if (!session) return fail(session.error());
    const auto& conditions = (*session)->conditions;
    if (options.common.json) {
        Json results = Json::array(), split = Json::array();
        for (const auto& condition : conditions) results.push_back(evaluationRow(*condition, convention));
        for (const Interaction& row : interactions(conditions, convention))
            split.push_back(interactionRow(row));
        print({{"schema", 1},
               {"model", {{"path", (*session)->modelPath}, {"fingerprint", (*session)->modelFingerprint}}},
               {"results", std::move(results)},
               {"interaction", std::move(split)}});
    } else {
        printEvaluation(conditions, convention);
    }
    return cancelled ? exitCancelled : exitDone;
}

} // namespace

Json evaluationRow(const ConditionResult& condition, Convention convention) {
    const NllSummary summary = summarize(condition, convention);
    Json buckets = Json::array();
    for (const NllBucket& bucket : summary.buckets)
        buckets.push_back({{"from", bucket.from},
                           {"to", bucket.to},
                           {"tokens", bucket.tokens},
                           {"nll", number(bucket.nll)}});
    return {{"rope", condition.key.rope.text()},
            {"quant", condition.key.quant.text()},
            {"scales", nullptr},
            {"context", condition.key.context},
            {"convention", conventionName(convention)},
            {"documents", summary.documents},
            {"windows", summary.windows},
            {"tokens", summary.tokens},
            {"nll", number(summary.nll)},
            {"nll_ci95", optionalInterval(summary)},
            {"ppl", number(summary.perplexity)},
            {"buckets", std::move(buckets)},
            {"kl", nullptr},
            {"same_top1", nullptr}};
}

Json interactionRow(const Interaction& row) {
    return {
        {"rope", row.rope},
        {"quant", row.quant},
        {"context", row.context},
        {"value", number(row.value)},
        {"nll",
         {{"fp", number(row.fp)}, {"pi", number(row.pi)}, {"q", number(row.q)}, {"q_pi", number(row.qpi)}}}};
}

void printEvaluation(const std::vector<std::shared_ptr<const ConditionResult>>& conditions,
                     Convention convention) {
    Table table(
        {"rope", "quant", "context", "windows", "tokens", "NLL (nats)", "95 % interval", "perplexity"});
    for (const auto& condition : conditions) {
        const NllSummary s = summarize(*condition, convention);
        const std::string interval =
            s.ciLow ? "[" + fixed(*s.ciLow, 4) + ", " + fixed(*s.ciHigh, 4) + "]" : "-";
        table.add({condition->key.rope.text(), condition->key.quant.text(),
                   std::to_string(condition->key.context), std::to_string(s.windows),
                   std::to_string(s.tokens), fixed(s.nll, 4), interval, fixed(s.perplexity, 3)});
    }
    std::cout << "Perplexity, convention " << conventionName(convention)
              << "; intervals by bootstrap over documents\n\n";
    table.print();
    const auto split = interactions(conditions, convention);
    if (split.empty()) return;
    Table four({"rope (PI)", "quant (Q)", "context", "FP", "FP+PI", "Q", "Q+PI", "interaction"});
    for (const Interaction& row : split)
        four.add({row.rope, row.quant, std::to_string(row.context), fixed(row.fp, 4), fixed(row.pi, 4),
                  fixed(row.q, 4), fixed(row.qpi, 4), fixed(row.value, 4)});
    std::cout << "\nFour-way split, mean NLL in nats; interaction > 0: interpolation and quantization hurt "
                 "each other\n\n";
    four.print();
}

void addEvaluate(CLI::App& program, int& result) {
    auto options = std::make_shared<Options>();
    CLI::App* command = program.add_subcommand("evaluate", "perplexity per context length and position");
    addRunOptions(*command, options->run);
    command
        ->add_option("--convention", options->convention,
                     "which tokens count: all, or last-half (llama-perplexity)")
        ->check(CLI::IsMember({"all", "last-half"}))
        ->capture_default_str();
    addCommon(*command, options->common);
    command->callback([options, &result] { result = run(*options); });
}

} // namespace qroar::cli
