// The session file of a run on the command line: saves into it and says, once, when others wrote into it,
// too.
#pragma once

#include "core/analysis/session_output.h"

namespace qroar::cli {

class SessionTarget {
  public:
    /// `base`: what was read from `path` when it was `known`, or null.
    SessionTarget(const std::string& path, std::shared_ptr<const Session> base, FileStamp known)
        : output_(path, std::move(base), std::move(known)) {}
    /// Notes go to standard error.
    Status save(const Session& mine);
    /// Where the results are.
    [[nodiscard]] std::string path() const { return output_.path().string(); }
    /// What scales of that name are called in the file.
    [[nodiscard]] std::string nameOf(const std::string& scales) const;

  private:
    SessionOutput output_;
    bool saidMerged_ = false, saidMoved_ = false;
    std::size_t saidRenames_ = 0;
};

} // namespace qroar::cli
