// The weight variant `stored`: a quantized checkpoint runs on exactly the codes it holds, whatever the
// format.
#include "core/inference/forward.h"
#include "tests/support/quantized_checkpoint.h"

#include <QTemporaryDir>
#include <QtTest>

#include <cstring>
#include <random>

using namespace qroar;
using namespace qroar::test;

namespace {

using Nll = std::vector<std::vector<float>>;

QuantSpec spec(const char* text) {
    return *QuantSpec::parse(text);
}

constexpr int context = 40;

std::vector<TokenId> randomTokens(int vocab) {
    std::mt19937 random(5);
    std::vector<TokenId> tokens(2 * context);
    for (TokenId& token : tokens) token = static_cast<TokenId>(random() % static_cast<unsigned>(vocab));
    return tokens;
}

Nll nllOf(const std::shared_ptr<const Model>& model, std::shared_ptr<const WeightSource> weights) {
    const std::vector<TokenId> tokens = randomTokens(model->config().vocabSize);
    const std::span<const TokenId> all(tokens);
    const std::vector<Window> texts{{0, 0, all.first(context)}, {1, 0, all.last(context)}};
    const auto table = buildFrequencyTable(*RopeSpec::parse("yarn:2"), model->config().ropeModel(), context);
    ProgressSink silent;
    WorkMeter meter(silent, 1e9);
    ForwardPass pass(model, *table, std::move(weights), context);
    NllSink sink(texts);
    if (!pass.run(texts, nullptr, sink, meter)) return {};
    return sink.take();
}

bool sameBits(const Nll& a, const Nll& b) {
    if (a.empty() || a.size() != b.size()) return false;
    for (std::size_t window = 0; window < a.size(); ++window)
        if (a[window].size() != context - 1 || a[window].size() != b[window].size()
            || std::memcmp(a[window].data(), b[window].data(), 4 * a[window].size()) != 0)
            return false;
    return true;
}

std::vector<float> dequantized(const QuantizedMatrix& codes) {
    Matrix values(codes.rows, codes.cols);
    codes.dequantize(values.view());
    return {values.data(), values.data() + values.rows() * values.cols()};
}

} // namespace

class TestStoredWeights : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;

    std::shared_ptr<const Model> written(const QuantizedCheckpoint& checkpoint, const char* name) {
        const auto path = std::filesystem::path(folder_.path().toStdString()) / name;
        std::filesystem::remove_all(path);
        writeQuantizedModel(path, checkpoint);
        auto model = openModel(path);
        return model ? *model : nullptr;
    }
    std::shared_ptr<const Model> dense(const QuantizedCheckpoint& checkpoint) {
        const auto path = std::filesystem::path(folder_.path().toStdString()) / "dense";
        std::filesystem::remove_all(path);
        makeRandomHfModel(path, checkpoint.model);
        auto model = openModel(path);
        return model ? *model : nullptr;
    }
    /// The same codes in memory, over the dense model.
    static std::shared_ptr<const WeightSource> inMemory(const std::shared_ptr<const Model>& model,
                                                        const QuantizedCheckpoint& checkpoint) {
        std::vector<std::shared_ptr<QuantizedLayer>> layers(static_cast<std::size_t>(model->config().layers));
        for (auto& layer : layers) layer = std::make_shared<QuantizedLayer>();
        for (const StoredTensor& tensor : randomModelTensors(checkpoint.model, 1)) {
            const std::string name = projectionOf(tensor);
            if (name.empty() || checkpoint.dense.count(name)) continue;
            for (const Projection p : allProjections)
                if (name.find(std::string(".") + projectionName(p)) != std::string::npos)
                    layers[static_cast<std::size_t>(name[7] - '0')]->projection[static_cast<std::size_t>(p)] =
                        codesOf(checkpoint, tensor);
        }
        return packedWeights(model, checkpoint.spec, {layers.begin(), layers.end()});
    }
    static QuantizedCheckpoint example(StoredFormat format, const char* text) {
        auto checkpoint = QuantizedCheckpoint::make(format, spec(text));
        checkpoint.model.attentionBias = true;
        return checkpoint;
    }

  private slots:
    void runsOnTheCodesInTheFile();
    void equalsRoundToNearestOfTheOriginal();
    void twins();
    void mixedLayers();
    void codesAreHandedOut();
    void otherVariantsAreRefused();
};

void TestStoredWeights::runsOnTheCodesInTheFile() {
    std::vector<QuantizedCheckpoint> checkpoints{example(StoredFormat::AwqGemm, "rtn:4:g32")};
    for (const char* text : {"rtn:2:g32:sym", "rtn:3:g32:sym", "rtn:4:g32:sym", "rtn:8:row:sym"})
        checkpoints.push_back(example(StoredFormat::Gptq, text));
    checkpoints.push_back(example(StoredFormat::Gptq, "rtn:4:g32"));
    checkpoints.back().zeros = GptqZeros::V2;
    checkpoints.back().actOrder = true;
    for (const char* text : {"rtn:2:g32", "rtn:3:g32:sym", "rtn:5:row", "rtn:7:g16"})
        checkpoints.push_back(example(StoredFormat::CompressedPack, text));
    checkpoints.push_back(example(StoredFormat::CompressedPack, "rtn:4:g32"));
    checkpoints.back().scaleType = "BF16";
    checkpoints.back().actOrder = true;
    Nll last;
    for (const QuantizedCheckpoint& checkpoint : checkpoints) {
        const auto model = written(checkpoint, "stored"), original = dense(checkpoint);
        QVERIFY(model && original);
        const auto weights = openWeights(model, spec("stored"));
        QVERIFY(weights.ok());
        const Nll found = nllOf(model, *weights);
        QVERIFY2(sameBits(found, nllOf(original, inMemory(original, checkpoint))),
                 model->stored(0, Projection::Q)->text().c_str());
        QVERIFY(sameBits(found, nllOf(model, cachedWeights(*weights))));
        QVERIFY(!sameBits(found, last)); // the checkpoints are not all one model
        last = found;
    }
}

