#include "core/bench/pass_work.h"

#include "core/analysis/machine.h"
#include "core/base/strings.h"
#include "core/bench/random_model.h"
#include "core/capture/qk_statistics.h"
#include "core/inference/layer_steps.h"
#include "core/inference/reverse.h"
#include "core/search/search.h"

namespace qroar::bench {

namespace {

using Setup = std::shared_ptr<const PassSetup>;

Workload named(const Setup& setup, const std::string& what, int threads) {
    return {what, setup->name, setup->shape(), threads, setup->layerScale, {}};
}

double tokensOf(const PassSetup& setup) {
    return static_cast<double>(setup.windows.size()) * setup.context;
}

/// Batch by batch, as ForwardPass::run(); the seconds that were spent outside the layers.
Outcome<double> prefill(ForwardPass& pass, const PassSetup& setup, Logits logits, ActivationProbe* probe) {
    SilentSink sink(*setup.sink);
    WorkMeter meter(sink, 1);
    const ModelConfig& config = setup.model->config();
    NllSink nll(setup.windows);
    double outside = 0;
    int first = 0;
    for (const auto& batch : cutBatches(setup.windows, ForwardPass::batchTokens(config, 1))) {
        double start = wallClock();
        Residual stream = pass.embed(batch);
        outside += wallClock() - start;
        if (Status done = pass.runLayers(stream, 0, config.layers, probe, meter); !done) return done.error();
        start = wallClock();
        if (logits == Logits::Last)
            pass.lastLogits(stream);
        else if (Status done = pass.streamLogits(stream, nll, first, meter); !done)
            return done.error();
        outside += wallClock() - start;
        first += static_cast<int>(batch.size());
    }
    return outside;
}

Workload forwardWork(const Setup& setup, const std::string& what, Logits logits,
                     std::shared_ptr<const WeightSource> weights, int threads, bool capture) {
    auto pass = std::make_shared<ForwardPass>(setup->model, setup->table, std::move(weights), setup->context);
    Workload work = named(setup, what, threads);
    work.run = [setup, logits, pass, capture]() -> Outcome<WorkDone> {
        const ModelConfig& c = setup->model->config();
        std::unique_ptr<QkCapture> probe;
        if (capture)
            probe = std::make_unique<QkCapture>(QkCapture::Options{
                c.layers, c.pairs(), setup->context, c.trainedContext(), 1, c.heads, c.kvHeads, false});
        auto outside = prefill(*pass, *setup, logits, probe.get());
        if (!outside) return outside.error();
        return WorkDone{prefillOperations(c, setup->context, logits)
                            * static_cast<double>(setup->windows.size()),
                        tokensOf(*setup), 0, 1, *outside};
    };
    return work;
}

std::shared_ptr<const WeightSource> plainWeights(const PassSetup& setup) {
    return openWeights(setup.model, plainQuant(*setup.model)).value(); // always supported
}

} // namespace

std::string PassSetup::shape() const {
    return std::to_string(windows.size()) + " x " + formatCount(context) + " tokens";
}

Outcome<std::shared_ptr<const PassSetup>> makePassSetup(std::shared_ptr<const Model> model, std::string name,
                                                        double layerScale, int context, int windows,
                                                        const ProgressSink& sink) {
    auto setup = std::make_shared<PassSetup>();
    setup->model = std::move(model);
    const ModelConfig& config = setup->model->config();
    const auto tokens = static_cast<long long>(context) * windows;
    if (Status fits = checkMemory(ForwardPass::peakBytes(config, context, tokens, omp_get_max_threads()),
                                  "a prefill of " + name + " at " + formatCount(context) + " tokens");
        !fits)
        return fits.error();
    setup->name = std::move(name);
    setup->layerScale = layerScale;
    setup->context = context;
    setup->sink = &sink;
    auto table = buildFrequencyTable(*RopeSpec::parse("model"), config.ropeModel(), context);
    if (!table) return table.error();
    setup->table = std::move(*table);
    Document document{"random tokens", "", "0", {}};
    for (long long token = 0; token < tokens; ++token)
        document.tokens.push_back(static_cast<TokenId>(mixBits(static_cast<std::uint64_t>(token))
                                                       % static_cast<std::uint64_t>(config.vocabSize)));
    setup->documents.push_back(std::move(document));
    auto cut = cutWindows(setup->documents, context);
    if (!cut) return cut.error();
    setup->windows = std::move(*cut);
    return std::shared_ptr<const PassSetup>(std::move(setup));
}

double prefillOperations(const ModelConfig& config, int context, Logits logits) {
    const double whole = ForwardPass::operations(config, context);
    return logits == Logits::All ? whole
                                 : whole - 2.0 * (context - 1.0) * config.hiddenSize * config.vocabSize;
}

Workload prefillWork(const Setup& setup, Logits logits, int threads) {
    return forwardWork(setup, logits == Logits::Last ? "prefill, last token" : "prefill, NLL", logits,
                       plainWeights(*setup), threads, false);
}

Outcome<Workload> variantWork(const Setup& setup, const QuantSpec& quant, int threads) {
    auto weights = openWeights(setup->model, quant);
    if (!weights) return weights.error();
    return forwardWork(setup, "prefill, NLL, " + quant.text(), Logits::All, *weights, threads, false);
}

Workload captureWork(const Setup& setup, int threads) {
    return forwardWork(setup, "capture", Logits::All, plainWeights(*setup), threads, true);
}

Workload reverseWork(const Setup& setup, int threads) {
    auto pass =
        std::make_shared<ReversePass>(setup->model, setup->table, plainWeights(*setup), setup->context);
    Workload work = named(setup, "reverse pass", threads);
    work.layerScale = 1; // which of its seconds belong to layers is not known
    work.run = [setup, pass]() -> Outcome<WorkDone> {
        SilentSink sink(*setup->sink);
        WorkMeter meter(sink, 1);
        const ModelConfig& config = setup->model->config();
        QkGradient sum = QkGradient::zero(config);
        if (Status done = pass->run(
                setup->windows, 1, [&](int, const QkGradient& gradient) { sum.add(gradient); }, meter);
            !done)
            return done.error();
        return WorkDone{ReversePass::operations(config, setup->context)
                            * static_cast<double>(setup->windows.size()),
                        tokensOf(*setup), 0, 1, 0};
    };
    return work;
}

Workload searchWork(const Setup& setup, int threads) {
    auto plan = std::make_shared<SearchPlan>();
    plan->model = setup->model;
    plan->weights = cachedWeights(plainWeights(*setup));
    plan->documents = std::make_shared<const std::vector<Document>>(setup->documents);
    plan->rope = *RopeSpec::parse("yarn:4");
    plan->contexts = {setup->context};
    const int pairs = setup->model->config().pairs();
    plan->bands = BandPartition::equal(std::min(8, pairs), pairs);
    plan->steps = 1;
    plan->name = "bench";
    Workload work = named(setup, "search, 1 step", threads);
    work.layerScale = 1;
    work.run = [setup, plan]() -> Outcome<WorkDone> {
        SilentSink sink(*setup->sink);
        auto preview = previewSearch(*plan);
        if (!preview) return preview.error();
        auto record = runSearch(*plan, sink);
        if (!record) return record.error();
        if (!record->finished) return Error::cancelled();
        return WorkDone{record->forwardEquivalents() * preview->passOperations, 0, 0, 1, 0};
    };
    return work;
}

} // namespace qroar::bench
