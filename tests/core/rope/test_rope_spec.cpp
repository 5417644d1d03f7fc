// RopeSpec: what a user may type, what comes back as text, and what is refused with which words.
#include "core/rope/rope_spec.h"

#include <QtTest>

using namespace qroar;

class TestRopeSpec : public QObject {
    Q_OBJECT
  private slots:
    void readsEveryKind();
    void readsOptions();
    void canonicalText_data();
    void canonicalText();
    void refuses_data();
    void refuses();
    void hostileTextStaysShortInMessages();
};

void TestRopeSpec::readsEveryKind() {
    const std::pair<const char*, RopeKind> cases[] = {
        {"none", RopeKind::None},           {"model", RopeKind::Model},       {"linear:4", RopeKind::Linear},
        {"ntk:4", RopeKind::Ntk},           {"dynamic:4", RopeKind::Dynamic}, {"yarn:4", RopeKind::Yarn},
        {"llama3:8", RopeKind::Llama3},     {"longrope", RopeKind::LongRope}, {"yarn", RopeKind::Yarn},
        {"longrope:4", RopeKind::LongRope}, {" yarn:4\n", RopeKind::Yarn},
    };
    for (const auto& [text, kind] : cases) {
        const auto spec = RopeSpec::parse(text);
        QVERIFY2(spec.ok(), text);
        QVERIFY2(spec->kind == kind, text);
    }
    QCOMPARE(RopeSpec::parse("linear:2.5")->factor.value(), 2.5);
    QVERIFY(!RopeSpec::parse("yarn")->factor);
}

void TestRopeSpec::readsOptions() {
    const auto yarn = RopeSpec::parse("yarn:4:truncate=0:mscale_all_dim=0:mscale=0.707:attn=1.2:beta_slow=2:"
                                      "beta_fast=16:orig=4096");
    QVERIFY(yarn.ok());
    RopeSpec expected;
    expected.kind = RopeKind::Yarn;
    expected.factor = 4;
    expected.original = 4096;
    expected.betaFast = 16;
    expected.betaSlow = 2;
    expected.attentionFactor = 1.2;
    expected.mscale = 0.707;
    expected.mscaleAllDim = 0;
    expected.truncate = false;
    QVERIFY(*yarn == expected);

    const auto llama = RopeSpec::parse("llama3:8:low=1:high=4:orig=8192");
    QVERIFY(llama.ok());
    QCOMPARE(llama->lowFreqFactor.value(), 1.0);
    QCOMPARE(llama->highFreqFactor.value(), 4.0);
    QCOMPARE(llama->original.value(), 8192.0);
    QVERIFY(RopeSpec::parse("yarn:truncate=true")->truncate.value());
}

void TestRopeSpec::canonicalText_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("canonical");
    const std::pair<const char*, const char*> cases[] = {
        {"none", "none"},
        {"model", "model"},
        {"linear:4.0", "linear:4"},
        {"ntk:4e0", "ntk:4"},
        {"dynamic:1.5:orig=512", "dynamic:1.5:orig=512"},
        {"yarn", "yarn"},
        {"yarn:4:beta_slow=1:beta_fast=32:orig=4096", "yarn:4:orig=4096:beta_fast=32:beta_slow=1"},
        {"yarn:4:truncate=false:attn=1.2", "yarn:4:attn=1.2:truncate=0"},
        {"yarn:4:mscale=1:mscale_all_dim=0", "yarn:4:mscale=1:mscale_all_dim=0"},
        {"yarn:0.1:truncate=1", "yarn:0.1:truncate=1"},
        {"llama3:8:low=1:high=4:orig=8192", "llama3:8:orig=8192:low=1:high=4"},
        {"longrope:32:attn=1.19", "longrope:32:attn=1.19"},
        {"yarn:1.1000000000000001", "yarn:1.1"},
        {"linear:0.30000000000000004", "linear:0.30000000000000004"},
    };
    for (const auto& [text, canonical] : cases) QTest::newRow(text) << text << canonical;
}

