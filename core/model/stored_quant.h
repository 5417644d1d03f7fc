// StoredQuant: the codes of one linear layer as a quantized Hugging Face checkpoint stores them: which
// tensors, in which layout, and how to read them. Checked completely when the model is opened (model.h).
// The bit layouts themselves are core/quant/packing.h's; nothing is unpacked before somebody asks.
#pragma once

#include "core/base/outcome.h"
#include "core/model/tensor.h"
#include "core/quant/packing.h"

#include <string>

namespace qroar {

enum class StoredFormat { AwqGemm, Gptq, CompressedPack, CompressedInt, Q80 };
/// "AWQ GEMM", "GPTQ", "compressed-tensors pack-quantized", "compressed-tensors int-quantized", "llama2.c
/// Q8_0".
const char* storedFormatName(StoredFormat format);

struct StoredQuant {
    StoredFormat format = StoredFormat::Gptq;
    PackedShape shape;               ///< from the tensors, never from the config's word alone
    GptqZeros zeros = GptqZeros::V2; ///< GPTQ: how zeroPoints are stored
    bool symmetric = false;          ///< every zero point is 2^(bits-1)
    bool actOrder = false;           ///< groups are not consecutive inputs
    bool oneScale = false;           ///< a single scale (and zero point) for all rows
    /// The rows that are this layer's: of a fused layer some of shape.out, else all.
    std::ptrdiff_t firstRow = 0, rows = 0;
    TensorView codes;  ///< I32: P.qweight or P.weight_packed; I8: P.weight
    TensorView scales; ///< F16, BF16 or F32: P.scales [groups, out] or P.weight_scale [out, groups]
    /// I32: P.qzeros or P.weight_zero_point; I8: that of int-quantized; without data when the file has none.
    TensorView zeroPoints;
    TensorView groupIndex; ///< I32: P.g_idx or P.weight_g_idx; without data when the file has none

    /// Whether the scales of a row lie together, else those of a group do.
    [[nodiscard]] bool scalesByRow() const {
        return format != StoredFormat::AwqGemm && format != StoredFormat::Gptq;
    }
    /// Where the scale of (row, group) lies: element `row * groups + group` or `group * out + row` of scales;
    /// rows count from firstRow.
    [[nodiscard]] std::ptrdiff_t scaleElement(std::ptrdiff_t row, std::ptrdiff_t group) const;
    /// Some rows of this layer.
    [[nodiscard]] StoredQuant part(std::ptrdiff_t first, std::ptrdiff_t count) const;
    [[nodiscard]] std::ptrdiff_t groups() const; ///< of a row
    /// Unpacked, `rows` rows (all of a fused layer are unpacked on the way). Fails only when the file has
    /// changed since it was opened.
    [[nodiscard]] Outcome<QuantizedMatrix> read() const;
    /// "GPTQ, 4 bits, groups of 128, symmetric, act-order".
    [[nodiscard]] std::string text() const;

  private:
    [[nodiscard]] Outcome<QuantizedMatrix> readAll() const;
};

} // namespace qroar
