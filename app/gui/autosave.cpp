#include "app/gui/autosave.h"

#include <QDir>
#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QSaveFile>

namespace qroar {

namespace {

/// Of all processes together.
constexpr int mostFiles = 256;
constexpr qint64 largestNote = 64 * 1024;

QString noteOf(const QString& file) {
    return file + QStringLiteral(".origin");
}

void remove(const QString& file) {
    QFile::remove(file);
    QFile::remove(noteOf(file));
}

/// Null when another living process has the file.
std::unique_ptr<QLockFile> locked(const QString& file) {
    auto lock = std::make_unique<QLockFile>(file + ".lock");
    lock->setStaleLockTime(0); // only a dead process makes a lock stale
    return lock->tryLock(0) ? std::move(lock) : nullptr;
}

} // namespace

Autosave::Autosave(const QString& folder) {
    if (folder.isEmpty() || !QDir().mkpath(folder)) return;
    folder_ = folder;
    const QDir directory(folder);
    for (const QString& name : directory.entryList({"autosave-*.h5"}, QDir::Files, QDir::Time))
        if (const QString file = directory.absoluteFilePath(name); locked(file)) orphans_ << file;
}

Autosave::~Autosave() = default;

QString Autosave::pathOf(int id) {
    if (folder_.isEmpty()) return {};
    if (const auto known = slots_.find(id); known != slots_.end()) return known->second.path;
    for (int number = 1; number <= mostFiles; ++number) {
        const QString file = QDir(folder_).absoluteFilePath(QStringLiteral("autosave-%1.h5").arg(number));
        if (QFile::exists(file)) continue;
        auto lock = locked(file);
        if (!lock) continue; // of another session, of this process or another one
        slots_[id] = {file, std::move(lock)};
        return file;
    }
    return {};
}

void Autosave::note(int id, const Origin& origin) const {
    const auto slot = slots_.find(id);
    if (slot == slots_.end()) return;
    QSaveFile file(noteOf(slot->second.path));
    if (!file.open(QIODevice::WriteOnly)) return; // recovery works without
    file.write(
        QJsonDocument(QJsonObject{{"path", origin.path}, {"name", origin.name}, {"folder", origin.folder}})
            .toJson());
    file.commit();
}

Autosave::Origin Autosave::originOf(const QString& file) {
    QFile note(noteOf(file));
    if (note.size() > largestNote || !note.open(QIODevice::ReadOnly)) return {};
    const QJsonObject read = QJsonDocument::fromJson(note.readAll()).object();
    return {read.value("path").toString(), read.value("name").toString(), read.value("folder").toString()};
}

void Autosave::adopt(const QString& orphan, int id) {
    auto lock = locked(orphan);
    if (!lock) return; // another process has it: what becomes of it is decided there
    orphans_.removeAll(orphan);
    adopted_[id].push_back({orphan, std::move(lock)});
}

void Autosave::discard(int id) {
    if (const auto slot = slots_.find(id); slot != slots_.end()) remove(slot->second.path);
    for (const File& orphan : adopted_[id]) remove(orphan.path);
    adopted_.erase(id);
}

void Autosave::discardAll() {
    for (const auto& [id, slot] : slots_) remove(slot.path);
    for (const auto& [id, orphans] : adopted_)
        for (const File& orphan : orphans) remove(orphan.path);
    adopted_.clear();
}

void Autosave::discardOrphan(const QString& path) {
    remove(path);
}

} // namespace qroar
