#include "core/session/noise_file.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace qroar {

namespace {

constexpr int errorNumbers = 9, damageNumbers = 4;

/// Increasing, from `first` to `last`.
bool areEdges(const std::vector<int>& edges, int first, int last) {
    return edges.size() >= 2 && edges.front() == first && edges.back() == last
           && std::adjacent_find(edges.begin(), edges.end(), std::greater_equal<>()) == edges.end();
}

bool allFinite(const std::vector<double>& values) {
    return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

std::vector<double> numbersOf(const std::vector<DamageCell>& cells) {
    std::vector<double> numbers;
    for (const DamageCell& cell : cells)
        numbers.insert(numbers.end(), {cell.kl, cell.nll, cell.noiseKl, cell.noiseNll});
    return numbers;
}

std::vector<DamageCell> cellsOf(const std::vector<double>& numbers) {
    std::vector<DamageCell> cells;
    for (std::size_t at = 0; at + damageNumbers <= numbers.size(); at += damageNumbers)
        cells.push_back({numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]});
    return cells;
}

} // namespace

void writeNoise(h5::GroupWriter to, const NoiseStatistics& noise) {
    static_assert(sizeof(ErrorMoments) == errorNumbers * sizeof(double));
    const NoiseShape& shape = noise.shape();
    const auto layers = static_cast<hsize_t>(shape.layers), groups = static_cast<hsize_t>(shape.groups);
    const auto pairs = static_cast<hsize_t>(shape.pairs);
    const auto distances = static_cast<hsize_t>(shape.distances());
    to.list("bucket_edges", shape.bucketEdges, {"token positions", "edge", "edges of the position buckets"});
    to.list("distance_edges", shape.distanceEdges,
            {"tokens", "edge", "edges of the buckets of distances between query and key"});
    to.array<double>("errors", {&noise.errors()[0].count, noise.errors().size() * errorNumbers},
                     {layers, 2, groups, pairs, static_cast<hsize_t>(shape.buckets()), errorNumbers},
                     {"samples, activation units and their squares",
                      "layer, tensor (q, k), head group, pair, position bucket, moment",
                      "errors (ex, ey) = this condition - reference of the rows (x, y) of each pair before "
                      "RoPE: count, sum ex, sum ey, sum ex^2, sum ex ey, sum ey^2, and of the reference sum "
                      "x^2, sum xy, sum y^2"});
    to.array<double>("logit_samples", noise.samplesOfAll(), {layers, groups, distances},
                     {"samples", "layer, head group, distance bucket", "sampled (query, key, query head)"});
    to.array<double>("logit_sums", noise.sumsOfAll(), {layers, groups, distances, pairs},
                     {"logits", "layer, head group, distance bucket, pair",
                      "sum of c_i: this condition - reference of the pair's contribution to the logit"});
    to.array<double>("logit_products", noise.productsOfAll(),
                     {layers, groups, distances, static_cast<hsize_t>(shape.triangle())},
                     {"logits squared", "layer, head group, distance bucket, pair i and pair j >= i",
                      "sum of c_i c_j; the upper triangle row by row: (0,0), (0,1), .., (1,1), .."});
}

NoiseStatistics readNoise(const h5::GroupReader& from, const ModelConfig& model, int context) {
    NoiseShape shape;
    shape.layers = model.layers;
    shape.pairs = model.pairs();
    shape.bucketEdges = from.list<std::int32_t>("bucket_edges");
    shape.distanceEdges = from.list<std::int32_t>("distance_edges");
    if (from.failed()) return {};
    if (!areEdges(shape.bucketEdges, 0, context))
        from.fail("bucket_edges", "expected 0 to the context length");
    if (!areEdges(shape.distanceEdges, 1, context))
        from.fail("distance_edges", "expected 1 to the context length");
    if (from.failed()) return {};
    const auto layers = static_cast<hsize_t>(shape.layers), pairs = static_cast<hsize_t>(shape.pairs);
    const auto distances = static_cast<hsize_t>(shape.distances());
    const auto errors = from.array<double>(
        "errors", {layers, 2, 0, pairs, static_cast<hsize_t>(shape.buckets()), errorNumbers});
    if (from.failed()) return {};
    const hsize_t groups = errors.dims[2];
    if (groups < 1 || groups > static_cast<hsize_t>(model.heads)) {
        from.fail("errors", "expected 1 to " + std::to_string(model.heads) + " head groups");
        return {};
    }
    shape.groups = static_cast<int>(groups);
    auto samples = from.array<double>("logit_samples", {layers, groups, distances});
    auto sums = from.array<double>("logit_sums", {layers, groups, distances, pairs});
    auto products = from.array<double>("logit_products",
                                       {layers, groups, distances, static_cast<hsize_t>(shape.triangle())});
    if (from.failed()) return {};
    NoiseStatistics noise(shape);
    const double* v = errors.values.data();
    for (ErrorMoments& moments : noise.errors()) {
        moments = {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8]};
        v += errorNumbers;
    }
    noise.samplesOfAll() = std::move(samples.values);
    noise.sumsOfAll() = std::move(sums.values);
    noise.productsOfAll() = std::move(products.values);
    return noise;
}

