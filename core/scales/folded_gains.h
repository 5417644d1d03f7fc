// FoldedGains: the mark that an export leaves beside a checkpoint's weights (qroar.json), so that nobody
// folds or applies the same gains twice: patched weights look like any others. Not here: folding
// (core/exporting).
#pragma once

#include "core/base/outcome.h"
#include "core/scales/qk_gains.h"

#include <filesystem>
#include <string>
#include <vector>

namespace qroar {

/// Fingerprint of the factors (Fingerprint of shape and numbers).
std::string gainsFingerprint(const QkGains& gains);

/// One set of gains that a checkpoint's weights hold.
struct FoldedGains {
    std::string name;   ///< of the scale set
    std::string gains;  ///< fingerprint of the set as it was found
    std::string folded; ///< of what was folded: another one when gains were snapped to powers of two
    std::string source; ///< fingerprint of the model they were folded into
    bool operator==(const FoldedGains&) const = default;
};

inline constexpr const char* foldedMarkName = "qroar.json";
/// Text of the mark: all sets, in the order in which they were folded.
std::string foldedMark(const std::vector<FoldedGains>& sets, const std::string& program);
/// The mark beside the weights that `model` (a folder, or a .safetensors file in it) names; empty without
/// one. Errors: one that cannot be read or is not ours.
Outcome<std::vector<FoldedGains>> readFoldedMark(const std::filesystem::path& model);

/// What to tell a user who applies `gains` to that model, or searches for more (`gains` empty): a sentence,
/// or nothing when its weights hold no gains (or, with gains, only others than these).
std::string foldedWarning(const std::filesystem::path& model, const QkGains& gains);

} // namespace qroar
