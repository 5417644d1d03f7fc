// A prefix tree over bytes: which of a set of texts begins at a place of another text, the longest first.
// Keeps the search for tokens that count as a whole linear in the text.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace qroar {

class PrefixTree {
  public:
    /// The empty text is never found. Of equal texts the last one counts.
    void add(std::string_view text, int index);
    [[nodiscard]] bool empty() const { return edges_.empty(); }
    /// Index of the longest text at byte `at` for which `accepts(index)` holds, and where it ends; -1 when
    /// there is none.
    template<class Accepts>
    [[nodiscard]] int longestAt(std::string_view text, std::size_t at, std::size_t& end,
                                const Accepts& accepts) const;

  private:
    std::unordered_map<std::uint64_t, std::uint32_t> edges_; ///< node * 256 + byte -> node; the root is 0
    std::vector<int> indexAt_{-1};                           ///< node -> index of the text that ends there
    std::array<bool, 256> begins_{}; ///< bytes that some text begins with: most places of a text are none
};

inline void PrefixTree::add(std::string_view text, int index) {
    if (text.empty()) return;
    begins_[static_cast<unsigned char>(text[0])] = true;
    std::uint32_t node = 0;
    for (const char byte : text) {
        const std::uint64_t edge = std::uint64_t{node} << 8 | static_cast<unsigned char>(byte);
        const auto [place, isNew] = edges_.emplace(edge, static_cast<std::uint32_t>(indexAt_.size()));
        if (isNew) indexAt_.push_back(-1);
        node = place->second;
    }
    indexAt_[node] = index;
}

template<class Accepts>
int PrefixTree::longestAt(std::string_view text, std::size_t at, std::size_t& end,
                          const Accepts& accepts) const {
    if (at >= text.size() || !begins_[static_cast<unsigned char>(text[at])]) return -1;
    std::uint32_t node = 0;
    int best = -1;
    for (; at < text.size(); ++at) {
        const auto next = edges_.find(std::uint64_t{node} << 8 | static_cast<unsigned char>(text[at]));
        if (next == edges_.end()) break;
        node = next->second;
        if (indexAt_[node] < 0 || !accepts(indexAt_[node])) continue;
        best = indexAt_[node];
        end = at + 1;
    }
    return best;
}

} // namespace qroar
