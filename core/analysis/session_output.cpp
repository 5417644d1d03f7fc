#include "core/analysis/session_output.h"

#include "core/analysis/session_metrics.h"
#include "core/session/session_file.h"

#include <chrono>
#include <fcntl.h>
#include <sys/file.h>
#include <thread>
#include <unistd.h>

namespace qroar {

namespace {

/// Between a look at the file and the rename over it nobody else writes: an advisory lock of the folder,
/// which leaves no file behind. Where the file system has none, or somebody holds it for half a minute, it
/// goes on without: a lock must not cost results.
class FolderLock {
  public:
    explicit FolderLock(const std::filesystem::path& file) {
        const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
        descriptor_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (int tries = 0; descriptor_ >= 0 && tries < 600; ++tries) {
            if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    }
    ~FolderLock() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

  private:
    int descriptor_ = -1;
};

Error taken(const std::filesystem::path& path, const std::string& why) {
    return Error::notFound(path.string() + ": changed while this ran, and cannot take these results: " + why);
}

Outcome<WrittenSession> write(const std::filesystem::path& path, const Session& session, bool merged) {
    if (Status saved = saveSession(session, path, sessionMetrics(session)); !saved) return saved.error();
    return WrittenSession{std::make_shared<const Session>(session), stampOf(path), merged};
}

} // namespace

Outcome<WrittenSession> updateSessionFile(const std::filesystem::path& path, const Session& mine,
                                          const Session* base, const FileStamp& known,
                                          ScalesRenames& renames) {
    const FolderLock lock(path);
    const FileStamp now = stampOf(path);
    if (!now.present() || now == known) return write(path, mine, false);
    const auto theirs = loadSession(path);
    if (!theirs) return taken(path, theirs.error().message);
    auto merged = mergeSessions(mine, base, **theirs, renames);
    if (!merged) return taken(path, merged.error().message);
    return write(path, *merged, true);
}

Outcome<WrittenSession> SessionOutput::save(const Session& mine) {
    // What others added is in the file, not in `mine`: once there was any, every save merges.
    Session own = mine;
    if (others_) {
        auto merged = mergeSessions(mine, base_.get(), *others_, renames_);
        if (!merged) return merged.error();
        own = std::move(*merged);
    }
    auto written = updateSessionFile(path_, own, base_.get(), known_, renames_);
    if (!written && written.error().code == ErrorCode::NotFound && !moved_) return saveBeside(mine);
    if (!written) return written;
    known_ = written->stamp;
    if (written->merged) others_ = written->session;
    return written;
}

Outcome<WrittenSession> SessionOutput::saveBeside(const Session& mine) {
    const std::filesystem::path taken = path_;
    for (int number = 2; std::filesystem::exists(path_); ++number)
        path_ = taken.parent_path()
                / (taken.stem().string() + "-" + std::to_string(number) + taken.extension().string());
    moved_ = true;
    known_ = {};
    return save(mine);
}

} // namespace qroar
