// The pure parts of the search, each against a hand calculation or plain loops: objective, windows, grid and
// its order, the gradient's standard error, the quasi-Newton step.
#include "core/search/gradient_estimate.h"
#include "core/search/gradient_search.h"
#include "core/search/grid_search.h"
#include "core/search/quasi_newton.h"
#include "core/search/search.h"
#include "tests/support/synthetic_session.h"

#include "core/diagnostics/pressure.h"
#include "core/diagnostics/tails.h"

#include <QtTest>

#include <cmath>
#include <map>
#include <random>
#include <set>

using namespace qroar;

namespace {

bool near(double a, double b, double tolerance = 1e-12) {
    return std::abs(a - b) <= tolerance;
}

SearchSettings settingsWith(std::vector<double> priority, std::vector<double> windows) {
    SearchSettings settings;
    settings.priority = std::move(priority);
    settings.windows = std::move(windows);
    return settings;
}

SearchSpace twoLayersThreeBands(SearchScope scope) {
    ModelConfig config;
    config.layers = 2;
    config.heads = config.kvHeads = 2;
    config.headDim = config.rotaryDim = 6;
    return *SearchSpace::make(config, SearchVariant::Query, scope, BandPartition::equal(3, 3));
}

} // namespace

class TestSearchParts : public QObject {
    Q_OBJECT
  private slots:
    void objectiveByHand() {
        const std::vector<int> contexts{1024, 256, 3072};
        const auto weights = contextWeights(contexts);
        QVERIFY(near(weights[0], 1024.0 / 4352) && near(weights[1], 256.0 / 4352)
                && near(weights[2], 3072.0 / 4352));
        QCOMPARE(shortContextIndex(contexts, 1023), 1);
        QCOMPARE(shortContextIndex(contexts, 1024), 0);
        QCOMPARE(shortContextIndex(contexts, 100), -1);

        const Objective objective({0.25, 0.75}, {2.0, 1.5}, 1, {2.0, 0.1, 0.5});
        const std::vector<double> theta{0.2, -0.1};
        const std::vector<double> within{1.9, 1.55}, beyond{1.9, 1.7};
        QVERIFY(near(objective.value(within, theta), 0.25 * 1.9 + 0.75 * 1.55 + 0.5 * 0.05));
        QVERIFY(near(objective.value(beyond, theta), 0.25 * 1.9 + 0.75 * 1.7 + 2 * 0.1 + 0.5 * 0.05));
        QCOMPARE(objective.slopes(within), (std::vector<double>{0.25, 0.75}));
        QCOMPARE(objective.slopes(beyond), (std::vector<double>{0.25, 2.75}));
        const Objective unguarded({0.25, 0.75}, {2.0, 1.5}, -1, {2.0, 0.1, 0});
        QVERIFY(near(unguarded.value(beyond, theta), 0.25 * 1.9 + 0.75 * 1.7));
    }

    void windowsByHand() {
        GainWindowOptions options;
        options.least = 1.2;
        options.most = 3;
        QVERIFY(near(windowTau(0, 0, options), 1.2));
        QVERIFY(near(windowTau(0.25, 0.25, options), 1.2 * std::sqrt(3 / 1.2)));
        QVERIFY(near(windowTau(0.9, 0.9, options), 3)); // saturates
        QVERIFY(near(windowTau(0.5, -7, options), 1.2 * std::sqrt(3 / 1.2)));
        QVERIFY(near(windowTau(std::nan(""), std::nan(""), options), 1.2));
    }

