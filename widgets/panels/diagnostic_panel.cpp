#include "widgets/panels/diagnostic_panel.h"

#include "widgets/common/cell_tips.h"
#include "widgets/common/compact_combo_box.h"
#include "widgets/common/default_condition.h"
#include "widgets/common/empty_text.h"
#include "widgets/common/flow_layout.h"
#include "widgets/common/icons.h"
#include "widgets/common/names.h"
#include "widgets/common/text_line.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/refresh_turn.h"
#include "widgets/plot/base_plot.h"
#include "widgets/plot/figure_export.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDir>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLineEdit>
#include <QMenu>
#include <QMessageBox>
#include <QMetaMethod>
#include <QScrollArea>
#include <QSortFilterProxyModel>
#include <QStackedWidget>
#include <QTableView>
#include <QTimer>
#include <QToolButton>

#include <algorithm>

namespace qroar {

namespace {

/// Ctrl+C of a table: the selected cells as tab-separated text with full digits.
void copySelection(const QTableView& view) {
    QModelIndexList cells = view.selectionModel()->selectedIndexes();
    std::sort(cells.begin(), cells.end(), [](const QModelIndex& a, const QModelIndex& b) {
        return a.row() != b.row() ? a.row() < b.row() : a.column() < b.column();
    });
    QString text;
    for (qsizetype cell = 0; cell < cells.size(); ++cell) {
        if (cell > 0) text += cells[cell].row() != cells[cell - 1].row() ? u'\n' : u'\t';
        text += cells[cell].data(ResultTableModel::valueRole).toString();
    }
    QApplication::clipboard()->setText(text);
}

/// Below this height, lines of text beside the title would leave no plot; tool tips have them.
constexpr int lowPanel = 230;
/// Columns are as wide as what the first of them hold: all of a long table is too much to measure.
constexpr int rowsOfWidths = 200;

QToolButton* toolButton(QWidget* parent, const QString& tooltip) {
    auto* button = new QToolButton(parent);
    button->setToolTip(tooltip);
    button->setAccessibleName(tooltip);
    button->setAutoRaise(true);
    return button;
}

} // namespace

DiagnosticPanel::DiagnosticPanel(const QString& title, SelectionModel* selection, QWidget* parent)
    : QWidget(parent), title_(title), selection_(selection), table_(new ResultTableModel(this)),
      turn_(new RefreshTurn([this] { ensureFresh(); }, this)) {
    Q_ASSERT(selection);
    setAccessibleName(title);
    connect(selection, &SelectionModel::changed, this, [this] { invalidate(SelectionChanged); });

    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(6, 4, 6, 4);
    column->setSpacing(3);
    buildToolBar();
    column->addWidget(controls_);
    buildTitles(*column);

    stack_ = new QStackedWidget(this);
    emptyLabel_ = new EmptyText(this);
    emptyLabel_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    stack_->addWidget(emptyLabel_);

    buildTable();
    stack_->addWidget(tableView_);
    stack_->setMinimumHeight(40); // a low panel makes its plot small: rows never lie on each other
    column->addWidget(stack_, 1);

    summaryLine_ = new TextLine(this);
    summaryLine_->setSelectable();
    column->addWidget(summaryLine_);
    QTimer::singleShot(0, this, [this] { // the virtual sentence: after construction
        if (!session_ && emptyText_.isEmpty()) showEmpty(noSessionText());
    });
}

DiagnosticPanel::~DiagnosticPanel() = default;

void DiagnosticPanel::buildTable() {
    tableView_ = new QTableView(this);
    sorted_ = new QSortFilterProxyModel(this);
    sorted_->setSourceModel(table_);
    sorted_->setSortRole(ResultTableModel::valueRole);
    tableView_->setModel(sorted_);
    tableView_->setSortingEnabled(true);
    tableView_->sortByColumn(-1, Qt::AscendingOrder);
    tableView_->setSelectionBehavior(QAbstractItemView::SelectRows);
    tableView_->setAlternatingRowColors(true);
    tableView_->setAccessibleName(tr("%1, table").arg(title_));
    CellTips::watch(tableView_);
    tableView_->verticalHeader()->hide();
    tableView_->horizontalHeader()->setResizeContentsPrecision(rowsOfWidths);
    tableView_->verticalHeader()->setDefaultSectionSize(tableView_->fontMetrics().height() + 6);
    connect(tableView_, &QTableView::clicked, this, [this](const QModelIndex& index) {
        if (sorted_->sourceModel() == table_) tableRowActivated(sorted_->mapToSource(index).row());
    });
    auto* copy = new QAction(tr("Copy"), tableView_);
    copy->setShortcut(QKeySequence::Copy);
    copy->setShortcutContext(Qt::WidgetShortcut);
    connect(copy, &QAction::triggered, this, [this] { copySelection(*tableView_); });
    tableView_->addAction(copy);
    tableView_->setContextMenuPolicy(Qt::ActionsContextMenu);
}

void DiagnosticPanel::buildTitles(QBoxLayout& column) {
    titleLine_ = new TextLine(this);
    titleLine_->setTextFont(1, true);
    titleLine_->setFullText(title_);
    detailLine_ = new TextLine(this);
    detailLine_->setTextFont(0.92, false);
    for (TextLine* line : {titleLine_, detailLine_}) column.addWidget(line);
    detailLine_->hide();
}

void DiagnosticPanel::buildToolBar() {
    controls_ = new FlowArea(this);
    // The buttons that all panels have are one item of the flow: beside the boxes where there is room, else
    // in a line of their own, so that boxes have the whole width.
    auto* common = new QWidget(controls_);
    auto* row = new QHBoxLayout(common);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(2);
    homeButton_ = toolButton(this, tr("Reset the zoom (Home key or double click)"));
    zoomButton_ = toolButton(this, tr("Zoom by dragging with the left button (the right one always does)"));
    copyButton_ = toolButton(this, tr("Copy the figure to the clipboard"));
    saveButton_ = toolButton(this, tr("Save the figure or its table: PNG, SVG, PDF, CSV"));
    tableButton_ = toolButton(this, tr("Show the numbers behind the figure"));
    tableButton_->setCheckable(true);
    tableButton_->setObjectName(QStringLiteral("tableTwin"));
    zoomButton_->setCheckable(true);
    tableBox_ = new CompactComboBox(this);
    tableBox_->setAccessibleName(tr("Which table"));
    tableBox_->setToolTip(tr("Which of the tables is shown, and saved as CSV"));
    tableBox_->hide();
    connect(tableBox_, &QComboBox::activated, this, &DiagnosticPanel::chooseTable);
    row->addWidget(tableBox_);
    for (QToolButton* button : {zoomButton_, homeButton_, copyButton_, saveButton_, tableButton_})
        row->addWidget(button);
    helpButton_ = toolButton(this, tr("What this shows: formula and source"));
    helpButton_->setObjectName(QStringLiteral("helpButton"));
    row->addWidget(helpButton_);
    static_cast<FlowLayout*>(controls_->layout())->addTrailing(common);
    connect(helpButton_, &QToolButton::clicked, this, &DiagnosticPanel::helpRequested);
    updateIcons();
    connect(homeButton_, &QToolButton::clicked, this, &DiagnosticPanel::home);
    connect(zoomButton_, &QToolButton::toggled, this, [this](bool on) {
        for (const auto& [plot, place] : parts_) plot->setZoomMode(on);
    });
    connect(copyButton_, &QToolButton::clicked, this, [this] { copyImage(); });
    connect(saveButton_, &QToolButton::clicked, this, &DiagnosticPanel::save);
    connect(tableButton_, &QToolButton::toggled, this, [this] {
        if (emptyText_.isEmpty()) showPage();
    });
}

void DiagnosticPanel::setSession(std::shared_ptr<const Session> session) {
    const bool first = !session_;
    session_ = std::move(session);
    if (!session_) {
        bands_ = {};
        bandStyles_.clear();
        pending_ = 0;
        turn_->cancel();
        showEmpty(noSessionText());
        return;
    }
    if (bands_.count() < 1 || bands_.pairs() != session_->model.pairs()) bands_ = session_->bands;
    if (bands_.count() < 1 || bands_.pairs() != session_->model.pairs())
        bands_ = BandPartition::equal(8, session_->model.pairs());
    bandStyles_ = session_->bandStyles;
    if (first)
        emptyLabel_->setFullText({}); // it said what to do without one; what there is comes in a moment
    invalidate(SessionChanged | BandsChanged | SelectionChanged);
}

void DiagnosticPanel::setBands(const BandPartition& bands) {
    if (!session_ || bands == bands_ || bands.pairs() != session_->model.pairs()) return;
    bands_ = bands;
    invalidate(BandsChanged);
}

void DiagnosticPanel::setBandStyles(const BandStyles& styles) {
    if (styles == bandStyles_) return;
    bandStyles_ = styles;
    invalidate(BandsChanged);
}

QString DiagnosticPanel::bandName(int band) const {
    return qroar::bandName(shownBandStyles(), band);
}

void DiagnosticPanel::invalidate(Changes changes) {
    if (!session_) return;
    pending_ |= changes;
    if (isInSight()) turn_->later();
}

void DiagnosticPanel::setSteps(StepQueue* steps) {
    turn_->setSteps(steps);
}

void DiagnosticPanel::catchUp() {
    if (!session_) return ensureFresh();
    if (pending_ != 0) turn_->soon();
}

bool DiagnosticPanel::isInSight() const {
    // Qt calls a dock behind the tab of another one visible, and moves it off the window.
    return isVisible() && !visibleRegion().isEmpty();
}

void DiagnosticPanel::ensureFresh() {
    if (!session_ && emptyText_.isEmpty()) showEmpty(noSessionText());
    if (!session_ || refreshing_) return;
    refreshing_ = true;
    for (int round = 0; pending_ != 0 && round < 4; ++round) refresh(std::exchange(pending_, 0));
    refreshing_ = false;
    turn_->cancel();
}

QString DiagnosticPanel::noSessionText() const {
    return tr("Nothing analyzed yet. Open a model and documents, choose conditions and press Run.");
}

QString DiagnosticPanel::noStatisticsText(const QString& condition, const QString& what) {
    return tr("%1 was run for perplexity only: this session holds no statistics of its queries and keys, and "
              "none can be added to it. Close it and press Run in Setup, or use qroar analyze: the new "
              "session shows %2.")
        .arg(condition, what);
}

QString DiagnosticPanel::figureTitle() {
    ensureFresh();
    return figureTitle_;
}

QString DiagnosticPanel::summary() {
    ensureFresh();
    return summary_;
}

QString DiagnosticPanel::emptyText() {
    ensureFresh();
    return emptyText_;
}

QAbstractItemModel* DiagnosticPanel::tableModel() {
    ensureFresh();
    fillTables();
    return table_;
}

void DiagnosticPanel::setContent(QWidget* content) {
    content_ = new QScrollArea(this);
    content_->setWidgetResizable(true);
    content_->setFrameShape(QFrame::NoFrame);
    content_->setFocusPolicy(Qt::NoFocus); // the plots have it, and scroll into sight with it
    content_->setWidget(content);
    content->setAutoFillBackground(false);
    content_->viewport()->setAutoFillBackground(false);
    stack_->addWidget(content_);
}

void DiagnosticPanel::addFigurePart(BasePlot* plot, const QRectF& place) {
    parts_.push_back({plot, place});
    if (plot->accessibleName().isEmpty()) plot->describe(title_, {}); // until there is something to see
    connect(plot, &BasePlot::menuWanted, this, &DiagnosticPanel::showPlotMenu);
}

void DiagnosticPanel::useFigurePart(BasePlot* plot, bool used, const QRectF& place) {
    std::erase(unused_, plot);
    if (!used) unused_.push_back(plot);
    for (auto& [part, where] : parts_)
        if (part == plot) where = place;
}

void DiagnosticPanel::addControl(QWidget* control) {
    if (auto* box = qobject_cast<QComboBox*>(control); box && !qobject_cast<CompactComboBox*>(control)) {
        box->setSizeAdjustPolicy(QComboBox::AdjustToContents);
        box->setSizePolicy(QSizePolicy::Maximum, QSizePolicy::Fixed);
    }
    controls_->layout()->addWidget(control);
}

void DiagnosticPanel::addOption(const QString& name, QComboBox* box, const QStringList& keys) {
    optionControls_.push_back({name, box, nullptr, keys, nullptr, nullptr, {}, {}});
}

void DiagnosticPanel::addOption(const QString& name, QComboBox* box, std::function<QString()> now) {
    optionControls_.push_back({name, box, nullptr, {}, nullptr, nullptr, {}, std::move(now)});
}

QStringList DiagnosticPanel::OptionControl::values() const {
    if (!now) return keys;
    QStringList texts;
    for (int entry = 0; entry < box->count(); ++entry) texts << box->itemText(entry);
    return texts;
}

void DiagnosticPanel::addOption(const QString& name, QAbstractButton* toggle) {
    optionControls_.push_back(
        {name, nullptr, toggle, {QStringLiteral("off"), QStringLiteral("on")}, nullptr, nullptr, {}, {}});
}

void DiagnosticPanel::addOption(const QString& name, QDoubleSpinBox* number) {
    optionControls_.push_back({name, nullptr, nullptr, {}, number, nullptr, {}, {}});
}

void DiagnosticPanel::addOption(const QString& name, QLineEdit* edit, TextReader reader) {
    optionControls_.push_back({name, nullptr, nullptr, {}, nullptr, edit, std::move(reader), {}});
}

QList<DiagnosticPanel::Option> DiagnosticPanel::options() const {
    QList<Option> result;
    for (const OptionControl& control : optionControls_) {
        if (control.edit) {
            QString unused;
            result.push_back({control.name,
                              control.reader(control.edit->text(), &unused),
                              {},
                              control.edit->accessibleName(),
                              true});
            continue;
        }
        if (control.number) {
            result.push_back({control.name,
                              QString::number(control.number->value(), 'g', 12),
                              {},
                              control.number->accessibleName()});
            continue;
        }
        const int index = control.box ? control.box->currentIndex() : control.toggle->isChecked() ? 1 : 0;
        const QWidget* widget = control.box ? static_cast<QWidget*>(control.box) : control.toggle;
        const QStringList values = control.values();
        result.push_back({control.name, control.now ? control.now() : values.value(index), values,
                          widget->accessibleName(), control.now && values.isEmpty()});
    }
    return result;
}

QString DiagnosticPanel::setOption(const QString& name, const QString& value) {
    QStringList names;
    for (const OptionControl& control : optionControls_) {
        names << control.name;
        if (control.name != name) continue;
        if (control.edit) {
            QString wrong;
            const QString taken = control.reader(value, &wrong);
            if (!wrong.isEmpty()) return tr("%1: %2: %3").arg(title_, name, wrong);
            if (taken == control.edit->text()) return {};
            control.edit->setText(taken);
            emit control.edit->editingFinished();
            return {};
        }
        if (control.number) {
            bool isNumber = false;
            const double number = value.toDouble(&isNumber);
            if (!isNumber) return tr("%1: %2 is a number; found \"%3\"").arg(title_, name, value);
            control.number->setValue(number);
            return {};
        }
        const QStringList values = control.values();
        const auto index = static_cast<int>(values.indexOf(value));
        if (index < 0)
            return tr("%1: there is no %2 \"%3\"; expected %4")
                .arg(title_, name, value,
                     values.isEmpty() ? tr("none here")
                                      : tr("one of %1").arg(values.join(QStringLiteral(", "))));
        if (control.toggle) {
            control.toggle->setChecked(index == 1);
        } else if (control.box->currentIndex() != index
                   || control.now) { // the same may be meant by itself now
            control.box->setCurrentIndex(index);
            emit control.box->activated(index);
        }
        return {};
    }
    if (names.isEmpty()) return tr("%1 has no options; found \"%2\"").arg(title_, name);
    return tr("%1 has no option \"%2\"; it has %3").arg(title_, name, names.join(QStringLiteral(", ")));
}

void DiagnosticPanel::updateIcons() {
    homeButton_->setIcon(panelIcon(PanelIcon::Home, palette()));
    zoomButton_->setIcon(panelIcon(PanelIcon::Zoom, palette()));
    copyButton_->setIcon(panelIcon(PanelIcon::Copy, palette()));
    saveButton_->setIcon(panelIcon(PanelIcon::Save, palette()));
    tableButton_->setIcon(panelIcon(PanelIcon::Table, palette()));
    helpButton_->setIcon(panelIcon(PanelIcon::Help, palette()));
}

void DiagnosticPanel::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange && tableButton_) updateIcons();
}

