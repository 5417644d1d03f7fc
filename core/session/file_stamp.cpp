#include "core/session/file_stamp.h"

#include "core/session/file_seal.h"

#include <fstream>

namespace qroar {

bool FileStamp::operator==(const FileStamp& other) const {
    if (bytes != other.bytes || seal != other.seal) return false;
    return !seal.empty() || time == other.time;
}

FileStamp stampOf(const std::filesystem::path& path) {
    std::error_code none;
    FileStamp stamp;
    if (!std::filesystem::is_regular_file(path, none)) return stamp;
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) return stamp;
    const std::streamoff end = file.tellg(); // of the file that was opened, whatever takes its name meanwhile
    if (end <= 0) return stamp;
    stamp.bytes = static_cast<std::uintmax_t>(end);
    stamp.time = std::filesystem::last_write_time(path, none);
    std::string tail(sealBytes, '\0');
    if (stamp.bytes < sealBytes) return stamp;
    file.seekg(-static_cast<std::streamoff>(sealBytes), std::ios::end);
    file.read(tail.data(), static_cast<std::streamsize>(tail.size()));
    if (file && tail.compare(0, sealName.size(), sealName) == 0) stamp.seal = tail;
    return stamp;
}

} // namespace qroar
