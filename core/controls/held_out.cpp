#include "core/controls/held_out.h"

#include "core/base/strings.h"
#include "core/text/text_overlap.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

/// A dev document as far as this matters.
struct Searched {
    std::string name, fingerprint;
    std::vector<std::uint64_t> sketch;
};

std::vector<SeenDocument> compare(const std::vector<Searched>& searched,
                                  const std::vector<Document>& measured) {
    std::vector<std::span<const std::uint64_t>> sketches;
    for (const Searched& one : searched) sketches.emplace_back(one.sketch);
    std::vector<SeenDocument> found;
    for (const Document& document : measured) {
        const auto same = std::find_if(searched.begin(), searched.end(), [&document](const Searched& one) {
            return one.fingerprint == document.fingerprint;
        });
        if (same != searched.end()) {
            found.push_back({document.name, same->name, 1, true});
            continue;
        }
        const double share = sharedShare(document.tokens, sketches);
        if (!(share > mostSharedShare)) continue;
        double most = -1;
        std::string name;
        for (std::size_t at = 0; at < searched.size(); ++at) {
            const double own = sharedShare(document.tokens, {sketches[at]});
            if (own > most) name = searched[at].name;
            most = std::max(most, own);
        }
        found.push_back({document.name, name, share, false});
    }
    return found;
}

} // namespace

std::string SeenDocument::words() const {
    if (same) return "the scales were made on " + name;
    return formatNumber(std::max(1.0, std::round(100 * share))) + " % of " + name + " occurs in " + seen;
}

std::vector<SeenDocument> seenDocuments(const std::vector<SessionDocument>& searched,
                                        const std::vector<Document>& measured) {
    std::vector<Searched> known;
    for (const SessionDocument& one : searched) known.push_back({one.name, one.fingerprint, one.sketch});
    return compare(known, measured);
}

std::vector<SeenDocument> seenDocuments(const std::vector<Document>& searched,
                                        const std::vector<Document>& measured) {
    std::vector<Searched> known;
    for (const Document& one : searched) known.push_back({one.name, one.fingerprint, textSketch(one.tokens)});
    return compare(known, measured);
}

std::string notHeldOutWords(const std::vector<SeenDocument>& seen) {
    std::string words;
    for (const SeenDocument& one : seen) words += (words.empty() ? "Not held out: " : ", ") + one.words();
    return words.empty() ? words : words + ".";
}

} // namespace qroar
