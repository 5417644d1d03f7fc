// ScaleSet: gains with a name and where they are from, so that rooms can hand them to each other: search
// makes them, a session file stores them, evaluate and export read them back. Not here: how gains are applied
// (qk_gains.h), how they are found (core/search), files (core/session).
#pragma once

#include "core/scales/qk_gains.h"

#include <string>

namespace qroar {

/// Gains found for one model under one RoPE spec and one weight variant. They fit any model of the same
/// shape, but were tuned for this one: who uses them elsewhere says so (compare the fingerprint and both
/// specs).
struct ScaleSet {
    std::string name;             ///< unique within a file, e.g. "001"
    QkGains gains;                ///< fits the model
    std::string modelFingerprint; ///< of the model that was searched
    std::string rope, quant;      ///< canonical texts of the specs they were found under
    bool operator==(const ScaleSet&) const = default;
};

} // namespace qroar
