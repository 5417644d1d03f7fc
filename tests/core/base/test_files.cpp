// Reading refuses what is not a plain file of bounded size; writing leaves the old or the new file, whole.
#include "core/base/files.h"

#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include <chrono>
#include <fstream>
#include <future>
#include <sys/stat.h>

using namespace qroar;

namespace {
std::string content(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}
bool names(const Error& error, const std::string& text) {
    return error.message.find(text) != std::string::npos;
}
} // namespace

class TestFiles : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    [[nodiscard]] std::filesystem::path at(const char* name) const {
        return std::filesystem::path(folder_.path().toStdString()) / name;
    }
    [[nodiscard]] int entries() const {
        int count = 0;
        for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(at("write"))) ++count;
        return count;
    }

  private slots:
    void initTestCase() {
        QVERIFY(folder_.isValid());
        std::ofstream(at("five"), std::ios::binary) << std::string("a\0b\nc", 5);
        std::ofstream(at("empty"), std::ios::binary) << "";
        std::filesystem::create_directory(at("write"));
    }

    void readsBytesAsTheyAre() {
        const auto text = readFile(at("five"), 5);
        QVERIFY(text.ok());
        QCOMPARE(*text, std::string("a\0b\nc", 5));
        const auto none = readFile(at("empty"), 0);
        QVERIFY(none.ok() && none->empty());
    }

    void readRefusals() {
        const auto large = readFile(at("five"), 4);
        QVERIFY(!large && large.error().code == ErrorCode::BadInput && names(large.error(), "five"));
        const auto missing = readFile(at("no-such-file"), 100);
        QVERIFY(!missing && missing.error().code == ErrorCode::NotFound
                && names(missing.error(), "no-such-file"));
        const auto directory = readFile(at("write"), 100);
        QVERIFY(!directory && names(directory.error(), "directory"));
        const auto device = readFile("/dev/zero", 100);
        QVERIFY(!device);
    }

    void pipesAreRefusedWithoutWaiting() {
        QCOMPARE(::mkfifo(at("pipe").c_str(), 0600), 0);
        auto reading = std::async(std::launch::async, [this] { return readFile(at("pipe"), 100).ok(); });
        const bool waited = reading.wait_for(std::chrono::seconds(2)) == std::future_status::timeout;
        if (waited)
            QFile(QString::fromStdString(at("pipe").string())).open(QIODevice::WriteOnly); // let it go
        QVERIFY2(!waited, "a pipe without a writer makes the reader wait");
        QVERIFY(!reading.get());
    }

    void mapsTheWholeFile() {
        const auto file = MappedFile::open(at("five"));
        QVERIFY(file.ok());
        QCOMPARE((*file)->bytes().size(), std::size_t{5});
        QVERIFY((*file)->bytes()[3] == std::byte{'\n'});
        const auto empty = MappedFile::open(at("empty"));
        QVERIFY(empty.ok() && (*empty)->bytes().empty());
        const auto missing = MappedFile::open(at("no-such-file"));
        QVERIFY(!missing && missing.error().code == ErrorCode::NotFound);
    }

    void mapOutlivesTheNameOfItsFile() {
        std::ofstream(at("doomed"), std::ios::binary) << "still here";
        const auto file = MappedFile::open(at("doomed"));
        QVERIFY(file.ok());
        std::filesystem::remove(at("doomed"));
        QVERIFY((*file)->bytes()[0] == std::byte{'s'});
    }

    void writesWholeFilesOrNothing() {
        const auto target = at("write/result.txt");
        QVERIFY(writeTextAtomically(target, "first").ok());
        QCOMPARE(content(target), std::string("first"));
        QVERIFY(writeTextAtomically(target, "second").ok());
        QCOMPARE(content(target), std::string("second"));

        const auto failed = writeAtomically(target, [](const std::filesystem::path& temporary) -> Status {
            std::ofstream(temporary) << "half a fi";
            return Error::io("disk full");
        });
        QVERIFY(!failed);
        QCOMPARE(failed.error().message, std::string("disk full"));
        QCOMPARE(content(target), std::string("second"));
        QCOMPARE(entries(), 1); // no temporary file is left
    }

    void writingIntoAMissingFolderNamesIt() {
        const auto status = writeTextAtomically(at("nowhere/result.txt"), "text");
        QVERIFY(!status);
        QVERIFY2(names(status.error(), "nowhere"), status.error().message.c_str());
    }
};

QTEST_APPLESS_MAIN(TestFiles)
#include "test_files.moc"
