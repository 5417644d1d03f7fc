// ModelWriter: the values of an exported checkpoint, layer by layer: folded, put into Hugging Face's row
// order, packed, handed to a CheckpointWriter. Holds one layer at a time.
#pragma once

#include "core/base/work_meter.h"
#include "core/exporting/checkpoint_writer.h"
#include "core/exporting/export_layout.h"
#include "core/exporting/fold.h"

namespace qroar {

/// What rounding did to a whole model.
struct ModelRounding {
    RoundingTally scaled;   ///< scales of codes, or weights of W_Q and W_K
    RoundingTally narrowed; ///< everything else
};

/// Writes every tensor of layoutTensors(). `task` says what is folded; its types must be those of `layout`.
/// Counts `workPerByte` a byte. Errors: cancelled, a full disk, a number or a layer that the format cannot
/// hold.
Outcome<ModelRounding> writeModel(const FoldTask& task, const ExportLayout& layout, CheckpointWriter& writer,
                                  double workPerByte, WorkMeter& meter);

/// Row of the source for each row of the target, [heads * headDim], whose pairs lie in `layout`.
std::vector<std::ptrdiff_t> rowsInLayout(const ModelConfig& config, int heads, PairLayout layout);
/// The same with pairs half-split, as Hugging Face has them.
std::vector<std::ptrdiff_t> halfSplitRows(const ModelConfig& config, int heads);

} // namespace qroar
