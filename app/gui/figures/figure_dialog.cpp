#include "app/gui/figures/figure_dialog.h"

#include "app/gui/figures/composed_figure.h"
#include "app/gui/figures/figure_style_form.h"
#include "app/gui/help/action_list.h"
#include "app/gui/window/plot_area.h"
#include "widgets/plot/figure_export.h"

#include <QClipboard>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QMessageBox>
#include <QPushButton>
#include <QScopedValueRollback>

namespace qroar {

namespace {

QString filterOf(const QString& format) {
    return format == QLatin1String("svg")   ? FigureDialog::tr("SVG (*.svg)")
           : format == QLatin1String("pdf") ? FigureDialog::tr("PDF (*.pdf)")
           : format == QLatin1String("png") ? FigureDialog::tr("PNG (*.png)")
                                            : FigureDialog::tr("CSV table (*.csv)");
}

} // namespace

QString askForFigureName(QWidget* parent, AppSettings& settings, const QString& title, const QString& name,
                         const QString& format, bool* completed) {
    QString words = name.toLower();
    for (QChar& character : words)
        if (!character.isLetterOrNumber()) character = u'-';
    QStringList filters{filterOf(format)};
    for (const char* other : {"svg", "pdf", "png", "csv"})
        if (format != QLatin1String(other)) filters << filterOf(QLatin1String(other));
    QString filter = filters.first();
    const QString chosen = QFileDialog::getSaveFileName(
        parent, title, QDir(settings.folder(QStringLiteral("export"))).filePath(words + u'.' + format),
        filters.join(QStringLiteral(";;")), &filter);
    if (chosen.isEmpty()) return {};
    const QString path = withFigureSuffix(chosen, filter);
    *completed = path != chosen;
    if (*completed && QFileInfo::exists(path) // the file dialog has asked about another name
        && QMessageBox::question(parent, title, FigureDialog::tr("%1 exists. Replace it?").arg(path))
               != QMessageBox::Yes)
        return {};
    settings.setFolder(QStringLiteral("export"), path);
    return path;
}

FigureDialog::FigureDialog(PlotArea& plots, AppSettings& settings, QWidget* parent)
    : QDialog(parent), plots_(plots), settings_(settings) {
    setWindowTitle(tr("Export figure"));
    setObjectName(QStringLiteral("figureDialog"));
    what_ = new QComboBox(this);
    what_->setAccessibleName(tr("Which figure"));
    what_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    what_->setMinimumContentsLength(22);
    format_ = new QComboBox(this);
    format_->setAccessibleName(tr("Format of the file"));
    for (const auto& [key, text] :
         {std::pair{"svg", tr("SVG, vectors")}, std::pair{"pdf", tr("PDF, vectors")},
          std::pair{"png", tr("PNG, pixels")}, std::pair{"csv", tr("CSV, the numbers")}})
        format_->addItem(text, QLatin1String(key));
    form_ = new FigureStyleForm(this);
    preview_ = new FigurePreview(this);
    preview_->setSource([this](QSize room) { return draw(room); });
    save_ = new QPushButton(tr("&Save..."), this);
    save_->setDefault(true);
    image_ = new QPushButton(tr("Copy &image"), this);
    table_ = new QPushButton(tr("Copy ta&ble"), this);
    command_ = new QPushButton(tr("Copy &command"), this);
    command_->setToolTip(tr("The command that makes the same figure from the saved session: qroar plot"));

    auto* side = new QVBoxLayout;
    form_->addRowAround(tr("Fi&gure"), what_, true);
    form_->addRowAround(tr("For&mat"), format_, false);
    side->addWidget(form_);
    side->addStretch(1);
    auto* row = new QHBoxLayout;
    row->addLayout(side);
    row->addWidget(preview_, 1);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
    for (QPushButton* button : {image_, table_, command_})
        buttons->addButton(button, QDialogButtonBox::ActionRole);
    buttons->addButton(save_, QDialogButtonBox::ActionRole);
    auto* column = new QVBoxLayout(this);
    column->addLayout(row, 1);
    column->addWidget(buttons);
    keepMnemonicsApart(this);
    resize(900, 560);

    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(save_, &QPushButton::clicked, this, &FigureDialog::save);
    connect(image_, &QPushButton::clicked, this, &FigureDialog::copyImage);
    connect(table_, &QPushButton::clicked, this, &FigureDialog::copyTable);
    connect(command_, &QPushButton::clicked, this, [this] { emit commandWanted(panel(), style()); });
    connect(what_, &QComboBox::currentIndexChanged, this, [this] {
        updateButtons();
        preview_->refresh();
    });
    connect(format_, &QComboBox::currentIndexChanged, this, [this] {
        const bool drawn = format_->currentData() != QLatin1String("csv");
        form_->setDrawn(drawn);
        preview_->setEnabled(drawn);
    });
    connect(form_, &FigureStyleForm::changed, preview_, &FigurePreview::refresh);
    connect(preview_, &FigurePreview::refreshed, this, &FigureDialog::updateButtons);
    connect(format_, &QComboBox::currentIndexChanged, this, &FigureDialog::updateButtons);
    fillFigures();
    setStyle(settings_.figureStyle());
    format_->setCurrentIndex(std::max(0, format_->findData(settings_.preferences().figureFormat)));
}

void FigureDialog::fillFigures() {
    what_->addItem(tr("The whole arrangement"));
    for (DiagnosticPanel* panel : plots_.findChildren<DiagnosticPanel*>()) {
        if (!panel->session() || !panel->emptyText().isEmpty()) continue;
        panels_ << panel;
        what_->addItem(panel->title());
        what_->setItemData(what_->count() - 1, panel->figureTitle(), Qt::ToolTipRole);
    }
}

void FigureDialog::choose(DiagnosticPanel* panel) {
    what_->setCurrentIndex(std::max(0, static_cast<int>(panels_.indexOf(panel)) + 1));
    updateButtons();
}

DiagnosticPanel* FigureDialog::panel() const {
    return what_->currentIndex() > 0 ? panels_.value(what_->currentIndex() - 1).data() : nullptr;
}

void FigureDialog::updateButtons() {
    const bool any = panel() || !visiblePanels(plots_).isEmpty();
    for (QPushButton* button : {table_, command_}) button->setEnabled(any);
    const QString tooSmall = preview_->tooSmall();
    const bool numbers = format_->currentData() == QLatin1String("csv");
    save_->setEnabled(tooSmall.isEmpty() || numbers);
    image_->setEnabled(tooSmall.isEmpty());
    for (QPushButton* button : {save_, image_})
        button->setToolTip(button->isEnabled() ? QString() : tooSmall);
}

FigureStyle FigureDialog::style() const {
    return form_->style();
}

void FigureDialog::setStyle(const FigureStyle& style) {
    form_->setStyle(style);
    preview_->refresh();
}

FigurePreview::Drawn FigureDialog::draw(QSize room) {
    if (DiagnosticPanel* one = panel()) {
        if (const QString empty = one->emptyText(); !empty.isEmpty()) return {{}, {}, empty};
        const auto drawn = previewOf(one->beginFigure(), style(), room, devicePixelRatioF());
        one->endFigure();
        return drawn;
    }
    const QList<DiagnosticPanel*> visible = visiblePanels(plots_);
    if (visible.isEmpty()) return {{}, {}, tr("No plot is in sight: show one, or open a session.")};
    const auto drawn = previewOf(arrangementFigure(plots_, visible), style(), room, devicePixelRatioF());
    for (DiagnosticPanel* one : visible) one->endFigure();
    return drawn;
}

bool FigureDialog::saveTo(const QString& path, QString* error) {
    const bool numbers = path.endsWith(QLatin1String(".csv"), Qt::CaseInsensitive);
    if (!numbers) preview_->refreshNow(); // of the look as it is now
    if (!numbers && !preview_->tooSmall().isEmpty()) {
        *error = preview_->tooSmall();
        return false;
    }
    if (DiagnosticPanel* one = panel()) return one->exportTo(path, error, style());
    const QList<DiagnosticPanel*> visible = visiblePanels(plots_);
    if (visible.isEmpty()) {
        *error = tr("No plot is in sight: show one, or open a session.");
        return false;
    }
    if (numbers) return writeWholeFile(path, arrangementCsv(visible).toUtf8(), error);
    const bool written = writeFigure(arrangementFigure(plots_, visible), path, style(), error);
    for (DiagnosticPanel* one : visible) one->endFigure();
    return written;
}

void FigureDialog::remember() {
    settings_.setFigureStyle(style());
    Preferences preferences = settings_.preferences();
    const QString format = format_->currentData().toString();
    if (format == QLatin1String("csv") || format == preferences.figureFormat) return;
    preferences.figureFormat = format;
    settings_.setPreferences(preferences);
}

/// The file dialog and the questions are its children: it must not be deleted under them.
void FigureDialog::done(int result) {
    if (!asks_) QDialog::done(result);
}

void FigureDialog::save() {
    const QString name = panel() ? panel()->title() : tr("arrangement");
    bool completed = false;
    const QScopedValueRollback<bool> asks(asks_, true);
    const QString path = askForFigureName(this, settings_, tr("Save %1").arg(name), name,
                                          format_->currentData().toString(), &completed);
    if (path.isEmpty()) return;
    QString error;
    if (!saveTo(path, &error)) {
        emit failed(error);
        QMessageBox::warning(this, windowTitle(), error);
        return;
    }
    asks_ = false;
    remember();
    emit message(completed
                     ? tr("Saved %1 (the name had no suffix, so the kind of file chosen gave it).").arg(path)
                     : tr("Saved %1.").arg(path));
    accept();
}

void FigureDialog::copyImage() {
    if (DiagnosticPanel* one = panel()) {
        one->copyImage(style());
    } else {
        const QList<DiagnosticPanel*> visible = visiblePanels(plots_);
        if (visible.isEmpty()) return;
        QGuiApplication::clipboard()->setImage(renderFigure(arrangementFigure(plots_, visible), style()));
        for (DiagnosticPanel* shown : visible) shown->endFigure();
        emit message(tr("The arrangement is on the clipboard."));
    }
    remember();
}

void FigureDialog::copyTable() {
    if (panel()) return panel()->copyTable();
    const QList<DiagnosticPanel*> visible = visiblePanels(plots_);
    if (visible.isEmpty()) return;
    QGuiApplication::clipboard()->setText(arrangementText(visible));
    emit message(tr("The tables of the arrangement are on the clipboard: tab-separated, all digits."));
}

} // namespace qroar
