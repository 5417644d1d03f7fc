#include "tests/support/synthetic_session.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

namespace qroar::test {

namespace {

template<class T>
T required(Outcome<T> outcome) {
    if (!outcome) throw std::invalid_argument("synthetic session: " + outcome.error().message);
    return std::move(*outcome);
}

/// splitmix64: every random number is a hash of where it is used, so the order of use does not matter.
std::uint64_t mix(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15ULL;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31);
}

/// Uniform in [-1, 1).
double noise(std::uint64_t seed, std::uint64_t first, std::uint64_t second = 0, std::uint64_t third = 0) {
    const std::uint64_t hash = mix(mix(mix(mix(seed) ^ first) ^ second) ^ third);
    return static_cast<double>(hash >> 11) * 0x1p-52 - 1.0;
}

// ---- magnitudes ----------------------------------------------------------------------------------------

constexpr int tailLevels = 8;
constexpr int octave = LogHistogram::binsPerOctave;
constexpr int binOfOne = 1 - LogHistogram::minExponent * octave; ///< the bin that starts at 1.0

/// Shares of |x| per bin around the mode, falling to both sides: log-normal, with an exponential tail on the
/// upper side that is heavier for higher levels.
struct MagnitudeShape {
    static constexpr int below = 60, above = 260;
    std::array<double, below + above + 1> share{};
    double mean = 0, square = 0; ///< E|x| and E x^2 for a mode in the bin of 1.0

