#include "widgets/figures/text_lines.h"

namespace qroar {

namespace {

/// Of the front of a word that fits: as many characters as end with what separates the parts of a spec or a
/// path, where that leaves a line no emptier than half; else all.
qsizetype breakIn(const QString& front) {
    for (const QStringView joints : {QStringView(u":/"), QStringView(u"=,_-")}) {
        qsizetype at = front.size();
        while (at > 0 && !joints.contains(front[at - 1])) --at;
        if (2 * at >= front.size()) return at;
    }
    return front.size();
}

/// Cuts what fits off the front of a word that is wider than a line.
QString cutOff(QString& word, const QFontMetricsF& metrics, double width) {
    qsizetype count = 1;
    while (count < word.size() && metrics.horizontalAdvance(word.left(count + 1)) <= width) ++count;
    if (count < word.size()) count = breakIn(word.left(count));
    const QString front = word.left(count);
    word.remove(0, count);
    return front;
}

/// Cuts off the front of a word that has room behind a line, up to a joint; empty where there is none.
QString frontBeside(const QString& line, QString& word, const QFontMetricsF& metrics, double width) {
    if (line.isEmpty()) return {};
    qsizetype count = 0, joint = 0;
    while (count < word.size() && metrics.horizontalAdvance(line + u' ' + word.left(count + 1)) <= width)
        if (++count < word.size() && QStringView(u":/").contains(word[count - 1])) joint = count;
    if (3 * joint < 2 * count || count < 8) return {};
    const QString front = u' ' + word.left(joint);
    word.remove(0, joint);
    return front;
}

/// A number that belongs to the word before it: "layer 0,", "pairs 0–3:", "top 0.1 %".
bool belongsToNoun(const QString& number, const QString& before) {
    return number.front().isDigit() ? before.back().isLetter()
                                    : number.front() == u'%' && before.back().isDigit();
}

} // namespace

QStringList unbrokenWords(const QString& text) {
    static const QStringList signs{QStringLiteral("="), QStringLiteral("\u2212"), QStringLiteral("\u2192"),
                                   QStringLiteral("\u00d7")};
    QStringList words;
    bool joins = false;
    for (const QString& word : text.split(u' ', Qt::SkipEmptyParts)) {
        const bool sign = signs.contains(word);
        if (!words.isEmpty()
            && (joins || sign || word == QStringLiteral("·") || belongsToNoun(word, words.back())))
            words.back() += u' ' + word;
        else
            words << word;
        joins = sign;
    }
    return words;
}

QString inLines(const QString& text, const QFontMetricsF& metrics, double width) {
    QStringList lines;
    for (const QString& paragraph : text.split(u'\n')) {
        QString line;
        for (QString word : unbrokenWords(paragraph)) {
            const QString longer = line.isEmpty() ? word : line + u' ' + word;
            if (metrics.horizontalAdvance(longer) <= width) {
                line = longer;
                continue;
            }
            if (metrics.horizontalAdvance(word) > width) // it is broken anyway: from here on
                line += frontBeside(line, word, metrics, width);
            if (!line.isEmpty()) lines << line;
            while (metrics.horizontalAdvance(word) > width && word.size() > 1)
                lines << cutOff(word, metrics, width);
            line = word;
        }
        lines << line;
    }
    return lines.join(u'\n');
}

} // namespace qroar
