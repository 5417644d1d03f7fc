#include "core/inference/reverse.h"

#include "core/inference/layer_gradients.h"

#include <cassert>

namespace qroar {

namespace {

/// Enough tokens to share the reading of the weights; more would only take more memory.
constexpr std::ptrdiff_t batchLimit = 2048;

/// Bytes a token of a layer leaves for the reverse sweep: its residual stream, what its attention computed,
/// and what the rest of it did.
double residualBytes(const ModelConfig& c) {
    return 4.0 * c.hiddenSize;
}
double attentionBytes(const ModelConfig& c) {
    return 4.0 * AttentionActivations::floatsPerToken(c, true);
}
double feedForwardBytes(const ModelConfig& c) {
    return 4.0 * FeedForwardActivations::floatsPerToken(c);
}

/// What is kept and what computed again: the residual streams below every stride-th layer and below all
/// layers of the segment in hand, and of the lowest layers what they computed, the dearest first.
struct TapePlan {
    TapePlan() = default;
    TapePlan(const ModelConfig& c, std::ptrdiff_t tokens, double budget) : layers(c.layers) {
        const auto fitting = [&](double left, double bytes) {
            return static_cast<int>(std::clamp(left / bytes, 0.0, static_cast<double>(c.layers)));
        };
        const double budgetPerToken = budget / static_cast<double>(tokens);
        const double mostStreams = 2 * budgetPerToken / residualBytes(c);
        for (int wider = 2; streams() > mostStreams && wider <= c.layers; ++wider) {
            TapePlan other = *this;
            other.stride = wider;
            if (other.streams() < streams()) *this = other;
        }
        if (stride > 1) return;
        const double left = budgetPerToken - c.layers * residualBytes(c);
        attention = fitting(left, attentionBytes(c));
        feedForward = fitting(left - attention * attentionBytes(c), feedForwardBytes(c));
    }
    [[nodiscard]] int segments() const { return (layers + stride - 1) / stride; }
    [[nodiscard]] int streams() const { return segments() + stride - 1; }
    /// Layers that run forward once more; the highest segment is still there.
    [[nodiscard]] int repeated() const { return (segments() - 1) * (stride - 1); }
    [[nodiscard]] bool endsSegment(int layer) const {
        return stride > 1 && layer % stride == stride - 1 && layer / stride + 1 < segments();
    }
    int layers = 0, stride = 1, attention = 0, feedForward = 0;
};

template<class T>
std::span<T> row(std::vector<T>& values, std::size_t at, std::size_t length) {
    return std::span(values).subspan(at * length, length);
}

} // namespace

QkGradient QkGradient::zero(const ModelConfig& config) {
    QkGradient gradient;
    gradient.layers = config.layers;
    gradient.heads = config.heads;
    gradient.kvHeads = config.kvHeads;
    gradient.pairs = config.pairs();
    const auto perHead = static_cast<std::size_t>(config.layers) * static_cast<std::size_t>(config.pairs());
    gradient.lnGainQ.resize(perHead * static_cast<std::size_t>(config.heads));
    gradient.lnGainK.resize(perHead * static_cast<std::size_t>(config.kvHeads));
    gradient.lnOmega.resize(perHead);
    return gradient;
}

void QkGradient::add(const QkGradient& other, double weight) {
    const auto addTo = [weight](std::vector<double>& sums, const std::vector<double>& more) {
        assert(sums.size() == more.size());
        for (std::size_t at = 0; at < sums.size(); ++at) sums[at] += weight * more[at];
    };
    addTo(lnGainQ, other.lnGainQ);
    addTo(lnGainK, other.lnGainK);
    addTo(lnOmega, other.lnOmega);
    nll += weight * other.nll;
    tokens += other.tokens;
}

struct ReversePass::Batch {
    /// What the forward sweep leaves of a layer.
    struct LayerTape {
        Matrix below; ///< [tokens, hidden] the stream below the layer, where the plan keeps it
        AttentionActivations attention;
        FeedForwardActivations feedForward;
    };

