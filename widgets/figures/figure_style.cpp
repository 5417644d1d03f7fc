#include "widgets/figures/figure_style.h"

#include <QCoreApplication>
#include <QRegularExpression>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

class Words {
    Q_DECLARE_TR_FUNCTIONS(FigureStyle)
};

QString shortest(double value) {
    return QString::number(value, 'g', QLocale::FloatingPointShortest);
}

constexpr double smallestSide = 60, largestSide = 6000; // 1/96 in

double pixelsPer(FigureStyle::Unit unit) {
    switch (unit) {
    case FigureStyle::Unit::Millimetres:
        return 96 / 25.4;
    case FigureStyle::Unit::Inches:
        return 96;
    case FigureStyle::Unit::Pixels:
        break;
    }
    return 1;
}

QString unitText(FigureStyle::Unit unit) {
    return unit == FigureStyle::Unit::Millimetres ? QStringLiteral("mm")
           : unit == FigureStyle::Unit::Inches    ? QStringLiteral("in")
                                                  : QStringLiteral("px");
}

QString wrong(const QString& option, const QString& expected, const QString& found) {
    return Words::tr("--%1: expected %2, found \"%3\"").arg(option, expected, found);
}

QString setSize(FigureStyle& style, const QString& value) {
    const std::pair<const char*, FigureSize> named[] = {{"shown", FigureSize::AsShown},
                                                        {"3.3in", FigureSize::OneColumn},
                                                        {"7in", FigureSize::TwoColumn},
                                                        {"slide", FigureSize::Slide}};
    for (const auto& [name, size] : named)
        if (value == QLatin1String(name)) {
            style.size = size;
            return {};
        }
    static const QRegularExpression form(QStringLiteral("^([0-9.]+)(?:x([0-9.]+))?(px|mm|in)$"));
    const QRegularExpressionMatch match = form.match(value);
    const QString expected = Words::tr("shown, 3.3in, 7in, slide, or a width with or without a height and "
                                       "its unit, as 84mm, 120x80mm, 3.5x2.5in or 812x460px");
    if (!match.hasMatch()) return wrong(QStringLiteral("size"), expected, value);
    FigureStyle next = style;
    next.size = FigureSize::Custom;
    next.width = match.captured(1).toDouble();
    next.height = match.captured(2).toDouble();
    next.unit = match.captured(3) == QLatin1String("mm")   ? FigureStyle::Unit::Millimetres
                : match.captured(3) == QLatin1String("in") ? FigureStyle::Unit::Inches
                                                           : FigureStyle::Unit::Pixels;
    const QSizeF pixels = next.customPixels();
    const bool automatic = match.captured(2).isEmpty();
    const auto possible = [](double side) { return side >= smallestSide && side <= largestSide; };
    if (!possible(pixels.width()) || (!automatic && !possible(pixels.height())))
        return wrong(QStringLiteral("size"), Words::tr("sides of 60 to 6000 px (16 to 1587 mm)"), value);
    style = next;
    return {};
}

QString setNumber(double& target, const QString& option, const QString& value, double low, double high) {
    bool fine = false;
    const double number = value.toDouble(&fine);
    if (!fine || !(number >= low && number <= high))
        return wrong(option, Words::tr("a number from %1 to %2").arg(low).arg(high), value);
    target = number;
    return {};
}

QString setWithout(FigureStyle& style, const QString& value) {
    const std::pair<QString, bool*> parts[] = {{QStringLiteral("title"), &style.title},
                                               {QStringLiteral("legend"), &style.legend},
                                               {QStringLiteral("colour-bar"), &style.colourBar},
                                               {QStringLiteral("footer"), &style.footer}};
    for (const auto& [name, shown] : parts) *shown = true;
    for (const QString& word : value.split(u',', Qt::SkipEmptyParts)) {
        const auto* const part = std::find_if(std::begin(parts), std::end(parts),
                                              [&](const auto& one) { return one.first == word; });
        if (part == std::end(parts))
            return wrong(QStringLiteral("without"), Words::tr("some of title,legend,colour-bar,footer"),
                         word);
        *part->second = false;
    }
    return {};
}

} // namespace

