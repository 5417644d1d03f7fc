// QuantSpec: which weight quantizer, as the user writes it (product.md): none | stored | rtn:4:g128 |
// rtn:4:g128:sym | rtn:3:row | awq:4:g128 | gptq:4:g128 | gptq:4:g128:act. Bits and group are never implied;
// asym is accepted and is the default. Options stand behind the group in any order, each once.
#pragma once

#include "core/base/outcome.h"

#include <string>
#include <string_view>

namespace qroar {

enum class QuantKind { None, Stored, Rtn, Awq, Gptq };

struct QuantSpec {
    QuantKind kind = QuantKind::None;
    int bits = 0;      ///< 2..8
    int groupSize = 0; ///< along the input; 0 = whole row ("row", "g-1")
    bool symmetric = false;
    bool actOrder = false; ///< gptq: the inputs with the largest activations first

    /// awq and gptq look at activations before they round (core/quantize).
    [[nodiscard]] bool needsCalibration() const { return kind == QuantKind::Awq || kind == QuantKind::Gptq; }
    /// The same grid, rounded to nearest.
    [[nodiscard]] QuantSpec roundToNearest() const {
        return {QuantKind::Rtn, bits, groupSize, symmetric, false};
    }

    /// Errors name the text and what is wrong with it.
    static Outcome<QuantSpec> parse(std::string_view text);
    [[nodiscard]] std::string text() const; ///< canonical; parse(text()) gives the same spec
    bool operator==(const QuantSpec&) const = default;
};

} // namespace qroar