    explicit MagnitudeShape(int level) {
        const double width = 12, tailWidth = 8 + 4 * level, tailShare = 0.004 * (level + 1);
        double sum = 0;
        for (int bin = -below; bin <= above; ++bin) {
            const double body = std::exp(-0.5 * (bin / width) * (bin / width));
            at(bin) = body + (bin > 0 ? tailShare * std::exp(-bin / tailWidth) : 0.0);
            sum += at(bin);
        }
        for (int bin = -below; bin <= above; ++bin) {
            at(bin) /= sum;
            const double value = std::exp2((bin + 0.5) / octave);
            mean += at(bin) * value;
            square += at(bin) * value * value;
        }
    }
    double& at(int bin) { return share[static_cast<std::size_t>(bin + below)]; }
    [[nodiscard]] double at(int bin) const { return share[static_cast<std::size_t>(bin + below)]; }
};

const MagnitudeShape& shapeOfLevel(int level) {
    static const std::array<MagnitudeShape, tailLevels> shapes{
        MagnitudeShape(0), MagnitudeShape(1), MagnitudeShape(2), MagnitudeShape(3),
        MagnitudeShape(4), MagnitudeShape(5), MagnitudeShape(6), MagnitudeShape(7)};
    return shapes[static_cast<std::size_t>(std::clamp(level, 0, tailLevels - 1))];
}

/// One cell: `samples` pairs (x, y) with the mode of |x| and |y| in bin `mode`.
void fillCell(const MagnitudeShape& shape, int mode, double samples, double correlation, PairMoments& moments,
              LogHistogram& histogram) {
    if (samples < 1) return;
    const double values = 2 * samples; // both rows of the pair
    int first = 0, last = 0;
    while (first > -MagnitudeShape::below && values * shape.at(first - 1) >= 0.5) --first;
    while (last < MagnitudeShape::above && values * shape.at(last + 1) >= 0.5) ++last;
    first = std::max(first, -mode);
    last = std::min(last, LogHistogram::binCount - 1 - mode);
    std::vector<std::uint32_t> counts(static_cast<std::size_t>(last - first + 1));
    long long placed = 0;
    for (int bin = first; bin <= last; ++bin) {
        const auto count = static_cast<std::uint32_t>(values * shape.at(bin) + 0.5);
        counts[static_cast<std::size_t>(bin - first)] = count;
        placed += count;
    }
    const long long missing = static_cast<long long>(values) - placed; // of rounding: goes to the mode
    std::uint32_t& peak = counts[static_cast<std::size_t>(-first)];
    peak = static_cast<std::uint32_t>(std::max<long long>(1, peak + missing));
    histogram = LogHistogram::fromCounts(mode + first, counts);

    const double unit = std::exp2(static_cast<double>(mode - binOfOne) / octave);
    moments.count = samples;
    moments.sumX = 0.03 * samples * unit * correlation;
    moments.sumY = -0.02 * samples * unit * correlation;
    moments.sumXX = samples * shape.square * unit * unit * (1 + 0.2 * correlation);
    moments.sumYY = samples * shape.square * unit * unit * (1 - 0.2 * correlation);
    moments.sumXY = 0.3 * correlation * samples * shape.square * unit * unit;
    moments.sumNorm = samples * shape.mean * unit * 1.4;
    moments.maxAbs = unit * std::exp2((last + 0.75) / octave);
}

/// What shapes the magnitudes of one condition.
struct Scene {
    const SyntheticOptions* options;
    const FrequencyTable* table;
    std::uint64_t quantSeed; ///< 0 for full precision
};

/// Mode bin and tail level of a cell at a typical position; `document` -1 stands for all of them.
void cellTrend(const Scene& scene, int layer, int tensor, int stage, int pair, double position, int document,
               int& mode, int& level) {
    const auto& options = *scene.options;
    const std::uint64_t place = static_cast<std::uint64_t>((layer * 2 + tensor) * 4096 + pair);
    const double where = (pair + 0.5) / options.pairs;
    const double outlierBand = std::exp(-std::pow((where - 0.7) / 0.12, 2)); // a few slow pairs are large
    const double beyond = std::max(0.0, std::log2((position + 1) / options.trainedContext));
    const double depth = layer == 0 ? 0.0 : 0.5 + 0.5 * layer / options.layers; // layer 0 has no position
    const std::size_t index = static_cast<std::size_t>(pair);
    const double slowed = std::log2(scene.table->plain[index] / scene.table->omega[index]);
    double bins = 14 * tensor + 45 * outlierBand * (0.6 + 0.4 * tensor) + 8 * std::sin(0.9 * layer)
                  + 5 * noise(options.seed, place) + depth * beyond * (3 + 12 * outlierBand + 4 * slowed);
    if (scene.quantSeed) bins += 1.5 * noise(scene.quantSeed, place, 1) + depth * beyond * (1 + 2 * slowed);
    if (document >= 0) bins += 3 * noise(options.seed, place, 2, static_cast<std::uint64_t>(document) + 1);
    if (stage == 1) bins += octave * std::log2(scene.table->attentionFactor) + 2 * outlierBand;
    mode = binOfOne + static_cast<int>(std::lround(bins));
    level = static_cast<int>(std::lround(2 * outlierBand + depth * beyond * (0.5 + outlierBand)));
}

/// Windows of `context` tokens in `documents` documents; Q has four heads, K two.
QkStatistics fillStatistics(const Scene& scene, StatisticsShape shape, int documents, int document) {
    QkStatistics statistics(shape);
    std::size_t cell = 0;
    const int heads[2] = {4, 2};
    for (int layer = 0; layer < shape.layers; ++layer)
        for (int tensor = 0; tensor < 2; ++tensor)
            for (int stage = 0; stage < 2; ++stage)
                for (int group = 0; group < shape.groups; ++group)
                    for (int pair = 0; pair < shape.pairs; ++pair)
                        for (int bucket = 0; bucket < shape.buckets(); ++bucket, ++cell) {
                            const int from = shape.bucketEdges[static_cast<std::size_t>(bucket)];
                            const int to = shape.bucketEdges[static_cast<std::size_t>(bucket) + 1];
                            int mode = 0, level = 0;
                            cellTrend(scene, layer, tensor, stage, pair, 0.5 * (from + to), document, mode,
                                      level);
                            const double samples = static_cast<double>(to - from) * scene.options->windows
                                                   * documents * heads[tensor] / shape.groups;
                            fillCell(shapeOfLevel(level), mode + 4 * group, samples,
                                     noise(scene.options->seed, cell, 7), statistics.moments(cell),
                                     statistics.histogram(cell));
                        }
    return statistics;
}

void addStatistics(const Scene& scene, int context, ConditionResult& result) {
    const auto& options = *scene.options;
    StatisticsShape shape;
    shape.layers = options.layers;
    shape.groups = options.groups;
    shape.pairs = options.pairs;
    shape.bucketEdges = positionBuckets(context, options.trainedContext);
    result.statistics = fillStatistics(scene, shape, options.documents, -1);
    shape.groups = 1;
    shape.bucketEdges = {0, context};
    if (context > options.trainedContext) shape.bucketEdges = {0, options.trainedContext, context};
    for (int document = 0; document < options.documents; ++document)
        result.byDocument.push_back(fillStatistics(scene, shape, 1, document));
}

// ---- everything else -------------------------------------------------------------------------------------

/// NLL in nats: falls with context, breaks beyond L0 without scaling, costs a little with it; quantization
/// adds to both, more so where RoPE is scaled. Token noise is common to all conditions (paired).
std::vector<WindowNll> makeWindows(const SyntheticOptions& options, const ConditionKey& key,
                                   const FrequencyTable& table) {
    std::vector<WindowNll> windows;
    const bool scaled = table.factor > 1, quantized = key.quant.kind != QuantKind::None;
    const auto trained = static_cast<double>(options.trainedContext);
    const double conditionCost = (scaled ? 0.04 : 0.0) + (quantized ? 0.06 : 0.0);
    std::vector<double> trend(static_cast<std::size_t>(key.context - 1)); // of the token at position t + 1
    for (std::size_t token = 0; token < trend.size(); ++token) {
        const double position = static_cast<double>(token + 1);
        const double beyond =
            std::max(0.0, std::log2(position / (scaled ? trained * table.factor : trained)));
        const double stretched = std::max(0.0, std::log2(position / trained));
        trend[token] = 2.4 + 1.2 / std::sqrt(position) + conditionCost + 1.3 * beyond
                       + (scaled && quantized ? 0.07 * stretched : 0.0);
    }
    for (int document = 0; document < options.documents; ++document)
        for (int index = 0; index < options.windows; ++index) {
            WindowNll window{document, index, std::vector<float>(trend.size())};
            const auto place = static_cast<std::uint64_t>(document) * 64 + static_cast<std::uint64_t>(index);
            const double offset = 0.15 * noise(options.seed, 11, static_cast<std::uint64_t>(document));
            std::uint64_t state = mix(mix(options.seed) ^ place);
            for (std::size_t token = 0; token < trend.size(); ++token) {
                state = mix(state);
                const double uniform = static_cast<double>(state >> 11) * 0x1p-52 - 1.0;
                window.nll[token] = static_cast<float>(trend[token] + offset + 1.5 * uniform);
            }
            windows.push_back(std::move(window));
        }
    return windows;
}

std::vector<LayerDistortion> makeDistortions(const SyntheticOptions& options, std::uint64_t quantSeed) {
    static const char* const projections[] = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                              "gate_proj", "up_proj", "down_proj"};
    std::vector<LayerDistortion> all;
    for (int layer = 0; layer < options.layers; ++layer)
        for (const char* projection : projections) {
            const double ratio = 0.01 * (1 + 0.4 * noise(quantSeed, all.size()));
            Distortion distortion;
            distortion.count = 64 * 64;
            distortion.sumSquaredWeight = 0.04 * static_cast<double>(distortion.count);
            distortion.sumSquaredError = ratio * distortion.sumSquaredWeight;
            distortion.sumProduct = distortion.sumSquaredWeight * (1 - 0.4 * ratio);
            distortion.sumSquaredQuantized =
                distortion.sumSquaredError + 2 * distortion.sumProduct - distortion.sumSquaredWeight;
            distortion.maxError = 0.05 * (1 + ratio);
            distortion.clipped = static_cast<long long>(all.size() % 3);
            all.push_back({layer, projection, distortion, std::nullopt});
        }
    return all;
}

