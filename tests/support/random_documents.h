// Documents of random token ids, named doc0, doc1, ..: the same for the same lengths.
#pragma once

#include "core/text/documents.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

namespace qroar::test {

/// Ids are below 64.
inline std::shared_ptr<const std::vector<Document>> randomDocuments(const std::vector<int>& lengths) {
    std::mt19937 random(4);
    std::vector<Document> documents;
    for (const int length : lengths) {
        Document document;
        document.name = document.fingerprint = "doc" + std::to_string(documents.size());
        for (int token = 0; token < length; ++token)
            document.tokens.push_back(static_cast<TokenId>(random() % 64));
        documents.push_back(std::move(document));
    }
    return std::make_shared<const std::vector<Document>>(std::move(documents));
}

} // namespace qroar::test
