#include "core/analysis/damage.h"

#include "core/analysis/layer_variants.h"
#include "core/analysis/noise.h"
#include "core/analysis/shared_ranks.h"
#include "core/controls/row_divergence.h"
#include "core/evaluate/blocks.h"
#include "core/inference/batches.h"
#include "core/inference/forward.h"
#include "core/ranks/bytes.h"

#include <omp.h>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

constexpr double plainCacheBytes = 1e9;

/// Where the windows of a batch are below some layer, or above the last one.
struct Batch {
    std::span<const Window> windows;
    Residual stream; ///< of the reference below the layer in hand
    Residual top;    ///< of the reference above the last layer
};

/// Sums over the predicted tokens of a window.
struct WindowDamage {
    TokenSum kl, nll;
};

/// Per predicted token of a batch: filled concurrently, added in order.
class ComparingSink final : public LogitsSink {
  public:
    ComparingSink(const ForwardPass& pass, const Batch& batch) : pass_(pass), batch_(batch) {
        for (const Window& window : batch.windows) {
            kl_.emplace_back(window.tokens.size() - 1);
            nll_.emplace_back(window.tokens.size() - 1);
        }
    }
    void deliver(int window, int firstPosition, ConstMatrixView logits) override {
        const auto at = static_cast<std::size_t>(window);
        const auto& tokens = batch_.windows[at].tokens;
        Matrix reference(logits.rows, logits.cols);
        pass_.logitsOf(batch_.top, window, firstPosition, reference.view());
        std::vector<double> scratch;
        for (std::ptrdiff_t row = 0; row < logits.rows; ++row) {
            const auto position = static_cast<std::size_t>(firstPosition + row);
            if (position + 1 >= tokens.size()) continue; // the last token predicts nothing we know
            const auto correct = static_cast<std::ptrdiff_t>(tokens[position + 1]);
            const float *was = reference.row(row), *is = logits.row(row);
            kl_[at][position] = compareRows(was, is, logits.cols, correct, scratch).kl;
            nll_[at][position] =
                (normalizerOf(is, logits.cols).logSumExp - static_cast<double>(is[correct]))
                - (normalizerOf(was, logits.cols).logSumExp - static_cast<double>(was[correct]));
        }
    }
    /// Sums of every window, behind the others.
    void addTo(std::vector<WindowDamage>& sums) const {
        for (std::size_t window = 0; window < kl_.size(); ++window) {
            WindowDamage& sum = sums.emplace_back();
            for (std::size_t token = 0; token < kl_[window].size(); ++token) {
                sum.kl.add(kl_[window][token]);
                sum.nll.add(nll_[window][token]);
            }
        }
    }

  private:
    const ForwardPass& pass_;
    const Batch& batch_;
    std::vector<std::vector<double>> kl_, nll_;
};

/// Everything the passes of one condition share.
class DamageRun {
  public:
    DamageRun(const AnalysisPlan& plan, const ConditionResult& condition,
              std::shared_ptr<const WeightSource> plain, std::shared_ptr<const WeightSource> weights,
              Ranks& ranks, WorkMeter& meter)
        : ranks_(ranks), config_(plan.model->config()), gains_(plan.gainsOf(condition.key)),
          name_(condition.key.text()), plain_(std::move(plain)), weights_(std::move(weights)), meter_(meter),
          pass_(plan.model, condition.table, plain_, condition.key.context) {}