    void windowsFromDiagnostics() {
        const auto session = test::makeSyntheticSession();
        const auto bands = BandPartition::equal(4, session->model.pairs());
        const RopeSpec rope = *RopeSpec::parse("yarn:4");
        const QuantSpec quant = *QuantSpec::parse("rtn:4:g64");
        const auto table = *buildFrequencyTable(rope, session->model.ropeModel(), 4096);
        const GainWindowOptions options;
        const auto windows = windowsFromSession(*session, table, rope, quant, bands, options);
        QVERIFY2(windows.ok(), windows ? "" : windows.error().message.c_str());
        const auto longest = session->find({rope, 4096, quant});
        const auto reference = session->shortReference(*longest);
        const BandGrid ip =
            pressureGrid(PressureForm::EnergyWeighted, longest->table, 4096, bands, longest->statistics);
        TailInflationOptions tails;
        tails.divideByAttentionFactor = true;
        const BandGrid tirK = tailInflation(*longest, *reference, bands, tails);
        tails.tensor = QkTensor::Q;
        const BandGrid tirQ = tailInflation(*longest, *reference, bands, tails);
        double widest = 0;
        for (int layer = 0; layer < session->model.layers; ++layer)
            for (int band = 0; band < 4; ++band) {
                const double inflation = std::max({0.0, tirK.at(layer, band) - 1, tirQ.at(layer, band) - 1});
                const double exponent = std::min(1.0, ip.at(layer, band) + inflation);
                QVERIFY(near(windows->tau.at(layer, band),
                             options.least * std::pow(options.most / options.least, exponent)));
                QVERIFY(near(windows->priority.at(layer, band), ip.at(layer, band) * inflation));
                widest = std::max(widest, windows->tau.at(layer, band));
            }
        QVERIFY(widest > options.least && widest <= options.most);
        const RopeSpec absent = *RopeSpec::parse("ntk:4");
        const auto other = *buildFrequencyTable(absent, session->model.ropeModel(), 4096);
        const auto missing = windowsFromSession(*session, other, absent, quant, bands, options);
        QVERIFY(!missing.ok() && missing.error().message.find("ntk:4") != std::string::npos);
    }

    void gridStandsAroundOne() {
        QCOMPARE(gridOffsets(0.6, 5, 0), (std::vector<double>{-0.3, 0.3, -0.6, 0.6}));
        QCOMPARE(gridOffsets(0.6, 5, 2), (std::vector<double>{-0.075, 0.075, -0.15, 0.15}));
        QVERIFY(near(gridSpacing(0.9, 7, 1), 0.15));
    }

    void gridOrderFollowsPriority() {
        // [2 layers, 3 bands]
        const auto settings = settingsWith({0.1, 0.5, 0.2, 0.4, 0.5, 0.9}, {1.1, 1.2, 1.3, 1.4, 1.5, 1.6});
        QCOMPARE(gridOrder(twoLayersThreeBands(SearchScope::Layer), settings),
                 (std::vector<int>{5, 1, 4, 3, 2, 0}));
        QCOMPARE(gridOrder(twoLayersThreeBands(SearchScope::Model), settings), (std::vector<int>{2, 1, 0}));
        const auto bounds = coordinateBounds(twoLayersThreeBands(SearchScope::Model), settings);
        QVERIFY(near(bounds[0], std::log(1.4)) && near(bounds[1], std::log(1.5))
                && near(bounds[2], std::log(1.6)));
        QCOMPARE(coordinateBounds(twoLayersThreeBands(SearchScope::Head), settings).size(), std::size_t{12});
    }

    void windowsCanBeSetByHand() {
        GainWindows windows;
        windows.tau = BandGrid(2, 3);
        std::fill(windows.tau.values.begin(), windows.tau.values.end(), 2.0);
        windows.source = "diagnostics";
        QVERIFY(setWindow(windows, 1, 2, 1.5).ok());
        QVERIFY(setWindow(windows, -1, 0, 1).ok());
        QCOMPARE(windows.tau.values, (std::vector<double>{1, 2, 2, 1, 2, 1.5}));
        QCOMPARE(windows.source, std::string("diagnostics, edited"));
        QVERIFY(!setWindow(windows, 2, 0, 2).ok() && !setWindow(windows, 0, 3, 2).ok());
        QVERIFY(!setWindow(windows, 0, 0, 0.9).ok() && !setWindow(windows, 0, 0, std::nan("")).ok());
    }

