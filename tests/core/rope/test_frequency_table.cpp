// Frequency tables against published values (transformers 5.17; method.md section 3) and against identities.
#include "core/rope/rope_spec.h"
#include "tests/support/rope_models.h"

#include <QtTest>

#include <cmath>
#include <limits>
#include <numbers>

using namespace qroar;
using qroar::test::modelOf;

namespace {

FrequencyTable table(const std::string& spec, const RopeModel& model, long long context = 1) {
    const auto parsed = RopeSpec::parse(spec);
    if (!parsed) qFatal("%s", parsed.error().message.c_str());
    const auto built = buildFrequencyTable(*parsed, model, context);
    if (!built) qFatal("%s", built.error().message.c_str());
    return *built;
}

QString errorOf(const RopeSpec& spec, const RopeModel& model, long long context = 1) {
    const auto built = buildFrequencyTable(spec, model, context);
    return built ? QString() : QString::fromStdString(built.error().message);
}

QString errorOf(const std::string& spec, const RopeModel& model, long long context = 1) {
    return errorOf(*RopeSpec::parse(spec), model, context);
}

double relative(double found, double expected) {
    return std::abs(found - expected) / std::abs(expected);
}

} // namespace

#define VERIFY_NEAR(found, expected, tolerance)                                                              \
    QVERIFY2(relative(found, expected) <= (tolerance),                                                       \
             qPrintable(QString("found %1, expected %2").arg(found, 0, 'g', 17).arg(expected, 0, 'g', 17)))

class TestFrequencyTable : public QObject {
    Q_OBJECT
  private slots:
    void plainTable();
    void linear();
    void ntk();
    void dynamic();
    void yarnGolden();
    void yarnRampEnds();
    void yarnAttentionFactor();
    void yarnImpliedFactor();
    void yarnRampInsideTable();
    void llama3Divisors();
    void longRope();
    void identities();
    void partialRotary();
    void modelMeansStored();
    void trainedContextRules();
    void warnings();
    void smallestRotaryDim();
    void refusesBadModels();
    void refusesBadStoredSpecs();
};

void TestFrequencyTable::plainTable() {
    const FrequencyTable none = table("none", modelOf(128, 10000, 4096));
    QCOMPARE(none.omega.size(), std::size_t{64});
    QCOMPARE(none.omega[0], 1.0);
    VERIFY_NEAR(none.omega[16], 0.1, 1e-14); // 1e4^(-32/128)
    VERIFY_NEAR(none.omega[32], 0.01, 1e-14);
    VERIFY_NEAR(none.omega[48], 0.001, 1e-14);
    QVERIFY(none.omega == none.plain);
    QCOMPARE(none.attentionFactor, 1.0);
    QCOMPARE(none.factor, 1.0);
    QCOMPARE(none.trainedContext, 4096.0);
    VERIFY_NEAR(none.wavelength(32), 200 * std::numbers::pi, 1e-14);
    QVERIFY(none.ramp.empty() && !none.rampLow && !none.rampHigh);
}

void TestFrequencyTable::linear() {
    const FrequencyTable linear = table("linear:4", modelOf(64, 10000, 2048));
    for (std::size_t pair = 0; pair < linear.omega.size(); ++pair)
        VERIFY_NEAR(linear.omega[pair], linear.plain[pair] / 4, 1e-15);
    QCOMPARE(linear.factor, 4.0);
    QCOMPARE(linear.attentionFactor, 1.0);
}

void TestFrequencyTable::ntk() {
    const FrequencyTable ntk = table("ntk:4", modelOf(64, 10000, 2048));
    QCOMPARE(ntk.omega[0], 1.0);
    VERIFY_NEAR(ntk.omega.back(), ntk.plain.back() / 4, 1e-13); // the last pair slows down by s exactly
    for (std::size_t pair = 0; pair < ntk.omega.size(); ++pair)
        VERIFY_NEAR(ntk.omega[pair], ntk.plain[pair] * std::pow(4.0, -2.0 * double(pair) / 62), 1e-13);
    QCOMPARE(ntk.factor, 4.0);
}

