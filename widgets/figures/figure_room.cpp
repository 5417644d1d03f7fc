#include "widgets/figures/figure_room.h"

#include "widgets/figures/figure_layout.h"
#include "widgets/figures/figure_look.h"
#include "widgets/figures/figure_readable.h"
#include "widgets/plot/base_plot.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

class Words {
    Q_DECLARE_TR_FUNCTIONS(FigureRoom)
};

constexpr double largestSide = 6000, smallestSide = 60; // 1/96 in, as FigureStyle takes them

QList<BasePlot*> plotsOf(const Figure& figure) {
    QList<BasePlot*> plots;
    for (const FigureCell& cell : figure.cells)
        for (const FigurePart& part : cell.parts) plots << part.plot;
    return plots;
}

/// A figure with the look of one style, at pages of any size: putting a look on and off is what takes time.
class Probe {
  public:
    Probe(const Figure& figure, FigureStyle style)
        : figure_(figure), style_(withFont(std::move(style))),
          look_(plotsOf(figure), style_, style_.fontPixels()) {}

    [[nodiscard]] bool readable() const { return readable(style_); }
    /// Title and footer may differ, what the plots themselves show may not.
    [[nodiscard]] bool readable(const FigureStyle& style) const {
        const QList<QList<QRectF>> axes = placedAxes(figure_, style);
        for (qsizetype cell = 0; cell < axes.size(); ++cell)
            for (qsizetype part = 0; part < axes[cell].size(); ++part)
                if (!isPlotReadable(*figure_.cells[cell].parts[part].plot, axes[cell][part], style.legend))
                    return false;
        return true;
    }
    [[nodiscard]] std::optional<FigureStyle> least() const;

  private:
    static FigureStyle withFont(FigureStyle style) {
        style.fontPoints = style.fontPixels() * 72.0 / 96; // that of the size as it was
        return style;
    }
    const Figure& figure_;
    FigureStyle style_;
    FigureLook look_;
};

/// `start`, or the least n / steps behind it, at which it can be read; or none.
template<class Test>
std::optional<double> leastOf(double start, double most, double steps, const Test& readable) {
    if (readable(start)) return start;
    auto low = static_cast<long>(std::floor(start * steps + 1e-9)), high = low;
    const auto last = static_cast<long>(std::floor(most * steps));
    for (long by = 4; high == low; by *= 2) {
        if (low >= last) return std::nullopt;
        const long next = std::min(last, low + by);
        (readable(static_cast<double>(next) / steps) ? high : low) = next;
        if (low > high) high = low;
    }
    while (high - low > 1) {
        const long middle = (low + high) / 2;
        (readable(static_cast<double>(middle) / steps) ? high : low) = middle;
    }
    return static_cast<double>(high) / steps;
}

std::optional<FigureStyle> Probe::least() const {
    FigureStyle page = style_;
    if (style_.size != FigureSize::Custom)
        page.unit =
            style_.size == FigureSize::AsShown ? FigureStyle::Unit::Pixels : FigureStyle::Unit::Inches;
    page.size = FigureSize::Custom;
    const double steps = page.unit == FigureStyle::Unit::Inches ? 10 : 1; // in one unit
    page.width = page.height = 1;
    const double unit = page.customPixels().width(), most = largestSide / unit;
    // 3.3, not 3.3000000000000003: it is read by people
    const double asked = style_.size == FigureSize::Custom
                             ? style_.width
                             : std::round(figurePageWidth(figure_, style_) / unit * 1000) / 1000;
    const auto at = [&](double width, double height) {
        FigureStyle tried = page;
        tried.width = width;
        tried.height = height;
        return readable(tried);
    };
    const auto width = leastOf(asked, most, steps, [&](double side) { return at(side, most); });
    if (!width) return std::nullopt;
    const double lowest = std::ceil(smallestSide / unit * steps) / steps;
    const auto height = leastOf(lowest, most, steps, [&](double side) { return at(*width, side); });
    if (!height) return std::nullopt;
    page.width = *width;
    page.height = *height;
    return page;
}

/// Some of footer, title and legend, the fewest without which the size is enough; all of those that are there
/// where it never is.
struct LeftOut {
    QStringList parts;
    bool enough = false;
};

LeftOut leftOut(const Figure& figure, FigureStyle style, std::optional<Probe>& probe) {
    LeftOut result;
    if (style.footer && !figure.provenance.isEmpty()) {
        style.footer = false;
        result.parts << QStringLiteral("footer");
        if ((result.enough = probe->readable(style))) return result;
    }
    if (style.title && !figure.title.isEmpty()) {
        style.title = false;
        result.parts << QStringLiteral("title");
        if ((result.enough = probe->readable(style))) return result;
    }
    const QList<BasePlot*> plots = plotsOf(figure);
    const bool any = std::any_of(plots.begin(), plots.end(),
                                 [](const BasePlot* plot) { return plot->legend->itemCount() > 0; });
    if (!style.legend || !any) return result;
    style.legend = false;
    result.parts << QStringLiteral("legend");
    probe.emplace(figure, style);
    result.enough = probe->readable();
    return result;
}

QString named(const FigureStyle& style) {
    return style.size == FigureSize::AsShown ? Words::tr("the size shown") : figureSizeText(style);
}

} // namespace

bool isReadable(const Figure& figure, const FigureStyle& style) {
    return Probe(figure, style).readable();
}

std::optional<FigureStyle> leastFigureStyle(const Figure& figure, const FigureStyle& style) {
    return Probe(figure, style).least();
}

QString figureSizeProblem(const Figure& figure, const FigureStyle& style) {
    std::optional<Probe> probe(std::in_place, figure, style);
    if (probe->readable()) return {};
    const std::optional<FigureStyle> least = probe->least();
    const QString too =
        least ? Words::tr("%1 is too small for axes and legends to be readable: at least %2")
                    .arg(named(style), figureSizeText(*least))
              : Words::tr(
                    "%1 is too small: no size up to 6000 px keeps axes and legends of this figure readable")
                    .arg(named(style));
    const LeftOut without = leftOut(figure, style, probe);
    return without.enough ? Words::tr("%1, or without %2").arg(too, without.parts.join(u',')) : too;
}

} // namespace qroar