    void gradientErrorIsClustered() {
        GainGradient gradient;
        gradient.tokens = {10, 5};
        // Three documents are too few to be blocks: their stretches are, three in context 0, two in 1.
        gradient.windows = {
            {0, 0, {4.0}, 0}, {0, 0, {2.0}, 1}, {0, 1, {6.0}, 0}, {1, 0, {5.0}, 0}, {1, 2, {1.0}, 0}};
        const std::vector<double> slopes{0.5, 2};
        // document 0: 4*.05 + 5*.4 = 2.2, then 2*.05 = .1; document 1: .3; document 2: .4. As much text of
        // all: .2 of each of the three windows of 0 (.6 in all), 1.2 of each of the two of 1 (2.4 in all).
        const auto estimate = combineGradient(gradient, slopes);
        QVERIFY(near(estimate.mean[0], 3.0));
        const double three = std::sqrt(3.0 / 2), two = std::sqrt(2.0), first = 0.8 * two;
        const double squares = first * first + 2 * std::pow(0.1 * three, 2) + std::pow(0.8 * two, 2);
        QVERIFY(near(estimate.error[0], std::sqrt(squares)));
        // Windows of one stretch, where there is no other.
        gradient.windows = {{0, 7, {4.0}, 3}, {0, 7, {1.0}, 3}};
        QVERIFY(near(combineGradient(gradient, slopes).error[0], std::sqrt(2 * 2 * std::pow(0.05 * 1.5, 2))));
        // A single one says nothing, whatever others say of another context.
        gradient.windows = {{0, 7, {4.0}, 3}};
        QVERIFY(std::isnan(combineGradient(gradient, slopes).error[0]));
        gradient.windows = {{0, 7, {4.0}, 3}, {1, 7, {1.0}, 3}, {1, 7, {2.0}, 4}};
        const auto unknown = combineGradient(gradient, slopes);
        QVERIFY(near(unknown.mean[0], 4 * 0.05 + 3 * 0.4) && std::isnan(unknown.error[0]));
        SearchTrial trial;
        trial.gradient = unknown.mean;
        trial.gradientError = unknown.error;
        QVERIFY(suspects(trial).empty());
        QVERIFY(combineGradient(gradient, std::vector<double>{0, 2}).error[0] > 0); // 0 does not count
        // Six documents are blocks, whatever their stretches: c = (2+4, 1, .5, 0, 0, .5) * .05, of 8 * .05;
        // the first one has two of the seven windows.
        gradient.windows = {{0, 0, {2.0}, 0}, {0, 0, {4.0}, 1}, {0, 1, {1.0}, 0}, {0, 2, {0.5}, 0},
                            {0, 3, {0.0}, 0}, {0, 4, {0.0}, 0}, {0, 5, {0.5}, 0}};
        double whole = 0;
        for (const auto& [part, windows] :
             {std::pair{6.0, 2}, {1.0, 1}, {0.5, 1}, {0.0, 1}, {0.0, 1}, {0.5, 1}})
            whole += std::pow(0.05 * (part - 8.0 * windows / 7), 2);
        QVERIFY(near(combineGradient(gradient, slopes).error[0], std::sqrt(6.0 / 5 * whole)));
    }

