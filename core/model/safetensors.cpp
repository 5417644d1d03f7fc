#include "core/model/safetensors.h"

#include "core/base/strings.h"
#include "core/model/json_text.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>

namespace qroar {

namespace {

struct StoredType {
    const char* name;
    DType type;
    unsigned bits;
};
/// Every dtype of the format; those without a DType of their own are listed as Other, their size is still
/// checked.
constexpr StoredType storedTypes[] = {
    {"BOOL", DType::Bool, 8},
    {"F4", DType::Other, 4},
    {"F6_E2M3", DType::Other, 6},
    {"F6_E3M2", DType::Other, 6},
    {"U8", DType::U8, 8},
    {"I8", DType::I8, 8},
    {"F8_E5M2", DType::F8E5M2, 8},
    {"F8_E4M3", DType::F8E4M3, 8},
    {"F8_E8M0", DType::Other, 8},
    {"F8_E4M3FNUZ", DType::Other, 8},
    {"F8_E5M2FNUZ", DType::Other, 8},
    {"I16", DType::I16, 16},
    {"U16", DType::U16, 16},
    {"F16", DType::F16, 16},
    {"BF16", DType::BF16, 16},
    {"I32", DType::I32, 32},
    {"U32", DType::U32, 32},
    {"F32", DType::F32, 32},
    {"C64", DType::Other, 64},
    {"F64", DType::F64, 64},
    {"I64", DType::I64, 64},
    {"U64", DType::U64, 64},
};

/// One entry of the header, as written.
struct HeaderEntry {
    std::string name;
    const StoredType* type = nullptr;
    std::vector<long long> shape;
    std::uint64_t begin = 0, end = 0; ///< relative to the data buffer
};

/// Reads {"name": {"dtype", "shape", "data_offsets"}, ..., "__metadata__": {text: text}} and nothing else.
class HeaderHandler final : public StrictJsonHandler {
  public:
    using StrictJsonHandler::StrictJsonHandler;
    std::vector<HeaderEntry> entries;
    std::vector<std::pair<std::string, std::string>> metadata;

    bool start_object(std::size_t) override {
        if (place_ == Place::Start) return enter(Place::Root);
        if (place_ == Place::Root) return enter(inMetadata_ ? Place::Metadata : Place::Entry);
        return unexpected("an object");
    }
    bool end_object() override;
    bool key(string_t& name) override;
    bool string(string_t& text) override;
    bool start_array(std::size_t) override {
        if (place_ != Place::Entry || (field_ != Shape && field_ != Offsets)) return unexpected("an array");
        return enter(field_ == Shape ? Place::ShapeList : Place::OffsetList);
    }
    bool end_array() override {
        if (place_ == Place::OffsetList && offsets_ != 2)
            return unexpected("a list that is not [begin, end]");
        return enter(Place::Entry);
    }
    bool number_unsigned(number_unsigned_t number) override;

  private:
    enum class Place { Start, Root, Entry, Metadata, ShapeList, OffsetList };
    enum Field : unsigned { None = 0, Type = 1, Shape = 2, Offsets = 4 };

    bool enter(Place place) {
        place_ = place;
        return true;
    }
    bool unexpected(const std::string& found) override {
        static const char* const expected[] = {"an object with one entry per tensor",
                                               "an object per tensor",
                                               R"({"dtype", "shape", "data_offsets"})",
                                               "texts",
                                               "a list of sizes",
                                               "[begin, end]"};
        const std::string where = inMetadata_        ? "header: \"__metadata__\""
                                  : !entries.empty() ? "tensor " + quotedText(entries.back().name)
                                                     : "header";
        return fail(where + ": expected " + expected[static_cast<int>(place_)] + ", found " + found);
    }

