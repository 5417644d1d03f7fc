#include "core/quantize/calibrate.h"

#include "core/inference/linear_inputs.h"
#include "core/quantize/awq.h"
#include "core/quantize/gptq.h"
#include "core/quantize/importance_weights.h"

#include <cmath>

namespace qroar {

namespace {

/// Tokens that go through a step together: enough for every thread, few enough to hold their hidden units.
constexpr int batchTokens = 4096;

/// Tokens of the windows on which the error of a block is measured (at least one window).
constexpr int sampleTokens = 4096;
long long sampledWindows(long long windows, int context) {
    return std::clamp<long long>(sampleTokens / context, 1, windows);
}

/// Some windows on their way through the layers.
struct Batch {
    Residual stream;
    Matrix heads; ///< [tokens, heads * headDim] of the layer in hand
};

class Calibration {
  public:
    Calibration(std::shared_ptr<const Model> model, const QuantSpec& spec, const CalibrationSet& set,
                WorkMeter& meter)
        : model_(std::move(model)), spec_(spec), set_(set), meter_(meter),
          inputs_(model_->config(), set.table, set.context) {}

    Outcome<std::vector<std::shared_ptr<const QuantizedLayer>>> run() {
        embed();
        std::vector<std::shared_ptr<const QuantizedLayer>> layers;
        const int count = model_->config().layers;
        for (int layer = 0; layer < count; ++layer) {
            const std::string stage =
                spec_.text() + " layer " + std::to_string(layer + 1) + "/" + std::to_string(count);
            meter_.setStage(stage);
            auto weights = std::make_shared<LayerWeights>();
            weights->load(*model_, layer);
            auto quantized = spec_.kind == QuantKind::Awq ? awq(layer, weights) : gptq(weights);
            if (!quantized) return meter_.cancelled() ? quantized.error() : quantized.error().in(stage);
            layers.push_back(std::make_shared<const QuantizedLayer>(std::move(*quantized)));
        }
        return layers;
    }

  private:
    void embed() {
        const ForwardPass pass(model_, set_.table, QuantSpec{}, set_.context);
        const auto perBatch = static_cast<std::size_t>(std::max(1, batchTokens / set_.context));
        const std::span<const Window> windows = set_.windows;
        for (std::size_t first = 0; first < windows.size(); first += perBatch)
            batches_.push_back(
                {pass.embed(windows.subspan(first, std::min(perBatch, windows.size() - first))), {}});
    }

    /// The stream of some windows, evenly spread.
    [[nodiscard]] std::vector<Residual> sample() const {
        const std::size_t wanted = static_cast<std::size_t>(
            sampledWindows(static_cast<long long>(set_.windows.size()), set_.context));
        const auto perBatch = batches_.front().stream.windows.size();
        std::vector<Residual> streams;
        for (std::size_t at = 0; at < wanted; ++at) {
            const std::size_t window = at * set_.windows.size() / wanted;
            const Residual& batch = batches_[window / perBatch].stream;
            BatchWindow placed = batch.windows[window % perBatch];
            Residual one{{}, Matrix(placed.context, batch.x.cols())};
            std::copy_n(batch.x.row(placed.firstRow), placed.context * batch.x.cols(), one.x.data());
            placed.firstRow = 0;
            one.windows.push_back(placed);
            streams.push_back(std::move(one));
        }
        return streams;
    }

    /// Moves all batches to where `input` is computed and adds it to the moments.
    void collect(LinearInput input, const std::shared_ptr<const LayerWeights>& weights,
                 InputMoments& moments) {
        Matrix read;
        for (Batch& batch : batches_) {
            if (meter_.cancelled()) return;
            switch (input) {
            case LinearInput::Attention:
                inputs_.attention(*weights, batch.stream, read, meter_);
                break;
            case LinearInput::Output:
                inputs_.output(weights, batch.stream, batch.heads, meter_);
                break;
            case LinearInput::FeedForward:
                inputs_.addAttention(*weights, batch.heads.view(), batch.stream, meter_);
                inputs_.feedForward(*weights, batch.stream, read, meter_);
                break;
            case LinearInput::Down:
                inputs_.down(*weights, batch.stream, read, meter_);
                break;
            }
            moments.add(input == LinearInput::Output ? batch.heads.view() : read.view(), meter_);
        }
    }

    void finish(const LayerWeights& weights) {
        for (Batch& batch : batches_) inputs_.addFeedForward(weights, batch.stream, meter_);
    }

    [[nodiscard]] Status check(const InputMoments& moments) const {
        if (meter_.cancelled()) return Error::cancelled();
        if (!moments.finite())
            return Error::bad(
                "the model's activations on the calibration text are not numbers: they overflow");
        return Done{};
    }

