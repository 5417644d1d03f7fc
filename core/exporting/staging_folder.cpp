#include "core/exporting/staging_folder.h"

#include "core/base/strings.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace qroar {

namespace fs = std::filesystem;

namespace {

std::string reason() {
    return std::strerror(errno);
}

/// Whether `inner` is `outer` or lies below it; both absolute and without links.
bool contains(const fs::path& outer, const fs::path& inner) {
    const auto mismatch = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
    return mismatch.first == outer.end();
}

/// Absolute, links resolved, no trailing separator; what does not exist stays as written.
fs::path resolved(const fs::path& path) {
    std::error_code error;
    fs::path full = fs::weakly_canonical(fs::absolute(path), error);
    if (error) full = fs::absolute(path).lexically_normal();
    return full.has_filename() ? full : full.parent_path();
}

/// A folder that an export may replace: a model, and nothing that could be more than one.
Status checkReplaceable(const fs::path& target) {
    bool config = false;
    std::error_code error;
    for (auto at = fs::directory_iterator(target, error); !error && at != fs::directory_iterator();
         at.increment(error)) {
        if (!at->is_regular_file(error))
            return Error::bad(
                target.string() + ": holds " + at->path().filename().string()
                + ", which is not a plain file: such a folder is not replaced; name another one");
        config = config || at->path().filename() == "config.json";
    }
    if (error) return Error::io(target.string() + ": cannot be read: " + error.message());
    if (!config)
        return Error::bad(target.string()
                          + ": is not a model folder (no config.json): it is not replaced; name another one");
    return Done{};
}

Status checkApart(const fs::path& target, const fs::path& source) {
    std::error_code ignored;
    const fs::path model = resolved(source);
    const bool isFolder = fs::is_directory(model, ignored);
    const fs::path folder = isFolder ? model : model.parent_path();
    if (target == folder || (isFolder && contains(folder, target)))
        return Error::bad(target.string() + ": lies in the folder of the model that is exported ("
                          + folder.string()
                          + "): an export never changes its source; name a folder elsewhere");
    if (contains(target, folder))
        return Error::bad(target.string() + ": holds the model that is exported (" + folder.string()
                          + "); name another folder");
    return Done{};
}

void syncFolder(const fs::path& folder) {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    (void)::fsync(descriptor); // not every file system can sync a folder
    ::close(descriptor);
}

} // namespace

Outcome<fs::path> checkTarget(const fs::path& target, const fs::path& source, bool replace) {
    if (target.empty()) return Error::bad("no folder to export into was named");
    const fs::path full = resolved(target);
    if (!full.has_filename()) return Error::bad(full.string() + ": is not a folder to export into");
    std::error_code error;
    if (!fs::is_directory(full.parent_path(), error))
        return Error::notFound(full.parent_path().string() + ": no such folder for " + target.string());
    if (!source.empty())
        if (Status apart = checkApart(full, source); !apart) return apart.error();
    if (!fs::exists(fs::symlink_status(full, error))) return full;
    if (!fs::is_directory(full, error))
        return Error::bad(full.string() + ": expected a folder to export into, found something else");
    const bool empty = fs::is_empty(full, error);
    if (error) return Error::io(full.string() + ": cannot be read: " + error.message());
    if (empty) return full;
    if (!replace)
        return Error::bad(full.string()
                          + ": is not empty: name a new folder, or have the model in it replaced (--force)");
    if (Status replaceable = checkReplaceable(full); !replaceable) return replaceable.error();
    return full;
}

Status checkFreeSpace(const fs::path& folder, std::uint64_t bytes, const std::string& what) {
    std::error_code error;
    const fs::space_info space = fs::space(folder, error);
    if (error || space.available >= bytes) return Done{}; // unknown: writing will tell
    return Error::io(folder.string() + ": not enough space: " + what + " needs "
                     + formatBytes(static_cast<double>(bytes)) + " ("
                     + formatCount(static_cast<long long>(bytes)) + " bytes), "
                     + formatBytes(static_cast<double>(space.available)) + " ("
                     + formatCount(static_cast<long long>(space.available)) + " bytes) are free");
}

Outcome<StagingFolder> StagingFolder::create(const fs::path& target, const fs::path& source, bool replace) {
    auto full = checkTarget(target, source, replace);
    if (!full) return full.error();
    const std::string stem =
        "." + full->filename().string() + ".partial-" + std::to_string(static_cast<long>(::getpid()));
    for (int attempt = 0; attempt < 100; ++attempt) {
        const fs::path folder =
            full->parent_path() / (stem + (attempt == 0 ? "" : "-" + std::to_string(attempt)));
        if (::mkdir(folder.c_str(), 0755) == 0) return StagingFolder(folder, *full, replace);
        if (errno != EEXIST) break;
    }
    return Error::io(full->parent_path().string() + ": cannot be written: " + reason());
}

StagingFolder::StagingFolder(StagingFolder&& other) noexcept
    : folder_(std::exchange(other.folder_, {})), target_(std::move(other.target_)), replace_(other.replace_) {
}

StagingFolder::~StagingFolder() {
    std::error_code ignored;
    if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

/// Puts the new folder in the place of a full one: in one step where the file system can, else in two.
Status StagingFolder::exchange() {
    if (Status replaceable = checkReplaceable(target_); !replaceable) return replaceable;
    if (::renameat2(AT_FDCWD, folder_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) == 0) {
        std::error_code ignored;
        fs::remove_all(folder_, ignored); // now the old one
        return Done{};
    }
    fs::path old = folder_;
    old += "-replaced";
    if (::rename(target_.c_str(), old.c_str()) != 0)
        return Error::io(target_.string() + ": cannot be replaced: " + reason());
    if (::rename(folder_.c_str(), target_.c_str()) != 0) {
        const std::string why = reason();
        (void)::rename(old.c_str(), target_.c_str());
        return Error::io(target_.string() + ": cannot be replaced: " + why);
    }
    std::error_code ignored;
    fs::remove_all(old, ignored);
    return Done{};
}

Status StagingFolder::commit() {
    syncFolder(folder_);
    std::error_code ignored;
    if (replace_ && fs::exists(target_, ignored) && !fs::is_empty(target_, ignored)) {
        if (Status exchanged = exchange(); !exchanged) return exchanged;
    } else if (::rename(folder_.c_str(), target_.c_str()) != 0) { // never over a folder that holds anything
        return Error::io(target_.string() + ": cannot be put in place: " + reason());
    }
    syncFolder(target_.parent_path());
    folder_.clear();
    return Done{};
}

} // namespace qroar