void writeDamage(h5::GroupWriter to, const Damage& damage) {
    const auto layers = static_cast<hsize_t>(damage.layers);
    const char* const numbers = "mean KL(reference || variant), mean NLL(variant) - NLL(reference), and both "
                                "with random errors of the "
                                "same size; NaN: not measured";
    to.integer("tokens", damage.tokens);
    to.list("whole", numbersOf({damage.whole}), {"nats per token", "number", numbers});
    to.array<double>("layers", numbersOf(damage.byLayer), {layers, damageNumbers},
                     {"nats per token", "layer, number", "only this layer is the condition's"});
    if (damage.bandEdges.empty()) return;
    to.list("band_edges", damage.bandEdges,
            {"pair", "edge", "first pair of each band, and the number of pairs"});
    to.array<double>("bands", numbersOf(damage.byBand),
                     {layers, 2, static_cast<hsize_t>(damage.bands()), damageNumbers},
                     {"nats per token", "layer, tensor (q, k), band, number",
                      "only the rows of this band are the condition's"});
}

Damage readDamage(const h5::GroupReader& from, const ModelConfig& model) {
    Damage damage;
    damage.layers = model.layers;
    damage.tokens = from.integer("tokens", 1, std::numeric_limits<long long>::max());
    const auto whole = from.array<double>("whole", {damageNumbers});
    const auto layers = static_cast<hsize_t>(model.layers);
    damage.byLayer = cellsOf(from.array<double>("layers", {layers, damageNumbers}).values);
    damage.bandEdges = from.list<std::int32_t>("band_edges");
    if (from.failed()) return {};
    damage.whole = cellsOf(whole.values).front();
    if (damage.bandEdges.empty()) return damage;
    if (!areEdges(damage.bandEdges, 0, model.pairs())) {
        from.fail("band_edges", "expected 0 to the number of pairs");
        return {};
    }
    damage.byBand = cellsOf(
        from.array<double>("bands", {layers, 2, static_cast<hsize_t>(damage.bands()), damageNumbers}).values);
    return from.failed() ? Damage() : damage;
}

Status checkNoise(const NoiseStatistics& noise, const ModelConfig& model, int context) {
    if (noise.empty()) return Done{};
    const NoiseShape& shape = noise.shape();
    if (shape.layers != model.layers || shape.pairs != model.pairs() || shape.groups < 1
        || shape.groups > model.heads || !areEdges(shape.bucketEdges, 0, context)
        || !areEdges(shape.distanceEdges, 1, context))
        return Error::bad("noise: expected the model's layers and pairs, and buckets up to "
                          + std::to_string(context));
    const NoiseStatistics sized(shape);
    if (noise.samplesOfAll().size() != sized.samplesOfAll().size()
        || noise.sumsOfAll().size() != sized.sumsOfAll().size()
        || noise.productsOfAll().size() != sized.productsOfAll().size()
        || noise.errors().size() != sized.errors().size())
        return Error::bad("noise: expected as many numbers as its shape says");
    bool finite =
        allFinite(noise.samplesOfAll()) && allFinite(noise.sumsOfAll()) && allFinite(noise.productsOfAll());
    for (const ErrorMoments& m : noise.errors())
        finite = finite && std::isfinite(m.count + m.sumXX + m.sumYY + m.signalXX + m.signalYY);
    return finite ? Status(Done{}) : Status(Error::bad("noise: expected finite numbers"));
}

Status checkDamage(const Damage& damage, const ModelConfig& model) {
    if (damage.empty()) return Done{};
    const auto layers = static_cast<std::size_t>(model.layers);
    const bool edges = damage.bandEdges.empty() || areEdges(damage.bandEdges, 0, model.pairs());
    if (damage.layers != model.layers || damage.byLayer.size() != layers || !edges
        || damage.byBand.size() != layers * 2 * static_cast<std::size_t>(damage.bands()))
        return Error::bad("damage: expected " + std::to_string(model.layers) + " layers and bands of "
                          + std::to_string(model.pairs()) + " pairs");
    return Done{};
}

} // namespace qroar