QSizeF FigureStyle::customPixels() const {
    return QSizeF(width, height) * pixelsPer(unit);
}

double FigureStyle::scale() const {
    if (dpi > 0) return dpi / 96;
    switch (size) {
    case FigureSize::Slide:
        return 1.5; // 1920 x 1080
    case FigureSize::AsShown:
        return 2;
    case FigureSize::OneColumn:
    case FigureSize::TwoColumn:
    case FigureSize::Custom:
        break;
    }
    return unit == Unit::Pixels && size == FigureSize::Custom ? 2 : 300.0 / 96;
}

int FigureStyle::fontPixels() const {
    if (fontPoints > 0) return std::clamp(static_cast<int>(std::lround(fontPoints * 96 / 72)), 6, 64);
    switch (size) {
    case FigureSize::Slide:
        return 18;
    case FigureSize::AsShown:
        return 12;
    case FigureSize::OneColumn:
    case FigureSize::TwoColumn:
    case FigureSize::Custom:
        break;
    }
    return unit == Unit::Pixels && size == FigureSize::Custom ? 12 : 11; // 8 pt
}

QString figureSizeText(const FigureStyle& style) {
    switch (style.size) {
    case FigureSize::OneColumn:
        return QStringLiteral("3.3in");
    case FigureSize::TwoColumn:
        return QStringLiteral("7in");
    case FigureSize::Slide:
        return QStringLiteral("slide");
    case FigureSize::Custom:
        return (style.height > 0 ? shortest(style.width) + u'x' + shortest(style.height)
                                 : shortest(style.width))
               + unitText(style.unit);
    case FigureSize::AsShown:
        break;
    }
    return QStringLiteral("shown");
}

QStringList FigureStyle::optionNames() {
    return {QStringLiteral("size"),     QStringLiteral("font-size"),  QStringLiteral("dpi"),
            QStringLiteral("theme"),    QStringLiteral("line-width"), QStringLiteral("without"),
            QStringLiteral("selection")};
}

QStringList FigureStyle::arguments() const {
    QStringList words;
    if (size != FigureSize::AsShown) words << QStringLiteral("--size") << figureSizeText(*this);
    if (fontPoints > 0) words << QStringLiteral("--font-size") << shortest(fontPoints);
    if (dpi > 0) words << QStringLiteral("--dpi") << shortest(dpi);
    if (dark) words << QStringLiteral("--theme") << QStringLiteral("dark");
    if (lineWidth != 1) words << QStringLiteral("--line-width") << shortest(lineWidth);
    QStringList without;
    if (!title) without << QStringLiteral("title");
    if (!legend) without << QStringLiteral("legend");
    if (!colourBar) without << QStringLiteral("colour-bar");
    if (!footer) without << QStringLiteral("footer");
    if (!without.isEmpty()) words << QStringLiteral("--without") << without.join(u',');
    if (selection) words << QStringLiteral("--selection") << QStringLiteral("on");
    return words;
}

QString FigureStyle::set(const QString& option, const QString& value) {
    if (option == QLatin1String("size")) return setSize(*this, value);
    if (option == QLatin1String("font-size")) return setNumber(fontPoints, option, value, 4.5, 48);
    if (option == QLatin1String("dpi")) return setNumber(dpi, option, value, 48, 1200);
    if (option == QLatin1String("line-width")) return setNumber(lineWidth, option, value, 0.25, 4);
    if (option == QLatin1String("without")) return setWithout(*this, value);
    if (option == QLatin1String("selection")) {
        if (value != QLatin1String("on") && value != QLatin1String("off"))
            return wrong(option, Words::tr("on or off"), value);
        selection = value == QLatin1String("on");
        return {};
    }
    if (option != QLatin1String("theme")) return Words::tr("--%1: unknown option").arg(option);
    if (value != QLatin1String("light") && value != QLatin1String("dark"))
        return wrong(option, Words::tr("light or dark"), value);
    dark = value == QLatin1String("dark");
    return {};
}

} // namespace qroar
