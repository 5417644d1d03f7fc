#include "app/gui/figures/figure_style_form.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QSignalBlocker>

#include <algorithm>

namespace qroar {

FigureStyleForm::FigureStyleForm(QWidget* parent) : QWidget(parent), form_(new QFormLayout(this)) {
    form_->setContentsMargins(0, 0, 0, 0);
    form_->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    buildSize(*form_);
    buildLook(*form_);
    for (QComboBox* box : {size_, unit_, resolution_, theme_})
        connect(box, &QComboBox::currentIndexChanged, this, [this] {
            showCustom();
            emit changed();
        });
    for (QDoubleSpinBox* box : {width_, height_, font_, lines_})
        connect(box, &QDoubleSpinBox::valueChanged, this, &FigureStyleForm::changed);
    for (QCheckBox* box : {title_, legend_, bar_, footer_, selection_})
        connect(box, &QCheckBox::toggled, this, &FigureStyleForm::changed);
    setStyle({});
}

void FigureStyleForm::addRowAround(const QString& label, QWidget* field, bool above) {
    form_->insertRow(above ? 0 : form_->rowCount(), label, field);
}

void FigureStyleForm::setDrawn(bool drawn) {
    for (QWidget* field : std::initializer_list<QWidget*>{size_, custom_, font_, resolution_, theme_, lines_,
                                                          title_, legend_, bar_, footer_, selection_})
        field->setEnabled(drawn);
}

QDoubleSpinBox* FigureStyleForm::number(const QString& name, double low, double high, double step,
                                        int digits) {
    auto* box = new QDoubleSpinBox(this);
    box->setAccessibleName(name);
    box->setRange(low, high);
    box->setSingleStep(step);
    box->setDecimals(digits);
    box->setKeyboardTracking(false);
    return box;
}

void FigureStyleForm::buildSize(QFormLayout& form) {
    size_ = new QComboBox(this);
    size_->setAccessibleName(tr("Size of the figure"));
    size_->addItem(tr("As shown"), static_cast<int>(FigureSize::AsShown));
    size_->addItem(tr("One column, 3.3 in"), static_cast<int>(FigureSize::OneColumn));
    size_->addItem(tr("Two columns, 7 in"), static_cast<int>(FigureSize::TwoColumn));
    size_->addItem(tr("Slide, 16:9"), static_cast<int>(FigureSize::Slide));
    size_->addItem(tr("Custom"), static_cast<int>(FigureSize::Custom));
    form.addRow(tr("&Size"), size_);

    custom_ = new QWidget(this);
    auto* row = new QHBoxLayout(custom_);
    row->setContentsMargins(0, 0, 0, 0);
    width_ = number(tr("Width"), 0.6, 6000, 1, 1);
    height_ = number(tr("Height"), 0, 6000, 1, 1);
    height_->setSpecialValueText(tr("auto"));
    height_->setToolTip(tr("0: as high as the content needs"));
    unit_ = new QComboBox(custom_);
    unit_->setAccessibleName(tr("Unit"));
    unit_->addItem(tr("mm"), static_cast<int>(FigureStyle::Unit::Millimetres));
    unit_->addItem(tr("in"), static_cast<int>(FigureStyle::Unit::Inches));
    unit_->addItem(tr("px"), static_cast<int>(FigureStyle::Unit::Pixels));
    row->addWidget(width_, 1);
    row->addWidget(new QLabel(QStringLiteral("×"), custom_));
    row->addWidget(height_, 1);
    row->addWidget(unit_);
    form.addRow(tr("Width × height"), custom_);

    font_ = number(tr("Font size"), 0, 48, 0.5, 1);
    font_->setSuffix(tr(" pt"));
    font_->setSpecialValueText(tr("of the size"));
    font_->setToolTip(
        tr("Of axis titles; drawn in whole steps of 0.75 pt. 0: 8 pt for columns, 9 pt as shown, "
           "13.5 pt on slides"));
    form.addRow(tr("&Font"), font_);

    resolution_ = new QComboBox(this);
    resolution_->setAccessibleName(tr("Resolution of PNG files"));
    resolution_->addItem(tr("of the size"), 0.0);
    for (const int factor : {1, 2, 3, 4})
        resolution_->addItem(tr("%1x (%2 dpi)").arg(factor).arg(96 * factor), 96.0 * factor);
    for (const int dpi : {300, 600}) resolution_->addItem(tr("%1 dpi").arg(dpi), static_cast<double>(dpi));
    resolution_->setToolTip(tr("Of PNG files and copied images; SVG and PDF are vectors"));
    form.addRow(tr("&PNG"), resolution_);
}

void FigureStyleForm::buildLook(QFormLayout& form) {
    theme_ = new QComboBox(this);
    theme_->setAccessibleName(tr("Theme of the figure"));
    theme_->addItem(tr("Light"));
    theme_->addItem(tr("Dark, for slides"));
    form.addRow(tr("T&heme"), theme_);
    lines_ = number(tr("Width of lines"), 0.25, 4, 0.25, 2);
    lines_->setPrefix(QStringLiteral("× "));
    form.addRow(tr("&Lines"), lines_);
    title_ = new QCheckBox(tr("&Title"), this);
    legend_ = new QCheckBox(tr("Le&gend"), this);
    bar_ = new QCheckBox(tr("Colour &bar"), this);
    footer_ = new QCheckBox(tr("Footer with &origin"), this);
    footer_->setToolTip(tr("Program, model, documents and date; the file's metadata have them in any case"));
    selection_ = new QCheckBox(tr("Mar&k of the selected cell or pair"), this);
    form.addRow(tr("Show"), title_);
    for (QCheckBox* box : {legend_, bar_, footer_, selection_}) form.addRow(QString(), box);
}

FigureStyle FigureStyleForm::style() const {
    FigureStyle style(static_cast<FigureSize>(size_->currentData().toInt()));
    style.width = width_->value();
    style.height = height_->value();
    style.unit = static_cast<FigureStyle::Unit>(unit_->currentData().toInt());
    style.fontPoints = font_->value();
    if (style.fontPoints > 0) style.fontPoints = std::max(4.5, style.fontPoints);
    style.dpi = resolution_->currentData().toDouble();
    style.dark = theme_->currentIndex() == 1;
    style.lineWidth = lines_->value();
    style.title = title_->isChecked();
    style.legend = legend_->isChecked();
    style.colourBar = bar_->isChecked();
    style.footer = footer_->isChecked();
    style.selection = selection_->isChecked();
    const double perUnit = style.unit == FigureStyle::Unit::Millimetres ? 96 / 25.4
                           : style.unit == FigureStyle::Unit::Inches    ? 96
                                                                        : 1;
    // A unit that changed may have made it too small or too large to draw.
    style.width = std::clamp(style.width, 60 / perUnit, 6000 / perUnit);
    if (style.height > 0) style.height = std::clamp(style.height, 60 / perUnit, 6000 / perUnit);
    return style;
}

void FigureStyleForm::setStyle(const FigureStyle& style) {
    const QSignalBlocker blocked(this);
    size_->setCurrentIndex(size_->findData(static_cast<int>(style.size)));
    width_->setValue(style.width);
    height_->setValue(style.height);
    unit_->setCurrentIndex(unit_->findData(static_cast<int>(style.unit)));
    font_->setValue(style.fontPoints);
    int resolution = resolution_->findData(style.dpi);
    if (resolution < 0) {
        resolution_->addItem(tr("%1 dpi").arg(style.dpi), style.dpi);
        resolution = resolution_->count() - 1;
    }
    resolution_->setCurrentIndex(resolution);
    theme_->setCurrentIndex(style.dark ? 1 : 0);
    lines_->setValue(style.lineWidth);
    title_->setChecked(style.title);
    legend_->setChecked(style.legend);
    bar_->setChecked(style.colourBar);
    footer_->setChecked(style.footer);
    selection_->setChecked(style.selection);
    showCustom();
}

void FigureStyleForm::showCustom() {
    const bool custom = size_->currentData().toInt() == static_cast<int>(FigureSize::Custom);
    custom_->setVisible(custom);
    form_->labelForField(custom_)->setVisible(custom);
}

} // namespace qroar
