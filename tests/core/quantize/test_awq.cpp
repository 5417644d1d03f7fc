// AWQ on single layers: the fold changes nothing, alpha 0 without clip is round to nearest, the searches
// against plain loops over tokens, silent channels, grouped queries, biases.
#include "core/inference/forward.h"
#include "core/quantize/awq.h"
#include "tests/support/naive_rtn.h"
#include "tests/support/safetensors_writer.h"

#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <random>

using namespace qroar;
using qroar::test::makeRandomHfModel;
using qroar::test::RandomModelOptions;

namespace {

ProgressSink silent;

/// A layer of a random model with everything that AWQ needs of it: its stream is a random one whose channels
/// differ in size, as those of trained models do.
struct Layer {
    QTemporaryDir folder;
    std::shared_ptr<const Model> model;
    std::shared_ptr<LayerWeights> weights = std::make_shared<LayerWeights>();
    FrequencyTable table;
    std::vector<TokenId> ids;
    std::optional<LinearInputs> inputs;
    std::optional<BlockErrors> blocks;
    std::optional<LayerMoments> moments;
    Matrix output, down; ///< inputs of o and down
    WorkMeter meter{silent, 1};

    explicit Layer(const RandomModelOptions& options, int context = 90, int silentChannel = -1) {
        makeRandomHfModel(folder.path().toStdString(), options, 31);
        model = *openModel(folder.path().toStdString());
        const ModelConfig& c = model->config();
        weights->load(*model, 0);
        if (silentChannel >= 0) weights->attentionNorm[static_cast<std::size_t>(silentChannel)] = 0;
        table = *buildFrequencyTable(*RopeSpec::parse("none"), c.ropeModel(), context);
        inputs.emplace(c, table, context);
        std::mt19937 random(7);
        std::normal_distribution<float> normal;
        Residual stream{{{0, 0, 0, context}}, Matrix(context, c.hiddenSize)};
        for (int token = 0; token < context; ++token)
            for (int channel = 0; channel < c.hiddenSize; ++channel)
                stream.x.row(token)[channel] = normal(random) * (channel % 7 == 3 ? 12.0F : 0.5F);
        blocks.emplace(c, *inputs, weights, std::vector<Residual>{stream}, meter);
        moments.emplace(c);
        Matrix read;
        inputs->attention(*weights, stream, read, meter);
        moments->of(LinearInput::Attention).add(read.view(), meter);
        inputs->output(weights, stream, output, meter);
        moments->of(LinearInput::Output).add(output.view(), meter);
        inputs->addAttention(*weights, output.view(), stream, meter);
        inputs->feedForward(*weights, stream, read, meter);
        moments->of(LinearInput::FeedForward).add(read.view(), meter);
        inputs->down(*weights, stream, down, meter);
        moments->of(LinearInput::Down).add(down.view(), meter);
    }

    AwqScales search(const QuantSpec& spec, const AwqOptions& options = {}) {
        return searchAwqScales(*model, 0, spec, weights, *moments, *blocks, options, meter);
    }
    QuantizedLayer quantize(const QuantSpec& spec, const AwqOptions& options = {}) {
        return quantizeAwq(*model, 0, spec, weights, *moments, *blocks, options, meter);
    }
};

RandomModelOptions grouped() {
    RandomModelOptions options;
    options.attentionBias = options.mlpBias = true;
    options.layers = 1;
    return options;
}

/// sum over tokens and rows of the squared error of Q(W s) (x / s), in double, with naive rounding.
double naiveError(const Matrix& weight, const Matrix& x, const std::vector<float>& scales,
                  const QuantSpec& spec) {
    const auto rows = static_cast<int>(weight.rows()), cols = static_cast<int>(weight.cols());
    std::vector<float> scaled(static_cast<std::size_t>(rows * cols));
    for (int row = 0; row < rows; ++row)
        for (int col = 0; col < cols; ++col) scaled[row * cols + col] = weight.row(row)[col] * scales[col];
    const naive::Result rounded =
        naive::quantize(scaled, rows, cols, spec.bits, spec.groupSize, spec.symmetric);
    double sum = 0;
    for (std::ptrdiff_t token = 0; token < x.rows(); ++token)
        for (int row = 0; row < rows; ++row) {
            double error = 0;
            for (int col = 0; col < cols; ++col)
                error += (rounded.values[row * cols + col] / scales[col] - weight.row(row)[col])
                         * static_cast<double>(x.row(token)[col]);
            sum += error * error;
        }
    return sum;
}

/// A layer in another guise, for a whole pass.
class OneLayer : public WeightSource {
  public:
    explicit OneLayer(LayerWeights weights) : weights_(std::make_shared<LayerWeights>(std::move(weights))) {}
    [[nodiscard]] const QuantSpec& spec() const override { return spec_; }
    [[nodiscard]] std::shared_ptr<const LayerWeights> layer(int) const override { return weights_; }
    [[nodiscard]] std::shared_ptr<const QuantizedLayer> quantized(int) const override { return nullptr; }

