// Handbook: the pages of resources/help as text: their titles, their sections, the anchors that links use,
// and the search in them. Not here: showing them (handbook_window.h).
#pragma once

#include <QList>
#include <QString>
#include <QStringList>

namespace qroar {

struct HandbookSection {
    QString page;      ///< file name, "theory.md"
    QString pageTitle; ///< "Theory"
    QString title;     ///< of the section, without marks of Markdown
    QString anchor;    ///< as GitHub makes them: "weight-variants"; empty for the head of a page
    int level = 1;     ///< 1: the page itself
    QString text;      ///< Markdown below the heading, to the next one
    /// The first table or quotation, which in theory.md is the formula, as HTML with at most so many rows;
    /// empty without.
    [[nodiscard]] QString formula(int mostRows) const;
    /// The text without tags of HTML: what is searched.
    [[nodiscard]] QString plainText() const;
};

class Handbook {
  public:
    /// Reads `folder`/*.md; index, tour, theory first, the rest by name.
    explicit Handbook(const QString& folder = QStringLiteral(":/help"));

    [[nodiscard]] const QList<HandbookSection>& sections() const { return sections_; }
    /// Null when there is no such section. An empty anchor is the page's head; the number of a section may be
    /// left out: "search" finds "6-search".
    [[nodiscard]] const HandbookSection* find(const QString& page, const QString& anchor) const;

    struct Hit {
        int section = 0; ///< index into sections()
        QString excerpt; ///< one line around the first word found
        int weight = 0;  ///< hits in headings count more
    };
    /// Sections that have every word of `query` (any case), best first. Greek letters go by their names, too.
    [[nodiscard]] QList<Hit> search(const QString& query) const;

    [[nodiscard]] static QString anchorOf(const QString& heading);

  private:
    QList<HandbookSection> sections_;
};

} // namespace qroar
