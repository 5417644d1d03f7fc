// The verdict by hand: every branch of effect and cause, the choice of long and short context, what the words
// promise, and contrasts of results whose differences are known.
#include "core/controls/verdict.h"

#include <QtTest>

#include <cmath>

using namespace qroar;

namespace {

PairedDifference difference(double mean, double half, int blocks = 10) {
    PairedDifference d;
    d.tokens = 1000;
    d.windows = d.documents = d.blocks = blocks;
    d.mean = mean;
    d.ciLow = mean - half;
    d.ciHigh = mean + half;
    return d;
}

/// Means of Q+g - Q and FP+g - FP, each with half an interval; the rest follows.
ControlContrast contrast(double quantized, double full, double half, double onlyHalf = -1) {
    ControlContrast c;
    c.context = 1024;
    c.trainedContext = 512;
    c.rope = "yarn:2";
    c.quant = "rtn:3:g64";
    c.interpolated = true;
    c.quantized = difference(quantized, half);
    c.full = difference(full, half);
    c.only = difference(quantized - full, onlyHalf < 0 ? half : onlyHalf);
    c.gap = difference(0.5, half);
    return c;
}

bool says(const std::string& words, const char* part) {
    if (QString::fromStdString(words).contains(QString::fromUtf8(part))) return true;
    qWarning() << words.c_str() << "lacks" << part;
    return false;
}

/// Windows of `documents` documents, 4 tokens each, whose NLL is `base` plus a wobble that all runs share.
std::shared_ptr<const ConditionResult> result(const char* rope, const char* quant, bool scaled, double base,
                                              int documents = 8, int context = 4, double tilt = 0) {
    auto condition = std::make_shared<ConditionResult>();
    condition->key = {RopeSpec::parse(rope).value(), context, QuantSpec::parse(quant).value(),
                      scaled ? "g" : ""};
    condition->table.spec = condition->key.rope;
    condition->table.trainedContext = 2;
    condition->table.omega = {1, condition->key.rope.kind == RopeKind::None ? 0.5 : 0.25};
    condition->table.plain = {1, 0.5};
    for (int document = 0; document < documents; ++document) {
        std::vector<float> nll;
        for (int token = 0; token + 1 < context; ++token)
            nll.push_back(static_cast<float>(base + 0.25 * token + 0.5 * (document % 3) + tilt * document));
        condition->windows.push_back({document, 0, nll});
    }
    return condition;
}

} // namespace

class TestVerdict : public QObject {
    Q_OBJECT
  private slots:
    void effects() {
        QCOMPARE(effectOf(difference(-0.1, 0.05)), Effect::Helps);
        QCOMPARE(effectOf(difference(0.1, 0.05)), Effect::Hurts);
        QCOMPARE(effectOf(difference(-0.1, 0.2)), Effect::None);
        QCOMPARE(effectOf(difference(-0.1, 0.1)), Effect::None); // touches zero
        QCOMPARE(effectOf(difference(0.1, 0.1)), Effect::None);
        QCOMPARE(effectOf(difference(0, 0)), Effect::None);
        // Too few blocks, or none at all.
        QCOMPARE(effectOf(difference(-0.1, 0.05, 5)), Effect::None);
        QCOMPARE(effectOf(difference(-0.1, 0.05, 6)), Effect::Helps);
        PairedDifference bare = difference(-0.1, 0.05);
        bare.ciLow = bare.ciHigh = std::nullopt;
        QCOMPARE(effectOf(bare), Effect::None);
        QCOMPARE(std::string(effectName(Effect::Helps)), std::string("helps"));
        QCOMPARE(std::string(effectName(Effect::Hurts)), std::string("hurts"));
        QCOMPARE(std::string(effectName(Effect::None)), std::string("no measurable effect"));
    }

