// Real trained models open with the shapes they were made with, and the same model in two formats has the
// same weights.
#include "core/model/model.h"
#include "tests/core/model/model_test.h"

using namespace qroar;

namespace {
const std::filesystem::path models = std::filesystem::path(QROAR_SOURCE_DIR) / ".." / "shared" / "models";

/// Row of the half-split layout that holds what the interleaved layout has in `row`: pair i of a head moves
/// from rows 2i, 2i + 1 to rows i, i + d/2.
int halfSplitRow(int row, int headDim) {
    const int head = row / headDim, inside = row % headDim;
    return head * headDim + inside / 2 + (inside % 2) * headDim / 2;
}
} // namespace

class TestSharedModels : public QObject {
    Q_OBJECT
  private slots:
    void init() {
        if (!std::filesystem::exists(models)) QSKIP("the shared models are not on this machine");
    }

    void stories260K_data() {
        QTest::addColumn<std::string>("path");
        QTest::addColumn<std::string>("format");
        QTest::newRow("legacy") << std::string("stories260K/stories260K.bin") << std::string("llama2.c v0");
        QTest::newRow("version 1") << std::string("stories260K/stories260K.v1.bin")
                                   << std::string("llama2.c v1");
        QTest::newRow("HF folder") << std::string("stories260K-hf") << std::string("HF safetensors");
        QTest::newRow("HF file") << std::string("stories260K-hf/model.safetensors")
                                 << std::string("HF safetensors");
    }
    void stories260K() {
        QFETCH(std::string, path);
        QFETCH(std::string, format);
        const auto model = openModel(models / path);
        QROAR_OPENED(model);
        QCOMPARE((*model)->format(), format);
        const ModelConfig& config = (*model)->config();
        QCOMPARE(config.parameterCount(), 260032LL);
        QCOMPARE(config.layers, 5);
        QCOMPARE(config.heads, 8);
        QCOMPARE(config.kvHeads, 4);
        QCOMPARE(config.headDim, 8);
        QCOMPARE(config.intermediateSize, 172);
        QCOMPARE(config.maxPositions, 512);
        QVERIFY(config.tiedEmbeddings);
        QCOMPARE((*model)->weight(4, Projection::K).shape, (std::vector<long long>{32, 64}));
        QCOMPARE((*model)->embedding().shape, (std::vector<long long>{512, 64}));
        QVERIFY((*model)->warnings().empty());
        QVERIFY((config.pairLayout == PairLayout::HalfSplit) == (format == "HF safetensors"));
    }

    void bothFormatsHoldTheSameWeights() {
        const auto hf = openModel(models / "stories260K-hf");
        QROAR_OPENED(hf);
        for (const char* name : {"stories260K/stories260K.bin", "stories260K/stories260K.v1.bin"}) {
            const auto bin = openModel(models / name);
            QROAR_OPENED(bin);
            QCOMPARE((*bin)->embedding().toFloat(), (*hf)->embedding().toFloat());
            QCOMPARE((*bin)->finalNorm().toFloat(), (*hf)->finalNorm().toFloat());
            for (int layer = 0; layer < 5; ++layer) {
                QCOMPARE((*bin)->norm(layer, Norm::Attention).toFloat(),
                         (*hf)->norm(layer, Norm::Attention).toFloat());
                QCOMPARE((*bin)->norm(layer, Norm::FeedForward).toFloat(),
                         (*hf)->norm(layer, Norm::FeedForward).toFloat());
                for (const Projection projection : allProjections)
                    compareProjection(**bin, **hf, layer, projection);
            }
        }
    }

    void qroarNano() {
        const auto model = openModel(models / "qroar-nano");
        QROAR_OPENED(model);
        const ModelConfig& config = (*model)->config();
        QCOMPARE(config.layers, 5);
        QCOMPARE(config.headDim, 32);
        QCOMPARE(config.vocabSize, 1024);
        QCOMPARE(config.maxPositions, 256);
        QVERIFY(config.bosId == 0 && config.eosId == 1);
        QVERIFY((*model)->embedding().type == DType::F16);
        QCOMPARE((*model)->weight(0, Projection::Gate).shape, (std::vector<long long>{384, 128}));
        long long stored = 0;
        for (const TensorView& tensor : (*model)->tensors()) stored += tensor.count();
        QCOMPARE(config.parameterCount(), stored);
    }

  private:
    static void compareProjection(const Model& bin, const Model& hf, int layer, Projection projection) {
        const bool rotary = projection == Projection::Q || projection == Projection::K;
        const TensorView& source = bin.weight(layer, projection);
        const TensorView& target = hf.weight(layer, projection);
        QCOMPARE(source.shape, target.shape);
        const auto columns = static_cast<std::size_t>(source.shape[1]);
        std::vector<float> a(columns), b(columns);
        for (int row = 0; row < source.shape[0]; ++row) {
            const int moved = rotary ? halfSplitRow(row, bin.config().headDim) : row;
            source.toFloat(a.data(), row * source.shape[1], source.shape[1]);
            target.toFloat(b.data(), moved * source.shape[1], source.shape[1]);
            QCOMPARE(a, b);
        }
    }
};

QTEST_APPLESS_MAIN(TestSharedModels)
#include "test_shared_models.moc"
