// QuantSpec: which weight quantizer, as the user writes it (product.md): none | stored | rtn:4:g128 |
// rtn:4:g128:sym | rtn:3:row. awq and gptq parse too; who cannot run them yet refuses them by name. Bits and
// group are never implied; asym is accepted and is the default.
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

    /// Errors name the text and what is wrong with it.
    static Outcome<QuantSpec> parse(std::string_view text);
    [[nodiscard]] std::string text() const; ///< canonical; parse(text()) gives the same spec
    bool operator==(const QuantSpec&) const = default;
};

} // namespace qroar
