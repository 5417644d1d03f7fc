// GgufFile: the container of a GGUF model (versions 2 and 3, little-endian): metadata and tensor directory of
// one file or of all parts of a split one, checked like a stranger's file (formats.md 2e: every limit of
// ggml's own reader, and sizes before offsets before pointers). Not here: what the metadata mean
// (gguf_config.h), which tensors a model needs (gguf_model.cpp).
#pragma once

#include "core/base/files.h"
#include "core/base/outcome.h"
#include "core/model/tensor.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace qroar {

enum class GgufType : std::uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };
const char* ggufTypeName(GgufType type); ///< "u32", "string", ...

/// One metadata value, still in the mapped file. Arrays have been walked once: their bytes lie in the file.
class GgufValue {
  public:
    GgufValue(GgufType type, GgufType element, std::uint64_t count, std::string_view bytes)
        : type_(type), element_(element), count_(count), bytes_(bytes) {}
    [[nodiscard]] GgufType type() const { return type_; }
    [[nodiscard]] GgufType elementType() const { return element_; } ///< of an array
    [[nodiscard]] std::uint64_t count() const { return count_; }    ///< of an array; else 1
    /// As it lies in the file behind its type: with the length of a string, with element type and count of an
    /// array.
    [[nodiscard]] std::string payload() const;
    [[nodiscard]] std::string kind() const; ///< "array of 32000 string", for messages

    [[nodiscard]] std::optional<long long> integer() const; ///< any integer type; nothing above 2^63 - 1
    [[nodiscard]] std::optional<double> number() const;     ///< any integer or float type
    [[nodiscard]] std::optional<bool> boolean() const;
    [[nodiscard]] std::optional<std::string_view> text() const;
    /// Elements of an array of that family; nothing for other types.
    [[nodiscard]] std::optional<std::vector<std::string_view>> texts() const;
    [[nodiscard]] std::optional<std::vector<double>> numbers() const;
    [[nodiscard]] std::optional<std::vector<bool>> flags() const; ///< of an array of bools

  private:
    GgufType type_, element_;
    std::uint64_t count_;
    std::string_view bytes_; ///< payload; strings of an array with their lengths
};

class GgufFile {
  public:
    /// `path` may be any part of a split model: the others are looked for beside it.
    static Outcome<GgufFile> open(const std::filesystem::path& path);

    [[nodiscard]] int version() const { return version_; }
    /// In file order; of a split model those of the first part.
    [[nodiscard]] const std::vector<std::pair<std::string, GgufValue>>& metadata() const { return metadata_; }
    [[nodiscard]] const GgufValue* find(std::string_view key) const;
    /// Part by part, in the order of the directory. Shapes are row-major as everywhere ([out, in]: reversed).
    [[nodiscard]] const std::vector<TensorView>& tensors() const { return tensors_; }
    [[nodiscard]] const TensorView* tensor(std::string_view name) const;
    [[nodiscard]] int parts() const { return parts_; }
    /// "path: key "general.alignment"": how messages about a key begin.
    [[nodiscard]] std::string keyText(std::string_view key) const;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    friend class GgufParser;
    Status append(GgufFile part); ///< a further part of a split model
    std::filesystem::path path_;
    std::vector<std::shared_ptr<const MappedFile>> files_;
    std::vector<std::pair<std::string, GgufValue>> metadata_;
    std::unordered_map<std::string, std::size_t> keys_, names_;
    std::vector<TensorView> tensors_;
    int version_ = 0, parts_ = 1;
};

} // namespace qroar
