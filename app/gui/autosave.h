// Autosave: which files this process keeps its unsaved results in, one for each open session, and which ones
// earlier processes left behind when they ended without saving. Writing is the job of the thread for files
// (jobs/).
#pragma once

#include <QLockFile>
#include <QString>
#include <QStringList>

#include <map>
#include <memory>
#include <vector>

namespace qroar {

class Autosave {
  public:
    /// What the results in a file are of.
    struct Origin {
        QString path;   ///< of the session file; empty: it had none
        QString name;   ///< of the session, as its tab said
        QString folder; ///< that relative paths of its inputs begin in
    };

    /// `folder` is made when it is missing; empty switches autosave off.
    explicit Autosave(const QString& folder);
    ~Autosave();
    Autosave(const Autosave&) = delete;
    Autosave& operator=(const Autosave&) = delete;

    /// Where to write session `id` (any number that tells it from the others), always the same file; empty
    /// when autosave is off or the folder cannot be written.
    [[nodiscard]] QString pathOf(int id);
    /// Beside the file of session `id`, for whoever finds it. Nothing happens before pathOf(id).
    void note(int id, const Origin& origin) const;
    /// What was noted of a file; all empty where nothing was.
    [[nodiscard]] static Origin originOf(const QString& file);
    /// Files of processes that are gone, newest first.
    [[nodiscard]] QStringList orphans() const { return orphans_; }
    /// Session `id` is this orphan's: from now on discard(id) means it too, and other processes do not offer
    /// it. Until then it stays, should this process end without saving either.
    void adopt(const QString& orphan, int id);
    /// The results of session `id` are saved elsewhere or not wanted.
    void discard(int id);
    void discardAll();
    static void discardOrphan(const QString& path);

  private:
    struct File {
        QString path;
        std::unique_ptr<QLockFile> lock;
    };
    QString folder_;
    QStringList orphans_;
    std::map<int, File> slots_;                ///< by session
    std::map<int, std::vector<File>> adopted_; ///< by session
};

} // namespace qroar