void TestRopeSpec::canonicalText() {
    QFETCH(QString, text);
    QFETCH(QString, canonical);
    const auto spec = RopeSpec::parse(text.toStdString());
    QVERIFY2(spec.ok(), qPrintable(text));
    QCOMPARE(QString::fromStdString(spec->text()), canonical);
    const auto again = RopeSpec::parse(spec->text());
    QVERIFY(again.ok());
    QVERIFY(*again == *spec);
}

void TestRopeSpec::refuses_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("words"); // must be in the message, apart from the text itself
    const std::pair<const char*, const char*> cases[] = {
        {"", "unknown kind"},
        {":", "unknown kind"},
        {"yran:4", "expected none, model, linear:4"},
        {"YARN:4", "unknown kind"},
        {"linear", "needs a factor, as in linear:4"},
        {"dynamic:orig=4", "needs a factor"},
        {"llama3", "needs a factor"},
        {"none:4", "unexpected part '4'"},
        {"model:4", "unexpected part"},
        {"none:orig=4", "unknown option 'orig'"},
        {"linear:x", "the factor must be a number"},
        {"linear:4x", "found '4x'"},
        {"linear:", "found ''"},
        {"linear:0", "found 0"},
        {"linear:-1", "found -1"},
        {"linear:nan", "found 'nan'"},
        {"linear:inf", "found 'inf'"},
        {"linear:1e400", "found '1e400'"},
        {"linear:1e300", "1e+06"},
        {"linear:4:8", "unexpected part '8'"},
        {"yarn:4:", "unexpected part ''"},
        {"yarn:orig=4096:4", "unexpected part '4'"},
        {"linear:4:beta_fast=32", "unknown option 'beta_fast'"},
        {"linear:4:truncate=0", "unknown option 'truncate'"},
        {"yarn:4:low=1", "yarn knows: orig=, beta_fast="},
        {"yarn:4:orig=", "orig must be a number"},
        {"yarn:4:orig=0", "orig must be a number from 1"},
        {"yarn:4:orig=1:orig=2", "orig is given twice"},
        {"yarn:4:truncate=1:truncate=1", "truncate is given twice"},
        {"yarn:4:truncate=yes", "truncate must be 0 or 1"},
        {"yarn:4:beta_fast=-1", "beta_fast must be"},
        {"yarn:4:beta_fast=0.5", "beta_fast must not be less than beta_slow"},
        {"yarn:4:beta_slow=33", "beta_fast 32 and beta_slow 33"},
        {"yarn:4:attn=0", "attn must be"},
        {"yarn:4:mscale=-1", "mscale must be"},
        {"yarn:4:=4", "unknown option ''"},
        {"llama3:8:low=4:high=4", "low must be less than high"},
        {"llama3:8:low=5", "low 5 and high 4"},
        {"longrope:beta_fast=1", "unknown option"},
        {"longrope:short_factor=1", "unknown option"},
    };
    for (const auto& [text, words] : cases) QTest::newRow(text) << text << words;
}

void TestRopeSpec::refuses() {
    QFETCH(QString, text);
    QFETCH(QString, words);
    const auto spec = RopeSpec::parse(text.toStdString());
    QVERIFY(!spec.ok());
    QVERIFY(spec.error().code == ErrorCode::BadInput);
    const QString message = QString::fromStdString(spec.error().message);
    QVERIFY2(message.startsWith("RoPE spec '" + text + "'"), qPrintable(message));
    QVERIFY2(message.contains(words), qPrintable(message));
}

void TestRopeSpec::hostileTextStaysShortInMessages() {
    for (const std::string& text :
         {std::string(1'000'000, 'a'), std::string(300, ':'), "yarn:4:" + std::string(300, '=')}) {
        const auto spec = RopeSpec::parse(text);
        QVERIFY(!spec.ok());
        QVERIFY(spec.error().message.size() < 400);
    }
    using namespace std::string_view_literals;
    const auto control = RopeSpec::parse("li\0near\x1b[31m\n:4"sv);
    QVERIFY(!control.ok());
    for (const char c : control.error().message) QVERIFY(c >= ' ' && c != 127);
}

QTEST_APPLESS_MAIN(TestRopeSpec)
#include "test_rope_spec.moc"
