// NoiseCapture: the two passes deliver whole layers, so the reference's q and k of one layer are kept until
// the variant's arrive. Work is cut by window and head (errors) and by head group and distance (logits),
// never by thread or batch.
#include "core/capture/noise_statistics.h"
#include "core/ranks/bytes.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <utility>

namespace qroar {

namespace {
constexpr int unitsInFlight = 256; ///< heads of windows whose sums are held at a time
} // namespace

std::vector<NoiseSample> noiseSamples(int from, int to, int context, int windowNumber, int count) {
    constexpr double golden = 0.61803398874989485;
    std::vector<NoiseSample> samples;
    to = std::min(to, context); // of the window, which may be shorter than the buckets
    if (from >= to) return samples;
    for (int at = 0; at < count; ++at) {
        const int distance = from + static_cast<int>((at + 0.5) / count * (to - from));
        const double turns = (at + 0.5 + static_cast<double>(windowNumber) * count) * golden;
        const int query = distance + static_cast<int>((turns - std::floor(turns)) * (context - distance));
        samples.push_back({std::min(query, context - 1), distance});
    }
    return samples;
}

/// One of the passes: the latest q and k of a layer before RoPE. The reference's are copied, those of the
/// variant are seen where they are: nobody needs them after its K has come.
struct NoiseCapture::Side final : ActivationProbe {
    explicit Side(NoiseCapture* toTell) : owner(toTell) {}
    [[nodiscard]] bool wants(int, QkTensor, RopeStage stage) const override {
        return stage == RopeStage::Pre;
    }
    void deliver(const QkActivations& activations) override {
        const auto at = static_cast<std::size_t>(activations.tensor);
        values[at] = activations.values;
        if (!owner) keep(at);
        layer = activations.layer;
        layout = activations.layout;
        heads[at] = activations.heads;
        windows.assign(activations.windows.begin(), activations.windows.end());
        if (owner && activations.tensor == QkTensor::K) owner->layerIsComplete();
    }
    void keep(std::size_t at) {
        const ConstMatrixView from = values[at];
        copies[at].resize(from.rows, from.cols);
        for (std::ptrdiff_t row = 0; row < from.rows; ++row)
            std::memcpy(copies[at].row(row), from.row(row),
                        static_cast<std::size_t>(from.cols) * sizeof(float));
        values[at] = std::as_const(copies[at]).view();
    }
    [[nodiscard]] const float* head(QkTensor tensor, std::ptrdiff_t row, int index, int headDim) const {
        return values[static_cast<std::size_t>(tensor)].row(row)
               + static_cast<std::ptrdiff_t>(index) * headDim;
    }

