#include "widgets/figures/text_lines.h"

#include <QStringList>

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

QString inLines(const QString& text, const QFontMetricsF& metrics, double width) {
    QStringList lines;
    for (const QString& paragraph : text.split(u'\n')) {
        QString line;
        for (QString word : paragraph.split(u' ')) {
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
