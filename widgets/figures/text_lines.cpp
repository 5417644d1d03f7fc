#include "widgets/figures/text_lines.h"

namespace qroar {

namespace {

/// Cuts what fits off the front of a word that is wider than a line.
QString cutOff(QString& word, const QFontMetricsF& metrics, double width) {
    qsizetype count = 1;
    while (count < word.size() && metrics.horizontalAdvance(word.left(count + 1)) <= width) ++count;
    const QString front = word.left(count);
    word.remove(0, count);
    return front;
}

} // namespace

QStringList unbrokenWords(const QString& text) {
    static const QStringList signs{QStringLiteral("="), QStringLiteral("\u2212"), QStringLiteral("\u2192"),
                                   QStringLiteral("\u00d7")};
    QStringList words;
    bool joins = false;
    for (const QString& word : text.split(u' ', Qt::SkipEmptyParts)) {
        const bool sign = signs.contains(word);
        if ((joins || sign || word == QStringLiteral("·")) && !words.isEmpty())
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
