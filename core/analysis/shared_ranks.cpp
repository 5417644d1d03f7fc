#include "core/analysis/shared_ranks.h"

namespace qroar {

std::vector<std::size_t> firstWindows(const std::vector<Document>& documents,
                                      const std::vector<Window>& windows) {
    std::vector<std::size_t> first;
    std::size_t at = 0;
    for (int document = 0; document < static_cast<int>(documents.size()); ++document) {
        while (at < windows.size() && windows[at].document < document) ++at;
        first.push_back(at);
    }
    return first;
}

} // namespace qroar
