// TensorView: a named, typed, shaped range of bytes inside a mapped file, and its conversion to float.
#pragma once

#include "core/quant/ggml_blocks.h"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace qroar {

enum class DType {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
    F8E4M3,
    F8E5M2,
    Block,
    Other
};
const char* dtypeName(DType type); ///< "F16", as safetensors spells it
std::size_t dtypeBits(DType type); ///< 0 for Block (a ggml type) and Other

struct TensorView {
    std::string name;
    DType type = DType::F32;
    std::vector<long long> shape;
    const std::byte* data = nullptr; ///< may be unaligned; lives as long as `owner`
    std::size_t bytes = 0;
    std::string file; ///< name of the file it lies in, for messages
    std::shared_ptr<const void> owner;
    std::size_t offset = 0; ///< of its first byte in the file
    const GgmlTypeFacts* block =
        nullptr; ///< of a GGUF tensor: its type, also when `type` has another name for it

    [[nodiscard]] long long count() const; ///< product of the shape
    [[nodiscard]] bool isFloat() const {
        return type == DType::F32 || type == DType::F16 || type == DType::BF16;
    }
    [[nodiscard]] explicit operator bool() const { return data != nullptr; }
    /// Stored in ggml blocks that toFloat can read.
    [[nodiscard]] bool isBlocked() const { return type == DType::Block; }
    [[nodiscard]] bool isReadable() const { return isFloat() || isBlocked(); } ///< by toFloat
    [[nodiscard]] const char* typeName() const;                                ///< "F16", "Q4_K"
    /// Elements [first, first + n) in row-major order as floats. Only for readable tensors (asserted).
    void toFloat(float* target, long long first, long long n) const;
    /// All elements as floats.
    [[nodiscard]] std::vector<float> toFloat() const;

  private:
    void blocksToFloat(float* target, long long first, long long n) const;
};

/// Rows [first, first + rows) of a tensor, or as many of its elements; every row must be whole blocks.
TensorView rowsOf(const TensorView& tensor, long long first, long long rows);

} // namespace qroar