std::vector<WindowDivergence> makeDivergence(const std::vector<WindowNll>& windows, std::uint64_t seed) {
    std::vector<WindowDivergence> all;
    for (const WindowNll& window : windows) {
        WindowDivergence one{window.document, window.index, {}, {}, {}};
        for (std::size_t token = 0; token < window.nll.size(); ++token) {
            const double growth = 1 + std::log1p(static_cast<double>(token) / 64);
            const double wobble = noise(seed, token + 4096 * all.size());
            one.kl.push_back(static_cast<float>(0.02 * growth * (1.1 + wobble)));
            one.deltaP.push_back(static_cast<float>(0.05 * wobble));
            one.sameTop.push_back(wobble < 0.8 ? 1 : 0);
        }
        all.push_back(std::move(one));
    }
    return all;
}

/// Sensitivities of either sign; a key head has the sum of its query heads (identity 5).
Sensitivity makeSensitivity(const ModelConfig& model, const ConditionKey& key, std::uint64_t seed) {
    Sensitivity made;
    made.layers = model.layers;
    made.heads = model.heads;
    made.kvHeads = model.kvHeads;
    made.pairs = model.pairs();
    made.tokens = 8LL * (key.context - 1);
    const auto place = static_cast<std::uint64_t>(key.context);
    const auto size = static_cast<std::size_t>(made.layers) * static_cast<std::size_t>(made.pairs);
    made.lnGainK.resize(size * static_cast<std::size_t>(made.kvHeads));
    for (int layer = 0; layer < made.layers; ++layer)
        for (int head = 0; head < made.heads; ++head)
            for (int pair = 0; pair < made.pairs; ++pair) {
                made.lnGainQ.push_back(0.02 * noise(seed, 31 + place, made.lnGainQ.size()));
                const int kvHead = layer * made.kvHeads + head / (made.heads / made.kvHeads);
                made.lnGainK[static_cast<std::size_t>(kvHead * made.pairs + pair)] += made.lnGainQ.back();
            }
    for (std::size_t at = 0; at < size; ++at) made.lnOmega.push_back(0.05 * noise(seed, 47 + place, at));
    return made;
}

