// Packer, Unpacker: values in a buffer of bytes that goes from one rank to another of the same program and
// the same kind of machine: no format for files. Reading past the end makes the reader `bad` and gives zeros.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

namespace qroar {

class Packer {
  public:
    template<class T>
    void put(const T& value) {
        static_assert(std::is_trivially_copyable_v<T>);
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    template<class T>
    void put(const std::vector<T>& values) {
        static_assert(std::is_trivially_copyable_v<T>);
        put(static_cast<std::uint64_t>(values.size()));
        bytes_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    }
    void put(const std::string& text) {
        put(static_cast<std::uint64_t>(text.size()));
        bytes_ += text;
    }
    std::string take() { return std::move(bytes_); }

  private:
    std::string bytes_;
};

class Unpacker {
  public:
    explicit Unpacker(const std::string& bytes) : bytes_(bytes) {}
    template<class T>
    T get() {
        static_assert(std::is_trivially_copyable_v<T>);
        T value{};
        if (reserve(1, sizeof value)) std::memcpy(&value, bytes_.data() + at_, sizeof value);
        at_ += bad_ ? 0 : sizeof value;
        return value;
    }
    template<class T>
    std::vector<T> list() {
        const auto count = get<std::uint64_t>();
        if (!reserve(count, sizeof(T))) return {};
        std::vector<T> values(count);
        if (count > 0) std::memcpy(values.data(), bytes_.data() + at_, count * sizeof(T));
        at_ += count * sizeof(T);
        return values;
    }
    std::string text() {
        const auto count = get<std::uint64_t>();
        if (!reserve(count, 1)) return {};
        at_ += count;
        return bytes_.substr(at_ - count, count);
    }
    [[nodiscard]] bool atEnd() const { return bad_ || at_ == bytes_.size(); }
    [[nodiscard]] bool bad() const { return bad_; }

  private:
    bool reserve(std::uint64_t count, std::size_t size) {
        bad_ = bad_ || count > (bytes_.size() - at_) / size;
        return !bad_;
    }
    const std::string& bytes_;
    std::size_t at_ = 0;
    bool bad_ = false;
};

} // namespace qroar
