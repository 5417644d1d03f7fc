// Variants side by side: NLL and divergence per token against double softmaxes of the naive reference's
// logits, independence of company, threads and batches, cancelling, and what is refused.
#include "core/analysis/analysis.h"
#include "core/controls/controls.h"
#include "core/controls/row_divergence.h"
#include "core/controls/side_by_side.h"
#include "core/evaluate/divergence.h"
#include "tests/core/controls/controls_fixture.h"
#include "tests/support/reference_llama.h"

#include <QtTest>

#include <omp.h>

#include <cmath>

using namespace qroar;
using namespace qroar::test;

namespace {

RopeSpec rope(const char* text) {
    return RopeSpec::parse(text).value();
}
QuantSpec quant(const char* text) {
    return QuantSpec::parse(text).value();
}

/// Different for every layer, head and pair, around 1.
QkGains someGains(const ModelConfig& config) {
    QkGains gains = QkGains::ones(config);
    for (std::size_t at = 0; at < gains.q.size(); ++at) gains.q[at] = 1 + 0.04 * static_cast<double>(at % 7);
    for (std::size_t at = 0; at < gains.k.size(); ++at) gains.k[at] = 1 - 0.03 * static_cast<double>(at % 5);
    return gains;
}

/// The same on weights: RTN first, then rows of W_Q and W_K, half-split pairs.
WeightTransform scaledRtn(const QkGains& gains, int headDim, bool quantized) {
    return [=](int layer, Projection projection, std::vector<double>& weights, int rows, int cols) {
        if (quantized) referenceRtn(4, 32, false)(layer, projection, weights, rows, cols);
        if (gains.empty() || (projection != Projection::Q && projection != Projection::K)) return;
        for (int row = 0; row < rows; ++row) {
            const int head = row / headDim, pair = row % headDim % (headDim / 2);
            const auto own =
                projection == Projection::Q ? gains.queryGains(layer, head) : gains.keyGains(layer, head);
            for (int col = 0; col < cols; ++col)
                weights[static_cast<std::size_t>(row) * static_cast<std::size_t>(cols)
                        + static_cast<std::size_t>(col)] *= own[static_cast<std::size_t>(pair)];
        }
    };
}

/// Naive: probabilities of one row of logits.
std::vector<double> softmax(const std::vector<double>& logits, std::size_t row, std::size_t vocab) {
    std::vector<double> p(logits.begin() + static_cast<std::ptrdiff_t>(row * vocab),
                          logits.begin() + static_cast<std::ptrdiff_t>((row + 1) * vocab));
    double sum = 0;
    for (double& value : p) sum += value = std::exp(value);
    for (double& value : p) value /= sum;
    return p;
}

} // namespace

class TestControls : public QObject {
    Q_OBJECT
    TinyModel tiny_;
    std::vector<Document> documents_ = randomDocuments({100, 70, 33}, 64);
    std::vector<ControlVariant> variants_;
    ControlOptions options_;

    std::shared_ptr<const WeightSource> weights(const char* spec) const {
        return openWeights(tiny_.model, quant(spec)).value();
    }
    std::vector<VariantResult> run(const std::vector<int>& contexts,
                                   const std::vector<ControlVariant>& variants) const {
        StopAt never;
        auto results = runControls(tiny_.model, documents_, contexts, variants, options_, never);
        if (!results) qFatal("%s", results.error().message.c_str());
        return *results;
    }

  private slots:
    void init() {
        options_ = {};
        variants_ = controlVariants(tiny_.model->config(), rope("yarn:2"), weights("none"),
                                    weights("rtn:4:g32"), someGains(tiny_.model->config()), "g");
    }

    void theUsualSet() {
        QCOMPARE(variants_.size(), std::size_t{8});
        QCOMPARE(variants_[0].name, std::string("FP"));
        QCOMPARE(variants_[3].name, std::string("Q+g"));
        QCOMPARE(variants_[4].rope.text(), std::string("none"));
        const ModelConfig& config = tiny_.model->config();
        // Nothing to switch off: `none`, and `model` of a checkpoint without stored scaling.
        for (const char* plain : {"none", "model"})
            QCOMPARE(controlVariants(config, rope(plain), weights("none"), weights("rtn:4:g32"),
                                     someGains(config), "g")
                         .size(),
                     std::size_t{4});
        QCOMPARE(
            controlVariants(config, rope("yarn:2"), weights("none"), nullptr, someGains(config), "g").size(),
            std::size_t{4});
    }

