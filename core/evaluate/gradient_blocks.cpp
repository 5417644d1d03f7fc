#include "core/evaluate/gradient_blocks.h"

#include "core/evaluate/blocks.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace qroar {

namespace {

constexpr int mostBlocks = 64;

} // namespace

std::vector<int> gradientBlocks(const std::vector<WindowPlace>& windows) {
    std::set<int> documents;
    for (const WindowPlace& window : windows) documents.insert(window.document);
    const bool whole = static_cast<int>(documents.size()) >= leastDocumentBlocks;
    const int run = std::max(1, static_cast<int>(windows.size()) / wantedRunBlocks);
    std::map<std::pair<int, int>, int> numbers;
    std::vector<int> blocks;
    for (const WindowPlace& window : windows) {
        const std::pair name{window.document, whole ? 0 : window.index / run};
        const auto [known, isNew] = numbers.emplace(name, static_cast<int>(numbers.size()));
        blocks.push_back(known->second % mostBlocks);
    }
    return blocks;
}

std::vector<double> gradientBlockShares(const ConditionResult& condition) {
    std::vector<WindowPlace> places;
    for (const WindowNll& window : condition.windows) places.push_back({window.document, window.index});
    const std::vector<int> blocks = gradientBlocks(places);
    const int count = blocks.empty() ? 0 : *std::max_element(blocks.begin(), blocks.end()) + 1;
    std::vector<long long> tokens(static_cast<std::size_t>(count), 0);
    long long all = 0;
    for (std::size_t at = 0; at < blocks.size(); ++at) {
        const auto here = static_cast<long long>(condition.windows[at].nll.size());
        tokens[static_cast<std::size_t>(blocks[at])] += here;
        all += here;
    }
    if (count != condition.sensitivity.blocks || all != condition.sensitivity.tokens) return {};
    std::vector<double> shares;
    for (const long long here : tokens)
        shares.push_back(static_cast<double>(here) / static_cast<double>(all));
    return shares;
}

} // namespace qroar
