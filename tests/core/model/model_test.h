// What the tests of core/model share: a folder to write into, and checks on messages.
#pragma once

#include "core/base/outcome.h"
#include "tests/support/safetensors_writer.h"

#include <QTemporaryDir>
#include <QTest>

#include <filesystem>
#include <string>
#include <vector>

namespace qroar::test {

/// A temporary folder; file() writes bytes under a name and gives the path.
class Scratch {
  public:
    [[nodiscard]] std::filesystem::path path(const std::string& name = {}) const {
        return std::filesystem::path(folder_.path().toStdString()) / name;
    }
    [[nodiscard]] std::filesystem::path file(const std::string& name, const std::string& bytes) const {
        std::filesystem::create_directories(path(name).parent_path());
        writeBytes(path(name), bytes);
        return path(name);
    }

  private:
    QTemporaryDir folder_;
};

/// A model of 4 heads, 2 of keys and values, of these sizes.
inline RandomModelOptions ofSize(int hidden, int headDim, int intermediate) {
    RandomModelOptions options;
    options.hidden = hidden;
    options.headDim = headDim;
    options.intermediate = intermediate;
    return options;
}

} // namespace qroar::test

/// The outcome is an error whose message holds every one of the texts.
#define QROAR_REFUSED(outcome, ...)                                                                          \
    do {                                                                                                     \
        const auto refused = (outcome);                                                                      \
        QVERIFY2(!refused.ok(), "expected an error");                                                        \
        for (const std::string& text : std::vector<std::string>{__VA_ARGS__})                                \
            QVERIFY2(refused.error().message.find(text) != std::string::npos,                                \
                     ("\"" + text + "\" is not in: " + refused.error().message).c_str());                    \
    } while (false)

#define QROAR_OPENED(outcome)                                                                                \
    QVERIFY2((outcome).ok(), (outcome).ok() ? "" : (outcome).error().message.c_str())
