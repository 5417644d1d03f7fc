// Search for NaN and infinity in stored weights, and their number. Not here: what a reader makes of it
// (model_assembly.h).
#pragma once

#include "core/model/tensor.h"

#include <cstddef>
#include <optional>
#include <vector>

namespace qroar {

struct NonFinite {
    std::size_t tensor = 0; ///< index into the list that was searched
    long long element = 0;  ///< row-major
    bool isNan = false;     ///< else infinity
};

/// The first NaN or infinity in list order, then element order; Readable tensors only (of FP8 the codes
/// decide: a large scale that overflows is a number of its own). All cores;
/// the answer does not depend on how many there are.
std::optional<NonFinite> findNonFinite(const std::vector<const TensorView*>& tensors);

struct NonFiniteCount {
    long long nan = 0, infinite = 0;
};
/// Of all elements of an F32, F16 or BF16 tensor; zeros for other types.
NonFiniteCount countNonFinite(const TensorView& tensor);

} // namespace qroar
