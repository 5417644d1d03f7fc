// ggml blocks: the block-quantized tensor types of GGUF files (formats.md 2e), from bytes to floats and, for
// the simple ones, back. A block is a run of consecutive weights of one row that share a scale. Pure
// functions on bytes; the container is core/model/gguf_file.h. Sources: the layouts documented by ggml
// (docs/gguf.md and the block structures its reader accepts); float operations in the order ggml does them,
// so that values agree bit for bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace qroar {

/// Numbers as in the file. Only types that can be read have a name here; ggmlTypeName() knows the others.
enum class GgmlType : std::uint32_t {
    F32 = 0,
    F16 = 1,
    Q4_0 = 2,
    Q4_1 = 3,
    Q5_0 = 6,
    Q5_1 = 7,
    Q8_0 = 8,
    Q2_K = 10,
    Q3_K = 11,
    Q4_K = 12,
    Q5_K = 13,
    Q6_K = 14,
    IQ4_NL = 20,
    IQ4_XS = 23,
    I8 = 24,
    I16 = 25,
    I32 = 26,
    I64 = 27,
    F64 = 28,
    BF16 = 30,
};

struct GgmlTypeFacts {
    std::uint32_t id = 0;
    const char* name = "";
    int blockElements = 0;   ///< weights in a block
    int blockBytes = 0;      ///< bytes of a block
    bool isReadable = false; ///< to floats
    bool isBlocked = false;  ///< quantized in blocks, so not F32, F16, BF16 or an integer
};
/// Null for a number that no ggml type has (or has any more).
const GgmlTypeFacts* ggmlTypeFacts(std::uint32_t id);
const GgmlTypeFacts& ggmlTypeFacts(GgmlType type);
/// By its name ("Q4_K"), for command lines; null when there is none.
const GgmlTypeFacts* ggmlTypeNamed(std::string_view name);

/// `blocks` blocks of a blocked type at `source` (any alignment) to blocks * blockElements floats.
void dequantizeBlocks(GgmlType type, const std::byte* source, float* target, std::size_t blocks);

/// Whether quantizeBlocks() can write a type: Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q6_K.
bool canQuantizeBlocks(GgmlType type);
/// From finite floats: blocks of 32 as ggml's reference quantizers do it (formats.md 2e); super-blocks by a
/// search of our own (ggml_k_blocks.h). The same for any number of threads.
void quantizeBlocks(GgmlType type, const float* source, std::byte* target, std::size_t blocks);

/// Byte offsets of the F16 factors in a block that multiply every weight of it (d, and dmin or m): scaling
/// all of them scales the block (formats.md 0). Empty for types that are not blocked.
std::span<const std::size_t> blockFactorOffsets(GgmlType type);

} // namespace qroar
