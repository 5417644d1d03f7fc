#include "core/session/document_storage.h"

namespace qroar {

void writeDocuments(h5::GroupWriter to, const std::vector<SessionDocument>& documents) {
    std::vector<std::string> names, paths, fingerprints;
    std::vector<std::int64_t> tokens;
    for (const SessionDocument& document : documents) {
        names.push_back(document.name);
        paths.push_back(document.path);
        fingerprints.push_back(document.fingerprint);
        tokens.push_back(document.tokens);
    }
    to.list("tokens", tokens, {"tokens", "document", "length of each document"});
    to.strings("name", names, {"text", "document", "name, as shown"});
    to.strings("path", paths, {"text", "document", "file it was read from"});
    to.strings("fingerprint", fingerprints, {"text", "document", "XXH3-128 of the token ids, hexadecimal"});
}

std::vector<SessionDocument> readDocuments(const h5::GroupReader& from) {
    const auto tokens = from.list<std::int64_t>("tokens");
    const auto names = from.strings("name"), paths = from.strings("path");
    const auto fingerprints = from.strings("fingerprint");
    if (names.size() != tokens.size() || paths.size() != tokens.size()
        || fingerprints.size() != tokens.size())
        from.fail("name", "name, path, fingerprint and tokens have different lengths");
    std::vector<SessionDocument> documents;
    if (from.failed()) return documents;
    for (std::size_t document = 0; document < tokens.size(); ++document)
        documents.push_back({names[document], paths[document], fingerprints[document], tokens[document]});
    return documents;
}

} // namespace qroar
