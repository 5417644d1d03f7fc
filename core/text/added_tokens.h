// The `added_tokens` of a tokenizer.json: texts that are tokens as a whole and are split out before anything
// else happens to a text. The plain vocabulary is bpe.h.
#pragma once

#include "core/base/outcome.h"
#include "core/text/bpe.h"
#include "core/text/normalizer.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace qroar {

struct AddedToken {
    TokenId id = -1;
    std::string content;
    bool singleWord = false; ///< not inside a word
    bool leftStrip = false;  ///< takes the white space before it along
    bool rightStrip = false; ///< and after it
    bool normalized = false; ///< looked for in the normalized text, in its own normalized form
};

class AddedTokens {
  public:
    /// [begin, end) of the text: one added token, or (id -1) text between them.
    struct Segment {
        TokenId id = -1;
        std::size_t begin = 0, end = 0;
    };

    /// Null gives none. Ids must agree with `model`'s when it has the token too.
    static Outcome<AddedTokens> parse(const nlohmann::json& list, const BpeModel& model,
                                      const Normalizer& normalizer, const std::string& where);

    /// Leftmost, and of those the longest. `normalized` says whether `text` has been normalized already: each
    /// token is looked for either before or after. The segments cover `text`.
    [[nodiscard]] std::vector<Segment> split(std::string_view text, bool normalized) const;

    [[nodiscard]] const std::vector<AddedToken>& tokens() const { return tokens_; }
    [[nodiscard]] TokenId find(std::string_view content) const;

  private:
    /// Prefix tree over bytes.
    struct Tree {
        std::unordered_map<std::uint64_t, std::uint32_t> edges; ///< node * 256 + byte -> node; the root is 0
        std::vector<int> tokenAt{-1}; ///< node -> index of the token that ends there
        void add(std::string_view text, int token);
        /// Index of the longest token at `at`, and where it ends; -1 when there is none.
        [[nodiscard]] int longestAt(std::string_view text, std::size_t at, std::size_t& end) const;
    };

    std::vector<AddedToken> tokens_;
    Tree raw_, normalized_;
};

} // namespace qroar
