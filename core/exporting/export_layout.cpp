#include "core/exporting/export_layout.h"

#include "core/model/hf_names.h"
#include "core/model/projection_shape.h"
#include "core/quant/packing.h"

#include <algorithm>

namespace qroar {

namespace {

std::string bitsAndGroups(const QuantizedMatrix& matrix) {
    return std::to_string(matrix.bits) + " bits, "
           + (matrix.groupSize > 0 ? "groups of " + std::to_string(matrix.groupSize) : "whole rows");
}

/// Takes one projection's codes into the grid; `first` is the one that all are compared with.
Status joinGrid(const QuantizedMatrix& matrix, const QuantizedMatrix& first, const std::string& name,
                CodeGrid& grid) {
    if (matrix.rows == 0)
        return Error::unsupported(name
                                  + " is not quantized while others are: such a mixture can be patched "
                                    "(--patch), not written anew");
    if (matrix.bits != first.bits || matrix.groupSize != first.groupSize)
        return Error::unsupported(name + " has " + bitsAndGroups(matrix) + ", others have "
                                  + bitsAndGroups(first)
                                  + ": such a mixture can be patched (--patch), not written anew");
    grid.symmetric = grid.symmetric && matrix.symmetric;
    grid.actOrder = grid.actOrder || !matrix.groupOf.empty();
    grid.noZeroPoint += std::count(matrix.zeros.begin(), matrix.zeros.end(), std::uint8_t{0});
    if (matrix.scaleType != grid.scales) grid.scales = ScaleType::F32; // holds either
    return Done{};
}

void addCodes(const std::string& stem, long long out, long long in, const ExportLayout& layout,
              std::vector<TensorSpec>& tensors) {
    const CodeGrid& grid = layout.grid;
    const long long groups = grid.groupSize > 0 ? (in + grid.groupSize - 1) / grid.groupSize : 1;
    const auto words = [&](long long count) {
        return static_cast<long long>(packedWords(static_cast<std::ptrdiff_t>(count), grid.bits));
    };
    const auto add = [&](const char* suffix, DType type, std::vector<long long> shape) {
        tensors.push_back({stem + suffix, type, std::move(shape)});
    };
    switch (layout.format) {
    case ExportFormat::Hf:
    case ExportFormat::Gguf:
    case ExportFormat::Llama2c:
        break;
    case ExportFormat::Awq:
        add(".qweight", DType::I32, {in, words(out)});
        add(".qzeros", DType::I32, {groups, words(out)});
        add(".scales", DType::F16, {groups, out});
        break;
    case ExportFormat::Gptq:
    case ExportFormat::GptqV2:
        add(".qweight", DType::I32, {words(in), out});
        add(".qzeros", DType::I32, {groups, words(out)});
        add(".scales", DType::F16, {groups, out});
        add(".g_idx", DType::I32, {in});
        break;
    case ExportFormat::CompressedTensors:
        add(".weight_packed", DType::I32, {out, words(in)});
        add(".weight_scale", layout.dense, {out, groups});
        add(".weight_shape", DType::I64, {2});
        if (!grid.symmetric) add(".weight_zero_point", DType::I32, {words(out), groups});
        if (grid.actOrder) add(".weight_g_idx", DType::I32, {in});
        break;
    }
}

} // namespace

std::string projectionStem(int layer, Projection p) {
    return "model.layers." + std::to_string(layer) + (p <= Projection::O ? ".self_attn." : ".mlp.")
           + projectionName(p);
}

Outcome<CodeGrid> commonGrid(const Model& model, const WeightSource& weights, bool countZeros) {
    CodeGrid grid;
    if (weights.spec().kind == QuantKind::None)
        return Error::unsupported(
            "full-precision weights have no codes to pack; name a quantizer with --quant "
            "(rtn:4:g128, awq:4:g128, gptq:4:g128 or stored)");
    if (weights.spec().kind == QuantKind::Rtn && (weights.spec().symmetric || !countZeros)) {
        grid.bits = weights.spec().bits;
        grid.groupSize = weights.spec().groupSize;
        grid.symmetric = weights.spec().symmetric;
        return grid;
    }
    grid.symmetric = true;
    std::shared_ptr<const QuantizedLayer> first;
    for (int layer = 0; layer < model.config().layers; ++layer) {
        const auto codes = weights.quantized(layer);
        if (!codes) return Error::unsupported("layer " + std::to_string(layer) + " has no codes to pack");
        if (!first) {
            first = codes;
            grid.bits = codes->projection[0].bits;
            grid.groupSize = codes->projection[0].groupSize;
            grid.scales = codes->projection[0].scaleType;
        }
        for (const Projection p : allProjections)
            if (Status joined = joinGrid(codes->projection[static_cast<std::size_t>(p)], first->projection[0],
                                         projectionStem(layer, p), grid);
                !joined)
                return joined.error();
    }
    return grid;
}

std::vector<TensorSpec> layoutTensors(const Model& model, const ExportLayout& layout) {
    const ModelConfig& config = model.config();
    std::vector<TensorSpec> tensors;
    tensors.push_back({embeddingName, layout.dense, {config.vocabSize, config.hiddenSize}});
    for (int layer = 0; layer < config.layers; ++layer) {
        for (const Norm norm : normsOf(config))
            tensors.push_back(
                {layerPrefix(layer) + normName(config, norm), layout.dense, {normWidth(config, norm)}});
        for (const StoredLinear& linear : storedLinears(config)) {
            const std::string stem = layerPrefix(layer) + linear.name;
            long long out = 0;
            for (const Projection part : linear.parts) out += projectionShape(config, part)[0];
            const long long in = projectionShape(config, linear.parts.front())[1];
            if (isPacked(layout.format))
                addCodes(stem, out, in, layout, tensors);
            else
                tensors.push_back({stem + ".weight", layout.dense, {out, in}});
            if (model.bias(layer, linear.parts.front()))
                tensors.push_back({stem + ".bias", layout.dense, {out}});
        }
    }
    tensors.push_back({finalNormName, layout.dense, {config.hiddenSize}});
    if (!config.tiedEmbeddings)
        tensors.push_back({headName, layout.dense, {config.vocabSize, config.hiddenSize}});
    return tensors;
}

} // namespace qroar
