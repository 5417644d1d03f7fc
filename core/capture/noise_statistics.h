// NoiseStatistics: what a run with a reference beside it remembers of quantization errors (method.md section
// 5; ours): second moments of the error of q and k before RoPE, per (layer, q|k, head group, pair, position
// bucket), and moments of the error of the attention logits, per (layer, head group, distance bucket). Logit
// errors are kept as sums over pairs and products of pairs, so that bands stay a view: a band's noise is a
// sum over its pairs. Plain data; not here: the forward passes (core/analysis/noise.h), metrics
// (core/diagnostics).
#pragma once

#include "core/capture/qk_statistics.h"
#include "core/inference/probe.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace qroar {

/// Of the errors (ex, ey) = variant - reference of a rotary pair, one sample per token and head, and of the
/// reference's own values (x, y).
struct ErrorMoments {
    double count = 0;
    double sumX = 0, sumY = 0;
    double sumXX = 0, sumXY = 0, sumYY = 0;
    double signalXX = 0, signalXY = 0, signalYY = 0;
    void add(const ErrorMoments& other);
    bool operator==(const ErrorMoments&) const = default;
};

struct NoiseShape {
    int layers = 0;
    int groups = 1; ///< head groups: 1 = all heads pooled, or one per KV head
    int pairs = 0;
    std::vector<int> bucketEdges;   ///< positions, as StatisticsShape::bucketEdges
    std::vector<int> distanceEdges; ///< distances in tokens: bucket b takes in edges[b] <= D < edges[b + 1]
    [[nodiscard]] int buckets() const { return static_cast<int>(bucketEdges.size()) - 1; }
    [[nodiscard]] int distances() const { return static_cast<int>(distanceEdges.size()) - 1; }
    [[nodiscard]] std::size_t triangle() const { ///< products of pairs (i <= j)
        return static_cast<std::size_t>(pairs) * static_cast<std::size_t>(pairs + 1) / 2;
    }
    bool operator==(const NoiseShape&) const = default;
};

/// 1, 2, 4, ... up to `context`: every distance of a query to an earlier key; {1} when there is none.
std::vector<int> distanceBuckets(int context);

class NoiseStatistics {
  public:
    NoiseStatistics() = default;
    explicit NoiseStatistics(NoiseShape shape);
    [[nodiscard]] const NoiseShape& shape() const { return shape_; }
    [[nodiscard]] bool empty() const { return errors_.empty(); }

    /// (((layer*2 + tensor)*groups + group)*pairs + pair)*buckets + bucket.
    [[nodiscard]] std::size_t errorCell(int layer, QkTensor tensor, int group, int pair, int bucket) const;
    [[nodiscard]] const std::vector<ErrorMoments>& errors() const { return errors_; }
    std::vector<ErrorMoments>& errors() { return errors_; }

    /// (layer*groups + group)*distances + distance.
    [[nodiscard]] std::size_t logitCell(int layer, int group, int distance) const;
    [[nodiscard]] std::size_t logitCells() const { return samples_.size(); }
    /// Of the differences c_i = variant - reference of the pairs' contributions to a logit, one sample per
    /// (query, key, query head): their number, sum c_i [pairs], and sum c_i c_j for i <= j, row by row
    /// [pairs (pairs + 1) / 2].
    [[nodiscard]] double samples(std::size_t cell) const { return samples_[cell]; }
    [[nodiscard]] std::span<const double> sums(std::size_t cell) const;
    [[nodiscard]] std::span<const double> products(std::size_t cell) const;
    [[nodiscard]] std::size_t productIndex(int first, int second) const; ///< either order
    /// Moves what `from`, of the same shape, holds of a layer here, adding it to what is here.
    void moveLayer(int layer, NoiseStatistics& from);

