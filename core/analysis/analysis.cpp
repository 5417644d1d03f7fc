#include "core/analysis/analysis.h"

#include "core/analysis/calibrations.h"
#include "core/analysis/condition_work.h"
#include "core/analysis/damage.h"
#include "core/analysis/divergences.h"
#include "core/analysis/gradients.h"
#include "core/analysis/machine.h"
#include "core/analysis/noise.h"
#include "core/analysis/shared_ranks.h"
#include "core/base/program_bytes.h"
#include "core/base/strings.h"
#include "core/base/work_meter.h"
#include "core/controls/side_by_side.h"
#include "core/session/document_change.h"
#include "core/session/session_bytes.h"
#include "qroar/version.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <ctime>

namespace qroar {

std::vector<ConditionKey> AnalysisPlan::conditions() const {
    std::vector<ConditionKey> keys;
    for (const auto& set : scales)
        for (const QuantSpec& quant : quants)
            for (const RopeSpec& rope : ropes)
                for (const int context : contexts) {
                    ConditionKey key{rope, context, quant, set ? set->name : std::string()};
                    if (std::find(keys.begin(), keys.end(), key) == keys.end())
                        keys.push_back(std::move(key));
                }
    return keys;
}

QkGains AnalysisPlan::gainsOf(const ConditionKey& key) const {
    for (const auto& set : scales)
        if (set && set->name == key.scales) return set->gains;
    return {};
}

bool AnalysisPlan::isDone(const Session& session, const ConditionKey& key) const {
    const auto held = session.find(key);
    return held && !lacksDivergence(*this, *held) && !lacksSensitivity(*this, *held)
           && !lacksNoise(*this, *held) && !lacksDamage(*this, *held, session.bands);
}

bool AnalysisPlan::isDone(const Session& session) const {
    const auto keys = conditions();
    return std::all_of(keys.begin(), keys.end(),
                       [&](const ConditionKey& key) { return isDone(session, key); });
}

std::string AnalysisPlan::lackingOf(const Session& session, const ConditionKey& key) const {
    const auto held = session.find(key);
    if (!held) return "everything";
    std::string words;
    const auto add = [&words](bool lacks, const std::string& what) {
        if (lacks) words += (words.empty() ? "" : ", ") + what;
    };
    add(lacksDivergence(*this, *held), "divergence");
    add(lacksSensitivity(*this, *held), "gradients");
    add(lacksNoise(*this, *held), "noise");
    const auto known = [](const std::vector<DamageCell>& cells) {
        return std::to_string(
            std::count_if(cells.begin(), cells.end(), [](const DamageCell& cell) { return cell.known(); }));
    };
    add(lacksDamage(*this, *held, session.bands), "damage but for " + known(held->damage.byLayer)
                                                      + " layers and " + known(held->damage.byBand)
                                                      + " cells of bands " + session.bands.text());
    return words.empty() ? "nothing" : words;
}

namespace {

QkCapture::Options captureOptions(const AnalysisPlan& plan, const FrequencyTable& table, int context,
                                  const std::vector<Window>& windows) {
    const ModelConfig& c = plan.model->config();
    QkCapture::Options options;
    options.layers = c.layers;
    options.pairs = c.pairs();
    options.context = context;
    options.trainedContext = static_cast<int>(table.trainedContext);
    options.documents = static_cast<int>(plan.documents->size());
    options.queryHeads = c.heads;
    options.kvHeads = c.kvHeads;
    options.groupPerKvHead = plan.groupPerKvHead;
    options.firstWindow = firstWindows(*plan.documents, windows);
    options.windowsPerBlock = sharedBlocks(c, windows.size(), context).perBlock;
    return options;
}

Status checkPlan(const AnalysisPlan& plan) {
    if (!plan.model || !plan.documents) return Error::bad("an analysis needs a model and documents");
    if (plan.documents->empty()) return Error::bad("no documents: add at least one text");
    for (const auto& set : plan.scales)
        if (set && (set->name.empty() || !set->gains.fits(plan.model->config())))
            return Error::bad("scales \"" + set->name + "\" do not fit this model: expected "
                              + std::to_string(plan.model->config().layers) + " layers, "
                              + std::to_string(plan.model->config().heads) + " query and "
                              + std::to_string(plan.model->config().kvHeads) + " key heads and "
                              + std::to_string(plan.model->config().pairs()) + " pairs, found "
                              + std::to_string(set->gains.layers) + ", " + std::to_string(set->gains.heads)
                              + ", " + std::to_string(set->gains.kvHeads) + ", "
                              + std::to_string(set->gains.pairs));
    if (plan.ropes.empty() || plan.contexts.empty() || plan.quants.empty() || plan.scales.empty())
        return Error::bad(
            "an analysis needs at least one RoPE spec, one context length and one weight variant");
    for (const int context : plan.contexts) {
        if (context < 2)
            return Error::bad("context " + std::to_string(context) + ": expected at least 2 tokens");
        if (auto windows = cutWindows(*plan.documents, context, plan.maxWindows); !windows)
            return windows.error();
        for (const RopeSpec& rope : plan.ropes)
            if (auto table = buildFrequencyTable(rope, plan.model->config().ropeModel(), context); !table)
                return table.error();
    }
    for (const QuantSpec& quant : plan.quants)
        if (Status supported = checkQuantSupported(quant, *plan.model); !supported) return supported;
    return checkCalibrationText(plan);
}

/// Bytes of the statistics of one condition: merged ones and those per document.
CaptureMemory statisticsBytes(const AnalysisPlan& plan, const ConditionKey& key,
                              const std::vector<Window>& windows) {
    const auto table = buildFrequencyTable(key.rope, plan.model->config().ropeModel(), key.context);
    if (!plan.capture || !table) return {};
    const auto windowCount = static_cast<double>(windows.size());
    return QkCapture::expectedBytes(
        captureOptions(plan, *table, key.context, windows), windowCount * key.context,
        static_cast<double>(ForwardPass::batchTokens(plan.model->config(), key.context)) / key.context);
}

/// What ranks send of them to rank 0: sums of every piece (QkCapture) and counts, as they come and as they
/// are packed.
double piecesBytes(const AnalysisPlan& plan, int context, const CaptureMemory& counts) {
    const SharedRanks ranks(plan);
    if (!plan.capture || ranks->alone()) return 0;
    const ModelConfig& c = plan.model->config();
    const double buckets = static_cast<double>(positionBuckets(context, c.trainedContext()).size() - 1);
    const double pieces = static_cast<double>(WindowBlocks::mostBlocks + plan.documents->size());
    const double cells = 4.0 * c.layers * (plan.groupPerKvHead ? c.kvHeads : 1) * c.pairs() * buckets;
    return 2 * pieces * cells * sizeof(PairMoments) + ranks->size() * counts.merged + counts.byDocument;
}

/// A guess of how well the statistics and NLL compress (counts are small numbers; measured about 3).
constexpr double compression = 3.0;

std::string nowUtc() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&now, &parts);
    char buffer[32];
    std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return buffer;
}