    /// The batch starts below layer 0. Memory of an earlier batch is used again: fresh pages are dear.
    void start(const Model& model, std::span<const Window> some, double tapeBudget) {
        const ModelConfig& config = model.config();
        windows = some;
        placed = placeWindows(some);
        x = embedTokens(model, some);
        plan = TapePlan(config, x.rows(), tapeBudget);
        tape.resize(static_cast<std::size_t>(config.layers));
        segment.resize(static_cast<std::size_t>(plan.stride - 1));
        gradient.resize(x.rows(), config.hiddenSize);
        std::fill_n(gradient.data(), x.rows() * config.hiddenSize, 0.0F);
        sums.assign(some.size(), QkGradient::zero(config));
    }

    [[nodiscard]] LayerTape& at(int layer) { return tape[static_cast<std::size_t>(layer)]; }
    /// The stream below a layer: one that is kept, or of the segment in hand.
    [[nodiscard]] Matrix& below(int layer) {
        const int within = layer % plan.stride;
        return within == 0 ? at(layer).below : segment[static_cast<std::size_t>(within - 1)];
    }
    void keepBelow(int layer) {
        Matrix& kept = below(layer);
        kept.resize(x.rows(), x.cols());
        copyRows(x.view(), kept.view());
    }
    [[nodiscard]] bool keepsAttention(int layer) const { return layer < plan.attention; }
    [[nodiscard]] AttentionActivations& attention(int layer) {
        return keepsAttention(layer) ? at(layer).attention : recomputed;
    }
    [[nodiscard]] FeedForwardActivations* feedForward(int layer) {
        return layer < plan.feedForward ? &at(layer).feedForward : nullptr;
    }

