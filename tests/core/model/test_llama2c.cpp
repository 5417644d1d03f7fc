// llama2.c files: both layouts tensor by tensor, exact sizes, and headers that no model has.
#include "core/model/model.h"
#include "tests/core/model/model_test.h"

#include <cmath>
#include <cstring>
#include <limits>

using namespace qroar;
using namespace qroar::test;

namespace {

// dim 8, hidden 12, 2 layers, 2 heads of 4, 1 KV head, vocabulary 5, 6 positions
struct Header {
    std::int32_t dim = 8, hidden = 12, layers = 2, heads = 2, kvHeads = 1, vocab = 5, positions = 6;
};
constexpr int query = 8, key = 4;

/// Lists in file order; every value of list n is 100 * n + its index, so that a wrong offset shows.
struct ListSize {
    const char* name;
    int perLayer; ///< elements per layer; 0: not per layer
    int elements;
};
const std::vector<ListSize> legacyLists{
    {"emb", 0, 5 * 8},     {"att", 8, 16},    {"q", query * 8, 128}, {"k", key * 8, 64},  {"v", key * 8, 64},
    {"o", 8 * query, 128}, {"ffn", 8, 16},    {"w1", 12 * 8, 192},   {"w2", 8 * 12, 192}, {"w3", 12 * 8, 192},
    {"final", 0, 8},       {"cos", 0, 6 * 2}, {"sin", 0, 6 * 2}};
const std::vector<ListSize> version1Lists{{"att", 8, 16},  {"ffn", 8, 16},  {"final", 0, 8}, {"emb", 0, 40},
                                          {"q", 64, 128},  {"k", 32, 64},   {"v", 32, 64},   {"o", 64, 128},
                                          {"w1", 96, 192}, {"w2", 96, 192}, {"w3", 96, 192}};

template<class T>
std::string bytesOf(const T& value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

std::string body(const std::vector<ListSize>& lists, bool classifier) {
    std::string bytes;
    auto all = lists;
    if (classifier) all.push_back({"cls", 0, 40});
    for (std::size_t list = 0; list < all.size(); ++list)
        for (int element = 0; element < all[list].elements; ++element)
            bytes += bytesOf(static_cast<float>(1000 * (list + 1) + element));
    return bytes;
}
float firstValue(const std::vector<ListSize>& lists, const std::string& name, int layer) {
    for (std::size_t list = 0; list < lists.size(); ++list)
        if (name == lists[list].name)
            return static_cast<float>(1000 * (list + 1) + lists[list].perLayer * layer);
    return static_cast<float>(1000 * (lists.size() + 1)); // the classifier comes last
}

std::string legacyFile(Header header = {}) {
    const bool classifier = header.vocab < 0;
    return bytesOf(header) + body(legacyLists, classifier);
}
std::string versionedFile(std::int32_t version = 1, std::uint8_t shared = 1, Header header = {}) {
    std::string bytes = "24ka" + bytesOf(version) + bytesOf(header) + bytesOf(shared);
    bytes.resize(256, '\0');
    return bytes + body(version1Lists, shared == 0);
}

/// Version 2: F32 norms, then tensor by tensor its codes and its scales. Codes count up through all of them,
/// scales are powers of two that do, too.
struct Int8File {
    std::string bytes;
    std::vector<std::vector<std::int8_t>> codes; ///< in file order: emb, q0, q1, k0, ... , cls
    std::vector<std::vector<float>> scales;
};
Int8File int8File(std::int32_t group, std::uint8_t shared = 1, Header header = {}) {
    Int8File file;
    file.bytes = "24ka" + bytesOf(std::int32_t{2}) + bytesOf(header) + bytesOf(shared) + bytesOf(group);
    file.bytes.resize(256, '\0');
    const int dim = header.dim, keys = header.kvHeads * dim / header.heads;
    for (int norm = 0; norm < (2 * header.layers + 1) * dim; ++norm)
        file.bytes += bytesOf(static_cast<float>(1000 + norm));
    std::vector<int> sizes{header.vocab * dim};
    for (const int size : {dim * dim, keys * dim, keys * dim, dim * dim, header.hidden * dim,
                           dim * header.hidden, header.hidden * dim})
        for (int layer = 0; layer < header.layers; ++layer) sizes.push_back(size);
    if (shared == 0) sizes.push_back(header.vocab * dim);
    int code = -128, power = 0;
    for (const int size : sizes) {
        std::vector<std::int8_t> codes;
        std::vector<float> scales;
        for (int at = 0; at < size; ++at) codes.push_back(static_cast<std::int8_t>(code++ % 128));
        for (int at = 0; at < size / group; ++at) scales.push_back(std::ldexp(1.5F, -(power++ % 12)));
        for (const std::int8_t one : codes) file.bytes += static_cast<char>(one);
        for (const float one : scales) file.bytes += bytesOf(one);
        file.codes.push_back(std::move(codes));
        file.scales.push_back(std::move(scales));
    }
    return file;
}

void checkPlaces(const Model& model, const std::vector<ListSize>& lists) {
    const auto starts = [&](const TensorView& view, const char* name, int layer) {
        return view.toFloat().front() == firstValue(lists, name, layer);
    };
    for (int layer = 0; layer < 2; ++layer) {
        QVERIFY(starts(model.weight(layer, Projection::Q), "q", layer));
        QVERIFY(starts(model.weight(layer, Projection::K), "k", layer));
        QVERIFY(starts(model.weight(layer, Projection::V), "v", layer));
        QVERIFY(starts(model.weight(layer, Projection::O), "o", layer));
        QVERIFY(starts(model.weight(layer, Projection::Gate), "w1", layer));
        QVERIFY(starts(model.weight(layer, Projection::Down), "w2", layer));
        QVERIFY(starts(model.weight(layer, Projection::Up), "w3", layer));
        QVERIFY(starts(model.norm(layer, Norm::Attention), "att", layer));
        QVERIFY(starts(model.norm(layer, Norm::FeedForward), "ffn", layer));
        QCOMPARE(model.weight(layer, Projection::K).shape, (std::vector<long long>{4, 8}));
        QCOMPARE(model.weight(layer, Projection::Down).shape, (std::vector<long long>{8, 12}));
    }
    QVERIFY(starts(model.embedding(), "emb", 0));
    QVERIFY(starts(model.finalNorm(), "final", 0));
    if (model.config().tiedEmbeddings)
        QVERIFY(model.head().data == model.embedding().data);
    else
        QVERIFY(starts(model.head(), "cls", 0));
}

} // namespace

class TestLlama2c : public QObject {
    Q_OBJECT
    Scratch scratch_;

