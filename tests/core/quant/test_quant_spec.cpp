// QuantSpec: what a user may type, what comes back as text, and what is refused with which words.
#include "core/quant/quant_spec.h"

#include <QtTest>

using namespace qroar;

class TestQuantSpec : public QObject {
    Q_OBJECT
  private slots:
    void reads_data();
    void reads();
    void refuses_data();
    void refuses();
    void hostileTextStaysShortInMessages();
};

void TestQuantSpec::reads_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("canonical");
    QTest::addColumn<int>("kind");
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("group");
    QTest::addColumn<bool>("symmetric");
    struct Case {
        const char *text, *canonical;
        QuantKind kind;
        int bits, group;
        bool symmetric;
    };
    const Case cases[] = {
        {"none", "none", QuantKind::None, 0, 0, false},
        {"stored", "stored", QuantKind::Stored, 0, 0, false},
        {"rtn:4:g128", "rtn:4:g128", QuantKind::Rtn, 4, 128, false},
        {"rtn:4:g128:sym", "rtn:4:g128:sym", QuantKind::Rtn, 4, 128, true},
        {"rtn:4:g128:asym", "rtn:4:g128", QuantKind::Rtn, 4, 128, false},
        {"rtn:3:row", "rtn:3:row", QuantKind::Rtn, 3, 0, false},
        {"rtn:8:g-1:sym", "rtn:8:row:sym", QuantKind::Rtn, 8, 0, true},
        {" rtn:2:g32\n", "rtn:2:g32", QuantKind::Rtn, 2, 32, false},
        {"awq:4:g128", "awq:4:g128", QuantKind::Awq, 4, 128, false},
        {"gptq:4:g128", "gptq:4:g128", QuantKind::Gptq, 4, 128, false},
        {"gptq:4:g128:act", "gptq:4:g128:act", QuantKind::Gptq, 4, 128, false},
        {"gptq:3:row:act:sym", "gptq:3:row:sym:act", QuantKind::Gptq, 3, 0, true},
        {"gptq:3:g64:asym:act", "gptq:3:g64:act", QuantKind::Gptq, 3, 64, false},
    };
    for (const Case& c : cases)
        QTest::newRow(c.text) << c.text << c.canonical << static_cast<int>(c.kind) << c.bits << c.group
                              << c.symmetric;
}

void TestQuantSpec::reads() {
    QFETCH(QString, text);
    QFETCH(QString, canonical);
    const auto spec = QuantSpec::parse(text.toStdString());
    QVERIFY(spec.ok());
    QTEST(static_cast<int>(spec->kind), "kind");
    QTEST(spec->bits, "bits");
    QTEST(spec->groupSize, "group");
    QTEST(spec->symmetric, "symmetric");
    QCOMPARE(QString::fromStdString(spec->text()), canonical);
    QVERIFY(*QuantSpec::parse(spec->text()) == *spec);
    QCOMPARE(spec->actOrder, canonical.endsWith(":act"));
    QCOMPARE(spec->needsCalibration(), text.startsWith("awq") || text.startsWith("gptq"));
}

void TestQuantSpec::refuses_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("words");
    const std::pair<const char*, const char*> cases[] = {
        {"", "unknown kind ''"},
        {"RTN:4:g128", "unknown kind 'RTN'"},
        {"w4", "expected none, stored, rtn:4:g128"},
        {"none:4", "none takes no options"},
        {"stored:4", "stored takes no options"},
        {"rtn", "rtn needs bits and a group, as in rtn:4:g128"},
        {"rtn:4", "needs bits and a group"},
        {"rtn:1:g128", "from 2 to 8, found '1'"},
        {"rtn:9:g128", "from 2 to 8, found '9'"},
        {"rtn:4.5:g128", "found '4.5'"},
        {"rtn:-4:g128", "found '-4'"},
        {"rtn:99999999999999999999:g128", "from 2 to 8"},
        {"rtn::g128", "found ''"},
        {"rtn:4:128", "found '128'"},
        {"rtn:4:g", "found 'g'"},
        {"rtn:4:g0", "found 'g0'"},
        {"rtn:4:g-2", "found 'g-2'"},
        {"rtn:4:g12x", "found 'g12x'"},
        {"rtn:4:g9999999999", "found 'g9999999999'"},
        {"rtn:4:g128:symmetric", "expected sym or asym"},
        {"rtn:4:g128:", "expected sym or asym"},
        {"rtn:4:g128:sym:sym", "unexpected part 'sym'"},
        {"awq", "awq:4:g128"},
        {"awq:4:g128:act", "an option of gptq"},
        {"rtn:4:g128:act", "an option of gptq"},
        {"gptq:4:g128:act:act", "unexpected part 'act'"},
        {"gptq:4:g128:sym:act:asym", "unexpected part 'asym'"},
        {"gptq:4:g128:order", "expected sym or asym or act"},
        {"gptq:4:act", "found 'act'"},
    };
    for (const auto& [text, words] : cases) QTest::newRow(text) << text << words;
}

void TestQuantSpec::refuses() {
    QFETCH(QString, text);
    QFETCH(QString, words);
    const auto spec = QuantSpec::parse(text.toStdString());
    QVERIFY(!spec.ok());
    QVERIFY(spec.error().code == ErrorCode::BadInput);
    const QString message = QString::fromStdString(spec.error().message);
    QVERIFY2(message.startsWith("quant spec '" + text + "'"), qPrintable(message));
    QVERIFY2(message.contains(words), qPrintable(message));
}

void TestQuantSpec::hostileTextStaysShortInMessages() {
    for (const std::string& text : {std::string(1'000'000, 'r'), std::string(99, ':')}) {
        const auto spec = QuantSpec::parse(text);
        QVERIFY(!spec.ok());
        QVERIFY(spec.error().message.size() < 300);
    }
}

QTEST_APPLESS_MAIN(TestQuantSpec)
#include "test_quant_spec.moc"
