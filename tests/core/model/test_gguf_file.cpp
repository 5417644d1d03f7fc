// The container of GGUF files: version 2, and every limit that ggml's reader and we set (counts, lengths,
// types, dimensions, offsets, parts), each broken alone in a file that is otherwise fine. Files are put
// together byte by byte here.
#include "core/model/gguf_file.h"
#include "tests/core/model/model_test.h"

#include <cstring>

using namespace qroar;
using namespace qroar::test;

namespace {

template<class T>
std::string little(T value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}
std::string word(std::uint32_t value) {
    return little(value);
}
std::string length(std::uint64_t value) {
    return little(value);
}
std::string counted(const std::string& text) {
    return length(text.size()) + text;
}

/// A file of parts that can be replaced one by one.
struct Parts {
    std::uint32_t version = 3;
    std::uint64_t tensors = 2, pairs = 1;
    std::string keys = counted("k") + word(4) + word(7);
    std::string first = tensor("a", {3}, 0, 0), second = tensor("b", {2, 4}, 1, 32);
    std::string tail{};                       ///< behind the directory
    std::string data = std::string(48, '\1'); ///< 12 bytes and padding, 16 bytes

    static std::string tensor(const std::string& name, const std::vector<std::uint64_t>& dims,
                              std::uint32_t type, std::uint64_t offset) {
        std::string bytes = counted(name) + word(static_cast<std::uint32_t>(dims.size()));
        for (const std::uint64_t extent : dims) bytes += length(extent);
        return bytes + word(type) + length(offset);
    }
    [[nodiscard]] std::string bytes() const {
        std::string file =
            "GGUF" + word(version) + length(tensors) + length(pairs) + keys + first + second + tail;
        file.resize((file.size() + 31) / 32 * 32);
        return file + data;
    }
};

} // namespace

class TestGgufFile : public QObject {
    Q_OBJECT
    Scratch scratch_;

    Outcome<GgufFile> open(const Parts& parts) {
        return GgufFile::open(scratch_.file("file.gguf", parts.bytes()));
    }

  private slots:
    void versions() {
        for (const std::uint32_t version : {2U, 3U}) {
            Parts parts;
            parts.version = version;
            const auto file = open(parts);
            QROAR_OPENED(file);
            QCOMPARE(file->version(), static_cast<int>(version));
            QCOMPARE(file->find("k")->integer().value_or(0), 7LL);
            const TensorView* b = file->tensor("b");
            QVERIFY(b && b->type == DType::F16);
            QCOMPARE(b->shape, (std::vector<long long>{4, 2})); // reversed
            QCOMPARE(static_cast<int>(*static_cast<const char*>(static_cast<const void*>(b->data))), 1);
        }
    }

    void everyValueType() {
        Parts parts;
        parts.keys.clear();
        const std::pair<int, std::string> scalars[] = {{0, "\xFF"},
                                                       {1, "\xFF"},
                                                       {2, little<std::uint16_t>(65535)},
                                                       {3, little<std::int16_t>(-2)},
                                                       {4, word(4000000000U)},
                                                       {5, little<std::int32_t>(-5)},
                                                       {6, little(1.5F)},
                                                       {7, "\1"},
                                                       {8, counted("text")},
                                                       {10, length(1ULL << 63)},
                                                       {11, little<std::int64_t>(-11)},
                                                       {12, little(2.5)}};
        for (const auto& [type, payload] : scalars)
            parts.keys +=
                counted("t" + std::to_string(type)) + word(static_cast<std::uint32_t>(type)) + payload;
        parts.keys += counted("list") + word(9) + word(3) + length(2) + little<std::int16_t>(-1)
                      + little<std::int16_t>(9);
        parts.keys += counted("flags") + word(9) + word(7) + length(2) + std::string("\1\0", 2);
        parts.pairs = 14;
        const auto file = open(parts);
        QROAR_OPENED(file);
        const auto integer = [&](const char* key) { return file->find(key)->integer(); };
        QVERIFY(integer("t0") == 255 && integer("t1") == -1 && integer("t2") == 65535);
        QVERIFY(integer("t3") == -2 && integer("t4") == 4000000000LL && integer("t5") == -5);
        QVERIFY(!integer("t6") && file->find("t6")->number() == 1.5 && file->find("t7")->boolean() == true);
        QVERIFY(file->find("t8")->text() == "text" && !integer("t10") && integer("t11") == -11);
        QVERIFY(file->find("t12")->number() == 2.5);
        QVERIFY(file->find("list")->numbers() == (std::vector<double>{-1, 9}));
        QVERIFY(file->find("flags")->flags() == (std::vector<bool>{true, false}));
        QVERIFY(!file->find("list")->flags() && !file->find("flags")->numbers());
    }

