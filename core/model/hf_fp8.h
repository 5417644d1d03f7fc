// Fp8Reader: linear layers that a Hugging Face checkpoint stores as FP8 E4M3 with scales beside them:
// `weight_scale_inv` of blocks (DeepSeek, transformers), `weight_scale` of the tensor, of rows or of blocks
// (vLLM, compressed-tensors, fbgemm). Either is what a number is multiplied with, whatever its name says.
// Shapes decide how far a scale reaches; the config only says how large blocks are. Internal to core/model.
#pragma once

#include "core/model/hf_quant_config.h"
#include "core/model/tensor_picker.h"

#include <string>
#include <vector>

namespace qroar {

class Fp8Reader {
  public:
    /// The picker must outlive the reader.
    Fp8Reader(TensorPicker& picker, const HfQuantConfig& config)
        : picker_(picker), blocks_(config.blocks), groups_(config.groups) {}

    /// Whether the layer `name` ("layers.0.self_attn.q_proj") is stored as FP8.
    [[nodiscard]] bool stores(const std::string& name) const;
    /// Its weight, readable; without data after a failure, which the picker remembers.
    TensorView take(const std::string& name, const std::vector<long long>& shape);

  private:
    [[nodiscard]] bool fitGrid(const TensorView& weight, const TensorView& scales, ScaleGrid& grid) const;

    TensorPicker& picker_;
    std::vector<BlockSize> blocks_;
    std::vector<int> groups_;
};

} // namespace qroar
