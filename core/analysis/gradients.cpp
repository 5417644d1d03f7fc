#include "core/analysis/gradients.h"

#include "core/analysis/shared_ranks.h"
#include "core/evaluate/blocks.h"
#include "core/evaluate/gradient_blocks.h"
#include "core/inference/batches.h"
#include "core/inference/reverse.h"
#include "core/ranks/bytes.h"

#include <omp.h>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

bool allFinite(const QkGradient& gradient) {
    const auto finite = [](const std::vector<double>& values) {
        return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
    };
    return finite(gradient.lnGainQ) && finite(gradient.lnGainK) && finite(gradient.lnOmega);
}

/// Which block every window belongs to.
std::vector<int> blocksOf(std::span<const Window> windows) {
    std::vector<WindowPlace> places;
    for (const Window& window : windows) places.push_back({window.document, window.index});
    return gradientBlocks(places);
}

/// Sums over the heads of the queries, [layers, pairs]: a window's part of its block's.
std::vector<double> sumOverHeads(const QkGradient& gradient) {
    const std::size_t pairs = static_cast<std::size_t>(gradient.pairs);
    std::vector<double> sums(static_cast<std::size_t>(gradient.layers) * pairs, 0.0);
    for (std::size_t row = 0; row * pairs < gradient.lnGainQ.size(); ++row) // layer, head
        for (std::size_t pair = 0; pair < pairs; ++pair)
            sums[row / static_cast<std::size_t>(gradient.heads) * pairs + pair] +=
                gradient.lnGainQ[row * pairs + pair];
    return sums;
}

void pack(Packer& to, const QkGradient& sums) {
    for (const auto* values : {&sums.lnGainQ, &sums.lnGainK, &sums.lnOmega}) to.put(*values);
    to.put(sums.nll);
    to.put(sums.tokens);
}

/// False: it has another shape than `into`.
bool addPacked(Unpacker& from, QkGradient& into) {
    QkGradient sums = into;
    for (auto* values : {&sums.lnGainQ, &sums.lnGainK, &sums.lnOmega}) *values = from.list<double>();
    sums.nll = from.get<double>();
    sums.tokens = from.get<long long>();
    if (sums.lnGainQ.size() != into.lnGainQ.size() || sums.lnGainK.size() != into.lnGainK.size()
        || sums.lnOmega.size() != into.lnOmega.size())
        return false;
    into.add(sums);
    return true;
}

std::size_t reverseUnit(const ModelConfig& config, int context) {
    return BatchCut::of(ReversePass::batchTokens(config), context).unit;
}

/// What one rank finds in its windows: sums of every block of windows, and of every window over heads.
class GradientPart {
  public:
    GradientPart(const ModelConfig& config, const WindowBlocks& blocks, WindowBlocks::Range own)
        : config_(config), blocks_(blocks), own_(own) {}

    Outcome<std::string> run(ReversePass& pass, const std::vector<Window>& windows, WorkMeter& meter) {
        const auto add = [&](int at, const QkGradient& gradient) {
            const std::size_t window = own_.first + static_cast<std::size_t>(at);
            if (spoiled_ < 0 && !allFinite(gradient)) spoiled_ = static_cast<int>(window);
            const std::size_t block = window / blocks_.perBlock - own_.first / blocks_.perBlock;
            if (sums_.size() <= block) sums_.resize(block + 1, QkGradient::zero(config_));
            sums_[block].add(gradient);
            overHeads_.push_back(sumOverHeads(gradient));
        };
        const Status ran = pass.run(std::span(windows).subspan(own_.first, own_.count), 1, add, meter);
        if (!ran) return ran.error();
        Packer packer;
        packer.put(spoiled_);
        packer.put(static_cast<std::uint64_t>(sums_.size()));
        for (const QkGradient& sums : sums_) pack(packer, sums);
        packer.put(static_cast<std::uint64_t>(overHeads_.size()));
        for (const auto& sums : overHeads_) packer.put(sums);
        return packer.take();
    }

  private:
    const ModelConfig& config_;
    WindowBlocks blocks_;
    WindowBlocks::Range own_;
    int spoiled_ = -1; ///< the first window whose gradient is not a number
    std::vector<QkGradient> sums_;
    std::vector<std::vector<double>> overHeads_;
};

