#include "core/exporting/llama2c_export.h"

#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/exporting/file_target.h"
#include "core/exporting/foldability.h"
#include "core/exporting/staging_folder.h"
#include "core/model/projection_shape.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace qroar {

namespace {

constexpr double workPerByte = 200;
constexpr std::uint64_t spareBytes = 1 << 20;
constexpr std::uint64_t headerBytes = 28;
constexpr double theta = 10000, epsilon = 1e-5; // what run.c computes with, whatever a file says

/// Where every list of the file begins.
struct Places {
    std::uint64_t embedding = headerBytes, attentionNorm = 0, feedForwardNorm = 0, finalNorm = 0, tables = 0,
                  head = 0, end = 0;
    std::uint64_t projection[7] = {};
};

struct Plan {
    FoldTask fold;
    RopeSpec rope;
    std::vector<std::vector<TokenId>> windows;
    std::vector<std::string> notes;
    double largestSnap = 1;
    Places places;
};

std::uint64_t floats(long long count) {
    return 4 * static_cast<std::uint64_t>(count);
}

std::uint64_t bytesOf(const ModelConfig& config, Projection projection) {
    const auto shape = projectionShape(config, projection);
    return floats(shape[0] * shape[1]);
}

Places placesOf(const ModelConfig& config) {
    Places places;
    std::uint64_t next = headerBytes;
    const auto take = [&next](std::uint64_t bytes) {
        const std::uint64_t at = next;
        next += bytes;
        return at;
    };
    const auto layers = static_cast<std::uint64_t>(config.layers);
    const auto takeAll = [&](std::initializer_list<Projection> projections) {
        for (const Projection p : projections)
            places.projection[static_cast<int>(p)] = take(layers * bytesOf(config, p));
    };
    const std::uint64_t table = floats(static_cast<long long>(config.vocabSize) * config.hiddenSize);
    places.embedding = take(table);
    places.attentionNorm = take(layers * floats(config.hiddenSize));
    takeAll({Projection::Q, Projection::K, Projection::V, Projection::O});
    places.feedForwardNorm = take(layers * floats(config.hiddenSize));
    takeAll({Projection::Gate, Projection::Down, Projection::Up});
    places.finalNorm = take(floats(config.hiddenSize));
    places.tables = take(2 * floats(static_cast<long long>(config.maxPositions) * config.pairs()));
    places.head = take(config.tiedEmbeddings ? 0 : table);
    places.end = next;
    return places;
}

/// What a model has that run.c does not compute, one sentence each.
std::vector<std::string> beyondLlama2c(const ModelConfig& c, const RopeSpec& rope) {
    std::vector<std::string> found;
    const auto when = [&found](bool is, std::string text) {
        if (is) found.push_back(std::move(text));
    };
    bool windows = false, otherRope = c.localTheta.has_value();
    for (int layer = 0; layer < c.layers; ++layer) {
        windows = windows || (c.windowOf(layer) > 0 && c.windowOf(layer) < c.maxPositions);
        otherRope = otherRope || c.ropeOf(layer) != LayerRope::Scaled;
    }
    when(rope.kind != RopeKind::None, "RoPE scaling (" + rope.text() + ")");
    when(c.ropeTheta != theta, "RoPE base " + formatNumber(c.ropeTheta) + " (run.c has 10000)");
    when(c.rmsEps != epsilon, "epsilon " + formatNumber(c.rmsEps) + " of the norms (run.c has 1e-05)");
    when(otherRope, "layers with another RoPE or none");
    when(windows, "layers with a window");
    when(c.rotaryDim != c.headDim, "dims without RoPE");
    when(c.queryDim() != c.hiddenSize, "heads that are not as wide as the stream together");
    when(c.hasQkvBias() || c.attentionBias || c.mlpBias, "biases");
    when(c.qkNorms, "norms of queries and keys");
    when(c.outputNorms, "norms behind attention and MLP");
    when(c.activation != Activation::Silu, "another activation than SiLU");
    when(c.attentionScale || c.attentionCap || c.logitCap || c.embeddingScale != 1 || c.residualScale != 1
             || c.logitScale != 1,
         "factors or caps of its own");
    return found;
}

Outcome<Plan> planLlama2c(const ExportRequest& request) {
    Plan plan;
    auto settled = settleRequest(request, plan.largestSnap);
    if (!settled) return settled.error();
    const ModelConfig& config = request.model->config();
    if (request.dtype && *request.dtype != DType::F32)
        return Error::unsupported(std::string("llama2.c version 0 is stored in F32, not in ")
                                  + dtypeName(*request.dtype));
    std::string reasons;
    for (const std::string& one : beyondLlama2c(config, settled->rope))
        reasons += (reasons.empty() ? "" : "; ") + one;
    if (!reasons.empty())
        return Error::unsupported("cannot be exported: llama2.c does not compute what this model has: "
                                  + reasons);
    const Foldability able =
        foldability(*request.model, {ExportFormat::Llama2c, DType::F32, {}}, settled->gains);
    if (!able.possible()) return Error::unsupported("cannot be exported: " + able.refusals.front());
    plan.notes = able.notes;
    plan.notes.push_back("the vocabulary is not in the file: run.c takes it from a tokenizer.bin");
    if (!settled->gains.isIdentity())
        plan.notes.push_back("a llama2.c file cannot say that gains are folded into it");
    plan.rope = settled->rope;
    plan.windows = settled->windows;
    plan.fold.model = request.model;
    plan.fold.weights = request.weights;
    plan.fold.gains = settled->gains;
    plan.fold.dense = DType::F32;
    plan.places = placesOf(config);
    return plan;
}

/// One file in progress.
class Writing {
  public:
    Writing(const Plan& plan, OutputFile& file, ModelRounding& rounding, WorkMeter& meter)
        : plan_(plan), config_(plan.fold.model->config()), file_(file), rounding_(rounding), meter_(meter) {}