    Outcome<QuantizedLayer> awq(int layer, const std::shared_ptr<const LayerWeights>& weights) {
        const BlockErrors blocks(model_->config(), inputs_, weights, sample(), meter_);
        LayerMoments moments(model_->config());
        for (const LinearInput input : allInputs) {
            collect(input, weights, moments.of(input));
            if (Status fine = check(moments.of(input)); !fine) return fine.error();
        }
        finish(*weights);
        QuantizedLayer result = quantizeAwq(*model_, layer, spec_, weights, moments, blocks, {}, meter_);
        if (meter_.cancelled()) return Error::cancelled();
        return result;
    }

    /// Replaces the weights by what they became, projection by projection.
    Outcome<QuantizedLayer> gptq(const std::shared_ptr<LayerWeights>& weights) {
        QuantizedLayer result;
        for (const LinearInput input : allInputs) {
            InputMoments moments(inputWidth(model_->config(), input));
            collect(input, weights, moments);
            if (Status fine = check(moments); !fine) return fine.error();
            const auto factor = GptqFactor::make(moments, spec_.actOrder, meter_);
            if (!factor) return factor.error();
            const Matrix gram = moments.gram();
            for (const Projection projection : allProjections)
                if (inputOf(projection) == input)
                    gptqProjection(projection, *factor, gram, moments.tokens(), *weights, result);
        }
        finish(*weights);
        if (meter_.cancelled()) return Error::cancelled();
        return result;
    }

    void gptqProjection(Projection projection, const GptqFactor& factor, const Matrix& gram, long long tokens,
                        LayerWeights& weights, QuantizedLayer& result) {
        const auto at = static_cast<std::size_t>(projection);
        const Matrix original = weights.projection[at];
        long long clipped = 0;
        result.projection[at] = quantizeGptq(spec_, original.view(), factor, meter_, &clipped);
        result.projection[at].dequantize(weights.projection[at].view());
        result.distortion[at] = distortionBetween(original.view(), weights.projection[at].view());
        result.distortion[at].clipped = clipped;
        result.outputDistortion[at] =
            outputDistortion(original.view(), weights.projection[at].view(), gram.view(), tokens, meter_);
    }