    NoiseCapture* owner; ///< told when both tensors of a layer are here; null: nobody
    int layer = -1;
    int heads[2] = {0, 0};
    PairLayout layout = PairLayout::HalfSplit;
    ConstMatrixView values[2]; ///< [tokens, heads * headDim], by QkTensor
    Matrix copies[2];          ///< of the reference
    std::vector<BatchWindow> windows;
};

NoiseCapture::NoiseCapture(const Options& options)
    : options_(options), reference_(std::make_unique<Side>(nullptr)), variant_(std::make_unique<Side>(this)) {
    NoiseShape shape;
    shape.layers = options.layers;
    shape.groups = options.groupPerKvHead ? std::max(options.kvHeads, 1) : 1;
    shape.pairs = options.pairs;
    shape.bucketEdges = positionBuckets(options.context, options.trainedContext);
    shape.distanceEdges = distanceBuckets(options.context);
    statistics_ = open_ = NoiseStatistics(std::move(shape));
    openBlock_.assign(static_cast<std::size_t>(options.layers), noBlock);
}

NoiseCapture::~NoiseCapture() = default;

ActivationProbe& NoiseCapture::reference() {
    return *reference_;
}

ActivationProbe& NoiseCapture::variant() {
    return *variant_;
}

NoiseStatistics NoiseCapture::take() {
    finish();
    return std::exchange(statistics_, {});
}

std::size_t NoiseCapture::blockOf(const BatchWindow& window) const {
    const auto at = static_cast<std::size_t>(window.document);
    if (options_.windowsPerBlock == 0 || at >= options_.firstWindow.size()) return 0;
    return (options_.firstWindow[at] + static_cast<std::size_t>(window.index)) / options_.windowsPerBlock;
}

void NoiseCapture::layerIsComplete() {
    assert(reference_->layer == variant_->layer);
    const Windows all = variant_->windows;
    std::size_t& open = openBlock_[static_cast<std::size_t>(variant_->layer)];
    for (std::size_t first = 0; first < all.size();) {
        const std::size_t block = blockOf(all[first]);
        std::size_t end = first;
        while (end < all.size() && blockOf(all[end]) == block) ++end;
        if (open != block) fold(variant_->layer);
        open = block;
        const Windows some = all.subspan(first, end - first);
        addErrors(QkTensor::Q, some);
        addErrors(QkTensor::K, some);
        addLogits(some);
        first = end;
    }
}

/// The block in hand of a layer is complete: its sums go where they belong, and start afresh.
void NoiseCapture::fold(int layer) {
    const std::size_t block = std::exchange(openBlock_[static_cast<std::size_t>(layer)], noBlock);
    if (block == noBlock) return;
    if (!keepsBlocks_) return statistics_.moveLayer(layer, open_);
    if (kept_.empty() || kept_.back().block < block) kept_.push_back({block, NoiseStatistics(open_.shape())});
    for (KeptBlock& kept : kept_)
        if (kept.block == block) kept.sums.moveLayer(layer, open_);
}

void NoiseCapture::finish() {
    for (std::size_t layer = 0; layer < openBlock_.size(); ++layer) fold(static_cast<int>(layer));
}

std::string NoiseCapture::packBlocks() {
    finish();
    Packer packer;
    packer.put(static_cast<std::uint64_t>(kept_.size()));
    for (const KeptBlock& one : kept_) {
        packer.put(one.sums.errors());
        for (const auto* values :
             {&one.sums.samplesOfAll(), &one.sums.sumsOfAll(), &one.sums.productsOfAll()})
            packer.put(*values);
    }
    kept_.clear();
    return packer.take();
}

bool NoiseCapture::join(const std::vector<std::string>& parts) {
    keepsBlocks_ = false;
    const NoiseStatistics empty(statistics_.shape());
    for (const std::string& part : parts) {
        Unpacker from(part);
        const auto blocks = from.get<std::uint64_t>();
        for (std::uint64_t at = 0; at < blocks && !from.bad(); ++at) {
            open_.errors() = from.list<ErrorMoments>();
            for (auto* values : {&open_.samplesOfAll(), &open_.sumsOfAll(), &open_.productsOfAll()})
                *values = from.list<double>();
            if (open_.errors().size() != empty.errors().size()
                || open_.samplesOfAll().size() != empty.samplesOfAll().size()
                || open_.sumsOfAll().size() != empty.sumsOfAll().size()
                || open_.productsOfAll().size() != empty.productsOfAll().size())
                return false;
            std::fill(openBlock_.begin(), openBlock_.end(), 0);
            finish();
        }
        if (from.bad() || !from.atEnd()) return false;
    }
    return true;
}

/// One unit of work a head of a window; they are added in the order of the windows, then of the heads.
void NoiseCapture::addErrors(QkTensor tensor, Windows windows) {
    const NoiseShape& shape = statistics_.shape();
    const int heads = variant_->heads[static_cast<std::size_t>(tensor)], pairs = shape.pairs;
    const int step = variant_->layout == PairLayout::HalfSplit ? 1 : 2;
    const int partner = variant_->layout == PairLayout::HalfSplit ? pairs : 1;
    const auto cells = static_cast<std::size_t>(shape.buckets()) * static_cast<std::size_t>(pairs);
    const auto perWave = static_cast<std::size_t>(std::max(1, unitsInFlight / std::max(heads, 1)));
    std::vector<std::vector<ErrorMoments>> partial;
    const auto count = [&](const BatchWindow& window, int head, std::vector<ErrorMoments>& sums) {
        sums.assign(cells, {});
        for (int bucket = 0; bucket < shape.buckets(); ++bucket) {
            ErrorMoments* row = sums.data() + static_cast<std::ptrdiff_t>(bucket) * pairs;
            const int end = std::min(shape.bucketEdges[static_cast<std::size_t>(bucket) + 1], window.context);
            for (int token = shape.bucketEdges[static_cast<std::size_t>(bucket)]; token < end; ++token) {
                const float* was = reference_->head(tensor, window.firstRow + token, head, options_.headDim);
                const float* is = variant_->head(tensor, window.firstRow + token, head, options_.headDim);
                for (int pair = 0; pair < pairs; ++pair) {
                    const double x = was[pair * step], y = was[pair * step + partner];
                    const double ex = is[pair * step] - x, ey = is[pair * step + partner] - y;
                    row[pair].add({1, ex, ey, ex * ex, ex * ey, ey * ey, x * x, x * y, y * y});
                }
            }
        }
    };
    const int groupHeads = heads / shape.groups;
    for (std::size_t first = 0; first < windows.size(); first += perWave) {
        const Windows some = windows.subspan(first, std::min(perWave, windows.size() - first));
        const auto units = static_cast<int>(some.size()) * heads;
        partial.resize(static_cast<std::size_t>(units));
#pragma omp parallel for schedule(dynamic)
        for (int unit = 0; unit < units; ++unit)
            count(some[static_cast<std::size_t>(unit / heads)], unit % heads,
                  partial[static_cast<std::size_t>(unit)]);
#pragma omp parallel for schedule(static)
        for (int pair = 0; pair < pairs; ++pair)
            for (int unit = 0; unit < units; ++unit)
                for (int bucket = 0; bucket < shape.buckets(); ++bucket)
                    open_
                        .errors()[open_.errorCell(variant_->layer, tensor, unit % heads / groupHeads, pair,
                                                  bucket)]
                        .add(partial[static_cast<std::size_t>(unit)]
                                    [static_cast<std::size_t>(bucket) * pairs + pair]);
    }
}

void NoiseCapture::addLogits(Windows windows) {
    const NoiseShape& shape = statistics_.shape();
#pragma omp parallel for collapse(2) schedule(dynamic)
    for (int group = 0; group < shape.groups; ++group)
        for (int distance = 0; distance < shape.distances(); ++distance)
            addLogitCell(group, distance, windows);
}

/// Of a query and a key D tokens before it, pair by pair: m^2 scale Re(conj(q) k e^(-i D omega')),
/// which is the product of the two rotated pairs.
void NoiseCapture::addLogitCell(int group, int distance, Windows windows) {
    const NoiseShape& shape = statistics_.shape();
    const std::size_t cell = statistics_.logitCell(variant_->layer, group, distance);
    const int pairs = shape.pairs, headDim = options_.headDim;
    const int step = variant_->layout == PairLayout::HalfSplit ? 1 : 2;
    const int partner = variant_->layout == PairLayout::HalfSplit ? pairs : 1;
    const int queriesOfKey = options_.queryHeads / options_.kvHeads;
    const int groupHeads = options_.queryHeads / shape.groups;
    const bool own = !options_.layerViews.empty();
    const Options::Layer* view =
        own ? &options_.layerViews[static_cast<std::size_t>(variant_->layer)] : nullptr;
    const std::vector<double>& omega = view ? view->omega : options_.omega;
    const double m = view ? view->attentionFactor : options_.attentionFactor;
    const double scale = m * m * (options_.logitScale != 0 ? options_.logitScale : 1 / std::sqrt(headDim));
    double* sums = open_.sumsOfAll().data() + cell * static_cast<std::size_t>(pairs);
    double* products = open_.productsOfAll().data() + cell * shape.triangle();
    std::vector<double> noise(static_cast<std::size_t>(pairs)), cosines(noise), sines(noise);
    const auto bucket = static_cast<std::size_t>(distance);
    for (const BatchWindow& window : windows)
        for (const NoiseSample& sample :
             noiseSamples(shape.distanceEdges[bucket], shape.distanceEdges[bucket + 1], window.context,
                          window.document + window.index, options_.samples)) {
            if (view && view->window > 0 && sample.distance >= view->window) continue; // not seen
            for (std::size_t pair = 0; pair < noise.size(); ++pair) {
                cosines[pair] = scale * std::cos(sample.distance * omega[pair]);
                sines[pair] = scale * std::sin(sample.distance * omega[pair]);
            }
            const std::ptrdiff_t queryRow = window.firstRow + sample.query,
                                 keyRow = queryRow - sample.distance;
            for (int head = group * groupHeads; head < (group + 1) * groupHeads; ++head) {
                for (int side = 0; side < 2; ++side) {
                    const Side& from = side == 0 ? *reference_ : *variant_;
                    const float* q = from.head(QkTensor::Q, queryRow, head, headDim);
                    const float* k = from.head(QkTensor::K, keyRow, head / queriesOfKey, headDim);
                    for (int pair = 0; pair < pairs; ++pair) {
                        const double qx = q[pair * step], qy = q[pair * step + partner];
                        const double kx = k[pair * step], ky = k[pair * step + partner];
                        const auto at = static_cast<std::size_t>(pair);
                        const double part =
                            (qx * kx + qy * ky) * cosines[at] + (qx * ky - qy * kx) * sines[at];
                        noise[at] = side == 0 ? -part : noise[at] + part;
                    }
                }
                double* row = products;
                for (int first = 0; first < pairs; ++first) {
                    const double factor = noise[static_cast<std::size_t>(first)];
                    const double* others = noise.data() + first;
                    sums[first] += factor;
                    for (int second = 0; second < pairs - first; ++second)
                        row[second] += factor * others[second];
                    row += pairs - first;
                }
                open_.samplesOfAll()[cell] += 1;
            }
        }
}

} // namespace qroar
