#include "core/model/gguf_file.h"

#include "core/base/strings.h"
#include "core/model/json_text.h"
#include "core/quant/ggml_blocks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <set>

namespace qroar {

namespace {

constexpr std::uint64_t longestKey = 65'535, longestText = 1ULL << 30, longestArray = 1ULL << 30;
constexpr std::uint64_t longestName = 64, mostDims = 4;
constexpr std::uint32_t lastType = static_cast<std::uint32_t>(GgufType::F64);
/// A split of more parts than this is damage.
constexpr long long mostParts = 65'535;

std::size_t sizeOf(GgufType type) {
    static constexpr std::size_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return sizes[static_cast<std::size_t>(type)];
}

template<class T>
T loadAt(std::string_view bytes, std::size_t at) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

std::optional<double> numberAt(GgufType type, std::string_view bytes, std::size_t at) {
    switch (type) {
    case GgufType::U8:
        return loadAt<std::uint8_t>(bytes, at);
    case GgufType::I8:
        return loadAt<std::int8_t>(bytes, at);
    case GgufType::U16:
        return loadAt<std::uint16_t>(bytes, at);
    case GgufType::I16:
        return loadAt<std::int16_t>(bytes, at);
    case GgufType::U32:
        return loadAt<std::uint32_t>(bytes, at);
    case GgufType::I32:
        return loadAt<std::int32_t>(bytes, at);
    case GgufType::F32:
        return loadAt<float>(bytes, at);
    case GgufType::U64:
        return static_cast<double>(loadAt<std::uint64_t>(bytes, at));
    case GgufType::I64:
        return static_cast<double>(loadAt<std::int64_t>(bytes, at));
    case GgufType::F64:
        return loadAt<double>(bytes, at);
    default:
        return std::nullopt;
    }
}

DType dtypeOf(const GgmlTypeFacts& facts) {
    if (facts.isBlocked) return facts.isReadable ? DType::Block : DType::Other;
    switch (static_cast<GgmlType>(facts.id)) {
    case GgmlType::F32:
        return DType::F32;
    case GgmlType::F16:
        return DType::F16;
    case GgmlType::BF16:
        return DType::BF16;
    case GgmlType::F64:
        return DType::F64;
    case GgmlType::I8:
        return DType::I8;
    case GgmlType::I16:
        return DType::I16;
    case GgmlType::I32:
        return DType::I32;
    default:
        return DType::I64;
    }
}

} // namespace

const char* ggufTypeName(GgufType type) {
    static const char* const names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                        "bool", "string", "array", "u64", "i64", "f64"};
    return names[static_cast<std::size_t>(type)];
}

std::string GgufValue::kind() const {
    if (type_ != GgufType::Array) return ggufTypeName(type_);
    return "array of " + std::to_string(count_) + " " + ggufTypeName(element_);
}

std::string GgufValue::payload() const {
    std::string head;
    const auto add = [&head](auto value) {
        head.append(reinterpret_cast<const char*>(&value), sizeof value);
    };
    if (type_ == GgufType::String) add(static_cast<std::uint64_t>(bytes_.size()));
    if (type_ == GgufType::Array) {
        add(static_cast<std::uint32_t>(element_));
        add(count_);
    }
    return head.append(bytes_);
}

std::optional<long long> GgufValue::integer() const {
    if (type_ == GgufType::U64) {
        const auto value = loadAt<std::uint64_t>(bytes_, 0);
        return value > static_cast<std::uint64_t>(INT64_MAX) ? std::nullopt
                                                             : std::optional(static_cast<long long>(value));
    }
    if (type_ == GgufType::I64) return loadAt<std::int64_t>(bytes_, 0);
    if (type_ == GgufType::F32 || type_ == GgufType::F64) return std::nullopt;
    const auto value = numberAt(type_, bytes_, 0);
    return value ? std::optional(static_cast<long long>(*value)) : std::nullopt;
}

std::optional<double> GgufValue::number() const {
    return numberAt(type_, bytes_, 0);
}

std::optional<bool> GgufValue::boolean() const {
    if (type_ != GgufType::Bool) return std::nullopt;
    return bytes_[0] != 0;
}