    void everyTokenAgreesWithTheNaiveReference() {
        const int context = 33;
        const auto results = run({context}, variants_);
        QCOMPARE(results.size(), std::size_t{8});
        const auto windows = cutWindows(documents_, context).value();
        const auto vocab = static_cast<std::size_t>(tiny_.model->config().vocabSize);
        for (const VariantResult& result : results) {
            const bool scaled = result.name.ends_with("+g"), quantized = result.name.starts_with("Q");
            const bool yarn = result.condition->key.rope.kind == RopeKind::Yarn;
            QCOMPARE(result.condition->key.scales, scaled ? std::string("g") : std::string());
            ReferenceLlama full(*tiny_.model);
            ReferenceLlama own(
                *tiny_.model, scaledRtn(scaled ? someGains(tiny_.model->config()) : QkGains{}, 8, quantized));
            if (yarn) full.rope = own.rope = {ReferenceRope::Kind::Yarn, 2, 16};
            QCOMPARE(result.condition->reference, result.name == "FP" ? std::string() : std::string("FP"));
            QCOMPARE(result.condition->divergence.empty(), result.name == "FP");
            QCOMPARE(result.condition->windows.size(), windows.size());
            for (std::size_t at = 0; at < windows.size(); ++at) {
                const std::vector<int> ids(windows[at].tokens.begin(), windows[at].tokens.end());
                const auto fullLogits = full.logits(ids), ownLogits = own.logits(ids);
                for (std::size_t token = 0; token + 1 < ids.size(); ++token) {
                    const auto p = softmax(fullLogits, token, vocab), q = softmax(ownLogits, token, vocab);
                    const auto correct = static_cast<std::size_t>(ids[token + 1]);
                    QVERIFY(std::abs(result.condition->windows[at].nll[token] + std::log(q[correct])) < 1e-4);
                    if (result.name == "FP") continue;
                    double kl = 0;
                    for (std::size_t i = 0; i < vocab; ++i) kl += p[i] * std::log(p[i] / q[i]);
                    const WindowDivergence& found = result.condition->divergence[at];
                    QVERIFY2(
                        std::abs(found.kl[token] - kl) < 2e-5 * std::max(1.0, kl),
                        qPrintable(QString("%1: %2, expected %3").arg(token).arg(found.kl[token]).arg(kl)));
                    QVERIFY(std::abs(found.deltaP[token] - (q[correct] - p[correct])) < 1e-5);
                    const auto top = [](const std::vector<double>& of) {
                        return std::max_element(of.begin(), of.end()) - of.begin();
                    };
                    QCOMPARE(found.sameTop[token] == 1, top(p) == top(q));
                }
            }
        }
    }

    void smallDivergencesKeepTheirDigits() {
        // q = p tilted by 1e-4: KL = about 1e-8 / 2 times the variance of the tilt.
        std::vector<float> reference, own;
        for (int token = 0; token < 50; ++token) {
            reference.push_back(0.125F * static_cast<float>(token % 11));
            own.push_back(reference.back() + (token % 2 ? 0x1p-13F : 0.0F));
        }
        long double sumP = 0, sumQ = 0, kl = 0;
        for (int token = 0; token < 50; ++token) {
            sumP += std::exp(static_cast<long double>(reference[static_cast<std::size_t>(token)]));
            sumQ += std::exp(static_cast<long double>(own[static_cast<std::size_t>(token)]));
        }
        for (int token = 0; token < 50; ++token) {
            const auto at = static_cast<std::size_t>(token);
            const long double p = std::exp(static_cast<long double>(reference[at])) / sumP;
            kl += p * (static_cast<long double>(reference[at]) - own[at] - std::log(sumP) + std::log(sumQ));
        }
        std::vector<double> scratch;
        const RowDivergence row = compareRows(reference.data(), own.data(), 50, 3, scratch);
        QVERIFY(kl > 1e-10L && kl < 1e-8L);
        QVERIFY(std::abs(row.kl - static_cast<double>(kl)) < 1e-6 * static_cast<double>(kl));
        // Shifted logits are the same prediction, and equal rows have none at all between them.
        for (float& value : own) value = 7;
        QCOMPARE(compareRows(own.data(), own.data(), 50, 3, scratch).kl, 0.0);
        const std::vector<float> flat(50, -20.0F);
        QCOMPARE(compareRows(own.data(), flat.data(), 50, 3, scratch).kl, 0.0);
    }

    void nothingLiesBetweenAModelAndItself() {
        std::vector<ControlVariant> twice{{"one", rope("yarn:2"), weights("rtn:4:g32")},
                                          {"same", rope("yarn:2"), weights("rtn:4:g32")}};
        twice.push_back(
            {"identity", rope("yarn:2"), weights("rtn:4:g32"), QkGains::ones(tiny_.model->config()), "ones"});
        const auto results = run({32}, twice);
        for (std::size_t at = 1; at < 3; ++at) {
            QCOMPARE(results[at].condition->windows, results[0].condition->windows);
            for (const WindowDivergence& window : results[at].condition->divergence)
                for (std::size_t token = 0; token < window.kl.size(); ++token) {
                    QCOMPARE(window.kl[token], 0.0F);
                    QCOMPARE(window.deltaP[token], 0.0F);
                    QCOMPARE(int(window.sameTop[token]), 1);
                }
        }
        const auto& same = *results[1].condition;
        const DivergenceSummary summary = summarizeDivergence(same.divergence, 32, 16, Convention::All);
        QCOMPARE(summary.tokens, 31LL * 6); // 3 + 2 + 1 windows
        QCOMPARE(summary.mean, 0.0);
        QCOMPARE(summary.sameTop, 1.0);
    }

