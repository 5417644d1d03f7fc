#include "widgets/panels/what_if_list.h"

#include "core/rope/rope_spec.h"
#include "core/scales/gain_edit.h"
#include "widgets/common/cell_tips.h"
#include "widgets/common/empty_text.h"
#include "widgets/common/flow_layout.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/panels/refresh_turn.h"

#include <QAction>
#include <QApplication>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QScrollBar>
#include <QStackedWidget>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>

namespace qroar {

namespace {

constexpr int mostCharacters = 28; ///< of a column, before one asks for more
/// Where a column of its own for the buttons leaves the table enough: that many characters; in a low list
/// less.
constexpr int tableCharacters = 60, lowTableCharacters = 24, lowLines = 16;
/// What one looks for comes first; the list as a file keeps the order of columns().
constexpr const char* firstOnScreen[] = {"name",           "predicted",       "predicted_error", "nll_change",
                                         "nll_change_low", "nll_change_high", "effect"};

/// Effective gains of the bands, e.g. "1.10 0.95 1 1"; of layers and heads that differ their mean.
QString gainsText(const QkGains& gains, const BandPartition& bands) {
    if (bands.pairs() != gains.pairs) return {};
    const GainEdit edit = GainEdit::from(gains, {});
    QStringList texts;
    for (int band = 0; band < bands.count(); ++band)
        texts << QString::number(edit.total(bands, -1, band).effective(), 'f', 2);
    return texts.join(QLatin1Char(' '));
}

QString layersText(const QkGains& gains) {
    const GainEdit edit = GainEdit::from(gains, {});
    if (edit.base()) return WhatIfList::tr("layers or heads differ");
    int different = 0;
    for (int layer = 0; layer < edit.layers(); ++layer) different += edit.differs(layer) ? 1 : 0;
    return different == 0 ? WhatIfList::tr("one for all layers")
                          : WhatIfList::tr("%1 of %2 layers differ").arg(different).arg(edit.layers());
}

QVariant number(double value) {
    return std::isnan(value) ? QVariant() : QVariant(value);
}

std::vector<ResultTableModel::Column> columns() {
    const QString nats = WhatIfList::tr("nats a token; negative: better");
    const QString paired = WhatIfList::tr("95 % interval of the paired difference, in nats a token");
    return {
        {"name", WhatIfList::tr("Name"), WhatIfList::tr("Can be edited; --scales run.h5:NAME says it")},
        {"rope", WhatIfList::tr("RoPE"), {}},
        {"context", WhatIfList::tr("Context"), WhatIfList::tr("tokens of a window")},
        {"quant", WhatIfList::tr("Weights"), {}},
        {"predicted", WhatIfList::tr("Predicted"),
         WhatIfList::tr("Change of the NLL to first order, %1").arg(nats)},
        {"predicted_error", WhatIfList::tr("± error"), WhatIfList::tr("Standard error of the prediction")},
        {"nll_change", WhatIfList::tr("Q+g − Q"), WhatIfList::tr("What was measured, %1").arg(nats)},
        {"nll_change_low", WhatIfList::tr("from"), paired},
        {"nll_change_high", WhatIfList::tr("to"), paired},
        {"full_change", WhatIfList::tr("FP+g − FP"),
         WhatIfList::tr("The same gains without quantization: what of it is not about quantization, %1")
             .arg(nats)},
        {"full_change_low", WhatIfList::tr("from"), paired},
        {"full_change_high", WhatIfList::tr("to"), paired},
        {"effect", WhatIfList::tr("Effect"), WhatIfList::tr("Of the interval of Q+g − Q")},
        {"effective_gains", WhatIfList::tr("gQ gK by band"),
         WhatIfList::tr(
             "Effective gains in the bands that are shown; of layers and heads that differ the mean")},
        {"scope", WhatIfList::tr("Scope"), {}},
        {"largest_log_gain", WhatIfList::tr("Largest |ln g|"),
         WhatIfList::tr("of gQ gK; a prediction is trusted up to 0.3")},
        {"pinned", WhatIfList::tr("Pinned"), WhatIfList::tr("Date and time, UTC")},
        {"verdict", WhatIfList::tr("Verdict"), {}},
        {"text_note", WhatIfList::tr("Text"),
         WhatIfList::tr("Where prediction and measurement are of different text")}};
}

} // namespace

QString predictionNote(const Session& session, const WhatIf& whatIf) {
    if (!whatIf.measured() || std::isnan(whatIf.predicted)) return {};
    const auto texts = [](const std::vector<SessionDocument>& documents) {
        std::multiset<std::string> fingerprints;
        for (const SessionDocument& document : documents) fingerprints.insert(document.fingerprint);
        return fingerprints;
    };
    if (texts(whatIf.documents) != texts(session.documents))
        return WhatIfList::tr("Predicted from the documents of the session, measured over other documents: "
                              "the two numbers are of different text.");
    const auto rope = RopeSpec::parse(whatIf.scales.rope);
    const auto quant = QuantSpec::parse(whatIf.scales.quant);
    if (!rope || !quant) return {};
    const auto condition = session.find({*rope, whatIf.context, *quant, {}});
    const auto predicted = condition ? static_cast<int>(condition->windows.size()) : 0;
    if (predicted == 0 || predicted == whatIf.quantized.windows) return {};
    return WhatIfList::tr(
               "Predicted from %1 windows of text, measured over %2: the limit of windows in Setup "
               "is not that of the session.")
        .arg(predicted)
        .arg(whatIf.quantized.windows);
}

void WhatIfModel::show(const Session* session, const BandPartition& bands) {
    std::vector<Row> rows;
    for (const auto& one : session ? session->whatIfs : WhatIfs()) {
        const auto text = [](const std::string& from) { return QVariant(QString::fromStdString(from)); };
        const QString when = QString::fromStdString(one->created).replace(QLatin1Char('T'), QLatin1Char(' '));
        const Known& gains = known(one, bands);
        rows.push_back({text(one->scales.name), text(one->scales.rope), one->context,
                        text(one->scales.quant == "none" ? "FP" : one->scales.quant), number(one->predicted),
                        number(one->predictedError), number(one->quantized.mean), number(one->quantized.low),
                        number(one->quantized.high), number(one->full.mean), number(one->full.low),
                        number(one->full.high),
                        one->measured() ? text(one->effect) : QVariant(WhatIfList::tr("not measured")),
                        gains.gains, gains.layers, one->largestLogGain, when.left(16), text(one->words),
                        predictionNote(*session, *one)});
    }
    setTable(columns(), std::move(rows));
    std::erase_if(known_, [](const Known& one) { return one.of.use_count() == 1; }); // deleted since
}

const WhatIfModel::Known& WhatIfModel::known(const std::shared_ptr<const WhatIf>& whatIf,
                                             const BandPartition& bands) {
    if (!(bands == bands_)) known_.clear();
    bands_ = bands;
    for (const Known& one : known_)
        if (one.of == whatIf) return one;
    known_.push_back({whatIf, gainsText(whatIf->scales.gains, bands), layersText(whatIf->scales.gains)});
    return known_.back();
}

QVariant WhatIfModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation == Qt::Vertical && (role == Qt::DisplayRole || role == Qt::ToolTipRole))
        return index(section, 0).data();
    return ResultTableModel::headerData(section, orientation, role);
}