    Outcome<std::shared_ptr<const Model>> opened(const std::string& bytes) {
        return openModel(scratch_.file("m.bin", bytes));
    }

  private slots:
    void legacyLayout() {
        Header separate;
        separate.vocab = -5;
        for (const Header& header : {Header{}, separate}) {
            const auto model = opened(legacyFile(header));
            QROAR_OPENED(model);
            QCOMPARE((*model)->format(), std::string("llama2.c v0"));
            QCOMPARE((*model)->config().tiedEmbeddings, header.vocab > 0);
            checkPlaces(**model, legacyLists);
        }
    }

    void version1Layout() {
        for (const int shared : {1, 0}) {
            const auto model = opened(versionedFile(1, static_cast<std::uint8_t>(shared)));
            QROAR_OPENED(model);
            QCOMPARE((*model)->format(), std::string("llama2.c v1"));
            QCOMPARE((*model)->config().tiedEmbeddings, shared == 1);
            checkPlaces(**model, version1Lists);
        }
    }

    void configOfTheFormat() {
        const auto model = opened(legacyFile());
        QROAR_OPENED(model);
        const ModelConfig& config = (*model)->config();
        QCOMPARE(config.architecture, std::string("llama2.c"));
        QCOMPARE(config.headDim, 4);
        QCOMPARE(config.rotaryDim, 4);
        QCOMPARE(config.kvHeads, 1);
        QCOMPARE(config.vocabSize, 5);
        QCOMPARE(config.maxPositions, 6);
        QVERIFY(config.pairLayout == PairLayout::Interleaved);
        QVERIFY(config.ropeTheta == 1e4 && config.rmsEps == 1e-5);
        QVERIFY(config.bosId == 1 && config.eosId == 2);
    }

