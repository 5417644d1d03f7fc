#include "tests/support/reference_llama.h"

#include "tests/support/naive_rtn.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace qroar::test {

namespace {

std::vector<double> toDouble(const TensorView& tensor) {
    const std::vector<float> values = tensor.toFloat();
    return {values.begin(), values.end()};
}

ReferenceLinear readLinear(const Model& model, int layer, Projection projection,
                           const WeightTransform& transform) {
    const TensorView& tensor = model.weight(layer, projection);
    ReferenceLinear linear;
    linear.rows = static_cast<int>(tensor.shape[0]);
    linear.cols = static_cast<int>(tensor.shape[1]);
    linear.weights = toDouble(tensor);
    if (transform) transform(layer, projection, linear.weights, linear.rows, linear.cols);
    if (const TensorView* bias = model.bias(layer, projection)) linear.bias = toDouble(*bias);
    return linear;
}

/// y = W x + b.  x [T, cols] -> y [T, rows]
std::vector<double> linearMap(const ReferenceLinear& linear, const std::vector<double>& x) {
    const std::size_t rows = linear.rows, cols = linear.cols, tokens = x.size() / cols;
    std::vector<double> y(tokens * rows);
    for (std::size_t token = 0; token < tokens; ++token)
        for (std::size_t row = 0; row < rows; ++row) {
            double sum = linear.bias.empty() ? 0.0 : linear.bias[row];
            for (std::size_t col = 0; col < cols; ++col)
                sum += linear.weights[row * cols + col] * x[token * cols + col];
            y[token * rows + row] = sum;
        }
    return y;
}

/// x / sqrt(mean(x^2) + eps) * gain, per token.  x [T, hidden]
std::vector<double> rmsNorm(const std::vector<double>& x, const std::vector<double>& gain, double eps) {
    const std::size_t hidden = gain.size();
    std::vector<double> y(x.size());
    for (std::size_t start = 0; start < x.size(); start += hidden) {
        double squares = 0;
        for (std::size_t at = 0; at < hidden; ++at) squares += x[start + at] * x[start + at];
        const double root = std::sqrt(squares / static_cast<double>(hidden) + eps);
        for (std::size_t at = 0; at < hidden; ++at) y[start + at] = x[start + at] / root * gain[at];
    }
    return y;
}

/// Rows of a head that hold a pair.
std::pair<int, int> rowsOfPair(const ModelConfig& config, int pair) {
    if (config.pairLayout == PairLayout::Interleaved) return {2 * pair, 2 * pair + 1};
    return {pair, pair + config.rotaryDim / 2};
}

/// Multiplies both rows of every pair by its gain.  x [T, heads * headDim], gains [layers, heads, pairs]
void applyGains(std::vector<double>& x, const ModelConfig& config, int heads, int layer,
                const std::vector<double>& gains) {
    if (gains.empty()) return;
    const int width = heads * config.headDim, tokens = static_cast<int>(x.size()) / width;
    const int pairs = config.rotaryDim / 2;
    for (int token = 0; token < tokens; ++token)
        for (int head = 0; head < heads; ++head)
            for (int pair = 0; pair < pairs; ++pair) {
                const double gain = gains[(std::size_t(layer) * heads + head) * pairs + pair];
                const auto [first, second] = rowsOfPair(config, pair);
                x[std::size_t(token) * width + head * config.headDim + first] *= gain;
                x[std::size_t(token) * width + head * config.headDim + second] *= gain;
            }
}

/// Rotates pair i of every head at position p by the angle p * omega_i and multiplies it by m; dims beyond
/// the rotary ones stay as they are.  x [T, heads * headDim]
std::vector<double> rotate(const std::vector<double>& x, const ModelConfig& config, int heads,
                           const ReferenceRopeTable& table) {
    std::vector<double> y = x;
    const int width = heads * config.headDim, tokens = static_cast<int>(x.size()) / width;
    for (int position = 0; position < tokens; ++position)
        for (int head = 0; head < heads; ++head)
            for (int pair = 0; pair < config.rotaryDim / 2; ++pair) {
                const auto [first, second] = rowsOfPair(config, pair);
                const std::size_t at = std::size_t(position) * width + head * config.headDim;
                const double a = x[at + first], b = x[at + second];
                const double angle = position * table.omega[pair];
                y[at + first] = (a * std::cos(angle) - b * std::sin(angle)) * table.attentionFactor;
                y[at + second] = (a * std::sin(angle) + b * std::cos(angle)) * table.attentionFactor;
            }
    return y;
}

/// Causal attention; query head h reads key/value head h / (heads / kvHeads). With a sliding window a query
/// sees itself and the slidingWindow - 1 positions before it.  q [T, heads * headDim], k and v
/// [T, kvHeads * headDim] -> [T, heads * headDim]
std::vector<double> attend(const std::vector<double>& q, const std::vector<double>& k,
                           const std::vector<double>& v, const ModelConfig& config) {
    const int headDim = config.headDim, group = config.heads / config.kvHeads;
    const int queryWidth = config.heads * headDim, keyWidth = config.kvHeads * headDim;
    const int tokens = static_cast<int>(q.size()) / queryWidth;
    std::vector<double> out(q.size(), 0.0), weights(static_cast<std::size_t>(tokens));
    for (int token = 0; token < tokens; ++token)
        for (int head = 0; head < config.heads; ++head) {
            const double* query = &q[std::size_t(token) * queryWidth + head * headDim];
            const int offset = head / group * headDim;
            const int oldest = config.slidingWindow ? std::max(0, token - *config.slidingWindow + 1) : 0;
            double largest = -INFINITY, total = 0;
            for (int seen = oldest; seen <= token; ++seen) {
                const double* key = &k[std::size_t(seen) * keyWidth + offset];
                double score = 0;
                for (int dim = 0; dim < headDim; ++dim) score += query[dim] * key[dim];
                weights[seen] = score / std::sqrt(headDim);
                largest = std::max(largest, weights[seen]);
            }
            for (int seen = oldest; seen <= token; ++seen)
                total += weights[seen] = std::exp(weights[seen] - largest);
            double* result = &out[std::size_t(token) * queryWidth + head * headDim];
            for (int seen = oldest; seen <= token; ++seen) {
                const double* value = &v[std::size_t(seen) * keyWidth + offset];
                for (int dim = 0; dim < headDim; ++dim) result[dim] += weights[seen] / total * value[dim];
            }
        }
    return out;
}

/// down(silu(gate(x)) * up(x))
std::vector<double> feedForward(const ReferenceLayer& layer, const std::vector<double>& x) {
    std::vector<double> gate = linearMap(layer.gate, x);
    const std::vector<double> up = linearMap(layer.up, x);
    for (std::size_t at = 0; at < gate.size(); ++at) gate[at] = gate[at] / (1 + std::exp(-gate[at])) * up[at];
    return linearMap(layer.down, gate);
}

void addTo(std::vector<double>& x, const std::vector<double>& y) {
    for (std::size_t at = 0; at < x.size(); ++at) x[at] += y[at];
}

} // namespace