Qt::ItemFlags WhatIfModel::flags(const QModelIndex& index) const {
    const Qt::ItemFlags plain = ResultTableModel::flags(index);
    return index.column() == 0 ? plain | Qt::ItemIsEditable : plain;
}

QVariant WhatIfModel::data(const QModelIndex& index, int role) const {
    if (role == Qt::DisplayRole) { // effects to three digits: more say nothing and cost the room of a column
        const QVariant value = ResultTableModel::data(index, valueRole);
        if (value.typeId() == QMetaType::Double) return readableNumber(value.toDouble(), 3);
    }
    return ResultTableModel::data(index, role == Qt::EditRole ? Qt::DisplayRole : role);
}

bool WhatIfModel::setData(const QModelIndex& index, const QVariant& value, int role) {
    if (role != Qt::EditRole || index.column() != 0) return false;
    const QString name = value.toString().trimmed();
    if (name.isEmpty() || name == data(index, Qt::DisplayRole).toString()) return false;
    emit renameRequested(index.row(), name); // the list is set anew when it may have the name
    return true;
}

WhatIfList::WhatIfList(QWidget* parent)
    : QWidget(parent), turn_(new RefreshTurn([this] { ensureFresh(); }, this)) {
    buildTable();
    sayWhatToDo();
    words_ = new QLabel;
    words_->setWordWrap(true);
    words_->setTextFormat(Qt::PlainText);
    words_->setTextInteractionFlags(Qt::TextSelectableByMouse);
    words_->setAccessibleName(tr("Verdict of the selected what-if"));
    auto* column = new QVBoxLayout;
    column->setSpacing(4);
    column->addWidget(pages_, 1);
    column->addWidget(words_);
    buttons_ = buildButtons();
    sides_ = new QBoxLayout(QBoxLayout::TopToBottom, this);
    sides_->setContentsMargins(6, 4, 6, 4);
    sides_->setSpacing(4);
    sides_->addLayout(column, 1);
    sides_->addWidget(buttons_, 0, Qt::AlignTop);
    connect(view_->selectionModel(), &QItemSelectionModel::selectionChanged, this,
            &WhatIfList::updateButtons);
    updateButtons();
}

