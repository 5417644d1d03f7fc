#include "core/exporting/verify_export.h"

#include "core/base/strings.h"
#include "core/exporting/model_writer.h"
#include "core/exporting/rounded_model.h"
#include "core/inference/forward.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

/// All logits of a run, [tokens of all windows, vocab].
class LogitsStore final : public LogitsSink {
  public:
    LogitsStore(std::ptrdiff_t tokens, std::ptrdiff_t context, std::ptrdiff_t vocab)
        : logits_(tokens, vocab), context_(context) {}
    void deliver(int window, int firstPosition, ConstMatrixView block) override {
        for (std::ptrdiff_t row = 0; row < block.rows; ++row)
            std::copy_n(block.row(row), block.cols,
                        logits_.row(window * context_ + firstPosition + row)); // every row once
    }
    [[nodiscard]] const Matrix& logits() const { return logits_; }

  private:
    Matrix logits_;
    std::ptrdiff_t context_;
};

Error wrong(const std::filesystem::path& folder, const std::string& what) {
    return Error::bad("the export was read back and is not what it should be: " + what
                      + "; nothing was left in " + folder.parent_path().string());
}

std::vector<Window> asWindows(const std::vector<std::vector<TokenId>>& tokens) {
    std::vector<Window> windows;
    for (const auto& ids : tokens) windows.push_back({0, static_cast<int>(windows.size()), ids});
    return windows;
}

Outcome<LogitsStore> runModel(const std::shared_ptr<const Model>& model,
                              std::shared_ptr<const WeightSource> weights, const RopeSpec& rope,
                              const QkGains& gains, const std::vector<std::vector<TokenId>>& tokens,
                              WorkMeter& meter) {
    const int context = static_cast<int>(tokens.front().size());
    const auto table = buildFrequencyTable(rope, model->config().ropeModel(), context);
    if (!table) return table.error();
    LogitsStore store(static_cast<std::ptrdiff_t>(tokens.size()) * context, context,
                      model->config().vocabSize);
    ForwardPass pass(model, *table, std::move(weights), context, gains);
    if (Status ran = pass.run(asWindows(tokens), nullptr, store, meter); !ran) return ran.error();
    return store;
}

/// Largest difference, and the root mean squares of the difference and of `a`.
struct Difference {
    double most = 0, rms = 0, rmsOfFirst = 0, largestFirst = 0;
    /// As what the export differs by from exact gains.
    void noteIn(Verification& result) const {
        result.maxUnroundedDifference = most;
        result.relativeUnroundedRms = rmsOfFirst > 0 ? rms / rmsOfFirst : rms;
    }
};
Difference differenceOf(const Matrix& a, const Matrix& b) {
    Difference result;
    double squares = 0, own = 0;
    const std::ptrdiff_t count = a.rows() * a.cols();
    for (std::ptrdiff_t at = 0; at < count; ++at) {
        const double first = a.data()[at], difference = first - static_cast<double>(b.data()[at]);
        result.most = std::max(result.most, std::isnan(difference) ? INFINITY : std::abs(difference));
        result.largestFirst = std::max(result.largestFirst, std::abs(first));
        squares += difference * difference;
        own += first * first;
    }
    result.rms = std::sqrt(squares / static_cast<double>(std::max<std::ptrdiff_t>(1, count)));
    result.rmsOfFirst = std::sqrt(own / static_cast<double>(std::max<std::ptrdiff_t>(1, count)));
    return result;
}

double relative(double a, double b) {
    return a == b ? 0 : std::abs(a - b) / std::abs(b);
}

