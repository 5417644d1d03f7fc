// Quantization noise and damage: against naive double loops over the reference model, for any number of
// threads, through the session file, cancelled and continued.
#include "core/analysis/analysis.h"
#include "core/analysis/layer_variants.h"
#include "core/diagnostics/damage_grid.h"
#include "core/diagnostics/noise_grid.h"
#include "core/session/session_file.h"
#include "tests/core/analysis/naive_noise.h"
#include "tests/support/llama2c_writer.h"
#include "tests/support/random_documents.h"
#include "tests/support/reference_llama.h"
#include "tests/support/safetensors_writer.h"

#include <QTemporaryDir>
#include <QtTest>

#include <omp.h>

#include <array>
#include <atomic>
#include <cmath>
#include <numbers>
#include <random>
#include <set>

using namespace qroar;
using namespace qroar::test;

namespace {

constexpr int context = 64, layers = 3;

/// Counts how often it is asked, and says stop after so many times.
class StopAtQuestion : public ProgressSink {
  public:
    explicit StopAtQuestion(long long after) : after_(after) {}
    [[nodiscard]] bool cancelled() const override { return ++asked >= after_; }
    mutable std::atomic<long long> asked{0};

  private:
    long long after_;
};
constexpr long long never = 1LL << 60;

std::vector<int> idsOf(const Window& window) {
    return {window.tokens.begin(), window.tokens.end()};
}

/// The reference model with RTN in what `wanted` says of a layer, projection and row.
template<class Wanted>
ReferenceLlama quantizedWhere(const Model& model, const Wanted& wanted) {
    const WeightTransform rtn = referenceRtn(4, 32, false);
    ReferenceLlama reference(model,
                             [&](int layer, Projection p, std::vector<double>& weights, int rows, int cols) {
                                 std::vector<double> changed = weights;
                                 rtn(layer, p, changed, rows, cols);
                                 for (int row = 0; row < rows; ++row)
                                     if (wanted(layer, p, row))
                                         std::copy_n(changed.begin() + static_cast<long>(row) * cols, cols,
                                                     weights.begin() + static_cast<long>(row) * cols);
                             });
    reference.rope = {ReferenceRope::Kind::Yarn, 2, 32};
    return reference;
}

/// Mean KL(p || q) of the next-token predictions, and mean change of the NLL, over all windows.
std::array<double, 2> meanDamage(const ReferenceLlama& was, const ReferenceLlama& is,
                                 const std::vector<Window>& windows, int vocab) {
    double kl = 0, nll = 0, tokens = 0;
    for (const Window& window : windows) {
        const auto ids = idsOf(window);
        const auto a = was.logits(ids), b = is.logits(ids);
        for (std::size_t token = 0; token + 1 < ids.size(); ++token) {
            const double *x = a.data() + token * vocab, *y = b.data() + token * vocab;
            double sumX = 0, sumY = 0;
            for (int word = 0; word < vocab; ++word) {
                sumX += std::exp(x[word]);
                sumY += std::exp(y[word]);
            }
            for (int word = 0; word < vocab; ++word)
                kl += std::exp(x[word]) / sumX * (x[word] - std::log(sumX) - y[word] + std::log(sumY));
            const int next = ids[token + 1];
            nll += std::log(sumY) - y[next] - std::log(sumX) + x[next];
            tokens += 1;
        }
    }
    return {kl / tokens, nll / tokens};
}

bool near(double found, double expected, double relative, double absolute) {
    const bool fine = std::abs(found - expected) <= absolute + relative * std::abs(expected);
    if (!fine) qWarning("found %.12g, expected %.12g", found, expected);
    return fine;
}

bool sameCells(const std::vector<DamageCell>& a, const std::vector<DamageCell>& b) {
    const auto same = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](const DamageCell& x, const DamageCell& y) {
        return same(x.kl, y.kl) && same(x.nll, y.nll) && same(x.noiseKl, y.noiseKl)
               && same(x.noiseNll, y.noiseNll);
    });
}

