#include "widgets/common/number_format.h"

#include <QLocale>

#include <cmath>

namespace qroar {

QString groupedCount(long long value) {
    QLocale locale(QLocale::English, QLocale::UnitedStates);
    return locale.toString(static_cast<qlonglong>(value));
}

QString counted(std::size_t count, const QString& one, const QString& many) {
    return QStringLiteral("%1 %2").arg(groupedCount(static_cast<long long>(count)), count == 1 ? one : many);
}

QString powerOfTen(int exponent) {
    static constexpr char16_t superscripts[] = u"⁰¹²³⁴⁵⁶⁷⁸⁹";
    QString text = QStringLiteral("10");
    for (const QChar character : QString::number(exponent))
        text += character == u'-' ? QChar(u'⁻') : QChar(superscripts[character.digitValue()]);
    return text;
}

QString readableNumber(double value, int digits) {
    if (std::isnan(value)) return QStringLiteral("–");
    if (std::isinf(value)) return value > 0 ? QStringLiteral("∞") : QStringLiteral("−∞");
    if (value == 0) return QStringLiteral("0");
    const double size = std::abs(value);
    const QString sign = value < 0 ? QStringLiteral("−") : QString();
    int exponent = static_cast<int>(std::floor(std::log10(size)));
    if (exponent < -3 || exponent >= 6) {
        double mantissa = size / std::pow(10.0, exponent);
        QString digitsText = QString::number(mantissa, 'f', digits - 1);
        if (digitsText.startsWith(QLatin1String("10"))) {
            ++exponent;
            digitsText = QString::number(mantissa / 10, 'f', digits - 1);
        }
        return sign + digitsText + QStringLiteral("×") + powerOfTen(exponent);
    }
    const int decimals = std::max(0, digits - 1 - exponent);
    if (decimals == 0 && size >= 1000) return sign + groupedCount(std::llround(size));
    return sign + QString::number(size, 'f', decimals);
}

QString elidedMiddle(const QString& text, int characters) {
    if (text.size() <= characters) return text;
    const auto tail = (characters - 1) / 2;
    return text.left(characters - 1 - tail) + QChar(u'…') + text.right(tail);
}

} // namespace qroar
