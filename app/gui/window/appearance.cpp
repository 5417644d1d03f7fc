#include "app/gui/window/appearance.h"

#include <QApplication>
#include <QFile>
#include <QPainter>
#include <QStyle>
#include <QStyleFactory>
#include <QSvgRenderer>

namespace qroar {

namespace {

struct Colors {
    const char *window, *base, *alternate, *text, *button, *mid, *light, *dark, *highlight, *link, *disabled;
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
    palette.setColor(QPalette::BrightText, QColor(colors.text));
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

} // namespace

QPalette Appearance::lightPalette() {
    return paletteOf({"#f3f4f6", "#ffffff", "#f0f2f5", "#1c2128", "#fbfbfc", "#c3c8cf", "#ffffff", "#a2a9b3",
                      "#0a66b7", "#0a5ca6", "#7a828d"},
                     Qt::white);
}

QPalette Appearance::darkPalette() {
    return paletteOf({"#22262c", "#1a1d22", "#262a31", "#e3e6ea", "#2d323a", "#434a55", "#3a414b", "#14171b",
                      "#2f7fd1", "#7db7ee", "#838c98"},
                     Qt::white);
}

bool Appearance::isDark(const QPalette& palette) {
    return palette.color(QPalette::Window).lightness() < palette.color(QPalette::WindowText).lightness();
}

QColor Appearance::problemColor(const QPalette& palette) {
    return isDark(palette) ? QColor("#ff9a86") : QColor("#b3261e");
}

Appearance::Appearance() : system_(QApplication::palette()) {
    if (auto* fusion = QStyleFactory::create(QStringLiteral("Fusion"))) QApplication::setStyle(fusion);
}

void Appearance::apply(AppearanceMode mode) {
    QPalette palette = mode == AppearanceMode::Dark ? darkPalette() : lightPalette();
    // A dark desktop gets our dark palette, any other one the light one: both are known to read well.
    if (mode == AppearanceMode::System && isDark(system_)) palette = darkPalette();
    QApplication::setPalette(palette);
    qApp->setStyleSheet(
        QStringLiteral("QLabel#problem { color: %1; }"
                       "QToolButton#chip { border: 1px solid %2; border-radius: 4px; padding: 2px 7px;"
                       " background: palette(button); }"
                       "QToolButton#chip:checked { background: %3; color: palette(highlighted-text);"
                       " border-color: %3; }"
                       "QToolButton#chip:focus { border: 2px solid palette(window-text); padding: 1px 6px; }")
            .arg(problemColor(palette).name(), palette.color(QPalette::Mid).name(),
                 palette.color(QPalette::Highlight).name()));
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
