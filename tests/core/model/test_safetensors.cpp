// SafetensorsFile: what is valid opens as written, and every rule of the format refuses by name.
#include "core/model/safetensors.h"
#include "tests/core/model/model_test.h"

#include <cstring>

using namespace qroar;
using namespace qroar::test;

namespace {
const std::string eight(8, '\1');
/// An entry of the header.
std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
    return "\"" + name + "\": {\"dtype\": \"" + dtype + "\", \"shape\": " + shape
           + ", \"data_offsets\": " + offsets + "}";
}
const std::string good = entry("a", "F32", "[2]", "[0, 8]");
} // namespace

class TestSafetensors : public QObject {
    Q_OBJECT
    Scratch scratch_;

  private slots:
    void validFileOpensAsWritten() {
        const auto path =
            scratch_.file("valid.safetensors", safetensorsBytes({makeTensor("w", {2, 3}, {1, 2, 3, -4, 5, 6}),
                                                                 makeTensor("h", {2}, {0.5f, -2.0f}, "F16"),
                                                                 makeTensor("b", {1}, {3.0f}, "BF16")},
                                                                {{"format", "pt"}, {"made by", "a test"}}));
        const auto file = SafetensorsFile::open(path);
        QROAR_OPENED(file);
        QCOMPARE((*file)->tensors().size(), std::size_t{3});
        const TensorView* w = (*file)->find("w");
        QVERIFY(w && w->type == DType::F32);
        QCOMPARE(w->shape, (std::vector<long long>{2, 3}));
        QCOMPARE(w->toFloat(), (std::vector<float>{1, 2, 3, -4, 5, 6}));
        QCOMPARE(w->file, std::string("valid.safetensors"));
        float part[2] = {};
        w->toFloat(part, 3, 2);
        QVERIFY(part[0] == -4 && part[1] == 5);
        QCOMPARE((*file)->find("h")->toFloat(), (std::vector<float>{0.5f, -2.0f}));
        QCOMPARE((*file)->find("b")->toFloat(), (std::vector<float>{3.0f}));
        QCOMPARE(w->offset, (*file)->dataStart());
        QCOMPARE((*file)->metadata().at(1).second, std::string("a test"));
        QVERIFY(!(*file)->find("x") && !(*file)->find(""));
    }

    void viewsOutliveTheFileObject() {
        TensorView view;
        {
            const auto file = SafetensorsFile::open(
                scratch_.file("short.safetensors", safetensorsBytes({makeTensor("w", {1}, {7})})));
            QROAR_OPENED(file);
            view = *(*file)->find("w");
        }
        QCOMPARE(view.toFloat(), (std::vector<float>{7}));
    }

    void tensorsComeInByteOrderWhateverTheHeaderOrder() {
        const auto path = scratch_.file("order.safetensors",
                                        rawSafetensors("{" + entry("second", "U8", "[5]", "[3, 8]") + ","
                                                           + entry("first", "I8", "[3]", "[0, 3]") + "}",
                                                       eight));
        const auto file = SafetensorsFile::open(path);
        QROAR_OPENED(file);
        QCOMPARE((*file)->tensors()[0].name, std::string("first"));
        QCOMPARE((*file)->tensors()[1].name, std::string("second"));
    }

