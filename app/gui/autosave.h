// Autosave: which file this process keeps its unsaved results in, and which ones earlier processes left
// behind when they ended without saving. Writing is the job of the heavy thread (jobs/).
#pragma once

#include <QLockFile>
#include <QString>
#include <QStringList>

#include <memory>
#include <vector>

namespace qroar {

class Autosave {
  public:
    /// `folder` is made when it is missing; empty switches autosave off.
    explicit Autosave(const QString& folder);
    ~Autosave();
    Autosave(const Autosave&) = delete;
    Autosave& operator=(const Autosave&) = delete;

    /// Where to write; empty when autosave is off or the folder cannot be written.
    [[nodiscard]] QString path() const { return path_; }
    /// Files of processes that are gone, newest first.
    [[nodiscard]] QStringList orphans() const { return orphans_; }
    /// The open session is this orphan's: from now on discard() means it too, and other processes do not
    /// offer it. Until then it stays, should this process end without saving either.
    void adopt(const QString& orphan);
    /// The results are saved elsewhere or not wanted.
    void discard();
    static void discardOrphan(const QString& path);

  private:
    struct Adopted {
        QString path;
        std::unique_ptr<QLockFile> lock;
    };
    QString path_;
    QStringList orphans_;
    std::unique_ptr<QLockFile> lock_;
    std::vector<Adopted> adopted_;
};

} // namespace qroar
