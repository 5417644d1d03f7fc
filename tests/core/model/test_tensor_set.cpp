// Sharded checkpoints: an index and its shards, consistent or refused by name; nothing outside the folder is
// opened.
#include "core/model/tensor_set.h"
#include "tests/core/model/model_test.h"

using namespace qroar;
using namespace qroar::test;

namespace {
std::string indexJson(const std::string& map) {
    return R"({"metadata": {"total_size": 8, "list": [1, -2, 3.5, null, true, {"deep": ["x"]}]}, "weight_map": {)"
           + map + "}}";
}
const char* const indexName = "model.safetensors.index.json";
} // namespace

class TestTensorSet : public QObject {
    Q_OBJECT
    Scratch scratch_;
    std::filesystem::path index_;

    void writeIndex(const std::string& map) { index_ = scratch_.file(indexName, indexJson(map)); }

  private slots:
    void init() {
        (void)scratch_.file("one.safetensors",
                            safetensorsBytes({makeTensor("a", {1}, {1}), makeTensor("b", {1}, {2})}));
        (void)scratch_.file("two.safetensors", safetensorsBytes({makeTensor("c", {1}, {3})}));
    }

    void shardsAreOneSet() {
        writeIndex(R"("c": "two.safetensors", "a": "one.safetensors", "b": "one.safetensors")");
        const auto set = TensorSet::openSharded(index_);
        QROAR_OPENED(set);
        QCOMPARE(set->tensors().size(), std::size_t{3});
        QCOMPARE(set->find("c")->toFloat(), (std::vector<float>{3}));
        QCOMPARE(set->find("c")->file, std::string("two.safetensors"));
        QCOMPARE(set->find("b")->toFloat(), (std::vector<float>{2}));
        QVERIFY(!set->find("d") && set->warnings().empty());
    }

    void escapesFromTheFolder_data() {
        QTest::addColumn<std::string>("shard");
        QTest::newRow("parent") << std::string("../one.safetensors");
        QTest::newRow("absolute") << std::string("/etc/passwd");
        QTest::newRow("folder") << std::string("sub/one.safetensors");
        QTest::newRow("backslash") << std::string("sub\\\\one.safetensors");
        QTest::newRow("two dots") << std::string("..");
        QTest::newRow("dot") << std::string(".");
        QTest::newRow("empty") << std::string("");
        QTest::newRow("zero byte") << std::string("one.safetensors\\u0000");
    }
    void escapesFromTheFolder() {
        QFETCH(std::string, shard);
        writeIndex("\"a\": \"" + shard + "\"");
        QROAR_REFUSED(TensorSet::openSharded(index_), "tensor \"a\"", "in the same folder");
    }

    void missingShard() {
        writeIndex(R"("a": "one.safetensors", "b": "one.safetensors", "z": "three.safetensors")");
        QROAR_REFUSED(TensorSet::openSharded(index_), "three.safetensors", "cannot be opened");
    }
    void listedButAbsent() {
        writeIndex(R"("a": "one.safetensors", "z": "one.safetensors")");
        QROAR_REFUSED(TensorSet::openSharded(index_), "tensor \"z\"", "one.safetensors", "does not hold it");
    }
    void listedInAnotherShard() {
        writeIndex(R"("a": "one.safetensors", "b": "two.safetensors", "c": "two.safetensors")");
        QROAR_REFUSED(TensorSet::openSharded(index_), "tensor \"b\"", "two.safetensors");
    }
    void storedTwice() {
        (void)scratch_.file("two.safetensors",
                            safetensorsBytes({makeTensor("c", {1}, {3}), makeTensor("a", {1}, {9})}));
        writeIndex(R"("a": "one.safetensors", "b": "one.safetensors", "c": "two.safetensors")");
        QROAR_REFUSED(TensorSet::openSharded(index_), "tensor \"a\"", "two shards");
    }
    void unlistedIsAWarning() {
        writeIndex(R"("a": "one.safetensors", "c": "two.safetensors")");
        const auto set = TensorSet::openSharded(index_);
        QROAR_OPENED(set);
        QCOMPARE(set->warnings().size(), std::size_t{1});
        QVERIFY(set->find("b"));
    }
    void brokenShardIsNamed() {
        (void)scratch_.file("two.safetensors", "rubbish");
        writeIndex(R"("c": "two.safetensors")");
        QROAR_REFUSED(TensorSet::openSharded(index_), "two.safetensors", "too small");
    }

    void brokenIndex_data() {
        QTest::addColumn<std::string>("json");
        QTest::addColumn<std::string>("message");
        const auto row = [](const char* name, const char* json, const char* message) {
            QTest::newRow(name) << std::string(json) << std::string(message);
        };
        row("empty", "", "not valid JSON");
        row("list", "[]", "expected an object");
        row("number", "3", "expected an object");
        row("no map", R"({"metadata": {}})", "weight_map");
        row("empty map", R"({"weight_map": {}})", "weight_map");
        row("map is a list", R"({"weight_map": ["a"]})", "weight_map");
        row("map is a text", R"({"weight_map": "a"})", "weight_map");
        row("file is a number", R"({"weight_map": {"a": 1}})", "weight_map");
        row("file is an object", R"({"weight_map": {"a": {}}})", "weight_map");
        row("file is null", R"({"weight_map": {"a": null}})", "weight_map");
        row("map twice", R"({"weight_map": {"a": "x"}, "weight_map": {"a": "x"}})", "there twice");
        row("tensor twice", R"({"weight_map": {"a": "one.safetensors", "a": "one.safetensors"}})",
            "there twice");
        row("not UTF-8", "{\"weight_map\": {\"\xFF\": \"x\"}}", "UTF-8");
        row("cut", "{\"weight_map\": {\"a\": \"one.saf", "not valid JSON");
    }
    void brokenIndex() {
        QFETCH(std::string, json);
        QFETCH(std::string, message);
        QROAR_REFUSED(TensorSet::openSharded(scratch_.file(indexName, json)), message,
                      std::string(indexName));
    }

    void folderPrefersTheSingleFile() {
        const auto folder = scratch_.path("both");
        (void)scratch_.file("both/model.safetensors", safetensorsBytes({makeTensor("single", {1}, {1})}));
        (void)scratch_.file(std::string("both/") + indexName, "rubbish");
        const auto set = TensorSet::openFolder(folder);
        QROAR_OPENED(set);
        QVERIFY(set->find("single"));
        QROAR_REFUSED(TensorSet::openFolder(scratch_.path("nothing")), "model.safetensors.index.json");
    }
};

QTEST_APPLESS_MAIN(TestTensorSet)
#include "test_tensor_set.moc"
