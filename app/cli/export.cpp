// qroar export MODEL: a folder that other stacks load, with the scales folded in; written, read back,
// verified.
#include "app/cli/commands.h"
#include "app/cli/inputs.h"
#include "app/cli/rope_tables.h"
#include "app/cli/validators.h"
#include "core/base/strings.h"
#include "core/exporting/export_model.h"
#include "core/exporting/gguf_export.h"
#include "core/quantize/calibrate.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <iostream>

namespace qroar::cli {

namespace {

struct Options {
    Common common;
    std::string model, output, format, quant, scales, rope = "model", type, imatrix;
    std::vector<std::string> verifyTexts, calibrationTexts;
    int calibrationContext = 0, calibrationWindows = 16;
    bool patch = false, snap = false, force = false, dryRun = false;
};

Outcome<QuantSpec> chosenQuant(const Options& options, const Model& model) {
    return options.quant.empty() ? Outcome<QuantSpec>(plainQuant(model)) : QuantSpec::parse(options.quant);
}

/// Token ids to verify with: of --verify-text, else of --calib-text, one document after the other.
Outcome<std::vector<TokenId>> verifyTokens(const Options& options, const Model& model) {
    const auto& texts = options.verifyTexts.empty() ? options.calibrationTexts : options.verifyTexts;
    if (texts.empty()) return std::vector<TokenId>();
    auto documents = readDocuments(model, {texts.begin(), texts.end()}, "text");
    if (!documents) return documents.error();
    std::vector<TokenId> tokens;
    for (const Document& document : **documents)
        tokens.insert(tokens.end(), document.tokens.begin(), document.tokens.end());
    return tokens;
}

/// The weights of a variant; awq and gptq look at --calib-text under the scaling that the export stores, at
/// --calib-context, else at the longest context that the scales were searched at (`searched`: those are the
/// weights their figures are of), else at what the scaling is for.
Outcome<std::shared_ptr<const WeightSource>>
chosenWeights(const Options& options, const std::shared_ptr<const Model>& model, const QuantSpec& quant,
              const RopeSpec& rope, const std::vector<int>& searched, ProgressSink& progress) {
    const auto importance = readImportance(options.imatrix, *model);
    if (!importance) return importance.error();
    if (*importance && quant.kind != QuantKind::Rtn && quant.kind != QuantKind::Awq)
        return Error::bad("--imatrix weighs rtn and awq, the export has --quant " + quant.text());
    if (*importance) return makeWeightsOn(nullptr, rope, 0, 0, model, quant, progress, importance->get());
    if (quant.kind != QuantKind::Awq && quant.kind != QuantKind::Gptq) return openWeights(model, quant);
    if (options.calibrationTexts.empty())
        return Error::bad("--quant " + quant.text() + " is calibrated: name documents with --calib-text");
    const auto& texts = options.calibrationTexts;
    auto documents = readDocuments(*model, {texts.begin(), texts.end()}, "text");
    if (!documents) return documents.error();
    const int longest = searched.empty() ? 0 : *std::max_element(searched.begin(), searched.end());
    const int context = options.calibrationContext > 0 ? options.calibrationContext
                        : longest > 0                  ? longest
                                      : deployedContext(rope, model->config().ropeModel(), **documents);
    std::cerr << "note: " << quant.text() << " is calibrated in windows of " << formatCount(context)
              << " tokens"
              << (longest > 0 && context != longest
                      ? "; the scales were searched with " + formatCount(longest)
                            + ": their figures are of other weights"
                      : "")
              << '\n';
    return makeWeightsOn(*documents, rope, context, options.calibrationWindows, model, quant, progress);
}

/// Says where scales come from when that is not what is exported.
void noteOrigin(const ScaleSet& set, const Model& model, const RopeSpec& rope, const QuantSpec& quant) {
    const auto found = RopeSpec::parse(set.rope);
    if (!found || !sameScaling(model, *found, rope) || set.quant != quant.text())
        std::cerr << "note: the scales were found under RoPE " << set.rope << " and weights " << set.quant
                  << "; the export has " << rope.text() << " and " << quant.text() << '\n';
}

Outcome<ExportRequest> makeRequest(const Options& options, ProgressSink& progress) {
    ExportRequest request;
    if (!options.format.empty()) {
        auto format = parseExportFormat(options.format);
        if (!format) return format.error();
        request.format = *format;
    }
    if (!options.type.empty() && request.format == ExportFormat::Gguf) {
        auto type = parseGgufType(options.type);
        if (!type) return type.error();
        request.ggufType = *type;
    } else if (!options.type.empty()) {
        auto type = parseExportType(options.type);
        if (!type) return type.error();
        request.dtype = *type;
    }
    auto rope = RopeSpec::parse(options.rope);
    if (!rope) return rope.error();
    auto model = openModel(options.model);
    if (!model) return model.error();
    request.model = *model;
    auto quant = chosenQuant(options, **model);
    if (!quant) return quant.error();
    if (rope->kind == RopeKind::Model) *rope = (*model)->config().storedRope;
    request.rope = *rope;
    std::vector<int> searched;
    if (!options.scales.empty()) {
        auto set = readScales(options.scales, **model, nullptr, nullptr, &searched);
        if (!set) return set.error();
        noteOrigin(**set, **model, *rope, *quant);
        request.gains = (*set)->gains;
        request.scalesName = (*set)->name;
    }
    auto weights = chosenWeights(options, *model, *quant, *rope, searched, progress);
    if (!weights) return weights.error();
    request.weights = *weights;
    if (!options.imatrix.empty())
        if (const auto importance = readImportance(options.imatrix, **model); importance && *importance)
            request.importance = (*importance)->record();
    auto tokens = verifyTokens(options, **model);
    if (!tokens) return tokens.error();
    request.verifyTokens = *std::move(tokens);
    request.patch = options.patch;
    request.snapToPowersOfTwo = options.snap;
    request.replace = options.force;
    request.target = options.output;
    return request;
}

Json roundingJson(const RoundingTally& tally) {
    return {{"values", tally.values},     {"inexact", tally.inexact}, {"subnormal", tally.subnormal},
            {"vanished", tally.vanished}, {"max", tally.maxRelative}, {"mean", tally.meanRelative()}};
}

Json reportJson(const ExportRequest& request, const ExportReport& report) {
    Json files = Json::array();
    for (const ExportedFile& file : report.files) {
        Json ranges = Json::array();
        for (const auto& [from, to] : file.changed) ranges.push_back({from, to});
        files.push_back({{"name", file.name}, {"bytes", file.bytes}, {"changed_ranges", std::move(ranges)}});
    }
    const Verification& v = report.verification;
    return {{"schema", 1},
            {"path", report.path.string()},
            {"format", report.format},
            {"patched", report.patched},
            {"quant", request.weights->spec().text()},
            {"imatrix", request.importance.empty() ? Json(nullptr) : Json(request.importance)},
            {"rope", report.rope.text()},
            {"scales", request.scalesName.empty() ? Json(nullptr) : Json(request.scalesName)},
            {"files", std::move(files)},
            {"rounding",
             {{"scaled", roundingJson(report.rounding.scaled)},
              {"other", roundingJson(report.rounding.narrowed)}}},
            {"snap_factor_max", report.largestSnap},
            {"verification",
             {{"windows", v.windows},
              {"context", v.context},
              {"largest_logit", v.largestLogit},
              {"max_abs_logit_difference", v.maxLogitDifference},
              {"max_abs_logit_difference_unrounded", v.maxUnroundedDifference},
              {"relative_rms_unrounded", v.relativeUnroundedRms},
              {"codes_changed", v.codesChanged ? Json(*v.codesChanged) : Json(nullptr)},
              {"scales_changed", v.scalesChanged},
              {"scale_rounding_max", report.rounding.scaled.maxRelative},
              {"rotary_difference_max", v.rotaryDifference},
              {"rope_loaders", v.rope ? verdictsJson(*v.rope) : Json(nullptr)}}},
            {"notes", report.notes}};
}

std::string percent(double share) {
    return formatNumber(std::round(share * 1e6) / 1e4) + " %";
}

void printRounding(const char* what, const RoundingTally& tally) {
    std::cout << what << formatCount(tally.values) << " stored";
    if (tally.inexact == 0) {
        std::cout << ", none rounded\n";
        return;
    }
    std::cout << ", " << formatCount(tally.inexact) << " rounded, by at most " << percent(tally.maxRelative)
              << ", " << percent(tally.meanRelative()) << " on average\n";
    if (tally.subnormal + tally.vanished > 0)
        std::cout << "           " << formatCount(tally.subnormal) << " are subnormal and less precise, "
                  << formatCount(tally.vanished) << " became 0\n";
}

/// Which loaders compute the same RoPE; what is lost in the others is among the notes.
void printVerdicts(const RopeAudit& audit) {
    std::string same;
    for (const LoaderVerdict& verdict : audit.loaders)
        if (verdict.status == LoaderStatus::Same)
            same += (same.empty() ? "" : ", ") + std::string(ropeLoaderName(verdict.loaded.loader));
    std::cout << "RoPE:      the same in " << (same.empty() ? "no other loader" : same) << '\n';
}

void printReport(const ExportReport& report) {
    Table table(report.patched
                    ? std::vector<std::string>{"file", "bytes", "ranges that changed", "bytes in them"}
                    : std::vector<std::string>{"file", "bytes"});
    for (const ExportedFile& file : report.files) {
        std::vector<std::string> row{file.name, formatCount(static_cast<long long>(file.bytes))};
        if (report.patched) {
            std::uint64_t bytes = 0;
            for (const auto& [from, to] : file.changed) bytes += to - from;
            row.push_back(formatCount(static_cast<long long>(file.changed.size())));
            row.push_back(formatCount(static_cast<long long>(bytes)));
        }
        table.add(std::move(row));
    }
    std::cout << (report.patched ? "patched " : "exported ") << report.format << " with RoPE "
              << report.rope.text() << " to " << report.path.string() << "\n\n";
    table.print();
    const Verification& v = report.verification;
    std::cout << '\n';
    if (report.rounding.scaled.values > 0) // of ggml blocks, rounding is what was asked for
        printRounding("scaled:    ", report.rounding.scaled);
    if (report.rounding.narrowed.inexact > 0) printRounding("others:    ", report.rounding.narrowed);
    if (report.largestSnap > 1)
        std::cout << "snapped:   gains changed by at most a factor of " << fixed(report.largestSnap, 4)
                  << '\n';
    std::cout << "read back: " << v.windows << " windows of " << v.context << " tokens, logits up to "
              << fixed(v.largestLogit, 2) << "; difference to the model in memory "
              << significant(v.maxLogitDifference, 3) << ", to exact scales "
              << significant(v.maxUnroundedDifference, 3) << " (root mean square "
              << percent(v.relativeUnroundedRms) << ")\n";
    if (v.codesChanged) std::cout << "           codes changed: " << formatCount(*v.codesChanged) << '\n';
    if (v.rope) printVerdicts(*v.rope);
}

int estimate(const Options& options, const ExportRequest& request) {
    const auto result = estimateExport(request);
    if (!result) return fail(result.error());
    for (const std::string& note : result->notes) std::cerr << "note: " << note << '\n';
    if (options.common.json)
        print({{"schema", 1},
               {"estimate",
                {{"path", result->target.string()},
                 {"bytes", result->bytes},
                 {"free_bytes", result->freeBytes}}},
               {"notes", result->notes}});
    else
        std::cout << formatBytes(static_cast<double>(result->bytes)) << " to " << result->target.string()
                  << "; " << formatBytes(static_cast<double>(result->freeBytes)) << " are free there\n";
    return exitDone;
}

int run(const Options& options) {
    if (options.format.empty() && !options.patch) {
        std::cerr << "qroar: export: name a format with --format (or patch a checkpoint with --patch)\n";
        return exitUsage;
    }
    useThreads(options.common);
    std::signal(SIGXFSZ, SIG_IGN); // a file that may not grow is an error to report, not the end
    ConsoleProgress progress;
    const auto request = makeRequest(options, progress);
    if (!request) return fail(request.error());
    if (options.dryRun) return estimate(options, *request);
    const auto report = exportModel(*request, progress);
    progress.finishLine();
    if (!report) return fail(report.error());
    for (const std::string& note : report->notes) std::cerr << "note: " << note << '\n';
    if (options.common.json)
        print(reportJson(*request, *report));
    else
        printReport(*report);
    return exitDone;
}

void addOptions(CLI::App& command, Options& options) {
    command.add_option("MODEL", options.model, "HF folder, .safetensors or .gguf file, or llama2.c .bin")
        ->required();
    auto* format = command
                       .add_option("--format", options.format,
                                   "hf (dense), awq, gptq, gptq-v2, compressed-tensors, gguf or llama2c")
                       ->check(exportFormatValue());
    command.add_option("--quant", options.quant,
                       "weight variant to write, as in analyze [the model as it is stored]");
    command.add_option("--scales", options.scales, "scales of a search: run.h5 (its last) or run.h5:NAME");
    command.add_option("--rope", options.rope, "RoPE scaling to store in config.json")->capture_default_str();
    command
        .add_option("--dtype", options.type,
                    "f16, bf16 or f32: type of everything that is not codes; with gguf that of the linear "
                    "layers: f32, f16, bf16, q8_0, q6_k, q5_1, q5_0, q4_k, q4_1 or q4_0 [f16]")
        ->check(exportTypeValue());
    command
        .add_flag("--patch", options.patch,
                  "copy the checkpoint byte for byte and overwrite only the numbers that scales touch")
        ->excludes(format);
    command.add_flag("--snap-pow2", options.snap,
                     "round the scales to powers of two first: they fold without rounding");
    command.add_option("--calib-text", options.calibrationTexts,
                       "documents that awq and gptq are calibrated on");
    command.add_option("--imatrix", options.imatrix, imatrixHelp);
    command
        .add_option("--calib-windows", options.calibrationWindows, "at most N windows of them, evenly spread")
        ->check(fromOne())
        ->capture_default_str();
    command
        .add_option("--calib-context", options.calibrationContext,
                    "tokens of such a window [the longest context of the search, else factor * trained "
                    "context, at most 2048]")
        ->check(fromOne());
    command.add_option("--verify-text", options.verifyTexts,
                       "documents whose first tokens the export is verified with [those of --calib-text, "
                       "else pseudo-random tokens]");
    command
        .add_option("-o,--output", options.output,
                    "folder to export into; with gguf (patches of .gguf, too) and llama2c a file name")
        ->required();
    command.add_flag("--force", options.force, "replace a model that is there");
    command.add_flag("--dry-run", options.dryRun, "only check and say how large it gets");
}

} // namespace

void addExport(CLI::App& program, int& result) {
    auto options = std::make_shared<Options>();
    CLI::App* command =
        program.add_subcommand("export", "a folder for other stacks, scales folded in and verified");
    addOptions(*command, *options);
    checkCommonValues(*command);
    addCommon(*command, options->common);
    command->callback([options, &result] { result = run(*options); });
}

} // namespace qroar::cli