    Place place_ = Place::Start;
    Field field_ = None;
    unsigned seen_ = 0, offsets_ = 0;
    bool inMetadata_ = false, metadataSeen_ = false;
};

bool HeaderHandler::key(string_t& name) {
    if (place_ == Place::Metadata) {
        if (metadata.size() >= SafetensorsLimits::metadataEntries)
            return fail("header: more than " + formatCount(SafetensorsLimits::metadataEntries)
                        + " metadata entries");
        metadata.emplace_back(std::move(name), std::string());
        return true;
    }
    if (place_ == Place::Root) {
        inMetadata_ = name == "__metadata__";
        if (inMetadata_ && metadataSeen_) return fail("header: the key \"__metadata__\" is there twice");
        metadataSeen_ = metadataSeen_ || inMetadata_;
        if (inMetadata_) return true;
        if (entries.size() >= SafetensorsLimits::tensors)
            return fail("header: more than " + formatCount(SafetensorsLimits::tensors) + " tensors");
        entries.emplace_back();
        entries.back().name = std::move(name);
        seen_ = None;
        return true;
    }
    field_ = name == "dtype" ? Type : name == "shape" ? Shape : name == "data_offsets" ? Offsets : None;
    if (field_ == None) return unexpected("the key " + quotedText(name));
    if (seen_ & field_)
        return fail("tensor " + quotedText(entries.back().name) + ": the key " + quotedText(name)
                    + " is there twice");
    seen_ |= field_;
    offsets_ = 0;
    return true;
}

bool HeaderHandler::end_object() {
    if (place_ == Place::Entry && seen_ != (Type | Shape | Offsets))
        return fail("tensor " + quotedText(entries.back().name) + ": the key \""
                    + (!(seen_ & Type)    ? "dtype"
                       : !(seen_ & Shape) ? "shape"
                                          : "data_offsets")
                    + "\" is missing");
    inMetadata_ = false;
    return enter(place_ == Place::Root ? Place::Start : Place::Root);
}

bool HeaderHandler::string(string_t& text) {
    if (place_ == Place::Metadata) {
        metadata.back().second = std::move(text);
        return true;
    }
    if (place_ != Place::Entry || field_ != Type) return unexpected("the text " + quotedText(text));
    for (const StoredType& stored : storedTypes)
        if (text == stored.name) {
            entries.back().type = &stored;
            return true;
        }
    return fail("tensor " + quotedText(entries.back().name) + ": unknown dtype " + quotedText(text));
}

bool HeaderHandler::number_unsigned(number_unsigned_t number) {
    if (place_ == Place::OffsetList && offsets_ < 2) {
        (offsets_++ == 0 ? entries.back().begin : entries.back().end) = number;
        return true;
    }
    if (place_ != Place::ShapeList) return unexpected("a number too many");
    auto& shape = entries.back().shape;
    if (number > static_cast<std::uint64_t>(std::numeric_limits<long long>::max())
        || shape.size() >= SafetensorsLimits::rank)
        return unexpected("a size that is too large, or more than 64 of them");
    shape.push_back(static_cast<long long>(number));
    return true;
}

/// product(shape) * bits / 8, or why it is not a number of bytes.
Outcome<std::uint64_t> expectedBytes(const HeaderEntry& entry) {
    std::uint64_t elements = 1, bits = 0;
    bool overflow = false;
    for (const long long extent : entry.shape)
        overflow = overflow || __builtin_mul_overflow(elements, static_cast<std::uint64_t>(extent), &elements)
                   || elements > static_cast<std::uint64_t>(std::numeric_limits<long long>::max());
    overflow = overflow || __builtin_mul_overflow(elements, std::uint64_t{entry.type->bits}, &bits);
    if (overflow) return Error::bad("the size of shape " + formatShape(entry.shape) + " overflows");
    if (bits % 8 != 0)
        return Error::bad("shape " + formatShape(entry.shape) + " is not a whole number of bytes");
    return bits / 8;
}

/// Tensors in the order of their bytes must follow each other without a hole up to the last byte of the
/// buffer.
Status checkCoverage(const std::vector<HeaderEntry>& entries, std::uint64_t bufferBytes) {
    std::uint64_t position = 0;
    for (const HeaderEntry& entry : entries) {
        const std::string who = "tensor " + quotedText(entry.name) + ": ";
        const std::string offsets =
            "[" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) + "]";
        if (entry.end < entry.begin)
            return Error::bad(who + "data_offsets " + offsets + " end before they begin");
        if (entry.begin != position)
            return Error::bad(who + "data_offsets " + offsets + " leave "
                              + (entry.begin > position ? "a hole" : "an overlap") + ": expected to begin at "
                              + std::to_string(position));
        if (entry.end > bufferBytes)
            return Error::bad(who + "data_offsets " + offsets + " reach beyond the "
                              + std::to_string(bufferBytes) + " bytes of data in the file");
        const auto expected = expectedBytes(entry);
        if (!expected) return Error::bad(who + expected.error().message);
        if (*expected != entry.end - entry.begin)
            return Error::bad(who + "dtype " + entry.type->name + " and shape " + formatShape(entry.shape)
                              + " need " + std::to_string(*expected) + " bytes, data_offsets " + offsets
                              + " give " + std::to_string(entry.end - entry.begin));
        position = entry.end;
    }
    if (position != bufferBytes)
        return Error::bad("tensors end at byte " + std::to_string(position) + " of the data, the file holds "
                          + std::to_string(bufferBytes) + " bytes of data");
    return Done{};
}

/// The first text that comes twice in a sorted range.
template<class Iterator, class Name>
std::optional<std::string> firstRepeated(Iterator begin, Iterator end, Name name) {
    const auto twice =
        std::adjacent_find(begin, end, [&](const auto& a, const auto& b) { return name(a) == name(b); });
    if (twice == end) return std::nullopt;
    return name(*twice);
}

Status checkMetadataKeys(const std::vector<std::pair<std::string, std::string>>& metadata) {
    std::set<std::string_view> keys;
    for (const auto& [key, text] : metadata)
        if (!keys.insert(key).second)
            return Error::bad("header: the metadata key " + quotedText(key) + " is there twice");
    return Done{};
}

/// The header's text, after the checks on its length.
Outcome<std::string_view> headerText(std::span<const std::byte> bytes) {
    if (bytes.size() < 8)
        return Error::bad("too small for a safetensors file: expected at least 8 bytes, found "
                          + std::to_string(bytes.size()));
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    if (length > SafetensorsLimits::headerBytes)
        return Error::bad("header too large: at most " + formatCount(SafetensorsLimits::headerBytes)
                          + " bytes are allowed, the file says " + std::to_string(length));
    if (length > bytes.size() - 8)
        return Error::bad("invalid header length: the file says " + std::to_string(length) + " bytes, "
                          + std::to_string(bytes.size() - 8) + " are there");
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, length);
    if (text.empty() || text.front() != '{') return Error::bad("header: expected JSON that starts with '{'");
    return text;
}

} // namespace