/// Tables of the source under `rope` and of the export under what it stores, at short and long contexts.
Outcome<double> rotaryDifference(const VerifyTask& task, const ModelConfig& exported) {
    const ModelConfig& source = task.fold.model->config();
    double most = 0;
    const long long window = static_cast<long long>(task.windows.front().size());
    for (const long long context :
         {window, static_cast<long long>(source.trainedContext()),
          static_cast<long long>(exported.maxPositions), 4LL * exported.maxPositions}) {
        const auto wanted = buildFrequencyTable(task.rope, source.ropeModel(), context);
        if (!wanted) return wanted.error();
        RopeSpec stored;
        stored.kind = RopeKind::Model;
        const auto found = buildFrequencyTable(stored, exported.ropeModel(), context);
        if (!found) return found.error();
        if (found->omega.size() != wanted->omega.size()) return INFINITY;
        most = std::max(most, relative(found->attentionFactor, wanted->attentionFactor));
        for (std::size_t pair = 0; pair < wanted->omega.size(); ++pair)
            most = std::max(most, relative(found->omega[pair], wanted->omega[pair]));
    }
    return most;
}

/// What other loaders build from the written files.
Outcome<std::optional<RopeAudit>> auditOf(const VerifyTask& task, const ModelConfig& exported) {
    if (exported.architecture == "llama2.c") return std::optional<RopeAudit>();
    const auto ours =
        buildFrequencyTable(task.rope, task.fold.model->config().ropeModel(), exported.maxPositions);
    if (!ours) return ours.error();
    auto audit = auditWritten(*ours, exported);
    if (!audit) return audit.error();
    return std::optional<RopeAudit>(std::move(*audit));
}

/// Codes and zero points of one projection that differ, and scales that do. Row r of the export is row
/// rows[r] of what was folded (empty: r).
void compareCodes(const QuantizedMatrix& found, const QuantizedMatrix& wanted,
                  const std::vector<std::ptrdiff_t>& rows, Verification& result) {
    if (found.rows != wanted.rows || found.cols != wanted.cols || found.groups != wanted.groups) {
        *result.codesChanged += wanted.rows * wanted.cols;
        return;
    }
    for (std::ptrdiff_t row = 0; row < found.rows; ++row) {
        const std::ptrdiff_t from = rows.empty() ? row : rows[static_cast<std::size_t>(row)];
        for (std::ptrdiff_t input = 0; input < found.cols; ++input)
            *result.codesChanged += found.codes[static_cast<std::size_t>(row * found.cols + input)]
                                    != wanted.codes[static_cast<std::size_t>(from * found.cols + input)];
        for (std::ptrdiff_t group = 0; group < found.groups; ++group) {
            const auto at = static_cast<std::size_t>(row * found.groups + group);
            const auto there = static_cast<std::size_t>(from * found.groups + group);
            *result.codesChanged += found.zeros[at] != wanted.zeros[there];
            result.scalesChanged += found.scales[at] != wanted.scales[there];
        }
    }
}

/// Compares every layer's codes with the folded ones of the source.
Status compareAllCodes(const VerifyTask& task, const WeightSource& found, Verification& result,
                       WorkMeter& meter) {
    const ModelConfig& config = task.fold.model->config();
    result.codesChanged = 0;
    for (int layer = 0; layer < config.layers; ++layer) {
        if (meter.cancelled()) return Error::cancelled();
        const auto stored = found.quantized(layer);
        if (!stored) return Error::bad("layer " + std::to_string(layer) + " has no codes");
        const auto wanted = foldLayer(task.fold, layer, &meter);
        if (!wanted) return wanted.error();
        if (!wanted->codes) return Error::bad("layer " + std::to_string(layer) + " should have no codes");
        for (const Projection p : allProjections) {
            if (meter.cancelled()) return Error::cancelled();
            const auto at = static_cast<std::size_t>(p);
            std::vector<std::ptrdiff_t> rows;
            if (config.pairLayout == PairLayout::Interleaved && (p == Projection::Q || p == Projection::K))
                rows = halfSplitRows(config, p == Projection::Q ? config.heads : config.kvHeads);
            compareCodes(stored->projection[at], wanted->codes->projection[at], rows, result);
        }
    }
    return Done{};
}

