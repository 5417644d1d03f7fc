// What must hold of a Session before it is written and after it was read, so that whatever was saved can be
// loaded and whatever was loaded can be indexed without further checks. Private to this room. Not here: the
// shape of the file (session_save.cpp, session_load.cpp).
#pragma once

#include "core/base/outcome.h"
#include "core/session/session.h"

namespace qroar {

inline constexpr int mostLayers = 4096, mostHeads = 8192, mostPairs = 65536, mostContext = 1 << 28,
                     mostDocuments = 1 << 20;

/// Messages name the attribute.
Status checkModel(const ModelConfig& model);
/// As many names and colours as bands, or none; names of a sane length, colours as #rrggbb.
Status checkBandStyles(const Session& session);
/// Model, documents and bands; the conditions are not looked at. Messages name the dataset or attribute.
Status checkSessionHead(const Session& session);
/// One condition against the model, documents and bands of its session.
Status checkCondition(const Session& session, const ConditionResult& condition);

} // namespace qroar
