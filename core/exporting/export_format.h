// ExportFormat: what an export can be written as, and what each format asks of codes (formats.md 2a-2d). Not
// here: whether a particular model can become it (foldability.h).
#pragma once

#include "core/base/outcome.h"
#include "core/model/tensor.h"

#include <string>
#include <string_view>

namespace qroar {

enum class ExportFormat {
    Hf,                ///< dense weights
    Awq,               ///< AutoAWQ GEMM, 4 bits
    Gptq,              ///< GPTQ, zero points stored as zero - 1
    GptqV2,            ///< GPTQ, zero points stored as they are
    CompressedTensors, ///< compressed-tensors pack-quantized
    Gguf,              ///< one .gguf file for llama.cpp; its types are ggml's (gguf_export.h)
    Llama2c,           ///< one .bin file, version 0 (llama2c_export.h)
};

/// "hf", "awq", "gptq", "gptq-v2", "compressed-tensors", "gguf", "llama2c": the names of --format.
const char* exportFormatName(ExportFormat format);
/// Errors name what is known.
Outcome<ExportFormat> parseExportFormat(std::string_view name);
/// f16, bf16 or f32: the names of --dtype.
Outcome<DType> parseExportType(std::string_view name);

constexpr bool isPacked(ExportFormat format) {
    return format == ExportFormat::Awq || format == ExportFormat::Gptq || format == ExportFormat::GptqV2
           || format == ExportFormat::CompressedTensors;
}
/// One file instead of a folder.
constexpr bool isFile(ExportFormat format) {
    return format == ExportFormat::Gguf || format == ExportFormat::Llama2c;
}
constexpr bool isGptq(ExportFormat format) {
    return format == ExportFormat::Gptq || format == ExportFormat::GptqV2;
}

} // namespace qroar
