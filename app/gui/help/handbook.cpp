#include "app/gui/help/handbook.h"

#include <QDir>
#include <QFile>
#include <QRegularExpression>

#include <algorithm>
#include <utility>

namespace qroar {

namespace {

constexpr qsizetype excerptLength = 110;

QString plainHeading(QString text) {
    return text.remove('`').remove('*').trimmed();
}

/// Cuts a page at its headings; lines inside code blocks are none.
QList<HandbookSection> sectionsOf(const QString& page, const QString& markdown) {
    QList<HandbookSection> sections;
    QStringList used;
    bool inCode = false;
    for (const QString& line : markdown.split('\n')) {
        if (line.startsWith(QStringLiteral("```"))) inCode = !inCode;
        qsizetype level = 0;
        while (!inCode && level < line.size() && line[level] == '#') ++level;
        if (level < 1 || level > 3 || !line.mid(level).startsWith(' ')) {
            if (!sections.isEmpty()) sections.last().text += line + '\n';
            continue;
        }
        HandbookSection section;
        section.page = page;
        section.title = plainHeading(line.mid(level));
        section.pageTitle =
            sections.isEmpty() ? section.title.section(':', 0, 0) : sections.first().pageTitle;
        section.level = static_cast<int>(level);
        if (level > 1) {
            const QString anchor = Handbook::anchorOf(section.title);
            const auto before = used.count(anchor);
            used << anchor;
            section.anchor = before == 0 ? anchor : QStringLiteral("%1-%2").arg(anchor).arg(before);
        }
        sections << section;
    }
    return sections;
}

/// "omega" is "ω" in the formulas.
QString greek(const QString& word) {
    static const std::pair<const char*, char16_t> letters[] = {
        {"alpha", u'α'}, {"beta", u'β'},   {"delta", u'δ'}, {"epsilon", u'ε'}, {"eps", u'ε'},
        {"theta", u'θ'}, {"lambda", u'λ'}, {"pi", u'π'},    {"tau", u'τ'},     {"phi", u'φ'},
        {"psi", u'ψ'},   {"omega", u'ω'},  {"sum", u'Σ'},   {"sqrt", u'√'}};
    for (const auto& [name, letter] : letters)
        if (word.compare(QLatin1String(name), Qt::CaseInsensitive) == 0) return QString(QChar(letter));
    return {};
}

QString excerptOf(const QString& text, const QString& word) {
    const QString line = text.simplified().remove('`').remove(QStringLiteral("**"));
    const qsizetype at = std::max<qsizetype>(0, line.indexOf(word, 0, Qt::CaseInsensitive));
    const qsizetype from = std::max<qsizetype>(0, at - excerptLength / 3);
    QString excerpt = line.mid(from, excerptLength);
    if (from > 0) excerpt.prepend(QChar(0x2026));
    if (from + excerptLength < line.size()) excerpt.append(QChar(0x2026));
    return excerpt;
}

} // namespace

QString HandbookSection::formula(int mostRows) const {
    static const QRegularExpression quote(QStringLiteral("((?:^> [^\\n]*\\n?)+)"),
                                          QRegularExpression::MultilineOption);
    const QLatin1String opening("<table cellpadding=\"4\">\n");
    const auto table = text.indexOf(opening);
    const QRegularExpressionMatch quoted = quote.match(text);
    if (quoted.hasMatch() && (table < 0 || quoted.capturedStart() < table)) {
        QStringList lines = quoted.captured(1).trimmed().split(u'\n').mid(0, mostRows);
        for (QString& line : lines) line.remove(0, 2).remove(u'\\');
        return QStringLiteral("<p>%1</p>").arg(lines.join(QStringLiteral("<br>")));
    }
    if (table < 0) return {};
    const auto first = table + opening.size();
    const QString rows = text.mid(first, text.indexOf(QLatin1String("</table>"), first) - first);
    const QStringList lines = rows.split(u'\n', Qt::SkipEmptyParts).mid(0, mostRows);
    return opening + lines.join(u'\n') + QStringLiteral("</table>");
}

QString HandbookSection::plainText() const {
    static const QRegularExpression marks(QStringLiteral("</?(?:table|tr|sub|sup)(?: [^>]*)?>")),
        gaps(QStringLiteral("</?td>|\\\\\n"));
    static const std::pair<const char*, const char*> signs[] = {{"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}};
    QString plain = text;
    plain.remove(marks).replace(gaps, QStringLiteral(" "));
    for (const auto& [sign, character] : signs) plain.replace(QLatin1String(sign), QLatin1String(character));
    return plain;
}

Handbook::Handbook(const QString& folder) {
    QStringList names = QDir(folder).entryList({"*.md"}, QDir::Files, QDir::Name);
    for (const char* first : {"theory.md", "tour.md", "index.md"}) // these lead, in this order from the end
        if (names.removeOne(QLatin1String(first))) names.prepend(QLatin1String(first));
    for (const QString& name : names) {
        QFile file(QDir(folder).filePath(name));
        if (file.open(QIODevice::ReadOnly)) sections_ += sectionsOf(name, QString::fromUtf8(file.readAll()));
    }
}

QString Handbook::anchorOf(const QString& heading) {
    QString anchor;
    for (const QChar character : heading.toLower()) {
        if (character.isLetterOrNumber() || character == '-' || character == '_') anchor += character;
        if (character == ' ') anchor += '-';
    }
    return anchor;
}

const HandbookSection* Handbook::find(const QString& page, const QString& anchor) const {
    const HandbookSection* numbered = nullptr;
    for (const HandbookSection& section : sections_) {
        if (section.page != page) continue;
        if (section.anchor == anchor) return &section;
        if (!anchor.isEmpty() && section.anchor.section('-', 1) == anchor && section.anchor[0].isDigit())
            numbered = &section;
    }
    return numbered;
}

QList<Handbook::Hit> Handbook::search(const QString& query) const {
    const QStringList words = query.simplified().split(' ', Qt::SkipEmptyParts);
    QList<Hit> hits;
    if (words.isEmpty()) return hits;
    for (qsizetype index = 0; index < sections_.size(); ++index) {
        const HandbookSection& section = sections_[index];
        const QString plain = section.plainText();
        Hit hit{static_cast<int>(index), {}, 0};
        const bool all = std::all_of(words.begin(), words.end(), [&](const QString& word) {
            const bool title = section.title.contains(word, Qt::CaseInsensitive);
            const QString letter = greek(word);
            const auto count =
                plain.count(word, Qt::CaseInsensitive) + (letter.isEmpty() ? 0 : plain.count(letter));
            hit.weight += (title ? 20 : 0) + static_cast<int>(std::min<qsizetype>(count, 9));
            return title || count > 0;
        });
        if (!all) continue;
        hit.excerpt = excerptOf(plain, words.first());
        hits << hit;
    }
    std::stable_sort(hits.begin(), hits.end(),
                     [](const Hit& a, const Hit& b) { return a.weight > b.weight; });
    return hits;
}

} // namespace qroar