    void sizesMustBeExact() {
        for (const std::string& whole : {legacyFile(), versionedFile()}) {
            QROAR_REFUSED(opened(whole + "x"), "not a whole llama2.c model", "m.bin");
            QROAR_REFUSED(opened(whole.substr(0, whole.size() - 1)), "not a whole llama2.c model");
            for (const std::size_t bytes : {0u, 1u, 27u, 28u, 40u, 255u, 256u})
                QROAR_REFUSED(opened(whole.substr(0, bytes)), "m.bin");
        }
    }

    void impossibleHeaders_data() {
        QTest::addColumn<int>("field");
        QTest::addColumn<int>("value");
        QTest::addColumn<std::string>("message");
        const char* const names[] = {"dim",        "hidden_dim", "n_layers", "n_heads",
                                     "n_kv_heads", "vocab_size", "seq_len"};
        for (int field = 0; field < 7; ++field)
            for (const int value : {0, std::numeric_limits<int>::min(), std::numeric_limits<int>::max(), -1})
                if (field != 5 || value != -1) // a negative vocabulary has a meaning
                    QTest::addRow("%s = %d", names[field], value)
                        << field << value << std::string(names[field]);
        QTest::newRow("odd head") << 0 << 6 << std::string("dim 6");
        QTest::newRow("heads do not divide dim") << 3 << 3 << std::string("n_heads = 3");
        QTest::newRow("KV heads do not divide heads") << 4 << 3 << std::string("n_kv_heads 3");
        QTest::newRow("more KV heads than heads") << 4 << 4 << std::string("n_kv_heads 4");
        QTest::newRow("largest plausible") << 2 << 10000 << std::string("not a whole llama2.c model");
    }
    void impossibleHeaders() {
        QFETCH(int, field);
        QFETCH(int, value);
        QFETCH(std::string, message);
        Header header;
        std::memcpy(reinterpret_cast<char*>(&header) + 4 * field, &value, 4);
        const std::string bytes = bytesOf(header) + body(legacyLists, false);
        QROAR_REFUSED(opened(bytes), message, std::string("m.bin"));
        if (field == 5) header.vocab = std::numeric_limits<int>::min();
        QROAR_REFUSED(opened(versionedFile(1, 1, header)), "m.bin");
    }

    void versionsAndFlags() {
        QROAR_REFUSED(opened(versionedFile(2)), "group size", "found 0");
        QROAR_REFUSED(opened(versionedFile(7)), "version 7");
        QROAR_REFUSED(opened(versionedFile(-1)), "version -1");
        QROAR_REFUSED(opened(versionedFile(1, 3)), "shared classifier");
        Header negative;
        negative.vocab = -5;
        QROAR_REFUSED(opened(versionedFile(1, 1, negative)), "vocab_size");
    }

