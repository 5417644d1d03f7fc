// Byte-pair encoding: the merge loop, and the model of a tokenizer.json that uses it. What comes before
// (splitting a text into words) is pre_tokenizer.h. Not training, and no dropout: encoding is deterministic.
#pragma once

#include "core/base/outcome.h"
#include "core/text/tokenizer.h"

#include <nlohmann/json_fwd.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace qroar {

struct StringHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
using TokenMap = std::unordered_map<std::string, TokenId, StringHash, std::equal_to<>>;

/// Merges adjacent symbols in place until no pair can be merged: always the pair of lowest cost, the leftmost
/// of equals. O(n log n) in the number of symbols: a heap of pairs over a linked list, outdated pairs being
/// dropped when they surface. Keeps its buffers between calls; one per thread.
class PairMerger {
  public:
    struct Pair {
        double cost = 0;
        TokenId merged = -1; ///< negative: this pair does not merge
    };
    /// `find(left, right)` gives the Pair of two adjacent symbols. It must depend on them alone.
    template<class Find>
    void run(std::vector<TokenId>& symbols, const Find& find);

  private:
    struct Entry {
        double cost;
        std::int32_t position; ///< of the left symbol
        TokenId left, right, merged;
    };
    static bool later(const Entry& a, const Entry& b) {
        return a.cost > b.cost || (a.cost == b.cost && a.position > b.position);
    }
    template<class Find>
    void offer(const std::vector<TokenId>& symbols, std::int32_t position, const Find& find) {
        if (position < 0 || next_[position] >= static_cast<std::int32_t>(symbols.size())) return;
        const TokenId left = symbols[position], right = symbols[next_[position]];
        const Pair pair = find(left, right);
        if (pair.merged < 0) return;
        heap_.push_back({pair.cost, position, left, right, pair.merged});
        std::push_heap(heap_.begin(), heap_.end(), later);
    }

    std::vector<Entry> heap_;
    std::vector<std::int32_t> next_, previous_; ///< neighbours that are still there; n and -1 at the ends
};

template<class Find>
void PairMerger::run(std::vector<TokenId>& symbols, const Find& find) {
    const auto count = static_cast<std::int32_t>(symbols.size());
    constexpr TokenId gone = -1;
    heap_.clear();
    next_.resize(symbols.size());
    previous_.resize(symbols.size());
    for (std::int32_t position = 0; position < count; ++position) {
        next_[position] = position + 1;
        previous_[position] = position - 1;
    }
    for (std::int32_t position = 0; position + 1 < count; ++position) offer(symbols, position, find);
    while (!heap_.empty()) {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        const Entry best = heap_.back();
        heap_.pop_back();
        const std::int32_t right = next_[best.position];
        if (symbols[best.position] != best.left || right >= count || symbols[right] != best.right) continue;
        symbols[best.position] = best.merged;
        symbols[right] = gone;
        next_[best.position] = next_[right];
        if (next_[right] < count) previous_[next_[right]] = best.position;
        offer(symbols, previous_[best.position], find);
        offer(symbols, best.position, find);
    }
    std::erase(symbols, gone);
}

/// `model` of a tokenizer.json, type BPE.
class BpeModel {
  public:
    /// An error names `where` ("path: model") and the key.
    static Outcome<BpeModel> parse(const nlohmann::json& model, const std::string& where);

    /// Appends the ids of one word (well-formed UTF-8, in the model's alphabet). A character that the
    /// vocabulary lacks becomes its <0xXX> bytes (byte_fallback), else the unknown token; without one it is
    /// left out, as in the reference implementation.
    void encodeWord(std::string_view word, PairMerger& merger, std::vector<TokenId>& ids) const;

    /// -1 when the vocabulary lacks it.
    [[nodiscard]] TokenId find(std::string_view token) const;
    /// The token <0xXX> of a byte when byte_fallback is on and all of them are there; else -1.
    [[nodiscard]] TokenId byteToken(unsigned char byte) const { return byteTokens_[byte]; }
    [[nodiscard]] bool byteFallback() const { return byteFallback_; }
    [[nodiscard]] const TokenMap& vocabulary() const { return vocabulary_; }

  private:
    struct Merge {
        std::int32_t rank;
        TokenId merged;
    };
    Status parseVocabulary(const nlohmann::json& vocabulary, const std::string& where);
    Status parseMerges(const nlohmann::json& merges, const std::string& where);
    Status parseOptions(const nlohmann::json& model, const std::string& where);
    void appendUnknown(std::string_view character, bool& previousUnknown,
                       std::vector<TokenId>& symbols) const;
    static std::uint64_t key(TokenId left, TokenId right) {
        return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32
               | static_cast<std::uint32_t>(right);
    }

    TokenMap vocabulary_;
    std::unordered_map<std::uint64_t, Merge> merges_;
    std::array<TokenId, 256> byteTokens_{};
    TokenId unknown_ = -1;
    bool fuseUnknown_ = false, byteFallback_ = false, ignoreMerges_ = false;
};

/// Largest token id that is believed; larger ones are refused as damage.
constexpr long long largestTokenId = (1LL << 24) - 1;

} // namespace qroar
