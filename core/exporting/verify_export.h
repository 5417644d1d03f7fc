// Verification: an export is opened again and must be what it should be: the same codes and scales, the same
// rotary frequencies, the same logits. "Should be" is the model in memory with the gains folded and rounded
// as in the file; how far that is from the gains as they were found is reported beside it. Independent of the
// writer in everything but the rules of folding (fold.h): names, packing, row order, config and RoPE keys go
// through the readers.
#pragma once

#include "core/base/work_meter.h"
#include "core/exporting/fold.h"
#include "core/exporting/rope_audit.h"
#include "core/rope/rope_spec.h"
#include "core/text/tokenizer.h"

#include <filesystem>
#include <optional>
#include <vector>

namespace qroar {

struct VerifyTask {
    FoldTask fold;                             ///< what was written
    RopeSpec rope;                             ///< in force; resolved
    std::vector<std::vector<TokenId>> windows; ///< of one length
};

struct Verification {
    int windows = 0, context = 0;
    double largestLogit = 0; ///< max |logit| of the export
    /// max |logit of the export - logit of the model in memory|, gains folded and rounded alike: zero, or the
    /// noise of another order of summation.
    double maxLogitDifference = 0;
    /// The same against exact gains, and its root mean square relative to that of the logits.
    double maxUnroundedDifference = 0, relativeUnroundedRms = 0;
    std::optional<long long> codesChanged; ///< null when the export stores no codes
    long long scalesChanged = 0;           ///< stored scales that are not what they should be
    double rotaryDifference = 0; ///< largest relative difference of omega' or of the attention factor
    /// What every loader builds from the written files, against the table in force here, at the longest
    /// context of the export; null for llama2.c, which others do not read.
    std::optional<RopeAudit> rope;
};

/// The loaders that compute something else from what was written, and what of it they lose; sentences.
std::vector<std::string> loaderNotes(const Verification& verification);

/// An error when the loader that the files are for computes something else: transformers 5 from a config.json
/// that was rewritten, llama.cpp from a GGUF file. What a checkpoint that keeps its own scaling says already
/// is no error, and is told by loaderNotes().
Status judgeLoaders(const VerifyTask& task, const Verification& verification);

/// `count` windows of `length` pseudo-random ids, the same every time: for models without documents.
std::vector<std::vector<TokenId>> verificationWindows(int vocabSize, int count, int length);

/// Operations that verifyExport() counts.
double verificationWork(const ModelConfig& config, const std::vector<std::vector<TokenId>>& windows);

/// Opens `folder` and compares. Errors: it cannot be opened, a code, scale or frequency differs, logits
/// differ by more than floating-point noise (1e-4 of the largest logit), or from exact gains by more than
/// rounding explains (root mean square above 8 sqrt(layers) units of the coarsest type, ours). Cancelled.
Outcome<Verification> verifyExport(const VerifyTask& task, const std::filesystem::path& folder,
                                   WorkMeter& meter);

/// The part of it that needs no codes and no rounding in memory: rotary frequencies, and logits against exact
/// gains (which maxLogitDifference then is of, too). `path` is a folder or a file. Judges nothing.
Outcome<Verification> compareWithMemory(const VerifyTask& task, const std::filesystem::path& path,
                                        WorkMeter& meter);

} // namespace qroar
