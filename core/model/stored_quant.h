// StoredQuant: the codes of one linear layer as a quantized Hugging Face checkpoint stores them: which
// tensors, in which layout, and how to read them. Checked completely when the model is opened (model.h).
// The bit layouts themselves are core/quant/packing.h's; nothing is unpacked before somebody asks.
#pragma once

#include "core/base/outcome.h"
#include "core/model/tensor.h"
#include "core/quant/packing.h"

#include <string>

namespace qroar {

enum class StoredFormat { AwqGemm, Gptq, CompressedPack };
/// "AWQ GEMM", "GPTQ", "compressed-tensors pack-quantized".
const char* storedFormatName(StoredFormat format);

struct StoredQuant {
    StoredFormat format = StoredFormat::Gptq;
    PackedShape shape;               ///< from the tensors, never from the config's word alone
    GptqZeros zeros = GptqZeros::V2; ///< GPTQ: how zeroPoints are stored
    bool symmetric = false;          ///< every zero point is 2^(bits-1)
    bool actOrder = false;           ///< groups are not consecutive inputs
    TensorView codes;                ///< I32: P.qweight or P.weight_packed
    TensorView scales;     ///< F16, BF16 or F32: P.scales [groups, out] or P.weight_scale [out, groups]
    TensorView zeroPoints; ///< I32: P.qzeros or P.weight_zero_point; without data when the file has none
    TensorView groupIndex; ///< I32: P.g_idx or P.weight_g_idx; without data when the file has none

    /// Where the scale of (row, group) lies: element `row * groups + group` or `group * out + row` of scales.
    [[nodiscard]] std::ptrdiff_t scaleElement(std::ptrdiff_t row, std::ptrdiff_t group) const;
    [[nodiscard]] std::ptrdiff_t groups() const; ///< of a row
    /// Unpacked. Fails only when the file has changed since it was opened.
    [[nodiscard]] Outcome<QuantizedMatrix> read() const;
    /// "GPTQ, 4 bits, groups of 128, symmetric, act-order".
    [[nodiscard]] std::string text() const;
};

} // namespace qroar
