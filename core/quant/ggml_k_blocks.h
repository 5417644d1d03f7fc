// From 256 floats to one super-block of Q4_K or Q6_K. The layouts are ggml's (formats.md 2e), the search for
// scales is our own: least squares from several starting grids, then the neighbours of every rounded scale.
// Internal to core/quant: quantizeBlocks() is what others call.
#pragma once

#include <cstddef>

namespace qroar {

void toQ4K(const float* x, std::byte* block); ///< 144 bytes
void toQ6K(const float* x, std::byte* block); ///< 210 bytes

} // namespace qroar