void TestFrequencyTable::dynamic() {
    const RopeModel model = modelOf(128, 10000, 2048);
    const FrequencyTable longer = table("dynamic:2", model, 8192);
    QCOMPARE(longer.factor, 7.0); // 2 * 8192/2048 - 1
    const FrequencyTable ntk = table("ntk:7", model);
    for (std::size_t pair = 0; pair < longer.omega.size(); ++pair)
        VERIFY_NEAR(longer.omega[pair], ntk.omega[pair], 1e-14);
    for (const long long context : {1LL, 2047LL, 2048LL}) {
        const FrequencyTable shorter = table("dynamic:2", model, context);
        QVERIFY(shorter.omega == shorter.plain);
        QCOMPARE(shorter.factor, 1.0);
    }
    QVERIFY(table("dynamic:2", model, 2049).omega != longer.plain);
    QVERIFY(table("dynamic:2:orig=1024", model, 2048).omega == table("ntk:3", model).omega);
}

void TestFrequencyTable::yarnGolden() {
    const RopeModel model = modelOf(64, 1e7, 1048576, 262144);
    const FrequencyTable yarn = table("yarn:4", model);
    QCOMPARE(yarn.rampLow.value(), 14.0);
    QCOMPARE(yarn.rampHigh.value(), 22.0);
    VERIFY_NEAR(yarn.attentionFactor, 1.138629436111989, 1e-15);
    const std::pair<std::size_t, double> golden[] = {
        {0, 1.0},
        {1, 6.042963862e-1},
        {14, 8.659643354e-4},
        {15, 4.742398160e-4},
        {16, 2.569350763e-4},
        {23, 2.326430149e-6},
        {31, 4.137042708e-8},
    };
    // The published values were computed in single precision and have 10 digits: up to 6e-8 off.
    for (const auto& [pair, omega] : golden) VERIFY_NEAR(yarn.omega[pair], omega, 1.5e-7);
    QVERIFY(yarn.warnings.empty());

    const FrequencyTable mild = table("yarn:1.5625", model);
    VERIFY_NEAR(mild.attentionFactor, 1.044628710262842, 1e-15);
    const std::pair<std::size_t, double> mildGolden[] = {
        {15, 4.997506621e-4}, {16, 2.877672960e-4}, {23, 5.955661436e-6}, {31, 1.059082990e-7}};
    for (const auto& [pair, omega] : mildGolden) VERIFY_NEAR(mild.omega[pair], omega, 1.5e-7);

    const FrequencyTable untruncated = table("yarn:4:truncate=0", model);
    VERIFY_NEAR(untruncated.rampLow.value(), 14.2410, 1e-5);
    VERIFY_NEAR(untruncated.rampHigh.value(), 21.1216, 1e-5);
}

void TestFrequencyTable::yarnRampEnds() {
    struct Case {
        double theta;
        int original;
        double low, high;
    };
    for (const Case& c : {Case{1e4, 4096, 20, 46}, Case{1e6, 32768, 23, 40}, Case{5e5, 8192, 18, 35}}) {
        const FrequencyTable yarn = table("yarn:4", modelOf(128, c.theta, c.original));
        QCOMPARE(yarn.rampLow.value(), c.low);
        QCOMPARE(yarn.rampHigh.value(), c.high);
    }
    const FrequencyTable raw = table("yarn:4:truncate=0", modelOf(128, 1e4, 4096));
    VERIFY_NEAR(raw.rampLow.value(), 20.944, 3e-5);
    VERIFY_NEAR(raw.rampHigh.value(), 45.027, 3e-5);
    // Both ends on the same pair: the ramp is 0.001 wide, a step.
    const FrequencyTable step = table("yarn:4:beta_fast=1:beta_slow=1:truncate=0", modelOf(128, 1e4, 4096));
    VERIFY_NEAR(step.rampHigh.value() - step.rampLow.value(), 0.001, 1e-9);
    QCOMPARE(step.omega[45], step.plain[45]);
    VERIFY_NEAR(step.omega[46], step.plain[46] / 4, 1e-15);
    // A trained context below 2 pi: transformers' clamp gives a ramp that ends before it starts; warned.
    const FrequencyTable reversed = table("yarn:4", modelOf(128, 1e4, 4));
    QCOMPARE(reversed.warnings.size(), std::size_t{1});
    QVERIFY(reversed.omega == reversed.plain);
}

