// Tokenizer: text to token ids and back. Implementations: tokenizer.json (byte-level BPE and
// Metaspace/byte-fallback BPE), SentencePiece's tokenizer.model, the vocabulary inside a GGUF file and
// llama2.c's tokenizer.bin.
#pragma once

#include "core/base/outcome.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace qroar {

using TokenId = std::int32_t;

class Tokenizer {
  public:
    virtual ~Tokenizer() = default;
    /// Ids of `text` (UTF-8; invalid bytes are encoded as bytes where the model can, else replaced by
    /// U+FFFD), without BOS/EOS. Safe to call from several threads. Throws std::runtime_error when a pattern
    /// of the tokenizer file needs too much time or memory on this text; loadDocuments turns that into an
    /// Error.
    [[nodiscard]] std::vector<TokenId> encode(std::string_view text) const { return encode(text, true); }
    /// The same, but control tokens ("<s>", "<|eot_id|>") that are spelled out in the text are text like any
    /// other. A vocabulary that has none gives what encode gives.
    [[nodiscard]] std::vector<TokenId> encodeAsText(std::string_view text) const {
        return encode(text, false);
    }
    /// The text of `ids`; unknown ids are left out. Bytes of a character that the ids cut are kept as they
    /// are, so the result may not be UTF-8.
    [[nodiscard]] virtual std::string decode(const std::vector<TokenId>& ids) const = 0;
    /// One past the largest id it can produce.
    [[nodiscard]] virtual int vocabSize() const = 0;
    /// The id this tokenizer puts in front of a text; -1 when it adds none.
    [[nodiscard]] virtual TokenId bosToAdd() const = 0;
    /// "byte-level BPE, 1,024 tokens", for listings.
    [[nodiscard]] virtual std::string description() const = 0;

  private:
    /// `special`: control tokens that are spelled out in the text become themselves.
    [[nodiscard]] virtual std::vector<TokenId> encode(std::string_view text, bool special) const = 0;
};

/// The tokenizer that belongs to a model: tokenizer.json in the folder (else tokenizer.model, tok<vocab>.bin,
/// tokenizer.bin);
/// for a llama2.c .bin, tok<vocab>.bin or tokenizer.bin beside it (else tokenizer.json); for a .gguf, the
/// vocabulary inside it, else tokenizer.json beside it. An error says what was looked for.
Outcome<std::shared_ptr<const Tokenizer>> loadTokenizerFor(const std::filesystem::path& model, int vocabSize);
Outcome<std::shared_ptr<const Tokenizer>> loadHfTokenizer(const std::filesystem::path& tokenizerJson);
/// SentencePiece's model file, unigram or BPE, with the added tokens of the tokenizer_config.json or
/// added_tokens.json beside it.
Outcome<std::shared_ptr<const Tokenizer>> loadSentencePieceTokenizer(const std::filesystem::path& file);
/// The file holds no count: `vocabSize` comes from the model.
Outcome<std::shared_ptr<const Tokenizer>> loadLlama2cTokenizer(const std::filesystem::path& tokenizerBin,
                                                               int vocabSize);

/// The vocabulary inside a GGUF file (tokenizer.ggml.*); of a split model, `gguf` may be any part.
Outcome<std::shared_ptr<const Tokenizer>> loadGgufTokenizer(const std::filesystem::path& gguf);

} // namespace qroar