    void causes_data() {
        QTest::addColumn<double>("quantized");
        QTest::addColumn<double>("full");
        QTest::addColumn<double>("half");
        QTest::addColumn<double>("onlyHalf");
        QTest::addColumn<QString>("effect");
        QTest::addColumn<QString>("cause");
        QTest::addColumn<QString>("words");
        const auto row = [](const char* name, double q, double fp, double half, double onlyHalf,
                            const char* effect, const char* cause, const char* words) {
            QTest::newRow(name) << q << fp << half << onlyHalf << effect << cause << words;
        };
        row("FP+g gains less", -0.10, -0.06, 0.01, 0.01, "helps", "both",
            "Of the gain of 0.1000 nats, 0.0600 [0.0500, 0.0700], 60 % of it, are also shown by FP+g (it "
            "repairs the RoPE "
            "interpolation) and 0.0400 [0.0300, 0.0500] only by Q+g (it repairs the quantization).");
        row("FP+g gains the same", -0.0736, -0.0721, 0.0024, 0.0024, "helps", "shared",
            "the rest, 0.0015 [-0.0009, 0.0039], cannot be told from zero");
        row("FP+g gains more", -0.05, -0.09, 0.01, 0.01, "helps", "shared",
            "FP+g gains even more, 0.0900 [0.0800, 0.1000] nats (it repairs the RoPE interpolation); "
            "quantization takes a part of it away: -0.0400 [-0.0500, -0.0300].");
        row("FP+g does nothing", -0.08, -0.004, 0.01, 0.01, "helps", "quantization",
            "FP+g shows no measurable gain (0.0040 [-0.0060, 0.0140]): of the gain of 0.0800 nats, 0.0760 "
            "[0.0660, 0.0860] are shown only by Q+g");
        row("FP+g loses while Q+g gains", -0.1725, 0.0481, 0.0138, 0.02, "helps", "quantization",
            "The same scales make FP worse by 0.0481 [0.0343, 0.0619] nats: the whole gain of 0.1725 nats");
        row("neither part is measurable", -0.03, -0.015, 0.02, 0.04, "helps", "unclear",
            "cannot tell the two causes apart");
        row("a lost difference of signs", -0.03, 0.03, 0.02, 0.10, "helps", "unclear",
            "cannot tell the two causes apart");
        row("both lose, Q more", 0.10, 0.06, 0.01, 0.01, "hurts", "both",
            "Of the loss of 0.1000 nats, 0.0600 [0.0500, 0.0700] are also shown by FP+g (the scales do not "
            "suit this text or length) and 0.0400 [0.0300, 0.0500] only by Q+g.");
        row("both lose", 0.06, 0.06, 0.01, 0.01, "hurts", "shared",
            "FP+g loses too, 0.0600 [0.0500, 0.0700] nats");
        row("FP loses more", 0.04, 0.09, 0.01, 0.01, "hurts", "shared", "FP+g loses too, 0.0900");
        row("only Q loses", 0.06, 0.002, 0.01, 0.01, "hurts", "quantization",
            "FP+g does not lose measurably (0.0020 [-0.0080, 0.0120]): only the quantized model suffers.");
        row("Q loses, FP gains", 0.06, -0.05, 0.01, 0.01, "hurts", "quantization",
            "only the quantized model suffers");
        row("loss without a cause", 0.03, 0.015, 0.02, 0.04, "hurts", "unclear",
            "Of the loss of 0.0300 nats FP+g shows 0.0150");
        row("nothing", -0.001, 0.0, 0.004, 0.004, "no measurable effect", "none",
            "no measurable effect on rtn:3:g64: -0.0010 nats [-0.0050, 0.0030], perplexity -0.1 %.");
        row("nothing, but FP+g gains", -0.001, -0.05, 0.004, 0.004, "no measurable effect", "none",
            "FP+g does gain 0.0500 nats [0.0460, 0.0540].");
        row("nothing, but FP+g loses", -0.001, 0.05, 0.004, 0.004, "no measurable effect", "none",
            "FP+g does lose 0.0500 nats [0.0460, 0.0540].");
        row("wide", -0.02, 0.0, 0.10, 0.1, "no measurable effect", "none",
            "anything from perplexity -11.3 % to +8.3 % fits these documents; more of them would narrow it");
    }
    void fullPrecisionHasNoQuantizationToRepair() {
        ControlContrast c = contrast(-0.04, 0, 0.01, 0.01);
        c.full = c.only = c.gap = {};
        QCOMPARE(judgeContrast(c).cause, Cause::Unclear); // quantized, and full precision was not run
        c.quant = "none";
        const Judgement j = judgeContrast(c);
        QCOMPARE(j.effect, Effect::Helps);
        QCOMPARE(j.cause, Cause::Shared);
        QCOMPARE(j.shared, j.gain);
        QCOMPARE(j.quantizedOnly, 0.0);
    }
    void causes() {
        QFETCH(double, quantized);
        QFETCH(double, full);
        QFETCH(double, half);
        QFETCH(double, onlyHalf);
        QFETCH(QString, effect);
        QFETCH(QString, cause);
        QFETCH(QString, words);
        const Judgement j = judgeContrast(contrast(quantized, full, half, onlyHalf));
        QCOMPARE(QString(effectName(j.effect)), effect);
        QCOMPARE(QString(causeName(j.cause)), cause);
        QVERIFY(says(j.words, qPrintable(words)));
        QVERIFY(says(j.words, "At 1,024 tokens under yarn:2"));
        QCOMPARE(j.gain, -quantized);
        QVERIFY(std::abs(j.shared + j.quantizedOnly - j.gain) < 1e-12);
    }