WeightTransform referenceRtn(int bits, int group, bool symmetric) {
    return [=](int, Projection, std::vector<double>& weights, int rows, int cols) {
        const std::vector<float> stored(weights.begin(), weights.end());
        weights = naive::quantize(stored, rows, cols, bits, group, symmetric).values;
    };
}

ReferenceLlama::ReferenceLlama(const Model& model, const WeightTransform& transform)
    : config(model.config()), embedding(toDouble(model.embedding())), head(toDouble(model.head())),
      finalNorm(toDouble(model.finalNorm())) {
    for (int layer = 0; layer < config.layers; ++layer) {
        const auto read = [&](Projection projection) {
            return readLinear(model, layer, projection, transform);
        };
        layers.push_back({toDouble(model.norm(layer, Norm::Attention)),
                          toDouble(model.norm(layer, Norm::FeedForward)), read(Projection::Q),
                          read(Projection::K), read(Projection::V), read(Projection::O),
                          read(Projection::Gate), read(Projection::Up), read(Projection::Down)});
    }
}

ReferenceRun ReferenceLlama::run(const std::vector<int>& ids) const {
    const ReferenceRopeTable table =
        referenceRopeTable(rope, config.rotaryDim, config.ropeTheta, static_cast<double>(ids.size()));
    ReferenceRun result;
    std::vector<double> x; // the residual stream [T, hidden]
    for (const int id : ids) {
        const auto row = embedding.begin() + std::ptrdiff_t(id) * config.hiddenSize;
        x.insert(x.end(), row, row + config.hiddenSize);
    }
    for (int at = 0; at < config.layers; ++at) {
        const ReferenceLayer& layer = layers[at];
        ReferenceRopeTable turned = table;
        if (!omegaFactors.empty())
            for (int pair = 0; pair < config.rotaryDim / 2; ++pair)
                turned.omega[pair] *= omegaFactors[at * (config.rotaryDim / 2) + pair];
        const std::vector<double> normed = rmsNorm(x, layer.attentionNorm, config.rmsEps);
        ReferenceRun::LayerQk qk;
        qk.qBefore = linearMap(layer.q, normed);
        qk.kBefore = linearMap(layer.k, normed);
        applyGains(qk.qBefore, config, config.heads, at, queryGains);
        applyGains(qk.kBefore, config, config.kvHeads, at, keyGains);
        qk.qAfter = rotate(qk.qBefore, config, config.heads, turned);
        qk.kAfter = rotate(qk.kBefore, config, config.kvHeads, turned);
        addTo(x, linearMap(layer.o, attend(qk.qAfter, qk.kAfter, linearMap(layer.v, normed), config)));
        addTo(x, feedForward(layer, rmsNorm(x, layer.feedForwardNorm, config.rmsEps)));
        result.layers.push_back(std::move(qk));
    }
    ReferenceLinear classifier{config.vocabSize, config.hiddenSize, head, {}};
    result.logits = linearMap(classifier, rmsNorm(x, finalNorm, config.rmsEps));
    return result;
}

std::vector<double> ReferenceLlama::logits(const std::vector<int>& ids) const {
    return run(ids).logits;
}

std::vector<double> ReferenceLlama::nll(const std::vector<int>& ids) const {
    const std::vector<double> all = logits(ids);
    std::vector<double> losses;
    for (std::size_t token = 0; token + 1 < ids.size(); ++token) {
        const auto first = all.begin() + static_cast<std::ptrdiff_t>(token) * config.vocabSize;
        const auto last = first + config.vocabSize;
        const double largest = *std::max_element(first, last);
        double total = 0;
        for (auto logit = first; logit != last; ++logit) total += std::exp(*logit - largest);
        losses.push_back(largest + std::log(total) - first[ids[token + 1]]);
    }
    return losses;
}

} // namespace qroar::test
