// The wire format of protocol buffers: one field after the other, from the front of a message. Checks lengths
// before it believes them. No schema: the reader knows which fields it wants.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

namespace qroar {

class WireReader {
  public:
    explicit WireReader(std::string_view message) : rest_(message) {}

    /// The next field; false at the end, and when the message is broken there (`broken`).
    bool next();
    [[nodiscard]] bool broken() const { return broken_; }

    [[nodiscard]] std::uint64_t field() const { return field_; }
    [[nodiscard]] bool isNumber() const { return type_ == 0; }
    [[nodiscard]] bool isBytes() const { return type_ == 2; }
    [[nodiscard]] bool isFloat() const { return type_ == 5; }
    [[nodiscard]] std::uint64_t number() const { return number_; }           ///< of a number
    [[nodiscard]] std::string_view bytes() const { return bytes_; }          ///< of bytes, a text, a message
    [[nodiscard]] float real() const { return std::bit_cast<float>(word_); } ///< of a float
    [[nodiscard]] std::string_view whole() const { return whole_; } ///< the field as it stands, with its key

  private:
    bool fail() {
        broken_ = true;
        return false;
    }
    bool variable(std::uint64_t& value);
    bool fixed(std::size_t size, std::uint64_t& value);

    std::string_view rest_, whole_, bytes_;
    std::uint64_t field_ = 0, number_ = 0;
    std::uint32_t word_ = 0;
    unsigned type_ = 0;
    bool broken_ = false;
};

inline bool WireReader::variable(std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (rest_.empty()) return false;
        const auto byte = static_cast<unsigned char>(rest_[0]);
        rest_.remove_prefix(1);
        if (shift == 63 && byte > 1) return false;
        value |= std::uint64_t{byte & 0x7FU} << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

inline bool WireReader::fixed(std::size_t size, std::uint64_t& value) {
    if (rest_.size() < size) return false;
    value = 0;
    for (std::size_t index = 0; index < size; ++index)
        value |= std::uint64_t{static_cast<unsigned char>(rest_[index])} << (8 * index);
    rest_.remove_prefix(size);
    return true;
}

inline bool WireReader::next() {
    if (rest_.empty() || broken_) return false;
    const std::string_view start = rest_;
    std::uint64_t key = 0, value = 0;
    if (!variable(key) || key >> 3 == 0 || key >> 32 != 0) return fail();
    field_ = key >> 3;
    type_ = static_cast<unsigned>(key & 7U);
    switch (type_) {
    case 0:
        if (!variable(number_)) return fail();
        break;
    case 1:
        if (!fixed(8, value)) return fail();
        break;
    case 2:
        if (!variable(value) || value > rest_.size()) return fail();
        bytes_ = rest_.substr(0, value);
        rest_.remove_prefix(value);
        break;
    case 5:
        if (!fixed(4, value)) return fail();
        word_ = static_cast<std::uint32_t>(value);
        break;
    default: // groups are not used by anything that is read here
        return fail();
    }
    whole_ = start.substr(0, start.size() - rest_.size());
    return true;
}

} // namespace qroar
