// A thousand damaged copies of valid files of every format: each opens or is refused with a message that
// names the file; none crashes, hangs, allocates more than twice the files and 64 MB while it is opened, or
// leaves an opened model with tensors outside its file. Seeds are fixed, so a failure repeats.
#include "core/model/model.h"
#include "core/model/safetensors.h"
#include "core/quantize/importance.h"
#include "core/text/tokenizer.h"
#include "tests/core/model/model_test.h"
#include "tests/support/allocation_meter.h"
#include "tests/support/fp8_checkpoint.h"
#include "tests/support/gguf_twin.h"
#include "tests/support/imatrix_writer.h"
#include "tests/support/quantized_checkpoint.h"

#include <cstring>
#include <fstream>
#include <random>

using namespace qroar;
using namespace qroar::test;

namespace {

std::string content(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

using Engine = std::mt19937_64; // its sequence is fixed by the standard, distributions are not
std::size_t below(Engine& engine, std::size_t limit) {
    return static_cast<std::size_t>(engine() % limit);
}

/// One of: bits flipped, bytes replaced, a piece cut out, a piece doubled, the end cut off.
std::string mutated(std::string bytes, std::size_t reach, Engine& engine) {
    reach = std::min(reach, bytes.size());
    const std::size_t at = below(engine, reach);
    switch (engine() % 6) {
    case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << (engine() % 8)));
        break;
    case 1:
        for (int change = 0; change < 4; ++change)
            bytes[below(engine, reach)] = static_cast<char>(engine() & 0xFF);
        break;
    case 2:
        bytes.erase(at, 1 + below(engine, 20));
        break;
    case 3:
        bytes.insert(at, bytes.substr(at, 1 + below(engine, 40)));
        break;
    case 4:
        bytes.resize(below(engine, bytes.size()));
        break;
    default: { // digits and punctuation do the most harm to a header
        static const char harm[] = "0123456789[]{}\",:-.eE\\ ";
        for (int change = 0; change < 2; ++change)
            bytes[below(engine, reach)] = harm[below(engine, sizeof harm - 1)];
    }
    }
    return bytes;
}

/// Every byte of every tensor of an opened model can be read, and all codes be unpacked.
bool readable(const Model& model) {
    double sum = 0;
    for (const TensorView& tensor : model.tensors()) {
        if (!tensor.isReadable()) continue;
        for (const float value : tensor.toFloat()) sum += value == value ? 1 : 0;
    }
    for (int layer = 0; layer < model.config().layers; ++layer)
        for (const Projection p : allProjections)
            if (const StoredQuant* stored = model.stored(layer, p)) {
                const auto codes = stored->read();
                if (!codes || !codes->consistent()) return false;
            }
    return sum >= 0;
}

/// Bytes of a file, or of all files in a folder.
long long sizeOf(const std::filesystem::path& path) {
    if (!std::filesystem::is_directory(path)) return static_cast<long long>(std::filesystem::file_size(path));
    long long bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path))
        bytes += static_cast<long long>(entry.file_size());
    return bytes;
}

} // namespace

class TestMutatedFiles : public QObject {
    Q_OBJECT
    Scratch scratch_;
    int opened_ = 0, refused_ = 0;
    static constexpr long long mostBeyond = 64LL << 20;
    static constexpr StoredFormat formats[] = {StoredFormat::AwqGemm, StoredFormat::Gptq,
                                               StoredFormat::CompressedPack, StoredFormat::CompressedInt};
    [[nodiscard]] std::filesystem::path folderOf(StoredFormat format) const {
        return scratch_.path("quantized" + std::to_string(static_cast<int>(format)));
    }

    void openOrRefuse(const std::filesystem::path& path, const std::string& named) {
        std::optional<Outcome<std::shared_ptr<const Model>>> outcome;
        const long long peak = peakOf([&] { outcome.emplace(openModel(path)); });
        QVERIFY2(peak <= 2 * sizeOf(path) + mostBeyond, std::to_string(peak).c_str());
        const auto& model = *outcome;
        if (model) {
            ++opened_;
            QVERIFY(readable(**model));
            return;
        }
        ++refused_;
        QVERIFY2(model.error().message.find(named) != std::string::npos, model.error().message.c_str());
    }

    /// Mutates `path` `rounds` times, opens `model` each time, and puts the file back.
    void mutate(const std::filesystem::path& path, const std::filesystem::path& model, int rounds,
                std::size_t reach, std::uint64_t seed) {
        const std::string whole = content(path);
        opened_ = refused_ = 0;
        for (int round = 0; round < rounds; ++round) {
            Engine engine(seed + static_cast<std::uint64_t>(round));
            writeBytes(path, mutated(whole, reach, engine));
            openOrRefuse(model, scratch_.path().filename().string());
            if (QTest::currentTestFailed()) qFatal("round %d", round);
        }
        writeBytes(path, whole);
        QVERIFY2(refused_ >= rounds / 20, "the mutations are too harmless to test anything");
    }

