// FigureSpec: which figure of a session: the view, what it shows, and its look, as words of a command line.
// "qroar plot" reads what "copy the command" writes; compositions keep one per cell. Not here: panels and
// sessions (app/gui/figures/figure_panels.h), files.
#pragma once

#include "widgets/common/selection_model.h"
#include "widgets/figures/figure_style.h"

#include <QList>
#include <QString>
#include <QStringList>

#include <utility>

namespace qroar {

struct FigureSpec {
    QString view;                               ///< "heatmap": figure_panels.h has them all
    QList<std::pair<QString, QString>> options; ///< of the panel, in the order they are set
    /// Layer, tensor, stage, head group, band, pair, epsilon, what is compared; its condition indices are not
    /// used: `condition` and `other` are their texts (ConditionKey::text()).
    Selection selection;
    QString condition, other; ///< A; empty: the view's default. B; empty: none
    QString otherSession;     ///< file that B is taken from; empty: the same session
    QString bands;            ///< edges, "0,4,9,16"; empty: the session's
    struct Zoom {
        int part = 1; ///< plot of the view, from 1
        double fromX = 0, toX = 0, fromY = 0, toY = 0;
        bool operator==(const Zoom&) const = default;
    };
    QList<Zoom> zooms;
    int part = 0;  ///< only this plot of the view, from 1; 0: all
    QString table; ///< of a CSV file: key of a table of the view, "main" or "all"; empty: the first one
    QString title; ///< instead of the view's own
    QString map;   ///< "viridis" or "cividis"; empty: the theme's
    FigureStyle style;

    /// "--figure heatmap --option metric=tir --layer 3 ...": what differs from the defaults.
    [[nodiscard]] QStringList arguments() const;
    static QStringList optionNames(); ///< without the dashes, those of FigureStyle included
    /// One option. Empty, or the option, what was expected and what was found.
    QString set(const QString& option, const QString& value);
    /// "--name value" and "--name=value". Empty, or what is wrong with the first wrong word.
    static QString parse(const QStringList& arguments, FigureSpec& spec);
    bool operator==(const FigureSpec& spec) const { return arguments() == spec.arguments(); }
};

/// The words in a line that a POSIX shell splits into the same words.
QString shellLine(const QStringList& words);

} // namespace qroar