    /// This rank's windows.
    Status begin(const std::vector<Window>& windows, int context) {
        const BatchCut cut = BatchCut::of(ForwardPass::batchTokens(config_, context), context);
        const auto own = WindowBlocks(windows.size(), cut.unit).of(ranks_);
        const auto all = std::span(windows).subspan(own.first, own.count);
        return together("reference of the damage", [&]() -> Status {
            for (std::size_t first = 0; first < all.size(); first += cut.windows) {
                Batch batch{all.subspan(first, std::min(cut.windows, all.size() - first)), {}, {}};
                batch.stream = pass_.embed(batch.windows);
                batch.top = batch.stream;
                if (Status ran = pass_.runLayers(batch.top, 0, config_.layers, nullptr, meter_); !ran)
                    return ran;
                batches_.push_back(std::move(batch));
            }
            return Done{};
        });
    }
    /// The reference's streams one layer up.
    Status advance(int layer) {
        pass_.use(plain_, {});
        return together("reference of the damage, layer " + std::to_string(layer), [&]() -> Status {
            for (Batch& batch : batches_)
                if (Status ran = pass_.runLayers(batch.stream, layer, layer + 1, nullptr, meter_); !ran)
                    return ran;
            return Done{};
        });
    }
    /// Mean KL and change of NLL of a variant whose layers below `layer` are the reference's.
    Status measure(const std::shared_ptr<const WeightSource>& variant, int layer, double& kl, double& nll) {
        const auto parts = ranks_.share(name_ + ", damage, layer " + std::to_string(layer), meter_,
                                        [&] { return measureOwn(variant, layer); });
        if (!parts) return parts.error();
        TokenSum klSum, nllSum;
        for (const std::string& part : *parts) {
            Unpacker from(part);
            for (const WindowDamage& window : from.list<WindowDamage>()) {
                klSum.add(window.kl);
                nllSum.add(window.nll);
            }
        }
        tokens_ = klSum.tokens;
        kl = klSum.mean();
        nll = nllSum.mean();
        if (!std::isfinite(kl) || !std::isfinite(nll))
            return Error::bad(name_ + ": layer " + std::to_string(layer)
                              + ": the damage is not a number: activations overflow under it");
        return Done{};
    }
    /// One cell of layer `layer`: with `own` in its place, and with errors at random.
    Status measureLayer(const LayerWeights& reference, const SharedLayer& own, int layer, DamageCell& cell) {
        DamageCell measured;
        if (Status ran = measure(exchanged(own, layer), layer, measured.kl, measured.nll); !ran) return ran;
        if (const SharedLayer random = withRandomErrors(reference, *own, layer))
            if (Status ran = measure(exchanged(random, layer), layer, measured.noiseKl, measured.noiseNll);
                !ran)
                return ran;
        cell = measured;
        return Done{};
    }
    /// All layers at once; the streams must be below layer 0.
    Status measureWhole(DamageCell& cell) {
        const auto own = [this](int layer) { return conditionLayer(layer); };
        const auto random = [this](int layer) {
            return withRandomErrors(*plain_->layer(layer), *conditionLayer(layer), layer);
        };
        DamageCell measured;
        if (Status ran = measure(withLayers(plain_, own), 0, measured.kl, measured.nll); !ran) return ran;
        if (random(0))
            if (Status ran = measure(withLayers(plain_, random), 0, measured.noiseKl, measured.noiseNll);
                !ran)
                return ran;
        cell = measured;
        return Done{};
    }
    Status measureBands(const LayerWeights& reference, const LayerWeights& own, int layer, Damage& damage) {
        for (const QkTensor tensor : {QkTensor::Q, QkTensor::K})
            for (int band = 0; band < damage.bands(); ++band) {
                const auto edge = damage.bandEdges.begin() + band;
                const SharedLayer part =
                    withBandRows(reference, own, config_,
                                 tensor == QkTensor::Q ? Projection::Q : Projection::K, edge[0], edge[1]);
                Status ran =
                    measureLayer(reference, part, layer, damage.byBand[damage.bandCell(layer, tensor, band)]);
                if (!ran) return ran;
            }
        return Done{};
    }
    [[nodiscard]] SharedLayer conditionLayer(int layer) const {
        return foldedLayer(*weights_, gains_, config_, layer);
    }
    [[nodiscard]] long long tokens() const { return tokens_; }