    /// Against plain loops over tokens, for documents of unequal length, not all of which reach every
    /// context.
    void gradientErrorIsThatOfARatio_data() {
        QTest::addColumn<int>("documents");
        QTest::newRow("documents are blocks, and stretches of the longest context") << 9;
        QTest::newRow("stretches are blocks") << 4;
    }
    void gradientErrorIsThatOfARatio() {
        QFETCH(int, documents);
        const std::vector<int> contexts{8, 32, 64}; // 9, 6 and 5 of nine documents are long enough
        const std::vector<double> slopes{0.7, 1.9, 1.1};
        GainGradient gradient;
        gradient.tokens = {0, 0, 0};
        std::vector<std::vector<std::vector<double>>> tokens; // of each window, its tokens' two derivatives
        unsigned random = 5;
        const auto next = [&random] {
            return (random = random * 1664525u + 1013904223u) / 4294967296.0 - 0.4;
        };
        for (int context = 0; context < 3; ++context)
            for (int document = 0; document < documents; ++document)
                for (int begin = 0; begin + contexts[context] <= 24 * (1 + document % 4 * document);
                     begin += contexts[context]) {
                    std::vector<std::vector<double>> window;
                    WindowGradient sums{context, document, {0, 0}, begin / 64};
                    for (int token = 1; token < contexts[context]; ++token) {
                        window.push_back({next() + document, 3.0});
                        for (int at = 0; at < 2; ++at) sums.sums[at] += window.back()[at];
                    }
                    gradient.tokens[context] += contexts[context] - 1;
                    gradient.windows.push_back(sums);
                    tokens.push_back(window);
                }
        const auto estimate = combineGradient(gradient, slopes);
        for (int at = 0; at < 2; ++at) {
            std::vector<double> sum(3), count(3);
            std::vector<std::set<int>> reached(3);
            std::vector<std::set<std::pair<int, int>>> stretches(3);
            for (std::size_t window = 0; window < tokens.size(); ++window)
                for (const auto& token : tokens[window]) {
                    const WindowGradient& of = gradient.windows[window];
                    sum[of.context] += token[at];
                    count[of.context] += 1;
                    reached[of.context].insert(of.document);
                    stretches[of.context].insert({of.document, of.stretch});
                }
            QCOMPARE(reached[2].size(), documents == 9 ? std::size_t{5} : std::size_t{2});
            double mean = 0;
            for (int context = 0; context < 3; ++context)
                mean += slopes[context] * sum[context] / count[context];
            QVERIFY(std::abs(estimate.mean[at] - mean) < 1e-12 * std::abs(mean));
            std::map<int, double> whole;
            std::map<std::pair<int, int>, std::pair<double, double>>
                pieces; // of document blocks, of stretches
            for (std::size_t window = 0; window < tokens.size(); ++window)
                for (const auto& token : tokens[window]) {
                    const WindowGradient& of = gradient.windows[window];
                    const bool documentwise = reached[of.context].size() >= 6;
                    const double n = documentwise ? static_cast<double>(reached[of.context].size())
                                                  : static_cast<double>(stretches[of.context].size());
                    const double off = std::sqrt(n / (n - 1)) * slopes[of.context]
                                       * (token[at] - sum[of.context] / count[of.context])
                                       / count[of.context];
                    auto& piece = pieces[{of.document, of.stretch}];
                    (documentwise ? piece.first : piece.second) += off;
                    if (documentwise) whole[of.document] += off;
                }
            double squares = 0, both = 0;
            for (const auto& [document, off] : whole) squares += off * off;
            for (const auto& [name, piece] : pieces) {
                squares += piece.second * piece.second;
                both += piece.first * piece.second;
            }
            if (both > 0) squares += 2 * both;
            QVERIFY(std::abs(estimate.error[at] - std::sqrt(squares)) < 1e-12);
        }
        QVERIFY(estimate.error[0] > 1e-3);  // documents differ
        QVERIFY(estimate.error[1] < 1e-12); // in nothing but their length
    }

    /// Eight short documents agree; of the long context there is one document, whose windows scatter.
    void aContextOfOneDocumentIsNoCertainty() {
        GainGradient gradient, alone;
        gradient.tokens = {8 * 63, 12 * 1023};
        alone.tokens = {0, 12 * 1023};
        for (int document = 0; document < 8; ++document)
            gradient.windows.push_back({0, document, {63 * (document % 2 ? 0.001 : -0.001)}, 0});
        for (int window = 0; window < 12; ++window) {
            const double sum = 1023 * (0.05 + (window % 2 ? 0.3 : -0.3));
            gradient.windows.push_back({1, 0, {sum}, window});
            alone.windows.push_back({1, window, {sum}, 0}); // as documents of their own
        }
        const std::vector<double> slopes{0.2, 0.8};
        const auto found = combineGradient(gradient, slopes), expected = combineGradient(alone, slopes);
        QVERIFY(expected.error[0] > 0.05);
        QVERIFY2(std::abs(found.error[0] / expected.error[0] - 1) < 0.01,
                 qPrintable(QString("%1 and %2").arg(found.error[0]).arg(expected.error[0])));
        QVERIFY(found.mean[0] / found.error[0] < 1);
    }