  private:
    QuantSpec spec_;
    std::shared_ptr<const LayerWeights> weights_;
};

class KeepLogits : public LogitsSink {
  public:
    std::vector<float> values = std::vector<float>(1 << 16);
    void deliver(int, int first, ConstMatrixView logits) override {
        for (std::ptrdiff_t row = 0; row < logits.rows; ++row)
            std::copy_n(logits.row(row), logits.cols, values.begin() + (first + row) * logits.cols);
    }
};

std::vector<float> logits(const Layer& layer, LayerWeights weights) {
    std::vector<TokenId> ids(80);
    for (std::size_t at = 0; at < ids.size(); ++at) ids[at] = static_cast<TokenId>((at * 37) % 61);
    const Window window{0, 0, ids};
    WorkMeter meter(silent, 1);
    ForwardPass pass(layer.model, layer.table, std::make_shared<OneLayer>(std::move(weights)), 80);
    KeepLogits kept;
    (void)pass.run(std::span(&window, 1), nullptr, kept, meter);
    return kept.values;
}

} // namespace

class TestAwq : public QObject {
    Q_OBJECT
  private slots:
    void scalesGrowWithActivations() {
        const std::vector<float> scales = awqScales({4, 1, 0, 0.25, 1e-12}, 0.5);
        // 2, 1, silent, 0.5 and the bound of 1e-4, divided by sqrt(2 * 1e-4)
        const double middle = std::sqrt(2e-4);
        QVERIFY(std::abs(scales[0] - 2 / middle) < 1e-3);
        QVERIFY(std::abs(scales[1] - 1 / middle) < 1e-3);
        QCOMPARE(scales[2], 1.0F);
        QVERIFY(std::abs(scales[4] - 1e-4 / middle) < 1e-6);
        for (const float scale : awqScales({4, 1, 0, 0.25}, 0)) QCOMPARE(scale, 1.0F);
        for (const float scale : awqScales({0, 0}, 0.5)) QCOMPARE(scale, 1.0F);
    }

    void foldLeavesTheFunctionAsItIs_data() {
        QTest::addColumn<QString>("dtype");
        QTest::addColumn<int>("kvHeads");
        QTest::newRow("grouped queries, F32") << "F32" << 2;
        QTest::newRow("grouped queries, F16") << "F16" << 2;
        QTest::newRow("one KV head, BF16") << "BF16" << 1;
        QTest::newRow("every head its own, F32") << "F32" << 4;
    }
    void foldLeavesTheFunctionAsItIs() {
        QFETCH(QString, dtype);
        QFETCH(int, kvHeads);
        RandomModelOptions options = grouped();
        options.dtype = dtype.toStdString();
        options.kvHeads = kvHeads;
        Layer layer(options);
        const AwqScales scales = layer.search(*QuantSpec::parse("awq:3:g16"));
        for (const double alpha : scales.alpha) QVERIFY(alpha > 0); // else the test shows nothing
        LayerWeights folded = *layer.weights;
        foldAwqScales(*layer.model, 0, scales, folded);
        QVERIFY(folded.attentionNorm != layer.weights->attentionNorm);
        QVERIFY(folded.bias[2] != layer.weights->bias[2] && folded.bias[5] != layer.weights->bias[5]);
        const std::vector<float> before = logits(layer, *layer.weights), after = logits(layer, folded);
        // The biases of v and up are rounded to the type of the checkpoint, by half a unit in its last place
        // each; norms are numbers of that type by construction.
        const double allowed = dtype == "F32" ? 2e-5 : dtype == "F16" ? 2 * 0x1p-11 : 2 * 0x1p-8;
        for (std::size_t at = 0; at < before.size(); ++at)
            QVERIFY2(std::abs(before[at] - after[at]) < allowed,
                     qPrintable(QString::number(before[at] - after[at])));
    }