/// The parts of all ranks together.
struct GradientSums {
    QkGradient all;
    std::vector<double> byTextBlock; ///< [text blocks, layers, pairs]
    int spoiled = -1;
    bool complete = false;
};
GradientSums joined(const std::vector<std::string>& parts, const ModelConfig& config,
                    const std::vector<int>& textBlocks) {
    GradientSums sums{QkGradient::zero(config), {}, -1, false};
    const std::size_t cells = sums.all.lnOmega.size(); // [layers, pairs]
    std::size_t window = 0;
    for (const std::string& part : parts) {
        Unpacker from(part);
        const int spoiled = from.get<int>();
        if (sums.spoiled < 0) sums.spoiled = spoiled;
        for (auto blocks = from.get<std::uint64_t>(); blocks > 0; --blocks)
            if (!addPacked(from, sums.all)) return sums;
        for (auto count = from.get<std::uint64_t>(); count > 0; --count, ++window) {
            const auto own = from.list<double>();
            if (own.size() != cells || window >= textBlocks.size()) return sums;
            const std::size_t first = static_cast<std::size_t>(textBlocks[window]) * cells;
            if (sums.byTextBlock.size() < first + cells) sums.byTextBlock.resize(first + cells, 0.0);
            for (std::size_t at = 0; at < cells; ++at) sums.byTextBlock[first + at] += own[at];
        }
        if (from.bad() || !from.atEnd()) return sums;
    }
    sums.complete = window == textBlocks.size();
    return sums;
}

/// Means over the predicted tokens; `blocks` are sums by block of the text.
Sensitivity meanOf(QkGradient sums, std::vector<double> blocks) {
    Sensitivity mean{sums.layers,
                     sums.heads,
                     sums.kvHeads,
                     sums.pairs,
                     sums.tokens,
                     std::move(sums.lnGainQ),
                     std::move(sums.lnGainK),
                     std::move(sums.lnOmega),
                     static_cast<int>(blocks.size() / static_cast<std::size_t>(sums.layers * sums.pairs)),
                     std::move(blocks)};
    for (std::vector<double>* values : {&mean.lnGainQ, &mean.lnGainK, &mean.lnOmega, &mean.blockGain})
        for (double& value : *values) value /= static_cast<double>(mean.tokens);
    return mean;
}

} // namespace

bool lacksSensitivity(const AnalysisPlan& plan, const ConditionResult& condition) {
    return plan.gradients && condition.sensitivity.empty();
}

Outcome<std::shared_ptr<const ConditionResult>> withSensitivity(const AnalysisPlan& plan,
                                                                const ConditionResult& condition,
                                                                std::shared_ptr<const WeightSource> weights,
                                                                WorkMeter& meter) {
    const double start = meter.secondsElapsed();
    const ConditionKey& key = condition.key;
    auto windows = cutWindows(*plan.documents, key.context, plan.maxWindows);
    if (!windows) return windows.error();
    ReversePass pass(plan.model, condition.table, std::move(weights), key.context, plan.gainsOf(key));
    const ModelConfig& config = plan.model->config();
    const WindowBlocks blocks(windows->size(), reverseUnit(config, key.context));
    const SharedRanks ranks(plan);
    GradientPart part(config, blocks, blocks.of(*ranks));
    const auto parts =
        ranks->share(key.text() + ", gradients", meter, [&] { return part.run(pass, *windows, meter); });
    if (!parts) return parts.error();
    GradientSums sums = joined(*parts, config, blocksOf(*windows));
    if (!sums.complete) return Error::bad("gradients: another rank sent something else");
    if (sums.spoiled >= 0) {
        const Window& window = (*windows)[static_cast<std::size_t>(sums.spoiled)];
        return Error::bad(key.text() + ": the gradient is not a number in "
                          + (*plan.documents)[static_cast<std::size_t>(window.document)].name + ", window "
                          + std::to_string(window.index) + ": its activations overflow on the way back");
    }
    auto result = std::make_shared<ConditionResult>(condition);
    result->sensitivity = meanOf(std::move(sums.all), std::move(sums.byTextBlock));
    result->seconds += meter.secondsElapsed() - start;
    return std::shared_ptr<const ConditionResult>(std::move(result));
}

SensitivityCost sensitivityCost(const ModelConfig& config, int context, long long windows) {
    SensitivityCost cost;
    cost.operations = static_cast<double>(windows) * ReversePass::operations(config, context);
    cost.fileBytes =
        8.0 * config.layers * config.pairs() * (config.heads + config.kvHeads + 1.0 + wantedRunBlocks);
    cost.peakBytes = ReversePass::peakBytes(config, context, windows * context, omp_get_max_threads());
    return cost;
}

} // namespace qroar