Outcome<std::shared_ptr<const SafetensorsFile>> SafetensorsFile::open(const std::filesystem::path& path) {
    auto mapped = MappedFile::open(path);
    if (!mapped) return mapped.error();
    const std::string source = path.string();
    const auto bytes = (*mapped)->bytes();
    const auto text = headerText(bytes);
    if (!text) return text.error().in(source);
    if (Status checked = checkJsonText(*text, source + ": header", {.depth = 3}); !checked)
        return checked.error();

    HeaderHandler header(source);
    const bool parsed = nlohmann::json::sax_parse(text->begin(), text->end(), &header);
    if (header.error()) return *header.error();
    if (!parsed) return Error::bad(source + ": header: not valid JSON");
    if (Status checked = checkMetadataKeys(header.metadata); !checked) return checked.error().in(source);

    auto& entries = header.entries;
    std::sort(entries.begin(), entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
        return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    std::shared_ptr<SafetensorsFile> file(new SafetensorsFile);
    file->file_ = *mapped;
    file->metadata_ = std::move(header.metadata);
    file->dataStart_ = 8 + text->size();
    file->byName_.resize(entries.size());
    std::iota(file->byName_.begin(), file->byName_.end(), 0u);
    std::sort(file->byName_.begin(), file->byName_.end(),
              [&](std::uint32_t a, std::uint32_t b) { return entries[a].name < entries[b].name; });
    if (const auto name = firstRepeated(file->byName_.begin(), file->byName_.end(),
                                        [&](std::uint32_t index) { return entries[index].name; }))
        return Error::bad(source + ": tensor " + quotedText(*name) + " is there twice");
    if (Status checked = checkCoverage(entries, bytes.size() - file->dataStart_); !checked)
        return checked.error().in(source);

    const std::string fileName = path.filename().string();
    file->tensors_.reserve(entries.size());
    for (HeaderEntry& entry : entries) {
        const std::size_t offset = file->dataStart_ + static_cast<std::size_t>(entry.begin);
        file->tensors_.push_back({std::move(entry.name), entry.type->type, std::move(entry.shape),
                                  bytes.data() + offset, static_cast<std::size_t>(entry.end - entry.begin),
                                  fileName, *mapped, offset});
    }
    return std::shared_ptr<const SafetensorsFile>(std::move(file));
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
    const auto found = std::lower_bound(
        byName_.begin(), byName_.end(), name,
        [this](std::uint32_t index, std::string_view wanted) { return tensors_[index].name < wanted; });
    return found == byName_.end() || tensors_[*found].name != name ? nullptr : &tensors_[*found];
}

} // namespace qroar