    void limits_data() {
        QTest::addColumn<std::string>("bytes");
        QTest::addColumn<QString>("why");
        const auto row = [](const char* name, const char* why, auto spoil) {
            Parts parts;
            spoil(parts);
            QTest::newRow(name) << parts.bytes() << QString(why);
        };
        const std::string big = length(1ULL << 60);
        row("tensors", "counts", [](Parts& p) { p.tensors = 1ULL << 60; });
        row("keys", "counts", [](Parts& p) { p.pairs = 1ULL << 60; });
        row("one key too many", "1 to 4 dimensions", [](Parts& p) { p.pairs = 2; });
        row("one tensor too many", "1 to 4 dimensions", [](Parts& p) { p.tensors = 3; });
        row("key length", "at most 65535 bytes", [&](Parts& p) { p.keys = big + "k" + word(4) + word(7); });
        row("long key", "at most 65535 bytes",
            [](Parts& p) { p.keys = counted(std::string(65536, 'k')) + word(4) + word(7); });
        row("text length", "a text of", [&](Parts& p) { p.keys = counted("k") + word(8) + big; });
        row("text beyond the end", "ends inside key \"k\"",
            [](Parts& p) { p.keys = counted("k") + word(8) + length(1 << 20); });
        row("value type", "found 13", [](Parts& p) { p.keys = counted("k") + word(13) + word(7); });
        row("bool", "bool", [](Parts& p) { p.keys = counted("k") + word(7) + "\2"; });
        row("nested array", "nested arrays",
            [](Parts& p) { p.keys = counted("k") + word(9) + word(9) + length(1) + word(0) + length(0); });
        row("array type", "does not exist",
            [](Parts& p) { p.keys = counted("k") + word(9) + word(99) + length(1); });
        row("array length", "elements", [&](Parts& p) { p.keys = counted("k") + word(9) + word(0) + big; });
        row("array beyond the end", "ends inside key \"k\"",
            [](Parts& p) { p.keys = counted("k") + word(9) + word(12) + length(1 << 20); });
        row("text in an array", "element 1",
            [&](Parts& p) { p.keys = counted("k") + word(9) + word(8) + length(2) + counted("fine") + big; });
        row("key twice", "occurs twice", [](Parts& p) {
            p.keys += p.keys;
            p.pairs = 2;
        });
        row("name length", "at most 64 bytes", [](Parts& p) {
            p.second = Parts::tensor(std::string(65, 'b'), {2, 4}, 1, 32);
        });
        row("name twice", "occurs twice", [](Parts& p) { p.second = Parts::tensor("a", {2, 4}, 1, 32); });
        row("no dimensions", "found 0", [](Parts& p) { p.second = Parts::tensor("b", {}, 1, 32); });
        row("five dimensions", "found 5", [](Parts& p) {
            p.second = Parts::tensor("b", {1, 1, 1, 1, 1}, 1, 32);
        });
        row("empty dimension", "dimension 1", [](Parts& p) { p.second = Parts::tensor("b", {2, 0}, 1, 32); });
        row("overflowing product", "dimension 1", [](Parts& p) {
            p.second = Parts::tensor("b", {1ULL << 40, 1ULL << 40}, 1, 32);
        });
        row("removed type", "number 4", [](Parts& p) { p.second = Parts::tensor("b", {32, 1}, 4, 32); });
        row("part of a block", "whole number of Q4_0 blocks", [](Parts& p) {
            p.second = Parts::tensor("b", {16, 2}, 2, 32);
        });
        row("offset", "at offset 32", [](Parts& p) { p.second = Parts::tensor("b", {2, 4}, 1, 64); });
        row("overlap", "at offset 32", [](Parts& p) { p.second = Parts::tensor("b", {2, 4}, 1, 0); });
        row("data cut", "expected 16 bytes", [](Parts& p) { p.data.resize(47); });
        row("alignment 0", "power of two",
            [](Parts& p) { p.keys = counted("general.alignment") + word(4) + word(0); });
        row("alignment 24", "power of two",
            [](Parts& p) { p.keys = counted("general.alignment") + word(4) + word(24); });
        row("alignment of text", "power of two",
            [](Parts& p) { p.keys = counted("general.alignment") + word(8) + counted("32"); });
        row("alignment 64", "at offset 64",
            [](Parts& p) { p.keys = counted("general.alignment") + word(4) + word(64); });
    }
    void limits() {
        QFETCH(std::string, bytes);
        QFETCH(QString, why);
        const auto file = GgufFile::open(scratch_.file("file.gguf", bytes));
        QVERIFY(!file.ok());
        QVERIFY2(file.error().message.find(why.toStdString()) != std::string::npos,
                 file.error().message.c_str());
        QVERIFY2(file.error().message.find("file.gguf") != std::string::npos, file.error().message.c_str());
    }

