// StagingFolder: an export is written into a hidden sibling of its target and appears under its name all at
// once, when it is complete and verified. Whatever ends it before that leaves the target as it was and
// nothing beside it. Not here: what is written.
#pragma once

#include "core/base/outcome.h"

#include <filesystem>
#include <string>

namespace qroar {

class StagingFolder {
  public:
    /// Refuses: a parent that is not there or not writable, a target that is the source's folder, holds it or
    /// (unless the source is a single file) lies inside it, a target that is not a folder, and one that holds
    /// anything, unless `replace` is set and it is a model folder: config.json and other plain files, no
    /// folders (so that a slip of the keyboard cannot cost more than a model). A target that is a symbolic
    /// link is followed. `source` is the model's folder or file;
    /// empty: what is written comes from nowhere.
    static Outcome<StagingFolder> create(const std::filesystem::path& target,
                                         const std::filesystem::path& source, bool replace);
    StagingFolder(StagingFolder&& other) noexcept;
    StagingFolder& operator=(StagingFolder&&) = delete;
    ~StagingFolder(); ///< removes what was not committed

    [[nodiscard]] const std::filesystem::path& path() const { return folder_; }
    [[nodiscard]] const std::filesystem::path& target() const { return target_; }
    /// Syncs the folder and gives it its name; what it replaces is exchanged with it, then removed.
    Status commit();

  private:
    StagingFolder(std::filesystem::path folder, std::filesystem::path target, bool replace)
        : folder_(std::move(folder)), target_(std::move(target)), replace_(replace) {}
    Status exchange();
    std::filesystem::path folder_, target_;
    bool replace_ = false;
};

/// The checks of StagingFolder::create() without creating anything; the resolved target. For estimates.
Outcome<std::filesystem::path> checkTarget(const std::filesystem::path& target,
                                           const std::filesystem::path& source, bool replace);

/// Error with both numbers when the file system of `folder` has less room than `bytes`; `what` needs them.
Status checkFreeSpace(const std::filesystem::path& folder, std::uint64_t bytes,
                      const std::string& what = "the export");

} // namespace qroar
