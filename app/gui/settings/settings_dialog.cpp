#include "app/gui/settings/settings_dialog.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QFormLayout>
#include <QGroupBox>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>

#include <algorithm>

namespace qroar {

namespace {

constexpr std::pair<AppearanceMode, const char*> modes[] = {{AppearanceMode::System, "system"},
                                                            {AppearanceMode::Light, "light"},
                                                            {AppearanceMode::Dark, "dark"},
                                                            {AppearanceMode::HighContrast, "contrast"}};

QFormLayout* group(QVBoxLayout* column, const QString& title) {
    auto* box = new QGroupBox(title);
    auto* form = new QFormLayout(box);
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    column->addWidget(box);
    return form;
}

void select(QComboBox* box, const QString& key) {
    box->setCurrentIndex(std::max(0, box->findData(key)));
}

} // namespace

SettingsDialog::SettingsDialog(const Preferences& now, QWidget* parent) : QDialog(parent) {
    setObjectName(QStringLiteral("settings"));
    setAttribute(Qt::WA_DeleteOnClose);
    setWindowTitle(tr("Settings"));
    auto* column = new QVBoxLayout(this);
    QFormLayout* look = group(column, tr("Look"));
    appearance_ = addChoice(look, tr("&Appearance"), tr("System follows the desktop"),
                            {{tr("System"), "system"},
                             {tr("Light"), "light"},
                             {tr("Dark"), "dark"},
                             {tr("High contrast"), "contrast"}});
    colorMap_ = addChoice(look, tr("&Colours of maps"),
                          tr("Of maps from low to high; differences keep their own, neutral in the middle. "
                             "Cividis reads the same with red-green colour-vision deficiency"),
                          {{tr("Viridis"), "viridis"}, {tr("Cividis"), "cividis"}});
    recent_ = addNumber(look, tr("&Recent files"), tr("How many sessions and models are remembered"), 1,
                        Preferences::mostRecent, {});
    QFormLayout* figures = group(column, tr("Figures"));
    figureSize_ = addChoice(figures, tr("&Size"), tr("Of exported figures, unless another one is chosen"),
                            {{tr("As shown"), "as-shown"},
                             {tr("One column (3.3 in)"), "one-column"},
                             {tr("Two columns (7 in)"), "two-column"},
                             {tr("Slide (16:9)"), "slide"}});
    figureFont_ = addNumber(figures, tr("&Font size"), tr("Of the text in exported figures"), 0, 36,
                            tr("that of the size"));
    figureFont_->setSuffix(tr(" pt"));
    figureFormat_ = addChoice(figures, tr("F&ormat"), tr("That the export proposes"),
                              {{tr("SVG"), "svg"}, {tr("PDF"), "pdf"}, {tr("PNG"), "png"}});
    QFormLayout* work = group(column, tr("Work"));
    autosave_ = addNumber(work, tr("A&utosave"),
                          tr("How often unsaved changes are kept for a recovery; results of a running "
                             "analysis are kept in any case"),
                          0, Preferences::mostAutosaveSeconds, tr("results only"));
    autosave_->setSuffix(tr(" s"));
    threads_ = addNumber(work, tr("&Threads"),
                         tr("Of computations that start from now on; results do not depend on them"), 0,
                         Preferences::mostThreads, tr("all"));
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
    QPushButton* reset = buttons->addButton(tr("Reset all"), QDialogButtonBox::ResetRole);
    reset->setAutoDefault(false);
    column->addWidget(buttons);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::close);
    connect(reset, &QPushButton::clicked, this, [this] {
        show(Preferences());
        edited();
    });
    show(now);
}

QComboBox* SettingsDialog::addChoice(QFormLayout* form, const QString& label, const QString& tip,
                                     const QList<std::pair<QString, QString>>& choices) {
    auto* box = new QComboBox;
    for (const auto& [text, key] : choices) box->addItem(text, key);
    box->setToolTip(tip);
    box->setAccessibleName(QString(label).remove('&'));
    form->addRow(label, box);
    connect(box, &QComboBox::currentIndexChanged, this, &SettingsDialog::edited);
    return box;
}

QSpinBox* SettingsDialog::addNumber(QFormLayout* form, const QString& label, const QString& tip, int low,
                                    int high, const QString& lowText) {
    auto* box = new QSpinBox;
    box->setRange(low, high);
    box->setSpecialValueText(lowText);
    box->setToolTip(tip);
    box->setAccessibleName(QString(label).remove('&'));
    form->addRow(label, box);
    connect(box, &QSpinBox::valueChanged, this, &SettingsDialog::edited);
    return box;
}

void SettingsDialog::edited() {
    if (!showing_) emit changed(preferences());
}

Preferences SettingsDialog::preferences() const {
    Preferences now;
    for (const auto& [mode, key] : modes)
        if (appearance_->currentData() == QLatin1String(key)) now.appearance = mode;
    now.colorMap = colorMap_->currentData().toString();
    now.figureSize = figureSize_->currentData().toString();
    now.figureFontPoints = figureFont_->value();
    now.figureFormat = figureFormat_->currentData().toString();
    now.autosaveSeconds = autosave_->value();
    now.threads = threads_->value();
    now.recentCount = recent_->value();
    return now;
}

void SettingsDialog::show(const Preferences& preferences) {
    showing_ = true;
    for (const auto& [mode, key] : modes)
        if (mode == preferences.appearance) select(appearance_, QLatin1String(key));
    select(colorMap_, preferences.colorMap);
    select(figureSize_, preferences.figureSize);
    select(figureFormat_, preferences.figureFormat);
    figureFont_->setValue(preferences.figureFontPoints);
    autosave_->setValue(preferences.autosaveSeconds);
    threads_->setValue(preferences.threads);
    recent_->setValue(preferences.recentCount);
    showing_ = false;
}

} // namespace qroar