std::optional<std::string_view> GgufValue::text() const {
    if (type_ != GgufType::String) return std::nullopt;
    return bytes_;
}

std::optional<std::vector<std::string_view>> GgufValue::texts() const {
    if (type_ != GgufType::Array || element_ != GgufType::String) return std::nullopt;
    std::vector<std::string_view> result;
    result.reserve(count_);
    std::size_t at = 0;
    for (std::uint64_t index = 0; index < count_; ++index) {
        const auto length = static_cast<std::size_t>(loadAt<std::uint64_t>(bytes_, at));
        result.push_back(bytes_.substr(at + 8, length));
        at += 8 + length;
    }
    return result;
}

std::optional<std::vector<double>> GgufValue::numbers() const {
    if (type_ != GgufType::Array || !numberAt(element_, std::string_view("\0\0\0\0\0\0\0\0", 8), 0))
        return std::nullopt;
    std::vector<double> result(count_);
    for (std::size_t index = 0; index < result.size(); ++index)
        result[index] = *numberAt(element_, bytes_, index * sizeOf(element_));
    return result;
}

std::optional<std::vector<bool>> GgufValue::flags() const {
    if (type_ != GgufType::Array || element_ != GgufType::Bool) return std::nullopt;
    std::vector<bool> result;
    for (const char flag : bytes_) result.push_back(flag != 0);
    return result;
}

/// Reads one file from front to back; the first problem ends it.
class GgufParser {
  public:
    explicit GgufParser(std::shared_ptr<const MappedFile> file)
        : file_(std::move(file)),
          bytes_(reinterpret_cast<const char*>(file_->bytes().data()), file_->bytes().size()) {}

    Outcome<GgufFile> run() {
        result_.path_ = file_->path();
        result_.files_.push_back(file_);
        for (const auto step : {&GgufParser::header, &GgufParser::pairs, &GgufParser::directory})
            if (Status fine = (this->*step)(); !fine) return fine.error().in(file_->path().string());
        return std::move(result_);
    }

  private:
    /// Room for `count` bytes at the cursor.
    [[nodiscard]] bool has(std::uint64_t count) const { return count <= bytes_.size() - at_; }
    Error ends(const std::string& what) const {
        return Error::bad("the file ends inside " + what + " (at byte " + std::to_string(at_) + " of "
                          + std::to_string(bytes_.size()) + ")");
    }
    template<class T>
    bool take(T& value) {
        if (!has(sizeof value)) return false;
        value = loadAt<T>(bytes_, at_);
        at_ += sizeof value;
        return true;
    }
    /// A string with its length; false when it is longer than `most` or the file ends.
    bool takeText(std::string_view& text, std::uint64_t most, std::uint64_t& length) {
        if (!take(length) || length > most || !has(length)) return false;
        text = bytes_.substr(at_, static_cast<std::size_t>(length));
        at_ += static_cast<std::size_t>(length);
        return true;
    }

    Status header();
    Status pairs();
    Outcome<GgufValue> value(const std::string& where);
    Outcome<GgufValue> array(const std::string& where);
    Status directory();
    Status tensor(std::uint64_t index);
    Status place(std::uint64_t alignment);

    std::shared_ptr<const MappedFile> file_;
    std::string_view bytes_;
    std::size_t at_ = 0;
    GgufFile result_;
    std::uint64_t tensorCount_ = 0, pairCount_ = 0;
    std::vector<std::uint64_t> offsets_;
};

Status GgufParser::header() {
    std::uint32_t version = 0;
    if (!bytes_.starts_with("GGUF")) return Error::bad("not a GGUF file: it does not begin with \"GGUF\"");
    at_ = 4;
    if (!take(version)) return ends("its header");
    if (version == 1)
        return Error::unsupported(
            "GGUF version 1 is not read (versions 2 and 3 are): convert the file again");
    if ((version & 0xFFFFU) == 0)
        return Error::unsupported("a big-endian GGUF file is not read: convert it to little-endian");
    if (version != 2 && version != 3)
        return Error::unsupported("GGUF version " + std::to_string(version) + " is not read (2 and 3 are)");
    result_.version_ = static_cast<int>(version);
    if (!take(tensorCount_) || !take(pairCount_)) return ends("its header");
    // The smallest entries: a name of no bytes, dims, type, offset; a key, a type and one byte.
    if (tensorCount_ > bytes_.size() / 24 || pairCount_ > bytes_.size() / 13)
        return Error::bad("the header counts " + std::to_string(tensorCount_) + " tensors and "
                          + std::to_string(pairCount_) + " metadata keys, more than a file of "
                          + std::to_string(bytes_.size()) + " bytes can hold");
    return Done{};
}