Status checkPrevious(const AnalysisPlan& plan, const Session& fresh, const Session& previous) {
    if (previous.modelFingerprint != fresh.modelFingerprint)
        return Error::bad("the earlier run used another model (fingerprint " + previous.modelFingerprint
                          + ", this one has " + fresh.modelFingerprint + "): start a new run");
    if (const std::string change = documentChange(previous.documents, fresh.documents); !change.empty())
        return Error::bad("the earlier run used other documents (" + change + "): start a new run");
    if (previous.maxWindows != plan.maxWindows)
        return Error::bad("the earlier run used another window limit (" + std::to_string(previous.maxWindows)
                          + " of each document, now " + std::to_string(plan.maxWindows)
                          + "; 0 = all): start a new run");
    return checkCalibration(plan, previous);
}

/// What the reader and the frequency tables want the user to know, each once.
void addWarnings(const AnalysisPlan& plan, std::vector<std::string>& notes) {
    const auto add = [&notes](const std::string& note) {
        if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
    };
    for (const std::string& warning : plan.model->warnings()) add(warning);
    for (const RopeSpec& rope : plan.ropes)
        for (const int context : plan.contexts)
            if (const auto table = buildFrequencyTable(rope, plan.model->config().ropeModel(), context))
                for (const std::string& warning : table->warnings) add(warning);
}

/// Rank 0 gets the statistics of all.
Status joinOnFirst(Ranks& ranks, QkCapture& capture, WorkMeter& meter) {
    const auto parts =
        ranks.shareToFirst("statistics", meter, [&] { return Outcome<std::string>(capture.packPieces()); });
    if (!parts) return parts.error();
    const bool joined = !ranks.first() || capture.join(*parts);
    return ranks.agree("statistics are joined",
                       joined ? Status(Done{}) : Error::bad("statistics: another rank sent something else"));
}