    static constexpr LinearInput allInputs[] = {LinearInput::Attention, LinearInput::Output,
                                                LinearInput::FeedForward, LinearInput::Down};
    std::shared_ptr<const Model> model_;
    QuantSpec spec_;
    const CalibrationSet& set_;
    WorkMeter& meter_;
    LinearInputs inputs_;
    std::vector<Batch> batches_;
};

/// Widths of the four inputs, and rows of the projections that read them.
struct InputShape {
    double width = 0, rows = 0;
};
std::array<InputShape, 4> inputShapes(const ModelConfig& c) {
    return {{{static_cast<double>(c.hiddenSize), c.queryDim() + 2.0 * c.keyDim()},
             {static_cast<double>(c.queryDim()), static_cast<double>(c.hiddenSize)},
             {static_cast<double>(c.hiddenSize), 2.0 * c.intermediateSize},
             {static_cast<double>(c.intermediateSize), static_cast<double>(c.hiddenSize)}}};
}

} // namespace

double LayerOutputError::relativeOutputError() const {
    return output.sumSquaredWeight > 0 ? std::sqrt(output.sumSquaredError / output.sumSquaredWeight) : 0;
}

Outcome<CalibratedWeights> calibrateWeights(std::shared_ptr<const Model> model, const QuantSpec& spec,
                                            const CalibrationSet& calibration, WorkMeter& meter) {
    if (!spec.needsCalibration())
        return Error::bad("quantization '" + spec.text() + "' needs no calibration");
    if (Status supported = checkQuantSupported(spec, *model); !supported) return supported.error();
    if (calibration.windows.empty()) return Error::bad(spec.text() + ": no calibration text");
    auto layers = Calibration(model, spec, calibration, meter).run();
    if (!layers) return layers.error();
    CalibratedWeights result{packedWeights(model, spec, std::move(*layers)), {}};
    result.errors = layerOutputErrors(*result.weights, model->config());
    return result;
}

Outcome<std::shared_ptr<const WeightSource>> makeWeights(std::shared_ptr<const Model> model,
                                                         const QuantSpec& spec,
                                                         const CalibrationSet* calibration,
                                                         WorkMeter& meter) {
    if (!spec.needsCalibration()) return openWeights(std::move(model), spec);
    if (!calibration) return Error::bad("quantization '" + spec.text() + "' needs calibration text");
    auto calibrated = calibrateWeights(std::move(model), spec, *calibration, meter);
    if (!calibrated) return calibrated.error();
    return std::move(calibrated->weights);
}

Outcome<std::shared_ptr<const WeightSource>>
makeWeightsOn(std::shared_ptr<const std::vector<Document>> documents, const RopeSpec& rope, int context,
              int mostWindows, std::shared_ptr<const Model> model, const QuantSpec& spec, ProgressSink& sink,
              const ImportanceMatrix* importance) {
    if (importance && usesImportance(spec)) {
        WorkMeter meter(sink, importanceOperations(model->config(), spec));
        return importanceWeights(std::move(model), spec, *importance, meter);
    }
    if (!spec.needsCalibration()) return openWeights(std::move(model), spec);
    if (!documents || documents->empty())
        return Error::bad(spec.text() + ": is calibrated on text: name documents");
    const ModelConfig& config = model->config();
    auto set = makeCalibrationSet(std::move(documents), rope, config.ropeModel(), context, mostWindows);
    if (!set) return set.error().in("calibration text");
    WorkMeter meter(
        sink, calibrationOperations(config, spec, static_cast<long long>(set->windows.size()), context));
    return makeWeights(std::move(model), spec, &*set, meter);
}

int deployedContext(const RopeSpec& rope, const RopeModel& model, const std::vector<Document>& documents,
                    int most) {
    double length = model.trainedContext();
    if (const auto table = buildFrequencyTable(rope, model, std::max(1, model.maxPositions)); table) {
        length = table->trainedContext;
        if (table->spec.kind == RopeKind::LongRope)
            length = model.maxPositions;
        else if (table->spec.kind != RopeKind::None)
            length *= table->spec.factor.value_or(table->factor);
    }
    std::size_t longest = 0;
    for (const Document& document : documents) longest = std::max(longest, document.tokens.size());
    if (longest >= 2) length = std::min(length, static_cast<double>(longest));
    return static_cast<int>(std::clamp(std::floor(length), 1.0, static_cast<double>(most)));
}

std::vector<LayerOutputError> layerOutputErrors(const WeightSource& weights, const ModelConfig& config) {
    std::vector<LayerOutputError> errors;
    if (!weights.spec().needsCalibration()) return errors;
    for (int layer = 0; layer < config.layers; ++layer) {
        const auto quantized = weights.quantized(layer);
        for (const Projection projection : allProjections) {
            const auto at = static_cast<std::size_t>(projection);
            errors.push_back({layer, projection, quantized->distortion[at], quantized->outputDistortion[at]});
        }
    }
    return errors;
}

double calibrationOperations(const ModelConfig& config, const QuantSpec& spec, long long windows,
                             int context) {
    if (!spec.needsCalibration()) return 0;
    const auto passes = static_cast<double>(windows);
    double layer = passes * LinearInputs::operations(config, context);
    if (spec.kind == QuantKind::Awq)
        layer += awqOperations(config, spec, sampledWindows(windows, context), context);
    for (const auto& [width, rows] : inputShapes(config)) {
        layer += passes * context * width * width;
        if (spec.kind == QuantKind::Gptq)
            layer += GptqFactor::operations(static_cast<std::ptrdiff_t>(width)) + 5 * rows * width * width;
    }
    return config.layers * layer;
}

double calibrationPeakBytes(const ModelConfig& config, const QuantSpec& spec, long long windows,
                            int context) {
    if (!spec.needsCalibration()) return 0;
    const double tokens = static_cast<double>(windows) * context,
                 inBatch = std::max<double>(batchTokens, context);
    double parameters = 0, squares = 0, widest = 0;
    for (const auto& [width, rows] : inputShapes(config)) {
        parameters += rows * width;
        squares += width * width;
        widest = std::max(widest, width);
    }
    const double streams = 4 * tokens * (config.hiddenSize + config.queryDim());
    const double step =
        4 * std::min(tokens, inBatch) * (widest + 2.0 * config.queryDim() + 2.0 * config.keyDim());
    // AWQ: four sums of products in double; GPTQ: sums, Hessian and factor in double, one of each in float.
    const double moments =
        spec.kind == QuantKind::Awq ? 8 * squares + 8 * widest * widest : 32 * widest * widest;
    // BlockErrors keeps of its windows two streams, heads and hidden units, and makes one window's anew.
    const double sampled =
        spec.kind == QuantKind::Awq
            ? 4.0 * context
                  * (static_cast<double>(sampledWindows(windows, context))
                         * (2.0 * config.hiddenSize + config.queryDim() + config.intermediateSize)
                     + std::max(config.intermediateSize, 2 * config.queryDim() + 2 * config.keyDim()))
            : 0;
    // First the moments of the inputs are summed, then the weights chosen.
    return streams + moments + std::max(step + 4 * parameters, sampled + 12 * parameters)
           + config.layers * parameters;
}

} // namespace qroar