  private:
    Status together(const std::string& step, const std::function<Status()>& work) {
        const auto parts = ranks_.share(name_ + ", " + step, meter_, [&]() -> Outcome<std::string> {
            const Status done = work();
            return done ? Outcome<std::string>(std::string()) : done.error();
        });
        return parts ? Status(Done{}) : parts.error();
    }
    /// The sums of this rank's windows, packed.
    Outcome<std::string> measureOwn(const std::shared_ptr<const WeightSource>& variant, int layer) {
        std::vector<WindowDamage> sums;
        for (const Batch& batch : batches_) {
            Residual stream = batch.stream;
            pass_.use(variant, {});
            if (Status ran = pass_.runLayers(stream, layer, config_.layers, nullptr, meter_); !ran)
                return ran.error();
            ComparingSink sink(pass_, batch);
            if (Status ran = pass_.streamLogits(stream, sink, 0, meter_); !ran) return ran.error();
            sink.addTo(sums);
        }
        Packer packer;
        packer.put(sums);
        return packer.take();
    }
    [[nodiscard]] std::shared_ptr<const WeightSource> exchanged(const SharedLayer& own, int layer) const {
        return withLayers(plain_, [own, layer](int asked) { return asked == layer ? own : nullptr; });
    }

    Ranks& ranks_;
    const ModelConfig& config_;
    QkGains gains_;
    std::string name_;
    std::shared_ptr<const WeightSource> plain_, weights_;
    WorkMeter& meter_;
    ForwardPass pass_;
    std::vector<Batch> batches_;
    long long tokens_ = 0;
};

/// What is there already, with room for what is asked for.
Damage prepared(const Damage& held, const ModelConfig& config, DamageScope scope,
                const BandPartition& bands) {
    Damage damage = held;
    damage.layers = config.layers;
    damage.byLayer.resize(static_cast<std::size_t>(config.layers));
    if (scope == DamageScope::Bands && damage.bandEdges != bands.edges()) {
        damage.bandEdges = bands.edges();
        damage.byBand.assign(
            static_cast<std::size_t>(config.layers) * 2 * static_cast<std::size_t>(damage.bands()), {});
    }
    return damage;
}

bool layerKnown(const Damage& damage, DamageScope scope, int layer) {
    if (!damage.byLayer[static_cast<std::size_t>(layer)].known()) return false;
    if (scope != DamageScope::Bands) return true;
    const auto first =
        damage.byBand.begin() + static_cast<std::ptrdiff_t>(damage.bandCell(layer, QkTensor::Q, 0));
    return std::all_of(first, first + 2 * damage.bands(),
                       [](const DamageCell& cell) { return cell.known(); });
}

/// Layer by layer, what is missing; a layer counts when all of it is done.
Status measureMissing(DamageRun& run, const WeightSource& plain, DamageScope scope, Damage& damage) {
    for (int layer = 0; layer < damage.layers; ++layer) {
        if (!layerKnown(damage, scope, layer)) {
            Damage next = damage;
            const SharedLayer reference = plain.layer(layer), own = run.conditionLayer(layer);
            DamageCell& cell = next.byLayer[static_cast<std::size_t>(layer)];
            if (!cell.known())
                if (Status ran = run.measureLayer(*reference, own, layer, cell); !ran) return ran;
            if (scope == DamageScope::Bands)
                if (Status ran = run.measureBands(*reference, *own, layer, next); !ran) return ran;
            damage = std::move(next);
            damage.tokens = run.tokens();
        }
        if (Status ran = run.advance(layer); !ran) return ran;
    }
    return Done{};
}

} // namespace

bool lacksDamage(const AnalysisPlan& plan, const ConditionResult& condition, const BandPartition& bands) {
    if (plan.damage == DamageScope::None || !hasReference(plan, condition.key)) return false;
    if (condition.damage.empty() || !condition.damage.whole.known()) return true;
    const Damage damage = prepared(condition.damage, plan.model->config(), plan.damage, bands);
    for (int layer = 0; layer < damage.layers; ++layer)
        if (!layerKnown(damage, plan.damage, layer)) return true;
    return false;
}

Outcome<std::shared_ptr<const ConditionResult>>
withDamage(const AnalysisPlan& plan, const ConditionResult& condition, const BandPartition& bands,
           std::shared_ptr<const WeightSource> weights, WorkMeter& meter) {
    auto opened = openWeights(plan.model, plainQuant(*plan.model));
    if (!opened) return opened.error();
    return withDamage(plan, condition, bands, cachedWeights(*opened, plainCacheBytes), std::move(weights),
                      meter);
}

