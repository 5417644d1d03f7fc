// The shape of a linear projection under a config: one rule for readers and exports.
#pragma once

#include "core/model/model.h"

#include <vector>

namespace qroar {

/// [out, in].
std::vector<long long> projectionShape(const ModelConfig& config, Projection projection);

} // namespace qroar
