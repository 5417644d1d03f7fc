// Gains by hand: what is predicted of them against a naive loop and against what really happens, what is
// measured against passes of their own, and what-ifs in session files and exports.
#include "core/analysis/analysis.h"
#include "core/controls/gain_effect.h"
#include "core/diagnostics/gain_prediction.h"
#include "core/evaluate/gradient_blocks.h"
#include "core/exporting/export_model.h"
#include "core/inference/reverse.h"
#include "core/scales/gain_edit.h"
#include "core/session/scales_file.h"
#include "core/session/search_record.h"
#include "core/session/session_file.h"
#include "tests/core/controls/controls_fixture.h"

#include <QtTest>

#include <cmath>
#include <fstream>
#include <map>

using namespace qroar;
using namespace qroar::test;

namespace {

/// A session with gradients of a tiny model, and all that was needed for it.
struct Analyzed {
    explicit Analyzed(const std::vector<int>& lengths = {300, 200, 150}) {
        plan.model = tiny.model;
        plan.documents = std::make_shared<const std::vector<Document>>(randomDocuments(lengths, 64));
        plan.ropes = {*RopeSpec::parse("yarn:2")};
        plan.contexts = {32};
        plan.quants = {*QuantSpec::parse("rtn:3:g32")};
        plan.bands = 2;
        plan.gradients = true;
        ProgressSink silent;
        auto run = runAnalysis(plan, silent);
        if (!run) qFatal("%s", run.error().message.c_str());
        session = *run;
    }
    [[nodiscard]] const ConditionResult& condition() const { return *session->conditions.front(); }
    [[nodiscard]] GainEffectTask task(const QkGains& gains) const {
        return {plan.model,
                *openWeights(plan.model, plan.quants.front()),
                plan.ropes.front(),
                plan.contexts.front(),
                0,
                plan.documents,
                {"w1", gains, {}, {}, {}}};
    }
    /// Mean NLL by a pass of its own.
    [[nodiscard]] double nll(const QkGains& gains, const QuantSpec& quant) const {
        const auto windows = *cutWindows(*plan.documents, 32);
        ForwardPass pass(plan.model, condition().table, *openWeights(plan.model, quant), 32, gains);
        NllSink sink(windows);
        ProgressSink silent;
        WorkMeter meter(silent, 1);
        if (!pass.run(windows, nullptr, sink, meter)) qFatal("cancelled");
        double sum = 0;
        long long tokens = 0;
        for (const auto& window : sink.nll())
            for (const float value : window) {
                sum += value;
                ++tokens;
            }
        return sum / static_cast<double>(tokens);
    }
    [[nodiscard]] QkGains gainsOf(double amount) const {
        const ModelConfig& config = plan.model->config();
        GainEdit edit(config.layers, config.pairs());
        const BandPartition& bands = session->bands;
        edit.set(bands, -1, 0, {std::exp(amount), 1});
        edit.set(bands, 0, 1, {std::exp(-amount / 2), std::exp(2 * amount)});
        return edit.toGains(config);
    }
    TinyModel tiny;
    AnalysisPlan plan;
    std::shared_ptr<const Session> session;
};

WhatIf sampleWhatIf(const Analyzed& of, double amount) {
    ProgressSink silent;
    auto measured = measureGainEffect(of.task(of.gainsOf(amount)), silent);
    if (!measured) qFatal("%s", measured.error().message.c_str());
    measured->created = "2026-01-02T03:04:05Z";
    measured->program = "qroar test";
    return *measured;
}

bool sameInterval(const EffectInterval& a, const EffectInterval& b) {
    const auto same = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
    return same(a.mean, b.mean) && same(a.low, b.low) && same(a.high, b.high) && a.tokens == b.tokens
           && a.documents == b.documents && a.windows == b.windows && a.blocks == b.blocks;
}

std::string bytesOf(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

class TestGainEffect : public QObject {
    Q_OBJECT
    Analyzed tiny_;

  private slots:
    void predictionByANaiveLoop() {
        const Sensitivity& s = tiny_.condition().sensitivity;
        const QkGains gains = tiny_.gainsOf(0.1);
        double expected = 0, largest = 0;
        for (int layer = 0; layer < s.layers; ++layer)
            for (int pair = 0; pair < s.pairs; ++pair) {
                const auto at = static_cast<std::size_t>(pair);
                for (int head = 0; head < s.heads; ++head)
                    expected += s.gainQ(layer, head, pair) * std::log(gains.queryGains(layer, head)[at]);
                for (int head = 0; head < s.kvHeads; ++head)
                    expected += s.gainK(layer, head, pair) * std::log(gains.keyGains(layer, head)[at]);
                largest = std::max(largest, std::abs(std::log(gains.effective(layer, 0, pair))));
            }
        const auto found = predictGains(s, gains);
        QVERIFY(found.has_value());
        QVERIFY(std::abs(found->change - expected) < 1e-15 + 1e-12 * std::abs(expected));
        QCOMPARE(found->largestLogGain, largest);
        QVERIFY(found->trusted());
        QVERIFY(!predictGains(s, tiny_.gainsOf(0.4))->trusted());
        // what the condition was run with counts as nothing
        QCOMPARE(predictGains(s, gains, gains)->change, 0.0);
        QCOMPARE(predictGains(s, gains, gains)->largestLogGain, 0.0);
        // gK = 1/gQ: logits stay, so does the loss
        QkGains mirror = QkGains::ones(tiny_.plan.model->config());
        for (double& gain : mirror.q) gain = 1.5;
        for (double& gain : mirror.k) gain = 1 / 1.5;
        QkGains half = mirror;
        for (double& gain : half.k) gain = 1;
        const double left = predictGains(s, mirror)->change, one = predictGains(s, half)->change;
        QVERIFY2(std::abs(left) < 1e-5 * std::abs(one), // the engine computes in float
                 qPrintable(QString("%1 of %2").arg(left).arg(one)));
        QCOMPARE(predictGains(s, mirror)->largestLogGain, 0.0);
        QVERIFY(!predictGains({}, gains).has_value());
        QkGains other = gains;
        other.layers = 1;
        QVERIFY(!predictGains(s, other).has_value());
    }

    void predictionAgainstTheRealChange() {
        const QuantSpec quant = tiny_.plan.quants.front();
        const double before = tiny_.nll({}, quant);
        const auto miss = [&](double amount) {
            const QkGains gains = tiny_.gainsOf(amount);
            const double real = tiny_.nll(gains, quant) - before;
            const double predicted = predictGains(tiny_.condition().sensitivity, gains)->change;
            return std::pair(std::abs(predicted - real), std::abs(real));
        };
        const auto [small, change] = miss(0.02);
        QVERIFY2(small < 0.1 * change, qPrintable(QString("%1 of %2").arg(small).arg(change)));
        // the error of a first order falls with the square of the step
        const auto [large, largeChange] = miss(0.08);
        QVERIFY2(small < 0.15 * large, qPrintable(QString("%1 and %2").arg(small).arg(large)));
    }

    void errorOfThePrediction() {
        const Sensitivity& s = tiny_.condition().sensitivity;
        QVERIFY(s.blocks >= 15); // three documents: stretches of them
        const QkGains gains = tiny_.gainsOf(0.1);
        // by one reverse pass per block
        const auto windows = *cutWindows(*tiny_.plan.documents, 32);
        QCOMPARE(s.blocks, static_cast<int>(windows.size())); // of one window each here
        ReversePass pass(tiny_.plan.model, tiny_.condition().table,
                         *openWeights(tiny_.plan.model, tiny_.plan.quants.front()), 32);
        std::vector<double> shares;
        ProgressSink silent;
        WorkMeter meter(silent, 1);
        const auto take = [&](int, const QkGradient& gradient) {
            double share = 0;
            for (std::size_t at = 0; at < gradient.lnGainQ.size(); ++at)
                share += gradient.lnGainQ[at] * std::log(gains.q[at]);
            for (std::size_t at = 0; at < gradient.lnGainK.size(); ++at)
                share += gradient.lnGainK[at] * std::log(gains.k[at]);
            shares.push_back(share / static_cast<double>(s.tokens));
        };
        QVERIFY(pass.run(windows, 1, take, meter).ok());
        const auto n = static_cast<double>(shares.size());
        double mean = 0, squares = 0;
        for (const double share : shares) mean += share / n;
        for (const double share : shares) squares += (share - mean) * (share - mean);
        const std::vector<double> equal(shares.size(), 1 / n);
        const auto found = predictGains(s, gains, {}, equal);
        QVERIFY(found->error.has_value());
        QCOMPARE(predictGains(s, gains)->change, found->change);
        QVERIFY(!predictGains(s, gains)->error.has_value());    // shares that are not known
        const double wanted = std::sqrt(n / (n - 1) * squares); // from other floats: of K, too
        QVERIFY(std::abs(*found->error - wanted) < 1e-6 * wanted);
        QVERIFY(std::abs(found->change - mean * n) < 1e-9);
        QkGains heads = gains; // heads that differ have no stored shares
        heads.queryGains(0, 1)[0] = 1.2;
        QVERIFY(!predictGains(s, heads, {}, equal)->error.has_value());
        const Analyzed many({70, 70, 70, 70, 70, 70, 70});
        QCOMPARE(many.condition().sensitivity.blocks, 7); // enough documents
    }

    /// Against the ratio estimator from one reverse pass, document by document; one is too short for a
    /// window.
    void errorWithDocumentsOfUnequalLength() {
        const std::vector<int> lengths{70, 20, 500, 40, 330, 100, 33, 150};
        const Analyzed uneven(lengths);
        const Sensitivity& s = uneven.condition().sensitivity;
        const QkGains gains = uneven.gainsOf(0.1);
        const auto windows = *cutWindows(*uneven.plan.documents, 32);
        ReversePass pass(uneven.plan.model, uneven.condition().table,
                         *openWeights(uneven.plan.model, uneven.plan.quants.front()), 32);
        std::map<int, std::pair<double, double>> documents; // change times tokens, tokens
        ProgressSink silent;
        WorkMeter meter(silent, 1);
        const auto take = [&](int window, const QkGradient& gradient) {
            auto& [sum, tokens] = documents[windows[static_cast<std::size_t>(window)].document];
            for (std::size_t at = 0; at < gradient.lnGainQ.size(); ++at)
                sum += gradient.lnGainQ[at] * std::log(gains.q[at]);
            for (std::size_t at = 0; at < gradient.lnGainK.size(); ++at)
                sum += gradient.lnGainK[at] * std::log(gains.k[at]);
            tokens += 31;
        };
        QVERIFY(pass.run(windows, 1, take, meter).ok());
        QCOMPARE(documents.size(), lengths.size() - 1);
        QCOMPARE(s.blocks, static_cast<int>(documents.size()));
        double sum = 0, tokens = 0, squares = 0;
        for (const auto& [document, one] : documents) {
            sum += one.first;
            tokens += one.second;
        }
        for (const auto& [document, one] : documents) // what is off the common change per token
            squares += std::pow((one.first - one.second * sum / tokens) / tokens, 2);
        const auto n = static_cast<double>(documents.size());
        const std::vector<double> shares = gradientBlockShares(uneven.condition());
        const auto found = predictGains(s, gains, {}, shares);
        QVERIFY(found && found->error);
        const double expected = std::sqrt(n / (n - 1) * squares);
        QVERIFY(std::abs(*found->error - expected) < 1e-9 + 1e-6 * expected);
        QVERIFY(std::abs(found->change - sum / tokens) < 1e-9);
        // taken as equally long they tell another error
        const std::vector<double> equal(shares.size(), 1 / n);
        QVERIFY(std::abs(*predictGains(s, gains, {}, equal)->error - expected) > 0.01 * expected);
        // a share for every block, or no error
        QVERIFY(!predictGains(s, gains, {}, std::vector<double>{0.5, 0.5})->error.has_value());
        // 2 + 15 + 1 + 10 + 3 + 1 + 4 windows
        QCOMPARE(shares.size(), std::size_t{7});
        QCOMPARE(shares[1], 15.0 / 36);
        QCOMPARE(shares[6], 4.0 / 36);
        // documents that agree on the change per token leave no error, however long they are
        Sensitivity same = s;
        const std::size_t cells = same.blockGain.size() / shares.size();
        for (std::size_t at = 0; at < same.blockGain.size(); ++at)
            same.blockGain[at] = shares[at / cells] * static_cast<double>(1 + at % cells);
        QVERIFY(*predictGains(same, gains, {}, shares)->error < 1e-12);
        QVERIFY(*predictGains(same, gains, {}, equal)->error > 1e-3);
        // windows that the gradients are not of
        ConditionResult other = uneven.condition();
        other.windows.pop_back();
        QVERIFY(gradientBlockShares(other).empty());
        QVERIFY(!predictGains(s, gains, {}, gradientBlockShares(other))->error.has_value());
    }

    void measuredByPassesOfTheirOwn() {
        const QkGains gains = tiny_.gainsOf(0.3);
        const WhatIf found = sampleWhatIf(tiny_, 0.3);
        const QuantSpec quant = tiny_.plan.quants.front();
        const double fp = tiny_.nll({}, {}), fpg = tiny_.nll(gains, {}), q = tiny_.nll({}, quant),
                     qg = tiny_.nll(gains, quant);
        QVERIFY(std::abs(found.quantized.mean - (qg - q)) < 1e-9);
        QVERIFY(std::abs(found.full.mean - (fpg - fp)) < 1e-9);
        QVERIFY(std::abs(found.gap.mean - (qg - fp)) < 1e-9);
        QVERIFY(std::abs(found.only.mean - (qg - q - fpg + fp)) < 1e-9);
        QVERIFY(found.quantized.low <= found.quantized.mean && found.quantized.mean <= found.quantized.high);
        QVERIFY(!found.words.empty() && !found.effect.empty());
        QCOMPARE(found.scales.rope, std::string("yarn:2"));
        QCOMPARE(found.scales.quant, std::string("rtn:3:g32"));
        QCOMPARE(found.documents.size(), std::size_t{3});
        GainEffectTask dense = tiny_.task(gains);
        dense.weights = *openWeights(tiny_.plan.model, {});
        ProgressSink silent;
        const auto full = measureGainEffect(dense, silent);
        QVERIFY(full.ok());
        QVERIFY(std::abs(full->quantized.mean - (fpg - fp)) < 1e-9);
        QVERIFY(!full->full.measured());
        StopAt stop(0);
        const auto cancelled = measureGainEffect(tiny_.task(gains), stop);
        QVERIFY(!cancelled && cancelled.error().code == ErrorCode::Cancelled);
    }

    void whatIfsInFiles() {
        QTemporaryDir folder;
        const std::filesystem::path path = folder.filePath("run.h5").toStdString();
        Session session = *tiny_.session;
        const auto one = std::make_shared<WhatIf>(sampleWhatIf(tiny_, 0.2));
        auto two = std::make_shared<WhatIf>(*one);
        two->scales.name = "only predicted";
        two->predicted = -0.01;
        two->largestLogGain = 0.2;
        two->quantized = two->full = two->gap = two->only = {};
        two->documents.clear();
        session.whatIfs = {one, two};
        QVERIFY(saveSession(session, path).ok());
        const auto loaded = loadSession(path);
        QVERIFY2(loaded.ok(), loaded ? "" : loaded.error().message.c_str());
        QCOMPARE((*loaded)->whatIfs.size(), std::size_t{2});
        const WhatIf &first = *(*loaded)->whatIfs[0], &second = *(*loaded)->whatIfs[1];
        QVERIFY(first.scales == one->scales && second.scales == two->scales);
        QVERIFY(sameInterval(first.quantized, one->quantized) && sameInterval(first.full, one->full));
        QVERIFY(sameInterval(first.gap, one->gap) && sameInterval(first.only, one->only));
        QVERIFY(!second.measured() && std::isnan(first.predicted));
        QCOMPARE(second.predicted, -0.01);
        QVERIFY(std::isnan(second.predictedError));
        QCOMPARE(second.largestLogGain, 0.2);
        QVERIFY(first.words == one->words && first.effect == one->effect && first.cause == one->cause);
        QVERIFY(first.created == one->created && first.program == one->program && first.context == 32);
        QVERIFY(first.documents == one->documents && second.documents.empty());
        QVERIFY((*loaded)->conditions.front()->sensitivity == tiny_.condition().sensitivity);
        // by name, as --scales does
        QVERIFY(loadScalesFrom(path.string() + ":w1")->scales == one->scales);
        QVERIFY(loadScalesFrom(path.string())->scales == two->scales); // the last one
        QCOMPARE(loadScalesFrom(path.string() + ":w1")->contexts, std::vector<int>{32});
        const auto missing = loadScalesFrom(path.string() + ":W9");
        QVERIFY(!missing && missing.error().message.find("w1, only predicted") != std::string::npos);
        QCOMPARE(freshScalesName(session, "w"), std::string("w2"));
        Session outlived = session; // conditions keep the name of gains that are gone
        auto condition = std::make_shared<ConditionResult>(*outlived.conditions.front());
        condition->key.scales = "w2";
        outlived.conditions.push_back(condition);
        QCOMPARE(freshScalesName(outlived, "w"), std::string("w3"));
        // what must not be stored
        two->scales.name = "w1";
        QVERIFY(!saveSession(session, path).ok());
        two->scales.name = "a:b";
        QVERIFY(!saveSession(session, path).ok());
        two->scales.name = "w2";
        two->scales.gains.q[3] = -1;
        QVERIFY(!saveSession(session, path).ok());
    }

    void exportOfAWhatIf() {
        QTemporaryDir folder;
        const std::filesystem::path path = folder.filePath("one.h5").toStdString();
        Session session = *tiny_.session; // as the window exports a single what-if: nothing else in it
        session.conditions.clear();
        session.whatIfs = {std::make_shared<WhatIf>(sampleWhatIf(tiny_, 0.2))};
        QVERIFY(saveSession(session, path).ok());
        const auto stored = loadScalesFrom(path.string() + ":w1");
        QVERIFY(stored.ok());
        const auto exported = [&](const QkGains& gains, const char* name) {
            ExportRequest request;
            request.model = tiny_.plan.model;
            request.weights = *openWeights(tiny_.plan.model, tiny_.plan.quants.front());
            request.format = ExportFormat::CompressedTensors;
            request.gains = gains;
            request.scalesName = "w1";
            request.target = folder.filePath(name).toStdString();
            ProgressSink silent;
            const auto done = exportModel(request, silent);
            if (!done) qFatal("%s", done.error().message.c_str());
            return bytesOf(request.target / "model.safetensors");
        };
        const std::string from = exported(stored->scales.gains, "a");
        QVERIFY(from.size() > 1000);
        QVERIFY(from == exported(tiny_.gainsOf(0.2), "b"));
        QVERIFY(from != exported({}, "c"));
    }
};

QTEST_APPLESS_MAIN(TestGainEffect)
#include "test_gain_effect.moc"
