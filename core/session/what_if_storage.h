// What-ifs inside a session file: /what_ifs/000, 001, ... Private to this room; scales_file.h reads the
// scales of one of them by name.
#pragma once

#include "core/session/hdf5_reader.h"
#include "core/session/hdf5_writer.h"
#include "core/session/what_if.h"

namespace qroar {

inline constexpr int mostWhatIfs = 1 << 16;

/// What must hold of the what-ifs of a session: names that differ from each other and from those of the
/// searches, gains that fit the model, numbers that are numbers. Messages name the what-if.
Status checkWhatIfs(const Session& session);

/// Nothing when there are none.
void writeWhatIfs(h5::GroupWriter& root, const std::vector<std::shared_ptr<const WhatIf>>& whatIfs);
std::vector<std::shared_ptr<const WhatIf>> readWhatIfs(const h5::GroupReader& root, const ModelConfig& model);

} // namespace qroar
