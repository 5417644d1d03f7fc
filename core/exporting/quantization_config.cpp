#include "core/exporting/quantization_config.h"

#include "qroar/version.h"

#include <stdexcept>

namespace qroar {

namespace {

using Json = nlohmann::ordered_json;

int groupNumber(const CodeGrid& grid) {
    return grid.groupSize > 0 ? grid.groupSize : -1;
}

/// Zero points are always written, so `zero_point` is true for symmetric grids too (all are 8).
Json awqConfig(const CodeGrid& grid) {
    return {{"quant_method", "awq"}, {"bits", grid.bits}, {"group_size", groupNumber(grid)},
            {"zero_point", true},    {"version", "gemm"}, {"modules_to_not_convert", nullptr}};
}

Json gptqConfig(const ExportLayout& layout) {
    const CodeGrid& grid = layout.grid;
    return {{"quant_method", "gptq"},
            {"bits", grid.bits},
            {"group_size", groupNumber(grid)},
            {"desc_act", grid.actOrder},
            {"static_groups", false},
            {"sym", grid.symmetric},
            {"true_sequential", true},
            {"lm_head", false},
            {"pack_dtype", "int32"},
            {"checkpoint_format", layout.format == ExportFormat::Gptq ? "gptq" : "gptq_v2"},
            {"meta", {{"quantizer", Json::array({"qroar:" QROAR_VERSION})}}}};
}

Json compressedConfig(const CodeGrid& grid) {
    Json weights{{"num_bits", grid.bits},
                 {"type", "int"},
                 {"symmetric", grid.symmetric},
                 {"strategy", grid.groupSize > 0 ? "group" : "channel"},
                 {"group_size", grid.groupSize > 0 ? Json(grid.groupSize) : Json(nullptr)},
                 {"dynamic", false},
                 {"actorder", grid.actOrder ? Json("group") : Json(nullptr)},
                 {"block_structure", nullptr},
                 {"observer", "minmax"},
                 {"observer_kwargs", Json::object()}};
    Json group{{"targets", Json::array({"Linear"})},
               {"weights", std::move(weights)},
               {"input_activations", nullptr},
               {"output_activations", nullptr}};
    // No "version": that of the library which wrote a file, and none wrote this one.
    return {{"quant_method", "compressed-tensors"},
            {"format", "pack-quantized"},
            {"quantization_status", "compressed"},
            {"global_compression_ratio", nullptr},
            {"ignore", Json::array({"lm_head"})},
            {"kv_cache_scheme", nullptr},
            {"config_groups", {{"group_0", std::move(group)}}}};
}

} // namespace

Json quantizationConfig(const ExportLayout& layout) {
    switch (layout.format) {
    case ExportFormat::Awq:
        return awqConfig(layout.grid);
    case ExportFormat::Gptq:
    case ExportFormat::GptqV2:
        return gptqConfig(layout);
    case ExportFormat::CompressedTensors:
        return compressedConfig(layout.grid);
    case ExportFormat::Hf:
    case ExportFormat::Gguf:
    case ExportFormat::Llama2c:
        break;
    }
    throw std::logic_error("quantizationConfig: dense weights have none");
}

} // namespace qroar
