#include "core/exporting/gguf_export.h"

#include "core/base/strings.h"
#include "core/exporting/file_target.h"
#include "core/exporting/foldability.h"
#include "core/exporting/gguf_keys.h"
#include "core/exporting/gguf_vocabulary.h"
#include "core/exporting/staging_folder.h"
#include "core/model/gguf_file.h"
#include "core/model/hf_names.h"
#include "core/model/projection_shape.h"
#include "core/scales/folded_gains.h"
#include "qroar/version.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace qroar {

namespace {

constexpr double workPerByte = 200;
constexpr std::uint64_t spareBytes = 1 << 20;

struct TypeName {
    const char* name;
    GgmlType type;
    std::uint32_t fileType; ///< general.file_type
};
constexpr TypeName typeNames[] = {{"f32", GgmlType::F32, 0},    {"f16", GgmlType::F16, 1},
                                  {"bf16", GgmlType::BF16, 32}, {"q8_0", GgmlType::Q8_0, 7},
                                  {"q4_0", GgmlType::Q4_0, 2},  {"q4_1", GgmlType::Q4_1, 3},
                                  {"q5_0", GgmlType::Q5_0, 8},  {"q5_1", GgmlType::Q5_1, 9},
                                  {"q4_k", GgmlType::Q4_K, 14}, {"q6_k", GgmlType::Q6_K, 18}};

DType denseOf(GgmlType type) {
    return type == GgmlType::F32 ? DType::F32 : type == GgmlType::BF16 ? DType::BF16 : DType::F16;
}

/// Everything that is known before writing.
struct Plan {
    GgufDescription description;
    GgufKeys keys;
    std::vector<GgufTensorSpec> tensors;
    RopeSpec rope;
    FoldTask fold;
    std::vector<std::vector<TokenId>> windows;
    std::vector<std::string> notes;
    double largestSnap = 1;
    std::uint64_t bytes = 0;
};

/// Name of a linear layer, of its first part when several are stored as one.
std::string linearStem(const StoredLinear& linear) {
    static const char* const names[] = {"attn_q",   "attn_k", "attn_v",  "attn_output",
                                        "ffn_gate", "ffn_up", "ffn_down"};
    const Projection front = linear.parts.front();
    if (linear.parts.size() > 1) return front == Projection::Q ? "attn_qkv" : "ffn_up";
    return names[static_cast<int>(front)];
}

std::string normStem(Norm norm) {
    static const char* const names[] = {"attn_norm",     "ffn_norm",    "post_attention_norm",
                                        "post_ffw_norm", "attn_q_norm", "attn_k_norm"};
    return names[static_cast<int>(norm)];
}

std::string layerStem(int layer) {
    return "blk." + std::to_string(layer) + ".";
}

/// The type that a matrix of this width can have: the next finer one with smaller blocks, else F16.
GgmlType fitting(GgmlType type, long long width) {
    if (width % ggmlTypeFacts(type).blockElements == 0) return type;
    if (type == GgmlType::Q4_K) return fitting(GgmlType::Q5_0, width);
    if (type == GgmlType::Q6_K) return fitting(GgmlType::Q8_0, width);
    return GgmlType::F16;
}

/// Embedding and head: llama.cpp keeps them finer than four and five bits.
GgmlType tableType(GgmlType type, long long width) {
    const bool coarse = ggmlTypeFacts(type).isBlocked && type != GgmlType::Q8_0;
    return fitting(coarse ? GgmlType::Q8_0 : type, width);
}

std::vector<GgufTensorSpec> layoutOf(const Model& model, GgmlType type, const GgufDescription& description) {
    const ModelConfig& config = model.config();
    const long long width = config.hiddenSize;
    std::vector<GgufTensorSpec> tensors{
        {"token_embd.weight", {config.vocabSize, width}, tableType(type, width)}};
    if (!config.tiedEmbeddings)
        tensors.push_back({"output.weight", {config.vocabSize, width}, tableType(type, width)});
    tensors.push_back({"output_norm.weight", {width}, GgmlType::F32});
    for (const auto& [name, values] : description.divisors)
        tensors.push_back({name, {static_cast<long long>(values.size())}, GgmlType::F32});
    for (int layer = 0; layer < config.layers; ++layer) {
        for (const Norm norm : normsOf(config))
            tensors.push_back(
                {layerStem(layer) + normStem(norm) + ".weight", {normWidth(config, norm)}, GgmlType::F32});
        for (const StoredLinear& linear : storedLinears(config)) {
            auto shape = projectionShape(config, linear.parts.front());
            for (std::size_t part = 1; part < linear.parts.size(); ++part)
                shape[0] += projectionShape(config, linear.parts[part])[0];
            const std::string stem = layerStem(layer) + linearStem(linear);
            tensors.push_back({stem + ".weight", shape, fitting(type, shape[1])});
            if (model.bias(layer, linear.parts.front()))
                tensors.push_back({stem + ".bias", {shape[0]}, GgmlType::F32});
        }
    }
    return tensors;
}

Outcome<Plan> planGguf(const ExportRequest& request) {
    const Model& model = *request.model;
    if (Status fine = checkGains(request.gains, model.config()); !fine) return fine.error();
    Plan plan;
    auto settled = settleRequest(request, plan.largestSnap);
    if (!settled) return settled.error();
    plan.rope = settled->rope;
    plan.windows = settled->windows;
    auto described = describeGguf(model.config(), plan.rope, model.path().stem().string());
    if (!described) return described.error().in("cannot be exported as GGUF");
    plan.description = *std::move(described);
    if (plan.description.rows == PairLayout::HalfSplit
        && model.config().pairLayout == PairLayout::Interleaved)
        return Error::unsupported("cannot be exported as GGUF: interleaved rows of a "
                                  + model.config().architecture);
    const GgmlType type = request.ggufType.value_or(GgmlType::F16);
    plan.fold.model = request.model;
    plan.fold.weights = request.weights;
    plan.fold.gains = settled->gains;
    plan.fold.dense = DType::F32; // rounding is the encoder's
    plan.keys = plan.description.keys;
    const auto name = std::find_if(std::begin(typeNames), std::end(typeNames),
                                   [type](const TypeName& one) { return one.type == type; });
    plan.keys.u32("general.file_type", name->fileType);
    plan.keys.u32("general.quantization_version", 2);
    plan.keys.text("qroar.version", QROAR_VERSION);
    plan.keys.text("qroar.source", model.fingerprint());
    plan.keys.text("qroar.quant", request.weights->spec().text());
    plan.keys.text("qroar.rope", plan.rope.text());
    if (!settled->gains.isIdentity()) {
        plan.keys.text("qroar.scales", request.scalesName);
        plan.keys.text("qroar.gains", gainsFingerprint(settled->gains));
    }
    const GgufVocabulary vocabulary = ggufVocabulary(model);
    plan.keys.append(vocabulary.keys);
    plan.tensors = layoutOf(model, type, plan.description);
    plan.notes = plan.description.notes;
    plan.notes.insert(plan.notes.end(), vocabulary.notes.begin(), vocabulary.notes.end());
    const auto differs = [type](const GgufTensorSpec& tensor) {
        return tensor.shape.size() == 2 && tensor.name.starts_with("blk.") && tensor.type != type;
    };
    const auto first = std::find_if(plan.tensors.begin(), plan.tensors.end(), differs);
    if (first != plan.tensors.end())
        plan.notes.push_back(std::to_string(std::count_if(first, plan.tensors.end(), differs))
                             + " matrices are " + ggmlTypeFacts(first->type).name
                             + ": their rows are not whole blocks of "
                             + std::to_string(ggmlTypeFacts(type).blockElements));
    plan.bytes = GgufWriter::fileBytes(plan.keys, plan.tensors);
    return plan;
}

/// Rows of values as a type stores them.
void encode(std::span<const float> values, GgmlType type, std::vector<std::byte>& bytes) {
    const GgmlTypeFacts& facts = ggmlTypeFacts(type);
    if (!facts.isBlocked) return appendFloats(values, denseOf(type), bytes);
    const std::size_t blocks = values.size() / static_cast<std::size_t>(facts.blockElements),
                      at = bytes.size();
    bytes.resize(at + blocks * static_cast<std::size_t>(facts.blockBytes));
    quantizeBlocks(type, values.data(), bytes.data() + at, blocks);
}

/// One export in progress.
class Writing {
  public:
    Writing(const Plan& plan, GgufWriter& writer, ModelRounding& rounding, WorkMeter& meter)
        : plan_(plan), writer_(writer), rounding_(rounding), meter_(meter) {}

