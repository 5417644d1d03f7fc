#include "app/gui/figures/composer_dialog.h"

#include "app/gui/figures/figure_dialog.h"
#include "app/gui/figures/figure_style_form.h"
#include "app/gui/help/action_list.h"
#include "widgets/common/cell_tips.h"
#include "widgets/figures/figure_room.h"
#include "widgets/plot/figure_export.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QFile>
#include <QFileDialog>
#include <QFormLayout>
#include <QGroupBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QMessageBox>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QSpinBox>

namespace qroar {

namespace {

QSpinBox* spinBox(QWidget* parent, const QString& name, int high) {
    auto* box = new QSpinBox(parent);
    box->setAccessibleName(name);
    box->setRange(1, high);
    return box;
}

/// What a cell is called in the list until its view has been drawn and says its own title.
QString describe(const FigureSpec& spec) {
    if (!spec.title.isEmpty()) return spec.title;
    for (const FigureKind& kind : figureKinds())
        if (kind.key == spec.view) return kind.title;
    return spec.view;
}

QString listed(const QString& label, const QString& name) {
    return label.isEmpty() ? name : label + u' ' + name;
}

} // namespace

ComposerDialog::ComposerDialog(AppSettings& settings, SessionSource source, QWidget* parent)
    : QDialog(parent), settings_(settings), source_(std::move(source)) {
    setWindowTitle(tr("Compose a figure"));
    setObjectName(QStringLiteral("composerDialog"));
    form_ = new FigureStyleForm(this);
    preview_ = new FigurePreview(this);
    preview_->setSource([this](QSize room) { return draw(room); });
    auto* side = new QWidget(this);
    auto* sideColumn = new QVBoxLayout(side);
    sideColumn->addWidget(buildCells());
    sideColumn->addWidget(buildPage());
    auto* look = new QGroupBox(tr("Look"), side);
    auto* lookColumn = new QVBoxLayout(look);
    lookColumn->addWidget(form_);
    sideColumn->addWidget(look);
    sideColumn->addStretch(1);
    auto* scroll = new QScrollArea(this); // small screens
    scroll->setWidget(side);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setMinimumWidth(side->sizeHint().width() + scroll->verticalScrollBar()->sizeHint().width());
    auto* row = new QHBoxLayout;
    row->addWidget(scroll);
    row->addWidget(preview_, 1);
    auto* column = new QVBoxLayout(this);
    column->addLayout(row, 1);
    buildButtons(*column);
    keepMnemonicsApart(this);
    resize(1060, 680);
    connect(form_, &FigureStyleForm::changed, this, &ComposerDialog::readPage);
    setComposition({});
}

QWidget* ComposerDialog::buildCells() {
    auto* box = new QGroupBox(tr("Plots, in reading order"), this);
    auto* column = new QVBoxLayout(box);
    list_ = new QListWidget(box);
    list_->setAccessibleName(tr("Plots of the figure"));
    list_->setDragDropMode(QAbstractItemView::InternalMove);
    list_->setMinimumHeight(110);
    CellTips::watch(list_);
    list_->setTextElideMode(Qt::ElideRight);
    column->addWidget(list_);
    auto* buttons = new QHBoxLayout;
    auto* addCurrent = new QPushButton(tr("&Add current plot"), box);
    addCurrent->setObjectName(QStringLiteral("addCurrentPlot"));
    remove_ = new QPushButton(tr("&Remove"), box);
    up_ = new QPushButton(tr("&Up"), box);
    down_ = new QPushButton(tr("&Down"), box);
    buttons->addWidget(addCurrent, 1);
    for (QPushButton* button : {remove_, up_, down_}) buttons->addWidget(button);
    column->addLayout(buttons);
    auto* form = new QFormLayout;
    heading_ = new QLineEdit(box);
    heading_->setPlaceholderText(tr("as the plot says"));
    form->addRow(tr("&Heading"), heading_);
    auto* spans = new QHBoxLayout;
    rowSpan_ = spinBox(box, tr("Rows that the plot takes"), Composition::mostRows);
    columnSpan_ = spinBox(box, tr("Columns that the plot takes"), Composition::mostColumns);
    spans->addWidget(rowSpan_, 1);
    spans->addWidget(new QLabel(QStringLiteral("×"), box));
    spans->addWidget(columnSpan_, 1);
    form->addRow(tr("Takes rows × columns"), spans);
    column->addLayout(form);

    connect(addCurrent, &QPushButton::clicked, this, &ComposerDialog::currentPlotWanted);
    connect(remove_, &QPushButton::clicked, this, &ComposerDialog::removeCell);
    connect(up_, &QPushButton::clicked, this, [this] { moveCell(-1); });
    connect(down_, &QPushButton::clicked, this, [this] { moveCell(1); });
    connect(list_, &QListWidget::currentRowChanged, this, &ComposerDialog::showCell);
    connect(list_->model(), &QAbstractItemModel::rowsMoved, this, &ComposerDialog::readOrder,
            Qt::QueuedConnection);
    connect(heading_, &QLineEdit::editingFinished, this, &ComposerDialog::readCell);
    for (QSpinBox* span : {rowSpan_, columnSpan_})
        connect(span, &QSpinBox::valueChanged, this, &ComposerDialog::readCell);
    return box;
}

QWidget* ComposerDialog::buildPage() {
    auto* box = new QGroupBox(tr("Page"), this);
    auto* form = new QFormLayout(box);
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    title_ = new QLineEdit(box);
    title_->setPlaceholderText(tr("none"));
    form->addRow(tr("T&itle"), title_);
    auto* grid = new QHBoxLayout;
    rows_ = spinBox(box, tr("Rows of the grid"), Composition::mostRows);
    columns_ = spinBox(box, tr("Columns of the grid"), Composition::mostColumns);
    grid->addWidget(rows_, 1);
    grid->addWidget(new QLabel(QStringLiteral("×"), box));
    grid->addWidget(columns_, 1);
    form->addRow(tr("Rows × columns"), grid);
    labels_ = new QComboBox(box);
    labels_->addItems({tr("none"), QStringLiteral("a"), QStringLiteral("(a)"), QStringLiteral("A")});
    form->addRow(tr("La&bels"), labels_);
    bold_ = new QCheckBox(tr("Labels in bo&ld"), box);
    headings_ = new QCheckBox(tr("He&adings of the plots"), box);
    form->addRow(QString(), bold_);
    form->addRow(QString(), headings_);
    connect(title_, &QLineEdit::textChanged, this, &ComposerDialog::readPage);
    for (QSpinBox* side : {rows_, columns_})
        connect(side, &QSpinBox::valueChanged, this, &ComposerDialog::readPage);
    connect(labels_, &QComboBox::currentIndexChanged, this, &ComposerDialog::readPage);
    for (QCheckBox* check : {bold_, headings_})
        connect(check, &QCheckBox::toggled, this, &ComposerDialog::readPage);
    return box;
}

void ComposerDialog::buildButtons(QBoxLayout& column) {
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
    const auto add = [&](const QString& text, void (ComposerDialog::*action)()) {
        QPushButton* button = buttons->addButton(text, QDialogButtonBox::ActionRole);
        button->setAutoDefault(false);
        connect(button, &QPushButton::clicked, this, action);
    };
    add(tr("&Open..."), &ComposerDialog::askAndOpen);
    add(tr("&Save..."), &ComposerDialog::askAndSave);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    column.addWidget(buttons);
    for (QPushButton* button : findChildren<QPushButton*>()) button->setAutoDefault(false);
}

void ComposerDialog::setSession(const std::shared_ptr<const Session>& session, const QString& path) {
    session_ = session;
    sessionPath_ = path;
    preview_->refresh();
}

void ComposerDialog::setComposition(const Composition& composition) {
    composition_ = composition;
    filling_ = true;
    rows_->setValue(composition.rows);
    columns_->setValue(composition.columns);
    labels_->setCurrentIndex(static_cast<int>(composition.labels));
    bold_->setChecked(composition.boldLabels);
    headings_->setChecked(composition.headings);
    title_->setText(composition.title);
    form_->setStyle(composition.style);
    filling_ = false;
    rebuildList();
    list_->setCurrentRow(composition_.cells.isEmpty() ? -1 : 0);
    preview_->refresh();
}

bool ComposerDialog::add(const FigureSpec& spec) {
    Composition next = composition_;
    Composition::Cell cell;
    cell.figure = spec;
    cell.figure.style = {};
    next.cells << cell;
    const auto wanted = next.cells.size();
    next.flow();
    while (next.cells.size() < wanted && next.rows < Composition::mostRows) {
        ++next.rows;
        next.cells = composition_.cells;
        next.cells << cell;
        next.flow();
    }
    if (next.cells.size() < wanted) {
        emit failed(tr("The grid is full: give it more columns, or remove a plot."));
        return false;
    }
    setComposition(next);
    list_->setCurrentRow(static_cast<int>(next.cells.size()) - 1);
    return true;
}

void ComposerDialog::rebuildList() {
    filling_ = true;
    const int row = list_->currentRow();
    list_->clear();
    for (qsizetype index = 0; index < composition_.cells.size(); ++index) {
        const FigureSpec& spec = composition_.cells[index].figure;
        const QString label = composition_.labelOf(static_cast<int>(index));
        auto* item = new QListWidgetItem(listed(label, describe(spec)), list_);
        item->setData(Qt::UserRole, static_cast<int>(index));
        item->setToolTip(shellLine(spec.arguments()));
    }
    list_->setCurrentRow(std::min(row, list_->count() - 1));
    filling_ = false;
    showCell();
}

void ComposerDialog::readOrder() {
    QList<Composition::Cell> ordered;
    for (int row = 0; row < list_->count(); ++row)
        ordered << composition_.cells.at(list_->item(row)->data(Qt::UserRole).toInt());
    composition_.cells = ordered;
    changed();
}

void ComposerDialog::readPage() {
    if (filling_) return;
    composition_.rows = rows_->value();
    composition_.columns = columns_->value();
    composition_.labels = static_cast<Composition::Labels>(labels_->currentIndex());
    composition_.boldLabels = bold_->isChecked();
    composition_.headings = headings_->isChecked();
    composition_.title = title_->text();
    composition_.style = form_->style();
    changed();
}

void ComposerDialog::readCell() {
    const int row = list_->currentRow();
    if (filling_ || row < 0 || row >= composition_.cells.size()) return;
    Composition::Cell& cell = composition_.cells[row];
    cell.figure.title = heading_->text();
    cell.rowSpan = rowSpan_->value();
    cell.columnSpan = columnSpan_->value();
    changed();
}

void ComposerDialog::showCell() {
    if (filling_) return;
    const int row = list_->currentRow();
    const bool any = row >= 0 && row < composition_.cells.size();
    const Composition::Cell cell = any ? composition_.cells[row] : Composition::Cell();
    filling_ = true;
    heading_->setText(cell.figure.title);
    rowSpan_->setValue(cell.rowSpan);
    columnSpan_->setValue(cell.columnSpan);
    filling_ = false;
    for (QWidget* control : std::initializer_list<QWidget*>{heading_, rowSpan_, columnSpan_, remove_})
        control->setEnabled(any);
    up_->setEnabled(any && row > 0);
    down_->setEnabled(any && row + 1 < composition_.cells.size());
}

void ComposerDialog::removeCell() {
    const int row = list_->currentRow();
    if (row < 0 || row >= composition_.cells.size()) return;
    composition_.cells.removeAt(row);
    changed();
}

void ComposerDialog::moveCell(int by) {
    const int row = list_->currentRow(), to = row + by;
    if (row < 0 || to < 0 || to >= composition_.cells.size()) return;
    composition_.cells.swapItemsAt(row, to);
    changed();
    list_->setCurrentRow(to);
}

void ComposerDialog::changed() {
    Composition flowed = composition_;
    flowed.flow();
    if (flowed.cells.size() == composition_.cells.size()) composition_ = flowed;
    rebuildList();
    preview_->refresh();
}

FigurePreview::Drawn ComposerDialog::draw(QSize room) {
    if (!session_) return {{}, {}, tr("Open a session first.")};
    if (composition_.cells.isEmpty())
        return {{}, {}, tr("Set a plot up in the window, then press \"Add current plot\".")};
    Composition flowed = composition_;
    flowed.flow();
    if (flowed.cells.size() < composition_.cells.size())
        return {{},
                {},
                tr("%1 plots do not fit a grid of %2 × %3: give it more rows or columns.")
                    .arg(composition_.cells.size())
                    .arg(composition_.rows)
                    .arg(composition_.columns)};
    if (const QString problem = composed_.set(composition_, session_, source_, sessionPath_);
        !problem.isEmpty())
        return {{}, {}, problem};
    const auto drawn = previewOf(composed_.begin(), composition_.style, room, devicePixelRatioF());
    composed_.end();
    nameCells();
    return drawn;
}

void ComposerDialog::nameCells() {
    const QStringList titles = composed_.titles();
    for (int row = 0; row < std::min<int>(list_->count(), static_cast<int>(titles.size())); ++row) {
        const QString& own = composition_.cells[row].figure.title;
        list_->item(row)->setText(listed(composition_.labelOf(row), own.isEmpty() ? titles[row] : own));
    }
}

bool ComposerDialog::saveTo(const QString& path, QString* error) {
    if (path.endsWith(QLatin1String(".qfigure"), Qt::CaseInsensitive))
        return writeWholeFile(path, composition_.toJson(), error);
    if (!session_) {
        *error = tr("Open a session first.");
        return false;
    }
    *error = composed_.set(composition_, session_, source_, sessionPath_);
    if (!error->isEmpty()) return false;
    if (path.endsWith(QLatin1String(".csv"), Qt::CaseInsensitive))
        return writeWholeFile(path, composed_.csv().toUtf8(), error);
    const Figure figure = composed_.begin();
    *error = figureSizeProblem(figure, composition_.style);
    const bool written = error->isEmpty() && writeFigure(figure, path, composition_.style, error);
    composed_.end();
    return written;
}

bool ComposerDialog::open(const QString& path, QString* error) {
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        *error = QStringLiteral("%1: %2").arg(path, file.errorString());
        return false;
    }
    const auto composition = Composition::fromJson(file.readAll());
    if (!composition) {
        *error = QStringLiteral("%1: %2").arg(path, QString::fromStdString(composition.error().message));
        return false;
    }
    setComposition(*composition);
    return true;
}

void ComposerDialog::askAndSave() {
    const QString folder = settings_.folder(QStringLiteral("export"));
    QString filter;
    const QString chosen =
        QFileDialog::getSaveFileName(this, tr("Save the composed figure"), folder,
                                     tr("PDF (*.pdf);;SVG (*.svg);;PNG (*.png);;CSV tables "
                                        "(*.csv);;Composition, to go on with (*.qfigure)"),
                                     &filter);
    if (chosen.isEmpty()) return;
    const QString path = withFigureSuffix(chosen, filter);
    settings_.setFolder(QStringLiteral("export"), path);
    QString error;
    if (!saveTo(path, &error)) {
        emit failed(error);
        QMessageBox::warning(this, windowTitle(), error);
        return;
    }
    emit message(tr("Saved %1.").arg(path));
}

void ComposerDialog::askAndOpen() {
    const QString path = QFileDialog::getOpenFileName(this, tr("Open a composition"),
                                                      settings_.folder(QStringLiteral("export")),
                                                      tr("Compositions (*.qfigure)"));
    if (path.isEmpty()) return;
    QString error;
    if (open(path, &error)) return;
    emit failed(error);
    QMessageBox::warning(this, windowTitle(), error);
}

} // namespace qroar
