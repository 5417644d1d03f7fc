// The reference against numbers that do not come from this project (golden.json of stories260K), against
// invariants of the architecture, and, for frequency tables and RTN, the product against the reference.
#include "core/quant/rtn.h"
#include "core/rope/rope_spec.h"
#include "tests/support/reference_llama.h"
#include "tests/support/safetensors_writer.h"

#include <QtTest>

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>

using namespace qroar;
using namespace qroar::test;

namespace {

const std::filesystem::path models = std::filesystem::path(QROAR_SOURCE_DIR) / ".." / "shared" / "models";

std::shared_ptr<const Model> open(const std::filesystem::path& path) {
    auto model = openModel(path);
    if (!model) qFatal("%s", model.error().message.c_str());
    return *model;
}

/// A small random model in a temporary folder.
struct RandomModel {
    explicit RandomModel(const RandomModelOptions& options = {}) {
        makeRandomHfModel(folder.path().toStdString(), options, 5);
        model = open(folder.path().toStdString());
    }
    QTemporaryDir folder;
    std::shared_ptr<const Model> model;
};

std::vector<int> someIds(int count, int vocab) {
    std::vector<int> ids;
    unsigned state = 12345;
    for (int token = 0; token < count; ++token) {
        state = state * 1664525U + 1013904223U;
        ids.push_back(static_cast<int>((state >> 8) % static_cast<unsigned>(vocab)));
    }
    return ids;
}

double largestDifference(const std::vector<double>& a, const std::vector<double>& b) {
    if (a.size() != b.size()) return INFINITY;
    double largest = 0;
    for (std::size_t at = 0; at < a.size(); ++at) largest = std::max(largest, std::abs(a[at] - b[at]));
    return largest;
}

ReferenceRope ropeOf(ReferenceRope::Kind kind, double factor, double trainedContext) {
    ReferenceRope rope;
    rope.kind = kind;
    rope.factor = factor;
    rope.trainedContext = trainedContext;
    return rope;
}

} // namespace

class TestReferenceLlama : public QObject {
    Q_OBJECT
  private slots:
    void golden_data();
    void golden();
    void ropeScalingHelpsBeyondTraining();
    void causal();
    void slidingWindow();
    void groupedHeadsEqualRepeatedHeads();
    void pairLayoutsAreAPermutation();
    void onlyDistanceMatters();
    void partialRotary();
    void biasesCount();
    void untiedHead();
    void layer0BeforeRopeIgnoresPosition();
    void frequencyTables_data();
    void frequencyTables();
    void quantizedWeights();
};

void TestReferenceLlama::golden_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<int>("tokens");
    QTest::newRow("llama2.c") << "stories260K/stories260K.bin" << 1536;
    QTest::newRow("llama2.c v1") << "stories260K/stories260K.v1.bin" << 128;
    QTest::newRow("Hugging Face") << "stories260K-hf" << 128;
}

void TestReferenceLlama::golden() {
    QFETCH(QString, model);
    QFETCH(int, tokens);
    const auto path = models / model.toStdString();
    if (!std::filesystem::exists(path)) QSKIP("shared/models is not on this machine");
    const nlohmann::json golden =
        nlohmann::json::parse(std::ifstream(models / "stories260K" / "golden.json"));
    const ReferenceLlama reference(*open(path));
    auto ids = golden["ids"].get<std::vector<int>>();
    ids.resize(static_cast<std::size_t>(tokens) + 1);
    const std::vector<double> found = reference.nll(ids), expected = golden["nll"].get<std::vector<double>>();
    QCOMPARE(found.size(), static_cast<std::size_t>(tokens));
    double sum = 0;
    for (std::size_t token = 0; token < found.size(); ++token) {
        QVERIFY2(std::abs(found[token] - expected[token]) < 2e-6,
                 qPrintable(
                     QString("token %1: %2, expected %3").arg(token).arg(found[token]).arg(expected[token])));
        sum += found[token];
    }
    if (tokens == 1536) QVERIFY(std::abs(sum / 1536 - golden["mean_nll_all"].get<double>()) < 1e-7);

    ids.resize(32);
    const std::vector<double> logits = reference.logits(ids);
    for (std::size_t at = 0; at < 8; ++at)
        QVERIFY(std::abs(logits[31 * 512 + at] - golden["logits_row31_first8"][at].get<double>()) < 2e-6);
}