void TestFrequencyTable::yarnAttentionFactor() {
    const RopeModel model = modelOf(128, 1e4, 4096);
    const std::pair<const char*, double> golden[] = {
        {"yarn:4", 1.138629}, {"yarn:8", 1.207944}, {"yarn:16", 1.277259}, {"yarn:32", 1.346574}};
    for (const auto& [spec, m] : golden) VERIFY_NEAR(table(spec, model).attentionFactor, m, 5e-7);
    QCOMPARE(table("yarn:4:attn=1.2:mscale=1:mscale_all_dim=2", model).attentionFactor, 1.2);
    const double ln40 = std::log(40.0);
    VERIFY_NEAR(table("yarn:40:mscale=0.707:mscale_all_dim=0.5", model).attentionFactor,
                (0.0707 * ln40 + 1) / (0.05 * ln40 + 1), 1e-15);
    QCOMPARE(table("yarn:40:mscale=1:mscale_all_dim=1", model).attentionFactor, 1.0);
    // Only one of the two, or a zero: the plain rule.
    for (const char* spec : {"yarn:40:mscale=0.707", "yarn:40:mscale_all_dim=0.707",
                             "yarn:40:mscale=0.707:mscale_all_dim=0", "yarn:40:mscale=0:mscale_all_dim=1"})
        VERIFY_NEAR(table(spec, model).attentionFactor, 0.1 * ln40 + 1, 1e-15);
    QCOMPARE(table("yarn:0.5", model).attentionFactor, 1.0);
}

void TestFrequencyTable::yarnImpliedFactor() {
    const FrequencyTable implied = table("yarn", modelOf(128, 1e4, 32768, 4096));
    QCOMPARE(implied.factor, 8.0);
    QVERIFY(implied.omega == table("yarn:8", modelOf(128, 1e4, 32768, 4096)).omega);
    QCOMPARE(table("yarn:orig=16384", modelOf(128, 1e4, 32768, 4096)).factor, 2.0);
    const FrequencyTable nothing = table("yarn", modelOf(128, 1e4, 4096));
    QCOMPARE(nothing.factor, 1.0);
    QCOMPARE(nothing.warnings.size(), std::size_t{1});
}

void TestFrequencyTable::yarnRampInsideTable() {
    const FrequencyTable yarn = table("yarn:4", modelOf(128, 1e4, 4096)); // ramp 20..46
    QCOMPARE(yarn.ramp.size(), std::size_t{64});
    QCOMPARE(yarn.ramp[20], 0.0);
    QCOMPARE(yarn.ramp[33], 0.5);
    QCOMPARE(yarn.ramp[46], 1.0);
    QCOMPARE(yarn.omega[20], yarn.plain[20]);
    VERIFY_NEAR(yarn.omega[33], yarn.plain[33] * 0.625, 1e-15);
    VERIFY_NEAR(yarn.omega[63], yarn.plain[63] / 4, 1e-15);
}

void TestFrequencyTable::llama3Divisors() {
    const FrequencyTable llama = table("llama3:8:orig=8192:low=1:high=4", modelOf(128, 5e5, 131072));
    const double middle[] = {1.207484, 1.553415, 2.026313, 2.69453, 3.684253, 5.257327};
    for (std::size_t pair = 0; pair < 64; ++pair) {
        const double divisor = llama.plain[pair] / llama.omega[pair];
        if (pair <= 28) QCOMPARE(divisor, 1.0);
        if (pair >= 29 && pair <= 34) VERIFY_NEAR(divisor, middle[pair - 29], 5e-7);
        if (pair >= 35) VERIFY_NEAR(divisor, 8.0, 1e-15);
    }
    QCOMPARE(llama.attentionFactor, 1.0);
    QVERIFY(llama.omega == table("llama3:8", modelOf(128, 5e5, 8192)).omega); // the defaults
}

