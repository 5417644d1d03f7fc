// GgufWriter: builds GGUF files for tests, valid or hostile ones, byte by byte. Shares nothing with
// core/model/gguf_file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace qroar::test {

class GgufWriter {
  public:
    std::uint32_t version = 3;
    std::uint64_t alignment = 32; ///< of the data; no key is written for it

    void text(const std::string& key, const std::string& value);
    void u32(const std::string& key, std::uint32_t value);
    void u16(const std::string& key, std::uint16_t value);
    void i32(const std::string& key, std::int32_t value);
    void f32(const std::string& key, float value);
    void boolean(const std::string& key, bool value);
    void texts(const std::string& key, const std::vector<std::string>& values);
    void floats(const std::string& key, const std::vector<float>& values);
    void booleans(const std::string& key, const std::vector<bool>& values);
    void integers(const std::string& key, const std::vector<std::int32_t>& values);
    /// Type, payload as they are.
    void raw(const std::string& key, std::uint32_t type, const std::string& payload);

    /// `shape` row-major ([out, in]); `bytes` as the type stores them.
    void tensor(const std::string& name, const std::vector<std::uint64_t>& shape, std::uint32_t type,
                std::string bytes);
    void tensorF32(const std::string& name, const std::vector<std::uint64_t>& shape,
                   const std::vector<float>& values);

    /// Takes the tensors from `first` on out of this file, for another part of a split model.
    [[nodiscard]] GgufWriter splitOff(std::size_t first);
    void append(const GgufWriter& tensorsOf);
    /// Another type of the same number of blocks of 32, with bytes that mean nothing.
    void replaceType(const std::string& name, std::uint32_t type, std::size_t bytesPer32);
    void poke(const std::string& name, std::size_t at, const std::string& bytes);

    [[nodiscard]] std::string bytes() const;
    void write(const std::filesystem::path& path) const;

  private:
    struct Tensor {
        std::string name;
        std::vector<std::uint64_t> shape;
        std::uint32_t type;
        std::string bytes;
    };
    std::vector<std::pair<std::string, std::string>> pairs_; ///< key, type and payload
    std::vector<Tensor> tensors_;
};

} // namespace qroar::test
