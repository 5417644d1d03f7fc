// Light, dark, high contrast: the palettes of the application on the Fusion style. Plots choose their colours
// from the palette (widgets/common/theme.h).
#pragma once

#include "app/gui/app_settings.h"

#include <QIcon>
#include <QPalette>

namespace qroar {

class Appearance {
  public:
    /// Remembers the palette the desktop gave us, for AppearanceMode::System, and sets the Fusion style.
    Appearance();
    void apply(AppearanceMode mode);
    /// The desktop has another theme: asks it for its palette, and applies `mode` again.
    void followSystem(AppearanceMode mode);
    [[nodiscard]] static QPalette lightPalette();
    [[nodiscard]] static QPalette darkPalette();
    /// White and yellow on black, with lines around everything that can be used.
    [[nodiscard]] static QPalette highContrastPalette();
    [[nodiscard]] static bool isHighContrast(const QPalette& palette);
    [[nodiscard]] static bool isDark(const QPalette& palette);
    /// A colour for error text that reads on the window colour of `palette`.
    [[nodiscard]] static QColor problemColor(const QPalette& palette);

  private:
    [[nodiscard]] QPalette paletteFor(AppearanceMode mode) const;
    QPalette system_;
};

/// One of our monochrome SVG icons (:/icons/NAME.svg) in the text colour of `palette`.
QIcon themedIcon(const QString& name, const QPalette& palette);

} // namespace qroar
