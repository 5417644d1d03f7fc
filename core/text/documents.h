// Documents as token ids, and the windows they are cut into (product.md, "Documents").
#pragma once

#include "core/text/tokenizer.h"

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace qroar {

struct Document {
    std::string name; ///< file name, with "#3" behind it for line 3 of a .jsonl
    std::string path;
    std::string fingerprint;     ///< of the token ids
    std::vector<TokenId> tokens; ///< with BOS in front when it came from text and the tokenizer adds one
};

struct DocumentOptions {
    std::string jsonField = "text";
};

/// .txt/.md (UTF-8), .jsonl, .npy, .u16, .u32. `tokenizer` may be null when all files hold ids. Every id is
/// checked against `vocabSize`. Errors name the file (and line, key or id).
Outcome<std::vector<Document>> loadDocuments(const std::vector<std::filesystem::path>& paths,
                                             const Tokenizer* tokenizer, int vocabSize,
                                             const DocumentOptions& options = {});

/// `context` consecutive tokens of a document; positions in the model start at 0.
struct Window {
    int document = 0;                ///< index into the documents
    int index = 0;                   ///< 0, 1, ... within the document
    std::span<const TokenId> tokens; ///< [context]
};

/// Consecutive windows of `context` tokens, the last partial one dropped, at most `maxWindows` of each
/// document (0 = all). Error when no document is long enough (names the longest); documents that are too
/// short are simply without windows.
Outcome<std::vector<Window>> cutWindows(const std::vector<Document>& documents, int context,
                                        int maxWindows = 0);

} // namespace qroar