    void int8Groups_data() {
        QTest::addColumn<int>("group");
        QTest::addColumn<bool>("shared");
        for (const int group : {1, 2, 4})
            for (const bool shared : {true, false})
                QTest::addRow("groups of %d, %s", group, shared ? "shared" : "own head") << group << shared;
    }
    /// Every weight is its code times the scale of its group, counted through the flattened tensor.
    void int8Groups() {
        QFETCH(int, group);
        QFETCH(bool, shared);
        const Int8File file = int8File(group, shared ? 1 : 0);
        const auto model = opened(file.bytes);
        QROAR_OPENED(model);
        QCOMPARE((*model)->format(), std::string("llama2.c v2"));
        QVERIFY((*model)->isQuantized());
        const auto value = [&](std::size_t tensor, std::size_t at) {
            return static_cast<float>(file.codes[tensor][at])
                   * file.scales[tensor][at / static_cast<std::size_t>(group)];
        };
        const auto same = [&](std::size_t tensor, const std::vector<float>& found) {
            for (std::size_t at = 0; at < file.codes[tensor].size(); ++at)
                if (found.at(at) != value(tensor, at)) return false;
            return found.size() == file.codes[tensor].size();
        };
        QVERIFY(same(0, (*model)->embedding().toFloat()));
        QVERIFY(same(shared ? 0 : 15, (*model)->head().toFloat()));
        std::size_t tensor = 1;
        for (const Projection p : {Projection::Q, Projection::K, Projection::V, Projection::O,
                                   Projection::Gate, Projection::Down, Projection::Up})
            for (int layer = 0; layer < 2; ++layer, ++tensor) {
                const StoredQuant* stored = (*model)->stored(layer, p);
                QVERIFY(stored);
                const auto codes = stored->read();
                QROAR_OPENED(codes);
                QVERIFY(codes->symmetric && codes->bits == 8 && codes->groupSize == group);
                Matrix floats(codes->rows, codes->cols);
                codes->dequantize(floats.view());
                QVERIFY2(same(tensor, std::vector<float>(floats.data(),
                                                         floats.data() + floats.rows() * floats.cols())),
                         projectionName(p));
            }
        QCOMPARE((*model)->norm(1, Norm::FeedForward).toFloat().front(), 1024.0F);
        QCOMPARE((*model)->finalNorm().toFloat().front(), 1032.0F);
    }

    void int8Refusals() {
        const Int8File file = int8File(4);
        QROAR_REFUSED(opened(file.bytes + "x"), "not a whole llama2.c model");
        QROAR_REFUSED(opened(file.bytes.substr(0, file.bytes.size() - 1)), "not a whole llama2.c model");
        for (const std::int32_t group : {0, -4, std::numeric_limits<int>::min()}) {
            std::string bytes = file.bytes;
            bytes.replace(37, 4, bytesOf(group));
            QROAR_REFUSED(opened(bytes), "group size", std::to_string(group));
        }
        for (const std::int32_t group : {8, 3, std::numeric_limits<int>::max()}) { // 12 hidden units
            std::string bytes = file.bytes;
            bytes.replace(37, 4, bytesOf(group));
            QROAR_REFUSED(opened(bytes), "groups run across rows");
        }
        std::string bytes = file.bytes; // the first scale of the embedding
        bytes.replace(256 + 4 * 40 + 40, 4, bytesOf(std::numeric_limits<float>::quiet_NaN()));
        QROAR_REFUSED(opened(bytes), "tok_embeddings.weight.scales", "NaN", "[0, 0]");
        bytes = file.bytes; // and the last of w3
        bytes.replace(bytes.size() - 4, 4, bytesOf(std::numeric_limits<float>::infinity()));
        QROAR_REFUSED(opened(bytes), "layers.1.feed_forward.w3.weight.scales", "infinity");
    }

    void nonFiniteIsNamed() {
        std::string bytes = legacyFile();
        const std::size_t secondUp = bytes.size() - 4 * (12 + 12 + 8 + 96);
        bytes.replace(secondUp + 4 * 9, 4, bytesOf(std::numeric_limits<float>::infinity()));
        QROAR_REFUSED(opened(bytes), "\"layers.1.feed_forward.w3.weight\"", "infinity", "[1, 1]");
        bytes = legacyFile(); // the frequency tables are not used
        bytes.replace(bytes.size() - 4, 4, bytesOf(std::numeric_limits<float>::quiet_NaN()));
        QROAR_OPENED(opened(bytes));
    }

    void otherFilesAreRefused() {
        QROAR_REFUSED(opened("once upon a time there was a text that is not a model at all"),
                      "not a llama2.c model");
        QROAR_REFUSED(opened(std::string(4096, '\0')), "not a llama2.c model");
        QROAR_REFUSED(opened(std::string(4096, '\1')), "not a llama2.c model");
        QROAR_REFUSED(opened(""), "not a llama2.c model");
    }
};

QTEST_APPLESS_MAIN(TestLlama2c)
#include "test_llama2c.moc"
