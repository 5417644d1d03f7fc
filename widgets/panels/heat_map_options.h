// HeatMapOptions: the button "Colours" of a panel with a map, and what it opens: linear or logarithmic, the
// range by the data, without its extremes, or by hand, the colour map, means beside the cells, the colour
// bar. It turns the values of a map into a ColorScale and says why when a wish cannot be met; it never bends
// the values (a logarithm of nothing is refused, not floored). Not here: what suits a metric
// (heat_map_metric.h).
#pragma once

#include "widgets/common/color_map.h"

#include <QStringList>
#include <QToolButton>

#include <vector>

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QFrame;
class QLabel;

namespace qroar {

class HeatMapPlot;

class HeatMapOptions : public QToolButton {
    Q_OBJECT
  public:
    /// Means, colour map and colour bar are set on the plot here, the scale by the owner when changed().
    explicit HeatMapOptions(HeatMapPlot* plot, QWidget* parent = nullptr);

    /// What the panel shall offer as its options (DiagnosticPanel::addOption), in the order to set them.
    struct Entry {
        QString name;
        QComboBox* box = nullptr; ///< or
        QStringList keys;         ///< of the box
        QAbstractButton* toggle = nullptr;
        QDoubleSpinBox* number = nullptr;
    };
    [[nodiscard]] std::vector<Entry> entries() const;

    /// The scale for values that want to be coloured in this style, as far as the wishes can be met.
    ColorScale choose(const ScaleStyle& style, std::span<const double> values);
    /// Which wish was not met at the last choice, and why; empty: none.
    [[nodiscard]] QString note() const { return note_; }
    /// Why values of a style cannot be on a logarithmic scale; empty when they can.
    [[nodiscard]] static QString whyNotLogarithmic(const ScaleStyle& style, std::span<const double> values);

    static constexpr double clipLow = 0.01, clipHigh = 0.99; ///< quantiles that clipping leaves out

  signals:
    void changed(); ///< another scale is wanted

  private:
    void fillPopup(HeatMapPlot* plot);
    void openPopup();
    [[nodiscard]] bool isManual() const;
    [[nodiscard]] std::optional<ColorScale> manualScale(const ScaleStyle& style);
    void showRange(const ColorScale& scale); ///< in the boxes of the ends
    void updateTexts(const ScaleStyle& natural, const QString& whyNoLog);

    QFrame* popup_ = nullptr;
    QComboBox *scale_ = nullptr, *range_ = nullptr, *map_ = nullptr;
    QCheckBox *clip_ = nullptr, *margins_ = nullptr, *bar_ = nullptr;
    QDoubleSpinBox *low_ = nullptr, *high_ = nullptr;
    QLabel* noteLabel_ = nullptr;
    QString note_;
};

} // namespace qroar
