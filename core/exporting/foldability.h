// Foldability: what stands against writing a model in a format with its scales folded exactly, in sentences
// for the user, before anything is written. Models whose scales could not be folded at all (scales per tensor
// or per tile of rows) are not opened in the first place; core/model says why.
#pragma once

#include "core/exporting/export_layout.h"
#include "core/scales/qk_gains.h"

#include <string>
#include <vector>

namespace qroar {

struct Foldability {
    std::vector<std::string> refusals; ///< it cannot be done
    std::vector<std::string> notes;    ///< it can, but the user should know
    [[nodiscard]] bool possible() const { return refusals.empty(); }
};

/// A model written anew: bits, groups and shapes that the format has, types that it stores, loaders that are
/// known not to take it.
Foldability foldability(const Model& model, const ExportLayout& layout, const QkGains& gains);

/// A patch: only the checkpoint itself, as it is stored, can be patched.
Foldability patchability(const Model& model, const WeightSource& weights, const QkGains& gains);

} // namespace qroar
