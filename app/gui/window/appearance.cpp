#include "app/gui/window/appearance.h"

#include "widgets/common/theme.h"

#include <QApplication>
#include <QFile>
#include <QPainter>
#include <QProxyStyle>
#include <QStyleOption>
#include <QSvgRenderer>

namespace qroar {

namespace {

struct Colors {
    const char *window, *base, *alternate, *text, *button, *mid, *light, *dark, *highlight, *link, *disabled,
        *problem;
};

QPalette paletteOf(const Colors& colors, const QColor& highlightedText) {
    QPalette palette;
    palette.setColor(QPalette::Window, QColor(colors.window));
    palette.setColor(QPalette::Base, QColor(colors.base));
    palette.setColor(QPalette::AlternateBase, QColor(colors.alternate));
    palette.setColor(QPalette::ToolTipBase, QColor(colors.alternate));
    for (const auto role :
         {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::ToolTipText})
        palette.setColor(role, QColor(colors.text));
    palette.setColor(QPalette::BrightText, QColor(colors.problem)); // as noteRole() says
    palette.setColor(QPalette::Button, QColor(colors.button));
    palette.setColor(QPalette::Mid, QColor(colors.mid));
    palette.setColor(QPalette::Midlight, QColor(colors.light).darker(103));
    palette.setColor(QPalette::Light, QColor(colors.light));
    palette.setColor(QPalette::Dark, QColor(colors.dark));
    palette.setColor(QPalette::Shadow, QColor(colors.dark).darker(150));
    palette.setColor(QPalette::Highlight, QColor(colors.highlight));
    palette.setColor(QPalette::HighlightedText, highlightedText);
    palette.setColor(QPalette::Link, QColor(colors.link));
    palette.setColor(QPalette::LinkVisited, QColor(colors.link));
    palette.setColor(QPalette::PlaceholderText, QColor(colors.disabled));
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
        palette.setColor(QPalette::Disabled, role, QColor(colors.disabled));
    palette.setColor(QPalette::Disabled, QPalette::Highlight, QColor(colors.mid));
    return palette;
}

/// Fusion takes its outlines from the window's colour, made darker: on black there would be none.
class LinedStyle : public QProxyStyle {
  public:
    LinedStyle() : QProxyStyle(QStringLiteral("Fusion")) {}

    void drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter,
                       const QWidget* widget) const override {
        QProxyStyle::drawPrimitive(element, option, painter, widget);
        switch (element) {
        case PE_PanelButtonCommand:
        case PE_PanelLineEdit:
        case PE_FrameLineEdit:
        case PE_FrameTabWidget:
        case PE_FrameGroupBox:
        case PE_FrameMenu:
        case PE_Frame:
            line(option, painter);
            break;
        case PE_IndicatorCheckBox:
            indicatorLine(option, painter);
            line(option, painter);
            break;
        case PE_IndicatorRadioButton:
            indicatorLine(option, painter, true);
            line(option, painter, true);
            break;
        default:
            break;
        }
    }
    void drawComplexControl(ComplexControl control, const QStyleOptionComplex* option, QPainter* painter,
                            const QWidget* widget) const override {
        QProxyStyle::drawComplexControl(control, option, painter, widget);
        if (control == CC_ComboBox || control == CC_SpinBox) line(option, painter);
    }

  private:
    /// What can be ticked is nothing but its outline until it is: on dark windows as well.
    static void indicatorLine(const QStyleOption* option, QPainter* painter, bool round = false) {
        const QPalette& palette = option->palette;
        const bool byKeys = (option->state & State_HasFocus) && (option->state & State_KeyboardFocusChange);
        if (!Appearance::isDark(palette) || Appearance::isHighContrast(palette) || byKeys) return;
        const bool enabled = (option->state & State_Enabled) != 0;
        const QRectF area = QRectF(option->rect).adjusted(0.5, 0.5, -0.5, -0.5);
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing, round);
        painter->setBrush(Qt::NoBrush);
        painter->setPen(palette.color(enabled ? QPalette::PlaceholderText : QPalette::Mid));
        if (round)
            painter->drawEllipse(area);
        else
            painter->drawRect(area);
        painter->restore();
    }
    static void line(const QStyleOption* option, QPainter* painter, bool round = false) {
        if (!Appearance::isHighContrast(option->palette)) return;
        const bool focus = (option->state & State_HasFocus) != 0;
        const double width = focus ? 2 : 1;
        const QRectF area = QRectF(option->rect).adjusted(width / 2, width / 2, -width / 2, -width / 2);
        painter->save();
        painter->setBrush(Qt::NoBrush);
        painter->setPen(
            QPen(option->palette.color(focus ? QPalette::Highlight : QPalette::WindowText), width));
        if (round)
            painter->drawEllipse(area);
        else
            painter->drawRect(area);
        painter->restore();
    }
};

} // namespace

