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

struct TensorView;
/// What the numbers of a tensor of FP8 E4M3 or int8 are multiplied with, kept in a tensor of its own: element
/// [row, col] with values[row / blockRows * gridCols + col / blockCols].
struct ScaleGrid {
    std::vector<float> values; ///< [gridRows, gridCols]
    long long gridCols = 1;
    long long blockRows = 1, blockCols = 1;   ///< a side of the whole tensor: one block
    std::shared_ptr<const TensorView> stored; ///< F32, F16 or BF16, in the order of `values`

    /// Whether every row has scales of its own, so that a factor of a row can be multiplied into them.
    [[nodiscard]] bool isPerRow() const { return blockRows == 1; }
    /// "one scale", "a scale a row", "blocks of 128 x 128".
    [[nodiscard]] std::string text() const;
};

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
    std::shared_ptr<const ScaleGrid> scaleGrid = nullptr; ///< of an FP8 or I8 tensor that can be read
    long long gridRow = 0; ///< row of the scale grid's tensor that is row 0 here

    [[nodiscard]] long long count() const; ///< product of the shape
    [[nodiscard]] bool isFloat() const {
        return type == DType::F32 || type == DType::F16 || type == DType::BF16;
    }
    [[nodiscard]] explicit operator bool() const { return data != nullptr; }
    /// Stored in ggml blocks that toFloat can read.
    [[nodiscard]] bool isBlocked() const { return type == DType::Block; }
    /// Stored as FP8 E4M3 or int8 with scales that toFloat knows.
    [[nodiscard]] bool isScaled() const { return scaleGrid != nullptr; }
    [[nodiscard]] bool isReadable() const { return isFloat() || isBlocked() || isScaled(); } ///< by toFloat
    [[nodiscard]] const char* typeName() const; ///< "F16", "Q4_K"
    /// Elements [first, first + n) in row-major order as floats. Only for readable tensors (asserted).
    void toFloat(float* target, long long first, long long n) const;
    /// All elements as floats.
    [[nodiscard]] std::vector<float> toFloat() const;

  private:
    void blocksToFloat(float* target, long long first, long long n) const;
    void scaledToFloat(float* target, long long first, long long n) const;
};

/// Rows [first, first + rows) of a tensor, or as many of its elements; every row must be whole blocks.
TensorView rowsOf(const TensorView& tensor, long long first, long long rows);

} // namespace qroar
