#include "core/search/gain_evaluator.h"

#include "core/base/hash.h"
#include "core/base/strings.h"
#include "core/inference/batches.h"
#include "core/inference/reverse.h"
#include "core/ranks/bytes.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace qroar {

namespace {

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
    std::vector<Matrix> base, trial; ///< [layers] [tokens, hidden]; empty where nothing is kept
};

GainEvaluator::GainEvaluator() = default;
GainEvaluator::GainEvaluator(GainEvaluator&&) noexcept = default;
GainEvaluator& GainEvaluator::operator=(GainEvaluator&&) noexcept = default;
GainEvaluator::~GainEvaluator() = default;

Outcome<GainEvaluator> GainEvaluator::make(std::shared_ptr<const Model> model,
                                           std::shared_ptr<const WeightSource> weights, const RopeSpec& rope,
                                           const std::vector<Document>& documents, std::vector<int> contexts,
                                           int maxWindows, double memoryBudget, Ranks* ranks) {
    if (contexts.empty()) return Error::bad("a search needs at least one context length");
    GainEvaluator evaluator;
    if (!ranks) evaluator.alone_ = std::make_unique<Ranks>();
    evaluator.ranks_ = ranks ? ranks : evaluator.alone_.get();
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

WindowBlocks GainEvaluator::blocksOf(std::size_t context) const {
    const int length = contexts_[context];
    const BatchCut cut = BatchCut::of(ForwardPass::batchTokens(model_->config(), length), length);
    return {windows_[context].size(), cut.unit};
}

double GainEvaluator::largestShare() const {
    double operations = 0;
    for (std::size_t context = 0; context < contexts_.size(); ++context)
        operations += blocksOf(context).largestShare(ranks_->size())
                      * static_cast<double>(windows_[context].size())
                      * ForwardPass::operations(model_->config(), contexts_[context]);
    return operations / passOperations_;
}

/// `streams`: below how many layers the streams of a base and of a trial fit the budget. They are kept below
/// every n-th layer, with the least n that fits; never below layer 0, where the embedding makes them.
void GainEvaluator::cutBatches(double streams) {
    const ModelConfig& config = model_->config();
    const auto layers = static_cast<std::size_t>(config.layers);
    keeps_.assign(layers, false);
    held_.assign(layers, false);
    if (streams >= 1) {
        const auto stride =
            std::max(std::size_t{1}, static_cast<std::size_t>(std::ceil((config.layers - 1) / streams)));
        for (std::size_t layer = stride; layer < layers; layer += stride) keeps_[layer] = true;
    }
    for (std::size_t context = 0; context < contexts_.size(); ++context) {
        const int length = contexts_[context];
        const BatchCut cut = BatchCut::of(ForwardPass::batchTokens(config, length), length);
        const auto own = blocksOf(context).of(*ranks_);
        const auto windows = std::span<const Window>(windows_[context]).subspan(own.first, own.count);
        for (std::size_t first = 0; first < windows.size(); first += cut.windows)
            batches_.push_back(std::make_unique<Batch>(
                Batch{context, windows.subspan(first, std::min(cut.windows, windows.size() - first)),
                      ForwardPass(model_, tables_[context], weights_, length), std::vector<Matrix>(layers),
                      std::vector<Matrix>(layers)}));
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

/// The highest layer with a kept stream below it that the change leaves alone.
int GainEvaluator::startLayer() const {
    int layer = std::min(firstChanged_, model_->config().layers - 1);
    while (layer > 0 && !held_[static_cast<std::size_t>(layer)]) --layer;
    return layer;
}

/// Of all windows, from the stream below a layer to the logits.
double GainEvaluator::operationsFrom(int layer) const {
    double operations = 0;
    for (std::size_t at = 0; at < contexts_.size(); ++at)
        operations += static_cast<double>(windows_[at].size())
                      * ForwardPass::operations(model_->config(), contexts_[at], layer);
    return operations;
}

/// From the highest kept stream that the change leaves alone to the logits. Streams that a later trial could
/// start from are kept on the way.
Status GainEvaluator::runBatch(Batch& batch, const QkGains& gains, NllSink& sink, WorkMeter& meter) const {
    const ModelConfig& config = model_->config();
    int layer = startLayer();
    Residual stream = batch.pass.embed(batch.windows);
    if (layer > 0) stream.x = batch.base[static_cast<std::size_t>(layer)];
    batch.pass.setGains(gains);
    for (; layer < config.layers; ++layer) {
        const auto at = static_cast<std::size_t>(layer);
        if (layer > firstChanged_ && keeps_[at]) batch.trial[at] = stream.x;
        if (Status ran = batch.pass.runLayers(stream, layer, layer + 1, nullptr, meter); !ran) return ran;
    }
    return batch.pass.streamLogits(stream, sink, 0, meter);
}

namespace {

std::string fingerprintOf(const QkGains& gains) {
    Fingerprint fingerprint;
    for (const auto* values : {&gains.q, &gains.k})
        fingerprint.add(values->data(), values->size() * sizeof(double));
    return fingerprint.hex();
}

} // namespace

/// The NLL sums of this rank's windows, packed context by context.
Outcome<std::string> GainEvaluator::evaluateOwn(const QkGains& gains, WorkMeter& meter) {
    std::vector<std::vector<double>> sums(contexts_.size());
    for (const auto& batch : batches_) {
        NllSink sink(batch->windows);
        if (Status ran = runBatch(*batch, gains, sink, meter); !ran) return ran.error();
        for (const auto& values : sink.nll()) {
            double sum = 0;
            for (const float value : values) sum += value;
            sums[batch->context].push_back(sum);
        }
    }
    Packer packer;
    for (const auto& ofContext : sums) packer.put(ofContext);
    return packer.take();
}

Outcome<GainEvaluation> GainEvaluator::evaluate(const QkGains& gains, WorkMeter& meter) {
    last_.reset();
    firstChanged_ = lowestChangedLayer(gains);
    const double cost = operationsFrom(startLayer()) / passOperations_;
    const auto parts = ranks_->share("trial of gains " + fingerprintOf(gains), meter,
                                     [&] { return evaluateOwn(gains, meter); });
    if (!parts) return parts.error();
    std::vector<std::vector<double>> found(contexts_.size()); // of every window
    for (const std::string& part : *parts) {
        Unpacker from(part);
        for (auto& ofContext : found) {
            const auto more = from.list<double>();
            ofContext.insert(ofContext.end(), more.begin(), more.end());
        }
    }
    NllSums sums(contexts_.size());
    for (std::size_t context = 0; context < contexts_.size(); ++context) {
        const auto& windows = windows_[context];
        if (found[context].size() != windows.size())
            return Error::bad("trial: another rank sent something else");
        for (std::size_t at = 0; at < windows.size(); ++at) {
            if (!std::isfinite(found[context][at]))
                return overflowed(contexts_.size(), cost, overflowIn(windows[at], contexts_[context]));
            sums.sums[context] += found[context][at];
            sums.tokens[context] += contexts_[context] - 1;
        }
    }
    last_ = gains;
    return GainEvaluation{sums.means(), cost, {}};
}

void GainEvaluator::keepLast() {
    assert(last_);
    for (std::size_t layer = 0; layer < keeps_.size(); ++layer) {
        if (static_cast<int>(layer) <= firstChanged_ || !keeps_[layer]) continue;
        for (const auto& batch : batches_) std::swap(batch->base[layer], batch->trial[layer]);
        held_[layer] = true;
    }
    base_ = std::move(last_);
    last_.reset();
}

namespace {

/// NLL, predicted tokens and gradient of one window.
struct WindowSums {
    double nll = 0;
    long long tokens = 0;
    std::vector<double> sums;
};

Outcome<std::string> gradientsOf(ReversePass& pass, std::span<const Window> windows, const SearchSpace& space,
                                 WorkMeter& meter) {
    Packer packer;
    const auto take = [&](int, const QkGradient& gradient) {
        packer.put(gradient.nll);
        packer.put(gradient.tokens);
        packer.put(space.gradient(gradient));
    };
    if (Status ran = pass.run(windows, 1, take, meter); !ran) return ran.error();
    return packer.take();
}

std::vector<WindowSums> unpacked(const std::vector<std::string>& parts) {
    std::vector<WindowSums> all;
    for (const std::string& part : parts)
        for (Unpacker from(part); !from.atEnd();) {
            WindowSums& one = all.emplace_back();
            one.nll = from.get<double>();
            one.tokens = from.get<long long>();
            one.sums = from.list<double>();
        }
    return all;
}

} // namespace

Outcome<GainGradient> GainEvaluator::gradient(const SearchSpace& space, std::span<const double> theta,
                                              WorkMeter& meter) {
    const QkGains gains = space.toGains(theta);
    NllSums sums(contexts_.size());
    GainGradient result;
    const int longest = *std::max_element(contexts_.begin(), contexts_.end());
    for (std::size_t context = 0; context < contexts_.size(); ++context) {
        ReversePass pass(model_, tables_[context], weights_, contexts_[context], gains);
        const auto& windows = windows_[context];
        const BatchCut cut = BatchCut::of(ReversePass::batchTokens(model_->config()), contexts_[context]);
        const auto own = WindowBlocks(windows.size(), cut.unit).of(*ranks_);
        const auto parts = ranks_->share("gradients at gains " + fingerprintOf(gains), meter, [&] {
            return gradientsOf(pass, std::span(windows).subspan(own.first, own.count), space, meter);
        });
        if (!parts) return parts.error();
        std::vector<WindowSums> found = unpacked(*parts);
        if (found.size() != windows.size()) return Error::bad("gradients: another rank sent something else");
        for (std::size_t at = 0; at < windows.size(); ++at) {
            const Window& window = windows[at];
            if (!std::isfinite(found[at].nll) || !allFinite(found[at].sums))
                return GainGradient{
                    overflowed(contexts_.size(), gradientCost_, overflowIn(window, contexts_[context])),
                    {},
                    {}};
            sums.sums[context] += found[at].nll;
            sums.tokens[context] += found[at].tokens;
            result.windows.push_back({static_cast<int>(context), window.document, std::move(found[at].sums),
                                      window.index * contexts_[context] / longest});
        }
    }
    result.value = {sums.means(), gradientCost_, {}};
    result.tokens = std::move(sums.tokens);
    return result;
}

} // namespace qroar
