// ExportLayout: names, types and shapes of every tensor of an exported checkpoint, known before any value
// is. Names are those of Hugging Face's Llama and Mistral. Not here: values (model_writer.h), what the config
// says of the codes (quantization_config.h).
#pragma once

#include "core/exporting/export_format.h"
#include "core/exporting/shard_plan.h"
#include "core/inference/weight_source.h"

#include <optional>
#include <string>
#include <vector>

namespace qroar {

/// How the codes of a model lie: the packed formats describe all projections of a model at once.
struct CodeGrid {
    int bits = 4;
    int groupSize = 0;      ///< along the input; 0 = whole row
    bool symmetric = false; ///< all zero points are 2^(bits-1)
    bool actOrder = false;  ///< some groups are not consecutive inputs
    ScaleType scales = ScaleType::F16;
    long long noZeroPoint = 0; ///< zero points that are 0 (GPTQ version 1 cannot say that)
};

/// The one grid of all projections. Looks at the codes of every layer; those of round-to-nearest, whose shape
/// the spec tells, only with `countZeros` and an asymmetric grid (noZeroPoint is else unknown, 0). Errors:
/// weights without codes, projections that stay dense or differ in bits or groups (the formats' configs name
/// one of each).
Outcome<CodeGrid> commonGrid(const Model& model, const WeightSource& weights, bool countZeros = false);

struct ExportLayout {
    ExportFormat format = ExportFormat::Hf;
    DType dense = DType::F16; ///< everything that is not codes; of compressed-tensors also the scales
    CodeGrid grid;            ///< packed formats only
};

/// "model.layers.3.self_attn.q_proj": what its tensors' names begin with.
std::string projectionStem(int layer, Projection p);
inline constexpr const char* embeddingName = "model.embed_tokens.weight";
inline constexpr const char* finalNormName = "model.norm.weight";
inline constexpr const char* headName = "lm_head.weight"; ///< only when not tied

/// Every tensor, embedding first, layer by layer.
std::vector<TensorSpec> layoutTensors(const Model& model, const ExportLayout& layout);

} // namespace qroar
