// What the tests of the command line share: running the built program and looking at what it says.
#pragma once

#include "tests/support/safetensors_writer.h"

#include <QProcess>
#include <QStringList>
#include <QtTest>

#include <nlohmann/json.hpp>

#include <initializer_list>

namespace qroar::test {

struct ProgramResult {
    int code = -1;
    QByteArray out, err;
    [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(out.toStdString()); }
};

inline ProgramResult runProgram(const QStringList& arguments, const QString& folder) {
    QProcess process;
    process.setWorkingDirectory(folder);
    process.start(QROAR_PROGRAM, arguments);
    if (!process.waitForFinished(120000)) qFatal("qroar hangs: %s", qPrintable(arguments.join(' ')));
    return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1,
            process.readAllStandardOutput(), process.readAllStandardError()};
}

/// A document of `count` token ids (.u16).
inline void writeIds(const QString& path, int count, int vocab) {
    std::string bytes;
    for (int at = 0; at < count; ++at) {
        const int id = at * 31 % vocab;
        bytes.push_back(static_cast<char>(id & 255));
        bytes.push_back(static_cast<char>(id >> 8));
    }
    writeBytes(path.toStdString(), bytes);
}

/// "model", a random one trained at 64 tokens with a vocabulary of 64, and "a.u16" and "b.u16" for it.
inline void writeModelAndIds(const QString& folder) {
    RandomModelOptions options;
    options.maxPositions = 64;
    makeRandomHfModel((folder + "/model").toStdString(), options, 3);
    writeIds(folder + "/a.u16", 300, options.vocab);
    writeIds(folder + "/b.u16", 200, options.vocab);
}

inline bool hasKeys(const nlohmann::json& object, std::initializer_list<const char*> keys) {
    for (const char* key : keys)
        if (!object.contains(key)) {
            qWarning("missing key %s in %s", key, object.dump().c_str());
            return false;
        }
    return true;
}

} // namespace qroar::test