    Status everything();

  private:
    Status layer(int layer);
    Status matrix(const std::string& name, ConstMatrixView values, const std::vector<std::ptrdiff_t>& rows,
                  RoundingTally& tally);
    Status table(const std::string& name, const TensorView& tensor);
    Status vector(const std::string& name, std::span<const float> values);
    Status put(const std::string& name, RoundingTally* tally, std::span<float> values, GgmlType type);
    [[nodiscard]] GgmlType typeOf(const std::string& name) const;
    [[nodiscard]] std::vector<std::ptrdiff_t> rowOrder(Projection p) const;

    const Plan& plan_;
    GgufWriter& writer_;
    ModelRounding& rounding_;
    WorkMeter& meter_;
    std::vector<std::byte> buffer_;
    std::vector<float> row_;
};

GgmlType Writing::typeOf(const std::string& name) const {
    return std::find_if(plan_.tensors.begin(), plan_.tensors.end(),
                        [&name](const GgufTensorSpec& tensor) { return tensor.name == name; })
        ->type;
}

Status Writing::put(const std::string& name, RoundingTally* tally, std::span<float> values, GgmlType type) {
    if (!ggmlTypeFacts(type).isBlocked) {
        RoundingTally rounded;
        scaleAndRound(values, 1.0F, denseOf(type), rounded);
        if (rounded.overflowed > 0)
            return Error::unsupported(name + ": a number is larger than " + ggmlTypeFacts(type).name
                                      + " can hold; use --dtype f32 or bf16");
        if (tally) tally->add(rounded);
    }
    buffer_.clear();
    encode(values, type, buffer_);
    if (Status done = writer_.append(name, buffer_); !done) return done;
    if (!meter_.add(workPerByte * static_cast<double>(buffer_.size()))) return Error::cancelled();
    meter_.reportNow();
    return Done{};
}

Status Writing::matrix(const std::string& name, ConstMatrixView values,
                       const std::vector<std::ptrdiff_t>& rows, RoundingTally& tally) {
    constexpr std::ptrdiff_t block = 256;
    const GgmlType type = typeOf(name);
    for (std::ptrdiff_t first = 0; first < values.rows; first += block) {
        row_.clear();
        for (std::ptrdiff_t row = first; row < std::min(values.rows, first + block); ++row) {
            const float* from = values.row(rows.empty() ? row : rows[static_cast<std::size_t>(row)]);
            row_.insert(row_.end(), from, from + values.cols);
        }
        if (Status done = put(name, &tally, row_, type); !done) return done;
    }
    return Done{};
}

Status Writing::table(const std::string& name, const TensorView& tensor) {
    const GgmlType type = typeOf(name);
    const long long width = tensor.shape[1], rowsAtOnce = std::max(1LL, (1LL << 20) / width);
    for (long long row = 0; row < tensor.shape[0]; row += rowsAtOnce) {
        const long long count = std::min(rowsAtOnce, tensor.shape[0] - row) * width;
        row_.resize(static_cast<std::size_t>(count));
        tensor.toFloat(row_.data(), row * width, count);
        if (Status done = put(name, &rounding_.narrowed, row_, type); !done) return done;
    }
    return Done{};
}

Status Writing::vector(const std::string& name, std::span<const float> values) {
    row_.assign(values.begin(), values.end());
    return put(name, nullptr, row_, GgmlType::F32);
}

/// Row of the source for each row of the file; empty: as they are.
std::vector<std::ptrdiff_t> interleavedRows(const ModelConfig& config, int heads) {
    std::vector<std::ptrdiff_t> rows;
    for (int head = 0; head < heads; ++head)
        for (int pair = 0; pair < config.headDim / 2; ++pair)
            for (int half = 0; half < 2; ++half)
                rows.push_back(head * config.headDim + half * config.headDim / 2 + pair);
    return rows;
}

std::vector<std::ptrdiff_t> Writing::rowOrder(Projection p) const {
    const ModelConfig& config = plan_.fold.model->config();
    if (config.pairLayout == plan_.description.rows || (p != Projection::Q && p != Projection::K)) return {};
    return interleavedRows(config, p == Projection::Q ? config.heads : config.kvHeads);
}

Status Writing::layer(int layer) {
    const auto folded = foldLayer(plan_.fold, layer, &meter_);
    if (!folded) return folded.error();
    const LayerWeights& weights = *folded->weights;
    const ModelConfig& config = plan_.fold.model->config();
    for (const Norm norm : normsOf(config)) {
        std::vector<float> gains = gainsOf(weights, norm);               // never less 1
        gains.resize(static_cast<std::size_t>(normWidth(config, norm))); // one head's: all share it
        if (Status done = vector(layerStem(layer) + normStem(norm) + ".weight", gains); !done) return done;
    }
    for (const StoredLinear& linear : storedLinears(config)) {
        const std::string stem = layerStem(layer) + linearStem(linear);
        for (const Projection p : linear.parts) {
            RoundingTally& tally =
                p == Projection::Q || p == Projection::K ? rounding_.scaled : rounding_.narrowed;
            if (Status done = matrix(stem + ".weight", weights.matrix(p), rowOrder(p), tally); !done)
                return done;
        }
        for (const Projection p : linear.parts) {
            const std::vector<float>& bias = weights.biasOf(p);
            if (bias.empty()) continue;
            const auto rows = rowOrder(p);
            std::vector<float> ordered = bias;
            for (std::size_t row = 0; row < rows.size(); ++row)
                ordered[row] = bias[static_cast<std::size_t>(rows[row])];
            if (Status done = vector(stem + ".bias", ordered); !done) return done;
        }
    }
    return Done{};
}

Status Writing::everything() {
    const Model& model = *plan_.fold.model;
    if (Status done = table("token_embd.weight", model.embedding()); !done) return done;
    if (!model.config().tiedEmbeddings)
        if (Status done = table("output.weight", model.head()); !done) return done;
    if (Status done = vector("output_norm.weight", model.normGains(model.finalNorm())); !done) return done;
    for (const auto& [name, values] : plan_.description.divisors)
        if (Status done = vector(name, values); !done) return done;
    for (int at = 0; at < model.config().layers; ++at)
        if (Status done = layer(at); !done) return done;
    return writer_.finish();
}

/// Opens the file again: frequencies and logits must be those of the model in memory. Rounding to blocks is
/// part of what was asked for, so for block types the difference is reported, not judged.
Outcome<Verification> verify(const Plan& plan, const std::filesystem::path& file, bool exactTypes,
                             WorkMeter& meter) {
    auto result = compareWithMemory({plan.fold, plan.rope, plan.windows}, file, meter);
    if (!result) return result.error();
    const VerifyTask task{plan.fold, plan.rope, plan.windows};
    if (Status loaders = judgeLoaders(task, *result); !loaders)
        return loaders.error().in("the export was read back");
    if (!(result->rotaryDifference <= 2e-6)) // keys and divisors are 32-bit floats
        return Error::bad("the export was read back and gives other rotary frequencies, by up to "
                          + formatNumber(100 * result->rotaryDifference) + " %");
    const double explained = 8 * std::sqrt(plan.fold.model->config().layers) * 0x1p-8;
    if (exactTypes && !(result->relativeUnroundedRms <= explained))
        return Error::bad("the export was read back and its logits differ by "
                          + formatNumber(100 * result->relativeUnroundedRms)
                          + " % (root mean square), rounding explains at most "
                          + formatNumber(100 * explained) + " %");
    return result;
}

Outcome<ExportReport> patchGguf(const ExportRequest& request, ProgressSink& sink,
                                const std::filesystem::path& target) {
    double snap = 1;
    auto settled = settleRequest(request, snap);
    if (!settled) return settled.error();
    const Foldability able = patchability(*request.model, *request.weights, settled->gains);
    if (!able.possible()) return Error::unsupported("cannot be patched: " + able.refusals.front());
    if (!(settled->rope == resolvedStoredRope(*request.model)))
        return Error::unsupported("a patch keeps the RoPE scaling of the file ("
                                  + resolvedStoredRope(*request.model).text()
                                  + "); write the model anew (--format gguf) for " + settled->rope.text());
    const auto files = weightFiles(*request.model);
    if (!files) return files.error();
    if (files->size() != 1)
        return Error::unsupported("a split GGUF model cannot be patched; merge its parts first");
    ExportReport report;
    report.path = target;
    report.format = "gguf";
    report.patched = true;
    report.rope = settled->rope;
    report.largestSnap = snap;
    report.notes = able.notes;
    WorkMeter meter(sink, workPerByte * static_cast<double>(files->front().bytes)
                              + verificationWork(request.model->config(), settled->windows));
    meter.setStage("writing");
    const auto tensors = patchedTensors(*request.model, settled->gains);
    const Status written = writeAtomically(target, [&](const std::filesystem::path& path) -> Status {
        PatchedFile file = files->front();
        file.name = path.filename().string();
        std::error_code ignored;
        std::filesystem::remove(path, ignored);
        if (Status done =
                writePatched(file, tensors, path.parent_path(), report.rounding.scaled, workPerByte, meter);
            !done)
            return done;
        std::vector<ByteRange> allowed;
        for (const PatchedTensor& patched : tensors)
            allowed.emplace_back(patched.tensor->offset, patched.tensor->offset + patched.tensor->bytes);
        std::sort(allowed.begin(), allowed.end());
        auto changed = changedRanges(file.source, path, allowed);
        if (!changed) return changed.error();
        report.files.push_back({target.filename().string(), file.bytes, *std::move(changed)});
        meter.setStage("reading back");
        FoldTask fold;
        fold.model = request.model;
        fold.weights = request.weights;
        fold.gains = settled->gains;
        fold.dense = DType::F32;
        auto verified = compareWithMemory({fold, settled->rope, settled->windows}, path, meter);
        if (!verified) return verified.error();
        const double explained = 8 * std::sqrt(request.model->config().layers) * 0x1p-8;
        if (!(verified->relativeUnroundedRms <= explained))
            return Error::bad("the patch was read back and its logits differ by "
                              + formatNumber(100 * verified->relativeUnroundedRms) + " %");
        report.verification = *verified;
        for (std::string& text : loaderNotes(*verified)) report.notes.push_back(std::move(text));
        return meter.cancelled() ? Status(Error::cancelled()) : Status(Done{});
    });
    if (!written) return written.error();
    return report;
}

} // namespace

