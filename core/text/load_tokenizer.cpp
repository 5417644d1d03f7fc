// loadTokenizerFor: which file beside a model is its tokenizer.
#include "core/text/tokenizer.h"

namespace qroar {

namespace {

/// A smaller vocabulary is padding in the model; a larger one belongs to another model.
Outcome<std::shared_ptr<const Tokenizer>> checked(std::shared_ptr<const Tokenizer> tokenizer,
                                                  const std::filesystem::path& file, int vocabSize) {
    if (tokenizer->vocabSize() > vocabSize)
        return Error::bad(file.string() + ": its token ids go up to "
                          + std::to_string(tokenizer->vocabSize() - 1) + ", the model's vocabulary has "
                          + std::to_string(vocabSize) + ": this tokenizer belongs to another model");
    return tokenizer;
}

} // namespace

Outcome<std::shared_ptr<const Tokenizer>> loadTokenizerFor(const std::filesystem::path& model,
                                                           int vocabSize) {
    namespace fs = std::filesystem;
    std::error_code ignored;
    const bool isFolder = fs::is_directory(model, ignored);
    const fs::path folder = isFolder ? model : model.parent_path();
    const fs::path json = "tokenizer.json", pieces = "tokenizer.model";
    const fs::path numbered = "tok" + std::to_string(vocabSize) + ".bin";
    const fs::path plain = "tokenizer.bin";
    std::vector<fs::path> candidates{json, pieces, numbered, plain};
    if (!isFolder && model.extension() == ".bin") candidates = {numbered, plain, json};
    std::string looked;
    if (!isFolder && model.extension() == ".gguf") {
        auto inside = loadGgufTokenizer(model);
        // A tokenizer.json beside the file helps where the vocabulary inside cannot be used.
        if (inside || !fs::exists(folder / json, ignored))
            return inside ? checked(*inside, model, vocabSize) : std::move(inside);
        candidates = {json};
    }
    for (const fs::path& name : candidates) {
        const fs::path file = folder / name;
        if (!fs::exists(file, ignored)) {
            looked += (looked.empty() ? "" : ", ") + name.string();
            continue;
        }
        auto tokenizer = name == json     ? loadHfTokenizer(file)
                         : name == pieces ? loadSentencePieceTokenizer(file)
                                          : loadLlama2cTokenizer(file, vocabSize);
        if (tokenizer) return checked(*tokenizer, file, vocabSize);
        Error problem = tokenizer.error();
        if (name == json && fs::exists(folder / pieces, ignored))
            problem.message += " (the tokenizer.model beside it is read where there is no tokenizer.json)";
        return problem;
    }
    return Error::notFound(model.string() + ": no tokenizer found (looked for " + looked + " in "
                           + (folder.empty() ? "." : folder.string())
                           + "); documents of token ids (.npy, .u16, .u32) need none");
}

} // namespace qroar