void TestStoredWeights::equalsRoundToNearestOfTheOriginal() { // applyRtn never makes codes
    for (const char* text : {"rtn:4:g32", "rtn:4:g16:sym"}) {
        const auto checkpoint = example(StoredFormat::AwqGemm, text);
        const auto original = dense(checkpoint), model = written(checkpoint, "stored");
        QVERIFY(sameBits(nllOf(model, *openWeights(model, spec("stored"))),
                         nllOf(original, *openWeights(original, spec(text)))));
    }
}

void TestStoredWeights::twins() {
    auto gptq = example(StoredFormat::Gptq, "rtn:4:g32");
    gptq.zeros = GptqZeros::V2;
    const auto one = written(example(StoredFormat::AwqGemm, "rtn:4:g32"), "awq"), two = written(gptq, "gptq"),
               three = written(example(StoredFormat::CompressedPack, "rtn:4:g32"), "compressed");
    QVERIFY(one && two && three);
    for (int layer = 0; layer < one->config().layers; ++layer)
        for (const Projection p : allProjections) {
            const auto expected = dequantized(*one->stored(layer, p)->read());
            QCOMPARE(dequantized(*two->stored(layer, p)->read()), expected);
            QCOMPARE(dequantized(*three->stored(layer, p)->read()), expected);
        }
    const Nll expected = nllOf(one, *openWeights(one, spec("stored")));
    QVERIFY(sameBits(nllOf(two, *openWeights(two, spec("stored"))), expected));
    QVERIFY(sameBits(nllOf(three, *openWeights(three, spec("stored"))), expected));
}

void TestStoredWeights::mixedLayers() {
    auto checkpoint = example(StoredFormat::Gptq, "rtn:3:g32:sym");
    checkpoint.dense = {"layers.0.self_attn.q_proj", "layers.1.mlp.down_proj", "layers.1.mlp.up_proj"};
    const auto model = written(checkpoint, "stored"), original = dense(checkpoint);
    QVERIFY(model && original);
    const auto weights = *openWeights(model, spec("stored"));
    QVERIFY(sameBits(nllOf(model, weights), nllOf(original, inMemory(original, checkpoint))));
    // The codes alone, over the checkpoint they came from: dense projections are the model's.
    std::vector<std::shared_ptr<const QuantizedLayer>> layers{weights->quantized(0), weights->quantized(1)};
    QVERIFY(sameBits(nllOf(model, weights), nllOf(model, packedWeights(model, spec("stored"), layers))));
    for (const Projection p : allProjections) {
        QCOMPARE(layers[0]->projection[static_cast<std::size_t>(p)].rows == 0, p == Projection::Q);
        QCOMPARE(layers[1]->projection[static_cast<std::size_t>(p)].rows == 0,
                 p == Projection::Down || p == Projection::Up);
    }
}

void TestStoredWeights::codesAreHandedOut() {
    const auto model = written(example(StoredFormat::CompressedPack, "rtn:4:g32"), "stored");
    const auto weights = *openWeights(model, spec("stored"));
    QVERIFY(weights->spec() == spec("stored"));
    for (int layer = 0; layer < model->config().layers; ++layer) {
        const auto codes = weights->quantized(layer);
        const auto floats = weights->layer(layer);
        for (const Projection p : allProjections) {
            const auto at = static_cast<std::size_t>(p);
            QCOMPARE(codes->projection[at].codes, model->stored(layer, p)->read()->codes);
            const auto expected = dequantized(codes->projection[at]);
            QVERIFY(std::memcmp(floats->projection[at].data(), expected.data(), 4 * expected.size()) == 0);
            QCOMPARE(floats->distortion[at].count, 0LL); // nobody knows the original
        }
    }
}

void TestStoredWeights::otherVariantsAreRefused() {
    const auto checkpoint = example(StoredFormat::AwqGemm, "rtn:4:g32");
    const auto model = written(checkpoint, "stored"), original = dense(checkpoint);
    for (const char* text : {"none", "rtn:4:g32", "awq:4:g32", "gptq:4:g32"}) {
        const auto refused = openWeights(model, spec(text));
        QVERIFY(!refused.ok());
        QVERIFY2(QString::fromStdString(refused.error().message)
                     .contains("this checkpoint stores quantized weights: use --quant stored"),
                 refused.error().message.c_str());
    }
    const auto refused = openWeights(original, spec("stored"));
    QVERIFY(!refused.ok() && refused.error().code == ErrorCode::Unsupported);
    QVERIFY(plainQuant(*model) == spec("stored"));
    QVERIFY(plainQuant(*original) == spec("none"));
}

QTEST_APPLESS_MAIN(TestStoredWeights)
#include "test_stored_weights.moc"