    void alsoValid_data() {
        QTest::addColumn<std::string>("header");
        QTest::addColumn<std::string>("data");
        QTest::addColumn<int>("tensors");
        QTest::newRow("no tensors") << std::string("{}") << std::string() << 0;
        QTest::newRow("padding") << "{" + good + "}        " << eight << 1;
        QTest::newRow("rank 0") << "{" + entry("a", "F64", "[]", "[0, 8]") + "}" << eight << 1;
        QTest::newRow("zero size") << "{" + entry("z", "F32", "[0, 7]", "[0, 0]") + "," + good + "}" << eight
                                   << 2;
        QTest::newRow("zero size at the end")
            << "{" + good + "," + entry("z", "F32", "[0]", "[8, 8]") + "}" << eight << 2;
        QTest::newRow("only zero size")
            << "{" + entry("z", "F16", "[3, 0]", "[0, 0]") + "}" << std::string() << 1;
        QTest::newRow("4-bit") << "{" + entry("a", "F4", "[16]", "[0, 8]") + "}" << eight << 1;
        QTest::newRow("fp8 scale") << "{" + entry("a", "F8_E8M0", "[8]", "[0, 8]") + "}" << eight << 1;
        QTest::newRow("empty metadata") << R"({"__metadata__": {},)" + good + "}" << eight << 1;
        QTest::newRow("non-ASCII name")
            << "{" + entry("\xC3\xA9\xE2\x96\x81", "F32", "[2]", "[0, 8]") + "}" << eight << 1;
        QTest::newRow("escaped quote")
            << "{" + entry("a\\\"\\\\", "F32", "[2]", "[0, 8]") + "}" << eight << 1;
        QTest::newRow("brackets in a name")
            << "{" + entry("[[[[{{{{", "F32", "[2]", "[0, 8]") + "}" << eight << 1;
    }
    void alsoValid() {
        QFETCH(std::string, header);
        QFETCH(std::string, data);
        QFETCH(int, tensors);
        const auto file =
            SafetensorsFile::open(scratch_.file("also.safetensors", rawSafetensors(header, data)));
        QROAR_OPENED(file);
        QCOMPARE(static_cast<int>((*file)->tensors().size()), tensors);
        for (const TensorView& tensor : (*file)->tensors()) QVERIFY((*file)->find(tensor.name) == &tensor);
    }

    void hostileLengths_data() {
        QTest::addColumn<std::string>("bytes");
        QTest::addColumn<std::string>("message");
        const auto withLength = [](std::uint64_t length, const std::string& rest) {
            std::string bytes(8, '\0');
            std::memcpy(bytes.data(), &length, 8);
            return bytes + rest;
        };
        QTest::newRow("empty file") << std::string() << std::string("too small");
        QTest::newRow("seven bytes") << std::string(7, '\0') << std::string("too small");
        QTest::newRow("length 0") << withLength(0, "{}") << std::string("starts with '{'");
        QTest::newRow("length above the limit")
            << withLength(100000001, "{}") << std::string("header too large");
        QTest::newRow("length of all ones") << withLength(~0ull, "{}") << std::string("header too large");
        QTest::newRow("length beyond the file")
            << withLength(3, "{}") << std::string("invalid header length");
        QTest::newRow("header cut") << withLength(1, "{}") << std::string("not valid JSON");
    }
    void hostileLengths() {
        QFETCH(std::string, bytes);
        QFETCH(std::string, message);
        QROAR_REFUSED(SafetensorsFile::open(scratch_.file("length.safetensors", bytes)), message,
                      std::string("length.safetensors"));
    }

    void hostileHeaders_data();
    void hostileHeaders() {
        QFETCH(std::string, header);
        QFETCH(std::string, message);
        const auto path = scratch_.file("hostile.safetensors", rawSafetensors(header, eight));
        QROAR_REFUSED(SafetensorsFile::open(path), message, std::string("hostile.safetensors"));
    }

    void deepNestingIsRefusedBeforeParsing() {
        const std::string deep = R"({"__metadata__": )" + std::string(1000000, '[');
        QROAR_REFUSED(SafetensorsFile::open(scratch_.file("deep.safetensors", rawSafetensors(deep, ""))),
                      "nested");
    }

