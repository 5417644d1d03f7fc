#include "app/cli/outputs.h"

#include "core/base/files.h"

#include <algorithm>
#include <fstream>

namespace qroar::cli {

namespace {

std::string firstBytes(const std::filesystem::path& path, std::size_t count) {
    std::string bytes(count, '\0');
    std::ifstream in(path, std::ios::binary);
    in.read(bytes.data(), static_cast<std::streamsize>(count));
    bytes.resize(static_cast<std::size_t>(in.gcount()));
    return bytes;
}

} // namespace

std::vector<std::filesystem::path> inputsOf(const RunOptions& options) {
    std::vector<std::filesystem::path> inputs{options.model};
    for (const auto* texts : {&options.texts, &options.calibrationTexts})
        inputs.insert(inputs.end(), texts->begin(), texts->end());
    return inputs;
}

Status checkReplaces(const std::filesystem::path& target, const OutputKind& kind,
                     const std::vector<std::filesystem::path>& inputs) {
    std::error_code ignored;
    if (!std::filesystem::exists(target, ignored)) return Done{};
    if (!std::filesystem::is_regular_file(target, ignored))
        return Error::bad(target.string() + ": expected a file to write, found something else");
    for (const auto& input : inputs)
        if (std::filesystem::equivalent(target, input, ignored))
            return Error::bad(target.string() + ": is read by this command, and cannot be its output");
    if (firstBytes(target, kind.magic.size()) != kind.magic)
        return Error::bad(target.string() + ": only " + std::string(kind.what)
                          + " is written over here, found another file: choose another name");
    return Done{};
}

Status checkOutput(const std::filesystem::path& target, const OutputKind& kind,
                   const std::vector<std::filesystem::path>& inputs) {
    const auto folder = std::filesystem::absolute(target).parent_path();
    if (!std::filesystem::is_directory(folder))
        return Error::notFound(folder.string() + ": no such folder for " + target.string());
    if (Status replaces = checkReplaces(target, kind, inputs); !replaces) return replaces;
    std::filesystem::path probe = target;
    probe += ".probe";
    const Status written = writeTextAtomically(probe, "");
    std::error_code ignored;
    std::filesystem::remove(probe, ignored);
    if (!written)
        return Error::io(target.string() + ": cannot be written: " + folder.string() + " takes no new file");
    return written;
}

} // namespace qroar::cli
