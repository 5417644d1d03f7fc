#include "core/exporting/export_format.h"

#include <iterator>

namespace qroar {

namespace {

/// In the order of the enum.
constexpr const char* formatNames[] = {"hf",   "awq",    "gptq", "gptq-v2", "compressed-tensors",
                                       "gguf", "llama2c"};

} // namespace

const char* exportFormatName(ExportFormat format) {
    return formatNames[static_cast<int>(format)];
}

Outcome<ExportFormat> parseExportFormat(std::string_view name) {
    for (std::size_t format = 0; format < std::size(formatNames); ++format)
        if (name == formatNames[format]) return static_cast<ExportFormat>(format);
    return Error::bad("format '" + std::string(name.substr(0, 60))
                      + "': expected hf, awq, gptq, gptq-v2, compressed-tensors, gguf or llama2c");
}

Outcome<DType> parseExportType(std::string_view name) {
    if (name == "f16") return DType::F16;
    if (name == "bf16") return DType::BF16;
    if (name == "f32") return DType::F32;
    return Error::bad("type '" + std::string(name.substr(0, 60)) + "': expected f16, bf16 or f32");
}

} // namespace qroar