void TestReferenceLlama::ropeScalingHelpsBeyondTraining() {
    // stories260K was trained at 512; yarn:3 lowers its loss beyond (method.md section 6, prototypes).
    const auto folder = models / "stories260K";
    if (!std::filesystem::exists(folder)) QSKIP("shared/models is not on this machine");
    const nlohmann::json golden = nlohmann::json::parse(std::ifstream(folder / "golden.json"));
    ReferenceLlama reference(*open(folder / "stories260K.bin"));
    auto ids = golden["ids"].get<std::vector<int>>();
    ids.resize(1025);
    const auto meanBeyondTraining = [&] {
        const std::vector<double> nll = reference.nll(ids);
        double sum = 0;
        for (std::size_t token = 512; token < 1024; ++token) sum += nll[token] / 512;
        return sum;
    };
    const double plain = meanBeyondTraining();
    reference.rope = ropeOf(ReferenceRope::Kind::Yarn, 3, 512);
    const double scaled = meanBeyondTraining();
    QVERIFY2(scaled < plain - 0.1, qPrintable(QString("plain %1, yarn:3 %2").arg(plain).arg(scaled)));
}

void TestReferenceLlama::causal() {
    const RandomModel random;
    const ReferenceLlama reference(*random.model);
    std::vector<int> ids = someIds(24, 64);
    const std::vector<double> before = reference.logits(ids);
    ids[12] = (ids[12] + 1) % 64;
    const std::vector<double> after = reference.logits(ids);
    const std::vector<double> head(before.begin(), before.begin() + 12 * 64);
    QVERIFY(std::equal(head.begin(), head.end(), after.begin())); // the past does not see the future
    QVERIFY(largestDifference(before, after) > 1e-3);
}

void TestReferenceLlama::slidingWindow() {
    const RandomModel random;
    ReferenceLlama reference(*random.model);
    std::vector<int> ids = someIds(24, 64);
    const std::vector<double> full = reference.logits(ids);
    reference.config.slidingWindow = 24;
    QVERIFY(reference.logits(ids) == full);
    // Two layers with a window of 4: token 10 depends on tokens 4..10 and no others.
    reference.config.slidingWindow = 4;
    const std::vector<double> before = reference.logits(ids);
    for (const int changed : {3, 4}) {
        std::vector<int> other = ids;
        other[changed] = (other[changed] + 1) % 64;
        const std::vector<double> after = reference.logits(other);
        const bool same =
            std::equal(before.begin() + 10 * 64, before.begin() + 11 * 64, after.begin() + 10 * 64);
        QCOMPARE(same, changed == 3);
    }
    // A window of 1: every token sees only itself, so equal tokens have equal logits.
    reference.config.slidingWindow = 1;
    const std::vector<double> alone = reference.logits({7, 9, 7});
    QVERIFY(std::equal(alone.begin(), alone.begin() + 64, alone.begin() + 2 * 64));
}

void TestReferenceLlama::groupedHeadsEqualRepeatedHeads() {
    const RandomModel random; // 4 heads, 2 key/value heads of 8
    const ReferenceLlama grouped(*random.model);
    ReferenceLlama repeated = grouped;
    repeated.config.kvHeads = 4;
    for (ReferenceLayer& layer : repeated.layers)
        for (ReferenceLinear* linear : {&layer.k, &layer.v}) {
            const std::size_t block = std::size_t(8) * linear->cols; // the rows of one head
            std::vector<double> rows;
            for (const int head : {0, 0, 1, 1})
                rows.insert(rows.end(), linear->weights.begin() + std::ptrdiff_t(head * block),
                            linear->weights.begin() + std::ptrdiff_t((head + 1) * block));
            linear->weights = rows;
            linear->rows = 32;
        }
    const std::vector<int> ids = someIds(20, 64);
    QVERIFY(repeated.logits(ids) == grouped.logits(ids));
}

void TestReferenceLlama::pairLayoutsAreAPermutation() {
    const RandomModel random;
    const ReferenceLlama halfSplit(*random.model);
    ReferenceLlama interleaved = halfSplit;
    interleaved.config.pairLayout = PairLayout::Interleaved;
    for (ReferenceLayer& layer : interleaved.layers)
        for (ReferenceLinear* linear : {&layer.q, &layer.k}) {
            const std::vector<double> source = linear->weights;
            for (int row = 0; row < linear->rows; ++row) { // row 2i + b of a head comes from row i + 4b
                const int from = row / 8 * 8 + row % 8 / 2 + row % 2 * 4;
                std::copy_n(source.begin() + std::ptrdiff_t(from) * linear->cols, linear->cols,
                            linear->weights.begin() + std::ptrdiff_t(row) * linear->cols);
            }
        }
    const std::vector<int> ids = someIds(20, 64);
    QVERIFY(largestDifference(interleaved.logits(ids), halfSplit.logits(ids)) < 1e-12);
    ReferenceLlama wrong = halfSplit;
    wrong.config.pairLayout = PairLayout::Interleaved;
    QVERIFY(largestDifference(wrong.logits(ids), halfSplit.logits(ids)) > 1e-3);
}

