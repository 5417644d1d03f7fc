// SessionOutput: the session file that a run writes into, again and again, while others may write into it,
// too (another command, the window). What they added since it was read is kept (session_merge.h); a file that
// now holds another run's session is not touched: the results go beside it. Not here: reading it in the first
// place, and what to run.
#pragma once

#include "core/session/file_stamp.h"
#include "core/session/session_merge.h"

#include <memory>

namespace qroar {

/// What one save did.
struct WrittenSession {
    std::shared_ptr<const Session> session; ///< what the file holds now
    FileStamp stamp;                        ///< of the file as it is now
    bool merged = false;                    ///< others had changed the file: their additions are in `session`
};

/// Writes `mine` with its metrics over `path`, under a lock of its folder. When the file is no longer what
/// `known` says, what others added since `base` (null: nothing was known of it) is kept. Errors: those of
/// saveSession(); with code NotFound: the file holds something else by now, and was left as it is.
Outcome<WrittenSession> updateSessionFile(const std::filesystem::path& path, const Session& mine,
                                          const Session* base, const FileStamp& known,
                                          ScalesRenames& renames);

class SessionOutput {
  public:
    /// `base`: the session read from `path` when it was `known` (or null), which the run goes on with or
    /// replaces.
    SessionOutput(std::filesystem::path path, std::shared_ptr<const Session> base, FileStamp known)
        : path_(std::move(path)), base_(std::move(base)), known_(std::move(known)) {}

    /// Writes what the run has so far.
    Outcome<WrittenSession> save(const Session& mine);
    /// Where it is written: as named, unless something else took that place ("run-2.h5").
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] bool moved() const { return moved_; }
    /// New names of searches and what-ifs, where others took theirs.
    [[nodiscard]] const ScalesRenames& renames() const { return renames_; }

  private:
    Outcome<WrittenSession> saveBeside(const Session& mine);

    std::filesystem::path path_;
    std::shared_ptr<const Session> base_, others_;
    FileStamp known_;
    ScalesRenames renames_;
    bool moved_ = false;
};

} // namespace qroar
