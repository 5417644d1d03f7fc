// Reading and writing session files, on the thread for files (HDF5 is used from that thread only).
#pragma once

#include "app/gui/jobs/job.h"
#include "core/analysis/session_output.h"
#include "core/session/session.h"

#include <filesystem>

namespace qroar {

class SaveJob : public Job {
    Q_OBJECT

  public:
    /// Whatever stands at `path` is replaced.
    SaveJob(std::shared_ptr<const Session> session, std::filesystem::path path)
        : session_(std::move(session)), path_(std::move(path)) {}
    /// What others added to the file since it was `known` and held `base` is kept (updateSessionFile()).
    SaveJob(std::shared_ptr<const Session> session, std::filesystem::path path,
            std::shared_ptr<const Session> base, FileStamp known)
        : SaveJob(std::move(session), std::move(path)) {
        base_ = std::move(base);
        known_ = std::move(known);
    }

  signals:
    /// `written` holds more than `session` where others had added to the file.
    void saved(const std::shared_ptr<const qroar::Session>& session, const qroar::WrittenSession& written);

  protected:
    void work() override;

  private:
    std::shared_ptr<const Session> session_;
    std::filesystem::path path_;
    std::shared_ptr<const Session> base_;
    std::optional<FileStamp> known_;
};

class LoadJob : public Job {
    Q_OBJECT

  public:
    explicit LoadJob(std::filesystem::path path) : path_(std::move(path)) {}

  signals:
    /// `stamp`: of the file before it was read.
    void loaded(const std::shared_ptr<const qroar::Session>& session, const qroar::FileStamp& stamp);

  protected:
    void work() override;

  private:
    std::filesystem::path path_;
};

} // namespace qroar