Outcome<GgmlType> parseGgufType(std::string_view name) {
    std::string known;
    for (const TypeName& one : typeNames) {
        if (name == one.name) return one.type;
        known += (known.empty() ? "" : ", ") + std::string(one.name);
    }
    return Error::bad("type '" + std::string(name.substr(0, 60)) + "': expected one of " + known);
}

bool isGguf(const ExportRequest& request) {
    if (request.patch) return request.model->format().starts_with("GGUF");
    return request.format == ExportFormat::Gguf;
}

Outcome<ExportEstimate> estimateGguf(const ExportRequest& request) {
    auto target = checkFileTarget(request, ".gguf");
    if (!target) return target.error();
    ExportEstimate estimate;
    std::error_code ignored;
    estimate.freeBytes = std::filesystem::space(target->parent_path(), ignored).available;
    estimate.target = *target;
    if (request.patch) {
        const auto files = weightFiles(*request.model);
        if (!files) return files.error();
        estimate.bytes = files->front().bytes;
        return estimate;
    }
    auto plan = planGguf(request);
    if (!plan) return plan.error();
    estimate.bytes = plan->bytes;
    estimate.notes = plan->notes;
    return estimate;
}

Outcome<ExportReport> exportGguf(const ExportRequest& request, ProgressSink& sink) {
    const auto target = checkFileTarget(request, ".gguf");
    if (!target) return target.error();
    if (request.patch) return patchGguf(request, sink, *target);
    auto plan = planGguf(request);
    if (!plan) return plan.error();
    if (Status room = checkFreeSpace(target->parent_path(), plan->bytes + spareBytes); !room)
        return room.error();
    ExportReport report;
    report.path = *target;
    report.format = "gguf";
    report.rope = plan->rope;
    report.largestSnap = plan->largestSnap;
    report.notes = plan->notes;
    WorkMeter meter(sink, workPerByte * static_cast<double>(plan->bytes)
                              + verificationWork(request.model->config(), plan->windows));
    meter.setStage("writing");
    const Status written = writeAtomically(*target, [&](const std::filesystem::path& path) -> Status {
        std::error_code ignored;
        std::filesystem::remove(path, ignored); // OutputFile makes its own
        auto writer = GgufWriter::create(path, plan->keys, plan->tensors);
        if (!writer) return writer.error();
        if (Status done = Writing(*plan, *writer, report.rounding, meter).everything(); !done) return done;
        meter.setStage("reading back");
        const bool exact = !ggmlTypeFacts(request.ggufType.value_or(GgmlType::F16)).isBlocked;
        auto verified = verify(*plan, path, exact, meter);
        if (!verified) return verified.error();
        report.verification = *verified;
        for (std::string& text : loaderNotes(*verified)) report.notes.push_back(std::move(text));
        return meter.cancelled() ? Status(Error::cancelled()) : Status(Done{});
    });
    if (!written) return written.error();
    report.files.push_back(fileOf(*target));
    return report;
}

} // namespace qroar
