// Searches inside a session file: /searches/000, 001, ... Private to this room; scales_file.h reads the
// scales of one of them by name.
#pragma once

#include "core/session/hdf5_reader.h"
#include "core/session/hdf5_writer.h"
#include "core/session/search_record.h"

#include <memory>
#include <vector>

namespace qroar {

/// What must hold of the searches of a session before they are written and after they were read: names that
/// differ, shapes that fit the model, numbers that are numbers. Messages name the search.
Status checkSearches(const Session& session);

/// Nothing when there are none.
void writeSearches(h5::GroupWriter& root, const std::vector<std::shared_ptr<const SearchRecord>>& searches);
std::vector<std::shared_ptr<const SearchRecord>> readSearches(const h5::GroupReader& root,
                                                              const ModelConfig& model);
/// Gains as datasets q and k of a group.
void writeGains(h5::GroupWriter to, const QkGains& gains);
/// Name, specs and gains of a search (or a what-if) alone, from its group.
ScaleSet readScales(const h5::GroupReader& from, const ModelConfig& model);

} // namespace qroar