/// Unit of rounding of the coarsest type in the export.
double coarsestUnit(const VerifyTask& task) {
    const auto unitOf = [](DType type) {
        return type == DType::BF16 ? 0x1p-8 : type == DType::F16 ? 0x1p-11 : 1e-6;
    };
    const FoldTask& fold = task.fold;
    double unit = fold.scales ? unitOf(dtypeOf(*fold.scales)) : 1e-6;
    if (fold.dense) return std::max(unit, unitOf(*fold.dense));
    for (const TensorView& tensor : fold.model->tensors()) // a patch keeps the types it finds
        if (tensor.isFloat()) unit = std::max(unit, unitOf(tensor.type));
    return unit;
}

Status judge(const VerifyTask& task, const Verification& result, const std::filesystem::path& folder) {
    if (result.codesChanged.value_or(0) > 0)
        return wrong(folder, formatCount(*result.codesChanged) + " codes or zero points changed");
    if (result.scalesChanged > 0)
        return wrong(folder, formatCount(result.scalesChanged) + " scales are not what was written");
    if (!(result.rotaryDifference <= 1e-12))
        return wrong(folder, "its config.json gives other rotary frequencies, by up to "
                                 + formatNumber(100 * result.rotaryDifference) + " %");
    if (Status loaders = judgeLoaders(task, result); !loaders) return wrong(folder, loaders.error().message);
    if (!(result.maxLogitDifference <= 1e-4 * std::max(1.0, result.largestLogit)))
        return wrong(folder, "logits differ by up to " + formatNumber(result.maxLogitDifference)
                                 + " from those of the model in memory");
    const double explained = 8 * std::sqrt(task.fold.model->config().layers) * coarsestUnit(task);
    if (!(result.relativeUnroundedRms <= explained))
        return wrong(folder, "logits differ from those of the exact scales by "
                                 + formatNumber(100 * result.relativeUnroundedRms)
                                 + " % (root mean square), rounding explains at most "
                                 + formatNumber(100 * explained) + " %");
    return Done{};
}

/// An export that was opened again.
struct ReadBack {
    std::shared_ptr<const Model> model;
    std::shared_ptr<const WeightSource> weights;
    Verification result; ///< windows and frequencies are known

    /// Its logits, under the scaling it stores.
    [[nodiscard]] Outcome<LogitsStore> run(const VerifyTask& task, WorkMeter& meter) const {
        RopeSpec own;
        own.kind = RopeKind::Model;
        return runModel(model, weights, own, {}, task.windows, meter);
    }
};

Outcome<ReadBack> readBack(const VerifyTask& task, const std::filesystem::path& path) {
    const char* const where = "the export cannot be read back";
    ReadBack back;
    const auto model = openModel(path);
    if (!model) return model.error().in(where);
    back.model = *model;
    const auto rotary = rotaryDifference(task, back.model->config());
    if (!rotary) return rotary.error().in(where);
    const auto weights = openWeights(back.model, plainQuant(*back.model));
    if (!weights) return weights.error().in(where);
    back.weights = *weights;
    back.result.windows = static_cast<int>(task.windows.size());
    back.result.context = static_cast<int>(task.windows.front().size());
    back.result.rotaryDifference = *rotary;
    auto audit = auditOf(task, back.model->config());
    if (!audit) return audit.error().in(where);
    back.result.rope = std::move(*audit);
    return back;
}

Outcome<Difference> againstExactGains(const VerifyTask& task, const LogitsStore& found, WorkMeter& meter) {
    const FoldTask& fold = task.fold;
    const auto exact = runModel(fold.model, fold.weights, task.rope, fold.gains, task.windows, meter);
    if (!exact) return exact.error();
    return differenceOf(found.logits(), exact->logits());
}

} // namespace

