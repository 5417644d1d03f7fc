// Runs the built program as its users do, and looks at what it printed. For the tests of this folder.
#pragma once

#include "tests/support/safetensors_writer.h"

#include <QProcess>
#include <QtTest>

#include <nlohmann/json.hpp>

namespace qroar::test {

using Json = nlohmann::json;

struct Result {
    int code = -1;
    QByteArray out, err;
    [[nodiscard]] Json json() const { return Json::parse(out.toStdString()); }
};

inline Result runProgram(const QStringList& arguments, const QString& folder) {
    QProcess process;
    process.setWorkingDirectory(folder);
    process.start(QROAR_PROGRAM, arguments);
    if (!process.waitForFinished(120000)) qFatal("qroar hangs: %s", qPrintable(arguments.join(' ')));
    return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1,
            process.readAllStandardOutput(), process.readAllStandardError()};
}

/// Token ids 0, 31, 62, ... modulo `vocab` as .u16.
inline void writeIds(const QString& path, int count, int vocab) {
    std::string bytes;
    for (int at = 0; at < count; ++at) {
        const int id = at * 31 % vocab;
        bytes.push_back(static_cast<char>(id & 255));
        bytes.push_back(static_cast<char>(id >> 8));
    }
    writeBytes(path.toStdString(), bytes);
}

inline bool hasKeys(const Json& object, std::initializer_list<const char*> keys) {
    for (const char* key : keys)
        if (!object.contains(key)) {
            qWarning("missing key %s in %s", key, object.dump().c_str());
            return false;
        }
    return true;
}

} // namespace qroar::test