bool sameDamage(const Damage& a, const Damage& b) {
    return a.tokens == b.tokens && a.layers == b.layers && a.bandEdges == b.bandEdges
           && sameCells({a.whole}, {b.whole}) && sameCells(a.byLayer, b.byLayer)
           && sameCells(a.byBand, b.byBand);
}

/// Moments of samples with the covariance R diag(l1, l2) R^T and no mean.
ErrorMoments momentsOf(double l1, double l2, double angle, double signal, double signalRatio,
                       double signalAngle) {
    const auto fill = [](double a, double b, double turn, double& xx, double& xy, double& yy) {
        const double c = std::cos(turn), s = std::sin(turn);
        xx = a * c * c + b * s * s;
        xy = (a - b) * c * s;
        yy = a * s * s + b * c * c;
    };
    ErrorMoments m;
    m.count = 1;
    fill(l1, l2, angle, m.sumXX, m.sumXY, m.sumYY);
    fill(signal, signal * signalRatio, signalAngle, m.signalXX, m.signalXY, m.signalYY);
    return m;
}

/// tr(S R(angle) T R(-angle)) as a double loop over matrices.
double turnedTrace(const double (&s)[2][2], const double (&t)[2][2], double angle) {
    const double r[2][2] = {{std::cos(angle), -std::sin(angle)}, {std::sin(angle), std::cos(angle)}};
    double trace = 0;
    for (int a = 0; a < 2; ++a)
        for (int b = 0; b < 2; ++b)
            for (int c = 0; c < 2; ++c)
                for (int d = 0; d < 2; ++d) trace += s[a][b] * r[b][c] * t[c][d] * r[a][d];
    return trace;
}

/// Of every cell.
void compareNoise(const NoiseStatistics& noise, const NoiseStatistics& naive) {
    QCOMPARE(noise.samplesOfAll(), naive.samplesOfAll());
    for (std::size_t at = 0; at < naive.errors().size(); ++at) {
        const ErrorMoments &f = noise.errors()[at], &e = naive.errors()[at];
        QCOMPARE(f.count, e.count);
        const double scale = std::sqrt(e.sumXX + e.sumYY) * 1e-3;
        QVERIFY(near(f.sumX, e.sumX, 1e-3, scale) && near(f.sumY, e.sumY, 1e-3, scale));
        QVERIFY(near(f.sumXX, e.sumXX, 1e-3, 1e-6) && near(f.sumYY, e.sumYY, 1e-3, 1e-6));
        QVERIFY(near(f.sumXY, e.sumXY, 1e-3, 1e-3 * (e.sumXX + e.sumYY)));
        QVERIFY(near(f.signalXX, e.signalXX, 1e-4, 1e-4)
                && near(f.signalXY, e.signalXY, 1e-4, 1e-3 * e.signalXX + 1e-3));
    }
    for (std::size_t cell = 0; cell < noise.logitCells(); ++cell) {
        const double size = std::sqrt(naive.samples(cell) * naive.products(cell)[naive.productIndex(0, 0)]);
        for (std::size_t at = 0; at < noise.sums(cell).size(); ++at)
            QVERIFY(near(noise.sums(cell)[at], naive.sums(cell)[at], 1e-3, 1e-3 * size));
        for (std::size_t at = 0; at < noise.products(cell).size(); ++at)
            QVERIFY(near(noise.products(cell)[at], naive.products(cell)[at], 1e-3, 1e-4 * size + 1e-7));
    }
}

} // namespace

