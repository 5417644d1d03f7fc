// QkStatistics: what a run remembers of q and k, per (layer, q|k, before|after RoPE, head group, rotary pair,
// position bucket): method.md section 4 (ours). Plain data with addition: merge order is fixed by the caller,
// so results do not depend on the number of threads. Bands are not here: they are a view (core/diagnostics).
// Values beyond the rotary dims (the NoPE band) are not recorded.
#pragma once

#include "core/capture/log_histogram.h"
#include "core/inference/probe.h"

#include <string>
#include <utility>
#include <vector>

namespace qroar {

/// Moments of the samples (x, y) of a rotary pair; one sample per token and head. Sums are doubles.
struct PairMoments {
    double count = 0;
    double sumX = 0, sumY = 0;
    double sumXX = 0, sumXY = 0, sumYY = 0;
    double sumNorm = 0; ///< sum of sqrt(x^2 + y^2): the pair's mean length is the weight of its energy
    double maxAbs = 0;  ///< max over |x|, |y|
    void add(const PairMoments& other);
    bool operator==(const PairMoments&) const = default;
};

struct StatisticsShape {
    int layers = 0;
    int groups = 1; ///< head groups: 1 = all heads pooled, or one per KV head
    int pairs = 0;
    std::vector<int> bucketEdges; ///< [buckets + 1] token positions, 0 first, context last
    [[nodiscard]] int buckets() const { return static_cast<int>(bucketEdges.size()) - 1; }
    /// The bucket that holds the position; -1 outside all of them.
    [[nodiscard]] int bucketOf(int position) const;
    bool operator==(const StatisticsShape&) const = default;
};

/// 0, 16, 32, 64, ... (powers of two), plus trainedContext when it lies inside, up to `context`; {0} for an
/// empty context.
std::vector<int> positionBuckets(int context, int trainedContext);
/// {0, L0, context}, or {0, context} when the context does not exceed L0: the zones of the statistics per
/// document.
std::vector<int> positionZones(int context, int trainedContext);

class QkStatistics {
  public:
    QkStatistics() = default;
    explicit QkStatistics(StatisticsShape shape);
    [[nodiscard]] const StatisticsShape& shape() const { return shape_; }

    /// Flat index: ((((layer*2 + tensor)*2 + stage)*groups + group)*pairs + pair)*buckets + bucket.
    [[nodiscard]] std::size_t cell(int layer, QkTensor tensor, RopeStage stage, int group, int pair,
                                   int bucket) const;
    [[nodiscard]] std::size_t cells() const { return moments_.size(); }
    [[nodiscard]] const PairMoments& moments(std::size_t cellIndex) const { return moments_[cellIndex]; }
    [[nodiscard]] const LogHistogram& histogram(std::size_t cellIndex) const {
        return histograms_[cellIndex];
    }
    PairMoments& moments(std::size_t cellIndex) { return moments_[cellIndex]; }
    LogHistogram& histogram(std::size_t cellIndex) { return histograms_[cellIndex]; }

    /// Adds the other's cells; shapes must be equal (asserted).
    void add(const QkStatistics& other);
    /// Sums buckets; every edge of `edges` must be an edge of this (asserted). Buckets outside all of them
    /// are left out.
    [[nodiscard]] QkStatistics rebucketed(const std::vector<int>& edges) const;
    /// Bytes it holds in memory, for estimates.
    [[nodiscard]] std::size_t bytes() const;
    bool operator==(const QkStatistics&) const = default;

