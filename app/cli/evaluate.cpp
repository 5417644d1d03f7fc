// qroar evaluate: perplexity of a model on documents, per context length and position, for every RoPE spec
// and weight variant, with and without scales; divergence from full precision or from a file of reference
// predictions; what the controls say about the scales; tasks (evaluate_tasks.h).
#include "app/cli/commands.h"
#include "app/cli/evaluate_tasks.h"
#include "app/cli/outputs.h"
#include "app/cli/rank_inputs.h"
#include "app/cli/reference_model.h"
#include "app/cli/rows.h"
#include "app/cli/validators.h"
#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/controls/kl_base.h"
#include "core/quantize/calibrate.h"

#include <algorithm>
#include <iostream>

namespace qroar::cli {

namespace {

struct Options {
    Common common;
    RunOptions run;
    std::string convention = "all", scales, klBase, saveLogits, referenceModel;
    bool reference = false;
    TaskOptions tasks;
};

constexpr OutputKind klBaseInput{"a llama-perplexity logits file", logitsOutput.magic};

/// Everything an evaluation runs with.
struct Evaluation {
    AnalysisPlan plan;
    std::vector<ControlVariant> variants;
    ControlOptions controls;
    ReferenceModel reference;                   ///< without weights unless --reference-model names one
    std::shared_ptr<const KlBase> base;         ///< null without --kl-base
    std::vector<Window> windows;                ///< of the one context that a file of logits is about
    std::shared_ptr<const PreparedTasks> tasks; ///< null without any, and on other ranks than the first
    std::vector<SeenDocument> notHeldOut; ///< documents that the scales were found on, in whole or in part
};

bool holdsFull(const std::vector<QuantSpec>& quants) {
    return std::any_of(quants.begin(), quants.end(),
                       [](const QuantSpec& quant) { return quant.kind == QuantKind::None; });
}

/// Weights of the variants, each made once. Those that need calibration are calibrated for every RoPE spec,
/// at the longest context of the run: a variant keeps its weights from context to context, as a deployed
/// model does.
class VariantWeights {
  public:
    /// `full` (may be null): full precision of a model that is quantized itself.
    VariantWeights(const AnalysisPlan& plan, std::shared_ptr<const WeightSource> full, ProgressSink& sink)
        : plan_(plan), sink_(sink) {
        if (full) made_.push_back({QuantSpec{}, RopeSpec{}, cachedWeights(std::move(full), keptBytes)});
    }

    Outcome<std::shared_ptr<const WeightSource>> of(const QuantSpec& quant, const RopeSpec& rope) {
        const bool calibrated = plan_.needsText(quant);
        for (const Made& made : made_)
            if (made.quant == quant && (!calibrated || made.rope == rope)) return made.weights;
        if (calibrated && plan_.contexts.empty())
            return Error::bad(quant.text()
                              + ": is calibrated at the longest of --contexts: name it, with --text");
        const int longest =
            plan_.contexts.empty() ? 0 : *std::max_element(plan_.contexts.begin(), plan_.contexts.end());
        auto weights = makeWeightsOn(plan_.calibrationDocuments(), rope, longest, plan_.maxCalibrationWindows,
                                     plan_.model, quant, sink_, plan_.importance.get());
        if (!weights) return weights.error();
        made_.push_back({quant, rope, cachedWeights(std::move(*weights), keptBytes)});
        return made_.back().weights;
    }

