#include "widgets/panels/heat_map_options.h"

#include "widgets/common/number_format.h"
#include "widgets/plot/heat_map_plot.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QFrame>
#include <QLabel>
#include <QScreen>
#include <QSignalBlocker>
#include <QStandardItemModel>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

enum ScaleChoice { AsSuits, Linear, Logarithmic };

/// A number of any size: shares of 1e-7 and ranges of 1e4 need the same box.
class NumberBox : public QDoubleSpinBox {
  public:
    explicit NumberBox(QWidget* parent) : QDoubleSpinBox(parent) {
        setLocale(QLocale::c());
        setDecimals(16);
        setRange(-1e12, 1e12);
        setStepType(QAbstractSpinBox::AdaptiveDecimalStepType);
        setKeyboardTracking(false);
        setValue(0);
    }
    [[nodiscard]] QString textFromValue(double value) const override {
        return QString::number(value, 'g', 6);
    }
    [[nodiscard]] double valueFromText(const QString& text) const override { return text.toDouble(); }
    QValidator::State validate(QString& text, int&) const override {
        bool isNumber = false;
        (void)text.toDouble(&isNumber);
        return isNumber ? QValidator::Acceptable : QValidator::Intermediate;
    }
    [[nodiscard]] QSize sizeHint() const override {
        return {fontMetrics().horizontalAdvance(QStringLiteral("-1.23456e-07")) + 40,
                QDoubleSpinBox::sizeHint().height()};
    }
};

} // namespace

HeatMapOptions::HeatMapOptions(HeatMapPlot* plot, QWidget* parent) : QToolButton(parent) {
    setText(tr("Colours"));
    setAccessibleName(tr("Colours of the map"));
    setFocusPolicy(Qt::TabFocus);
    fillPopup(plot);
    connect(this, &QToolButton::clicked, this, &HeatMapOptions::openPopup);
    for (QComboBox* box : {scale_, range_})
        connect(box, &QComboBox::activated, this, &HeatMapOptions::changed);
    connect(clip_, &QCheckBox::toggled, this, &HeatMapOptions::changed);
    for (QDoubleSpinBox* end : {low_, high_})
        connect(end, &QDoubleSpinBox::valueChanged, this, [this] {
            if (isManual()) emit changed();
        });
    connect(map_, &QComboBox::activated, plot, [plot](int index) {
        if (index == 0)
            plot->setOwnMap(std::nullopt);
        else
            plot->setOwnMap(index == 1 ? ColorMap::viridis() : ColorMap::cividis());
    });
    connect(margins_, &QCheckBox::toggled, plot, &HeatMapPlot::showMargins);
    connect(bar_, &QCheckBox::toggled, plot, &HeatMapPlot::showColorBar);
    margins_->setChecked(true);
    bar_->setChecked(true);
}

void HeatMapOptions::fillPopup(HeatMapPlot*) {
    popup_ = new QFrame(this, Qt::Popup);
    popup_->setFrameShape(QFrame::StyledPanel);
    auto* form = new QFormLayout(popup_);
    const auto box = [this, form](const QString& label, const QStringList& entries) {
        auto* result = new QComboBox(popup_);
        result->addItems(entries);
        result->setAccessibleName(label);
        form->addRow(label, result);
        return result;
    };
    const auto toggle = [this, form](const QString& label, const QString& tip) {
        auto* result = new QCheckBox(label, popup_);
        result->setAccessibleName(label);
        result->setToolTip(tip);
        form->addRow(result);
        return result;
    };
    scale_ = box(tr("Scale"), {tr("As suits the values"), tr("Linear"), tr("Logarithmic")});
    range_ = box(tr("Range"), {tr("Of the values"), tr("By hand")});
    low_ = new NumberBox(popup_);
    low_->setAccessibleName(tr("Lower end of the colours"));
    high_ = new NumberBox(popup_);
    high_->setAccessibleName(tr("Upper end of the colours"));
    form->addRow(tr("From"), low_);
    form->addRow(tr("To"), high_);
    clip_ = toggle(tr("Without extremes (1–99 %)"),
                   tr("The colours run from the 1 % to the 99 % quantile of the values, so that one odd cell "
                      "does not take them all. Arrows at the colour bar point to values beyond."));
    map_ = box(tr("Colour map"), {tr("As in the settings"), tr("viridis"), tr("cividis")});
    map_->setToolTip(tr("Both are perceptually uniform; cividis looks nearly the same with red-green "
                        "colour-vision deficiency. Maps around \"no change\" have colours of their own."));
    margins_ = toggle(tr("Means of rows and columns"),
                      tr("Lines beside the cells: the mean of each column at the top, of each row at the "
                         "right, over the range of the colour bar. Left out where the map is small."));
    bar_ = toggle(tr("Colour bar"), tr("The bar at the right that says which value a colour is"));
    noteLabel_ = new QLabel(popup_);
    noteLabel_->setWordWrap(true);
    noteLabel_->setMinimumWidth(fontMetrics().averageCharWidth() * 40);
    form->addRow(noteLabel_);
}

