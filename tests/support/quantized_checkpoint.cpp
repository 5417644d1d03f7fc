#include "tests/support/quantized_checkpoint.h"

#include "core/base/half.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <stdexcept>

namespace qroar::test {

namespace {

Matrix floatsOf(const StoredTensor& tensor) {
    Matrix values(tensor.shape.at(0), tensor.shape.at(1));
    const auto count = static_cast<std::size_t>(values.rows() * values.cols());
    if (tensor.dtype == "F32") std::memcpy(values.data(), tensor.bytes.data(), 4 * count);
    if (tensor.dtype == "F16") f16ToFloat(tensor.bytes.data(), values.data(), count);
    if (tensor.dtype == "BF16") bf16ToFloat(tensor.bytes.data(), values.data(), count);
    return values;
}

template<class Integer>
StoredTensor integers(std::string name, const char* dtype, std::vector<long long> shape,
                      const std::vector<Integer>& values) {
    std::string bytes(values.size() * sizeof(Integer), '\0');
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return {std::move(name), dtype, std::move(shape), std::move(bytes)};
}

/// Quantized with inputs dealt into groups in a random order, as act-order does with the order of importance.
QuantizedMatrix shuffledCodes(const QuantSpec& spec, const Matrix& weight) {
    std::vector<std::size_t> order(static_cast<std::size_t>(weight.cols()));
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), std::mt19937(7));
    Matrix turned(weight.rows(), weight.cols());
    for (std::ptrdiff_t row = 0; row < weight.rows(); ++row)
        for (std::size_t at = 0; at < order.size(); ++at) turned.row(row)[at] = weight.row(row)[order[at]];
    QuantizedMatrix matrix = quantizeRtn(spec, turned.view());
    const auto codes = matrix.codes;
    matrix.groupOf.resize(order.size());
    for (std::size_t at = 0; at < order.size(); ++at) {
        matrix.groupOf[order[at]] =
            static_cast<std::int32_t>(spec.groupSize > 0 ? at / static_cast<std::size_t>(spec.groupSize) : 0);
        for (std::size_t row = 0; row < static_cast<std::size_t>(weight.rows()); ++row)
            matrix.codes[row * order.size() + order[at]] = codes[row * order.size() + at];
    }
    return matrix;
}

/// A signed byte a code, zero points in the shape of the scales.
std::vector<StoredTensor> bytesOfCodes(const QuantizedCheckpoint& checkpoint, const std::string& name,
                                       const QuantizedMatrix& m) {
    const auto asSigned = [&m](const std::vector<std::uint8_t>& values) {
        std::vector<std::int8_t> bytes;
        for (const std::uint8_t value : values)
            bytes.push_back(static_cast<std::int8_t>(static_cast<int>(value) - (1 << (m.bits - 1))));
        return bytes;
    };
    std::vector<StoredTensor> tensors{
        integers(name + ".weight", "I8", {m.rows, m.cols}, asSigned(m.codes)),
        makeTensor(name + ".weight_scale", {m.rows, m.groups}, m.scales, checkpoint.scaleType)};
    if (!m.symmetric)
        tensors.push_back(integers(name + ".weight_zero_point", "I8", {m.rows, m.groups}, asSigned(m.zeros)));
    if (!m.groupOf.empty()) tensors.push_back(integers(name + ".weight_g_idx", "I32", {m.cols}, m.groupOf));
    return tensors;
}

std::vector<StoredTensor> packed(const QuantizedCheckpoint& checkpoint, const std::string& name,
                                 const QuantizedMatrix& m) {
    const std::string& scaleType = checkpoint.scaleType;
    const long long inWords = packedWords(m.cols, m.bits), outWords = packedWords(m.rows, m.bits);
    QuantizedMatrix half = m; // other scale types are stored in these formats too, if rarely
    half.scaleType = ScaleType::F16;
    if (checkpoint.format == StoredFormat::AwqGemm) {
        const auto t = packAwq(half).value();
        return {integers(name + ".qweight", "I32", {m.cols, outWords}, t.qweight),
                integers(name + ".qzeros", "I32", {m.groups, outWords}, t.qzeros),
                makeTensor(name + ".scales", {m.groups, m.rows}, t.scales, scaleType)};
    }
    if (checkpoint.format == StoredFormat::Gptq) {
        const auto t = packGptq(half, checkpoint.zeros).value();
        std::vector<StoredTensor> tensors{
            integers(name + ".qweight", "I32", {inWords, m.rows}, t.qweight),
            integers(name + ".qzeros", "I32", {m.groups, outWords}, t.qzeros),
            makeTensor(name + ".scales", {m.groups, m.rows}, t.scales, scaleType)};
        if (checkpoint.groupIndex)
            tensors.push_back(integers(name + ".g_idx", "I32", {m.cols}, t.groupIndex));
        return tensors;
    }
    if (checkpoint.format == StoredFormat::CompressedInt) return bytesOfCodes(checkpoint, name, m);
    const auto t = packCompressed(m).value();
    const std::vector<std::int64_t> shape{m.rows, m.cols};
    std::vector<StoredTensor> tensors{
        integers(name + ".weight_packed", "I32", {m.rows, inWords}, t.weightPacked),
        makeTensor(name + ".weight_scale", {m.rows, m.groups}, t.weightScale, scaleType),
        integers(name + ".weight_shape", "I64", {2}, shape)};
    if (!t.zeroPoint.empty())
        tensors.push_back(integers(name + ".weight_zero_point", "I32", {outWords, m.groups}, t.zeroPoint));
    if (!t.groupIndex.empty())
        tensors.push_back(integers(name + ".weight_g_idx", "I32", {m.cols}, t.groupIndex));
    return tensors;
}

} // namespace

