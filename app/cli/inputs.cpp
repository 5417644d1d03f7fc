#include "app/cli/inputs.h"

#include "core/base/strings.h"
#include "core/inference/layer_weights.h"
#include "core/scales/folded_gains.h"
#include "core/session/scales_file.h"

#include <cmath>
#include <iostream>
#include <omp.h>

namespace qroar::cli {

namespace {
std::string& typedCommand() {
    static std::string text;
    return text;
}
} // namespace

void rememberCommandLine(int argc, char** argv) {
    std::string& text = typedCommand();
    for (int at = 0; at < argc; ++at) {
        const std::string word = at == 0 ? "qroar" : argv[at];
        const bool quote = word.empty() || word.find_first_of(" \t'\"$*?&;|<>()") != std::string::npos;
        text += (at > 0 ? " " : "") + (quote ? "'" + word + "'" : word);
    }
}

std::string commandLine() {
    return typedCommand();
}

void addRunOptions(CLI::App& command, RunOptions& options) {
    command.add_option("MODEL", options.model, "HF folder, .safetensors or .gguf file, or llama2.c .bin")
        ->required();
    command
        .add_option("--text", options.texts,
                    "documents: .txt .md .jsonl .npy .u16 .u32 (as many as you like)")
        ->required();
    command.add_option("--contexts", options.contexts, "context lengths in tokens, e.g. 256,1024,4096")
        ->required()
        ->delimiter(',');
    command
        .add_option("--rope", options.ropes,
                    "RoPE specs: none model linear:4 ntk:4 dynamic:4 yarn:4[:orig=N:beta_fast=X...] llama3:8 "
                    "longrope")
        ->delimiter(',')
        ->capture_default_str();
    command
        .add_option(
            "--quant", options.quants,
            "weight variants: none, rtn:BITS:gSIZE[:sym], rtn:BITS:row, awq:BITS:gSIZE[:sym], "
            "gptq:BITS:gSIZE[:sym][:act]; stored for a checkpoint that is quantized [the model as it is]")
        ->delimiter(',');
    command.add_option("--calib-text", options.calibrationTexts,
                       "documents that awq and gptq are calibrated on; without it, those of --text");
    command.add_option("--imatrix", options.imatrix, imatrixHelp);
    command
        .add_option("--calib-windows", options.calibrationWindows,
                    "at most N windows of them, evenly spread, of each context length")
        ->check(fromOne())
        ->capture_default_str();
    command.add_option("--max-windows", options.maxWindows, "at most N windows of each document; 0 = all")
        ->check(fromZero())
        ->capture_default_str();
    command.add_option("--field", options.jsonField, "text field of .jsonl documents")->capture_default_str();
}

namespace {

CLI::Validator finiteFrom(double least) {
    const auto check = [least](const std::string& text) {
        double value = 0;
        const bool fine = CLI::detail::lexical_cast(text, value) && std::isfinite(value) && value >= least;
        return fine ? std::string()
                    : "expected a finite number from " + formatNumber(least) + " on, found " + text;
    };
    return CLI::Validator(check, "");
}

} // namespace

CLI::Validator fromZero() {
    return finiteFrom(0);
}
CLI::Validator fromOne() {
    return finiteFrom(1);
}

void useThreads(const Common& common) {
    if (common.threads > 0) omp_set_num_threads(common.threads);
}

Outcome<std::vector<RopeSpec>> parseRopes(const std::vector<std::string>& texts) {
    std::vector<RopeSpec> specs;
    for (const std::string& text : texts) {
        auto spec = RopeSpec::parse(text);
        if (!spec) return spec.error();
        specs.push_back(std::move(*spec));
    }
    return specs;
}

Outcome<std::vector<QuantSpec>> parseQuants(const std::vector<std::string>& texts) {
    std::vector<QuantSpec> specs;
    for (const std::string& text : texts) {
        auto spec = QuantSpec::parse(text);
        if (!spec) return spec.error();
        specs.push_back(*spec);
    }
    return specs;
}

namespace {

Status checkTheyExist(const std::vector<std::filesystem::path>& paths) {
    std::error_code ignored;
    for (const auto& path : paths)
        if (!std::filesystem::exists(path, ignored))
            return Error::notFound(path.string() + ": no such document");
    return Done{};
}

} // namespace

Outcome<std::shared_ptr<const std::vector<Document>>>
readDocuments(const Model& model, const std::vector<std::filesystem::path>& paths,
              const std::string& jsonField, std::shared_ptr<const Tokenizer>* used) {
    if (Status there = checkTheyExist(paths); !there) return there.error();
    const int vocabSize = model.config().vocabSize;
    const auto holdsText = [](const std::filesystem::path& path) {
        const auto suffix = path.extension();
        return suffix != ".npy" && suffix != ".u16" && suffix != ".u32";
    };
    std::shared_ptr<const Tokenizer> tokenizer;
    if (std::any_of(paths.begin(), paths.end(), holdsText)) {
        auto loaded = loadTokenizerFor(model.path(), vocabSize);
        if (!loaded) return loaded.error();
        tokenizer = *loaded;
    }
    if (used) *used = tokenizer;
    DocumentOptions options;
    options.jsonField = jsonField;
    auto documents = loadDocuments(paths, tokenizer.get(), vocabSize, options);
    if (!documents) return documents.error();
    std::vector<Document> kept; // the same text twice would count as two independent documents
    for (Document& document : *documents) {
        const auto same = [&document](const Document& one) {
            return one.fingerprint == document.fingerprint;
        };
        if (std::none_of(kept.begin(), kept.end(), same))
            kept.push_back(std::move(document));
        else
            std::cerr << "note: " << document.name
                      << " is named twice, or a copy of another one: read once\n";
    }
    return std::make_shared<const std::vector<Document>>(std::move(kept));
}

Outcome<std::shared_ptr<const ImportanceMatrix>> readImportance(const std::string& path, const Model& model) {
    if (path.empty()) return std::shared_ptr<const ImportanceMatrix>();
    auto matrix = ImportanceMatrix::open(path);
    if (!matrix) return matrix.error();
    if (Status fits = matrix->fits(model.config()); !fits) return fits.error();
    return std::shared_ptr<const ImportanceMatrix>(std::make_shared<ImportanceMatrix>(*std::move(matrix)));
}

Outcome<AnalysisPlan> makePlan(const RunOptions& options, std::shared_ptr<const Tokenizer>* used) {
    AnalysisPlan plan;
    auto ropes = parseRopes(options.ropes);
    if (!ropes) return ropes.error();
    auto quants = parseQuants(options.quants);
    if (!quants) return quants.error();
    plan.ropes = withoutRepeats(std::move(*ropes));
    plan.quants = withoutRepeats(std::move(*quants));
    plan.contexts = withoutRepeats(options.contexts);
    plan.maxWindows = options.maxWindows;
    plan.command = commandLine();

    // A wrong name is said at once, not after a large model has been read.
    const std::vector<std::filesystem::path> paths(options.texts.begin(), options.texts.end());
    const std::vector<std::filesystem::path> calibration(options.calibrationTexts.begin(),
                                                         options.calibrationTexts.end());
    for (const auto& named : {paths, calibration})
        if (Status there = checkTheyExist(named); !there) return there.error();
    auto model = openModel(options.model);
    if (!model) return model.error();
    plan.model = *model;
    if (plan.quants.empty()) plan.quants = {plainQuant(*plan.model)};
    auto importance = readImportance(options.imatrix, *plan.model);
    if (!importance) return importance.error();
    plan.importance = *std::move(importance);
    plan.documents = std::make_shared<const std::vector<Document>>();
    if (paths.empty()) return plan;
    auto documents = readDocuments(*plan.model, paths, options.jsonField, used);
    if (!documents) return documents.error();
    plan.documents = *documents;
    plan.maxCalibrationWindows = options.calibrationWindows;
    if (!calibration.empty()) {
        auto read = readDocuments(*plan.model, calibration, options.jsonField);
        if (!read) return read.error();
        plan.calibration = *read;
    }
    return plan;
}

Outcome<std::shared_ptr<const ScaleSet>> readScales(const std::string& text, const Model& model,
                                                    const std::vector<Document>* measured,
                                                    std::vector<SeenDocument>* notHeldOut,
                                                    std::vector<int>* contexts) {
    auto stored = loadScalesFrom(text);
    if (!stored) return stored.error();
    ScaleSet& set = stored->scales;
    const QkGains& gains = set.gains;
    const ModelConfig& config = model.config();
    if (!gains.fits(config))
        return Error::bad(text + ": the scales are for " + std::to_string(gains.layers) + " layers, "
                          + std::to_string(gains.heads) + " query and " + std::to_string(gains.kvHeads)
                          + " key heads of " + std::to_string(gains.pairs) + " pairs; "
                          + model.path().string() + " has " + std::to_string(config.layers) + ", "
                          + std::to_string(config.heads) + ", " + std::to_string(config.kvHeads) + " and "
                          + std::to_string(config.pairs()));
    const auto note = [&text](const std::string& words) {
        std::cerr << "note: " << text << ": " << words << '\n';
    };
    if (set.modelFingerprint != model.fingerprint())
        note("these scales were found for another model of the same shape");
    if (!stored->finished) note("the search that found these scales was stopped before its end");
    if (gains.isIdentity()) note("all gains are 1: they change nothing");
    if (const std::string twice = foldedWarning(model.path(), gains); !twice.empty()) note(twice);
    const auto seen = measured ? seenDocuments(stored->searchedOn, *measured) : std::vector<SeenDocument>();
    for (const SeenDocument& one : seen) note(one.words() + ": figures of it are not held out");
    if (notHeldOut) *notHeldOut = seen;
    if (contexts) *contexts = stored->contexts;
    return std::make_shared<const ScaleSet>(std::move(set));
}

bool sameScaling(const Model& model, const RopeSpec& a, const RopeSpec& b) {
    const RopeModel rope = model.config().ropeModel();
    const int context = 2 * std::max(1, model.config().trainedContext());
    const auto first = buildFrequencyTable(a, rope, context), second = buildFrequencyTable(b, rope, context);
    return first && second && first->omega == second->omega
           && std::abs(first->attentionFactor - second->attentionFactor) < 1e-12;
}

} // namespace qroar::cli
