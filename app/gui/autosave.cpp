#include "app/gui/autosave.h"

#include <QDir>
#include <QFile>

namespace qroar {

namespace {
constexpr int maxProcesses = 64;
}

Autosave::Autosave(const QString& folder) {
    if (folder.isEmpty() || !QDir().mkpath(folder)) return;
    const QDir directory(folder);
    for (const QString& name : directory.entryList({"autosave-*.h5"}, QDir::Files, QDir::Time)) {
        const QString file = directory.absoluteFilePath(name);
        QLockFile lock(file + ".lock");
        lock.setStaleLockTime(0); // only a dead process makes a lock stale
        if (lock.tryLock(0)) orphans_ << file;
    }
    for (int number = 1; number <= maxProcesses && path_.isEmpty(); ++number) {
        const QString file = directory.absoluteFilePath(QStringLiteral("autosave-%1.h5").arg(number));
        if (QFile::exists(file)) continue;
        auto lock = std::make_unique<QLockFile>(file + ".lock");
        lock->setStaleLockTime(0);
        if (!lock->tryLock(0)) continue;
        lock_ = std::move(lock);
        path_ = file;
    }
}

Autosave::~Autosave() = default;

void Autosave::adopt(const QString& orphan) {
    auto lock = std::make_unique<QLockFile>(orphan + ".lock");
    lock->setStaleLockTime(0);
    if (!lock->tryLock(0)) return; // another process has it: what becomes of it is decided there
    orphans_.removeAll(orphan);
    adopted_.push_back({orphan, std::move(lock)});
}

void Autosave::discard() {
    if (!path_.isEmpty()) QFile::remove(path_);
    for (const Adopted& orphan : adopted_) QFile::remove(orphan.path);
    adopted_.clear();
}

void Autosave::discardOrphan(const QString& path) {
    QFile::remove(path);
}

} // namespace qroar