    void headersThatWouldEatMemoryAreRefused() {
        std::string many = "{";
        for (int tensor = 0; tensor <= 250000; ++tensor)
            many += (tensor ? "," : "") + entry(std::to_string(tensor), "U8", "[0]", "[0,0]");
        QROAR_REFUSED(
            SafetensorsFile::open(scratch_.file("many.safetensors", rawSafetensors(many + "}", ""))),
            "more than 250,000 tensors");
        std::string shape = "[1";
        for (int axis = 0; axis < 64; ++axis) shape += ",1";
        QROAR_REFUSED(
            SafetensorsFile::open(scratch_.file(
                "rank.safetensors", rawSafetensors("{" + entry("a", "U8", shape + "]", "[0,1]") + "}", "x"))),
            "tensor \"a\"");
        const std::string longName(17u * 1048576, 'n');
        QROAR_REFUSED(
            SafetensorsFile::open(scratch_.file(
                "name.safetensors", rawSafetensors("{" + entry(longName, "U8", "[1]", "[0,1]") + "}", "x"))),
            "a text of more than");
    }

    void missingFilesAndFolders() {
        QROAR_REFUSED(SafetensorsFile::open(scratch_.path("none.safetensors")), "none.safetensors");
        QROAR_REFUSED(SafetensorsFile::open(scratch_.path()), "directory");
    }
};