Status GgufParser::pairs() {
    for (std::uint64_t index = 0; index < pairCount_; ++index) {
        std::string_view key;
        std::uint64_t length = 0;
        const std::string number = "metadata key " + std::to_string(index);
        if (!takeText(key, longestKey, length)) {
            if (length > longestKey)
                return Error::bad(number + ": expected a name of at most 65535 bytes, found a length of "
                                  + std::to_string(length));
            return ends(number);
        }
        const std::string where = "key " + quotedText(key);
        auto read = value(where);
        if (!read) return read.error();
        if (!result_.keys_.emplace(std::string(key), result_.metadata_.size()).second)
            return Error::bad(where + " occurs twice");
        result_.metadata_.emplace_back(std::string(key), *read);
    }
    return Done{};
}

Outcome<GgufValue> GgufParser::value(const std::string& where) {
    std::uint32_t number = 0;
    if (!take(number)) return ends(where);
    if (number > lastType)
        return Error::bad(where + ": expected a value type from 0 to 12, found " + std::to_string(number));
    const auto type = static_cast<GgufType>(number);
    if (type == GgufType::Array) return array(where);
    if (type == GgufType::String) {
        std::string_view text;
        std::uint64_t length = 0;
        if (!takeText(text, longestText, length))
            return length > longestText
                       ? Error::bad(where + ": a text of " + std::to_string(length) + " bytes")
                       : ends(where);
        return GgufValue(type, type, 1, text);
    }
    const std::size_t size = sizeOf(type);
    if (!has(size)) return ends(where);
    const GgufValue found(type, type, 1, bytes_.substr(at_, size));
    at_ += size;
    if (type == GgufType::Bool && static_cast<unsigned char>(bytes_[at_ - 1]) > 1)
        return Error::bad(where + ": expected 0 or 1 of a bool, found "
                          + std::to_string(static_cast<unsigned char>(bytes_[at_ - 1])));
    return found;
}

Outcome<GgufValue> GgufParser::array(const std::string& where) {
    std::uint32_t number = 0;
    std::uint64_t count = 0;
    if (!take(number) || !take(count)) return ends(where);
    if (number > lastType || static_cast<GgufType>(number) == GgufType::Array)
        return Error::bad(where + ": an array of type " + std::to_string(number)
                          + (number > lastType ? ", which does not exist" : ": nested arrays are not read"));
    const auto type = static_cast<GgufType>(number);
    if (count > longestArray)
        return Error::bad(where + ": an array of " + std::to_string(count) + " elements");
    const std::size_t begin = at_;
    if (type != GgufType::String) {
        if (count > (bytes_.size() - at_) / sizeOf(type)) return ends(where);
        at_ += static_cast<std::size_t>(count) * sizeOf(type);
        return GgufValue(GgufType::Array, type, count, bytes_.substr(begin, at_ - begin));
    }
    if (count > (bytes_.size() - at_) / 8) return ends(where);
    for (std::uint64_t index = 0; index < count; ++index) {
        std::string_view text;
        std::uint64_t length = 0;
        if (!takeText(text, longestText, length)) return ends(where + ", element " + std::to_string(index));
    }
    return GgufValue(GgufType::Array, type, count, bytes_.substr(begin, at_ - begin));
}

Status GgufParser::directory() {
    for (std::uint64_t index = 0; index < tensorCount_; ++index)
        if (Status fine = tensor(index); !fine) return fine;
    std::uint64_t alignment = 32;
    if (const GgufValue* key = result_.find("general.alignment")) {
        const auto stored = key->integer();
        if (!stored || *stored < 1 || *stored > (1 << 30)
            || !std::has_single_bit(static_cast<std::uint64_t>(*stored)))
            return Error::bad("key \"general.alignment\": expected a power of two, found "
                              + (stored ? std::to_string(*stored) : key->kind()));
        alignment = static_cast<std::uint64_t>(*stored);
    }
    return place(alignment);
}