/// Those of the plan that `done` (may be null) lacks.
std::vector<ConditionKey> missingConditions(const AnalysisPlan& plan, const Session* done) {
    std::vector<ConditionKey> missing;
    for (const ConditionKey& key : plan.conditions())
        if (!done || !plan.isDone(*done, key)) missing.push_back(key);
    return missing;
}

/// Operations of a condition: those of its windows, and of the reference beside it.
double workOf(const AnalysisPlan& plan, const ConditionKey& key) {
    const auto windows = cutWindows(*plan.documents, key.context, plan.maxWindows);
    if (!windows) return 0;
    return static_cast<double>(windows->size()) * ForwardPass::operations(plan.model->config(), key.context)
           * (isCompared(plan, key) ? 2 : 1);
}

Outcome<std::shared_ptr<const ConditionResult>> runCondition(const AnalysisPlan& plan,
                                                             const ConditionKey& key,
                                                             Calibrations::Weights weights,
                                                             WorkMeter& meter) {
    const double start = meter.secondsElapsed();
    auto table = buildFrequencyTable(key.rope, plan.model->config().ropeModel(), key.context);
    if (!table) return table.error();
    auto windows = cutWindows(*plan.documents, key.context, plan.maxWindows);
    if (!windows) return windows.error();

    auto result = std::make_shared<ConditionResult>();
    result->key = key;
    result->table = *table;
    result->calibration = std::move(weights.record);
    std::optional<QkCapture> capture;
    if (plan.capture) capture.emplace(captureOptions(plan, *table, key.context, *windows));
    const SharedRanks ranks(plan);
    if (capture && !ranks->alone()) capture->keepPieces();
    auto lanes = lanesOf(plan, key, std::move(weights.source), capture ? &*capture : nullptr);
    if (!lanes) return lanes.error();
    ForwardPass pass(plan.model, *table, lanes->front().weights, key.context);
    if (Status ran =
            shareSideBySide(*ranks, key.text(), pass, plan.model->config(), *windows, *lanes, nullptr, meter);
        !ran)
        return ran.error();
    if (capture && !ranks->alone())
        if (Status joined = joinOnFirst(*ranks, *capture, meter); !joined) return joined.error();

    Lane& lane = lanes->back();
    if (Status finite = checkFinite(lane.windows, *plan.documents, key.text()); !finite)
        return finite.error();
    result->windows = std::move(lane.windows);
    result->divergence = std::move(lane.divergence);
    if (lane.compare) result->reference = referenceName(plan);
    result->distortions = std::move(lane.distortions);
    if (capture && ranks->first()) {
        result->statistics = capture->takeMerged();
        result->byDocument = capture->takeByDocument();
    }
    result->seconds = meter.secondsElapsed() - start;
    return std::shared_ptr<const ConditionResult>(std::move(result));
}

/// What a plan still asks for of a condition; `held` is what there is of it, or null. Cancelled between its
/// steps, the condition is kept with those that are complete.
Outcome<std::shared_ptr<const ConditionResult>> runMissing(const AnalysisPlan& plan, const ConditionKey& key,
                                                           std::shared_ptr<const ConditionResult> held,
                                                           const BandPartition& bands,
                                                           Calibrations& calibrations, WorkMeter& meter) {
    Outcome<Calibrations::Weights> weights = Error::cancelled();
    const Status made = SharedRanks(plan)->together(key.text() + ", weights", meter, [&]() -> Status {
        weights = calibrations.weights(key, meter); // every rank makes its own
        return weights ? Status(Done{}) : Status(weights.error());
    });
    if (!made) return made.error();
    using Result = Outcome<std::shared_ptr<const ConditionResult>>;
    Result result = held;
    if (!held) result = runCondition(plan, key, *weights, meter);
    const auto add = [&](bool lacking, const char* stage, const auto& step) {
        if (!result || !lacking || meter.cancelled()) return;
        meter.setStage(key.text() + ", " + stage);
        Result more = step(**result);
        if (more || more.error().code != ErrorCode::Cancelled) result = std::move(more);
    };
    add(result && lacksDivergence(plan, **result), "divergence", [&](const ConditionResult& condition) {
        return withDivergence(plan, condition, weights->source, meter);
    });
    add(result && lacksSensitivity(plan, **result), "gradients", [&](const ConditionResult& condition) {
        return withSensitivity(plan, condition, weights->source, meter);
    });
    add(result && lacksNoise(plan, **result), "noise",
        [&](const ConditionResult& condition) { return withNoise(plan, condition, weights->source, meter); });
    add(result && lacksDamage(plan, **result, bands), "damage", [&](const ConditionResult& condition) {
        return withDamage(plan, condition, bands, weights->source, meter);
    });
    if (result && *result == held && meter.cancelled()) return Error::cancelled();
    return result;
}