QPalette Appearance::lightPalette() {
    return paletteOf({"#f3f4f6", "#ffffff", "#f0f2f5", "#1c2128", "#fbfbfc", "#c3c8cf", "#ffffff", "#a2a9b3",
                      "#0a66b7", "#0a5ca6", "#7a828d", "#b3261e"},
                     Qt::white);
}

QPalette Appearance::darkPalette() {
    return paletteOf({"#22262c", "#1a1d22", "#262a31", "#e3e6ea", "#2d323a", "#434a55", "#3a414b", "#14171b",
                      "#2f7fd1", "#7db7ee", "#838c98", "#ff9a86"},
                     Qt::white);
}

QPalette Appearance::highContrastPalette() {
    return paletteOf({"#000000", "#000000", "#1a1a1a", "#ffffff", "#000000", "#ffffff", "#333333", "#ffffff",
                      "#ffff00", "#8fd3ff", "#b4b4b4", "#ff9a86"},
                     Qt::black);
}

bool Appearance::isHighContrast(const QPalette& palette) {
    return palette.color(QPalette::Window) == Qt::black && palette.color(QPalette::WindowText) == Qt::white;
}

bool Appearance::isDark(const QPalette& palette) {
    return palette.color(QPalette::Window).lightness() < palette.color(QPalette::WindowText).lightness();
}

QColor Appearance::problemColor(const QPalette& palette) {
    return palette.color(noteRole(true));
}

Appearance::Appearance() : system_(QApplication::palette()) {
    QApplication::setStyle(new LinedStyle);
}

QPalette Appearance::paletteFor(AppearanceMode mode) const {
    switch (mode) {
    case AppearanceMode::Light:
        return lightPalette();
    case AppearanceMode::Dark:
        return darkPalette();
    case AppearanceMode::HighContrast:
        return highContrastPalette();
    case AppearanceMode::System:
        break;
    }
    // A desktop gets the one of our palettes that is like its own: they are known to read well.
    if (isHighContrast(system_)) return highContrastPalette();
    return isDark(system_) ? darkPalette() : lightPalette();
}

/// No style sheet: it would be read for every widget again, which took half a second.
void Appearance::apply(AppearanceMode mode) {
    QApplication::setPalette(paletteFor(mode));
    // Qt tells of it later: who asks for colours next shall get these.
    QCoreApplication::sendPostedEvents(nullptr, QEvent::ApplicationPaletteChange);
}

void Appearance::followSystem(AppearanceMode mode) {
    QApplication::setPalette(QPalette()); // nothing of our own: what is left is the desktop's
    system_ = QApplication::palette();
    apply(mode);
}

QIcon themedIcon(const QString& name, const QPalette& palette) {
    QFile file(QStringLiteral(":/icons/%1.svg").arg(name));
    if (!file.open(QIODevice::ReadOnly)) return {};
    const QByteArray source = file.readAll();
    const auto draw = [&source](const QColor& color, int size) {
        QSvgRenderer renderer(QByteArray(source).replace("currentColor", color.name().toLatin1()));
        QPixmap pixmap(size, size);
        pixmap.fill(Qt::transparent);
        QPainter painter(&pixmap);
        renderer.render(&painter);
        return pixmap;
    };
    QIcon icon;
    for (const int size : {16, 20, 32, 40, 64}) {
        icon.addPixmap(draw(palette.color(QPalette::Active, QPalette::ButtonText), size), QIcon::Normal);
        icon.addPixmap(draw(palette.color(QPalette::Disabled, QPalette::ButtonText), size), QIcon::Disabled);
    }
    return icon;
}

} // namespace qroar