void WhatIfList::buildTable() {
    model_ = new WhatIfModel(this);
    view_ = new QTableView;
    view_->setModel(model_);
    view_->setAccessibleName(tr("What-ifs: gains that were pinned"));
    view_->setSelectionBehavior(QAbstractItemView::SelectRows);
    view_->setSelectionMode(QAbstractItemView::ExtendedSelection);
    view_->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed);
    view_->setWordWrap(false);
    CellTips::watch(view_);
    view_->setTabKeyNavigation(false);
    view_->verticalHeader()->setVisible(false);
    view_->verticalHeader()->setMaximumWidth(18 * fontMetrics().averageCharWidth());
    view_->verticalHeader()->setTextElideMode(Qt::ElideMiddle);
    view_->verticalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    // Scrolled to the right, the rows still say whose numbers they are.
    connect(view_->horizontalScrollBar(), &QScrollBar::valueChanged, this,
            [this](int column) { view_->verticalHeader()->setVisible(column > 0); });
    view_->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 6);
    view_->horizontalHeader()->setStretchLastSection(true);
    connect(view_->horizontalHeader(), &QHeaderView::sectionResized, this,
            [this](int column) { // the last one follows the width of the view
                const bool last = column == model_->columnCount() - 1;
                ownWidths_ =
                    ownWidths_ || (!fitting_ && !last && QApplication::mouseButtons() != Qt::NoButton);
            });
    connect(model_, &WhatIfModel::renameRequested, this, &WhatIfList::renameRequested);
    empty_ = new EmptyText;
    pages_ = new QStackedWidget;
    pages_->addWidget(empty_);
    pages_->addWidget(view_);
}

/// Below the window the dock is wide and low: what the buttons take there, the plots would lack.
void WhatIfList::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    int widest = 0;
    for (const QPushButton* one : {restore_, compare_, condition_, exportScales_, exportList_, delete_})
        widest = std::max(widest, one->sizeHint().width());
    const int pair = 2 * widest + 6, character = fontMetrics().averageCharWidth();
    const bool low = height() < lowLines * fontMetrics().height();
    const bool beside = width() >= pair + (low ? lowTableCharacters : tableCharacters) * character;
    sides_->setDirection(beside ? QBoxLayout::LeftToRight : QBoxLayout::TopToBottom);
    sides_->setAlignment(buttons_, beside ? Qt::AlignTop : Qt::Alignment());
    buttons_->setMinimumWidth(beside ? pair : 0);
    buttons_->setMaximumWidth(beside ? pair : QWIDGETSIZE_MAX);
}

QWidget* WhatIfList::buildButtons() {
    const auto button = [this](const QString& text, const QString& tip, auto clicked) {
        auto* made = new QPushButton(text);
        made->setToolTip(tip);
        connect(made, &QPushButton::clicked, this, clicked);
        return made;
    };
    const auto first = [this] { return selectedRows().front(); };
    restore_ = button(tr("&Restore"), tr("These gains into the editor"),
                      [this, first] { emit restoreRequested(first()); });
    compare_ = button(tr("&Compare"), tr("Two what-ifs side by side: gains and effects"), [this] {
        const auto rows = selectedRows();
        emit compareRequested(rows[0], rows[1]);
    });
    condition_ =
        button(tr("Make c&ondition"),
               tr("Runs the condition with these gains, so that all views can show it beside the one "
                  "without (A, B, A − B)"),
               [this, first] { emit conditionRequested(first()); });
    exportScales_ =
        button(tr("Export gains..."),
               tr("A session file with these gains alone, for qroar export --scales FILE and qroar "
                  "evaluate --scales FILE"),
               [this, first] { emit exportScalesRequested(first()); });
    exportList_ =
        button(tr("Export &list..."), tr("The table as CSV"), [this] { emit exportListRequested(); });
    delete_ = button(tr("Delete"), tr("Can be undone"), [this] { emit deleteRequested(selectedRows()); });
    auto* remove = new QAction(tr("Delete the selected what-ifs"), view_); // the sheet of shortcuts lists it
    remove->setShortcut(QKeySequence::Delete);
    remove->setShortcutContext(Qt::WidgetShortcut);
    view_->addAction(remove);
    connect(remove, &QAction::triggered, delete_, &QPushButton::click);
    auto* buttons = new FlowArea;
    for (QPushButton* one : {restore_, compare_, condition_, exportScales_, exportList_, delete_})
        buttons->layout()->addWidget(one);
    return buttons;
}

void WhatIfList::setSession(const std::shared_ptr<const Session>& session) {
    const bool sameList = session && session_ && session->whatIfs == session_->whatIfs
                          && session->bands == bands_ && session->conditions == session_->conditions
                          && session->documents == session_->documents;
    session_ = session;
    if (session_) bands_ = session_->bands;
    if (!sameList) showLater();
    sayWhatToDo();
    pages_->setCurrentIndex(session_ && !session_->whatIfs.empty() ? 1 : 0);
    updateButtons();
}