void DiagnosticPanel::showContent(const QString& title, const QString& detail, const QString& summary) {
    heading_ = title;
    detail_ = detail;
    figureTitle_ = detail.isEmpty() ? title : tr("%1: %2").arg(title, detail);
    summary_ = summary;
    emptyText_.clear();
    for (QToolButton* button : {homeButton_, copyButton_, saveButton_, tableButton_})
        button->setEnabled(true);
    zoomButton_->setEnabled(std::any_of(parts_.begin(), parts_.end(),
                                        [](const auto& part) { return part.first->isNavigable(); }));
    for (const auto& [plot, place] : parts_) plot->describe(figureTitle_, summary_);
    showPage();
    updateTexts();
    updateHelp();
}

void DiagnosticPanel::showPage() {
    QWidget* page = showsTable() ? static_cast<QWidget*>(tableView_) : content_;
    const bool tableAppears = page == tableView_ && stack_->currentWidget() != tableView_;
    stack_->setCurrentWidget(page);
    if (page == tableView_)
        listTables();
    else
        tableBox_->hide();
    if (tableAppears) tableView_->resizeColumnsToContents();
}

void DiagnosticPanel::showEmpty(const QString& text) {
    emptyText_ = text;
    figureTitle_ = heading_ = emptyTitle();
    detail_.clear();
    summary_.clear();
    fill_ = nullptr;
    if (table_->columnCount() > 0) table_->clear(); // views of an empty table would still begin anew
    emptyLabel_->setFullText(text);
    stack_->setCurrentWidget(emptyLabel_);
    tableBox_->hide();
    for (QToolButton* button : {homeButton_, zoomButton_, copyButton_, saveButton_, tableButton_})
        button->setEnabled(false);
    updateTexts();
    updateHelp();
}