/// Operations, file bytes and memory of the steps behind the forward pass, of what a condition (null: not run
/// yet; then its divergence comes with the forward pass) lacks.
struct StepCost {
    double operations = 0, fileBytes = 0, peakBytes = 0;
    template<class Cost>
    void add(const Cost& cost) {
        operations += cost.operations;
        fileBytes += cost.fileBytes;
        peakBytes = std::max(peakBytes, cost.peakBytes);
    }
};
StepCost stepCost(const AnalysisPlan& plan, const ConditionKey& key, const ConditionResult* held,
                  const BandPartition& bands, long long windows) {
    StepCost cost;
    ConditionResult nothing;
    nothing.key = key;
    const ConditionResult& have = held ? *held : nothing;
    if (held && lacksDivergence(plan, have)) cost.add(divergenceCost(plan, key.context, windows));
    if (lacksSensitivity(plan, have)) cost.add(sensitivityCost(plan.model->config(), key.context, windows));
    if (lacksNoise(plan, have)) cost.add(noiseCost(plan, key.context, windows));
    if (lacksDamage(plan, have, bands)) cost.add(damageCost(plan, key.context, windows, bands.count()));
    return cost;
}

/// Operations of what the session lacks of a condition.
double missingWork(const AnalysisPlan& plan, const Session& session, const ConditionKey& key) {
    const auto held = session.find(key);
    const auto windows = cutWindows(*plan.documents, key.context, plan.maxWindows);
    if (!windows) return 0;
    return (held ? 0 : workOf(plan, key))
           + stepCost(plan, key, held.get(), session.bands, static_cast<long long>(windows->size()))
                 .operations;
}

} // namespace

Session emptySession(const AnalysisPlan& plan) {
    Session session;
    session.modelPath = plan.model->path().string();
    session.modelFormat = plan.model->format();
    session.modelFingerprint = plan.model->fingerprint();
    session.model = plan.model->config();
    for (const Document& document : *plan.documents)
        session.documents.push_back({document.name, document.path, document.fingerprint,
                                     static_cast<long long>(document.tokens.size())});
    session.maxWindows = plan.maxWindows;
    session.bands = BandPartition::equal(plan.bands, session.model.pairs());
    session.provenance.program = "qroar " QROAR_VERSION;
    session.provenance.created = nowUtc();
    session.provenance.command = plan.command;
    session.provenance.host = processorName() + ", " + std::to_string(omp_get_max_threads()) + " threads";
    if (const SharedRanks ranks(plan); !ranks->alone())
        session.provenance.host += ", " + std::to_string(ranks->size()) + " ranks";
    return session;
}