void WhatIfList::setSteps(StepQueue* steps) {
    turn_->setSteps(steps);
}

void WhatIfList::showLater() {
    stale_ = true;
    if (isVisible() && !visibleRegion().isEmpty()) turn_->later();
}

/// Rows stay selected by their numbers.
void WhatIfList::ensureFresh() {
    if (!std::exchange(stale_, false)) return;
    turn_->cancel();
    const QModelIndexList selected = view_->selectionModel()->selectedRows();
    std::vector<int> rows;
    for (const QModelIndex& index : selected) rows.push_back(index.row());
    std::sort(rows.begin(), rows.end());
    model_->show(session_.get(), bands_);
    fitColumns();
    select(rows);
}

void WhatIfList::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    if (stale_) turn_->soon();
}

void WhatIfList::paintEvent(QPaintEvent* event) {
    QWidget::paintEvent(event);
    if (stale_) turn_->later(); // it came out from behind the tab of another dock
}

WhatIfModel& WhatIfList::model() {
    ensureFresh();
    return *model_;
}

QTableView& WhatIfList::view() {
    ensureFresh();
    return *view_;
}

void WhatIfList::sayWhatToDo() {
    empty_->setFullText(
        session_ ? tr("No what-ifs yet. Set gains in the Scales dock, then evaluate or pin them: every "
                      "result is kept here, can be named, restored, compared, run as a condition of "
                      "its own and exported.")
                 : tr("No session. Run an analysis or open a session; then set gains in the Scales dock and "
                      "evaluate or pin them: every result is kept here."));
}

/// As wide as what is in them, texts up to a limit: the tool tip has the rest. What was dragged stays.
void WhatIfList::fitColumns() {
    if (model_->rowCount() == 0) return;
    if (ownWidths_) return;
    QHeaderView* header = view_->horizontalHeader();
    for (int place = 0; place < static_cast<int>(std::size(firstOnScreen)); ++place)
        header->moveSection(header->visualIndex(model_->columnOf(QLatin1String(firstOnScreen[place]))),
                            place);
    fitting_ = true;
    view_->resizeColumnsToContents();
    const int character = fontMetrics().averageCharWidth();
    for (int column = 0; column < model_->columnCount(); ++column)
        view_->setColumnWidth(column, std::clamp(view_->columnWidth(column), column == 0 ? 14 * character : 1,
                                                 mostCharacters * character));
    fitting_ = false;
}

void WhatIfList::setBands(const BandPartition& bands) {
    bands_ = bands;
    if (session_) showLater();
}

void WhatIfList::setBlocked(bool blocked) {
    blocked_ = blocked;
    updateButtons();
}

std::vector<int> WhatIfList::selectedRows() {
    ensureFresh();
    std::vector<int> rows;
    for (const QModelIndex& index : view_->selectionModel()->selectedRows()) rows.push_back(index.row());
    std::sort(rows.begin(), rows.end());
    return rows;
}

void WhatIfList::select(const std::vector<int>& rows) {
    ensureFresh();
    QItemSelection selection;
    for (const int row : rows)
        if (row < model_->rowCount())
            selection.select(model_->index(row, 0), model_->index(row, model_->columnCount() - 1));
    view_->selectionModel()->select(selection, QItemSelectionModel::ClearAndSelect);
    if (!rows.empty() && rows.back() < model_->rowCount()) view_->scrollTo(model_->index(rows.back(), 0));
    updateButtons();
}

QSize WhatIfList::sizeHint() const {
    return {fontMetrics().averageCharWidth() * 100, fontMetrics().height() * 9};
}

QString WhatIfList::emptyText() {
    return pages_->currentIndex() == 0 ? empty_->fullText() : QString();
}

void WhatIfList::updateButtons() {
    const std::vector<int> rows = stale_ ? std::vector<int>() : selectedRows(); // comes again when shown
    const bool one =
        rows.size() == 1 && session_ && rows.front() < static_cast<int>(session_->whatIfs.size());
    restore_->setEnabled(one);
    compare_->setEnabled(rows.size() == 2);
    condition_->setEnabled(one && !blocked_);
    exportScales_->setEnabled(one);
    exportList_->setEnabled(session_ && !session_->whatIfs.empty());
    delete_->setEnabled(!rows.empty());
    QStringList lines;
    if (one) {
        const WhatIf& whatIf = *session_->whatIfs[static_cast<std::size_t>(rows.front())];
        lines << QString::fromStdString(whatIf.words) << predictionNote(*session_, whatIf);
        lines.removeAll(QString());
    }
    words_->setText(lines.join(u'\n'));
    words_->setVisible(!words_->text().isEmpty());
}

} // namespace qroar
