// RoundedModel: a model whose embedding, head and final norm are rounded to another type in memory, so that
// what an export should compute can be run before and beside it. Layers are fold.h's business.
#pragma once

#include "core/model/model.h"

namespace qroar {

class RoundedModel final : public Model {
  public:
    RoundedModel(const Model& source, DType type);
};

} // namespace qroar
