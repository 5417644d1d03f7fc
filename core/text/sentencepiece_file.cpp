// Field numbers: sentencepiece_model.proto, published with the library.
#include "core/text/sentencepiece_file.h"

#include "core/base/files.h"
#include "core/text/bpe.h"
#include "core/text/json_fields.h"
#include "core/text/utf8.h"
#include "core/text/wire_format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_set>

namespace qroar {

namespace {

constexpr std::size_t largestFile = 256U << 20;
constexpr std::size_t largestCharacterMap = 8U << 20; // that of NFKC takes 0.24 MB
constexpr std::size_t longestPiece = 4096;

/// A field of a message that has to be of one kind.
Error wrongKind(const std::string& where, const char* name) {
    return Error::bad(where + ": " + name + " is not what a SentencePiece model has there");
}

Error broken(const std::string& where) {
    return Error::bad(where
                      + ": broken, or not a SentencePiece model (a length or a key goes beyond its end)");
}

Status readPiece(std::string_view message, const std::string& where, SpmVocabulary& vocabulary) {
    std::string_view piece;
    float score = 0;
    std::uint64_t kind = 1;
    WireReader fields(message);
    while (fields.next()) {
        const bool right = fields.field() == 1   ? fields.isBytes()
                           : fields.field() == 2 ? fields.isFloat()
                           : fields.field() == 3 ? fields.isNumber()
                                                 : true;
        if (!right) return wrongKind(where, "a field");
        if (fields.field() == 1) piece = fields.bytes();
        if (fields.field() == 2) score = fields.real();
        if (fields.field() == 3) kind = fields.number();
    }
    if (fields.broken()) return broken(where);
    if (piece.empty() || piece.size() > longestPiece)
        return Error::bad(where + ": expected a text of 1 to " + std::to_string(longestPiece)
                          + " bytes, found " + std::to_string(piece.size()));
    if (piece.find('\0') != std::string_view::npos)
        return Error::bad(where + ": its text holds a zero byte, which the library takes for the end");
    if (!std::isfinite(score)) return Error::bad(where + ": its score is not a finite number");
    if (kind < 1 || kind > 6)
        return Error::bad(where + ": expected a type from 1 to 6, found " + std::to_string(kind));
    if (kind == 6 && namedByte(piece) < 0)
        return Error::bad(where + ": expected the name of a byte (<0x00> to <0xFF>), found "
                          + inQuotes(piece));
    vocabulary.pieces.emplace_back(piece);
    vocabulary.scores.push_back(score);
    vocabulary.kinds.push_back(static_cast<PieceKind>(kind));
    return Done{};
}

Status readTrainer(std::string_view message, const std::string& where, SentencePieceFile& file,
                   std::string& bosPiece) {
    WireReader fields(message);
    while (fields.next()) {
        switch (fields.field()) {
        case 3: // model_type
            if (!fields.isNumber()) return wrongKind(where, "model_type");
            if (fields.number() != 1 && fields.number() != 2)
                return Error::unsupported(where + ": model_type " + std::to_string(fields.number())
                                          + " is not supported, only 1 (unigram) and 2 (BPE) are");
            file.unigram = fields.number() == 1;
            break;
        case 24:
            if (fields.isNumber() && fields.number() != 0)
                return Error::unsupported(where + ": treat_whitespace_as_suffix is not supported");
            break;
        case 35:
            if (!fields.isNumber()) return wrongKind(where, "byte_fallback");
            file.byteFallback = fields.number() != 0;
            break;
        case 46:
            if (!fields.isBytes()) return wrongKind(where, "bos_piece");
            bosPiece = fields.bytes();
            break;
        default:
            break;
        }
    }
    return fields.broken() ? Status(broken(where)) : Status(Done{});
}

Status readNormalizer(std::string_view message, const std::string& where, SentencePieceFile& file) {
    WireReader fields(message);
    while (fields.next()) {
        if (fields.field() == 2) {
            if (!fields.isBytes()) return wrongKind(where, "precompiled_charsmap");
            if (const std::string problem = characterMapProblem(fields.bytes()); !problem.empty())
                return Error::bad(where + ": precompiled_charsmap: " + problem);
            file.mapsCharacters = !fields.bytes().empty();
        }
        if (fields.field() == 3 && fields.isNumber()) file.vocabulary.spacePrefix = fields.number() != 0;
        if (fields.field() == 4 && fields.isNumber()) file.removesExtraSpaces = fields.number() != 0;
        if (fields.field() == 5 && fields.isNumber() && fields.number() == 0)
            return Error::unsupported(where + ": escape_whitespaces: false is not supported");
    }
    return fields.broken() ? Status(broken(where)) : Status(Done{});
}

Status refuseDenormalizer(std::string_view message, const std::string& where) {
    WireReader fields(message);
    while (fields.next())
        if (fields.field() == 2 && !(fields.isBytes() && fields.bytes().empty()))
            return Error::unsupported(where + ": a table that changes decoded text is not supported");
    return fields.broken() ? Status(broken(where)) : Status(Done{});
}

/// What must hold of all pieces together.
Status checkPieces(const SentencePieceFile& file, const std::string& where) {
    const SpmVocabulary& all = file.vocabulary;
    if (all.pieces.empty()) return Error::bad(where + ": no pieces: broken, or not a SentencePiece model");
    if (all.pieces.size() > static_cast<std::size_t>(largestTokenId))
        return Error::bad(where + ": more pieces than there are token ids");
    std::unordered_set<std::string_view> seen;
    std::array<bool, 256> bytes{};
    int unknown = 0;
    for (std::size_t id = 0; id < all.pieces.size(); ++id) {
        if (!seen.insert(all.pieces[id]).second)
            return Error::bad(where + ": the piece " + inQuotes(all.pieces[id]) + " is there twice");
        if (all.kinds[id] == PieceKind::Unknown) ++unknown;
        if (all.kinds[id] == PieceKind::Byte) bytes[namedByte(all.pieces[id])] = true;
    }
    if (unknown != 1)
        return Error::bad(where + ": expected one piece for what is unknown, found "
                          + std::to_string(unknown));
    const auto byteCount = std::count(bytes.begin(), bytes.end(), true);
    if (file.byteFallback ? byteCount != 256 : byteCount != 0)
        return Error::bad(where + ": byte_fallback is " + (file.byteFallback ? "on" : "off")
                          + ", but there are " + std::to_string(byteCount) + " pieces for bytes");
    return Done{};
}

} // namespace

std::string characterMapProblem(std::string_view table) {
    if (table.empty()) return {};
    const auto wordAt = [&](std::size_t at) {
        std::uint32_t word = 0;
        for (unsigned index = 0; index < 4; ++index)
            word |= std::uint32_t{static_cast<unsigned char>(table[at + index])} << (8 * index);
        return word;
    };
    if (table.size() > largestCharacterMap) return "larger than any that is in use";
    if (table.size() < 4) return "too short";
    const std::size_t size = wordAt(0);
    if (size % 4 != 0 || size == 0 || size >= table.size() - 4) return "the size of its trie is wrong";
    if (table.back() != '\0') return "its last replacement has no end";
    const std::size_t replacements = table.size() - 4 - size;
    std::vector<std::uint32_t> units(size / 4);
    for (std::size_t index = 0; index < units.size(); ++index) units[index] = wordAt(4 + 4 * index);
    // A unit: label in the low byte (and the top bit, which no label has), bit 8: a value hangs below, the
    // rest how far the children are, as what their index differs in.
    const auto step = [](std::uint32_t unit) {
        return static_cast<std::size_t>(unit >> 10) << ((unit & 0x200U) >> 6);
    };
    std::vector<bool> seen(units.size());
    std::vector<std::size_t> open;
    const auto visit = [&](std::size_t base) { // every unit that a byte leads to from here is read
        if (base >= units.size() || (base | 0xFFU) >= units.size()) return false;
        if (!seen[base]) open.push_back(base);
        seen[base] = true;
        return true;
    };
    if (!visit(step(units[0]))) return "a path through its trie leaves it";
    while (!open.empty()) {
        const std::size_t base = open.back();
        open.pop_back();
        for (std::uint32_t label = 0; label < 256; ++label) {
            const std::size_t at = base ^ label;
            const std::uint32_t unit = units[at];
            if ((unit & 0x800000FFU) != label) continue;
            const std::size_t next = at ^ step(unit);
            if (!visit(next)) return "a path through its trie leaves it";
            if ((unit & 0x100U) != 0 && (units[next] & 0x7FFFFFFFU) >= replacements)
                return "a replacement lies beyond its end";
        }
    }
    return {};
}

Outcome<SentencePieceFile> readSentencePieceFile(const std::filesystem::path& path) {
    const auto bytes = readFile(path, largestFile);
    if (!bytes) return bytes.error();
    const std::string where = path.string();
    SentencePieceFile file;
    std::string bosPiece = "<s>"; // unless the file names another one
    file.model.reserve(bytes->size());
    WireReader fields(*bytes);
    while (fields.next()) {
        const std::uint64_t field = fields.field();
        if (field < 1 || field > 5) continue;
        if (!fields.isBytes()) return wrongKind(where, "a field");
        Status read = Done{};
        if (field == 1)
            read =
                readPiece(fields.bytes(), where + ": piece " + std::to_string(file.vocabulary.pieces.size()),
                          file.vocabulary);
        if (field == 2) read = readTrainer(fields.bytes(), where + ": trainer_spec", file, bosPiece);
        if (field == 3) read = readNormalizer(fields.bytes(), where + ": normalizer_spec", file);
        if (field == 5) read = refuseDenormalizer(fields.bytes(), where + ": denormalizer_spec");
        if (!read) return read.error();
        if (field <= 3) file.model += fields.whole(); // 4 are self-tests, which would be run
    }
    if (fields.broken()) return broken(where);
    if (Status right = checkPieces(file, where); !right) return right.error();
    const SpmVocabulary& all = file.vocabulary;
    for (std::size_t id = 0; id < all.pieces.size(); ++id)
        if (all.kinds[id] == PieceKind::Control && all.pieces[id] == bosPiece)
            file.vocabulary.bos = static_cast<TokenId>(id);
    return file;
}

} // namespace qroar
