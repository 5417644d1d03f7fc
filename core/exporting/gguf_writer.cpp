#include "core/exporting/gguf_writer.h"

#include "core/model/gguf_file.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace qroar {

namespace {

constexpr std::uint64_t alignment = 32;

std::uint64_t padded(std::uint64_t size) {
    return (size + alignment - 1) / alignment * alignment;
}

template<class T>
std::string little(T value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

std::string counted(std::string_view text) {
    return little<std::uint64_t>(text.size()) + std::string(text);
}

constexpr std::uint32_t number(GgufType type) {
    return static_cast<std::uint32_t>(type);
}

template<class T>
std::string arrayOf(GgufType element, const std::vector<T>& values) {
    std::string payload = little(number(element)) + little<std::uint64_t>(values.size());
    for (const T value : values) payload += little(value);
    return payload;
}

/// Header and directory, padded to where the data begin.
std::string opening(const GgufKeys& keys, const std::vector<GgufTensorSpec>& tensors) {
    std::string bytes = "GGUF" + little<std::uint32_t>(3) + little<std::uint64_t>(tensors.size())
                        + little(keys.count()) + keys.bytes();
    std::uint64_t offset = 0;
    for (const GgufTensorSpec& tensor : tensors) {
        bytes += counted(tensor.name) + little(static_cast<std::uint32_t>(tensor.shape.size()));
        for (auto extent = tensor.shape.rbegin(); extent != tensor.shape.rend(); ++extent)
            bytes += little(static_cast<std::uint64_t>(*extent));
        bytes += little(static_cast<std::uint32_t>(tensor.type)) + little(offset);
        offset += padded(tensor.bytes());
    }
    bytes.resize(static_cast<std::size_t>(padded(bytes.size())), '\0');
    return bytes;
}

} // namespace

void GgufKeys::raw(const std::string& key, std::uint32_t type, std::string_view payload) {
    std::string value = little(type) + std::string(payload);
    const auto known =
        std::find_if(pairs_.begin(), pairs_.end(), [&key](const auto& pair) { return pair.first == key; });
    if (known != pairs_.end())
        known->second = std::move(value);
    else
        pairs_.emplace_back(key, std::move(value));
}

void GgufKeys::text(const std::string& key, std::string_view value) {
    raw(key, number(GgufType::String), counted(value));
}
void GgufKeys::u32(const std::string& key, std::uint32_t value) {
    raw(key, number(GgufType::U32), little(value));
}
void GgufKeys::f32(const std::string& key, float value) {
    raw(key, number(GgufType::F32), little(value));
}
void GgufKeys::boolean(const std::string& key, bool value) {
    raw(key, number(GgufType::Bool), std::string(1, value ? '\1' : '\0'));
}
void GgufKeys::texts(const std::string& key, const std::vector<std::string>& values) {
    std::string payload = little(number(GgufType::String)) + little<std::uint64_t>(values.size());
    for (const std::string& value : values) payload += counted(value);
    raw(key, number(GgufType::Array), payload);
}
void GgufKeys::floats(const std::string& key, const std::vector<float>& values) {
    raw(key, number(GgufType::Array), arrayOf(GgufType::F32, values));
}
void GgufKeys::booleans(const std::string& key, const std::vector<bool>& values) {
    std::string payload = little(number(GgufType::Bool)) + little<std::uint64_t>(values.size());
    for (const bool value : values) payload += value ? '\1' : '\0';
    raw(key, number(GgufType::Array), payload);
}
void GgufKeys::integers(const std::string& key, const std::vector<std::int32_t>& values) {
    raw(key, number(GgufType::Array), arrayOf(GgufType::I32, values));
}

void GgufKeys::append(const GgufKeys& other) {
    for (const auto& [key, value] : other.pairs_) {
        std::uint32_t type = 0;
        std::memcpy(&type, value.data(), sizeof type);
        raw(key, type, std::string_view(value).substr(sizeof type));
    }
}

std::string GgufKeys::bytes() const {
    std::string bytes;
    for (const auto& [key, value] : pairs_) bytes += counted(key) + value;
    return bytes;
}

std::uint64_t GgufTensorSpec::bytes() const {
    std::uint64_t elements = 1;
    for (const long long extent : shape) elements *= static_cast<std::uint64_t>(extent);
    const GgmlTypeFacts& facts = ggmlTypeFacts(type);
    return elements / static_cast<std::uint64_t>(facts.blockElements)
           * static_cast<std::uint64_t>(facts.blockBytes);
}

std::uint64_t GgufWriter::fileBytes(const GgufKeys& keys, const std::vector<GgufTensorSpec>& tensors) {
    std::uint64_t bytes = opening(keys, tensors).size();
    for (const GgufTensorSpec& tensor : tensors) bytes += padded(tensor.bytes());
    return bytes;
}

Outcome<GgufWriter> GgufWriter::create(const std::filesystem::path& path, const GgufKeys& keys,
                                       std::vector<GgufTensorSpec> tensors) {
    auto file = OutputFile::create(path, fileBytes(keys, tensors));
    if (!file) return file.error();
    const std::string bytes = opening(keys, tensors);
    if (Status written = file->writeAt(0, std::as_bytes(std::span(bytes))); !written) return written.error();
    return GgufWriter(std::move(*file), std::move(tensors), bytes.size());
}

Status GgufWriter::append(std::string_view tensor, std::span<const std::byte> bytes) {
    if (current_ >= tensors_.size() || tensors_[current_].name != tensor
        || written_ + bytes.size() > tensors_[current_].bytes())
        throw std::logic_error("GgufWriter: not the next bytes of " + std::string(tensor));
    if (Status done = file_.writeAt(next_, bytes); !done) return done;
    next_ += bytes.size();
    written_ += bytes.size();
    if (written_ < tensors_[current_].bytes()) return Done{};
    next_ += padded(written_) - written_;
    written_ = 0;
    ++current_;
    return Done{};
}

Status GgufWriter::finish() {
    if (current_ != tensors_.size()) throw std::logic_error("GgufWriter: tensors are missing");
    return file_.finish();
}

} // namespace qroar
