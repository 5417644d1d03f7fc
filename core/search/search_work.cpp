#include "core/search/search_work.h"

#include "core/inference/batches.h"
#include "core/inference/forward.h"
#include "core/inference/reverse.h"
#include "core/ranks/ranks.h"

#include <algorithm>
#include <cmath>

namespace qroar {

int searchLayersKept(const SearchPlan& plan) {
    const ModelConfig& config = plan.model->config();
    return static_cast<int>(
        std::min(std::floor(plan.keptLayerBytes / ForwardPass::layerBytes(config)), 1.0 * config.layers));
}

SearchWork searchWork(const SearchPlan& plan, double forwardEquivalents, double gradientCost) {
    const ModelConfig& config = plan.model->config();
    const bool gradient = plan.method == SearchMethod::Gradient;
    const double passes = gradient ? forwardEquivalents / gradientCost : forwardEquivalents;
    const int kept = searchLayersKept(plan);
    const double head = ForwardPass::headBytes(config) / sizeof(float);
    double layers = kept;
    SearchWork work;
    for (const int context : plan.contexts) {
        const auto windows = cutWindows(*plan.documents, context, plan.maxWindows);
        const double count = windows ? static_cast<double>(windows->size()) : 0;
        const BatchCut cut = BatchCut::of(
            gradient ? ReversePass::batchTokens(config) : ForwardPass::batchTokens(config, context), context);
        const double share = WindowBlocks(static_cast<std::size_t>(count), cut.unit)
                                 .largestShare(plan.ranks ? plan.ranks->size() : 1);
        const double own = std::round(share * count);
        const double batches = std::ceil(own / static_cast<double>(cut.windows));
        const double anew = 1 - 1.0 * kept / config.layers; // of the layers that a pass asks for
        const double asked = gradient ? ReversePass::layersTaken(config, context) : config.layers;
        work.operations.push_back(passes * own
                                  * (gradient ? ReversePass::operations(config, context)
                                              : ForwardPass::operations(config, context)));
        layers += passes * batches * asked * anew;
        work.headWeights += head * (gradient ? passes : batches); // batches of a grid keep theirs
    }
    work.layerWeights = layers * ForwardPass::layerBytes(config) / sizeof(float);
    return work;
}

} // namespace qroar
