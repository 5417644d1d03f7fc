// BatchCut: how windows of one length go through the layers together. Linear layers work on tiles of
// `tokenTile` rows of a batch, and which rows share a tile may show in the last bits (kernels treat the rows
// of a short tile in other ways). So batches are cut where a tile ends: then a window's numbers do not depend
// on how many others are in its batch, nor on which process computed it. Not here: batches of windows of
// unequal length (layer_steps.h).
#pragma once

#include <cstddef>

namespace qroar {

struct BatchCut {
    /// A run of windows may begin at any multiple of this, counted from the first of all, and has the same
    /// tiles as in the run of all of them.
    std::size_t unit = 1;
    std::size_t windows = 1; ///< of a batch: a multiple of `unit`

    /// Batches of about `tokens` tokens, but at least one window of `context`.
    static BatchCut of(std::ptrdiff_t tokens, int context);
};

} // namespace qroar
