#include "core/analysis/noise.h"

#include "core/inference/forward.h"

#include <omp.h>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

/// Two residual streams and a copy of q and k are held at a time: half a batch of an ordinary pass.
long long noiseWindowsPerBatch(const ModelConfig& config, int context) {
    return std::max<long long>(1, ForwardPass::batchTokens(config, context) / (2LL * context));
}

NoiseCapture::Options noiseCaptureOptions(const AnalysisPlan& plan, const FrequencyTable& table,
                                          int context) {
    const ModelConfig& config = plan.model->config();
    NoiseCapture::Options options;
    options.layers = config.layers;
    options.pairs = config.pairs();
    options.context = context;
    options.trainedContext = static_cast<int>(table.trainedContext);
    options.queryHeads = config.heads;
    options.kvHeads = config.kvHeads;
    options.headDim = config.headDim;
    options.groupPerKvHead = plan.groupPerKvHead;
    options.omega = table.omega;
    options.attentionFactor = table.attentionFactor;
    options.logitScale = config.attentionScale.value_or(0);
    if (!config.slidingWindow && config.unrotatedLayers.empty()) return options;
    const LayerRotations rotations(config, table, 1);
    for (int layer = 0; layer < config.layers; ++layer) {
        const LayerRope rope = config.ropeOf(layer);
        options.layerViews.push_back({rotations.omega(rope),
                                      rope == LayerRope::Scaled ? table.attentionFactor : 1,
                                      config.windowOf(layer)});
    }
    return options;
}

bool allFinite(const NoiseStatistics& noise) {
    return std::all_of(noise.productsOfAll().begin(), noise.productsOfAll().end(),
                       [](double value) { return std::isfinite(value); })
           && std::all_of(noise.errors().begin(), noise.errors().end(), [](const ErrorMoments& m) {
                  return std::isfinite(m.sumXX + m.sumYY + m.signalXX + m.signalYY);
              });
}

} // namespace

bool hasReference(const AnalysisPlan& plan, const ConditionKey& key) {
    return key.quant != plainQuant(*plan.model) || !key.scales.empty();
}

bool lacksNoise(const AnalysisPlan& plan, const ConditionResult& condition) {
    return plan.noise && condition.noise.empty() && hasReference(plan, condition.key);
}

Outcome<std::shared_ptr<const ConditionResult>> withNoise(const AnalysisPlan& plan,
                                                          const ConditionResult& condition,
                                                          std::shared_ptr<const WeightSource> weights,
                                                          WorkMeter& meter) {
    const double start = meter.secondsElapsed();
    const ConditionKey& key = condition.key;
    const auto windows = cutWindows(*plan.documents, key.context, plan.maxWindows);
    if (!windows) return windows.error();
    auto plain = openWeights(plan.model, plainQuant(*plan.model));
    if (!plain) return plain.error();
    ForwardPass reference(plan.model, condition.table, *plain, key.context);
    ForwardPass variant(plan.model, condition.table, std::move(weights), key.context, plan.gainsOf(key));
    NoiseCapture capture(noiseCaptureOptions(plan, condition.table, key.context));
    const auto perBatch = static_cast<std::size_t>(noiseWindowsPerBatch(plan.model->config(), key.context));
    const std::span<const Window> all(*windows);
    for (std::size_t first = 0; first < all.size(); first += perBatch) {
        const auto batch = all.subspan(first, std::min(perBatch, all.size() - first));
        Residual was = reference.embed(batch), is = variant.embed(batch);
        for (int layer = 0; layer < plan.model->config().layers; ++layer) {
            Status ran = reference.runLayers(was, layer, layer + 1, &capture.reference(), meter);
            if (ran) ran = variant.runLayers(is, layer, layer + 1, &capture.variant(), meter);
            if (!ran) return ran.error();
        }
    }
    auto result = std::make_shared<ConditionResult>(condition);
    result->noise = capture.take();
    if (!allFinite(result->noise))
        return Error::bad(key.text()
                          + ": the quantization noise is not a number: activations overflow under it");
    result->seconds += meter.secondsElapsed() - start;
    return std::shared_ptr<const ConditionResult>(std::move(result));
}

NoiseCost noiseCost(const AnalysisPlan& plan, int context, long long windows) {
    const ModelConfig& config = plan.model->config();
    const double head = 2.0 * context * config.hiddenSize * static_cast<double>(config.vocabSize);
    const double groups = plan.groupPerKvHead ? config.kvHeads : 1;
    const double pairs = config.pairs(), distances = std::ceil(std::log2(std::max(context, 2)));
    const double tokens =
        static_cast<double>(std::min(windows, noiseWindowsPerBatch(config, context))) * context;
    NoiseCost cost;
    cost.operations = 2.0 * static_cast<double>(windows) * (ForwardPass::operations(config, context) - head);
    cost.fileBytes = 8.0 * config.layers * groups
                     * (distances * (pairs * (pairs + 1) / 2 + pairs + 1) + 2 * pairs * 9 * distances);
    const double other = 4.0 * (config.hiddenSize + config.queryDim() + config.keyDim());
    cost.peakBytes = ForwardPass::batchMemory(config, context, tokens, omp_get_max_threads()).layers
                     + tokens * other + cost.fileBytes;
    return cost;
}

} // namespace qroar
