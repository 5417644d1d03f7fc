#include "core/text/documents.h"

#include "core/base/files.h"
#include "core/base/hash.h"
#include "core/base/strings.h"
#include "core/text/id_files.h"
#include "core/text/json_fields.h"
#include "core/text/utf8.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>

namespace qroar {

using nlohmann::json;

namespace {

constexpr std::size_t largestTextFile = std::size_t{1} << 30;
constexpr std::string_view byteOrderMark = "\xEF\xBB\xBF";

std::string fingerprintOf(const std::vector<TokenId>& tokens) {
    Fingerprint fingerprint;
    fingerprint.add(tokens.data(), tokens.size() * sizeof(TokenId));
    return fingerprint.hex();
}

/// What a text becomes; `where` names the file (and line) in errors.
class TextReader {
  public:
    TextReader(const Tokenizer* tokenizer, int vocabSize) : tokenizer_(tokenizer), vocabSize_(vocabSize) {}

    [[nodiscard]] Outcome<std::vector<TokenId>> tokens(std::string_view text,
                                                       const std::string& where) const {
        if (!tokenizer_)
            return Error::bad(
                where + ": is text, but the model has no tokenizer; give token ids (.npy, .u16, .u32)");
        std::vector<TokenId> ids;
        try {
            ids = tokenizer_->encode(text);
        } catch (
            const std::exception& problem) { // a pattern of the tokenizer file that explodes on this text
            return Error::bad(where + ": cannot be tokenized: " + problem.what());
        }
        if (ids.empty()) return Error::bad(where + ": the document is empty");
        if (tokenizer_->bosToAdd() >= 0) ids.insert(ids.begin(), tokenizer_->bosToAdd());
        for (std::size_t position = 0; position < ids.size(); ++position)
            if (ids[position] < 0 || ids[position] >= vocabSize_)
                return Error::bad(where + ": position " + std::to_string(position)
                                  + ": the tokenizer gives id " + std::to_string(ids[position])
                                  + ", outside the model's vocabulary of " + formatCount(vocabSize_));
        return ids;
    }

  private:
    const Tokenizer* tokenizer_;
    int vocabSize_;
};

/// The content without its byte order mark, if it is UTF-8.
Outcome<std::string_view> checkedText(const std::string& content, const std::string& where) {
    const std::size_t valid = utf8::validPrefix(content);
    if (valid < content.size()) {
        char byte[8];
        std::snprintf(byte, sizeof byte, "0x%02X",
                      static_cast<unsigned>(static_cast<unsigned char>(content[valid])));
        return Error::bad(where + ": not UTF-8: byte " + byte + " at offset " + std::to_string(valid));
    }
    std::string_view text = content;
    if (text.starts_with(byteOrderMark)) text.remove_prefix(byteOrderMark.size());
    return text;
}

Outcome<std::string> textOfLine(std::string_view line, const std::string& field, const std::string& where) {
    auto object = parseJson(line, where);
    if (!object) return object.error();
    if (!object->is_object()) return Error::bad(where + ": expected an object, found " + jsonKind(*object));
    const auto found = object->find(field);
    if (found == object->end()) return Error::bad(where + ": no key \"" + field + "\"");
    if (!found->is_string())
        return Error::bad(where + ": \"" + field + "\": expected a string, found " + jsonKind(*found));
    return found->get<std::string>();
}

Document documentOf(const std::filesystem::path& path, const std::string& suffix,
                    std::vector<TokenId> tokens) {
    Document document;
    document.name = path.filename().string() + suffix;
    document.path = path.string();
    document.fingerprint = fingerprintOf(tokens);
    document.tokens = std::move(tokens);
    return document;
}

Status addLines(std::string_view text, const std::filesystem::path& path, const std::string& field,
                const TextReader& reader, std::vector<Document>& documents) {
    const std::size_t before = documents.size();
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        const std::string where = path.string() + ": line " + std::to_string(number);
        auto content = textOfLine(line, field, where);
        if (!content) return content.error();
        auto tokens = reader.tokens(*content, where + ": \"" + field + "\"");
        if (!tokens) return tokens.error();
        documents.push_back(documentOf(path, "#" + std::to_string(number), std::move(*tokens)));
    }
    if (documents.size() == before) return Error::bad(path.string() + ": holds no documents");
    return Done{};
}

Status addTextFile(const std::filesystem::path& path, const DocumentOptions& options,
                   const TextReader& reader, std::vector<Document>& documents) {
    auto content = readFile(path, largestTextFile);
    if (!content) return content.error();
    auto text = checkedText(*content, path.string());
    if (!text) return text.error();
    if (path.extension() == ".jsonl") return addLines(*text, path, options.jsonField, reader, documents);
    auto tokens = reader.tokens(*text, path.string());
    if (!tokens) return tokens.error();
    documents.push_back(documentOf(path, "", std::move(*tokens)));
    return Done{};
}

Status addFile(const std::filesystem::path& path, int vocabSize, const DocumentOptions& options,
               const TextReader& reader, std::vector<Document>& documents) {
    if (isIdFile(path)) {
        auto ids = readIdFile(path, vocabSize);
        if (!ids) return ids.error();
        if (ids->empty()) return Error::bad(path.string() + ": the document is empty");
        documents.push_back(documentOf(path, "", std::move(*ids)));
        return Done{};
    }
    const auto extension = path.extension();
    if (extension == ".txt" || extension == ".md" || extension == ".jsonl")
        return addTextFile(path, options, reader, documents);
    return Error::unsupported(path.string() + ": a document is .txt, .md, .jsonl, .npy, .u16 or .u32, not \""
                              + extension.string() + "\"");
}

} // namespace

