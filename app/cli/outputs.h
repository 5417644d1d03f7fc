// What a sub-command may write over: never one of its inputs, and only files of its own kind. Said before the
// work, not after it. And what stands where a file of a kind was expected.
#pragma once

#include "app/cli/inputs.h"

#include <string_view>
#include <vector>

namespace qroar::cli {

/// A kind of file by how it begins.
struct OutputKind {
    std::string_view what;  ///< "a session"
    std::string_view magic; ///< first bytes
};
inline constexpr OutputKind sessionOutput{"a session (an HDF5 file)", "\x89HDF\r\n\x1a\n"};
inline constexpr OutputKind logitsOutput{"a logits file", "_logits_"};

/// `path` begins as its kind does; the error says what was expected (`made` may add by what it is made) and
/// what was found: the size and the first bytes, or what else it is.
Status checkKind(const std::filesystem::path& path, const OutputKind& kind, const std::string& made = "");

/// Files that the run reads: the model and all documents.
std::vector<std::filesystem::path> inputsOf(const RunOptions& options);

/// `target` may be written: its folder is there and can be written to; what stands there, if anything, is of
/// the kind and none of `inputs`. A file is made beside it and removed. Errors name the target and what was
/// found.
Status checkOutput(const std::filesystem::path& target, const OutputKind& kind,
                   const std::vector<std::filesystem::path>& inputs);
/// The same without touching the folder: for a dry run.
Status checkReplaces(const std::filesystem::path& target, const OutputKind& kind,
                     const std::vector<std::filesystem::path>& inputs);

} // namespace qroar::cli