    std::span<const Window> windows;
    std::vector<BatchWindow> placed;
    Matrix x; ///< [tokens, hidden] the stream where the sweep is
    TapePlan plan;
    std::vector<LayerTape> tape;                          ///< [layers]
    std::vector<Matrix> segment;                          ///< [stride - 1] as LayerTape::below, of others
    AttentionActivations recomputed;                      ///< of a layer that does not keep its own
    Matrix gradient;                                      ///< [tokens, hidden] d NLL / d x where the sweep is
    Matrix headGradient, qGradient, kGradient, vGradient; ///< of the layer in flight
    std::vector<QkGradient> sums;                         ///< of each window
};

ReversePass::ReversePass(std::shared_ptr<const Model> model, const FrequencyTable& table,
                         std::shared_ptr<const WeightSource> weights, int context, QkGains gains)
    : model_(std::move(model)), rotations_(model_->config(), table, context), source_(std::move(weights)),
      gains_(std::move(gains)) {}

ReversePass::~ReversePass() = default;

Status ReversePass::run(std::span<const Window> windows, int firstPosition, const WindowCallback& onWindow,
                        WorkMeter& meter) {
    const ModelConfig& c = model_->config();
    if (!batch_) batch_ = std::make_unique<Batch>();
    Batch& batch = *batch_;
    int delivered = 0;
    const auto batches = cutBatches(windows, batchTokens(c, tapeBudget_));
    for (const auto& some : batches) {
        batch.start(*model_, some, tapeBudget_);
        forwardSweep(batch, meter);
        reverseLoss(batch, firstPosition, meter);
        if (some.data() == batches.back().data()) head_ = {};
        for (int layer = c.layers - 1; layer >= 0 && !meter.cancelled(); --layer) {
            if (batch.plan.endsSegment(layer)) repeatSegment(batch, layer, meter);
            reverseLayer(batch, layer, meter);
        }
        if (meter.cancelled()) return Error::cancelled();
        for (const QkGradient& gradient : batch.sums) onWindow(delivered++, gradient);
    }
    return Done{};
}

void ReversePass::forwardSweep(Batch& batch, WorkMeter& meter) const {
    const ModelConfig& c = model_->config();
    for (int layer = 0; layer < c.layers && !meter.cancelled(); ++layer) {
        const LayerOperands operands = takeLayer(*source_, gains_, c, layer);
        batch.keepBelow(layer);
        attention(batch, operands, layer, meter);
        FeedForwardActivations* kept = batch.feedForward(layer);
        if (kept) kept->resize(c, batch.x.rows());
        finishLayer(c, operands, batch.attention(layer).heads.view(), batch.x.view(), meter, kept);
    }
}

/// The streams below the layers up to `top` of its segment, from the one that is kept. The stream above the
/// last layer has served: its memory is what they are computed in.
void ReversePass::repeatSegment(Batch& batch, int top, WorkMeter& meter) const {
    const ModelConfig& c = model_->config();
    const int first = top - top % batch.plan.stride;
    copyRows(batch.below(first).view(), batch.x.view());
    for (int layer = first; layer < top && !meter.cancelled(); ++layer) {
        const LayerOperands operands = takeLayer(*source_, gains_, c, layer);
        attention(batch, operands, layer, meter);
        finishLayer(c, operands, batch.attention(layer).heads.view(), batch.x.view(), meter);
        batch.keepBelow(layer + 1);
    }
}

void ReversePass::attention(Batch& batch, const LayerOperands& operands, int layer, WorkMeter& meter) const {
    const ModelConfig& c = model_->config();
    const Matrix& below = batch.below(layer);
    AttentionActivations& target = batch.attention(layer);
    target.resize(c, below.rows(), true);
    projectQkv(c, operands, below.view(), {rotations_.of(c.ropeOf(layer)), batch.placed}, target, meter);
    attend(c, layer, batch.placed, target, meter);
}

void ReversePass::reverseLoss(Batch& batch, int firstPosition, WorkMeter& meter) {
    const ModelConfig& c = model_->config();
    head_.load(*model_);
    std::vector<double> nll;
    for (std::size_t at = 0; at < batch.windows.size(); ++at) {
        const BatchWindow& window = batch.placed[at];
        const int firstRow = std::clamp(firstPosition - 1, 0, window.context - 1);
        lossReverse(c, head_, batch.windows[at].tokens, firstRow,
                    batch.x.view().rowsFrom(window.firstRow, window.context), nll,
                    batch.gradient.view().rowsFrom(window.firstRow, window.context), meter);
        for (const double value : nll) batch.sums[at].nll += value;
        batch.sums[at].tokens = window.context - 1 - firstRow;
    }
}

void ReversePass::reverseLayer(Batch& batch, int layer, WorkMeter& meter) const {
    const ModelConfig& c = model_->config();
    const LayerOperands operands = takeLayer(*source_, gains_, c, layer);
    if (!batch.keepsAttention(layer)) attention(batch, operands, layer, meter);
    AttentionActivations& forward = batch.attention(layer);
    const ConstMatrixView below = batch.below(layer).view();
    const bool lowest = layer == 0; // nothing below it wants a gradient
    for (Matrix* heads : {&batch.headGradient, &batch.qGradient}) heads->resize(below.rows, c.queryDim());
    batch.kGradient.resize(below.rows, c.keyDim());
    batch.vGradient.resize(lowest ? 0 : below.rows, c.keyDim());
    const AttentionGradients qkv{batch.qGradient.view(), batch.kGradient.view(), batch.vGradient.view()};

    finishLayerReverse(c, operands, below, forward.heads.view(), batch.feedForward(layer),
                       batch.gradient.view(), batch.headGradient.view(), meter);
    attendReverse(attentionShape(c, layer), batch.placed,
                  {forward.q.view(), forward.heads.view(), forward.k.view(), forward.v.view(),
                   forward.logSumExp.view()},
                  batch.headGradient.view(), qkv, meter);
    if (meter.cancelled()) return;
    sumPairs(batch, layer);
    if (!lowest)
        projectQkvReverse(c, rotations_, operands, batch.placed, below, qkv, batch.gradient.view(), meter);
}

void ReversePass::sumPairs(Batch& batch, int layer) const {
    const ModelConfig& c = model_->config();
    const auto pairs = static_cast<std::size_t>(c.pairs());
    const int columns = c.heads + c.kvHeads; // query heads, then key heads
    const AttentionActivations& forward = batch.attention(layer);
    std::vector<double> lnAngle(batch.placed.size() * static_cast<std::size_t>(columns) * pairs);
    const auto tasks = static_cast<std::ptrdiff_t>(batch.placed.size()) * columns;
#pragma omp parallel for schedule(dynamic, 1)
    for (std::ptrdiff_t task = 0; task < tasks; ++task) {
        const auto window = static_cast<std::size_t>(task / columns);
        const auto column = static_cast<int>(task % columns);
        const bool query = column < c.heads;
        const int head = query ? column : column - c.heads;
        const auto ofHead = [&](ConstMatrixView view) {
            return view.rowsFrom(batch.placed[window].firstRow, batch.placed[window].context)
                .colsFrom(static_cast<std::ptrdiff_t>(head) * c.headDim, c.headDim);
        };
        QkGradient& sums = batch.sums[window];
        std::vector<double>& gains = query ? sums.lnGainQ : sums.lnGainK;
        addPairSums(
            c, ofHead(query ? forward.q.view() : forward.k.view()),
            ofHead(query ? batch.qGradient.view() : batch.kGradient.view()),
            row(gains,
                static_cast<std::size_t>(layer) * static_cast<std::size_t>(query ? c.heads : c.kvHeads)
                    + static_cast<std::size_t>(head),
                pairs),
            row(lnAngle, static_cast<std::size_t>(task), pairs));
    }
    const std::vector<double>& omega = rotations_.omega(c.ropeOf(layer));
    for (std::size_t task = 0; task < static_cast<std::size_t>(tasks); ++task) {
        QkGradient& sums = batch.sums[task / static_cast<std::size_t>(columns)];
        const auto target = row(sums.lnOmega, static_cast<std::size_t>(layer), pairs);
        for (std::size_t pair = 0; pair < pairs; ++pair)
            target[pair] += omega[pair] * lnAngle[task * pairs + pair];
    }
}

ReverseWork ReversePass::work(const ModelConfig& c, int context) {
    const TapePlan plan(c, context, defaultTapeBudget);
    const double tokens = context, h = c.hiddenSize;
    const double qkv = 2.0 * tokens * h * (c.queryDim() + 2.0 * c.keyDim());
    const double middle = 2.0 * tokens * h * c.queryDim(), gate = 2.0 * tokens * h * c.intermediateSize;
    const double product = 2.0 * c.queryDim() * visiblePairs(c, context) / c.layers; // one of attention's
    const double layer = qkv + middle + 3 * gate;
    ReverseWork work;
    work.linear = (c.layers + plan.repeated()) * layer + (c.layers - plan.attention) * qkv
                  + (c.layers - plan.feedForward) * (middle + 2 * gate);
    work.attention = (2 * c.layers + plan.repeated() - plan.attention) * 2 * product;
    work.linearBack = c.layers * layer - qkv; // the lowest layer stops early
    work.attentionBack = (5 * c.layers - 1) * product;
    work.headBack = 4 * tokens * h * c.vocabSize;
    return work;
}

double ReversePass::layersTaken(const ModelConfig& c, int context) {
    return 2.0 * c.layers + TapePlan(c, context, defaultTapeBudget).repeated();
}

std::ptrdiff_t ReversePass::batchTokens(const ModelConfig& c, double tapeBudget) {
    const double tape = c.layers * (residualBytes(c) + attentionBytes(c) + feedForwardBytes(c));
    return std::min<std::ptrdiff_t>(batchLimit, static_cast<std::ptrdiff_t>(tapeBudget / tape));
}

double ReversePass::peakBytes(const ModelConfig& c, int context, long long tokens, int threads) {
    const std::ptrdiff_t windows = batchTokens(c, defaultTapeBudget) / context; // whole ones
    const auto batch = std::min<std::ptrdiff_t>(tokens, std::max<std::ptrdiff_t>(1, windows) * context);
    const TapePlan plan(c, batch, defaultTapeBudget);
    const auto rows = static_cast<double>(batch);
    const double tape = plan.streams() * residualBytes(c) + plan.attention * attentionBytes(c)
                        + plan.feedForward * feedForwardBytes(c);
    const double recomputed = plan.attention < c.layers ? attentionBytes(c) : 0;
    const double behind = 3.0 * c.hiddenSize; // where the model has norms behind O and Down
    const double tile =
        tokenTile * 4.0 * (3.0 * std::max(c.hiddenSize, c.queryDim()) + behind + 3.0 * c.intermediateSize);
    const double layers = rows * (recomputed + attentionBytes(c)) + 4.0 * linearParameters(c)
                          + threads * (tile + 8.0 * reverseTile * reverseTile);
    const double loss =
        ForwardPass::headBytes(c)
        + threads * 4.0 * logitsTile(c) * (2.0 * c.vocabSize + 3.0 * c.hiddenSize); // and as panels
    const bool several = batch < tokens; // then everything is there when the second one comes to its loss
    return rows * (tape + 2 * residualBytes(c)) + 4.0 * context * c.rotaryDim
           + (several ? layers + loss : std::max(layers, loss + rows * recomputed));
}

} // namespace qroar