void DiagnosticPanel::updateHelp() {
    if (helpSource_) helpButton_->setToolTip(helpSource_(*this));
}

void DiagnosticPanel::updateTexts() {
    const int room = std::max(60, width() - 14);
    const bool low = height() < lowPanel;
    const bool oneLine = low || detail_.isEmpty() || titleLine_->textWidth(figureTitle_) <= room;
    titleLine_->setFullText(oneLine ? figureTitle_ : heading_, figureTitle_);
    detailLine_->setFullText(detail_, figureTitle_);
    detailLine_->setVisible(!oneLine);
    summaryLine_->setVisible(!low);
    summaryLine_->setFullText(summary_);
    setAccessibleDescription(summary_.isEmpty() ? emptyText_ : summary_);
}

QString DiagnosticPanel::formula() const {
    for (const auto* box : controls_->findChildren<QComboBox*>())
        if (const QString text = box->currentData(Qt::ToolTipRole).toString(); !text.isEmpty()) return text;
    return {};
}

void DiagnosticPanel::setHelpSource(std::function<QString(const DiagnosticPanel&)> source) {
    helpSource_ = std::move(source);
    updateHelp();
}

void DiagnosticPanel::setSequentialMap(const ColorMap& map) {
    for (const auto& [plot, place] : parts_) plot->setSequentialMap(map);
}

void DiagnosticPanel::home() {
    for (const auto& [plot, place] : parts_) plot->home();
}

void DiagnosticPanel::setZoomMode(bool on) {
    zoomButton_->setChecked(on);
}

bool DiagnosticPanel::zoomMode() const {
    return zoomButton_->isChecked();
}

void DiagnosticPanel::zoomBack() {
    for (const auto& [plot, place] : parts_) plot->zoomBack();
}

void DiagnosticPanel::zoomForward() {
    for (const auto& [plot, place] : parts_) plot->zoomForward();
}

void DiagnosticPanel::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    if (isInSight()) catchUp();
    updateTexts();
}

void DiagnosticPanel::paintEvent(QPaintEvent* event) {
    QWidget::paintEvent(event);
    // It came into sight unannounced: out from under another widget, or in a splitter that gave it room.
    if (pending_ != 0) turn_->later();
}

void DiagnosticPanel::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    updateTexts();
}

void DiagnosticPanel::tableRowActivated(int) {}

} // namespace qroar
