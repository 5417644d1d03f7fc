#include "app/cli/outputs.h"

#include "core/base/files.h"
#include "core/base/strings.h"

#include <algorithm>
#include <cstdio>
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

/// "89 48 44 46", or the bytes in quotes when all of them are text.
std::string shown(const std::string& bytes) {
    const auto isText = [](char c) { return c >= 0x20 && c < 0x7f; };
    if (std::all_of(bytes.begin(), bytes.end(), isText)) return "\"" + bytes + "\"";
    std::string text;
    for (const char c : bytes) {
        char hex[4];
        std::snprintf(hex, sizeof hex, "%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
        text += (text.empty() ? "" : " ") + std::string(hex);
    }
    return text;
}

} // namespace

Status checkKind(const std::filesystem::path& path, const OutputKind& kind, const std::string& made) {
    std::error_code failed;
    if (!std::filesystem::exists(path, failed)) return Error::notFound(path.string() + ": no such file");
    const std::string expected = path.string() + ": expected " + std::string(kind.what)
                                 + ", which begins with " + shown(std::string(kind.magic)) + made
                                 + ", found ";
    if (std::filesystem::is_directory(path, failed)) return Error::bad(expected + "a folder");
    const auto bytes = std::filesystem::file_size(path, failed);
    if (failed) return Error::bad(expected + "something that is no file");
    const std::string found = firstBytes(path, kind.magic.size());
    if (found == kind.magic) return Done{};
    return Error::bad(expected
                      + (bytes == 0 ? std::string("an empty file")
                                    : "a file of " + formatCount(static_cast<long long>(bytes))
                                          + " bytes that begins with " + shown(found)));
}

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
