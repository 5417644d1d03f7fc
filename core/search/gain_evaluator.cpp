#include "core/search/gain_evaluator.h"

#include "core/base/strings.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace qroar {

namespace {

/// Operations of the output head for one window, in the unit of ForwardPass::operations.
double headOperations(const ModelConfig& config, int context) {
    return 2.0 * context * config.hiddenSize * config.vocabSize;
}

double layerOperations(const ModelConfig& config, int context) {
    return (ForwardPass::operations(config, context) - headOperations(config, context)) / config.layers;
}

/// Mean NLL per context, summed in double in the order of the windows.
struct NllSums {
    std::vector<double> sums;
    std::vector<long long> tokens;

    explicit NllSums(std::size_t contexts) : sums(contexts, 0.0), tokens(contexts, 0) {}
    [[nodiscard]] std::vector<double> means() const {
        std::vector<double> result;
        for (std::size_t at = 0; at < sums.size(); ++at)
            result.push_back(sums[at] / static_cast<double>(tokens[at]));
        return result;
    }
};

std::string overflowIn(const Window& window, int context) {
    return "the model's output or its gradient is not a number in document " + std::to_string(window.document)
           + ", window " + std::to_string(window.index) + " at context " + formatCount(context)
           + ": its activations overflow under these gains";
}

/// What a set of gains is worth under which the model computes nothing.
GainEvaluation overflowed(std::size_t contexts, double forwardEquivalents, std::string where) {
    return {std::vector<double>(contexts, std::numeric_limits<double>::infinity()), forwardEquivalents,
            std::move(where)};
}

bool allFinite(const std::vector<double>& values) {
    return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

} // namespace

struct GainEvaluator::Batch {
    std::size_t context = 0; ///< index
    std::span<const Window> windows;
    ForwardPass pass;
    std::vector<bool> keeps;         ///< [layers] whether the stream below the layer is kept
    std::vector<Matrix> base, trial; ///< [layers] [tokens, hidden]; empty where nothing is kept
};

GainEvaluator::GainEvaluator() = default;
GainEvaluator::GainEvaluator(GainEvaluator&&) noexcept = default;
GainEvaluator& GainEvaluator::operator=(GainEvaluator&&) noexcept = default;
GainEvaluator::~GainEvaluator() = default;

Outcome<GainEvaluator> GainEvaluator::make(std::shared_ptr<const Model> model,
                                           std::shared_ptr<const WeightSource> weights, const RopeSpec& rope,
                                           const std::vector<Document>& documents, std::vector<int> contexts,
                                           int maxWindows, double memoryBudget) {
    if (contexts.empty()) return Error::bad("a search needs at least one context length");
    GainEvaluator evaluator;
    const ModelConfig& config = model->config();
    double streamBytes = 0; // of the streams of all windows below one layer
    for (const int context : contexts) {
        if (context < 2)
            return Error::bad("context " + std::to_string(context) + ": expected at least 2 tokens");
        auto table = buildFrequencyTable(rope, config.ropeModel(), context);
        if (!table) return table.error();
        auto windows = cutWindows(documents, context, maxWindows);
        if (!windows) return windows.error();
        const auto count = static_cast<double>(windows->size());
        streamBytes += 4.0 * count * context * config.hiddenSize;
        evaluator.passOperations_ += count * ForwardPass::operations(config, context);
        evaluator.gradientCost_ += count * ReversePass::operations(config, context);
        evaluator.trainedContext_ = table->trainedContext;
        evaluator.tables_.push_back(std::move(*table));
        evaluator.windows_.push_back(std::move(*windows));
    }
    evaluator.gradientCost_ /= evaluator.passOperations_;
    evaluator.model_ = std::move(model);
    evaluator.weights_ = std::move(weights);
    evaluator.contexts_ = std::move(contexts);
    evaluator.cutBatches(memoryBudget / 2 / streamBytes);
    return evaluator;
}

/// `streams`: below how many layers the streams of a base and of a trial fit the budget. They are kept below
/// every n-th layer, with the least n that fits; never below layer 0, where the embedding makes them.
void GainEvaluator::cutBatches(double streams) {
    const ModelConfig& config = model_->config();
    const auto layers = static_cast<std::size_t>(config.layers);
    std::vector<bool> keeps(layers, false);
    if (streams >= 1) {
        const auto stride =
            std::max(std::size_t{1}, static_cast<std::size_t>(std::ceil((config.layers - 1) / streams)));
        for (std::size_t layer = stride; layer < layers; layer += stride) keeps[layer] = true;
    }
    for (std::size_t context = 0; context < contexts_.size(); ++context) {
        const std::span<const Window> windows = windows_[context];
        const int length = contexts_[context];
        const auto perBatch = static_cast<std::size_t>(
            std::max<std::ptrdiff_t>(1, ForwardPass::batchTokens(config, length) / length));
        for (std::size_t first = 0; first < windows.size(); first += perBatch)
            batches_.push_back(std::make_unique<Batch>(
                Batch{context, windows.subspan(first, std::min(perBatch, windows.size() - first)),
                      ForwardPass(model_, tables_[context], weights_, length), keeps,
                      std::vector<Matrix>(layers), std::vector<Matrix>(layers)}));
    }
}

int GainEvaluator::windowCount() const {
    std::size_t count = 0;
    for (const auto& windows : windows_) count += windows.size();
    return static_cast<int>(count);
}

int GainEvaluator::lowestChangedLayer(const QkGains& gains) const {
    if (!base_) return 0;
    const int layers = model_->config().layers;
    const auto differs = [layers](int layer, const std::vector<double>& a, const std::vector<double>& b) {
        const auto size = static_cast<std::ptrdiff_t>(a.size()) / layers, first = layer * size;
        return !std::equal(a.begin() + first, a.begin() + first + size, b.begin() + first);
    };
    int layer = 0;
    while (layer < layers && !differs(layer, gains.q, base_->q) && !differs(layer, gains.k, base_->k))
        ++layer;
    return layer;
}

/// From the highest kept stream that the change leaves alone to the logits. Streams that a later trial could
/// start from are kept on the way. Adds the operations it took.
Status GainEvaluator::runBatch(Batch& batch, const QkGains& gains, NllSink& sink, WorkMeter& meter,
                               double& operations) const {
    const ModelConfig& config = model_->config();
    int layer = std::min(firstChanged_, config.layers - 1);
    while (layer > 0 && batch.base[static_cast<std::size_t>(layer)].rows() == 0) --layer;
    Residual stream = batch.pass.embed(batch.windows);
    if (layer > 0) stream.x = batch.base[static_cast<std::size_t>(layer)];
    const int context = contexts_[batch.context];
    operations +=
        static_cast<double>(batch.windows.size())
        * ((config.layers - layer) * layerOperations(config, context) + headOperations(config, context));
    batch.pass.setGains(gains);
    for (; layer < config.layers; ++layer) {
        const auto at = static_cast<std::size_t>(layer);
        if (layer > firstChanged_ && batch.keeps[at]) batch.trial[at] = stream.x;
        if (Status ran = batch.pass.runLayers(stream, layer, layer + 1, nullptr, meter); !ran) return ran;
    }
    return batch.pass.streamLogits(stream, sink, 0, meter);
}

Outcome<GainEvaluation> GainEvaluator::evaluate(const QkGains& gains, WorkMeter& meter) {
    last_.reset();
    firstChanged_ = lowestChangedLayer(gains);
    NllSums sums(contexts_.size());
    double operations = 0;
    for (const auto& batch : batches_) {
        NllSink sink(batch->windows);
        if (Status ran = runBatch(*batch, gains, sink, meter, operations); !ran) return ran.error();
        for (std::size_t at = 0; at < batch->windows.size(); ++at) {
            double sum = 0;
            for (const float value : sink.nll()[at]) sum += value;
            if (!std::isfinite(sum))
                return overflowed(contexts_.size(), operations / passOperations_,
                                  overflowIn(batch->windows[at], contexts_[batch->context]));
            sums.sums[batch->context] += sum;
            sums.tokens[batch->context] += static_cast<long long>(sink.nll()[at].size());
        }
    }
    last_ = gains;
    return GainEvaluation{sums.means(), operations / passOperations_, {}};
}

void GainEvaluator::keepLast() {
    assert(last_);
    for (const auto& batch : batches_)
        for (std::size_t layer = 0; layer < batch->trial.size(); ++layer)
            if (static_cast<int>(layer) > firstChanged_ && batch->keeps[layer])
                std::swap(batch->base[layer], batch->trial[layer]);
    base_ = std::move(last_);
    last_.reset();
}

Outcome<GainGradient> GainEvaluator::gradient(const SearchSpace& space, std::span<const double> theta,
                                              WorkMeter& meter) {
    const QkGains gains = space.toGains(theta);
    NllSums sums(contexts_.size());
    GainGradient result;
    std::string overflow;
    const int longest = *std::max_element(contexts_.begin(), contexts_.end());
    for (std::size_t context = 0; context < contexts_.size(); ++context) {
        ReversePass pass(model_, tables_[context], weights_, contexts_[context], gains);
        const auto& windows = windows_[context];
        const auto take = [&](int at, const QkGradient& gradient) {
            const Window& window = windows[static_cast<std::size_t>(at)];
            sums.sums[context] += gradient.nll;
            sums.tokens[context] += gradient.tokens;
            result.windows.push_back({static_cast<int>(context), window.document, space.gradient(gradient),
                                      window.index * contexts_[context] / longest});
            if (!std::isfinite(gradient.nll) || !allFinite(result.windows.back().sums))
                overflow = overflowIn(window, contexts_[context]);
        };
        if (Status ran = pass.run(windows, 1, take, meter); !ran) return ran.error();
        if (!overflow.empty())
            return GainGradient{overflowed(contexts_.size(), gradientCost_, overflow), {}, {}};
    }
    result.value = {sums.means(), gradientCost_, {}};
    result.tokens = std::move(sums.tokens);
    return result;
}

} // namespace qroar
