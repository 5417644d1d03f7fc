// The file of reference predictions that llama-perplexity writes (--kl-divergence-base FILE) and reads
// (--kl-divergence): one chunk of n_ctx tokens after the other, the distribution over the vocabulary after
// positions n_ctx/2 .. n_ctx-2 of each, 16 bits a token. Reading and writing it lets users compare our
// numbers with llama.cpp's. Layout, little-endian:
//     "_logits_" | i32 n_ctx | i32 n_vocab | i32 n_chunk | i32 tokens[n_chunk * n_ctx]
//     per chunk n_ctx - 1 - n_ctx/2 records: f32 scale | f32 least | u16 code[n_vocab] | u16 padding if odd
//     ln p = scale * code + least
// The tokens are those of the text; the model is shown BOS instead of the first of every chunk when its
// tokenizer adds one (ControlOptions::firstToken).
//
// What 16 bits cost: codes span the largest logit down to the smallest, at most 16 nats below, in 65,535
// steps, so ln p is within 1.23e-4 of the true one; tokens further down are raised to e^-16 of the most
// probable one. Their KL is summed as llama-perplexity does: without tokens of ln p <= -16, not renormalised.
// Not here: other statistics of llama-perplexity (core/evaluate/divergence.h).
#pragma once

#include "core/base/files.h"
#include "core/controls/side_by_side.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace qroar {

/// Sizes that follow from the header.
struct KlBaseShape {
    std::int32_t context = 0, vocab = 0, chunks = 0;
    [[nodiscard]] int firstPosition() const { return context / 2; }
    [[nodiscard]] long long recordsPerChunk() const { return context - 1LL - context / 2; }
    [[nodiscard]] long long recordBytes() const { return 2LL * (2 * ((vocab + 1LL) / 2) + 4); }
    [[nodiscard]] long long recordsOffset() const { return 20 + 4LL * chunks * context; }
    [[nodiscard]] long long fileBytes() const {
        return recordsOffset() + chunks * recordsPerChunk() * recordBytes();
    }
};

class KlBase final : public ReferencePredictions {
  public:
    /// Maps the file and checks header, size and the two numbers of every record. Errors name the file, what
    /// was expected and what was found; nothing is allocated from the header.
    static Outcome<std::shared_ptr<const KlBase>> open(const std::filesystem::path& path);

    [[nodiscard]] const KlBaseShape& shape() const { return shape_; }
    [[nodiscard]] TokenId token(int chunk, int position) const;
    /// Whether chunk i of the file is window i of the run, for as many as both have: the vocabulary, the
    /// context and every token. Windows beyond the file have no reference.
    [[nodiscard]] Status checkFits(const ModelConfig& config, std::span<const Window> windows) const;
    void compare(int window, std::span<const TokenId> tokens, int firstPosition, ConstMatrixView logits,
                 WindowDivergence& into) const override;

  private:
    KlBase() = default;
    [[nodiscard]] const std::byte* record(int chunk, int position) const;
    [[nodiscard]] Status checkRecords() const;

    std::shared_ptr<const MappedFile> file_;
    KlBaseShape shape_;
};

/// Writes such a file while a run delivers its logits (ControlOptions::tap).
class KlBaseWriter final : public LogitsSink {
  public:
    /// Creates `path` with its final size: header and tokens now, records as they come. `windows` must
    /// outlive the writer, be of one length and have the ids of the text. Errors: not enough space, cannot
    /// be written, too large for the format.
    static Outcome<std::unique_ptr<KlBaseWriter>> create(const std::filesystem::path& path, int vocab,
                                                         std::span<const Window> windows);
    ~KlBaseWriter() override;
    KlBaseWriter(const KlBaseWriter&) = delete;
    KlBaseWriter& operator=(const KlBaseWriter&) = delete;
    void deliver(int window, int firstPosition, ConstMatrixView logits) override;
    /// Error when a write failed or a record is missing.
    Status finish();

  private:
    KlBaseWriter() = default;
    std::filesystem::path path_;
    int file_ = -1;
    KlBaseShape shape_;
    std::atomic<long long> written_{0};
    std::atomic<bool> failed_{false};
};

} // namespace qroar
