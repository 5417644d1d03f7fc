// 16-bit floats against their definition (IEEE 754: sign, 5 or 8 exponent bits, 10 or 7 fraction bits), for
// every bit pattern, and rounding to nearest even at every midpoint.
#include "core/base/half.h"

#include <QTest>

#include <cmath>
#include <limits>

using namespace qroar;

namespace {

struct Format {
    int fractionBits, exponentBits;
    [[nodiscard]] int bias() const { return (1 << (exponentBits - 1)) - 1; }
    [[nodiscard]] int exponentMask() const { return (1 << exponentBits) - 1; }
    /// The value of a bit pattern, from the definition.
    [[nodiscard]] double value(unsigned bits) const {
        const int exponent = static_cast<int>(bits >> fractionBits) & exponentMask();
        const double fraction = static_cast<double>(bits & ((1u << fractionBits) - 1)) / (1 << fractionBits);
        const double sign = bits & 0x8000u ? -1.0 : 1.0;
        if (exponent == exponentMask())
            return fraction == 0 ? sign * std::numeric_limits<double>::infinity()
                                 : std::numeric_limits<double>::quiet_NaN();
        if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias());
        return sign * std::ldexp(1 + fraction, exponent - bias());
    }
};
constexpr Format f16{10, 5}, bf16{7, 8};

template<class ToFloat, class FromFloat>
void checkEveryPattern(const Format& format, ToFloat toFloat, FromFloat fromFloat) {
    for (unsigned bits = 0; bits < 0x10000u; ++bits) {
        const double expected = format.value(bits);
        const float value = toFloat(static_cast<std::uint16_t>(bits));
        if (std::isnan(expected)) {
            QVERIFY(std::isnan(value));
            QVERIFY(std::isnan(toFloat(fromFloat(value))));
            continue;
        }
        QVERIFY2(static_cast<double>(value) == expected, qPrintable(QString::number(bits, 16)));
        QCOMPARE(fromFloat(value), static_cast<std::uint16_t>(bits)); // also keeps the sign of zero
    }
}

/// Between neighbours a < b the midpoint goes to the even one, and a touch beside it to the nearer one.
template<class ToFloat, class FromFloat>
void checkRounding(unsigned lastFinite, ToFloat toFloat, FromFloat fromFloat) {
    for (unsigned bits = 0; bits < lastFinite; ++bits) {
        const float low = toFloat(static_cast<std::uint16_t>(bits));
        const float high = toFloat(static_cast<std::uint16_t>(bits + 1));
        const auto middle = static_cast<float>((static_cast<double>(low) + static_cast<double>(high)) / 2);
        QCOMPARE(fromFloat(middle), static_cast<std::uint16_t>(bits % 2 == 0 ? bits : bits + 1));
        QCOMPARE(fromFloat(std::nextafter(middle, low)), static_cast<std::uint16_t>(bits));
        QCOMPARE(fromFloat(std::nextafter(middle, high)), static_cast<std::uint16_t>(bits + 1));
    }
}

float oneF16(std::uint16_t bits) {
    return f16ToFloat(bits);
}
float oneBf16(std::uint16_t bits) {
    return bf16ToFloat(bits);
}

} // namespace

class TestHalf : public QObject {
    Q_OBJECT
  private slots:
    void everyF16() { checkEveryPattern(f16, oneF16, floatToF16); }
    void everyBf16() { checkEveryPattern(bf16, oneBf16, floatToBf16); }
    void f16RoundsToNearestEven() { checkRounding(0x7BFF, oneF16, floatToF16); }
    void bf16RoundsToNearestEven() { checkRounding(0x7F7F, oneBf16, floatToBf16); }

    void f16Overflow() {
        QCOMPARE(floatToF16(65504.0f), std::uint16_t{0x7BFF});
        QCOMPARE(floatToF16(65519.996f), std::uint16_t{0x7BFF});
        QCOMPARE(floatToF16(65520.0f), std::uint16_t{0x7C00});
        QCOMPARE(floatToF16(-1e30f), std::uint16_t{0xFC00});
        QCOMPARE(floatToF16(1e-10f), std::uint16_t{0});
    }

    void roundToF16IsIdempotent() {
        QVERIFY(roundToF16(0.1f) != 0.1f);
        QVERIFY(std::abs(roundToF16(0.1f) / 0.1f - 1) <= 0x1p-11f);
        QVERIFY(roundToF16(roundToF16(0.1f)) == roundToF16(0.1f));
    }

    void roundingOnceFromDouble() {
        // Just beside the middle of two neighbours: a float in between would be the middle, and go to even.
        for (unsigned bits = 1; bits < 0x7BFF; bits += 7) {
            const double low = static_cast<double>(f16ToFloat(static_cast<std::uint16_t>(bits)));
            const double high = static_cast<double>(f16ToFloat(static_cast<std::uint16_t>(bits + 1)));
            const double middle = (low + high) / 2, nudge = middle * 1e-12;
            for (const double sign : {1.0, -1.0}) {
                QCOMPARE(floatToF16(roundToOdd(sign * (middle + nudge))),
                         static_cast<std::uint16_t>((sign < 0 ? 0x8000U : 0U) | (bits + 1)));
                QCOMPARE(floatToF16(roundToOdd(sign * (middle - nudge))),
                         static_cast<std::uint16_t>((sign < 0 ? 0x8000U : 0U) | bits));
                QCOMPARE(roundToOdd(sign * low), static_cast<float>(sign * low));
            }
        }
        QCOMPARE(floatToBf16(roundToOdd(1.0 + 0x1p-8 + 1e-15)), floatToBf16(1.0F + 0x1p-7F));
        QVERIFY(std::isnan(roundToOdd(std::numeric_limits<double>::quiet_NaN())));
    }

    void arraysFromUnalignedBytes() {
        const unsigned char bytes[] = {0xFF, 0x00, 0x3C, 0x00,
                                       0xC0, 0x80, 0x3F}; // one odd byte, 1, -2, then 1
        float values[2] = {};
        f16ToFloat(bytes + 1, values, 2);
        QVERIFY(values[0] == 1.0f && values[1] == -2.0f);
        bf16ToFloat(bytes + 5, values, 1);
        QVERIFY(values[0] == 1.0f);
        f16ToFloat(bytes + 1, values, 0);
        QVERIFY(values[0] == 1.0f);
    }
};

QTEST_APPLESS_MAIN(TestHalf)
#include "test_half.moc"
