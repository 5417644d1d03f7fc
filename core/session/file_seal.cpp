#include "core/session/file_seal.h"

#include "core/base/files.h"
#include "core/base/hash.h"

#include <cstring>
#include <fstream>

namespace qroar {

namespace {

std::string fingerprintOf(std::span<const std::byte> bytes) {
    Fingerprint fingerprint;
    fingerprint.add(bytes.data(), bytes.size());
    return fingerprint.hex();
}

} // namespace

Status sealFile(const std::filesystem::path& path) {
    auto file = MappedFile::open(path);
    if (!file) return file.error();
    const std::string seal = std::string(sealName) + fingerprintOf((*file)->bytes());
    std::ofstream out(path, std::ios::binary | std::ios::app);
    out.write(seal.data(), static_cast<std::streamsize>(seal.size()));
    out.close();
    if (!out) return Error::io(path.string() + ": cannot be written: is the disk full?");
    return Done{};
}

Status checkSeal(const std::filesystem::path& path) {
    auto file = MappedFile::open(path);
    if (!file) return file.error();
    const auto bytes = (*file)->bytes();
    if (bytes.size() < sealBytes) return Done{};
    const auto content = bytes.first(bytes.size() - sealBytes);
    const std::string_view seal(reinterpret_cast<const char*>(content.data() + content.size()), sealBytes);
    if (seal.substr(0, sealName.size()) != sealName) return Done{};
    if (seal.substr(sealName.size()) != fingerprintOf(content))
        return Error::bad(path.string()
                          + ": its fingerprint does not fit its content: it is damaged, or another program "
                            "changed it in place");
    return Done{};
}

} // namespace qroar
