#include "core/analysis/noise.h"

#include "core/analysis/addition.h"
#include "core/analysis/shared_ranks.h"
#include "core/inference/batches.h"
#include "core/inference/forward.h"

#include <omp.h>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

/// Two residual streams and a copy of q and k are held at a time: half a batch of an ordinary pass.
BatchCut noiseCut(const ModelConfig& config, int context) {
    return BatchCut::of(ForwardPass::batchTokens(config, context) / 2, context);
}

NoiseCapture::Options noiseCaptureOptions(const AnalysisPlan& plan, const FrequencyTable& table, int context,
                                          const std::vector<Window>& windows) {
    const ModelConfig& config = plan.model->config();
    NoiseCapture::Options options;
    options.firstWindow = firstWindows(*plan.documents, windows);
    options.windowsPerBlock = WindowBlocks(windows.size(), noiseCut(config, context).unit).perBlock;
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

/// Both through their layers, beside each other.
Status runPasses(ForwardPass& reference, ForwardPass& variant, const ModelConfig& config,
                 std::span<const Window> windows, std::size_t perBatch, NoiseCapture& capture,
                 WorkMeter& meter) {
    for (std::size_t first = 0; first < windows.size(); first += perBatch) {
        const auto batch = windows.subspan(first, std::min(perBatch, windows.size() - first));
        Residual was = reference.embed(batch), is = variant.embed(batch);
        for (int layer = 0; layer < config.layers; ++layer) {
            Status ran = reference.runLayers(was, layer, layer + 1, &capture.reference(), meter);
            if (ran) ran = variant.runLayers(is, layer, layer + 1, &capture.variant(), meter);
            if (!ran) return ran;
        }
    }
    return Done{};
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
    const auto add = [&](const std::vector<Window>& windows, ConditionResult& result) -> Status {
        auto plain = openWeights(plan.model, plainQuant(*plan.model));
        if (!plain) return plain.error();
        const ModelConfig& config = plan.model->config();
        const ConditionKey& key = result.key;
        ForwardPass reference(plan.model, result.table, *plain, key.context);
        ForwardPass variant(plan.model, result.table, std::move(weights), key.context, plan.gainsOf(key));
        NoiseCapture capture(noiseCaptureOptions(plan, result.table, key.context, windows));
        const SharedRanks ranks(plan);
        if (!ranks->alone()) capture.keepBlocks();
        const BatchCut cut = noiseCut(config, key.context);
        const auto own = WindowBlocks(windows.size(), cut.unit).of(*ranks);
        const auto parts = ranks->shareToFirst(key.text() + ", noise", meter, [&]() -> Outcome<std::string> {
            const Status ran =
                runPasses(reference, variant, config, std::span(windows).subspan(own.first, own.count),
                          cut.windows, capture, meter);
            if (!ran) return ran.error();
            return ranks->alone() ? std::string() : capture.packBlocks();
        });
        if (!parts) return parts.error();
        const bool joined = ranks->alone() || !ranks->first() || capture.join(*parts);
        result.noise = capture.take(); // zeros on other ranks: they know that it is there
        Status fine = Done{};
        if (!joined)
            fine = Error::bad("noise: another rank sent something else");
        else if (!allFinite(result.noise))
            fine = Error::bad(key.text()
                              + ": the quantization noise is not a number: activations overflow under it");
        const Status all = ranks->agree("noise is joined", fine); // others have nothing to check
        return fine ? all : fine;
    };
    return withAddition(plan, condition, meter, add);
}

NoiseCost noiseCost(const AnalysisPlan& plan, int context, long long windows) {
    const ModelConfig& config = plan.model->config();
    const double head = 2.0 * context * config.hiddenSize * static_cast<double>(config.vocabSize);
    const double groups = plan.groupPerKvHead ? config.kvHeads : 1;
    const double pairs = config.pairs(), distances = std::ceil(std::log2(std::max(context, 2)));
    const double tokens = static_cast<double>(std::min<long long>(
                              windows, static_cast<long long>(noiseCut(config, context).windows)))
                          * context;
    NoiseCost cost;
    cost.operations = 2.0 * static_cast<double>(windows) * (ForwardPass::operations(config, context) - head);
    cost.fileBytes = 8.0 * config.layers * groups
                     * (distances * (pairs * (pairs + 1) / 2 + pairs + 1) + 2 * pairs * 9 * distances);
    const double other = 4.0 * (config.hiddenSize + config.queryDim() + config.keyDim());
    cost.peakBytes = ForwardPass::batchMemory(config, context, tokens, omp_get_max_threads()).layers
                     + tokens * other + 2 * cost.fileBytes; // of all blocks, and of the one in hand
    if (const SharedRanks ranks(plan); !ranks->alone()) // rank 0 gets all blocks, and keeps and packs its own
        cost.peakBytes += WindowBlocks::mostBlocks * (1 + 3.0 / ranks->size()) * cost.fileBytes;
    return cost;
}

} // namespace qroar