    void foldedNormsAreNumbersOfTheCheckpointsType() {
        RandomModelOptions options = grouped();
        options.dtype = "BF16";
        Layer layer(options);
        const QuantizedLayer result = layer.quantize(*QuantSpec::parse("awq:4:g16"));
        for (const auto* values :
             {&result.attentionNorm, &result.feedForwardNorm, &result.bias[2], &result.bias[5]})
            for (const float value : *values)
                QCOMPARE(std::bit_cast<std::uint32_t>(value) & 0xFFFFU,
                         0U); // BF16: the upper half of a float
    }

    void withoutScalesAndClipItIsRoundToNearest_data() {
        QTest::addColumn<QString>("spec");
        for (const char* spec : {"awq:4:g16", "awq:3:row", "awq:4:g20:sym"}) QTest::newRow(spec) << spec;
    }
    void withoutScalesAndClipItIsRoundToNearest() {
        QFETCH(QString, spec);
        const QuantSpec quant = *QuantSpec::parse(spec.toStdString());
        Layer layer(grouped());
        const QuantizedLayer result = layer.quantize(quant, {0.0, false});
        for (const Projection projection : allProjections) {
            const auto at = static_cast<std::size_t>(projection);
            const QuantizedMatrix expected =
                quantizeRtn(quant.roundToNearest(), layer.weights->matrix(projection));
            QVERIFY(result.projection[at].codes == expected.codes
                    && result.projection[at].zeros == expected.zeros
                    && result.projection[at].scales == expected.scales);
        }
        QVERIFY(result.attentionNorm == layer.weights->attentionNorm);
        QVERIFY(result.feedForwardNorm == layer.weights->feedForwardNorm);
    }

    void searchOfOAndDownIsTheBestOfTheGrid() {
        const QuantSpec quant = *QuantSpec::parse("awq:3:g16");
        Layer layer(grouped());
        const ModelConfig& c = layer.model->config();
        const AwqScales found = layer.search(quant);
        std::vector<double> mean(static_cast<std::size_t>(c.keyDim())), meanDown(48);
        for (int token = 0; token < 90; ++token) {
            for (int head = 0; head < c.heads; ++head) // two query heads to a head of v
                for (int dim = 0; dim < c.headDim; ++dim)
                    mean[head / 2 * c.headDim + dim] +=
                        std::abs(layer.output.row(token)[head * c.headDim + dim]) / 180.0;
            for (int unit = 0; unit < 48; ++unit)
                meanDown[unit] += std::abs(layer.down.row(token)[unit]) / 90.0;
        }
        const auto best = [&](Projection projection, const Matrix& x, const std::vector<double>& magnitude) {
            std::pair<double, double> least{1e300, -1};
            for (int step = 0; step < 20; ++step) {
                const std::vector<float> scales = awqScales(magnitude, step / 20.0);
                std::vector<float> columns = scales;
                if (projection == Projection::O)
                    for (columns.clear(); std::ssize(columns) < c.queryDim();)
                        columns.push_back(
                            scales[static_cast<std::size_t>(std::ssize(columns) / c.headDim / 2 * c.headDim
                                                            + std::ssize(columns) % c.headDim)]);
                const Matrix& weight = layer.weights->projection[static_cast<std::size_t>(projection)];
                least = std::min(least, {naiveError(weight, x, columns, quant), step / 20.0});
            }
            return least.second;
        };
        QCOMPARE(found.alpha[1], best(Projection::O, layer.output, mean));
        QCOMPARE(found.alpha[3], best(Projection::Down, layer.down, meanDown));
    }

    void searchOfBlocksIsTheBestOfTheGrid() {
        const QuantSpec quant = *QuantSpec::parse("awq:3:g16");
        Layer layer(grouped());
        const AwqScales found = layer.search(quant);
        const auto changed = [&](double alpha) {
            const AwqScales scales = layer.search(quant, {alpha, false});
            auto weights = std::make_shared<LayerWeights>(*layer.weights);
            for (const Projection projection : allProjections) {
                Matrix& w = weights->projection[static_cast<std::size_t>(projection)];
                const std::vector<float> s = scales.columnsOf(layer.model->config(), projection);
                const auto rows = static_cast<int>(w.rows()), cols = static_cast<int>(w.cols());
                std::vector<float> scaled(w.data(), w.data() + rows * cols);
                for (int at = 0; at < rows * cols; ++at) scaled[at] *= s[at % cols];
                const auto rounded = naive::quantize(scaled, rows, cols, 3, 16, false);
                for (int at = 0; at < rows * cols; ++at)
                    w.data()[at] = static_cast<float>(rounded.values[at] / s[at % cols]);
            }
            return weights;
        };
        std::pair<double, double> attention{1e300, -1}, feedForward{1e300, -1};
        for (int step = 0; step < 20; ++step) {
            const auto weights = changed(step / 20.0);
            attention = std::min(attention, {layer.blocks->attention(weights, layer.meter), step / 20.0});
            feedForward =
                std::min(feedForward, {layer.blocks->feedForward(*weights, layer.meter), step / 20.0});
        }
        QCOMPARE(found.alpha[0], attention.second);
        QCOMPARE(found.alpha[2], feedForward.second);
        QVERIFY(attention.first < layer.blocks->attention(changed(0), layer.meter));
    }