    void betterThanFullPrecision() {
        ControlContrast c = contrast(-0.0736, -0.0721, 0.0024);
        QVERIFY(!QString::fromStdString(judgeContrast(c).words).contains("unscaled FP model"));
        c.gap = difference(-0.042, 0.003);
        QVERIFY(says(judgeContrast(c).words,
                     "Q+g predicts better than the unscaled FP model by 0.0420 [0.0390, "
                     "0.0450] nats; FP+g is what it should be compared with."));
    }

    void withoutFullPrecision() {
        ControlContrast c = contrast(-0.1, 0, 0.01);
        c.full = c.only = c.gap = {};
        const Judgement j = judgeContrast(c);
        QCOMPARE(j.effect, Effect::Helps);
        QCOMPARE(j.cause, Cause::Unclear);
        QVERIFY(says(j.words, "Without FP and FP+g in the run the cause cannot be told."));
        QCOMPARE(j.shared, 0.0);
        c.quant = "none";
        QVERIFY(says(judgeContrast(c).words, "the scales help the full-precision model: -0.1000 nats"));
        QVERIFY(!QString::fromStdString(judgeContrast(c).words).contains("Without FP"));
    }

    void tooFewBlocks() {
        ControlContrast c = contrast(-0.1, -0.1, 0.01);
        c.quantized.blocks = 3;
        const Judgement j = judgeContrast(c);
        QCOMPARE(j.effect, Effect::None);
        QVERIFY(says(j.words, "it cannot be told whether the scales have an effect on"));
        QVERIFY(!says(j.words, "no measurable effect"));
        QCOMPARE(std::string(effectPhrase(j)), std::string("cannot be told"));
        QVERIFY(says(j.words, "Only 3 blocks of text: at least 6 are needed to tell."));
    }

    void nothingIsInterpolated() {
        ControlContrast c = contrast(-0.10, -0.06, 0.01);
        c.rope = "none";
        c.interpolated = false;
        const std::string words = judgeContrast(c).words;
        QVERIFY(!QString::fromStdString(words).contains("repairs the RoPE"));
        QVERIFY(says(words, "nothing is interpolated here"));
    }

    void longAndShort() {
        std::vector<ControlContrast> all;
        const auto add = [&all](const char* rope, const char* quant, int context, double gain) {
            ControlContrast c = contrast(-gain, -gain, 0.001);
            c.rope = rope;
            c.quant = quant;
            c.context = context;
            c.interpolated = std::string(rope) != "none";
            all.push_back(c);
        };
        add("yarn:2", "rtn:3:g64", 256, 0.01);
        add("yarn:2", "rtn:3:g64", 512, -0.02); // L0 is short
        add("yarn:2", "rtn:3:g64", 2048, 0.04);
        add("yarn:2", "rtn:3:g64", 1024, 0.03);
        add("none", "rtn:3:g64", 256, 0.05);
        add("none", "rtn:3:g64", 1024, 0.06);
        add("yarn:2", "rtn:4:g64", 4096, 0.07);
        add("linear:2", "rtn:3:g64", 4096, 0.08);
        const Verdict verdict = judge(all, "yarn:2", "rtn:3:g64");
        QCOMPARE(verdict.all.size(), std::size_t{7});
        QCOMPARE(verdict.longContext->contrast.context, 2048);
        QCOMPARE(verdict.longContext->effect, Effect::Helps);
        QCOMPARE(verdict.shortContext->contrast.context, 512);
        QCOMPARE(verdict.shortContext->effect, Effect::Hurts);
        QCOMPARE(verdict.shortPlain->contrast.context, 256);
        QVERIFY(says(verdict.words, "Long context: helps. At 2,048 tokens"));
        QVERIFY(says(verdict.words, "Short context: hurts. At 512 tokens"));
        QVERIFY(says(verdict.words, "Without interpolation: helps. At 256 tokens under none"));
        QVERIFY(says(verdict.words, "FP+g gains 0.0500 nats here, where there is nothing to repair"));
    }

