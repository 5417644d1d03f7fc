// Before and after a search for gains: which two conditions of a session differ in nothing but the gains. Not
// here: showing them (A is the one with gains, B the one without).
#pragma once

#include "core/session/session.h"

#include <QString>

namespace qroar {

/// Indices into Session::conditions of equal RoPE spec, context and quantizer; -1: there is none.
struct ScaleTwins {
    int before = -1; ///< without gains
    int after = -1;  ///< with gains
    [[nodiscard]] bool complete() const { return before >= 0 && after >= 0; }
    bool operator==(const ScaleTwins&) const = default;
};
/// The twins of a condition, itself among them. Of several that have gains: the one that is chosen, else the
/// one with gains of that name, else the last one.
ScaleTwins scaleTwins(const Session& session, int condition, const std::string& preferredScales);
[[nodiscard]] bool hasScaledConditions(const Session& session);
/// Why a condition cannot be compared, and what to do about it; empty when it can.
QString whyNoTwins(const Session& session, int condition);

} // namespace qroar
