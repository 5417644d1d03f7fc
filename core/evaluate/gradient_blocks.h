// Blocks of text of a reverse pass: which one each window belongs to when its gradient is kept, and how much
// of the text each block is; a standard error needs both. Not here: the pass (core/analysis/gradients.h),
// blocks of the bootstrap (blocks.h).
#pragma once

#include "core/session/session.h"

#include <vector>

namespace qroar {

struct WindowPlace {
    int document = 0, index = 0;
};
/// Documents (several to a block beyond 64) when there are leastDocumentBlocks, else contiguous runs of their
/// windows, about wantedRunBlocks in all. One number from 0 for each window, in their order.
std::vector<int> gradientBlocks(const std::vector<WindowPlace>& windows);

/// Share of the predicted tokens of every block of `condition.sensitivity`; they add up to 1. Empty without
/// blocks, or where the windows of the condition are not those its gradients are of.
std::vector<double> gradientBlockShares(const ConditionResult& condition);

} // namespace qroar