    /// All cells one after the other, for the file.
    std::vector<double>& samplesOfAll() { return samples_; }
    std::vector<double>& sumsOfAll() { return sums_; }
    std::vector<double>& productsOfAll() { return products_; }
    [[nodiscard]] const std::vector<double>& samplesOfAll() const { return samples_; }
    [[nodiscard]] const std::vector<double>& sumsOfAll() const { return sums_; }
    [[nodiscard]] const std::vector<double>& productsOfAll() const { return products_; }
    bool operator==(const NoiseStatistics&) const = default;

  private:
    NoiseShape shape_;
    std::vector<ErrorMoments> errors_;
    std::vector<double> samples_;  ///< [cells]
    std::vector<double> sums_;     ///< [cells, pairs]
    std::vector<double> products_; ///< [cells, triangle]
};

/// A query and an earlier key of one window.
struct NoiseSample {
    int query = 0, distance = 0; ///< the key is at query - distance
};
/// `count` samples with from <= distance < to in a window of `context` tokens: distances evenly spread over
/// the bucket, queries by the golden ratio over all that have a key so far back (a rank-1 lattice, shifted by
/// the window's number). No random numbers: the same for any number of threads and batches.
std::vector<NoiseSample> noiseSamples(int from, int to, int context, int windowNumber, int count);

/// Fills NoiseStatistics from two passes over the same windows, layer by layer: first the reference's q and k
/// of a layer, then the variant's. Results do not depend on the number of threads.
class NoiseCapture {
  public:
    struct Options {
        int layers = 0, pairs = 0, context = 0, trainedContext = 0;
        int queryHeads = 0, kvHeads = 0, headDim = 0;
        bool groupPerKvHead = false;
        std::vector<double> omega;  ///< [pairs], after scaling
        double attentionFactor = 1; ///< m: logits carry its square
        double logitScale = 0;      ///< of q k^T; 0 = 1 / sqrt(headDim)
        /// What a layer sees in place of omega and m, and how far (positions, itself included; 0 = all).
        struct Layer {
            std::vector<double> omega;
            double attentionFactor = 1;
            int window = 0;
        };
        std::vector<Layer> layerViews; ///< [layers]; empty: every layer sees omega, m and all positions
        int samples = 64; ///< (query, key) pairs per window and distance bucket; each for every head
        /// Sums are made for each block of windows, and blocks are added in their order: as
        /// QkCapture::Options. Without: all windows are one block.
        std::vector<std::size_t> firstWindow{};
        std::size_t windowsPerBlock = 0;
    };
    explicit NoiseCapture(const Options& options);
    ~NoiseCapture();
    NoiseCapture(const NoiseCapture&) = delete;
    NoiseCapture& operator=(const NoiseCapture&) = delete;

    [[nodiscard]] ActivationProbe& reference();
    [[nodiscard]] ActivationProbe& variant();
    NoiseStatistics take();

    /// As QkCapture: this capture sees some of the blocks, others see the rest, and join() makes one of them.
    void keepBlocks() { keepsBlocks_ = true; }
    [[nodiscard]] std::string packBlocks();
    [[nodiscard]] bool join(const std::vector<std::string>& parts);

  private:
    struct Side;
    using Windows = std::span<const BatchWindow>; ///< of one block
    static constexpr std::size_t noBlock = static_cast<std::size_t>(-1);
    struct KeptBlock {
        std::size_t block = noBlock;
        NoiseStatistics sums;
    };
    [[nodiscard]] std::size_t blockOf(const BatchWindow& window) const;
    void addErrors(QkTensor tensor, Windows windows);
    void addLogits(Windows windows);
    void addLogitCell(int group, int distance, Windows windows);
    void layerIsComplete();
    void fold(int layer);
    void finish();

    Options options_;
    NoiseStatistics statistics_;         ///< of complete blocks
    NoiseStatistics open_;               ///< of the block in hand of each layer
    std::vector<std::size_t> openBlock_; ///< [layers]
    std::vector<KeptBlock> kept_;        ///< with keepBlocks(): complete ones, in their order
    bool keepsBlocks_ = false;
    std::unique_ptr<Side> reference_, variant_;
};

} // namespace qroar