    Status everything() {
        const Model& model = *plan_.fold.model;
        if (Status done = header(); !done) return done;
        if (Status done = table(plan_.places.embedding, model.embedding()); !done) return done;
        for (int at = 0; at < config_.layers; ++at)
            if (Status done = layer(at); !done) return done;
        if (Status done = put(plan_.places.finalNorm, model.normGains(model.finalNorm())); !done) return done;
        if (Status done = frequencies(); !done) return done;
        if (config_.tiedEmbeddings) return file_.finish();
        if (Status done = table(plan_.places.head, model.head()); !done) return done;
        return file_.finish();
    }

  private:
    Status put(std::uint64_t at, std::span<const float> values) {
        const auto bytes = std::as_bytes(values);
        if (Status done = file_.writeAt(at, bytes); !done) return done;
        if (!meter_.add(workPerByte * static_cast<double>(bytes.size()))) return Error::cancelled();
        meter_.reportNow();
        return Done{};
    }

    Status header() {
        const std::int32_t fields[] = {
            config_.hiddenSize,  config_.intermediateSize,
            config_.layers,      config_.heads,
            config_.kvHeads,     config_.tiedEmbeddings ? config_.vocabSize : -config_.vocabSize,
            config_.maxPositions};
        return file_.writeAt(0, std::as_bytes(std::span(fields)));
    }

    Status table(std::uint64_t at, const TensorView& tensor) {
        const long long width = tensor.shape[1], rowsAtOnce = std::max(1LL, (1LL << 20) / width);
        std::vector<float> values;
        for (long long row = 0; row < tensor.shape[0]; row += rowsAtOnce) {
            values.resize(static_cast<std::size_t>(std::min(rowsAtOnce, tensor.shape[0] - row) * width));
            tensor.toFloat(values.data(), row * width, static_cast<long long>(values.size()));
            if (Status done = put(at + floats(row * width), values); !done) return done;
        }
        return Done{};
    }

    /// Cosines and sines of every position; run.c passes over them.
    Status frequencies() {
        const auto count =
            static_cast<std::size_t>(config_.maxPositions) * static_cast<std::size_t>(config_.pairs());
        std::vector<float> cosines, sines;
        cosines.reserve(count);
        sines.reserve(count);
        for (int position = 0; position < config_.maxPositions; ++position)
            for (int pair = 0; pair < config_.pairs(); ++pair) {
                const double angle = position * std::pow(theta, -2.0 * pair / config_.headDim);
                cosines.push_back(static_cast<float>(std::cos(angle)));
                sines.push_back(static_cast<float>(std::sin(angle)));
            }
        if (Status done = put(plan_.places.tables, cosines); !done) return done;
        return put(plan_.places.tables + floats(static_cast<long long>(count)), sines);
    }