Outcome<AnalysisEstimate> estimateAnalysis(const AnalysisPlan& plan, const Session* previous) {
    if (Status fine = checkPlan(plan); !fine) return fine.error();
    const ModelConfig& config = plan.model->config();
    AnalysisEstimate estimate;
    const SharedRanks ranks(plan);
    estimate.ranks = ranks->size();
    const std::vector<ConditionKey> missing = missingConditions(plan, previous);
    const Calibrations calibrations(plan, missing);
    const BandPartition bands = previous ? previous->bands : BandPartition::equal(plan.bands, config.pairs());
    const MachineSpeed speed =
        measureMachine(config, {plan.divergence || plan.damage != DamageScope::None, plan.gradients});
    const int longest = *std::max_element(plan.contexts.begin(), plan.contexts.end());
    estimate.seconds = speed.pass.seconds(config, longest, calibrations.operations());
    double statistics = 0, losses = 0, copied = 0;
    for (const ConditionKey& key : missing) {
        auto windows = cutWindows(*plan.documents, key.context, plan.maxWindows);
        if (!windows) return windows.error();
        const auto tokens = static_cast<long long>(windows->size()) * key.context;
        const auto held = previous ? previous->find(key) : nullptr;
        const StepCost steps =
            stepCost(plan, key, held.get(), bands, static_cast<long long>(windows->size()));
        const double share = sharedBlocks(config, windows->size(), key.context).largestShare(estimate.ranks);
        const ConditionWork work = conditionWork(plan, key, held.get(), bands, // of the busiest rank
                                                 std::llround(share * static_cast<double>(windows->size())));
        estimate.conditionSeconds.push_back(secondsOf(work, config, key.context, speed));
        estimate.seconds += estimate.conditionSeconds.back();
        estimate.fileBytes += steps.fileBytes;
        estimate.peakBytes = std::max(estimate.peakBytes, steps.peakBytes);
        estimate.tokens += tokens;
        if (held) continue; // only those steps are missing
        const bool compared = isCompared(plan, key);
        losses += (compared ? 13.0 : 4.0) * static_cast<double>(tokens);
        const CaptureMemory counts = statisticsBytes(plan, key, *windows);
        statistics += counts.merged + counts.byDocument;
        copied = std::max(copied, counts.merged);
        estimate.fileBytes += (compared ? 12.0 : 4.0) * static_cast<double>(tokens) / 1.2;
        estimate.peakBytes =
            std::max(estimate.peakBytes,
                     (compared ? comparedBytes(plan, key.context, tokens)
                               : ForwardPass::peakBytes(config, key.context, tokens, omp_get_max_threads()))
                         + counts.working + piecesBytes(plan, key.context, counts));
    }
    estimate.peakBytes = std::max({estimate.peakBytes, calibrations.peakBytes(), copied});
    estimate.peakBytes += statistics + losses + programBytes;
    estimate.packedBytes = statistics + estimate.fileBytes;
    estimate.heldBytes = previous ? packedBytes(*previous) : 0;
    estimate.fileBytes += statistics / compression + 1e6;
    for (const int context : plan.contexts)
        for (const Document& document : *plan.documents)
            if (static_cast<int>(document.tokens.size()) < context)
                estimate.notes.push_back(
                    document.name + ": " + formatCount(static_cast<long long>(document.tokens.size()))
                    + " tokens, too short for context " + formatCount(context) + ": left out there");
    addWarnings(plan, estimate.notes);
    addCalibrationNotes(plan, estimate.notes);
    const int together = ranks->onThisMachine();
    const std::string what =
        together > 1 ? "this analysis, " + std::to_string(together) + " ranks on this machine together,"
                     : std::string("this analysis");
    if (Status fits = checkMemory(together * estimate.peakBytes, what); !fits)
        return Error::outOfMemory(fits.error().message
                                  + ": use shorter contexts, fewer conditions, or --max-windows");
    return estimate;
}

Outcome<std::shared_ptr<const Session>> runAnalysis(const AnalysisPlan& plan, ProgressSink& sink,
                                                    const ConditionCallback& onResult,
                                                    std::shared_ptr<const Session> previous) {
    if (Status fine = checkPlan(plan); !fine) return fine.error();
    auto session = std::make_shared<Session>(emptySession(plan));
    if (previous) {
        if (Status same = checkPrevious(plan, *session, *previous); !same) return same.error();
        session->bands = previous->bands;
        session->bandStyles = previous->bandStyles;
        // The file is the work of both commands; it began when the first one did.
        session->provenance.created = previous->provenance.created;
        if (previous->provenance.command != plan.command)
            session->provenance.command = previous->provenance.command + "\n" + plan.command;
        session->viewState = previous->viewState;
        session->conditions = previous->conditions;
        session->searches = previous->searches;
        session->whatIfs = previous->whatIfs;
    }
    const std::vector<ConditionKey> missing = missingConditions(plan, session.get());
    Calibrations calibrations(plan, missing);
    double work = calibrations.operations();
    for (const ConditionKey& key : missing) work += missingWork(plan, *session, key);
    WorkMeter meter(sink, work);
    for (const ConditionKey& key : missing) {
        meter.setStage(key.text());
        auto result = runMissing(plan, key, session->find(key), session->bands, calibrations, meter);
        if (!result && result.error().code == ErrorCode::Cancelled) break;
        if (!result) return result.error();
        session->put(*result);
        if (onResult) onResult(*result);
        if (meter.cancelled()) break;
    }
    return std::shared_ptr<const Session>(std::move(session));
}

} // namespace qroar