class TestNoise : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    AnalysisPlan plan_;
    std::shared_ptr<const Session> session_;

    std::shared_ptr<const Session> run(const AnalysisPlan& plan, std::shared_ptr<const Session> previous = {},
                                       long long stopAt = never) const {
        StopAtQuestion sink(stopAt);
        auto session = runAnalysis(plan, sink, {}, std::move(previous));
        if (!session) qWarning("%s", session.error().message.c_str());
        return session ? *session : nullptr;
    }
    [[nodiscard]] const ConditionResult& quantized(const std::shared_ptr<const Session>& session) const {
        return *session->conditions.back();
    }

  private slots:
    void initTestCase() {
        RandomModelOptions options;
        options.layers = layers;
        options.maxPositions = 32;
        makeRandomHfModel(folder_.path().toStdString(), options, 5);
        plan_.model = openModel(folder_.path().toStdString()).value();
        plan_.documents = randomDocuments({150, 70});
        plan_.contexts = {context};
        plan_.ropes = {*RopeSpec::parse("yarn:2")};
        plan_.quants = {*QuantSpec::parse("none"), *QuantSpec::parse("rtn:4:g32")};
        plan_.bands = 2;
        plan_.groupPerKvHead = true;
        plan_.noise = true;
        plan_.damage = DamageScope::Bands;
        session_ = run(plan_);
        QVERIFY(session_);
        QCOMPARE(session_->conditions.size(), std::size_t{2});
    }

    void samplesAreInsideTheWindowAndTheBucket() {
        QCOMPARE(distanceBuckets(1), std::vector<int>({1}));
        QCOMPARE(distanceBuckets(2), std::vector<int>({1, 2}));
        QCOMPARE(distanceBuckets(100), std::vector<int>({1, 2, 4, 8, 16, 32, 64, 100}));
        for (const auto& [from, to] :
             {std::pair(1, 2), std::pair(8, 16), std::pair(64, 100), std::pair(64, 128)}) {
            const auto samples = noiseSamples(from, to, 100, 3, 64);
            QCOMPARE(samples.size(), std::size_t{64});
            std::set<int> queries;
            for (const NoiseSample& sample : samples) {
                QVERIFY(sample.distance >= from && sample.distance < std::min(to, 100));
                QVERIFY(sample.query >= sample.distance && sample.query < 100);
                queries.insert(sample.query);
            }
            QVERIFY(queries.size() > 20);
            QVERIFY(from != 8 || samples.front().query != noiseSamples(from, to, 100, 4, 64).front().query);
        }
        QVERIFY(noiseSamples(64, 128, 60, 0, 64).empty());
    }

    void onlyWhatWasAskedForAndHasAReference() {
        QVERIFY(session_->conditions.front()->noise.empty());
        QVERIFY(session_->conditions.front()->damage.empty());
        QVERIFY(plan_.isDone(*session_));
        AnalysisPlan plain = plan_;
        plain.noise = false;
        plain.damage = DamageScope::None;
        const auto without = run(plain);
        QVERIFY(quantized(without).noise.empty() && quantized(without).damage.empty());
        QVERIFY(quantized(without).statistics == quantized(session_).statistics);
        QVERIFY(quantized(without).windows == quantized(session_).windows);
        const auto estimate = estimateAnalysis(plan_), fewer = estimateAnalysis(plain);
        QVERIFY(estimate.ok() && fewer.ok() && estimate->fileBytes > fewer->fileBytes);
        const auto added = run(plan_, without); // later
        QVERIFY(quantized(added).noise == quantized(session_).noise);
        QVERIFY(sameDamage(quantized(added).damage, quantized(session_).damage));
    }

    /// Errors before RoPE, and logit errors from rotated q and k, from two independent runs of the reference.
    void noiseAgreesWithNaiveLoops() {
        const NoiseStatistics& noise = quantized(session_).noise;
        QCOMPARE(noise.shape().groups, plan_.model->config().kvHeads);
        const auto was = quantizedWhere(*plan_.model, [](int, Projection, int) { return false; });
        const auto is = quantizedWhere(*plan_.model, [](int, Projection, int) { return true; });
        compareNoise(noise, naiveNoise(was, is, *cutWindows(*plan_.documents, context), noise.shape()));
    }

    void otherLayoutsAgreeWithNaiveLoops_data() {
        QTest::addColumn<bool>("interleaved");
        QTest::newRow("interleaved rows, llama2.c") << true;
        QTest::newRow("partial rotary") << false;
    }
    /// Noise, and the damage of the rows of one band.
    void otherLayoutsAgreeWithNaiveLoops() {
        QFETCH(bool, interleaved);
        RandomModelOptions options;
        options.layers = layers;
        options.maxPositions = 32;
        if (!interleaved) options.partialRotaryFactor = 0.5;
        const QTemporaryDir folder;
        const auto path = std::filesystem::path(folder.path().toStdString()) / "model.bin";
        if (interleaved)
            writeLlama2c(path, options);
        else
            makeRandomHfModel(path, options, 5);
        AnalysisPlan plan = plan_;
        plan.model = openModel(path).value();
        plan.documents = randomDocuments({130});
        const ModelConfig& c = plan.model->config();
        QCOMPARE(c.pairLayout == PairLayout::Interleaved, interleaved);
        QCOMPARE(c.rotaryDim, interleaved ? c.headDim : c.headDim / 2);
        const auto session = run(plan);
        QVERIFY(session);
        const auto windows = *cutWindows(*plan.documents, context);
        const auto was = quantizedWhere(*plan.model, [](int, Projection, int) { return false; });
        const auto is = quantizedWhere(*plan.model, [](int, Projection, int) { return true; });
        const NoiseStatistics& noise = quantized(session).noise;
        QCOMPARE(noise.shape().pairs, c.rotaryDim / 2);
        compareNoise(noise, naiveNoise(was, is, windows, noise.shape()));
        if (QTest::currentTestFailed()) return;
        const Damage& damage = quantized(session).damage;
        for (const QkTensor tensor : {QkTensor::Q, QkTensor::K}) {
            std::set<int> rows; // of the second of two bands, in a head
            for (int pair = c.rotaryDim / 4; pair < c.rotaryDim / 2; ++pair) {
                const auto [first, second] = naiveRows(c, pair);
                rows.insert({first, second});
            }
            const auto [kl, nll] = meanDamage(
                was,
                quantizedWhere(*plan.model,
                               [&](int layer, Projection p, int row) {
                                   return layer == 1
                                          && p == (tensor == QkTensor::Q ? Projection::Q : Projection::K)
                                          && rows.count(row % c.headDim) > 0;
                               }),
                windows, c.vocabSize);
            const DamageCell& cell = damage.byBand[damage.bandCell(1, tensor, 1)];
            QVERIFY(kl > 1e-6 && near(cell.kl, kl, 2e-3, 1e-7) && near(cell.nll, nll, 2e-3, 1e-6));
        }
    }

    /// The RMS of a band is that of the sum over its pairs, cross terms and all.
    void bandsAreAView() {
        NoiseShape shape;
        shape.layers = shape.groups = 1;
        shape.pairs = 4;
        shape.bucketEdges = {0, 8};
        shape.distanceEdges = {1, 2, 8};
        ConditionResult condition;
        condition.noise = NoiseStatistics(shape);
        std::mt19937 random(1);
        std::normal_distribution<double> normal;
        double squares[2] = {0, 0}, sums[2] = {0, 0};
        for (int sample = 0; sample < 50; ++sample)
            for (int distance = 0; distance < 2; ++distance) {
                double c[4], band = 0;
                for (double& one : c) one = normal(random) + 0.2;
                for (int pair = 1; pair < 3; ++pair) band += c[pair];
                squares[distance] += band * band;
                sums[distance] += band;
                condition.noise.samplesOfAll()[static_cast<std::size_t>(distance)] += 1;
                for (int i = 0; i < 4; ++i) {
                    condition.noise.sumsOfAll()[static_cast<std::size_t>(distance * 4 + i)] += c[i];
                    for (int j = i; j < 4; ++j)
                        condition.noise.productsOfAll()[static_cast<std::size_t>(distance) * shape.triangle()
                                                        + condition.noise.productIndex(j, i)] += c[i] * c[j];
                }
            }
        const auto bands = *BandPartition::parseEdges("1,3", 4);
        for (int distance = 0; distance < 2; ++distance) {
            QVERIFY(near(logitNoiseGrid(condition, bands, LogitNoise::Rms, distance).at(0, 1),
                         std::sqrt(squares[distance] / 50), 1e-12, 0));
            QVERIFY(near(logitNoiseGrid(condition, bands, LogitNoise::Mean, distance).at(0, 1),
                         sums[distance] / 50, 1e-12, 0));
        }
        QVERIFY(near(logitNoiseGrid(condition, bands, LogitNoise::Rms).at(0, 1),
                     std::sqrt((squares[0] + squares[1]) / 100), 1e-12, 0));
        QCOMPARE(logitNoiseGrid(ConditionResult(), bands, LogitNoise::Rms).layers, 0);
        QVERIFY(std::isnan(logitNoise(condition.noise, LogitNoise::Rms, 0, 1, 3, 5)));
    }

    void anisotropyOfKnownErrors() {
        const Anisotropy found = anisotropyOf(momentsOf(3, 1, 0.5, 100, 1, 0));
        QVERIFY(near(found.value, 0.5, 1e-12, 0) && near(found.orientation, 0.5, 1e-12, 0));
        QVERIFY(near(found.variance, 4, 1e-12, 0) && near(found.snrDb, 10 * std::log10(50), 1e-12, 0));
        QVERIFY(std::isnan(anisotropyOf(ErrorMoments()).value));
        ErrorMoments shifted = momentsOf(3, 1, 0.5, 100, 1, 0); // a mean is not variance
        shifted.count = 2;
        shifted.add({0, 4, 2, 8, 4, 2, 0, 0, 0});
        QVERIFY(near(anisotropyOf(shifted).variance, 2, 1e-12, 0));
    }

    /// Depth by turning the matrices through all angles.
    void depthAgreesWithTurnedMatrices() {
        NoiseShape shape;
        shape.layers = shape.groups = shape.pairs = 1;
        shape.bucketEdges = {0, 8};
        shape.distanceEdges = {1, 8};
        ConditionResult condition;
        condition.table.attentionFactor = 1.2;
        condition.noise = NoiseStatistics(shape);
        const ErrorMoments q = momentsOf(3, 1, 0.5, 20, 0.3, 0.9), k = momentsOf(2, 0.5, -0.8, 30, 0.6, 0.2);
        condition.noise.errors() = {q, k};
        const double eq[2][2] = {{q.sumXX, q.sumXY}, {q.sumXY, q.sumYY}},
                     ek[2][2] = {{k.sumXX, k.sumXY}, {k.sumXY, k.sumYY}};
        const double mq[2][2] = {{q.signalXX, q.signalXY}, {q.signalXY, q.signalYY}},
                     mk[2][2] = {{k.signalXX, k.signalXY}, {k.signalXY, k.signalYY}};
        double low = 1e9, high = 0;
        for (int step = 0; step < 20000; ++step) {
            const double angle = step * std::numbers::pi / 20000; // key turned back, query turned on
            const double variance = turnedTrace(eq, mk, -angle) + turnedTrace(ek, mq, angle);
            low = std::min(low, variance);
            high = std::max(high, variance);
        }
        const NoiseDepth depth = noiseDepth(condition, 0.3, 0, 0);
        QVERIFY(near(depth.mean, (high - low) / (high + low), 1e-5, 0));
        QVERIFY(near(depth.rms, 1.44 * 0.3 * std::sqrt((high + low) / 2), 1e-5, 0));
        QVERIFY(near(depth.largest, (48.0 * 2 + 26 * 1.5) / (48.0 * 4 + 26 * 2.5), 1e-9, 0));
        QVERIFY(
            near(anisotropyGrid(condition, BandPartition::equal(1, 1), QkTensor::Q).at(0, 0), 0.5, 1e-9, 0));
    }

    void damageAgreesWithNaiveLoops() {
        const Damage& damage = quantized(session_).damage;
        const ModelConfig& c = plan_.model->config();
        const auto windows = *cutWindows(*plan_.documents, context);
        QCOMPARE(damage.tokens, static_cast<long long>(windows.size()) * (context - 1));
        const auto was = quantizedWhere(*plan_.model, [](int, Projection, int) { return false; });
        const auto agrees = [&](const DamageCell& cell, const auto& wanted) {
            const auto [kl, nll] =
                meanDamage(was, quantizedWhere(*plan_.model, wanted), windows, c.vocabSize);
            return near(cell.kl, kl, 2e-3, 1e-7) && near(cell.nll, nll, 2e-3, 1e-6) && kl > 1e-6;
        };
        QVERIFY(agrees(damage.whole, [](int, Projection, int) { return true; }));
        QVERIFY(agrees(damage.byLayer[0], [](int layer, Projection, int) { return layer == 0; }));
        QVERIFY(agrees(damage.byLayer[2], [](int layer, Projection, int) { return layer == 2; }));
        for (const QkTensor tensor : {QkTensor::Q, QkTensor::K})
            QVERIFY(
                agrees(damage.byBand[damage.bandCell(1, tensor, 1)], [&](int layer, Projection p, int row) {
                    const int pair = row % c.headDim % (c.headDim / 2);
                    return layer == 1 && p == (tensor == QkTensor::Q ? Projection::Q : Projection::K)
                           && pair >= 2;
                }));
        double sum = 0;
        for (const DamageCell& cell : damage.byLayer) sum += cell.kl;
        QVERIFY(near(layerAdditivity(damage), sum / damage.whole.kl, 1e-12, 0));
        QVERIFY(std::isfinite(layerAdditivity(damage, &DamageCell::noiseKl)));
        QVERIFY(bandShare(damage, 1) > 0);
        const ConditionResult& condition = quantized(session_);
        QCOMPARE(damageGrid(condition, BandPartition::equal(2, 4), QkTensor::K).at(1, 1),
                 damage.byBand[damage.bandCell(1, QkTensor::K, 1)].kl);
        QCOMPARE(damageGrid(condition, BandPartition::equal(4, 4), QkTensor::K).layers, 0);
        QCOMPARE(layerDamage(condition).at(2, 0), damage.byLayer[2].kl);
    }

    /// Errors at random are as long as those they stand for, row by row, and point elsewhere.
    void controlsHaveErrorsOfTheSameSize() {
        const auto plain = openWeights(plan_.model, *QuantSpec::parse("none")).value()->layer(1);
        const auto own = openWeights(plan_.model, *QuantSpec::parse("rtn:4:g32")).value()->layer(1);
        const auto band = withBandRows(*plain, *own, plan_.model->config(), Projection::K, 1, 3);
        for (const SharedLayer& variant : {own, band}) {
            const auto random = withRandomErrors(*plain, *variant, 1);
            QVERIFY(random);
            for (std::size_t p = 0; p < 7; ++p)
                for (std::ptrdiff_t row = 0; row < plain->projection[p].rows(); ++row) {
                    double error = 0, control = 0, product = 0;
                    for (std::ptrdiff_t column = 0; column < plain->projection[p].cols(); ++column) {
                        const double was = plain->projection[p].row(row)[column];
                        const double a = variant->projection[p].row(row)[column] - was;
                        const double b = random->projection[p].row(row)[column] - was;
                        error += a * a;
                        control += b * b;
                        product += a * b;
                    }
                    QVERIFY(near(control, error, 1e-4, 1e-12));
                    QVERIFY(error == 0 || std::abs(product) < 0.8 * error);
                }
        }
        QCOMPARE(withRandomErrors(*plain, *own, 1)->projection[2].row(3)[4],
                 withRandomErrors(*plain, *own, 1)->projection[2].row(3)[4]);
    }

    void sameResultForEveryThreadCount() {
        const int before = omp_get_max_threads();
        for (const int threads : {1, 3}) {
            omp_set_num_threads(threads);
            const auto other = run(plan_);
            QVERIFY(quantized(other).noise == quantized(session_).noise);
            QVERIFY(sameDamage(quantized(other).damage, quantized(session_).damage));
        }
        omp_set_num_threads(before);
    }

    void savedAndLoaded() {
        const auto path = std::filesystem::path(folder_.path().toStdString()) / "run.h5";
        const Status saved = saveSession(*session_, path);
        QVERIFY2(saved.ok(), saved ? "" : saved.error().message.c_str());
        const auto loaded = loadSession(path);
        QVERIFY2(loaded.ok(), loaded ? "" : loaded.error().message.c_str());
        QVERIFY((*loaded)->conditions.front()->noise.empty()
                && (*loaded)->conditions.front()->damage.empty());
        QVERIFY(quantized(*loaded).noise == quantized(session_).noise);
        QVERIFY(sameDamage(quantized(*loaded).damage, quantized(session_).damage));
        Session wrong = *session_;
        auto condition = std::make_shared<ConditionResult>(quantized(session_));
        condition->noise.productsOfAll().pop_back();
        wrong.conditions.back() = condition;
        QVERIFY(!saveSession(wrong, path).ok());
    }

    /// Stopped anywhere, what is complete is kept, and the rest gives the same numbers.
    void cancelledAndContinued() {
        StopAtQuestion count(never);
        QVERIFY(runAnalysis(plan_, count).ok());
        const long long all = count.asked;
        int partial = 0;
        for (const double share : {0.05, 0.3, 0.6, 0.9}) {
            const auto part = run(plan_, {}, static_cast<long long>(share * static_cast<double>(all)));
            QVERIFY(part);
            if (!part->conditions.empty() && quantized(part).damage.byLayer.size() == layers)
                partial += quantized(part).damage.byLayer.back().known() ? 0 : 1;
            const auto whole = run(plan_, part);
            QCOMPARE(whole->conditions.size(), std::size_t{2});
            QVERIFY(plan_.isDone(*whole));
            QVERIFY(quantized(whole).noise == quantized(session_).noise);
            QVERIFY(sameDamage(quantized(whole).damage, quantized(session_).damage));
        }
        QVERIFY(partial > 0);
    }

    /// Layers that were measured before bands were asked for are not measured again.
    void bandsAddedToLayers() {
        AnalysisPlan plan = plan_;
        plan.noise = false;
        plan.damage = DamageScope::Layers;
        const auto first = run(plan);
        QVERIFY(quantized(first).damage.bandEdges.empty());
        QVERIFY(sameCells(quantized(first).damage.byLayer, quantized(session_).damage.byLayer));
        plan.damage = DamageScope::Bands;
        QVERIFY(!plan.isDone(*first));
        const auto second = run(plan, first);
        QVERIFY(plan.isDone(*second));
        QVERIFY(sameDamage(quantized(second).damage, quantized(session_).damage));
    }

    /// Gains are part of the condition: full precision with gains of 1 has no noise and no damage.
    void gainsAreTheConditions() {
        AnalysisPlan plan = plan_;
        auto ones = std::make_shared<ScaleSet>();
        ones->name = "ones";
        ones->gains = QkGains::ones(plan.model->config());
        auto doubled = std::make_shared<ScaleSet>(*ones);
        doubled->name = "doubled";
        for (double& gain : doubled->gains.q) gain = 2;
        plan.scales = {ones, doubled};
        plan.quants = {*QuantSpec::parse("none")};
        plan.damage = DamageScope::Layers;
        const auto session = run(plan);
        const ConditionResult &same = *session->conditions[0], &twice = *session->conditions[1];
        QCOMPARE(same.damage.whole.kl, 0.0);
        QCOMPARE(logitNoise(same.noise, LogitNoise::Rms, 0, 0, 4, 2), 0.0);
        QVERIFY(twice.damage.byLayer[1].kl > 0);
        // the error of a doubled query is the query
        const ErrorMoments error = pooledErrors(twice.noise, 0, QkTensor::Q, 1);
        QVERIFY(near(error.sumXX, error.signalXX, 1e-5, 0));
    }
};

QTEST_APPLESS_MAIN(TestNoise)
#include "test_noise.moc"
