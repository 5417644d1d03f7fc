// Text in lines of at most a width, broken at spaces only: names ("rtn:4:g64", "run.h5") stay whole, where
// Qt's own wrapping would break them behind colons and slashes. A word wider than a line is broken behind
// what separates its parts, where that leaves the line half full, else anywhere.
#pragma once

#include <QFontMetricsF>
#include <QString>
#include <QStringList>

namespace qroar {

/// The words of a line: the dot between two names with the one before it (no line begins with it), signs with
/// what they join ("D = 1,024", "A − B"), a number with the noun before it ("layer 0").
QStringList unbrokenWords(const QString& text);
/// The same text, with "\n" where lines end.
QString inLines(const QString& text, const QFontMetricsF& metrics, double width);

} // namespace qroar