  private:
    StatisticsShape shape_;
    std::vector<PairMoments> moments_;
    std::vector<LogHistogram> histograms_;
};

struct CaptureMemory {
    double merged = 0, byDocument = 0; ///< kept
    double working = 0;                ///< while it counts
};

/// A probe that fills QkStatistics: `merged` with fine position buckets over all documents, in head groups
/// (group of query head h is h / (heads / kvHeads), of kv head h is h), and one per document, pooled over
/// heads, with only two zones, [0, L0) and [L0, context), for the bootstrap over documents. The second zone
/// has no samples in a document whose windows end before L0; with context <= L0 there is one zone.
class QkCapture : public ActivationProbe {
  public:
    struct Options {
        int layers = 0, pairs = 0, context = 0, trainedContext = 0, documents = 0;
        int queryHeads = 0, kvHeads = 0;
        bool groupPerKvHead = false;
        /// Sums are made for each piece, windows of one document inside one block, and pieces are added in
        /// their order: the number of the first window of each document among all windows, and windows of a
        /// block. Without: a document is a piece.
        std::vector<std::size_t> firstWindow{};
        std::size_t windowsPerBlock = 0;
    };
    explicit QkCapture(const Options& options);
    ~QkCapture() override;
    QkCapture(const QkCapture&) = delete;
    QkCapture& operator=(const QkCapture&) = delete;
    [[nodiscard]] bool wants(int, QkTensor, RopeStage) const override { return true; }
    /// Deterministic: sums are made by (window, head group, heads) in a way that does not depend on the
    /// number of threads, nor on what else is in the batch, and added in that order. Windows must belong to
    /// the documents, come in the order of all windows and be no longer than the context of the options
    /// (asserted; what is outside is left out).
    void deliver(const QkActivations& activations) override;

    /// Bytes of the results when `tokens` of the documents are counted (evenly spread over them, in windows
    /// of the context), and what counting them takes beside: for estimates, from how far apart the largest
    /// and the smallest of so many normal samples are.
    static CaptureMemory expectedBytes(const Options& options, double tokens, double windowsPerBatch);

    /// After the last delivery.
    [[nodiscard]] const QkStatistics& merged() { return finish(), merged_; }
    [[nodiscard]] const std::vector<QkStatistics>& byDocument() { return finish(), byDocument_; }
    /// Moves the results out; the capture is empty afterwards.
    QkStatistics takeMerged() { return finish(), std::exchange(merged_, {}); }
    std::vector<QkStatistics> takeByDocument() { return finish(), std::exchange(byDocument_, {}); }

    /// Before the first delivery: this capture sees some of the blocks, and others see the rest.
    void keepPieces() { keepsPieces_ = true; }
    /// What it has seen, for join(); it is empty afterwards.
    [[nodiscard]] std::string packPieces();
    /// The results of captures of the same options that saw, in this order, all blocks between them. False:
    /// that is not what the parts are.
    [[nodiscard]] bool join(const std::vector<std::string>& parts);

  private:
    struct Unit;     ///< a share of one delivery: some windows of one piece, some heads of one group
    struct Partial;  ///< what a unit counted
    struct Counters; ///< dense counters of one worker
    struct Piece {
        int document = -1; ///< -1: none
        std::size_t block = 0;
        bool operator==(const Piece&) const = default;
    };
    struct KeptPiece {
        Piece piece;
        std::vector<PairMoments> moments; ///< [cells of merged]
    };
    [[nodiscard]] Piece pieceOf(const BatchWindow& window) const;
    [[nodiscard]] std::vector<Unit> cutUnits(const QkActivations& activations) const;
    void count(const QkActivations& activations, const Unit& unit, Counters& counters,
               Partial& partial) const;
    void mergePair(const QkActivations& activations, int pair, const Unit* units, std::size_t unitCount);
    void mergeUnits(std::size_t slot, int pair, const Unit* units, const Partial* partials);
    static std::size_t slotOf(const QkActivations& activations);
    [[nodiscard]] std::size_t documentCell(std::size_t slot, int pair, std::size_t bucket) const;
    void fold(std::size_t slot, int pair, const Piece& piece);
    void keep(const Piece& piece);
    void finish();

    Options options_;
    QkStatistics merged_;
    std::vector<QkStatistics> byDocument_;
    std::vector<Piece> open_;              ///< [layers * 4] the piece in hand of each (layer, tensor, stage)
    std::vector<PairMoments> openMoments_; ///< [cells of merged] its sums so far
    std::vector<KeptPiece> kept_;          ///< with keepPieces(): complete ones, in their order
    bool keepsPieces_ = false;
    std::vector<Partial> partials_; ///< [units of a wave], reused
};

} // namespace qroar