void TestFrequencyTable::longRope() {
    RopeModel model = modelOf(8, 1e4, 131072, 4096);
    RopeSpec stored;
    stored.kind = RopeKind::LongRope;
    stored.shortFactors = {1, 1.5, 2, 3};
    stored.longFactors = {1, 4, 20, 60};
    model.stored = stored;
    const FrequencyTable atL0 = table("model", model, 4096), beyond = table("model", model, 4097);
    for (std::size_t pair = 0; pair < 4; ++pair) {
        VERIFY_NEAR(atL0.omega[pair], atL0.plain[pair] / stored.shortFactors[pair], 1e-15);
        VERIFY_NEAR(beyond.omega[pair], beyond.plain[pair] / stored.longFactors[pair], 1e-15);
    }
    QCOMPARE(beyond.factor, 32.0);
    VERIFY_NEAR(beyond.attentionFactor, 1.1902380714, 1e-10); // Phi-3 128k
    VERIFY_NEAR(atL0.attentionFactor, 1.1902380714, 1e-10);
    QVERIFY(table("longrope", model, 5000).omega == beyond.omega); // typed: the checkpoint's lists
    QCOMPARE(table("longrope:attn=1.5", model, 5000).attentionFactor, 1.5);
    QCOMPARE(table("longrope:1", model, 5000).attentionFactor, 1.0);

    QVERIFY(errorOf("longrope", modelOf(8, 1e4, 4096)).contains("short_factor must have 4 entries"));
    model.stored.longFactors.pop_back();
    QVERIFY(errorOf("model", model, 4096).isEmpty()); // the short list is whole
    QVERIFY(
        errorOf("model", model, 4097).contains("long_factor must have 4 entries (rotary dims / 2), found 3"));
    for (const double bad : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
        model.stored.longFactors = {1, 2, bad, 4};
        QVERIFY(errorOf("model", model, 4097).contains("long_factor[2]"));
    }
}

void TestFrequencyTable::identities() { // identity 8 of method.md
    const RopeModel model = modelOf(64, 1e4, 512);
    for (const char* spec : {"linear:1", "ntk:1", "yarn:1", "llama3:1"}) {
        const FrequencyTable same = table(spec, model, 4096);
        for (std::size_t pair = 0; pair < same.omega.size(); ++pair)
            VERIFY_NEAR(same.omega[pair], same.plain[pair], 1e-15);
        QCOMPARE(same.attentionFactor, 1.0);
    }
    QVERIFY(table("dynamic:4", model, 512).omega == table("none", model).omega);
    // Scaling never speeds a pair up, and never reorders pairs.
    for (const char* spec : {"linear:8", "ntk:8", "dynamic:8", "yarn:8", "llama3:8"}) {
        const FrequencyTable scaled = table(spec, model, 4096);
        for (std::size_t pair = 0; pair < scaled.omega.size(); ++pair) {
            QVERIFY(scaled.omega[pair] <= scaled.plain[pair]);
            QVERIFY(pair == 0 || scaled.omega[pair] < scaled.omega[pair - 1]);
        }
    }
}

void TestFrequencyTable::partialRotary() {
    RopeModel partial = modelOf(32, 1e4, 2048);
    partial.headDim = 128;
    const RopeModel whole = modelOf(32, 1e4, 2048);
    for (const char* spec : {"none", "linear:4", "ntk:4", "dynamic:4", "yarn:4", "llama3:4"}) {
        const FrequencyTable found = table(spec, partial, 8192);
        QCOMPARE(found.omega.size(), std::size_t{16});
        QVERIFY(found.omega == table(spec, whole, 8192).omega); // d counts, not the head size
    }
}

void TestFrequencyTable::modelMeansStored() {
    RopeModel model = modelOf(128, 1e4, 16384, 4096);
    QVERIFY(table("model", model).spec.kind == RopeKind::None); // nothing stored: no scaling
    model.stored = *RopeSpec::parse("yarn:4:beta_fast=16");
    const FrequencyTable stored = table("model", model);
    QVERIFY(stored.spec == model.stored);
    QVERIFY(stored.omega == table("yarn:4:beta_fast=16", model).omega);
    const FrequencyTable off = table("none", model);
    QVERIFY(off.omega == off.plain);
    model.stored.kind = RopeKind::Model;
    QVERIFY(errorOf("model", model).contains("'model' itself"));
}

void TestFrequencyTable::trainedContextRules() {
    const RopeModel both = modelOf(128, 1e4, 16384, 4096), one = modelOf(128, 1e4, 16384);
    for (const char* kind : {"yarn:4", "llama3:4", "linear:4", "ntk:4", "dynamic:4"}) {
        const std::string spec = kind;
        QCOMPARE(table(spec, both).trainedContext, 4096.0);
        QCOMPARE(table(spec, one).trainedContext, 16384.0);
        QCOMPARE(table(spec + ":orig=1000", both).trainedContext, 1000.0);
    }
}

