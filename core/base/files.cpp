#include "core/base/files.h"

#include "core/base/strings.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace qroar {

namespace {

std::string reason() {
    return std::strerror(errno);
}

struct Descriptor {
    int value = -1;
    explicit Descriptor(int v) : value(v) {}
    ~Descriptor() {
        if (value >= 0) ::close(value);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
};

/// Opens for reading and checks that it is a regular file; the size comes back in `bytes`.
Outcome<int> openRegular(const std::filesystem::path& path, std::size_t& bytes) {
    // Without O_NONBLOCK a pipe would keep us waiting for its writer.
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        const bool missing = errno == ENOENT;
        const std::string text = path.string() + ": cannot be opened: " + reason();
        return missing ? Error::notFound(text) : Error::io(text);
    }
    struct stat info {};
    if (::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
        ::close(descriptor);
        return Error::bad(path.string() + ": expected a file, found "
                          + (S_ISDIR(info.st_mode) ? "a directory" : "something else"));
    }
    bytes = static_cast<std::size_t>(info.st_size);
    return descriptor;
}

Status syncToDisk(const std::filesystem::path& path) {
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.value < 0 || ::fsync(file.value) != 0)
        return Error::io(path.string() + ": cannot be synced: " + reason());
    return Done{};
}

} // namespace

Outcome<std::string> readFile(const std::filesystem::path& path, std::size_t limit) {
    std::size_t bytes = 0;
    auto opened = openRegular(path, bytes);
    if (!opened) return opened.error();
    Descriptor file(*opened);
    if (bytes > limit)
        return Error::bad(path.string() + ": " + formatBytes(static_cast<double>(bytes))
                          + " is more than the " + formatBytes(static_cast<double>(limit))
                          + " such a file may have");
    std::string content(bytes, '\0');
    std::size_t got = 0;
    while (got < bytes) {
        const ssize_t n = ::read(file.value, content.data() + got, bytes - got);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return Error::io(path.string() + ": cannot be read: " + reason());
        if (n == 0) break;
        got += static_cast<std::size_t>(n);
    }
    content.resize(got);
    return content;
}

Outcome<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
    std::size_t bytes = 0;
    auto opened = openRegular(path, bytes);
    if (!opened) return opened.error();
    Descriptor file(*opened);
    std::shared_ptr<MappedFile> mapped(new MappedFile);
    mapped->path_ = path;
    if (bytes > 0) {
        void* start = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file.value, 0);
        if (start == MAP_FAILED) return Error::io(path.string() + ": cannot be mapped: " + reason());
        mapped->bytes_ = {static_cast<const std::byte*>(start), bytes};
    }
    return std::shared_ptr<const MappedFile>(std::move(mapped));
}

MappedFile::~MappedFile() {
    if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

Status writeAtomically(const std::filesystem::path& target,
                       const std::function<Status(const std::filesystem::path&)>& write) {
    std::filesystem::path temporary = target;
    temporary += ".partial-" + std::to_string(::getpid());
    std::error_code ignored;
    Status written = write(temporary);
    if (written) written = syncToDisk(temporary);
    if (written && ::rename(temporary.c_str(), target.c_str()) != 0)
        written = Error::io(target.string() + ": cannot be written: " + reason());
    if (!written) {
        std::filesystem::remove(temporary, ignored);
        return written;
    }
    const auto folder = target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
    (void)syncToDisk(folder); // the file is whole either way; not every file system can sync a folder
    return Done{};
}

Status writeTextAtomically(const std::filesystem::path& target, std::string_view text) {
    return writeAtomically(target, [&](const std::filesystem::path& temporary) -> Status {
        std::ofstream out(temporary, std::ios::binary);
        out.write(text.data(), static_cast<std::streamsize>(text.size()));
        out.close();
        if (!out) return Error::io(target.string() + ": cannot be written: " + reason());
        return Done{};
    });
}

} // namespace qroar
