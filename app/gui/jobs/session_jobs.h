// Reading and writing session files, on the thread for files (HDF5 is used from that thread only).
#pragma once

#include "app/gui/jobs/job.h"
#include "core/session/session.h"

#include <filesystem>

namespace qroar {

class SaveJob : public Job {
    Q_OBJECT

  public:
    SaveJob(std::shared_ptr<const Session> session, std::filesystem::path path)
        : session_(std::move(session)), path_(std::move(path)) {}

  signals:
    void saved(const std::shared_ptr<const qroar::Session>& session);

  protected:
    void work() override;

  private:
    std::shared_ptr<const Session> session_;
    std::filesystem::path path_;
};

class LoadJob : public Job {
    Q_OBJECT

  public:
    explicit LoadJob(std::filesystem::path path) : path_(std::move(path)) {}

  signals:
    void loaded(const std::shared_ptr<const qroar::Session>& session);

  protected:
    void work() override;

  private:
    std::filesystem::path path_;
};

} // namespace qroar