void TestReferenceLlama::onlyDistanceMatters() { // a rotation by p and q leaves dot products of p - q
    const RandomModel random;
    const ReferenceLlama reference(*random.model);
    const ReferenceRun run = reference.run(std::vector<int>(12, 3)); // one token, repeated
    const ReferenceRun::LayerQk& qk = run.layers[0];
    const auto dot = [&](int query, int key) {
        double sum = 0;
        for (int dim = 0; dim < 8; ++dim) sum += qk.qAfter[query * 32 + dim] * qk.kAfter[key * 16 + dim];
        return sum;
    };
    QVERIFY(std::abs(dot(5, 2) - dot(11, 8)) < 1e-12);
    QVERIFY(std::abs(dot(5, 2) - dot(5, 3)) > 1e-4);
}

void TestReferenceLlama::partialRotary() {
    RandomModelOptions options;
    options.partialRotaryFactor = 0.5;
    const RandomModel random(options);
    QCOMPARE(random.model->config().rotaryDim, 4);
    ReferenceLlama reference(*random.model);
    reference.rope = ropeOf(ReferenceRope::Kind::Yarn, 4, 64); // m = 1.1386
    const double m = 0.1 * std::log(4.0) + 1;
    const ReferenceRun run = reference.run(someIds(10, 64));
    for (const ReferenceRun::LayerQk& qk : run.layers)
        for (std::size_t at = 0; at < qk.qBefore.size(); ++at)
            if (at % 8 >= 4) { // beyond the rotary dims: untouched, without m
                QVERIFY(qk.qAfter[at] == qk.qBefore[at]);
            } else if (at % 8 < 2) { // pair (0, 2) or (1, 3): the length grows by m
                const double before = std::hypot(qk.qBefore[at], qk.qBefore[at + 2]);
                QVERIFY(std::abs(std::hypot(qk.qAfter[at], qk.qAfter[at + 2]) - m * before) < 1e-12);
            }
}

void TestReferenceLlama::biasesCount() {
    RandomModelOptions options;
    options.attentionBias = options.mlpBias = true;
    const RandomModel random(options);
    const ReferenceLlama reference(*random.model);
    const std::vector<int> ids = someIds(10, 64);
    const std::vector<double> with = reference.logits(ids);
    using Linear = ReferenceLinear ReferenceLayer::*;
    for (const Linear member :
         {&ReferenceLayer::q, &ReferenceLayer::k, &ReferenceLayer::v, &ReferenceLayer::o,
          &ReferenceLayer::gate, &ReferenceLayer::up, &ReferenceLayer::down}) {
        ReferenceLlama without = reference;
        auto& bias = (without.layers[1].*member).bias;
        QVERIFY(!bias.empty());
        bias.clear();
        QVERIFY(largestDifference(without.logits(ids), with) > 1e-6);
    }
}

void TestReferenceLlama::untiedHead() {
    RandomModelOptions options;
    options.tied = false;
    const RandomModel untied(options), tied;
    QVERIFY(ReferenceLlama(*tied.model).head == ReferenceLlama(*tied.model).embedding);
    ReferenceLlama reference(*untied.model);
    QVERIFY(reference.head != reference.embedding);
    std::vector<double> logits = reference.logits({1, 2, 3});
    for (double& weight : reference.head) weight *= 2;
    for (double& logit : logits) logit *= 2;
    QVERIFY(largestDifference(reference.logits({1, 2, 3}), logits) < 1e-12);
}

void TestReferenceLlama::layer0BeforeRopeIgnoresPosition() { // identity 7 of method.md
    const RandomModel random;
    const ReferenceRun run = ReferenceLlama(*random.model).run({5, 6, 5});
    const auto sameAtZeroAndTwo = [](const std::vector<double>& x) {
        const auto width = std::ptrdiff_t(x.size()) / 3;
        return std::equal(x.begin(), x.begin() + width, x.begin() + 2 * width);
    };
    QVERIFY(sameAtZeroAndTwo(run.layers[0].qBefore) && sameAtZeroAndTwo(run.layers[0].kBefore));
    QVERIFY(!sameAtZeroAndTwo(run.layers[0].qAfter));
    QVERIFY(!sameAtZeroAndTwo(run.layers[1].qBefore));
}