std::vector<HeatMapOptions::Entry> HeatMapOptions::entries() const {
    return {{QStringLiteral("scale"), scale_, {"auto", "linear", "log"}, nullptr, nullptr},
            {QStringLiteral("range"), range_, {"auto", "manual"}, nullptr, nullptr},
            {QStringLiteral("min"), nullptr, {}, nullptr, low_},
            {QStringLiteral("max"), nullptr, {}, nullptr, high_},
            {QStringLiteral("clip"), nullptr, {}, clip_, nullptr},
            {QStringLiteral("colormap"), map_, {"auto", "viridis", "cividis"}, nullptr, nullptr},
            {QStringLiteral("marginals"), nullptr, {}, margins_, nullptr},
            {QStringLiteral("colorbar"), nullptr, {}, bar_, nullptr}};
}

void HeatMapOptions::openPopup() {
    popup_->adjustSize();
    QPoint corner = mapToGlobal(QPoint(0, height()));
    if (const QScreen* where = screen()) {
        const QRect room = where->availableGeometry();
        corner.setX(
            std::clamp(corner.x(), room.left(), std::max(room.left(), room.right() - popup_->width())));
        corner.setY(
            std::clamp(corner.y(), room.top(), std::max(room.top(), room.bottom() - popup_->height())));
    }
    popup_->move(corner);
    popup_->show();
    scale_->setFocus();
}

bool HeatMapOptions::isManual() const {
    return range_->currentIndex() == 1;
}

QString HeatMapOptions::whyNotLogarithmic(const ScaleStyle& style, std::span<const double> values) {
    if (style.centre && *style.centre <= 0)
        return tr("No logarithm: these colours are centred at %1.").arg(readableNumber(*style.centre));
    const auto count = std::count_if(values.begin(), values.end(), [](double value) { return value <= 0; });
    if (count == 0) return {};
    return tr("No logarithm: %1 of %2 values are 0 or negative.")
        .arg(groupedCount(count), groupedCount(static_cast<long long>(values.size())));
}

ColorScale HeatMapOptions::choose(const ScaleStyle& natural, std::span<const double> values) {
    const QString whyNoLog = whyNotLogarithmic(natural, values);
    note_.clear();
    ScaleStyle style = natural;
    if (scale_->currentIndex() != AsSuits) style.logarithmic = scale_->currentIndex() == Logarithmic;
    if (style.logarithmic && !whyNoLog.isEmpty()) {
        style.logarithmic = false;
        note_ = whyNoLog;
    }
    std::optional<ColorScale> scale;
    if (isManual()) scale = manualScale(style);
    const bool followsValues = !scale;
    if (!scale && clip_->isChecked())
        scale = ColorScale::of(style, clampedToQuantiles(values, clipLow, clipHigh));
    if (!scale) scale = ColorScale::of(style, values);
    if (followsValues && !isManual()) showRange(*scale);
    updateTexts(natural, whyNoLog);
    return *scale;
}

std::optional<ColorScale> HeatMapOptions::manualScale(const ScaleStyle& style) {
    const double high = high_->value();
    if (style.centre) { // "no change" stays in the middle: one end is enough
        const double centre = *style.centre;
        const double low = style.logarithmic ? centre * centre / high : 2 * centre - high;
        if (!(high > centre)) {
            note_ =
                tr("The colours end above %1, or nothing is left of them: the range is that of the values.")
                    .arg(readableNumber(centre));
            return std::nullopt;
        }
        const QSignalBlocker quiet(low_);
        low_->setValue(low);
        return ColorScale{low, high, style.logarithmic, true};
    }
    const double low = low_->value();
    if (!(low < high)) {
        note_ = tr("The range must begin below its end: it is that of the values.");
        return std::nullopt;
    }
    if (style.logarithmic && low <= 0) {
        note_ = tr("A logarithmic range begins above 0: it is that of the values.");
        return std::nullopt;
    }
    return ColorScale{low, high, style.logarithmic, false};
}

void HeatMapOptions::showRange(const ColorScale& scale) {
    const QSignalBlocker quietLow(low_), quietHigh(high_);
    low_->setValue(scale.low);
    high_->setValue(scale.high);
}

void HeatMapOptions::updateTexts(const ScaleStyle& natural, const QString& whyNoLog) {
    auto* items = qobject_cast<QStandardItemModel*>(scale_->model());
    items->item(Logarithmic)->setEnabled(whyNoLog.isEmpty());
    items->item(Logarithmic)->setToolTip(whyNoLog);
    scale_->setToolTip(whyNoLog);
    low_->setEnabled(isManual() && !natural.centre);
    low_->setToolTip(natural.centre ? tr("Mirrors the other end: \"no change\" stays in the middle")
                                    : QString());
    high_->setEnabled(isManual());
    clip_->setEnabled(!isManual());
    map_->setEnabled(!natural.centre);
    noteLabel_->setText(note_);
    noteLabel_->setMinimumHeight(std::max(0, noteLabel_->heightForWidth(noteLabel_->minimumWidth())));
    noteLabel_->setVisible(!note_.isEmpty());
    const QString what = tr("Colours of the map: scale, range, colour map, means, colour bar");
    setToolTip(note_.isEmpty() ? what : what + u'\n' + note_);
}

} // namespace qroar
