#include "core/bench/session_work.h"

#include "core/base/strings.h"
#include "core/bench/random_model.h"
#include "core/diagnostics/pressure.h"
#include "core/session/session_file.h"

#include <algorithm>
#include <cmath>

namespace qroar::bench {

namespace {

constexpr int documents = 2, levels = 8;

/// Counts of |x| of so many samples of a normal distribution with this deviation, and their moments.
struct NormalCell {
    LogHistogram histogram;
    PairMoments moments;

    NormalCell(double samples, double deviation) {
        std::vector<std::uint32_t> counts(LogHistogram::binCount);
        double below = 0;
        for (int bin = 0; bin < LogHistogram::binCount; ++bin) {
            const double up = std::erf(LogHistogram::binUpper(bin) / deviation / std::sqrt(2.0));
            counts[static_cast<std::size_t>(bin)] =
                static_cast<std::uint32_t>(std::lround(2 * samples * (up - below)));
            if (counts[static_cast<std::size_t>(bin)] > 0) moments.maxAbs = LogHistogram::binUpper(bin);
            below = up;
        }
        histogram.addDense(counts);
        moments.count = samples;
        moments.sumXX = moments.sumYY = samples * deviation * deviation;
        moments.sumNorm = samples * deviation * std::sqrt(M_PI / 2);
    }
};

QkStatistics statisticsOf(const ModelConfig& config, std::vector<int> edges, int texts, double stretch) {
    StatisticsShape shape{config.layers, 1, config.pairs(), std::move(edges)};
    QkStatistics statistics(shape);
    std::vector<NormalCell> cells; // [buckets, levels, q and k]
    for (int bucket = 0; bucket < shape.buckets(); ++bucket)
        for (int level = 0; level < levels; ++level)
            for (const int heads : {config.heads, config.kvHeads}) {
                const auto at = static_cast<std::size_t>(bucket);
                const double samples =
                    static_cast<double>(shape.bucketEdges[at + 1] - shape.bucketEdges[at]) * texts * heads;
                cells.emplace_back(samples, (0.5 + 0.25 * level) * (1 + stretch * bucket));
            }
    std::size_t cell = 0;
    for (int layer = 0; layer < shape.layers; ++layer)
        for (std::size_t tensor = 0; tensor < 2; ++tensor)
            for (int stage = 0; stage < 2; ++stage)
                for (int pair = 0; pair < shape.pairs; ++pair) {
                    const std::size_t level =
                        mixBits(static_cast<std::uint64_t>(layer) * 4096 + static_cast<std::uint64_t>(pair))
                        % levels;
                    for (std::size_t bucket = 0; bucket < shape.bucketEdges.size() - 1; ++bucket, ++cell) {
                        const NormalCell& from = cells[(bucket * levels + level) * 2 + tensor];
                        statistics.histogram(cell) = from.histogram;
                        statistics.moments(cell) = from.moments;
                    }
                }
    return statistics;
}

Outcome<std::shared_ptr<const ConditionResult>> conditionOf(const ModelConfig& config, const char* rope,
                                                            int context) {
    auto result = std::make_shared<ConditionResult>();
    result->key.rope = *RopeSpec::parse(rope);
    result->key.context = context;
    auto table = buildFrequencyTable(result->key.rope, config.ropeModel(), context);
    if (!table) return table.error();
    result->table = std::move(*table);
    for (int document = 0; document < documents; ++document)
        result->windows.push_back(
            {document, 0, std::vector<float>(static_cast<std::size_t>(context - 1), 2.5F)});
    const double stretch = rope == std::string_view("none") ? 0.02 : 0.05;
    const int trained = config.trainedContext();
    result->statistics = statisticsOf(config, positionBuckets(context, trained), documents, stretch);
    for (int document = 0; document < documents; ++document)
        result->byDocument.push_back(
            statisticsOf(config, positionZones(context, trained), 1, stretch * (document + 1)));
    return std::shared_ptr<const ConditionResult>(std::move(result));
}

double sizeOf(const std::filesystem::path& file) {
    std::error_code none;
    const auto bytes = std::filesystem::file_size(file, none);
    return none ? 0 : static_cast<double>(bytes);
}

std::string shapeOf(const Session& session) {
    return std::to_string(session.model.layers) + " layers, " + std::to_string(session.model.pairs())
           + " pairs, " + std::to_string(session.conditions.size()) + " conditions";
}

} // namespace

Outcome<std::shared_ptr<const Session>> benchSession(const ModelConfig& config) {
    auto session = std::make_shared<Session>();
    session->modelPath = "random";
    session->modelFormat = "random weights";
    session->modelFingerprint = std::string(32, '0');
    session->model = config;
    const int trained = config.trainedContext(), longest = 4 * trained;
    session->maxWindows = 1;
    for (int document = 0; document < documents; ++document) {
        const std::string name = "document " + std::to_string(document + 1);
        session->documents.push_back({name, name, std::string(31, '0') + std::to_string(document), longest});
    }
    session->bands = BandPartition::equal(std::min(8, config.pairs()), config.pairs());
    session->provenance = {"qroar bench", "2026-01-01T00:00:00Z", "qroar bench", "any"};
    const struct {
        const char* rope;
        int context;
    } conditions[] = {{"none", trained}, {"none", longest}, {"yarn:4", longest}};
    for (const auto& [rope, context] : conditions) {
        auto condition = conditionOf(config, rope, context);
        if (!condition) return condition.error();
        session->conditions.push_back(std::move(*condition));
    }
    return std::shared_ptr<const Session>(std::move(session));
}

Workload saveWork(std::shared_ptr<const Session> session, const std::filesystem::path& file) {
    Workload work{"session, save", "", shapeOf(*session), 1, 1, {}};
    work.run = [session = std::move(session), file]() -> Outcome<WorkDone> {
        if (Status saved = saveSession(*session, file); !saved) return saved.error();
        return WorkDone{0, 0, sizeOf(file), 1, 0};
    };
    return work;
}

Workload openWork(const std::shared_ptr<const Session>& session, const std::filesystem::path& file) {
    Workload work{"session, open", "", shapeOf(*session), 1, 1, {}};
    work.run = [file]() -> Outcome<WorkDone> {
        auto loaded = loadSession(file);
        if (!loaded) return loaded.error();
        return WorkDone{0, 0, sizeOf(file), 1, 0};
    };
    return work;
}

const std::vector<BandMetric>& bandMetrics() {
    using Condition = ConditionResult;
    static const std::vector<BandMetric> metrics{
        {"tail inflation", true,
         [](const Condition& condition, const Condition& reference, const BandPartition& bands,
            PoolCache* pools) { return tailInflation(condition, reference, bands, {}, pools); }},
        {"range dilation", true,
         [](const Condition& condition, const Condition&, const BandPartition& bands, PoolCache* pools) {
             return rangeDilation(condition, QkTensor::K, bands, pools);
         }},
        {"clip rate", true,
         [](const Condition& condition, const Condition& reference, const BandPartition& bands,
            PoolCache* pools) {
             return calibrationLoss(condition, reference, bands, QkTensor::K, RopeStage::Post, pools)
                 .clipRate;
         }},
        {"top share", true,
         [](const Condition& condition, const Condition&, const BandPartition& bands, PoolCache* pools) {
             return topShareByBand(condition, bands, QkTensor::K, RopeStage::Post, 1e-3, pools);
         }},
        {"pressure, weighted", false,
         [](const Condition& condition, const Condition&, const BandPartition& bands, PoolCache*) {
             return pressureGrid(PressureForm::EnergyWeighted, condition.table, condition.key.context, bands,
                                 condition.statistics);
         }}};
    return metrics;
}

BandPartition movedBands(int pairs, int step) {
    const int bands = std::min(8, pairs);
    BandPartition even = BandPartition::equal(bands, pairs);
    if (bands < 3) return even;
    const int index = bands / 2, from = even.edges()[static_cast<std::size_t>(index) - 1] + 1,
              end = even.edges()[static_cast<std::size_t>(index) + 1];
    return even.withEdgeMoved(index, from + step % (end - from));
}

Workload bandWork(std::shared_ptr<const Session> session, const BandMetric& metric, bool pools) {
    struct State {
        std::shared_ptr<const Session> session;
        std::shared_ptr<const ConditionResult> condition, reference;
        PoolCache cache;
        int step = 0;
    };
    auto state = std::make_shared<State>();
    Workload work{"bands, " + metric.name + (pools ? ", pooled" : ""), "", shapeOf(*session), 1, 1, {}};
    state->condition = session->conditions.back();
    state->reference = session->shortReference(*state->condition);
    state->session = std::move(session);
    state->cache.keep({state->condition, state->reference});
    work.run = [state, grid = metric.grid, pools]() -> Outcome<WorkDone> {
        constexpr int moves = 8;
        for (int move = 0; move < moves; ++move)
            grid(*state->condition, *state->reference,
                 movedBands(state->session->model.pairs(), state->step++), pools ? &state->cache : nullptr);
        return WorkDone{0, 0, 0, moves, 0};
    };
    return work;
}

} // namespace qroar::bench