Outcome<std::vector<Document>> loadDocuments(const std::vector<std::filesystem::path>& paths,
                                             const Tokenizer* tokenizer, int vocabSize,
                                             const DocumentOptions& options) {
    if (paths.empty()) return Error::bad("no documents given");
    if (vocabSize <= 0)
        return Error::bad("the model's vocabulary has " + std::to_string(vocabSize)
                          + " tokens; at least 1 expected");
    const TextReader reader(tokenizer, vocabSize);
    std::vector<Document> documents;
    for (const auto& path : paths)
        if (auto added = addFile(path, vocabSize, options, reader, documents); !added) return added.error();
    return documents;
}

Outcome<std::vector<Window>> cutWindows(const std::vector<Document>& documents, int context, int maxWindows) {
    if (context < 2)
        return Error::bad("context " + std::to_string(context) + ": a window needs at least 2 tokens");
    if (maxWindows < 0)
        return Error::bad("at most " + std::to_string(maxWindows)
                          + " windows of each document: expected 0 (all) or more");
    std::vector<Window> windows;
    const Document* longest = nullptr;
    for (std::size_t index = 0; index < documents.size(); ++index) {
        const Document& document = documents[index];
        if (!longest || document.tokens.size() > longest->tokens.size()) longest = &document;
        const std::span<const TokenId> tokens(document.tokens);
        std::size_t count = tokens.size() / static_cast<std::size_t>(context);
        if (maxWindows > 0) count = std::min(count, static_cast<std::size_t>(maxWindows));
        for (std::size_t window = 0; window < count; ++window)
            windows.push_back({static_cast<int>(index), static_cast<int>(window),
                               tokens.subspan(window * static_cast<std::size_t>(context),
                                              static_cast<std::size_t>(context))});
    }
    if (!windows.empty()) return windows;
    if (!longest) return Error::bad("no documents to cut into windows");
    return Error::bad("no document has the " + formatCount(context) + " tokens of a window; the longest, "
                      + longest->name + ", has "
                      + formatCount(static_cast<long long>(longest->tokens.size())));
}

} // namespace qroar