    void companyDoesNotMatter() {
        // Each variant alone, without divergence, and the analysis: the same NLL to the last bit.
        const auto together = run({16, 32}, variants_);
        QCOMPARE(together.size(), std::size_t{16});
        options_.divergence = false;
        for (std::size_t at = 0; at < variants_.size(); ++at) {
            const auto alone = run({32}, {variants_[at]});
            QCOMPARE(alone[0].condition->windows, together[2 * at + 1].condition->windows);
            QVERIFY(alone[0].condition->divergence.empty());
        }
        AnalysisPlan plan;
        plan.model = tiny_.model;
        plan.documents = std::make_shared<const std::vector<Document>>(documents_);
        plan.ropes = {rope("yarn:2")};
        plan.contexts = {32};
        plan.quants = {quant("none"), quant("rtn:4:g32")};
        plan.divergence = true;
        StopAt never;
        const auto session = runAnalysis(plan, never).value();
        QCOMPARE(session->conditions[0]->windows, together[1].condition->windows);
        QCOMPARE(session->conditions[1]->windows, together[3].condition->windows);
        QCOMPARE(session->conditions[1]->divergence, together[3].condition->divergence);
        QCOMPARE(session->conditions[1]->reference, std::string("FP"));
        QVERIFY(session->conditions[1]->statistics.cells() > 0 && session->conditions[0]->divergence.empty());
        QCOMPARE(session->conditions[1]->distortions.size(), together[3].condition->distortions.size());
    }

    void threadsDoNotMatter() {
        const int before = omp_get_max_threads();
        omp_set_num_threads(1);
        const auto one = run({32}, variants_);
        for (const int threads : {2, 4}) {
            omp_set_num_threads(threads);
            const auto more = run({32}, variants_);
            for (std::size_t at = 0; at < one.size(); ++at) {
                QCOMPARE(more[at].condition->windows, one[at].condition->windows);
                QCOMPARE(more[at].condition->divergence, one[at].condition->divergence);
            }
        }
        omp_set_num_threads(before);
    }

    void cancelKeepsWhatIsComplete() {
        StopAt third(2); // contexts 16: yarn, none; context 32: yarn is cancelled
        std::vector<std::string> delivered;
        const auto results =
            runControls(tiny_.model, documents_, {16, 32}, variants_, options_, third,
                        [&](const VariantResult& result) { delivered.push_back(result.name); });
        QVERIFY(results.ok());
        QCOMPARE(results->size(), std::size_t{8});
        QCOMPARE(delivered.size(), std::size_t{8});
        for (const VariantResult& result : *results) QCOMPARE(result.condition->key.context, 16);
        StopAt atOnce(0);
        const auto none = runControls(tiny_.model, documents_, {16}, variants_, options_, atOnce);
        QVERIFY(none.ok() && none->empty());
    }

    void refusals() {
        StopAt never;
        const auto message = [&](const std::vector<int>& contexts,
                                 const std::vector<ControlVariant>& variants) {
            const auto results = runControls(tiny_.model, documents_, contexts, variants, options_, never);
            return QString::fromStdString(results ? "nothing wrong" : results.error().message);
        };
        QVERIFY(message({}, variants_).contains("at least one variant and one context"));
        QVERIFY(message({16}, {}).contains("at least one variant"));
        QVERIFY(message({1}, variants_).contains("at least 2 tokens"));
        QVERIFY(message({500}, variants_).contains("no document has the 500 tokens"));
        auto wrong = variants_;
        wrong[2].gains.layers = 7;
        const QString misfit = message({16}, wrong);
        QVERIFY2(misfit.contains("7 layers") && misfit.contains("FP+g"), qPrintable(misfit));
        wrong = variants_;
        wrong[1].weights = nullptr;
        QVERIFY(message({16}, wrong).contains("has no weights"));
        wrong = variants_;
        wrong[2].scales.clear();
        QVERIFY(message({16}, wrong).contains("come together"));
        wrong = {variants_[0], variants_[0]};
        QVERIFY(message({16}, wrong).contains("twice"));
        wrong = variants_;
        for (auto* gains : {&wrong[3].gains.q, &wrong[3].gains.k})
            for (double& gain : *gains) gain = 1e25;
        const QString overflow = message({16}, wrong);
        QVERIFY2(overflow.contains("Q+g") && overflow.contains("doc0") && overflow.contains("not a number"),
                 qPrintable(overflow));
        wrong = variants_;
        wrong[0].rope = rope("longrope");
        QVERIFY(message({16}, wrong).contains("longrope"));
    }

    void firstTokenOfEveryWindow() {
        options_.firstToken = 5;
        const auto replaced = run({32}, {variants_[0]});
        auto documents = documents_;
        for (Document& document : documents)
            for (std::size_t at = 0; at < document.tokens.size(); at += 32) document.tokens[at] = 5;
        documents_.swap(documents);
        options_.firstToken = -1;
        const auto same = run({32}, {variants_[0]});
        documents_.swap(documents);
        QCOMPARE(replaced[0].condition->windows, same[0].condition->windows);
        QVERIFY(replaced[0].condition->windows != run({32}, {variants_[0]})[0].condition->windows);
    }
};

QTEST_APPLESS_MAIN(TestControls)
#include "test_controls.moc"