void describeModel(const SyntheticOptions& options, int longest, Session& session) {
    session.modelPath = "synthetic/model.safetensors";
    session.modelFormat = "safetensors";
    session.modelFingerprint = "0123456789abcdef0123456789abcdef";
    ModelConfig& model = session.model;
    model.architecture = "LlamaForCausalLM";
    model.layers = options.layers;
    model.heads = 4;
    model.kvHeads = 2;
    model.headDim = model.rotaryDim = 2 * options.pairs;
    model.hiddenSize = model.heads * model.headDim;
    model.intermediateSize = 3 * model.hiddenSize;
    model.vocabSize = 1024;
    model.maxPositions = options.trainedContext;
    model.bosId = 1;
    model.eosId = 2;
    session.maxWindows = options.windows;
    for (int document = 0; document < options.documents; ++document) {
        SessionDocument entry;
        entry.name = "document " + std::to_string(document + 1) + ".txt";
        entry.path = "texts/" + entry.name;
        entry.fingerprint = "fedcba9876543210fedcba987654321" + std::to_string(document % 10);
        entry.tokens = static_cast<long long>(options.windows) * longest + 37 + document;
        session.documents.push_back(std::move(entry));
    }
    session.provenance = {"qroar test", "2026-01-02T03:04:05Z",
                          "qroar analyze synthetic/model.safetensors --text texts/*.txt -o run.h5",
                          "a processor, 2 threads"};
    session.viewState = R"({"selection":{"layer":1,"band":2}})";
    session.bands = BandPartition::equal(options.bands, options.pairs);
}

} // namespace

std::shared_ptr<const Session> makeSyntheticSession(const SyntheticOptions& options) {
    auto session = std::make_shared<Session>();
    describeModel(options, *std::max_element(options.contexts.begin(), options.contexts.end()), *session);
    for (const std::string& quantText : options.quants)
        for (const std::string& ropeText : options.ropes)
            for (const int context : options.contexts) {
                auto result = std::make_shared<ConditionResult>();
                result->key.rope = required(RopeSpec::parse(ropeText));
                result->key.context = context;
                result->key.quant = required(QuantSpec::parse(quantText));
                RopeModel rope;
                rope.headDim = session->model.headDim;
                rope.rotaryDim = session->model.rotaryDim;
                rope.theta = session->model.ropeTheta;
                rope.maxPositions = session->model.maxPositions;
                result->table = required(buildFrequencyTable(result->key.rope, rope, context));
                result->windows = makeWindows(options, result->key, result->table);
                const bool quantized = result->key.quant.kind != QuantKind::None;
                std::uint64_t quantSeed = 0;
                if (quantized)
                    for (const char letter : quantText) quantSeed = mix(quantSeed ^ std::uint64_t(letter));
                if (options.capture) addStatistics({&options, &result->table, quantSeed}, context, *result);
                if (quantized) result->distortions = makeDistortions(options, quantSeed);
                if (quantized && options.divergence) {
                    result->divergence = makeDivergence(result->windows, quantSeed);
                    result->reference = "FP";
                }
                if (options.gradients)
                    result->sensitivity =
                        makeSensitivity(session->model, result->key, options.seed ^ quantSeed);
                result->seconds = 0.001 * context * (1 + options.layers);
                session->conditions.push_back(std::move(result));
            }
    return session;
}

} // namespace qroar::test
