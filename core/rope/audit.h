// The audit of a checkpoint's RoPE: what every loader (loaders.h) builds, how far that is from what this
// program computes with, and the keys that are to blame. And the flags that make llama.cpp compute a scaling.
// Pure functions. Not here: what is written into a config.json (core/exporting/rope_audit.h).
#pragma once

#include "core/rope/loaders.h"

namespace qroar {

enum class LoaderStatus { Same, Differs, Refuses };

struct LoaderVerdict {
    LoaderTable loaded;
    LoaderStatus status = LoaderStatus::Same;
    double phaseError = 0; ///< max over pairs of |omega_loader - omega_ours| L, radians; 0 when it refuses
    int pair = -1;         ///< where that is; -1: nowhere. The position is always the last one.
    /// Attention factor of the loader over ours; 1 when it refuses.
    double attentionRatio = 1;
};

/// Something in the checkpoint that some loader stumbles over.
struct RopeWarning {
    std::string key; ///< of config.json or GGUF
    std::string text;
};

struct RopeAudit {
    FrequencyTable ours;
    long long context = 0;
    bool gguf = false;                  ///< of a GGUF file
    std::vector<LoaderVerdict> loaders; ///< all but ours
    std::vector<RopeWarning> warnings;
    [[nodiscard]] const LoaderVerdict& of(RopeLoader loader) const;
};

/// Same: every pair less than a thousandth of a radian off at the last position or its frequency equal to
/// 1e-6, and attention factors equal to 1e-6 (what float32 in a GGUF file may change). Ours.
inline constexpr double samePhase = 1e-3, sameRatio = 1e-6, sameAttention = 1e-6;

/// What the loaders make of `spec` on `model`, against `ours`. Errors as buildFrequencyTable.
Outcome<RopeAudit> auditRope(const FrequencyTable& ours, const RopeSpec& spec, const RopeModel& model,
                             long long context);

/// |omega_loader - omega_ours| L of every pair, radians; empty when it refuses.
std::vector<double> phaseErrors(const RopeAudit& audit, const LoaderVerdict& verdict);

/// Arguments for llama.cpp's programs that give `table` (built for `context` tokens) to a GGUF file of a
/// model with base `storedTheta` that stores no scaling. Errors: no flags can (llama3, longrope, ramps that
/// are not truncated), with the reason.
Outcome<std::string> llamaCppFlags(const FrequencyTable& table, const RopeModel& model, long long context);

} // namespace qroar