    void whatWasNotRunIsSaid() {
        const Verdict nothing = judge({}, "yarn:2", "rtn:3:g64");
        QVERIFY(!nothing.longContext && !nothing.shortContext && !nothing.shortPlain && nothing.all.empty());
        QVERIFY(says(nothing.words, "Long context: not measured"));
        QVERIFY(says(nothing.words, "Short context: not measured"));
        // Deployed without interpolation: the short context is the plain one, once.
        ControlContrast c = contrast(-0.1, -0.1, 0.01);
        c.rope = "none";
        c.interpolated = false;
        c.context = 512;
        const Verdict plain = judge({c}, "none", "rtn:3:g64");
        QVERIFY(plain.shortContext && !plain.shortPlain && !plain.longContext);
    }

    void contrastsOfKnownResults() {
        // Q+g - Q = -0.5, FP+g - FP = +0.125, Q+g - FP = 0.25; all in every token (exact in binary).
        const std::vector<std::shared_ptr<const ConditionResult>> results{
            result("yarn:2", "none", false, 2),    result("yarn:2", "rtn:4:g64", false, 2.75),
            result("yarn:2", "none", true, 2.125), result("yarn:2", "rtn:4:g64", true, 2.25),
            result("none", "rtn:4:g64", true, 3),  result("none", "none", true, 3),
            result("none", "none", false, 3.5),    result("yarn:2", "rtn:3:g64", true, 1),
        };
        const auto all = contrasts(results, Convention::All);
        QCOMPARE(all.size(), std::size_t{3}); // yarn FP+g, yarn Q+g, none FP+g: those with a counterpart
        QCOMPARE(all[0].quant, std::string("none"));
        QVERIFY(!all[0].hasFull());
        const ControlContrast& q = all[1];
        QCOMPARE(q.rope, std::string("yarn:2"));
        QCOMPARE(q.context, 4);
        QCOMPARE(q.scales, std::string("g"));
        QCOMPARE(q.trainedContext, 2);
        QVERIFY(q.interpolated && !all[2].interpolated);
        QCOMPARE(q.quantized.tokens, 24LL);
        QCOMPARE(q.quantized.blocks, 8);
        QCOMPARE(q.quantized.mean, -0.5);
        QCOMPARE(*q.quantized.ciLow, -0.5); // the same in every token: no spread
        QCOMPARE(q.full.mean, 0.125);
        QCOMPARE(q.gap.mean, 0.25);
        QCOMPARE(q.only.mean, -0.625);
        QCOMPARE(*q.only.ciHigh, -0.625);
        const Judgement j = judgeContrast(q);
        QCOMPARE(j.effect, Effect::Helps);
        QCOMPARE(j.cause, Cause::Quantization);
        QCOMPARE(contrasts(results, Convention::LastHalf)[1].quantized.tokens, 8LL);
    }

    void partsAreResampledTogether() {
        // Q+g differs from document to document exactly as FP+g does: only the difference has no spread.
        const std::vector<std::shared_ptr<const ConditionResult>> results{
            result("yarn:2", "none", false, 2), result("yarn:2", "rtn:4:g64", false, 3),
            result("yarn:2", "none", true, 2, 8, 4, 0.5),
            result("yarn:2", "rtn:4:g64", true, 2.5, 8, 4, 0.5)};
        const ControlContrast q = contrasts(results, Convention::All)[1];
        QVERIFY(*q.quantized.ciHigh - *q.quantized.ciLow > 0.5);
        QCOMPARE(*q.only.ciHigh, *q.only.ciLow);
        QCOMPARE(q.only.mean, -0.5);
    }
};

QTEST_APPLESS_MAIN(TestVerdict)
#include "test_verdict.moc"