    void clipTakesTheBestLimitOfEveryGroup() {
        const QuantSpec quant = *QuantSpec::parse("awq:3:g20"); // groups of 20, 20 and 8
        Layer layer(grouped());
        const Matrix& weight = layer.weights->projection[6]; // down
        Matrix limited = weight;
        const long long count = clipAwqGroups(quant, layer.moments->of(LinearInput::Down).gram().view(),
                                              limited.view(), layer.meter);
        long long changed = 0;
        for (std::ptrdiff_t row = 0; row < weight.rows(); ++row)
            for (int start = 0; start < 48; start += 20) {
                const int size = std::min(20, 48 - start);
                const float* w = weight.row(row) + start;
                float largest = 0;
                for (int at = 0; at < size; ++at) largest = std::max(largest, std::abs(w[at]));
                double least = 1e300, found = 0;
                for (int step = 0; step < 10; ++step) {
                    const auto limit = static_cast<float>((1 - step / 20.0) * largest);
                    std::vector<float> tried(w, w + size);
                    for (float& value : tried) value = std::clamp(value, -limit, limit);
                    const auto rounded = naive::quantize(tried, 1, size, 3, 0, false);
                    double error = 0;
                    for (int token = 0; token < 90; ++token) {
                        double sum = 0;
                        for (int at = 0; at < size; ++at)
                            sum += (rounded.values[at] - w[at]) * layer.down.row(token)[start + at];
                        error += sum * sum;
                    }
                    if (std::equal(tried.begin(), tried.end(), limited.row(row) + start)) found = error;
                    least = std::min(least, error);
                }
                QVERIFY2(found <= least * (1 + 1e-4), qPrintable(QString("%1 %2").arg(found).arg(least)));
                for (int at = 0; at < size; ++at) changed += limited.row(row)[start + at] != w[at] ? 1 : 0;
            }
        QCOMPARE(count, changed);
        QVERIFY(count > 0);
    }

    void silentChannelsDoNotMatter() {
        Layer layer(grouped(), 90, 5);
        const AwqScales scales = layer.search(*QuantSpec::parse("awq:4:g16"));
        QCOMPARE(scales.attention[5], 1.0F);
        const QuantizedLayer result = layer.quantize(*QuantSpec::parse("awq:4:g16"));
        for (const Projection projection : allProjections) {
            const QuantizedMatrix& matrix = result.projection[static_cast<std::size_t>(projection)];
            QVERIFY(matrix.consistent());
            for (const float scale : matrix.scales) QVERIFY(std::isfinite(scale));
        }
        for (const float gain : result.attentionNorm) QVERIFY(std::isfinite(gain));
    }

    void reportsWhatItDidToTheOutputs() {
        Layer layer(grouped());
        const QuantSpec quant = *QuantSpec::parse("awq:3:g16");
        const QuantizedLayer result = layer.quantize(quant);
        // down: against the tokens themselves, through what the engine would multiply with
        Matrix rounded(32, 48);
        result.projection[6].dequantize(rounded.view());
        const AwqScales scales = layer.search(quant);
        double error = 0, size = 0;
        for (int token = 0; token < 90; ++token)
            for (int row = 0; row < 32; ++row) {
                double before = 0, after = 0;
                for (int unit = 0; unit < 48; ++unit) {
                    const double x = layer.down.row(token)[unit];
                    before += static_cast<double>(layer.weights->projection[6].row(row)[unit]) * x;
                    after += static_cast<double>(rounded.row(row)[unit]) * x
                             / static_cast<double>(scales.down[unit]);
                }
                error += (after - before) * (after - before);
                size += before * before;
            }
        const Distortion& found = result.outputDistortion[6];
        QVERIFY(std::abs(found.sumSquaredError / error - 1) < 1e-3);
        QVERIFY(std::abs(found.sumSquaredWeight / size - 1) < 1e-3);
        QCOMPARE(found.count, 90LL * 32);
        QVERIFY(found.cosine() > 0.9 && found.cosine() < 1);
    }
};

QTEST_APPLESS_MAIN(TestAwq)
#include "test_awq.moc"
