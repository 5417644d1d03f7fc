// The `added_tokens` of a tokenizer.json: texts that are tokens as a whole and are split out before anything
// else happens to a text. The plain vocabulary is bpe.h.
#pragma once

#include "core/base/outcome.h"
#include "core/text/normalizer.h"
#include "core/text/prefix_tree.h"
#include "core/text/tokenizer.h"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace qroar {

struct AddedToken {
    TokenId id = -1;
    std::string content;
    bool special = false;    ///< a control token: text when control tokens are not looked for
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

    /// Null gives none. `find` gives the id that the vocabulary has for a text, or -1: the ids must agree.
    static Outcome<AddedTokens> parse(const nlohmann::json& list,
                                      const std::function<TokenId(std::string_view)>& find,
                                      const Normalizer& normalizer, const std::string& where);

    /// Leftmost, and of those the longest. `normalized` says whether `text` has been normalized already: each
    /// token is looked for either before or after. Special ones only when `special`. The segments cover
    /// `text`.
    [[nodiscard]] std::vector<Segment> split(std::string_view text, bool normalized, bool special) const;

    [[nodiscard]] const std::vector<AddedToken>& tokens() const { return tokens_; }
    [[nodiscard]] TokenId find(std::string_view content) const;

  private:
    std::vector<AddedToken> tokens_;
    PrefixTree raw_, normalized_;
};

} // namespace qroar
