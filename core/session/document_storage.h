// A list of documents inside a session file, wherever one is stored. Private to this room.
#pragma once

#include "core/session/hdf5_reader.h"
#include "core/session/hdf5_writer.h"
#include "core/session/session.h"

#include <vector>

namespace qroar {

void writeDocuments(h5::GroupWriter to, const std::vector<SessionDocument>& documents);
/// Says in `from` what is wrong, and returns nothing then.
std::vector<SessionDocument> readDocuments(const h5::GroupReader& from);

} // namespace qroar
