// GgufWriter: fills a new GGUF file (version 3, alignment 32) tensor by tensor in the order of its directory,
// so that nothing ever holds a whole model. Not here: what the keys say (gguf_keys.h), values
// (gguf_export.cpp).
#pragma once

#include "core/base/outcome.h"
#include "core/exporting/output_file.h"
#include "core/quant/ggml_blocks.h"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace qroar {

/// Metadata in the order they are added; a key that is there already is replaced.
class GgufKeys {
  public:
    void text(const std::string& key, std::string_view value);
    void u32(const std::string& key, std::uint32_t value);
    void f32(const std::string& key, float value);
    void boolean(const std::string& key, bool value);
    void texts(const std::string& key, const std::vector<std::string>& values);
    void floats(const std::string& key, const std::vector<float>& values);
    void booleans(const std::string& key, const std::vector<bool>& values);
    void integers(const std::string& key, const std::vector<std::int32_t>& values);
    /// A value as another file stores it: type and payload.
    void raw(const std::string& key, std::uint32_t type, std::string_view payload);
    void append(const GgufKeys& other);
    [[nodiscard]] std::uint64_t count() const { return pairs_.size(); }
    [[nodiscard]] std::string bytes() const;

  private:
    std::vector<std::pair<std::string, std::string>> pairs_; ///< key; type and payload
};

struct GgufTensorSpec {
    std::string name;
    std::vector<long long> shape; ///< row-major: [out, in]
    GgmlType type = GgmlType::F32;
    [[nodiscard]] std::uint64_t bytes() const;
};

class GgufWriter {
  public:
    static std::uint64_t fileBytes(const GgufKeys& keys, const std::vector<GgufTensorSpec>& tensors);
    /// A file that does not exist yet, with header and directory.
    static Outcome<GgufWriter> create(const std::filesystem::path& path, const GgufKeys& keys,
                                      std::vector<GgufTensorSpec> tensors);
    /// The next bytes of the next unfinished tensor, which must be `tensor` (std::logic_error).
    Status append(std::string_view tensor, std::span<const std::byte> bytes);
    /// Everything must have been appended (std::logic_error).
    Status finish();

  private:
    GgufWriter(OutputFile file, std::vector<GgufTensorSpec> tensors, std::uint64_t data)
        : file_(std::move(file)), tensors_(std::move(tensors)), next_(data) {}
    OutputFile file_;
    std::vector<GgufTensorSpec> tensors_;
    std::size_t current_ = 0;
    std::uint64_t next_ = 0, written_ = 0; ///< where the next byte goes; bytes of the current tensor
};

} // namespace qroar
