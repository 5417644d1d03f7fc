// The group `gradient` of a condition in the session file: written and read in one place. Private to this
// room.
#pragma once

#include "core/session/hdf5_reader.h"
#include "core/session/hdf5_writer.h"
#include "core/session/session.h"

namespace qroar {

void writeSensitivity(h5::GroupWriter to, const Sensitivity& sensitivity);
/// The model says the shapes; it was checked before.
Sensitivity readSensitivity(const h5::GroupReader& from, const ModelConfig& model);

} // namespace qroar