    Status layer(int index) {
        const auto folded = foldLayer(plan_.fold, index, &meter_);
        if (!folded) return folded.error();
        rounding_.scaled.add(folded->scaled);
        rounding_.narrowed.add(folded->narrowed);
        const LayerWeights& weights = *folded->weights;
        const std::uint64_t norm = static_cast<std::uint64_t>(index) * floats(config_.hiddenSize);
        if (Status done = put(plan_.places.attentionNorm + norm, weights.attentionNorm); !done) return done;
        if (Status done = put(plan_.places.feedForwardNorm + norm, weights.feedForwardNorm); !done)
            return done;
        for (const Projection p : allProjections)
            if (Status done = matrix(index, p, weights.matrix(p)); !done) return done;
        return Done{};
    }

    /// Rows of q and k in pairs of neighbours.
    Status matrix(int index, Projection p, ConstMatrixView values) {
        const std::uint64_t at = plan_.places.projection[static_cast<int>(p)]
                                 + static_cast<std::uint64_t>(index) * bytesOf(config_, p);
        std::vector<std::ptrdiff_t> rows;
        if (config_.pairLayout != PairLayout::Interleaved && (p == Projection::Q || p == Projection::K))
            rows = rowsInLayout(config_, p == Projection::Q ? config_.heads : config_.kvHeads,
                                PairLayout::Interleaved);
        std::vector<float> row;
        for (std::ptrdiff_t to = 0; to < values.rows; ++to) {
            const float* from = values.row(rows.empty() ? to : rows[static_cast<std::size_t>(to)]);
            if (Status done =
                    put(at + floats(to * values.cols), {from, static_cast<std::size_t>(values.cols)});
                !done)
                return done;
        }
        return Done{};
    }

    const Plan& plan_;
    const ModelConfig& config_;
    OutputFile& file_;
    ModelRounding& rounding_;
    WorkMeter& meter_;
};

Outcome<Verification> verify(const Plan& plan, const std::filesystem::path& file, WorkMeter& meter) {
    auto result = compareWithMemory({plan.fold, plan.rope, plan.windows}, file, meter);
    if (!result) return result.error();
    if (!(result->rotaryDifference <= 1e-12))
        return Error::bad("the export was read back and gives other rotary frequencies, by up to "
                          + formatNumber(100 * result->rotaryDifference) + " %");
    const double explained = 8 * std::sqrt(plan.fold.model->config().layers) * 1e-6;
    if (!(result->relativeUnroundedRms <= explained))
        return Error::bad("the export was read back and its logits differ by "
                          + formatNumber(100 * result->relativeUnroundedRms) + " % (root mean square)");
    return result;
}

} // namespace

Outcome<ExportEstimate> estimateLlama2c(const ExportRequest& request) {
    auto target = checkFileTarget(request, ".bin");
    if (!target) return target.error();
    auto plan = planLlama2c(request);
    if (!plan) return plan.error();
    ExportEstimate estimate;
    std::error_code ignored;
    estimate.freeBytes = std::filesystem::space(target->parent_path(), ignored).available;
    estimate.target = *target;
    estimate.bytes = plan->places.end;
    estimate.notes = plan->notes;
    return estimate;
}

Outcome<ExportReport> exportLlama2c(const ExportRequest& request, ProgressSink& sink) {
    const auto target = checkFileTarget(request, ".bin");
    if (!target) return target.error();
    auto plan = planLlama2c(request);
    if (!plan) return plan.error();
    if (Status room = checkFreeSpace(target->parent_path(), plan->places.end + spareBytes); !room)
        return room.error();
    ExportReport report;
    report.path = *target;
    report.format = exportFormatName(ExportFormat::Llama2c);
    report.rope = plan->rope;
    report.largestSnap = plan->largestSnap;
    report.notes = plan->notes;
    WorkMeter meter(sink, workPerByte * static_cast<double>(plan->places.end)
                              + verificationWork(request.model->config(), plan->windows));
    meter.setStage("writing");
    const Status written = writeAtomically(*target, [&](const std::filesystem::path& path) -> Status {
        std::error_code ignored;
        std::filesystem::remove(path, ignored); // OutputFile makes its own
        auto file = OutputFile::create(path, plan->places.end);
        if (!file) return file.error();
        if (Status done = Writing(*plan, *file, report.rounding, meter).everything(); !done) return done;
        meter.setStage("reading back");
        auto verified = verify(*plan, path, meter);
        if (!verified) return verified.error();
        report.verification = *verified;
        return meter.cancelled() ? Status(Error::cancelled()) : Status(Done{});
    });
    if (!written) return written.error();
    report.files.push_back(fileOf(*target));
    return report;
}

} // namespace qroar
