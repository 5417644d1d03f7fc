// The least size at which a figure can be read: every plot keeps an axis area of a readable size with tick
// labels that are apart, and its legend, beside the title and the footer. The one rule for command line,
// dialogs and report. Not here: how a page is laid out (figure_layout.h).
#pragma once

#include "widgets/figures/figure.h"
#include "widgets/figures/figure_readable.h"
#include "widgets/figures/figure_style.h"

#include <QString>

#include <optional>

namespace qroar {

/// Whether a figure can be read on the page that its style asks for.
bool isReadable(const Figure& figure, const FigureStyle& style);

/// `style` with the least page, in its unit (inches by 0.1, whole mm and px) and at its font, that is no
/// narrower than what it asks for; none where no page up to 6000 px is enough.
std::optional<FigureStyle> leastFigureStyle(const Figure& figure, const FigureStyle& style);

/// Empty, or "3.3x1.2in is too small ...: at least 3.3x1.9in, or without footer,title".
QString figureSizeProblem(const Figure& figure, const FigureStyle& style);

} // namespace qroar
