// Numbers as people read them: "1,024", "0.0123", "1.2×10⁻⁵". For labels and summaries; files get full digits
// from core's formatNumber.
#pragma once

#include <QString>

namespace qroar {

/// Digits grouped by commas in every locale, as the papers print them.
QString groupedCount(long long value);
/// "1 document", "1,024 documents": both words come translated.
QString counted(std::size_t count, const QString& one, const QString& many);
/// `digits` significant digits; powers of ten written out below 1e-3 and from 1e6; "–" for NaN, "∞".
QString readableNumber(double value, int digits = 3);
/// 10ⁿ with superscript digits.
QString powerOfTen(int exponent);
/// Shortens in the middle: "rtn:4:g128…sym".
QString elidedMiddle(const QString& text, int characters);

} // namespace qroar
