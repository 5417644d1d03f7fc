// qroar tokenize MODEL: the tokens of a text, or the text of token ids, by the model's tokenizer.
#include "app/cli/commands.h"
#include "app/cli/inputs.h"
#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/model/model.h"
#include "core/text/tokenizer.h"
#include "core/text/utf8.h"

#include <iostream>
#include <limits>

namespace qroar::cli {

namespace {

constexpr std::size_t largestText = std::size_t{1} << 30;

struct Options {
    Common common;
    std::string model, text, file;
    std::vector<int> ids;
    bool asText = false, withoutBos = false;
    CLI::Option *hasText = nullptr, *hasFile = nullptr, *hasIds = nullptr;
};

/// The text with control characters, backslashes and bytes that are not UTF-8 spelled out, as in C.
std::string spelled(std::string_view text) {
    std::string out;
    const auto hex = [&out](char byte) {
        char buffer[8];
        std::snprintf(buffer, sizeof buffer, "\\x%02X", static_cast<unsigned char>(byte));
        out += buffer;
    };
    while (!text.empty()) {
        const std::size_t length = utf8::lengthOf(text[0]);
        const bool valid = length <= text.size() && utf8::validPrefix(text.substr(0, length)) == length;
        const char c = text[0];
        if (c == '\n' || c == '\t' || c == '\r' || c == '\\')
            out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\r' ? "\\r" : "\\\\";
        else if (!valid || static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
            hex(c);
        else
            out += text.substr(0, length);
        text.remove_prefix(valid ? length : 1);
    }
    return out;
}

/// Of a model, or of a tokenizer alone. Only llama2.c's files need the model, for the size of their
/// vocabulary.
Outcome<std::shared_ptr<const Tokenizer>> tokenizerOf(const std::filesystem::path& path) {
    if (path.extension() == ".json") return loadHfTokenizer(path);
    if (path.extension() == ".model") return loadSentencePieceTokenizer(path);
    std::error_code ignored;
    if (path.extension() == ".gguf" || std::filesystem::exists(path / "tokenizer.json", ignored)
        || std::filesystem::exists(path / "tokenizer.model", ignored))
        return loadTokenizerFor(path, std::numeric_limits<int>::max());
    auto model = inspectModel(path);
    if (!model) return model.error();
    return loadTokenizerFor((*model)->path(), (*model)->config().vocabSize);
}

/// What a token adds to a text; the first one of a text may show less (the space that SentencePiece puts in
/// front).
std::string textOf(const Tokenizer& tokenizer, TokenId id) {
    return tokenizer.decode({id, id}).substr(tokenizer.decode({id}).size());
}

struct Tokens {
    std::vector<TokenId> ids;
    std::string text;       ///< that went in, or came out
    bool comesBack = false; ///< decoding the ids gives the text
};

Outcome<Tokens> tokensOf(const Options& options, const Tokenizer& tokenizer) {
    Tokens result;
    if (options.hasIds->count() > 0) {
        result.ids.assign(options.ids.begin(), options.ids.end());
        for (const TokenId id : result.ids)
            if (id < 0 || id >= tokenizer.vocabSize())
                return Error::bad("--ids: expected ids from 0 to " + std::to_string(tokenizer.vocabSize() - 1)
                                  + ", found " + std::to_string(id));
        result.text = tokenizer.decode(result.ids);
        result.comesBack = true;
        return result;
    }
    result.text = options.text;
    if (options.hasFile->count() > 0) {
        auto read = readFile(options.file, largestText);
        if (!read) return read.error();
        result.text = std::move(*read);
    }
    result.ids = options.asText ? tokenizer.encodeAsText(result.text) : tokenizer.encode(result.text);
    result.comesBack = tokenizer.decode(result.ids) == result.text;
    if (const TokenId bos = tokenizer.bosToAdd(); bos >= 0 && !options.withoutBos)
        result.ids.insert(result.ids.begin(), bos);
    return result;
}

int run(const Options& options) {
    auto tokenizer = tokenizerOf(options.model);
    if (!tokenizer) return fail(tokenizer.error());
    Tokens tokens;
    try {
        auto made = tokensOf(options, **tokenizer);
        if (!made) return fail(made.error());
        tokens = std::move(*made);
    } catch (const std::runtime_error& problem) { // a pattern that needs too much on this text
        return fail(Error::bad(options.model + ": " + problem.what()));
    }
    if (options.common.json) {
        Json list = Json::array();
        for (const TokenId id : tokens.ids)
            list.push_back({{"id", id}, {"text", spelled(textOf(**tokenizer, id))}});
        print({{"schema", 1},
               {"tokenizer", (*tokenizer)->description()},
               {"tokens", std::move(list)},
               {"text", spelled(tokens.text)},
               {"bytes", tokens.text.size()},
               {"round_trip", tokens.comesBack}});
        return exitDone;
    }
    Table table({"position", "id", "text"});
    for (std::size_t at = 0; at < tokens.ids.size(); ++at)
        table.add({std::to_string(at), std::to_string(tokens.ids[at]),
                   "\"" + spelled(textOf(**tokenizer, tokens.ids[at])) + "\""});
    table.print();
    std::cout << '\n'
              << (*tokenizer)->description() << "\n"
              << formatCount(static_cast<long long>(tokens.ids.size())) << " tokens, "
              << formatCount(static_cast<long long>(tokens.text.size())) << " bytes: \""
              << spelled(tokens.text) << "\"\n";
    if (!tokens.comesBack) std::cout << "note: decoding these tokens does not give the text back\n";
    return exitDone;
}

} // namespace

void addTokenize(CLI::App& program, int& result) {
    auto options = std::make_shared<Options>();
    CLI::App* command = program.add_subcommand("tokenize", "tokens of a text, or the text of token ids");
    command
        ->add_option(
            "MODEL", options->model,
            "a model, or a tokenizer alone: tokenizer.json, tokenizer.model, the vocabulary in a .gguf")
        ->required();
    options->hasText = command->add_option("--text", options->text, "the text");
    options->hasFile =
        command->add_option("--file", options->file, "a file that holds the text, byte for byte");
    options->hasIds =
        command->add_option("--ids", options->ids, "token ids, with commas: the way back")->delimiter(',');
    options->hasText->excludes(options->hasFile)->excludes(options->hasIds);
    options->hasFile->excludes(options->hasIds);
    command->add_flag("--as-text", options->asText, "control tokens spelled out in the text are text");
    command->add_flag("--no-bos", options->withoutBos, "without the token that the tokenizer puts in front");
    addCommon(*command, options->common);
    command->callback([options, &result] {
        if (options->hasText->count() + options->hasFile->count() + options->hasIds->count() == 0)
            throw CLI::ValidationError("tokenize", "expected --text, --file or --ids");
        result = run(*options);
    });
}

} // namespace qroar::cli