void TestFrequencyTable::warnings() {
    const RopeModel both = modelOf(128, 1e4, 32768, 4096); // ratio 8
    QVERIFY(table("yarn:8", both).warnings.empty());
    for (const char* spec : {"yarn:4", "llama3:4"}) {
        const FrequencyTable odd = table(spec, both);
        QCOMPARE(odd.warnings.size(), std::size_t{1});
        const QString text = QString::fromStdString(odd.warnings[0]);
        QVERIFY2(text.contains("factor 4 differs") && text.contains("32768 / 4096 = 8"), qPrintable(text));
    }
    QVERIFY(table("yarn:4", modelOf(128, 1e4, 32768)).warnings.empty()); // nothing to compare with
    QVERIFY(table("linear:4", both).warnings.empty());
    QCOMPARE(table("dynamic:4", both).warnings.size(), std::size_t{1});
    QVERIFY(table("dynamic:4:orig=4096", both).warnings.empty());
    RopeModel stored = both; // a checkpoint that stores both lengths: nobody has chosen between them
    stored.stored = *RopeSpec::parse("dynamic:4:orig=" + std::to_string(*both.originalMaxPositions));
    QCOMPARE(table("model", stored).warnings.size(), std::size_t{1});
}

void TestFrequencyTable::smallestRotaryDim() {
    for (const char* spec : {"none", "ntk:4", "dynamic:4"}) // d - 2 = 0
        QVERIFY(table(spec, modelOf(2, 1e4, 512), 4096).omega == std::vector<double>{1.0});
    QCOMPARE(table("linear:4", modelOf(2, 1e4, 512)).omega[0], 0.25);
    QVERIFY(table("yarn:4", modelOf(2, 1e4, 512)).omega[0] > 0);
}

void TestFrequencyTable::refusesBadModels() {
    for (const int dim : {0, -2, 3, 1})
        QVERIFY(errorOf("none", modelOf(dim, 1e4, 512)).contains("rotary dims"));
    RopeModel wide = modelOf(64, 1e4, 512);
    wide.headDim = 32;
    QVERIFY(errorOf("none", wide).contains("must not exceed the head size 32"));
    for (const double theta : {1.0, 0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()})
        QVERIFY(errorOf("none", modelOf(64, theta, 512)).contains("rope_theta"));
    for (const long long context : {0LL, -5LL})
        QVERIFY(errorOf("none", modelOf(64, 1e4, 512), context).contains("context"));
    for (const char* spec : {"dynamic:4", "yarn:4", "llama3:4"})
        QVERIFY(errorOf(spec, modelOf(64, 1e4, 0)).contains("trained context"));
    QVERIFY(errorOf("yarn:orig=512", modelOf(64, 1e4, 0)).contains("max_position_embeddings, found 0"));
    QVERIFY(errorOf("yarn:4:orig=512", modelOf(64, 1e4, 0)).isEmpty());
    QVERIFY(errorOf("none", modelOf(64, 1e4, 0)).isEmpty());
    // Frequencies that leave the range of double are refused, not passed on as 0.
    QVERIFY(errorOf("ntk:1000000", modelOf(4, 1e308, 512)).contains("frequency of pair"));
    QVERIFY(errorOf("dynamic:1000000", modelOf(4, 1e4, 1), std::numeric_limits<long long>::max()).isEmpty());
}

void TestFrequencyTable::refusesBadStoredSpecs() { // from a checkpoint: they never went through parse()
    RopeModel model = modelOf(64, 1e4, 512);
    RopeSpec spec;
    spec.kind = RopeKind::Linear;
    QVERIFY(errorOf(spec, model).contains("needs a factor"));
    for (const double factor : {0.0, -4.0, std::nan(""), 1e300}) {
        for (const RopeKind kind : {RopeKind::Linear, RopeKind::Ntk, RopeKind::Dynamic, RopeKind::Yarn,
                                    RopeKind::Llama3, RopeKind::LongRope}) {
            spec.kind = kind;
            spec.factor = factor;
            QVERIFY(errorOf(spec, model).contains("the factor must be"));
        }
    }
    spec = *RopeSpec::parse("yarn:4");
    spec.original = std::nan("");
    QVERIFY(errorOf(spec, model).contains("orig must be"));
    spec = *RopeSpec::parse("llama3:8");
    spec.lowFreqFactor = 4;
    QVERIFY(errorOf(spec, model).contains("low must be less than high"));
}

QTEST_APPLESS_MAIN(TestFrequencyTable)
#include "test_frequency_table.moc"