void TestReferenceLlama::frequencyTables_data() {
    QTest::addColumn<QString>("spec");
    QTest::addColumn<int>("kind");
    QTest::addColumn<double>("factor");
    using Kind = ReferenceRope::Kind;
    const std::tuple<const char*, Kind, double> cases[] = {
        {"none", Kind::None, 1},         {"linear:4", Kind::Linear, 4}, {"linear:2.5", Kind::Linear, 2.5},
        {"ntk:4", Kind::Ntk, 4},         {"ntk:8", Kind::Ntk, 8},       {"dynamic:2", Kind::Dynamic, 2},
        {"dynamic:4", Kind::Dynamic, 4}, {"yarn:4", Kind::Yarn, 4},     {"yarn:1.5625", Kind::Yarn, 1.5625},
        {"yarn:32", Kind::Yarn, 32},     {"llama3:8", Kind::Llama3, 8}, {"llama3:32", Kind::Llama3, 32},
    };
    for (const auto& [spec, kind, factor] : cases)
        QTest::newRow(spec) << spec << static_cast<int>(kind) << factor;
}

void TestReferenceLlama::frequencyTables() { // core/rope against the formulas written a second time
    QFETCH(QString, spec);
    QFETCH(int, kind);
    QFETCH(double, factor);
    struct Shape {
        int d;
        double theta;
        int trained;
    };
    for (const Shape& shape : {Shape{8, 1e4, 512}, Shape{32, 1e4, 256}, Shape{64, 1e7, 262144},
                               Shape{128, 1e4, 4096}, Shape{128, 5e5, 8192}, Shape{96, 1e6, 32768}})
        for (const long long context : {1LL, 512LL, 4096LL, 131072LL, 1048576LL}) {
            RopeModel model;
            model.headDim = model.rotaryDim = shape.d;
            model.theta = shape.theta;
            model.maxPositions = shape.trained;
            const auto found = buildFrequencyTable(*RopeSpec::parse(spec.toStdString()), model, context);
            QVERIFY(found.ok());
            const ReferenceRope rope = ropeOf(static_cast<ReferenceRope::Kind>(kind), factor, shape.trained);
            const ReferenceRopeTable expected =
                referenceRopeTable(rope, shape.d, shape.theta, static_cast<double>(context));
            QCOMPARE(found->omega.size(), expected.omega.size());
            for (std::size_t pair = 0; pair < expected.omega.size(); ++pair)
                QVERIFY(std::abs(found->omega[pair] / expected.omega[pair] - 1) < 1e-12);
            QVERIFY(std::abs(found->attentionFactor - expected.attentionFactor) < 1e-15);
        }
}

void TestReferenceLlama::quantizedWeights() { // core/quant on the weights of a checkpoint, bit for bit
    RandomModelOptions options;
    options.dtype = "F16";
    const RandomModel random(options);
    const ReferenceLlama plain(*random.model), quantized(*random.model, referenceRtn(4, 32, false));
    for (int layer = 0; layer < 2; ++layer) {
        const ReferenceLayer& expected = quantized.layers[static_cast<std::size_t>(layer)];
        const std::pair<Projection, const ReferenceLinear*> all[] = {
            {Projection::Q, &expected.q},       {Projection::K, &expected.k},
            {Projection::V, &expected.v},       {Projection::O, &expected.o},
            {Projection::Gate, &expected.gate}, {Projection::Up, &expected.up},
            {Projection::Down, &expected.down}};
        for (const auto& [projection, linear] : all) {
            std::vector<float> weights = random.model->weight(layer, projection).toFloat();
            (void)applyRtn(*QuantSpec::parse("rtn:4:g32"),
                           MatrixView(weights.data(), linear->rows, linear->cols));
            QVERIFY(std::equal(weights.begin(), weights.end(), linear->weights.begin()));
        }
    }
    const std::vector<int> ids = someIds(16, 64);
    QVERIFY(largestDifference(plain.logits(ids), quantized.logits(ids)) > 1e-3);
}

QTEST_GUILESS_MAIN(TestReferenceLlama)
#include "test_reference_llama.moc"
