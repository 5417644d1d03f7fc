// Geometries of RoPE and specs for tests of tables: no model is needed.
#pragma once

#include "core/rope/rope_spec.h"

#include <QtGlobal>

#include <optional>

namespace qroar::test {

inline RopeModel modelOf(int dims, double theta, int maxPositions, std::optional<int> original = {}) {
    RopeModel model;
    model.headDim = model.rotaryDim = dims;
    model.theta = theta;
    model.maxPositions = maxPositions;
    model.originalMaxPositions = original;
    return model;
}

inline RopeSpec specOf(const char* text) {
    auto spec = RopeSpec::parse(text);
    if (!spec) qFatal("%s", spec.error().message.c_str());
    return *spec;
}

} // namespace qroar::test
