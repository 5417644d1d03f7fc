#include "core/inference/batches.h"

#include "core/inference/layer_steps.h"

#include <algorithm>
#include <numeric>

namespace qroar {

BatchCut BatchCut::of(std::ptrdiff_t tokens, int context) {
    const auto length = static_cast<std::size_t>(std::max(context, 1));
    const std::size_t together = tokenTile / std::gcd(static_cast<std::size_t>(tokenTile), length);
    const std::size_t fitting =
        std::max<std::size_t>(1, static_cast<std::size_t>(std::max<std::ptrdiff_t>(tokens, 0)) / length);
    if (fitting < together) return {fitting, fitting};
    return {together, fitting / together * together};
}

} // namespace qroar