QuantizedCheckpoint QuantizedCheckpoint::make(StoredFormat format, const QuantSpec& spec) {
    QuantizedCheckpoint checkpoint;
    checkpoint.format = format;
    checkpoint.spec = spec;
    checkpoint.model.hidden = 64;
    checkpoint.model.headDim = 16;
    checkpoint.model.intermediate = 96;
    checkpoint.model.dtype = "F16";
    return checkpoint;
}

std::string projectionOf(const StoredTensor& tensor) {
    const std::string ending = "_proj.weight";
    if (tensor.name.size() < ending.size()
        || tensor.name.compare(tensor.name.size() - ending.size(), ending.size(), ending) != 0)
        return {};
    const auto start = tensor.name.find("layers.");
    return tensor.name.substr(start, tensor.name.size() - 7 - start);
}

QuantizedMatrix codesOf(const QuantizedCheckpoint& checkpoint, const StoredTensor& dense) {
    const Matrix weight = floatsOf(dense);
    QuantizedMatrix matrix = checkpoint.actOrder ? shuffledCodes(checkpoint.spec, weight)
                                                 : quantizeRtn(checkpoint.spec, weight.view());
    if (checkpoint.scaleType == "BF16") {
        matrix.scaleType = ScaleType::BF16;
        for (float& scale : matrix.scales) scale = bf16ToFloat(floatToBf16(scale));
    }
    if (checkpoint.scaleType == "F32") matrix.scaleType = ScaleType::F32;
    return matrix;
}

std::vector<StoredTensor> packedTensors(const QuantizedCheckpoint& checkpoint, const StoredTensor& dense) {
    return packed(checkpoint, dense.name.substr(0, dense.name.size() - 7), codesOf(checkpoint, dense));
}

std::string quantizationConfigOf(const QuantizedCheckpoint& checkpoint) {
    if (!checkpoint.quantizationConfig.empty()) return checkpoint.quantizationConfig;
    const QuantSpec& spec = checkpoint.spec;
    const std::string bits = std::to_string(spec.bits),
                      group = std::to_string(spec.groupSize > 0 ? spec.groupSize : -1),
                      symmetric = spec.symmetric ? "true" : "false";
    if (checkpoint.format == StoredFormat::AwqGemm)
        return R"({"quant_method": "awq", "bits": )" + bits + R"(, "group_size": )" + group
               + R"(, "zero_point": )" + (spec.symmetric ? "false" : "true")
               + R"(, "version": "gemm", "modules_to_not_convert": null})";
    if (checkpoint.format == StoredFormat::Gptq)
        return R"({"quant_method": "gptq", "bits": )" + bits + R"(, "group_size": )" + group + R"(, "sym": )"
               + symmetric + R"(, "desc_act": )" + (checkpoint.actOrder ? "true" : "false")
               + R"(, "checkpoint_format": ")" + (checkpoint.zeros == GptqZeros::V2 ? "gptq_v2" : "gptq")
               + R"(", "meta": {"quantizer": [")"
               + (checkpoint.zeros == GptqZeros::V1 ? "optimum:1.2" : "gptqmodel:2.0") + R"("]}})";
    const std::string format =
        checkpoint.format == StoredFormat::CompressedInt ? "int-quantized" : "pack-quantized";
    return R"({"quant_method": "compressed-tensors", "format": ")" + format
           + R"(", "ignore": ["lm_head"],)"
             R"( "quantization_status": "compressed", "kv_cache_scheme": null, "config_groups": {"group_0":)"
             R"( {"targets": ["Linear"], "input_activations": null, "output_activations": null, "weights":)"
             R"( {"num_bits": )"
           + bits + R"(, "type": "int", "symmetric": )" + symmetric + R"(, "strategy": ")"
           + (spec.groupSize > 0 ? "group" : "channel") + R"(", "group_size": )"
           + (spec.groupSize > 0 ? group : "null") + R"(, "actorder": )"
           + (checkpoint.actOrder ? "\"group\"" : "null") + "}}}}";
}

std::string configOf(const QuantizedCheckpoint& checkpoint) {
    RandomModelOptions options = checkpoint.model;
    const std::string quantization = "\"quantization_config\": " + quantizationConfigOf(checkpoint);
    options.extraConfigJson += (options.extraConfigJson.empty() ? "" : ", ") + quantization;
    return randomModelConfig(options);
}

std::vector<StoredTensor> quantizedTensors(const QuantizedCheckpoint& checkpoint, std::uint64_t seed) {
    std::vector<StoredTensor> tensors;
    for (StoredTensor& tensor : randomModelTensors(checkpoint.model, seed)) {
        const std::string projection = projectionOf(tensor);
        if (projection.empty() || checkpoint.dense.count(projection)) {
            tensors.push_back(std::move(tensor));
            continue;
        }
        for (StoredTensor& part : packedTensors(checkpoint, tensor)) tensors.push_back(std::move(part));
    }
    return tensors;
}

void writeQuantizedModel(const std::filesystem::path& folder, const QuantizedCheckpoint& checkpoint,
                         std::uint64_t seed) {
    writeHfFolder(folder, configOf(checkpoint), quantizedTensors(checkpoint, seed), checkpoint.model.shards);
}

} // namespace qroar::test
