#include "core/session/document_storage.h"

#include <algorithm>

namespace qroar {

namespace {

void writeSketches(h5::GroupWriter& to, const std::vector<SessionDocument>& documents) {
    std::vector<std::int64_t> lengths, hashes;
    for (const SessionDocument& document : documents) {
        lengths.push_back(static_cast<std::int64_t>(document.sketch.size()));
        for (const std::uint64_t hash : document.sketch) hashes.push_back(static_cast<std::int64_t>(hash));
    }
    if (hashes.empty()) return;
    to.list("sketch_length", lengths, {"1", "document", "hashes of each document in sketch"});
    to.list("sketch", hashes,
            {"1", "hash", "sampled hashes of windows of 50 tokens, of one document after another"});
}

void readSketches(const h5::GroupReader& from, std::vector<SessionDocument>& documents) {
    if (!from.hasChild("sketch")) return;
    const auto lengths = from.array<std::int64_t>("sketch_length", {documents.size()});
    const auto hashes = from.list<std::int64_t>("sketch");
    if (from.failed()) return;
    auto next = hashes.begin();
    for (std::size_t document = 0; document < documents.size(); ++document) {
        const std::int64_t length = lengths.values[document];
        if (length < 0 || length > hashes.end() - next)
            return from.fail("sketch_length", "expected lengths that add up to that of sketch");
        std::vector<std::uint64_t>& sketch = documents[document].sketch;
        for (const auto end = next + length; next != end; ++next)
            sketch.push_back(static_cast<std::uint64_t>(*next));
        if (!std::is_sorted(sketch.begin(), sketch.end()))
            return from.fail("sketch", "expected sorted hashes");
    }
    if (next != hashes.end()) from.fail("sketch", "longer than sketch_length says");
}

} // namespace

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
    writeSketches(to, documents);
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
        documents.push_back({names[document], paths[document], fingerprints[document], tokens[document], {}});
    readSketches(from, documents);
    return documents;
}

} // namespace qroar
