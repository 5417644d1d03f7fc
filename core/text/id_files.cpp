#include "core/text/id_files.h"

#include "core/base/files.h"
#include "core/base/strings.h"

#include <optional>
#include <string>
#include <string_view>

namespace qroar {

namespace {

/// Little-endian integers, one after the other.
struct IdArray {
    std::string_view bytes;
    std::size_t itemBytes = 2; ///< 1, 2, 4 or 8
    bool isSigned = false;
};

std::uint64_t unsignedAt(const IdArray& array, std::size_t index) {
    std::uint64_t value = 0;
    for (std::size_t byte = array.itemBytes; byte-- > 0;)
        value = value << 8 | static_cast<unsigned char>(array.bytes[index * array.itemBytes + byte]);
    return value;
}

/// Sign-extends the lowest `bytes` bytes.
std::int64_t asSigned(std::uint64_t value, std::size_t bytes) {
    const unsigned unused = static_cast<unsigned>(64 - 8 * bytes);
    return static_cast<std::int64_t>(value << unused) >> unused;
}

Outcome<std::vector<TokenId>> toIds(const IdArray& array, int vocabSize, const std::string& where) {
    if (array.bytes.size() % array.itemBytes != 0)
        return Error::bad(where + ": " + std::to_string(array.bytes.size())
                          + " bytes are not a whole number of " + std::to_string(array.itemBytes)
                          + "-byte ids");
    const std::size_t count = array.bytes.size() / array.itemBytes;
    if (count > mostIdsInFile)
        return Error::bad(where + ": expected at most " + formatCount(mostIdsInFile)
                          + " token ids in a file, found " + formatCount(static_cast<long long>(count))
                          + ": cut it into several files");
    std::vector<TokenId> ids(count);
    for (std::size_t index = 0; index < ids.size(); ++index) {
        const std::uint64_t value = unsignedAt(array, index);
        const std::int64_t number = asSigned(value, array.itemBytes);
        const bool negative = array.isSigned && number < 0;
        if (negative || value >= static_cast<std::uint64_t>(vocabSize))
            return Error::bad(where + ": position " + std::to_string(index) + ": id "
                              + (negative ? std::to_string(number) : std::to_string(value))
                              + " is outside the vocabulary of " + formatCount(vocabSize));
        ids[index] = static_cast<TokenId>(value);
    }
    return ids;
}

/// What stands behind 'key': in the Python dictionary of an .npy header, up to the comma that ends it.
std::optional<std::string> headerValue(std::string_view header, const std::string& key) {
    const std::string quotedKey = "'" + key + "':";
    std::size_t at = header.find(quotedKey);
    if (at == std::string_view::npos) return std::nullopt;
    at += quotedKey.size();
    std::size_t end = at;
    for (int depth = 0; end < header.size(); ++end) {
        const char c = header[end];
        if (c == '(' || c == '[') ++depth;
        if (depth == 0 && (c == ',' || c == '}')) break;
        if (c == ')' || c == ']') --depth;
    }
    return trim(header.substr(at, end - at));
}

Status parseDescription(std::string_view header, IdArray& array, const std::string& where) {
    const auto type = headerValue(header, "descr");
    if (!type) return Error::bad(where + ": .npy header: no 'descr'");
    static constexpr std::string_view known[] = {"'|u1'", "'<u1'", "'<u2'", "'<u4'",
                                                 "'<u8'", "'<i2'", "'<i4'", "'<i8'"};
    for (const std::string_view name : known) {
        if (*type != name) continue;
        array.isSigned = name[2] == 'i';
        array.itemBytes = static_cast<std::size_t>(name[3] - '0');
        return Done{};
    }
    const char* hint = type->find('>') != std::string::npos ? " (big-endian)" : "";
    return Error::unsupported(where + ": .npy type " + type->substr(0, 60) + hint
                              + " is not supported; u1, u2, u4, u8, i2, i4, i8, little-endian, are");
}

/// "(123,)"
bool parseShape(const std::string& shape, std::size_t& count) {
    if (shape.size() < 4 || shape.front() != '(' || !shape.ends_with(",)")) return false;
    const std::string digits = trim(std::string_view(shape).substr(1, shape.size() - 3));
    long long value = -1;
    if (!parseInt(digits, value) || value < 0) return false;
    count = static_cast<std::size_t>(value);
    return true;
}

/// NEP 1 (the .npy format): "\x93NUMPY", version, header length (u16 in version 1, u32 later), header, data.
Outcome<IdArray> parseNpy(std::string_view file, const std::string& where) {
    if (!file.starts_with("\x93NUMPY") || file.size() < 10)
        return Error::bad(where + ": not an .npy file (its first bytes are not \\x93NUMPY)");
    const int version = static_cast<unsigned char>(file[6]);
    if (version < 1 || version > 3)
        return Error::unsupported(where + ": .npy format version " + std::to_string(version)
                                  + " is not supported; 1 to 3 are");
    const IdArray length{file.substr(8), version == 1 ? std::size_t{2} : std::size_t{4}, false};
    const std::size_t start = 8 + length.itemBytes;
    if (file.size() < start) return Error::bad(where + ": ends inside its .npy header");
    const std::uint64_t headerBytes = unsignedAt(length, 0);
    if (headerBytes > file.size() - start)
        return Error::bad(where + ": .npy header of " + std::to_string(headerBytes) + " bytes, but only "
                          + std::to_string(file.size() - start) + " follow");
    const std::string_view header = file.substr(start, headerBytes);
    IdArray array;
    if (auto described = parseDescription(header, array, where); !described) return described.error();
    const auto order = headerValue(header, "fortran_order");
    if (!order || *order != "False")
        return Error::unsupported(where + ": .npy fortran_order: expected False, found "
                                  + (order ? order->substr(0, 60) : "nothing"));
    const auto shape = headerValue(header, "shape");
    std::size_t count = 0;
    if (!shape || !parseShape(*shape, count))
        return Error::unsupported(where + ": .npy shape: expected one dimension, as (123,), found "
                                  + (shape ? shape->substr(0, 60) : "nothing"));
    array.bytes = file.substr(start + headerBytes);
    if (array.bytes.size() % array.itemBytes != 0 || array.bytes.size() / array.itemBytes != count)
        return Error::bad(where + ": .npy shape (" + std::to_string(count) + ",) needs "
                          + std::to_string(array.itemBytes) + " bytes an id, but "
                          + std::to_string(array.bytes.size()) + " bytes follow");
    return array;
}

} // namespace

bool isIdFile(const std::filesystem::path& path) {
    const auto extension = path.extension();
    return extension == ".npy" || extension == ".u16" || extension == ".u32";
}

Outcome<std::vector<TokenId>> readIdFile(const std::filesystem::path& path, int vocabSize) {
    auto file = MappedFile::open(path);
    if (!file) return file.error();
    const auto bytes = (*file)->bytes();
    const std::string_view content(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (path.extension() != ".npy")
        return toIds({content, path.extension() == ".u16" ? std::size_t{2} : std::size_t{4}, false},
                     vocabSize, path.string());
    auto array = parseNpy(content, path.string());
    if (!array) return array.error();
    return toIds(*array, vocabSize, path.string());
}

} // namespace qroar