Status GgufParser::tensor(std::uint64_t index) {
    const std::string number = "tensor " + std::to_string(index);
    std::string_view name;
    std::uint64_t length = 0, offset = 0;
    std::uint32_t dims = 0, typeId = 0;
    if (!takeText(name, longestName, length)) {
        if (length > longestName)
            return Error::bad(number + ": expected a name of at most 64 bytes, found a length of "
                              + std::to_string(length));
        return ends(number);
    }
    const std::string where = "tensor " + quotedText(name);
    if (!take(dims)) return ends(where);
    if (dims < 1 || dims > mostDims)
        return Error::bad(where + ": expected 1 to 4 dimensions, found " + std::to_string(dims));
    TensorView view;
    view.name = name;
    std::uint64_t elements = 1;
    for (std::uint32_t dim = 0; dim < dims; ++dim) {
        std::uint64_t extent = 0;
        if (!take(extent)) return ends(where);
        if (extent < 1 || extent > (1ULL << 48) / elements)
            return Error::bad(where + ": dimension " + std::to_string(dim) + " is " + std::to_string(extent)
                              + ": expected at least 1, and at most 2^48 elements in all");
        elements *= extent;
        view.shape.insert(view.shape.begin(), static_cast<long long>(extent)); // reversed: [out, in]
    }
    if (!take(typeId) || !take(offset)) return ends(where);
    const GgmlTypeFacts* facts = ggmlTypeFacts(typeId);
    if (!facts)
        return Error::unsupported(where + ": its type is number " + std::to_string(typeId)
                                  + ", which no known ggml type has");
    if (view.shape.back() % facts->blockElements != 0)
        return Error::bad(where + ": a row of " + std::to_string(view.shape.back())
                          + " weights is not a whole number of " + facts->name + " blocks of "
                          + std::to_string(facts->blockElements));
    view.type = dtypeOf(*facts);
    view.block = facts;
    view.bytes = static_cast<std::size_t>(elements) / static_cast<std::size_t>(facts->blockElements)
                 * static_cast<std::size_t>(facts->blockBytes);
    view.file = file_->path().filename().string();
    view.owner = file_;
    if (!result_.names_.emplace(view.name, result_.tensors_.size()).second)
        return Error::bad(where + " occurs twice");
    result_.tensors_.push_back(std::move(view));
    offsets_.push_back(offset);
    return Done{};
}

/// Where the data of every tensor lie: one behind the other, each padded to the alignment.
Status GgufParser::place(std::uint64_t alignment) {
    const auto padded = [alignment](std::uint64_t size) {
        return (size + alignment - 1) / alignment * alignment;
    };
    const std::uint64_t begin = padded(at_);
    std::uint64_t expected = 0;
    for (std::size_t index = 0; index < result_.tensors_.size(); ++index) {
        TensorView& view = result_.tensors_[index];
        const std::string where = "tensor " + quotedText(view.name);
        if (offsets_[index] != expected)
            return Error::bad(where + ": expected its data at offset " + std::to_string(expected)
                              + " (behind those of the tensor before it), found "
                              + std::to_string(offsets_[index]));
        if (begin + expected > bytes_.size() || view.bytes > bytes_.size() - (begin + expected))
            return Error::bad(where + ": expected " + std::to_string(view.bytes) + " bytes at byte "
                              + std::to_string(begin + expected) + ", the file has "
                              + std::to_string(bytes_.size()));
        view.offset = static_cast<std::size_t>(begin + expected);
        view.data = file_->bytes().data() + view.offset;
        expected += padded(view.bytes);
    }
    return Done{};
}

const GgufValue* GgufFile::find(std::string_view key) const {
    const auto found = keys_.find(std::string(key));
    return found == keys_.end() ? nullptr : &metadata_[found->second].second;
}

const TensorView* GgufFile::tensor(std::string_view name) const {
    const auto found = names_.find(std::string(name));
    return found == names_.end() ? nullptr : &tensors_[found->second];
}

std::string GgufFile::keyText(std::string_view key) const {
    return path_.string() + ": key " + quotedText(key);
}

