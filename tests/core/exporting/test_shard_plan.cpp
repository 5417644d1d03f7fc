// The safetensors files that an export makes, byte by byte: header, padding, order, shards, index.
#include "core/exporting/checkpoint_writer.h"
#include "core/model/model.h"
#include "core/model/safetensors.h"
#include "tests/core/model/model_test.h"
#include "tests/support/tiny_decoder.h"

#include <stdexcept>

using namespace qroar;
using namespace qroar::test;

namespace {

const std::vector<TensorSpec> mixed{{"b.half", DType::F16, {3}},     {"a.half", DType::F16, {2, 2}},
                                    {"z.codes", DType::I32, {1, 2}}, {"scalar", DType::F32, {}},
                                    {"shape", DType::I64, {2}},      {"none", DType::BF16, {0, 4}},
                                    {"a.codes", DType::I32, {2}},    {"m.float", DType::F32, {2}}};

std::vector<std::byte> pattern(std::uint64_t bytes, int seed) {
    std::vector<std::byte> values;
    for (std::uint64_t at = 0; at < bytes; ++at)
        values.push_back(static_cast<std::byte>((at * 31 + static_cast<std::uint64_t>(seed) * 17) & 255U));
    return values;
}

} // namespace

class TestShardPlan : public QObject {
    Q_OBJECT
  private slots:
    void oneFileAsTheOfficialWriterLaysItOut() {
        const auto shards = planShards(mixed, {{"qroar.rope", "yarn:4"}});
        QCOMPARE(shards.size(), std::size_t{1});
        QCOMPARE(shards[0].name, std::string("model.safetensors"));
        std::vector<std::string> order;
        for (const auto& entry : shards[0].entries) order.push_back(mixed[entry.tensor].name);
        // Widest types of the format's list first, then by name.
        QCOMPARE(order, (std::vector<std::string>{"shape", "m.float", "scalar", "a.codes", "z.codes", "none",
                                                  "a.half", "b.half"}));
        const std::string& header = shards[0].header;
        QCOMPARE(header.size() % 8, std::size_t{0});
        QVERIFY(header.compare(8, 17, "{\"__metadata__\":{") == 0);
        const auto json = nlohmann::json::parse(header.substr(8)); // trailing spaces are allowed
        QVERIFY(json["__metadata__"] == nlohmann::json({{"format", "pt"}, {"qroar.rope", "yarn:4"}}));
        QVERIFY(json["scalar"]["shape"] == nlohmann::json::array());
        QVERIFY(json["shape"]["data_offsets"] == nlohmann::json::array({0, 16}));
        QVERIFY(json["b.half"]["data_offsets"] == nlohmann::json::array({52, 58}));
        QCOMPARE(shards[0].bytes, header.size() + 58);
    }

    void valuesArriveInAnyOrderAndPieces() {
        const Scratch scratch;
        auto writer = CheckpointWriter::create(scratch.path(), mixed, {}, defaultShardBytes);
        QROAR_OPENED(writer);
        for (std::size_t tensor = mixed.size(); tensor-- > 0;) {
            const auto bytes = pattern(mixed[tensor].bytes(), static_cast<int>(tensor));
            const std::size_t half = bytes.size() / 2;
            QVERIFY(writer->append(mixed[tensor].name, std::span(bytes).first(half)).ok());
            QVERIFY(writer->append(mixed[tensor].name, std::span(bytes).subspan(half)).ok());
        }
        QVERIFY(writer->finish().ok());
        const auto file = SafetensorsFile::open(scratch.path("model.safetensors"));
        QROAR_OPENED(file);
        for (std::size_t tensor = 0; tensor < mixed.size(); ++tensor) {
            const TensorView* found = (*file)->find(mixed[tensor].name);
            QVERIFY(found);
            QCOMPARE(found->shape, mixed[tensor].shape);
            QCOMPARE(found->type, mixed[tensor].type);
            const auto bytes = pattern(mixed[tensor].bytes(), static_cast<int>(tensor));
            QVERIFY(std::equal(bytes.begin(), bytes.end(), found->data, found->data + found->bytes));
        }
        QVERIFY(!std::filesystem::exists(scratch.path("model.safetensors.index.json")));
    }

    void shardsFillUpInTheOrderOfTheList() {
        // 6, 8, 8, 4, 16, 0, 8, 8 bytes; 16 a shard
        const auto shards = planShards(mixed, {}, 16);
        std::vector<std::vector<std::string>> names;
        for (const auto& shard : shards) {
            std::uint64_t bytes = 0;
            names.emplace_back();
            for (const auto& entry : shard.entries) {
                names.back().push_back(mixed[entry.tensor].name);
                bytes += mixed[entry.tensor].bytes();
            }
            QVERIFY(bytes <= 16);
        }
        QCOMPARE(names.size(), std::size_t{4});
        QCOMPARE(names[0], (std::vector<std::string>{"a.half", "b.half"}));
        QCOMPARE(names[2], (std::vector<std::string>{"shape", "none"}));
        QCOMPARE(shards[1].name, std::string("model-00002-of-00004.safetensors"));
        const auto index = nlohmann::json::parse(shardIndexText(mixed, shards));
        QCOMPARE(index["metadata"]["total_size"].get<int>(), 58);
        QCOMPARE(index["weight_map"].size(), mixed.size());
        QCOMPARE(index["weight_map"]["m.float"].get<std::string>(),
                 std::string("model-00004-of-00004.safetensors"));
    }

    void aTensorThatIsTooLargeHasAShardOfItsOwn() {
        const auto shards = planShards(mixed, {}, 1);
        QCOMPARE(shards.size(), mixed.size() - 1); // the empty one joins its neighbour
    }

    void misuseIsABug() {
        const Scratch scratch;
        auto writer =
            CheckpointWriter::create(scratch.path(), {{"a", DType::I32, {1}}}, {}, defaultShardBytes);
        QROAR_OPENED(writer);
        QVERIFY_EXCEPTION_THROWN((void)writer->append("b", {}), std::logic_error);
        QVERIFY_EXCEPTION_THROWN((void)writer->append("a", pattern(5, 0)), std::logic_error);
        QVERIFY_EXCEPTION_THROWN((void)writer->finish(), std::logic_error);
        QVERIFY_EXCEPTION_THROWN(
            (void)CheckpointWriter::create(scratch.path("."),
                                           {{"a", DType::I32, {1}}, {"a", DType::F16, {1}}}, {}, 1),
            std::logic_error);
    }

    void aFileThatIsThereIsNotTouched() {
        const Scratch scratch;
        (void)scratch.file("model.safetensors", "mine");
        QROAR_REFUSED(CheckpointWriter::create(scratch.path(), mixed, {}, defaultShardBytes),
                      "model.safetensors", "cannot be created");
        QCOMPARE(wholeFile(scratch.path("model.safetensors")), std::string("mine"));
    }
};

QTEST_APPLESS_MAIN(TestShardPlan)
#include "test_shard_plan.moc"
