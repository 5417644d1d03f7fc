// Held out or not: which documents that figures are of were seen by the search, whole or in part. A document
// counts as seen in part when more than 5 % of its windows of 50 tokens occur in the dev documents
// (core/text/text_overlap.h). Ours; a few shared quotations or a licence stay below it.
#pragma once

#include "core/session/session.h"
#include "core/text/documents.h"

#include <string>
#include <vector>

namespace qroar {

inline constexpr double mostSharedShare = 0.05;

struct SeenDocument {
    std::string name;  ///< of the document that is measured
    std::string seen;  ///< dev document that holds most of it
    double share = 1;  ///< of its windows, those that occur in any of the dev documents
    bool same = false; ///< it is a dev document
    /// "37 % of report_02 occurs in search_01", or "the scales were made on report_02".
    [[nodiscard]] std::string words() const;
};
/// Of `measured`, those that are not held out; by fingerprint alone where `searched` has no sketches (files
/// of earlier versions).
std::vector<SeenDocument> seenDocuments(const std::vector<SessionDocument>& searched,
                                        const std::vector<Document>& measured);
/// The same when the dev documents are at hand.
std::vector<SeenDocument> seenDocuments(const std::vector<Document>& searched,
                                        const std::vector<Document>& measured);

/// "Not held out: 37 % of report_02 occurs in search_01, ..." or nothing.
std::string notHeldOutWords(const std::vector<SeenDocument>& seen);

} // namespace qroar