  private slots:
    void initTestCase() {
        RandomModelOptions options;
        options.layers = 1;
        options.hidden = 8;
        options.heads = 2;
        options.kvHeads = 1;
        options.headDim = 4;
        options.intermediate = 6;
        options.vocab = 5;
        options.ropeScalingJson =
            R"({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32})";
        makeRandomHfModel(scratch_.path("single"), options);
        options.shards = 2;
        makeRandomHfModel(scratch_.path("sharded"), options);
        for (const StoredFormat format : formats) {
            auto checkpoint = QuantizedCheckpoint::make(format, *QuantSpec::parse("rtn:4:g8"));
            checkpoint.model.layers = checkpoint.model.kvHeads = 1;
            checkpoint.model.hidden = checkpoint.model.intermediate = 16;
            checkpoint.model.heads = 2;
            checkpoint.model.headDim = 8;
            checkpoint.model.vocab = 5;
            checkpoint.zeros = GptqZeros::V2;
            checkpoint.actOrder = format != StoredFormat::AwqGemm;
            writeQuantizedModel(folderOf(format), checkpoint);
            QVERIFY(openModel(folderOf(format)).ok());
        }
    }

    void safetensorsHeader() {
        mutate(scratch_.path("single/model.safetensors"), scratch_.path("single"), 1000, 1200, 1000);
    }
    void safetensorsAnywhere() {
        mutate(scratch_.path("single/model.safetensors"), scratch_.path("single"), 500, 1 << 30, 2000);
    }
    void config() {
        mutate(scratch_.path("single/config.json"), scratch_.path("single"), 1000, 1 << 30, 3000);
    }
    void index() {
        mutate(scratch_.path("sharded/model.safetensors.index.json"), scratch_.path("sharded"), 1000, 1 << 30,
               4000);
    }

    void quantizedHeader() {
        for (const StoredFormat format : formats)
            mutate(folderOf(format) / "model.safetensors", folderOf(format), 400, 2500,
                   6000 + 1000 * static_cast<std::uint64_t>(format));
    }
    void quantizedAnywhere() { // group indices and scales among it
        for (const StoredFormat format : formats)
            mutate(folderOf(format) / "model.safetensors", folderOf(format), 300, 1 << 30,
                   9000 + 1000 * static_cast<std::uint64_t>(format));
    }
    void quantizedConfig() {
        for (const StoredFormat format : formats)
            mutate(folderOf(format) / "config.json", folderOf(format), 300, 1 << 30,
                   12000 + 1000 * static_cast<std::uint64_t>(format));
    }

    void fp8() {
        RandomModelOptions options;
        options.layers = 1;
        options.hidden = options.intermediate = 16;
        options.heads = 2;
        options.kvHeads = 1;
        options.vocab = 5;
        options.extraConfigJson =
            R"("quantization_config": {"quant_method": "fp8", "weight_block_size": [8, 6], "fmt": "e4m3"})";
        Fp8Layout layout;
        layout.blockRows = 8;
        layout.blockCols = 6;
        layout.scaleName = "weight_scale_inv";
        const auto folder = scratch_.path("fp8");
        writeHfFolder(folder, randomModelConfig(options), fp8Tensors(randomModelTensors(options, 2), layout));
        QVERIFY(openModel(folder).ok());
        mutate(folder / "model.safetensors", folder, 400, 2000, 20000);
        mutate(folder / "model.safetensors", folder, 300, 1 << 30, 21000);
        mutate(folder / "config.json", folder, 300, 1 << 30, 22000);
    }

    void importance() { // both layouts: head, then anywhere
        std::vector<ImatrixEntry> entries;
        for (const char* name : {"blk.0.attn_q.weight", "blk.0.ffn_down.weight", "output.weight"})
            entries.push_back({name, std::vector<float>(24, 0.5F), 7});
        const std::string whole[] = {legacyImatrix(entries, 3, "some.txt"), ggufImatrix(entries).bytes()};
        for (std::uint64_t round = 0; round < 2000; ++round) {
            Engine engine(30000 + round);
            const std::string bytes = mutated(whole[round % 2], round % 4 < 2 ? 120 : 1 << 30, engine);
            const auto path = scratch_.file("imatrix", bytes);
            std::optional<Outcome<ImportanceMatrix>> matrix;
            const long long peak = peakOf([&] { matrix.emplace(ImportanceMatrix::open(path)); });
            QVERIFY2(peak <= 2 * sizeOf(path) + mostBeyond, std::to_string(peak).c_str());
            if (!matrix->ok())
                QVERIFY2(matrix->error().message.find("imatrix") != std::string::npos,
                         matrix->error().message.c_str());
        }
    }