Outcome<std::shared_ptr<const ConditionResult>>
withDamage(const AnalysisPlan& plan, const ConditionResult& condition, const BandPartition& bands,
           const std::shared_ptr<const WeightSource>& plain, std::shared_ptr<const WeightSource> weights,
           WorkMeter& meter) {
    const double start = meter.secondsElapsed();
    const auto windows = cutWindows(*plan.documents, condition.key.context, plan.maxWindows);
    if (!windows) return windows.error();
    const SharedRanks ranks(plan);
    DamageRun run(plan, condition, plain, std::move(weights), *ranks, meter);
    Damage damage = prepared(condition.damage, plan.model->config(), plan.damage, bands);
    Status ran = run.begin(*windows, condition.key.context);
    if (ran && !damage.whole.known()) {
        ran = run.measureWhole(damage.whole);
        if (ran) damage.tokens = run.tokens();
    }
    if (ran) ran = measureMissing(run, *plain, plan.damage, damage);
    if (!ran && (ran.error().code != ErrorCode::Cancelled || damage.empty())) return ran.error();
    auto result = std::make_shared<ConditionResult>(condition);
    result->damage = std::move(damage);
    result->seconds += meter.secondsElapsed() - start;
    return std::shared_ptr<const ConditionResult>(std::move(result));
}

DamageLayers damageLayers(int layers, int kept, double batches, double cells) {
    const double above = layers - kept; // that are made anew whenever they are asked for
    // For every layer of the model, how many of those are above it: what a pass over one variant of it takes.
    const double aboveAll = kept * above + above * (above - 1) / 2;
    DamageLayers taken;
    // All at once and their control, in every batch; whether they have a control; and each one alone.
    taken.own = 2 * batches * layers + 1 + layers;
    // Batch by batch the pass up, the errors that the control is drawn from, and one layer up at a time; for
    // each layer its variants and their controls; and it alone.
    taken.reference =
        kept + 3 * batches * above + (kept == 0 ? 1 : 0) + 2 * cells * batches * aboveAll + above;
    return taken;
}

int damageLayersKept(const ModelConfig& config) {
    return static_cast<int>(
        std::min(std::floor(plainCacheBytes / ForwardPass::layerBytes(config)), 1.0 * config.layers));
}

DamageCost damageCost(const AnalysisPlan& plan, int context, long long windows, int bands) {
    const ModelConfig& config = plan.model->config();
    const double all = ForwardPass::operations(config, context);
    const double head = 2.0 * context * config.hiddenSize * static_cast<double>(config.vocabSize);
    const double layer = (all - head) / config.layers;
    const double cells = plan.damage == DamageScope::Bands ? 1 + 2.0 * bands : 1;
    const double layersAbove = config.layers * (config.layers + 1) / 2.0; // of one variant of every layer
    DamageCost cost;
    // reference twice, the whole model and its control, then for every layer its variants and their controls
    cost.operations =
        static_cast<double>(windows)
        * (2 * (all - head) + 2 * all + 2 * cells * (layersAbove * layer + config.layers * head));
    cost.fileBytes = 32.0 * config.layers * cells;
    const int threads = omp_get_max_threads();
    const auto tokens = static_cast<double>(windows) * context;
    const double batch =
        ForwardPass::streamBytes(config, context, windows * context) / (4.0 * config.hiddenSize);
    const double layerBytes = ForwardPass::layerBytes(config);
    PassMemory memory = ForwardPass::batchMemory(config, context, batch, threads);
    memory.layers += ForwardPass::headBytes(config);
    memory.logits += ForwardPass::logitsBytes(config, threads);
    // the streams of the reference, its layers that are kept, the one in hand and what takes its place, in
    // two ways
    cost.peakBytes = memory.peak() + 2 * 4.0 * config.hiddenSize * tokens
                     + damageLayersKept(config) * layerBytes + 3 * layerBytes + 17.0 * tokens;
    return cost;
}

} // namespace qroar
