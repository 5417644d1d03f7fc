// Makes FP8 checkpoints for tests: the projections of dense tensors as E4M3 codes with scales of the tensor,
// of rows or of blocks, under the names that DeepSeek, vLLM, compressed-tensors and fbgemm use. The codes
// come from the definition of the format, not from the product.
#pragma once

#include "tests/support/safetensors_writer.h"

#include <set>
#include <string>
#include <vector>

namespace qroar::test {

/// The number an E4M3 code stands for; NaN for 0x7F and 0xFF.
double e4m3Value(unsigned code);
/// The nearest finite code.
unsigned e4m3Code(double value);

struct Fp8Layout {
    int blockRows = 0, blockCols = 0;       ///< 0: the whole side
    std::string scaleName = "weight_scale"; ///< or weight_scale_inv
    std::string scaleType = "F32";
    int scaleRank = 2;                ///< of one scale: 0, 1 or 2; of a scale a row: 1 or 2
    std::set<std::string> dense;      ///< names that stay dense
    std::vector<std::string> besides; ///< suffixes of scales for activations to store too: "input_scale"
};

/// Replaces every "..._proj.weight" by codes and scales.
std::vector<StoredTensor> fp8Tensors(const std::vector<StoredTensor>& tensors, const Fp8Layout& layout);

} // namespace qroar::test
