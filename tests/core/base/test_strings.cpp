// Text helpers: parsers accept exactly what they promise, numbers survive the way to text and back.
#include "core/base/strings.h"

#include <QTest>

#include <cmath>
#include <limits>

using namespace qroar;

class TestStrings : public QObject {
    Q_OBJECT
  private slots:
    void splitKeepsEmptyParts() {
        QCOMPARE(split("a,b", ','), (std::vector<std::string>{"a", "b"}));
        QCOMPARE(split("", ','), (std::vector<std::string>{""}));
        QCOMPARE(split(",a,,", ','), (std::vector<std::string>{"", "a", "", ""}));
    }

    void trimRemovesBlanksAtBothEnds() {
        QCOMPARE(trim(" \t a b \r\n"), std::string("a b"));
        QCOMPARE(trim(" \n"), std::string());
        QCOMPARE(trim(""), std::string());
    }

    void startsWithComparesWholePrefix() {
        QVERIFY(startsWith("yarn:4", "yarn"));
        QVERIFY(startsWith("yarn", ""));
        QVERIFY(!startsWith("yar", "yarn"));
    }

    void parseDouble_data() {
        QTest::addColumn<QString>("text");
        QTest::addColumn<bool>("ok");
        QTest::addColumn<double>("expected");
        QTest::newRow("integer") << "4" << true << 4.0;
        QTest::newRow("fraction") << "0.1" << true << 0.1;
        QTest::newRow("exponent") << "-1e-05" << true << -1e-5;
        QTest::newRow("empty") << "" << false << 0.0;
        QTest::newRow("trailing") << "4x" << false << 0.0;
        QTest::newRow("leading blank") << " 4" << false << 0.0;
        QTest::newRow("infinity") << "inf" << false << 0.0;
        QTest::newRow("nan") << "nan" << false << 0.0;
        QTest::newRow("overflow") << "1e999" << false << 0.0;
        QTest::newRow("comma") << "0,1" << false << 0.0;
    }
    void parseDouble() {
        QFETCH(QString, text);
        QFETCH(bool, ok);
        QFETCH(double, expected);
        double value = -7;
        QCOMPARE(qroar::parseDouble(text.toStdString(), value), ok);
        if (ok) QVERIFY(value == expected);
    }

    void parseIntTakesWholeRange() {
        long long value = -7;
        QVERIFY(parseInt("9223372036854775807", value));
        QCOMPARE(value, std::numeric_limits<long long>::max());
        for (const char* text : {"", "9223372036854775808", "1.5", "12 ", "0x10"})
            QVERIFY2(!parseInt(text, value), text);
    }

    void formatNumberReadsBackExactly() {
        QCOMPARE(formatNumber(0.1), std::string("0.1"));
        QCOMPARE(formatNumber(4), std::string("4"));
        QCOMPARE(formatNumber(1e-5), std::string("1e-05"));
        for (const double value : {1.0 / 3.0, 1.138629436111989, -std::numeric_limits<double>::denorm_min(),
                                   std::numeric_limits<double>::max(), 123456789.125}) {
            double back = 0;
            QVERIFY(qroar::parseDouble(formatNumber(value), back));
            QVERIFY(back == value);
        }
    }

    void formatCountGroupsDigits() {
        QCOMPARE(formatCount(0), std::string("0"));
        QCOMPARE(formatCount(999), std::string("999"));
        QCOMPARE(formatCount(44120), std::string("44,120"));
        QCOMPARE(formatCount(-1234567), std::string("-1,234,567"));
        QCOMPARE(formatCount(100000), std::string("100,000"));
    }

    void formatBytesPicksUnit() {
        QCOMPARE(formatBytes(0), std::string("0 B"));
        QCOMPARE(formatBytes(1023), std::string("1023 B"));
        QCOMPARE(formatBytes(1536), std::string("1.5 KiB"));
        QCOMPARE(formatBytes(1024.0 * 1024 * 1024 * 2), std::string("2.0 GiB"));
        QCOMPARE(formatBytes(std::pow(1024.0, 5)), std::string("1024 TiB"));
    }

    void formatDurationCarries() {
        QCOMPARE(formatDuration(-3), std::string("0:00"));
        QCOMPARE(formatDuration(65), std::string("1:05"));
        QCOMPARE(formatDuration(3599.6), std::string("1:00:00"));
        QCOMPARE(formatDuration(7384), std::string("2:03:04"));
    }

    void formatShapeOfAnyRank() {
        QCOMPARE(formatShape({}), std::string("[]"));
        QCOMPARE(formatShape({128, 384}), std::string("[128, 384]"));
    }
};

QTEST_APPLESS_MAIN(TestStrings)
#include "test_strings.moc"