std::vector<std::vector<TokenId>> verificationWindows(int vocabSize, int count, int length) {
    std::vector<std::vector<TokenId>> windows(static_cast<std::size_t>(count));
    std::uint64_t state = 0x9E3779B97F4A7C15u;
    for (auto& window : windows)
        for (int position = 0; position < length; ++position) { // a linear congruential generator (Knuth)
            state = state * 6364136223846793005u + 1442695040888963407u;
            window.push_back(static_cast<TokenId>((state >> 33) % static_cast<std::uint64_t>(vocabSize)));
        }
    return windows;
}

std::vector<std::string> loaderNotes(const Verification& verification) {
    std::vector<std::string> notes;
    if (!verification.rope) return notes;
    const RopeAudit& audit = *verification.rope;
    for (const LoaderVerdict& verdict : audit.loaders)
        if (const std::string text = verdictText(verdict, audit.context); !audit.gguf && !text.empty())
            notes.push_back("RoPE: " + text);
    if (!audit.gguf) return notes;
    for (const RopeWarning& warning : audit.warnings)
        if (warning.key == "rope.scaling") notes.push_back("RoPE: " + warning.text);
    return notes;
}

Status judgeLoaders(const VerifyTask& task, const Verification& verification) {
    if (!verification.rope) return Done{};
    const RopeAudit& audit = *verification.rope;
    const bool rewritten = audit.gguf || task.rope != task.fold.model->config().storedRope;
    const LoaderVerdict& verdict = audit.of(audit.gguf ? RopeLoader::LlamaCpp : RopeLoader::Transformers5);
    if (!rewritten || verdict.status == LoaderStatus::Same) return Done{};
    return Error::bad(verdictText(verdict, audit.context));
}

double verificationWork(const ModelConfig& config, const std::vector<std::vector<TokenId>>& windows) {
    if (windows.empty()) return 0;
    const int context = static_cast<int>(windows.front().size());
    return 3.0 * static_cast<double>(windows.size()) * ForwardPass::operations(config, context);
}

Outcome<Verification> compareWithMemory(const VerifyTask& task, const std::filesystem::path& path,
                                        WorkMeter& meter) {
    auto back = readBack(task, path);
    if (!back) return back.error();
    const auto found = back->run(task, meter);
    if (!found) return found.error();
    const auto unrounded = againstExactGains(task, *found, meter);
    if (!unrounded) return unrounded.error();
    back->result.largestLogit = unrounded->largestFirst;
    back->result.maxLogitDifference = unrounded->most;
    unrounded->noteIn(back->result);
    return back->result;
}

Outcome<Verification> verifyExport(const VerifyTask& task, const std::filesystem::path& folder,
                                   WorkMeter& meter) {
    auto back = readBack(task, folder);
    if (!back) return back.error();
    const bool codes = plainQuant(*back->model).kind == QuantKind::Stored;
    if (task.fold.scales && !codes) return wrong(folder, "its weights are dense");
    if (codes)
        if (Status compared = compareAllCodes(task, *back->weights, back->result, meter); !compared)
            return compared.error();
    const auto found = back->run(task, meter);
    if (!found) return found.error();
    const FoldTask& fold = task.fold;
    const std::shared_ptr<const Model> rounded =
        fold.dense ? std::make_shared<RoundedModel>(*fold.model, *fold.dense) : fold.model;
    const auto wanted = runModel(rounded, foldedWeights(fold), task.rope, {}, task.windows, meter);
    if (!wanted) return wanted.error();
    const Difference folded = differenceOf(found->logits(), wanted->logits());
    back->result.largestLogit = folded.largestFirst;
    back->result.maxLogitDifference = folded.most;
    const auto unrounded = againstExactGains(task, *found, meter);
    if (!unrounded) return unrounded.error();
    unrounded->noteIn(back->result);
    if (Status judged = judge(task, back->result, folder); !judged) return judged.error();
    return back->result;
}

} // namespace qroar
