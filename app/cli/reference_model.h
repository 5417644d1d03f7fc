// --reference-model: the full-precision checkpoint that a quantized one was made from, as the weights of FP
// and FP+g. Both run in one engine: embedding, final norm and output head are those of the quantized
// checkpoint, so they must be the same numbers in both. Not here: what is compared (core/controls).
#pragma once

#include "core/inference/weight_source.h"
#include "core/model/model.h"

#include <filesystem>
#include <memory>

namespace qroar::cli {

struct ReferenceModel {
    std::shared_ptr<const Model> model;
    std::shared_ptr<const WeightSource> weights;
    /// Largest relative difference of embedding, final norm and head: 0, or that of a rounding to 16 bits.
    double rounding = 0;
};

/// Opens it for the (quantized) `model`. Errors name the first thing that differs, with both values: sizes,
/// vocabulary, RoPE, biases, or numbers of what is shared.
Outcome<ReferenceModel> openReferenceModel(const std::filesystem::path& path, const Model& model);

} // namespace qroar::cli