void TestSafetensors::hostileHeaders_data() {
    QTest::addColumn<std::string>("header");
    QTest::addColumn<std::string>("message");
    const auto row = [](const char* name, const std::string& header, const char* message) {
        QTest::newRow(name) << header << std::string(message);
    };
    const auto one = [&row](const char* name, const std::string& text, const char* message) {
        row(name, "{" + text + "}", message);
    };
    row("starts with a blank", " {" + good + "}", "starts with '{'");
    row("starts with a list", "[]", "starts with '{'");
    row("byte order mark", "\xEF\xBB\xBF{" + good + "}", "starts with '{'");
    row("unclosed", "{" + good, "not valid JSON");
    row("trailing text", "{" + good + "} x", "not valid JSON");
    row("trailing comma", "{" + good + ",}", "not valid JSON");
    row("trailing zero byte", "{" + good + "}" + std::string(1, '\0'), "not valid JSON");
    row("control character in a name", "{" + entry("a\nb", "F32", "[2]", "[0, 8]") + "}", "not valid JSON");
    one("UTF-8: lone continuation", entry("\x80", "F32", "[2]", "[0, 8]"), "not valid UTF-8");
    one("UTF-8: overlong", entry("\xC0\xAF", "F32", "[2]", "[0, 8]"), "not valid UTF-8");
    one("UTF-8: surrogate", entry("\xED\xA0\x80", "F32", "[2]", "[0, 8]"), "not valid UTF-8");
    one("UTF-8: beyond Unicode", entry("\xF4\x90\x80\x80", "F32", "[2]", "[0, 8]"), "not valid UTF-8");
    row("UTF-8: cut at the end", "{" + good + "}\xE2\x96", "not valid UTF-8");
    one("lone surrogate escape", entry("\\ud800", "F32", "[2]", "[0, 8]"), "not valid JSON");

    one("tensor twice", good + "," + entry("a", "F32", "[0]", "[8, 8]"), "tensor \"a\" is there twice");
    one("same name by escape", good + "," + entry("\\u0061", "F32", "[0]", "[8, 8]"),
        "tensor \"a\" is there twice");
    one("metadata twice", R"("__metadata__": {}, "__metadata__": {},)" + good,
        "\"__metadata__\" is there twice");
    one("metadata key twice", R"("__metadata__": {"k": "1", "k": "2"},)" + good, "\"k\" is there twice");
    one("dtype twice", R"("a": {"dtype": "F32", "dtype": "F32", "shape": [2], "data_offsets": [0, 8]})",
        "\"dtype\" is there twice");
    one("metadata number", R"("__metadata__": {"k": 1},)" + good, "__metadata__");
    one("metadata list", R"("__metadata__": [],)" + good, "__metadata__");
    one("metadata nested", R"("__metadata__": {"k": {}},)" + good, "__metadata__");

    one("no dtype", R"("a": {"shape": [2], "data_offsets": [0, 8]})", "\"dtype\" is missing");
    one("no shape", R"("a": {"dtype": "F32", "data_offsets": [0, 8]})", "\"shape\" is missing");
    one("no offsets", R"("a": {"dtype": "F32", "shape": [2]})", "\"data_offsets\" is missing");
    one("unknown key", R"("a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], "stride": [1]})",
        "\"stride\"");
    one("unknown dtype", entry("a", "F33", "[2]", "[0, 8]"), "unknown dtype \"F33\"");
    one("dtype in small letters", entry("a", "f32", "[2]", "[0, 8]"), "unknown dtype");
    one("entry is a number", R"("a": 3)", "expected an object per tensor");
    one("entry is null", R"("a": null)", "expected an object per tensor");
    one("shape is a number", R"("a": {"dtype": "F32", "shape": 2, "data_offsets": [0, 8]})", "tensor \"a\"");
    one("shape is nested", entry("a", "F32", "[[2]]", "[0, 8]"), "nested");
    one("shape is negative", entry("a", "F32", "[-2]", "[0, 8]"), "negative");
    one("shape is a fraction", entry("a", "F32", "[2.0]", "[0, 8]"), "not an integer");
    one("shape above 63 bits", entry("a", "F32", "[9223372036854775808]", "[0, 8]"), "too large");
    one("shape above 64 bits", entry("a", "F32", "[18446744073709551616]", "[0, 8]"), "too large");
    one("one offset", entry("a", "F32", "[2]", "[0]"), "[begin, end]");
    one("three offsets", entry("a", "F32", "[2]", "[0, 8, 8]"), "[begin, end]");
    one("no offsets in the list", entry("a", "F32", "[2]", "[]"), "[begin, end]");
    one("offset as text", entry("a", "F32", "[2]", "[\"0\", 8]"), "[begin, end]");
    one("negative offset", entry("a", "F32", "[2]", "[-8, 0]"), "[begin, end]");

    one("hole at the start", entry("a", "F32", "[1]", "[4, 8]"), "a hole");
    one("hole between", entry("a", "U8", "[2]", "[0, 2]") + "," + entry("b", "U8", "[5]", "[3, 8]"),
        "a hole");
    one("overlap", entry("a", "U8", "[5]", "[0, 5]") + "," + entry("b", "U8", "[4]", "[4, 8]"), "an overlap");
    one("same bytes twice", good + "," + entry("b", "F32", "[2]", "[0, 8]"), "an overlap");
    one("end before begin", entry("a", "F32", "[2]", "[8, 0]"), "end before they begin");
    one("beyond the file", entry("a", "F32", "[4]", "[0, 16]"), "beyond");
    one("offsets of all ones", entry("a", "F32", "[2]", "[0, 18446744073709551615]"), "beyond");
    one("bytes left over", entry("a", "F32", "[1]", "[0, 4]"), "the file holds 8");
    row("data without tensors", "{}", "the file holds 8");
    one("too few bytes for the shape", entry("a", "F32", "[3]", "[0, 8]"), "need 12 bytes");
    one("too many bytes for the shape", entry("a", "F16", "[2]", "[0, 8]"), "need 4 bytes");
    one("no bytes for rank 0", entry("a", "U8", "[]", "[0, 0]") + "," + entry("b", "F32", "[2]", "[0, 8]"),
        "need 1 bytes");
    one("half a byte", entry("a", "F4", "[15]", "[0, 8]"), "whole number of bytes");
    one("product overflows", entry("a", "F32", "[4294967296, 4294967296, 2]", "[0, 8]"), "overflows");
    one("product overflows to 0",
        entry("a", "F32", "[4294967296, 4294967296]", "[0, 0]") + "," + entry("b", "F32", "[2]", "[0, 8]"),
        "overflows");
    one("bits overflow", entry("a", "F32", "[4611686018427387906]", "[0, 8]"), "overflows");
    one("overflow before a zero",
        entry("a", "F32", "[9223372036854775807, 9223372036854775807, 0]", "[0, 0]"), "overflows");
}

QTEST_APPLESS_MAIN(TestSafetensors)
#include "test_safetensors.moc"
