#include "tests/support/gguf_writer.h"

#include <cstring>
#include <fstream>

namespace qroar::test {

namespace {

template<class T>
std::string little(T value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

std::string counted(const std::string& text) {
    return little<std::uint64_t>(text.size()) + text;
}

template<class T>
std::string array(std::uint32_t type, const std::vector<T>& values) {
    std::string payload = little(type) + little<std::uint64_t>(values.size());
    for (const T& value : values) payload += little(value);
    return payload;
}

} // namespace

void GgufWriter::raw(const std::string& key, std::uint32_t type, const std::string& payload) {
    pairs_.emplace_back(key, little(type) + payload);
}

void GgufWriter::text(const std::string& key, const std::string& value) {
    raw(key, 8, counted(value));
}
void GgufWriter::u32(const std::string& key, std::uint32_t value) {
    raw(key, 4, little(value));
}
void GgufWriter::u16(const std::string& key, std::uint16_t value) {
    raw(key, 2, little(value));
}
void GgufWriter::i32(const std::string& key, std::int32_t value) {
    raw(key, 5, little(value));
}
void GgufWriter::f32(const std::string& key, float value) {
    raw(key, 6, little(value));
}
void GgufWriter::boolean(const std::string& key, bool value) {
    raw(key, 7, std::string(1, value ? '\1' : '\0'));
}
void GgufWriter::texts(const std::string& key, const std::vector<std::string>& values) {
    std::string payload = little<std::uint32_t>(8) + little<std::uint64_t>(values.size());
    for (const std::string& value : values) payload += counted(value);
    raw(key, 9, payload);
}
void GgufWriter::floats(const std::string& key, const std::vector<float>& values) {
    raw(key, 9, array(6, values));
}
void GgufWriter::booleans(const std::string& key, const std::vector<bool>& values) {
    std::string payload = little<std::uint32_t>(7) + little<std::uint64_t>(values.size());
    for (const bool value : values) payload += value ? '\1' : '\0';
    raw(key, 9, payload);
}
void GgufWriter::integers(const std::string& key, const std::vector<std::int32_t>& values) {
    raw(key, 9, array(5, values));
}

void GgufWriter::tensor(const std::string& name, const std::vector<std::uint64_t>& shape, std::uint32_t type,
                        std::string bytes) {
    tensors_.push_back({name, shape, type, std::move(bytes)});
}

void GgufWriter::tensorF32(const std::string& name, const std::vector<std::uint64_t>& shape,
                           const std::vector<float>& values) {
    std::string bytes(values.size() * sizeof(float), '\0');
    std::memcpy(bytes.data(), values.data(), bytes.size());
    tensor(name, shape, 0, std::move(bytes));
}

GgufWriter GgufWriter::splitOff(std::size_t first) {
    GgufWriter rest;
    rest.tensors_.assign(tensors_.begin() + static_cast<std::ptrdiff_t>(first), tensors_.end());
    tensors_.erase(tensors_.begin() + static_cast<std::ptrdiff_t>(first), tensors_.end());
    return rest;
}

void GgufWriter::append(const GgufWriter& tensorsOf) {
    tensors_.insert(tensors_.end(), tensorsOf.tensors_.begin(), tensorsOf.tensors_.end());
}

void GgufWriter::replaceType(const std::string& name, std::uint32_t type, std::size_t bytesPer32) {
    for (Tensor& tensor : tensors_) {
        if (tensor.name != name) continue;
        std::size_t elements = 1;
        for (const std::uint64_t extent : tensor.shape) elements *= extent;
        tensor.type = type;
        tensor.bytes.assign(elements / 32 * bytesPer32, '\1');
    }
}

void GgufWriter::poke(const std::string& name, std::size_t at, const std::string& bytes) {
    for (Tensor& tensor : tensors_)
        if (tensor.name == name) tensor.bytes.replace(at, bytes.size(), bytes);
}

std::string GgufWriter::bytes() const {
    const auto pad = [this](std::string& text) {
        while (text.size() % alignment != 0) text += '\0';
    };
    std::string file = "GGUF" + little(version) + little<std::uint64_t>(tensors_.size())
                       + little<std::uint64_t>(pairs_.size());
    for (const auto& [key, value] : pairs_) file += counted(key) + value;
    std::string data;
    for (const Tensor& tensor : tensors_) {
        file += counted(tensor.name) + little(static_cast<std::uint32_t>(tensor.shape.size()));
        for (auto extent = tensor.shape.rbegin(); extent != tensor.shape.rend(); ++extent)
            file += little(*extent);
        file += little(tensor.type) + little<std::uint64_t>(data.size());
        data += tensor.bytes;
        pad(data);
    }
    pad(file);
    return file + data;
}

void GgufWriter::write(const std::filesystem::path& path) const {
    std::ofstream stream(path, std::ios::binary);
    const std::string content = bytes();
    stream.write(content.data(), static_cast<std::streamsize>(content.size()));
}

} // namespace qroar::test