  private:
    static constexpr double keptBytes = 256e6; ///< layers of small models are kept as floats
    struct Made {
        QuantSpec quant;
        RopeSpec rope;
        std::shared_ptr<const WeightSource> weights;
    };
    const AnalysisPlan& plan_;
    ProgressSink& sink_;
    std::vector<Made> made_;
};

/// scales x quants x ropes, as AnalysisPlan::conditions() orders them.
Status addVariants(Evaluation& evaluation, ProgressSink& sink) {
    const AnalysisPlan& plan = evaluation.plan;
    VariantWeights weightsOf(plan, evaluation.reference.weights, sink);
    std::vector<QuantSpec> quants = plan.quants;
    if (evaluation.reference.weights) quants.insert(quants.begin(), QuantSpec{});
    for (const auto& set : plan.scales)
        for (const QuantSpec& quant : quants) {
            const std::string name = quant.kind == QuantKind::None ? controlFp : quant.text();
            for (const RopeSpec& rope : plan.ropes) {
                auto weights = weightsOf.of(quant, rope);
                if (!weights) return weights.error();
                ControlVariant variant{name + (set ? "+" + set->name : ""), rope, std::move(*weights)};
                if (set) variant.gains = set->gains;
                if (set) variant.scales = set->name;
                const auto same = [&variant](const ControlVariant& one) {
                    return one.name == variant.name && one.rope == variant.rope;
                };
                if (std::none_of(evaluation.variants.begin(), evaluation.variants.end(), same))
                    evaluation.variants.push_back(std::move(variant));
            }
        }
    return Done{};
}

/// What llama-perplexity does, with its convention and for its files: BOS instead of the first token of every
/// window, where the tokenizer adds one.
void startWithBos(const Tokenizer* tokenizer, Evaluation& evaluation) {
    if (!tokenizer || evaluation.controls.firstToken >= 0) return;
    evaluation.controls.firstToken = tokenizer->bosToAdd();
    if (evaluation.controls.firstToken >= 0)
        std::cerr << "note: every window starts with BOS, as in llama-perplexity\n";
}

/// What a file of logits asks of a run: one context length, and BOS where llama-perplexity puts it.
Status prepareLogits(const Options& options, const Tokenizer* tokenizer, Evaluation& evaluation) {
    if (options.klBase.empty() && options.saveLogits.empty()) return Done{};
    if (!options.saveLogits.empty() && evaluation.controls.ranks->first()) {
        auto inputs = inputsOf(options.run);
        if (!options.klBase.empty()) inputs.emplace_back(options.klBase);
        if (!options.referenceModel.empty()) inputs.emplace_back(options.referenceModel);
        if (Status writable = checkOutput(options.saveLogits, logitsOutput, inputs); !writable)
            return writable;
    }
    const std::string& file = options.klBase.empty() ? options.saveLogits : options.klBase;
    if (evaluation.plan.contexts.size() != 1)
        return Error::bad(file + ": a logits file has one context length, --contexts names "
                          + std::to_string(evaluation.plan.contexts.size()));
    auto windows =
        cutWindows(*evaluation.plan.documents, evaluation.plan.contexts[0], evaluation.plan.maxWindows);
    if (!windows) return windows.error();
    evaluation.windows = std::move(*windows);
    startWithBos(tokenizer, evaluation);
    if (options.klBase.empty()) return Done{};
    auto base = KlBase::open(options.klBase);
    if (!base) return base.error();
    if (Status fits = (*base)->checkFits(evaluation.plan.model->config(), evaluation.windows); !fits)
        return fits;
    const auto windowCount = static_cast<long long>(evaluation.windows.size());
    if ((*base)->shape().chunks < windowCount)
        std::cerr << "note: " << options.klBase << ": reference of the first "
                  << formatCount((*base)->shape().chunks) << " of " << formatCount(windowCount)
                  << " windows\n";
    evaluation.base = std::move(*base);
    evaluation.controls.external = evaluation.base.get();
    evaluation.controls.externalName = options.klBase;
    return Done{};
}

Outcome<Evaluation> prepare(const Options& options, Ranks& ranks) {
    constexpr auto made = " (made by llama-perplexity --kl-divergence-base, or evaluate --save-logits)";
    if (!options.klBase.empty()) // said at once, not after a large model has been read
        if (Status kind = checkKind(options.klBase, klBaseInput, made); !kind) return kind.error();
    std::shared_ptr<const Tokenizer> tokenizer;
    auto plan = makePlan(options.run, &tokenizer);
    if (!plan) return plan.error();
    Evaluation evaluation;
    evaluation.plan = std::move(*plan);
    AnalysisPlan& own = evaluation.plan;
    own.capture = false;
    own.ranks = evaluation.controls.ranks = &ranks;
    if (options.reference && options.referenceModel.empty() && !holdsFull(own.quants))
        own.quants.insert(own.quants.begin(), QuantSpec{});
    if (!options.scales.empty()) {
        auto scales = readScales(options.scales, *own.model, own.documents.get(), &evaluation.notHeldOut);
        if (!scales) return scales.error();
        const auto found = RopeSpec::parse((*scales)->rope);
        const auto same = [&](const RopeSpec& rope) {
            return found && sameScaling(*own.model, *found, rope);
        };
        if (std::none_of(own.ropes.begin(), own.ropes.end(), same))
            std::cerr << "note: " << options.scales << ": these scales were found under " << (*scales)->rope
                      << ", which is not evaluated\n";
        own.scales.push_back(std::move(*scales));
    }
    if (!options.referenceModel.empty()) {
        auto reference = openReferenceModel(options.referenceModel, *own.model);
        if (!reference) return reference.error();
        evaluation.reference = std::move(*reference);
        if (evaluation.reference.rounding > 0)
            std::cerr << "note: " << options.referenceModel
                      << ": FP runs with embedding, final norm and output head of the quantized checkpoint, "
                         "which are rounded (by up to "
                      << significant(evaluation.reference.rounding, 2) << " of a number)\n";
    }
    own.divergence = (holdsFull(own.quants) || evaluation.reference.weights) && options.klBase.empty();
    evaluation.controls.maxWindows = own.maxWindows;
    evaluation.controls.divergence = own.divergence;
    if (options.convention == "last-half") startWithBos(tokenizer.get(), evaluation);
    if (Status fine = prepareLogits(options, tokenizer.get(), evaluation); !fine) return fine.error();
    return evaluation;
}

Outcome<std::vector<VariantResult>> runVariants(const Evaluation& evaluation, ProgressSink& sink) {
    const AnalysisPlan& plan = evaluation.plan;
    return runControls(plan.model, *plan.documents, plan.contexts, evaluation.variants, evaluation.controls,
                       sink);
}

/// For the ranks that do not write the file: rank 0 computes all that goes into it.
class NoTap final : public LogitsSink {
  public:
    void deliver(int, int, ConstMatrixView) override {}
};

/// The same, with the logits of the first variant going into a file that appears when it is complete.
Outcome<std::vector<VariantResult>> runAndSaveLogits(Evaluation& evaluation, const std::string& path,
                                                     const RankProgress& progress, ProgressSink& sink) {
    Ranks& ranks = *evaluation.controls.ranks;
    if (!ranks.first()) {
        NoTap nobody;
        evaluation.controls.tap = &nobody;
        if (Status created = ranks.agree("logits file", Done{}); !created) return created.error();
        return runVariants(evaluation, sink);
    }
    Outcome<std::vector<VariantResult>> results = Error::cancelled();
    const Status saved = writeAtomically(path, [&](const std::filesystem::path& temporary) -> Status {
        auto writer =
            KlBaseWriter::create(temporary, evaluation.plan.model->config().vocabSize, evaluation.windows);
        const Status created = ranks.agree("logits file", writer ? Status(Done{}) : Status(writer.error()));
        if (!created) return writer ? created.error() : writer.error();
        evaluation.controls.tap = writer->get();
        results = runVariants(evaluation, sink);
        if (!results) return results.error();
        if (progress.cancelled()) return Error::cancelled();
        return (*writer)->finish();
    });
    if (!saved && saved.error().code != ErrorCode::Cancelled) return saved.error();
    return results;
}

/// What was found, as far as it got.
struct Findings {
    std::vector<std::shared_ptr<const ConditionResult>> conditions;
    std::vector<TaskScores> tasks;
    bool cancelled = false;
};

Outcome<Findings> runAll(const Options& options, Evaluation& evaluation, Ranks& ranks) {
    ConsoleProgress console;
    RankProgress progress(console, ranks);
    Findings findings;
    const Status added =
        ranks.together("weights", progress, [&] { return addVariants(evaluation, progress); });
    findings.cancelled = progress.cancelled();
    if (findings.cancelled) return findings;
    if (!added) return added.error();
    if (!options.run.texts.empty()) {
        auto results = options.saveLogits.empty()
                           ? runVariants(evaluation, progress)
                           : runAndSaveLogits(evaluation, options.saveLogits, progress, progress);
        if (!results) return results.error();
        findings.conditions = conditionsOf(*results);
    }
    if (options.tasks.any() && !progress.cancelled()) { // rank 0 alone: their prompts are short
        const Status scored = ranks.together("tasks", progress, [&]() -> Status {
            if (!ranks.first()) return Done{};
            auto scores = runTasks(*evaluation.tasks, evaluation.plan.model, evaluation.variants, progress);
            if (!scores) return scores.error();
            findings.tasks = std::move(*scores);
            return Done{};
        });
        if (!scored) return scored.error();
    }
    findings.cancelled = progress.cancelled();
    return findings;
}

void printJson(const Options& options, const Evaluation& evaluation, const Findings& found,
               Convention convention) {
    const Model& model = *evaluation.plan.model;
    Json results = Json::array(), split = Json::array(), controls = Json::array(), verdicts = Json::array();
    for (const auto& condition : found.conditions) results.push_back(evaluationRow(*condition, convention));
    for (const Interaction& row : interactions(found.conditions, convention))
        split.push_back(interactionRow(row));
    const auto differences = contrasts(found.conditions, convention);
    for (const ControlContrast& one : differences) controls.push_back(contrastRow(judgeContrast(one)));
    for (const DeployedVerdict& one : verdictsOf(differences)) {
        Json row{{"rope", one.rope}, {"quant", one.quant}};
        row.update(verdictRow(one.verdict));
        verdicts.push_back(std::move(row));
    }
    Json document{{"schema", 1},
                  {"model", {{"path", model.path().string()}, {"fingerprint", model.fingerprint()}}},
                  {"results", std::move(results)},
                  {"interaction", std::move(split)}};
    if (const auto& reference = evaluation.reference.model)
        document["reference_model"] = {{"path", reference->path().string()},
                                       {"fingerprint", reference->fingerprint()}};
    if (!differences.empty()) {
        document["controls"] = std::move(controls);
        document["verdict"] = std::move(verdicts);
        document["not_held_out"] = Json::array();
        for (const SeenDocument& one : evaluation.notHeldOut) document["not_held_out"].push_back(one.name);
    }
    if (options.tasks.any()) document["tasks"] = taskRows(found.tasks);
    print(document);
}

void printText(const Evaluation& evaluation, const Findings& found, Convention convention) {
    if (!found.conditions.empty()) printEvaluation(found.conditions, convention);
    const auto differences = contrasts(found.conditions, convention);
    printControls(differences);
    const std::string seen = notHeldOutWords(evaluation.notHeldOut);
    for (const DeployedVerdict& one : verdictsOf(differences))
        std::cout << "\nVerdict for " << one.rope << ", " << one.quant
                  << (evaluation.notHeldOut.empty()
                          ? ""
                          : " (NOT HELD OUT: the scales were made on some of this text)")
                  << "\n"
                  << (seen.empty() ? "" : seen + " ") << one.verdict.words << '\n';
    printTasks(found.tasks);
}

/// Collective: every rank has read the same. The questions of --choices are read by rank 0 alone.
Status agreeOnInputs(const Options& options, const Evaluation& evaluation, Ranks& ranks) {
    if (ranks.alone()) return Done{};
    RankInputs inputs;
    inputs.addPlan(evaluation.plan);
    inputs.addFile("--imatrix", options.run.imatrix);
    inputs.addFile("--kl-base", options.klBase);
    if (const auto& reference = evaluation.reference.model)
        inputs.add("--reference-model, " + options.referenceModel, reference->fingerprint());
    inputs.add("first token of every window", std::to_string(evaluation.controls.firstToken));
    return ranks.agreeOn(inputs.all());
}

/// Command lines that are wrong before anything is read.
bool complain(const Options& options) {
    const bool texts = !options.run.texts.empty();
    const char* what = nullptr;
    if (!texts && !options.tasks.any()) what = "name documents with --text, or a task";
    if (!texts && !(options.klBase.empty() && options.saveLogits.empty()))
        what = "a logits file is about documents: name them with --text";
    if (texts && options.run.contexts.empty()) what = "name the context lengths with --contexts";
    if (options.tasks.passkey && options.run.contexts.empty())
        what = "--passkey: name the context lengths with --contexts";
    if (what) std::cerr << "qroar: evaluate: " << what << '\n';
    return what != nullptr;
}

int run(const Options& options, Ranks& ranks) {
    if (complain(options)) return exitUsage;
    useThreads(options.common);
    Outcome<Evaluation> evaluation = Error::cancelled();
    ProgressSink unheard; // preparing is short
    Status ready = ranks.together("preparation", unheard, [&]() -> Status {
        evaluation = prepare(options, ranks);
        if (!evaluation) return evaluation.error();
        if (options.tasks.any() && ranks.first()) {
            const AnalysisPlan& plan = evaluation->plan;
            auto tasks = prepareTasks(options.tasks, *plan.model, plan.contexts);
            if (!tasks) return tasks.error();
            evaluation->tasks = std::move(*tasks);
        }
        if (options.run.texts.empty()) return Done{};
        auto estimate = estimateAnalysis(evaluation->plan);
        if (!estimate) return estimate.error();
        for (const std::string& note : estimate->notes) std::cerr << "note: " << note << '\n';
        return Done{};
    });
    if (ready) ready = agreeOnInputs(options, *evaluation, ranks);
    if (!ready) return fail(ready.error());
    const Convention convention = options.convention == "all" ? Convention::All : Convention::LastHalf;
    const auto findings = runAll(options, *evaluation, ranks);
    if (!findings) return fail(findings.error());
    if (options.common.json)
        printJson(options, *evaluation, *findings, convention);
    else
        printText(*evaluation, *findings, convention);
    return findings->cancelled ? exitCancelled : exitDone;
}

} // namespace

void addEvaluate(CLI::App& program, Ranks& ranks, int& result) {
    auto options = std::make_shared<Options>();
    CLI::App* command = program.add_subcommand(
        "evaluate", "perplexity, divergence and controls per context length and position");
    addRunOptions(*command, options->run);
    command->get_option("--text")->required(false); // tasks need neither
    command->get_option("--contexts")->required(false);
    command
        ->add_option("--convention", options->convention,
                     "which tokens count: all, or last-half (llama-perplexity)")
        ->check(CLI::IsMember({"all", "last-half"}))
        ->capture_default_str();
    command->add_option("--scales", options->scales,
                        "run.h5[:NAME]: every condition also with these scales, and what the controls say");
    command->add_flag("--reference", options->reference,
                      "also run full precision: the reference of KL and of the controls");
    command->add_option(
        "--reference-model", options->referenceModel,
        "for a quantized MODEL: the full-precision checkpoint it was made from, as FP and FP+g");
    command->add_option("--kl-base", options->klBase,
                        "reference predictions from a logits file of llama-perplexity");
    command->add_option("--save-logits", options->saveLogits,
                        "write the predictions of the first condition as such a file");
    addTaskOptions(*command, options->tasks);
    checkCommonValues(*command);
    addCommon(*command, options->common);
    command->callback([options, &ranks, &result] { result = run(*options, ranks); });
}

} // namespace qroar::cli