    void gguf() { // header, keys and directory, then anywhere; vocabularies too
        RandomModelOptions options;
        options.layers = 1;
        options.hidden = options.intermediate = 64;
        options.headDim = 16;
        options.vocab = 260;
        GgufTwin twin = makeGgufTwin(options, 3, GgmlType::Q4_0);
        twin.gguf.text("llama.rope.scaling.type", "yarn");
        twin.gguf.f32("llama.rope.scaling.factor", 4);
        twin.gguf.text("tokenizer.ggml.model", "llama");
        twin.gguf.texts("tokenizer.ggml.tokens", std::vector<std::string>(260, "abc"));
        twin.gguf.floats("tokenizer.ggml.scores", std::vector<float>(260, 1));
        twin.gguf.integers("tokenizer.ggml.token_type", std::vector<std::int32_t>(260, 2));
        const auto path = scratch_.path("model.gguf");
        twin.gguf.write(path);
        QVERIFY(openModel(path).ok());
        mutate(path, path, 700, 1500, 15000);
        mutate(path, path, 300, 1 << 30, 16000);
        const std::string whole = content(path);
        for (int round = 0; round < 300; ++round) {
            Engine engine(17000 + static_cast<std::uint64_t>(round));
            writeBytes(path, mutated(whole, 12'000, engine));
            const auto tokenizer = loadGgufTokenizer(path);
            if (tokenizer)
                (void)(*tokenizer)->encode("abc \xFF x");
            else
                QVERIFY2(tokenizer.error().message.find("model.gguf") != std::string::npos,
                         tokenizer.error().message.c_str());
        }
    }

    /// Counts that a file has room for, and that become much more in memory: long lists of one byte each.
    void ggufListsThatGrow() {
        RandomModelOptions options;
        options.layers = 1;
        options.vocab = 260;
        const std::string flat(std::size_t{24} << 20, '\1');
        const auto list = [&](std::uint32_t type, std::uint64_t count) {
            std::string payload(12, '\0');
            std::memcpy(payload.data(), &type, 4);
            std::memcpy(payload.data() + 4, &count, 8);
            return payload + flat;
        };
        for (const char* key : {"llama.attention.head_count_kv", "tokenizer.ggml.token_type",
                                "tokenizer.ggml.scores", "llama.attention.sliding_window_pattern"}) {
            GgufTwin twin = makeGgufTwin(options, 3);
            if (std::string(key).starts_with("tokenizer")) {
                twin.gguf.text("tokenizer.ggml.model", "llama");
                twin.gguf.texts("tokenizer.ggml.tokens", std::vector<std::string>(260, "abc"));
            }
            twin.gguf.raw(key, 9, list(0, flat.size())); // as many u8
            const auto path = scratch_.path("lists.gguf");
            twin.gguf.write(path);
            const auto size = static_cast<long long>(std::filesystem::file_size(path));
            const long long peak = peakOf([&] {
                (void)openModel(path);
                (void)loadGgufTokenizer(path);
            });
            QVERIFY2(peak <= 2 * size + (64LL << 20), qPrintable(QString::number(peak)));
        }
        GgufTwin twin = makeGgufTwin(options, 3);
        twin.gguf.text("tokenizer.ggml.model", "llama");
        std::string empty(12, '\0'); // three million texts of no bytes
        const std::uint32_t type = 8;
        const std::uint64_t count = flat.size() / 8;
        std::memcpy(empty.data(), &type, 4);
        std::memcpy(empty.data() + 4, &count, 8);
        twin.gguf.raw("tokenizer.ggml.tokens", 9, empty + std::string(flat.size(), '\0'));
        const auto path = scratch_.path("lists.gguf");
        twin.gguf.write(path);
        const long long peak = peakOf([&] { QROAR_REFUSED(loadGgufTokenizer(path), "lists.gguf"); });
        QVERIFY2(peak <= 2 * static_cast<long long>(std::filesystem::file_size(path)) + (64LL << 20),
                 qPrintable(QString::number(peak)));
    }

    void llama2cHeader() {
        const std::int32_t header[] = {8, 12, 1, 2, 1, 5, 6};
        std::string bytes(28, '\0');
        std::memcpy(bytes.data(), header, 28);
        bytes += std::string(4 * (40 + 8 + 64 + 32 + 32 + 64 + 8 + 96 * 3 + 8 + 24), '\0');
        const auto path = scratch_.file("m.bin", bytes);
        QVERIFY(openModel(path).ok());
        mutate(path, path, 1000, 60, 5000);
    }
    void llama2cVersions() { // the same sizes behind the longer header, as floats and as int8 in groups of 4
        const std::int32_t header[] = {8, 12, 1, 2, 1, 5, 6};
        for (const std::int32_t version : {1, 2}) {
            std::string bytes = "24ka" + std::string(reinterpret_cast<const char*>(&version), 4)
                                + std::string(reinterpret_cast<const char*>(header), 28)
                                + std::string(1, '\1');
            const std::int32_t group = 4;
            if (version == 2) bytes.append(reinterpret_cast<const char*>(&group), 4);
            bytes.resize(256, '\0');
            const int norms = 3 * 8, codes = 40 + 64 + 32 + 32 + 64 + 96 * 3;
            bytes += std::string(
                static_cast<std::size_t>(version == 1 ? 4 * (norms + codes) : 4 * norms + 2 * codes), '\0');
            const auto path = scratch_.file("v.bin", bytes);
            const auto model = openModel(path);
            QROAR_OPENED(model);
            mutate(path, path, 700, 45, 18000);
            mutate(path, path, 300, 1 << 30, 19000);
        }
    }
};

QTEST_APPLESS_MAIN(TestMutatedFiles)
#include "test_mutated_files.moc"