Status GgufFile::append(GgufFile part) {
    for (TensorView& view : part.tensors_) {
        if (!names_.emplace(view.name, tensors_.size()).second)
            return Error::bad(part.path_.string() + ": tensor " + quotedText(view.name)
                              + " is in an earlier part already");
        tensors_.push_back(std::move(view));
    }
    files_.push_back(part.files_.front());
    return Done{};
}

namespace {

/// "NAME-%05d-of-%05d.gguf" of another part of a split model; empty when the name is of another kind.
std::string partName(const std::string& name, long long part, long long parts) {
    constexpr std::size_t tail = sizeof "-00001-of-00003.gguf" - 1;
    if (name.size() <= tail || !name.ends_with(".gguf") || name.substr(name.size() - 14, 4) != "-of-")
        return {};
    const auto five = [](long long value) {
        const std::string digits = std::to_string(value);
        return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
    };
    return name.substr(0, name.size() - tail) + "-" + five(part) + "-of-" + five(parts) + ".gguf";
}

Outcome<GgufFile> openPart(const std::filesystem::path& path) {
    auto file = MappedFile::open(path);
    if (!file) return file.error();
    return GgufParser(std::move(*file)).run();
}

/// split.count and split.no, checked; {1, 0} for a whole model.
Outcome<std::pair<long long, long long>> splitOf(const GgufFile& file) {
    const GgufValue *count = file.find("split.count"), *number = file.find("split.no");
    if (!count) return std::pair(1LL, 0LL);
    const long long parts = count->integer().value_or(-1);
    if (parts < 1 || parts > mostParts)
        return Error::bad(file.keyText("split.count") + ": expected 1 to " + std::to_string(mostParts)
                          + ", found " + (count->integer() ? std::to_string(parts) : count->kind()));
    const long long part = number ? number->integer().value_or(-1) : -1;
    if (parts > 1 && (part < 0 || part >= parts))
        return Error::bad(file.keyText("split.no") + ": expected 0 to " + std::to_string(parts - 1)
                          + ", found " + (!number ? "no such key" : std::to_string(part)));
    return std::pair(parts, std::max(0LL, part));
}

} // namespace

Outcome<GgufFile> GgufFile::open(const std::filesystem::path& path) {
    auto opened = openPart(path);
    if (!opened) return opened;
    const auto split = splitOf(*opened);
    if (!split) return split.error();
    const long long parts = split->first;
    if (parts == 1) return opened;
    const std::string name = path.filename().string();
    if (partName(name, 1, parts).empty())
        return Error::bad(path.string() + ": part " + std::to_string(split->second + 1) + " of "
                          + std::to_string(parts)
                          + ": expected a name like NAME-00001-of-00003.gguf to find the others by");
    std::optional<GgufFile> whole;
    for (long long part = 1; part <= parts; ++part) {
        const auto partPath = path.parent_path() / partName(name, part, parts);
        std::error_code ignored;
        if (!std::filesystem::exists(partPath, ignored))
            return Error::notFound(path.string() + ": part " + std::to_string(part) + " of "
                                   + std::to_string(parts) + " is missing: expected " + partPath.string());
        auto next = openPart(partPath);
        if (!next) return next;
        const auto found = splitOf(*next);
        if (!found) return found.error();
        if (*found != std::pair(parts, part - 1))
            return Error::bad(partPath.string() + ": expected part " + std::to_string(part) + " of "
                              + std::to_string(parts) + ", found part " + std::to_string(found->second + 1)
                              + " of " + std::to_string(found->first));
        if (!whole)
            whole = std::move(*next);
        else if (Status fine = whole->append(std::move(*next)); !fine)
            return fine.error();
    }
    if (const GgufValue* count = whole->find("split.tensors.count"))
        if (count->integer() != static_cast<long long>(whole->tensors().size()))
            return Error::bad(whole->keyText("split.tensors.count") + ": expected the "
                              + std::to_string(whole->tensors().size()) + " tensors of all parts, found "
                              + (count->integer() ? std::to_string(*count->integer()) : count->kind()));
    whole->parts_ = static_cast<int>(parts);
    return std::move(*whole);
}

} // namespace qroar