    void partsOfASplitModel() {
        const auto part = [&](int number, int count, const std::string& tensor, std::int32_t all = 2) {
            Parts parts;
            parts.tensors = 1;
            parts.pairs = 3;
            parts.keys = counted("split.no") + word(2) + little(static_cast<std::uint16_t>(number))
                         + counted("split.count") + word(2) + little(static_cast<std::uint16_t>(count))
                         + counted("split.tensors.count") + word(5) + little(all);
            parts.first = Parts::tensor(tensor, {3}, 0, 0);
            parts.second.clear();
            return parts.bytes();
        };
        const auto refused = [&](const char* name, const char* why) {
            const auto file = GgufFile::open(scratch_.path(name));
            QVERIFY2(!file.ok(), why);
            QVERIFY2(file.error().message.find(why) != std::string::npos, file.error().message.c_str());
        };
        writeBytes(scratch_.path("m-00001-of-00002.gguf"), part(0, 2, "a"));
        writeBytes(scratch_.path("m-00002-of-00002.gguf"), part(1, 2, "b"));
        const auto whole = GgufFile::open(scratch_.path("m-00002-of-00002.gguf"));
        QROAR_OPENED(whole);
        QVERIFY(whole->parts() == 2 && whole->tensor("a") && whole->tensor("b"));
        writeBytes(scratch_.path("m-00002-of-00002.gguf"), part(1, 2, "a"));
        refused("m-00001-of-00002.gguf", "in an earlier part already");
        writeBytes(scratch_.path("m-00002-of-00002.gguf"), part(1, 3, "b"));
        refused("m-00001-of-00002.gguf", "expected part 2 of 2, found part 2 of 3");
        writeBytes(scratch_.path("m-00002-of-00002.gguf"), part(1, 2, "b"));
        writeBytes(scratch_.path("m-00001-of-00002.gguf"), part(0, 2, "a", 7));
        refused("m-00001-of-00002.gguf", "split.tensors.count");
        writeBytes(scratch_.path("m-00001-of-00002.gguf"), part(5, 2, "a"));
        refused("m-00001-of-00002.gguf", "split.no");
        writeBytes(scratch_.path("m-00001-of-00002.gguf"), part(0, 0, "a"));
        refused("m-00001-of-00002.gguf", "split.count");
        writeBytes(scratch_.path("other.gguf"), part(0, 2, "a"));
        refused("other.gguf", "NAME-00001-of-00003.gguf");
    }
};

QTEST_APPLESS_MAIN(TestGgufFile)
#include "test_gguf_file.moc"