    /// Texts drawn many times: the estimate against how far the gradient really scatters. Three documents of
    /// twelve reach the long context, on stretches that the short one sees, too.
    void gradientErrorIsTheSpreadOfNewTexts() {
        std::mt19937 random(11);
        std::normal_distribution<double> normal;
        constexpr int texts = 3000;
        double sum = 0, squares = 0, estimated = 0;
        for (int text = 0; text < texts; ++text) {
            GainGradient gradient;
            gradient.tokens = {108 * 7, 9 * 31};
            for (int document = 0; document < 12; ++document)
                for (int stretch = 0; stretch < (document < 3 ? 3 : 2); ++stretch) {
                    const double common = normal(random);
                    for (int window = 0; window < 4; ++window)
                        gradient.windows.push_back(
                            {0, document, {7 * (0.3 + common + 0.8 * normal(random))}, stretch});
                    if (document < 3)
                        gradient.windows.push_back(
                            {1, document, {31 * (0.2 + common + 0.4 * normal(random))}, stretch});
                }
            const auto found = combineGradient(gradient, std::vector<double>{0.6, 0.4});
            sum += found.mean[0];
            squares += found.mean[0] * found.mean[0];
            estimated += found.error[0] * found.error[0];
        }
        const double real = std::sqrt(squares / texts - std::pow(sum / texts, 2));
        const double ratio = std::sqrt(estimated / texts) / real;
        QVERIFY2(std::abs(ratio - 1) < 0.1, qPrintable(QString("ratio %1").arg(ratio)));
    }

    void quasiNewtonFindsTheMinimumOfAQuadratic() {
        // f = 1/2 x A x - b x, A symmetric positive definite.
        const std::vector<std::vector<double>> a{{4, 1, 0.5}, {1, 3, -0.2}, {0.5, -0.2, 0.7}};
        const std::vector<double> b{1, -2, 0.5};
        const auto gradientAt = [&](const std::vector<double>& x) {
            std::vector<double> g(3);
            for (std::size_t row = 0; row < 3; ++row) g[row] = dotProduct(a[row], x) - b[row];
            return g;
        };
        QuasiNewton model({0.25, 0.33, 1.4});
        std::vector<double> x(3, 0.0), g = gradientAt(x);
        for (int step = 0; step < 30; ++step) {
            auto d = model.direction(g);
            QVERIFY(dotProduct(d, g) <= 0);
            std::vector<double> next = x;
            for (std::size_t at = 0; at < 3; ++at) next[at] += d[at];
            auto newGradient = gradientAt(next);
            std::vector<double> change(3);
            for (std::size_t at = 0; at < 3; ++at) change[at] = newGradient[at] - g[at];
            model.learn(d, change);
            x = next;
            g = newGradient;
        }
        QVERIFY(std::sqrt(dotProduct(g, g)) < 1e-9);
    }

    void sharedDocumentsAreNamed() {
        std::vector<Document> a(2), b(2);
        a[0].fingerprint = "x";
        a[1].fingerprint = "y";
        b[0].fingerprint = "z";
        b[1].fingerprint = "y";
        b[1].name = "again.txt";
        QCOMPARE(sharedDocuments(a, b), std::vector<std::string>{"again.txt"});
    }
};

QTEST_APPLESS_MAIN(TestSearchParts)
#include "test_search_parts.moc"
