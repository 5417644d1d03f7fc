// Identities of method.md section 7 on the arithmetic that runs: gains on pairs of rows of W_Q and W_K,
// folded into the stored weights of a tiny F32 model. Elsewhere: 3 (test_rtn), 6 (test_kernels), 7
// (test_forward), 8 (test_frequency_table). 4, folding into group scales, belongs to the exporter.
#include "core/inference/forward.h"
#include "core/inference/rotary.h"
#include "tests/support/safetensors_writer.h"

#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <cstring>
#include <random>

using namespace qroar;
using qroar::test::RandomModelOptions;
using qroar::test::StoredTensor;

namespace {

/// One factor per pair, on both of its rows.
using Gains = std::vector<double>;

/// Multiplies rows of a stored F32 matrix: both rows of pair i of every head by gains[i] (half-split layout).
void scaleRows(StoredTensor& tensor, const Gains& gains, int headDim) {
    const auto rows = static_cast<std::size_t>(tensor.shape[0]), columns = tensor.bytes.size() / 4 / rows;
    const std::size_t pairs = gains.size();
    for (std::size_t row = 0; row < rows; ++row) {
        const double gain = gains[row % static_cast<std::size_t>(headDim) % pairs];
        for (std::size_t column = 0; column < columns; ++column) {
            char* const at = tensor.bytes.data() + 4 * (row * columns + column);
            float value = 0;
            std::memcpy(&value, at, 4);
            value = static_cast<float>(value * gain);
            std::memcpy(at, &value, 4);
        }
    }
}

bool endsWith(const std::string& text, const std::string& end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// NLL of the same random ids under a model whose W_Q and W_K carry the gains.
std::vector<float> nllWithGains(const Gains& query, const Gains& key) {
    RandomModelOptions options;
    options.attentionBias = true; // belongs to the fold: rows of W and their biases
    const QTemporaryDir folder;
    const std::filesystem::path path = folder.path().toStdString();
    qroar::test::makeRandomHfModel(path, options, 11);
    auto tensors = qroar::test::randomModelTensors(options, 11);
    for (StoredTensor& tensor : tensors)
        for (const char* kind : {".weight", ".bias"}) {
            if (endsWith(tensor.name, std::string("q_proj") + kind))
                scaleRows(tensor, query, options.headDim);
            if (endsWith(tensor.name, std::string("k_proj") + kind)) scaleRows(tensor, key, options.headDim);
        }
    qroar::test::writeBytes(path / "model.safetensors", qroar::test::safetensorsBytes(tensors));
    const auto model = openModel(path);
    if (!model) qFatal("%s", model.error().message.c_str());

    constexpr int context = 300;
    std::mt19937 random(3);
    std::vector<TokenId> ids(context);
    for (TokenId& id : ids) id = static_cast<TokenId>(random() % static_cast<unsigned>(options.vocab));
    const Window window{0, 0, ids};
    const auto table =
        buildFrequencyTable(*RopeSpec::parse("yarn:4"), (*model)->config().ropeModel(), context);
    ProgressSink silent;
    WorkMeter meter(silent, 1e9);
    ForwardPass pass(*model, *table, QuantSpec{}, context);
    NllSink nll(std::span(&window, 1));
    if (!pass.run(std::span(&window, 1), nullptr, nll, meter)) qFatal("the pass failed");
    return nll.take().front();
}

double worst(const std::vector<float>& a, const std::vector<float>& b) {
    double largest = a.size() == b.size() ? 0 : 1e300;
    for (std::size_t at = 0; at < std::min(a.size(), b.size()); ++at)
        largest = std::max(largest, std::abs(static_cast<double>(a[at]) - static_cast<double>(b[at])));
    return largest;
}

Gains inverse(const Gains& gains) {
    Gains result;
    for (const double gain : gains) result.push_back(1 / gain);
    return result;
}

Gains root(const Gains& gains) {
    Gains result;
    for (const double gain : gains) result.push_back(std::sqrt(gain));
    return result;
}

const Gains none{1, 1, 1, 1};
const Gains some{1.31, 0.87, 0.7, 1.13}; // of the four pairs of a head
const Gains powersOfTwo{2, 0.5, 4, 0.25};

} // namespace

class TestIdentities : public QObject {
    Q_OBJECT
    std::vector<float> plain_;

  private slots:
    void initTestCase() {
        plain_ = nllWithGains(none, none);
        QCOMPARE(plain_.size(), std::size_t{299});
    }

    void aScalarCommutesWithARotation_data() {
        QTest::addColumn<bool>("interleaved");
        QTest::newRow("half-split") << false;
        QTest::newRow("interleaved") << true;
    }
    void aScalarCommutesWithARotation() { // identity 1
        QFETCH(bool, interleaved);
        const PairLayout layout = interleaved ? PairLayout::Interleaved : PairLayout::HalfSplit;
        constexpr int pairs = 4, headDim = 10; // two rows are not rotated
        FrequencyTable table;
        table.omega = table.plain = {1, 0.3, 0.05, 0.002};
        table.attentionFactor = 1.25;
        const RotaryTable rotary(table, 500);
        const auto rowOf = [&](int pair, int which) {
            return interleaved ? 2 * pair + which : pair + which * pairs;
        };
        const std::vector<float> start{0.3F, -1.2F, 0.7F, 2.1F, -0.4F, 1.6F, -0.9F, 0.2F, 5, -6};
        for (const int position : {0, 1, 77, 499})
            for (int pair = 0; pair < pairs; ++pair) {
                std::vector<float> rotated = start, scaled = start, lopsided = start;
                scaled[rowOf(pair, 0)] *= 0.5F; // exact, so that the two orders agree to the last bit
                scaled[rowOf(pair, 1)] *= 0.5F;
                lopsided[rowOf(pair, 0)] *= 0.5F;
                for (auto* values : {&rotated, &scaled, &lopsided})
                    rotary.rotate(values->data(), position, 1, headDim, layout);
                for (int row = 0; row < headDim; ++row) {
                    const bool inPair = row == rowOf(pair, 0) || row == rowOf(pair, 1);
                    QCOMPARE(scaled[row], inPair ? rotated[row] * 0.5F : rotated[row]);
                }
                // One row alone does not commute, except where nothing is rotated.
                const float second = lopsided[rowOf(pair, 1)] - rotated[rowOf(pair, 1)];
                QCOMPARE(position == 0, second == 0.0F);
            }
    }

    void theSymmetricVariantChangesNothing() { // identity 2, at full precision
        const double difference = worst(nllWithGains(some, inverse(some)), plain_);
        QVERIFY2(difference < 2e-5, qPrintable(QString::number(difference)));
        // Powers of two do not even round.
        QVERIFY(nllWithGains(powersOfTwo, inverse(powersOfTwo)) == plain_);
        // The gains do matter: on one side alone they change the model.
        QVERIFY(worst(nllWithGains(some, none), plain_) > 1e-2);
    }

    void onlyTheProductIsSeen() { // identity 5
        const std::vector<float> query = nllWithGains(some, none), key = nllWithGains(none, some);
        const std::vector<float> shared = nllWithGains(root(some), root(some));
        QVERIFY2(worst(query, key) < 2e-5, qPrintable(QString::number(worst(query, key))));
        QVERIFY2(worst(query, shared) < 2e-5, qPrintable(QString::number(worst(query, shared))));
        QVERIFY(nllWithGains(powersOfTwo, none) == nllWithGains(none, powersOfTwo)); // bit for bit
        QVERIFY(worst(query, plain_) > 1e-2);
    }
};

QTEST_APPLESS_MAIN(TestIdentities)
#include "test_identities.moc"
