#include "widgets/panels/band_editor.h"

#include "widgets/common/cell_tips.h"
#include "widgets/common/default_condition.h"
#include "widgets/common/names.h"
#include "widgets/panels/band_editor_model.h"

#include <QColorDialog>
#include <QGridLayout>
#include <QGroupBox>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPainter>
#include <QPushButton>
#include <QSpinBox>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>
#include <array>

namespace qroar {

namespace {

/// Okabe & Ito, "Color Universal Design" (2008).
struct NamedColour {
    const char* name;
    QRgb colour;
};
constexpr NamedColour okabeIto[] = {
    {QT_TRANSLATE_NOOP("BandEditor", "Orange"), 0xffe69f00},
    {QT_TRANSLATE_NOOP("BandEditor", "Sky blue"), 0xff56b4e9},
    {QT_TRANSLATE_NOOP("BandEditor", "Bluish green"), 0xff009e73},
    {QT_TRANSLATE_NOOP("BandEditor", "Yellow"), 0xfff0e442},
    {QT_TRANSLATE_NOOP("BandEditor", "Blue"), 0xff0072b2},
    {QT_TRANSLATE_NOOP("BandEditor", "Vermilion"), 0xffd55e00},
    {QT_TRANSLATE_NOOP("BandEditor", "Reddish purple"), 0xffcc79a7},
    {QT_TRANSLATE_NOOP("BandEditor", "Black"), 0xff000000},
};

QIcon swatch(const QColor& colour) {
    QPixmap image(16, 16);
    image.fill(colour);
    QPainter painter(&image);
    painter.setPen(QColor(0x80, 0x80, 0x80));
    painter.drawRect(0, 0, 15, 15);
    return image;
}

/// QTableView::edit() complains when the name is being edited already.
class BandTable : public QTableView {
  public:
    using QTableView::QTableView;
    void begin(const QModelIndex& index) { edit(index, AllEditTriggers, nullptr); }
};

} // namespace

BandEditor::BandEditor(SelectionModel* selection, QWidget* parent)
    : QWidget(parent), selection_(selection), model_(new BandEditorModel(this)), table_(new BandTable(this)),
      empty_(new QLabel(this)), body_(new QWidget(this)) {
    empty_->setWordWrap(true);
    empty_->setAlignment(Qt::AlignCenter);
    empty_->setMargin(16);
    buildColourMenu();
    buildTable();
    auto* inner = new QVBoxLayout(body_);
    inner->setContentsMargins(6, 6, 6, 6);
    inner->addWidget(table_, 1);
    inner->addWidget(buildButtons());
    inner->addWidget(buildPresets());
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(empty_);
    column->addWidget(body_);
    connect(model_, &BandEditorModel::edited, this, &BandEditor::edited);
    connect(selection_, &SelectionModel::changed, this, &BandEditor::followSelection);
    setSession(nullptr);
    setModelOpen(false);
}

void BandEditor::setModelOpen(bool open) {
    empty_->setText(open ? tr("Bands are those of results, and the open model has none yet. Add documents in "
                              "Setup and press Run, or open a session; then edit its bands here.")
                         : tr("Open a session to edit its bands, or open a model and run an analysis."));
}

void BandEditor::buildTable() {
    auto* delegate = new BandEditorDelegate(table_);
    model_->setTheme(PlotTheme::fromPalette(palette()));
    table_->setModel(model_);
    CellTips::watch(table_);
    table_->setItemDelegate(delegate);
    table_->setAccessibleName(tr("Bands"));
    table_->setSelectionBehavior(QAbstractItemView::SelectRows);
    table_->setSelectionMode(QAbstractItemView::SingleSelection);
    table_->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::SelectedClicked
                            | QAbstractItemView::EditKeyPressed | QAbstractItemView::AnyKeyPressed);
    table_->setTabKeyNavigation(false);
    table_->setWordWrap(false);
    table_->verticalHeader()->hide();
    table_->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 8);
    QHeaderView* header = table_->horizontalHeader();
    header->setSectionResizeMode(QHeaderView::Fixed); // fitColumns()
    header->setTextElideMode(Qt::ElideRight);
    header->setStretchLastSection(true);
    table_->viewport()->installEventFilter(this);
    header->setMinimumSectionSize(fontMetrics().height() + 10);
    header->setHighlightSections(false);
    connect(table_->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
            [this](const QModelIndex& now) {
                if (!following_ && now.isValid()) selection_->setBand(now.row());
                updateButtons();
            });
    connect(table_, &QTableView::clicked, this, [this](const QModelIndex& index) {
        if (index.column() == BandEditorModel::Colour)
            colours_->popup(table_->viewport()->mapToGlobal(table_->visualRect(index).bottomLeft()));
    });
}

int BandEditor::widthOf(int column) {
    int widest = 0;
    for (int row = 0; row < model_->rowCount(); ++row) {
        const QModelIndex cell = model_->index(row, column);
        int& width = widths_[{column, cell.data().toString()}];
        if (width == 0) width = table_->sizeHintForIndex(cell).width() + 1; // the line of the grid
        widest = std::max(widest, width);
    }
    int& kept = widest_[column]; // while an edge moves, columns stand still
    return kept = std::max(kept, widest);
}

void BandEditor::fitColumns() {
    if (!isVisible()) return; // showEvent()
    QHeaderView* header = table_->horizontalHeader();
    const int room = table_->viewport()->width(), character = fontMetrics().averageCharWidth();
    std::array<int, BandEditorModel::ColumnCount> wanted{}, least{}, titles{};
    int all = 0, titleRoom = 0;
    for (std::size_t column = 0; column < wanted.size(); ++column) {
        const auto at = static_cast<int>(column);
        wanted[column] = std::max(widthOf(at), header->minimumSectionSize());
        if (at == BandEditorModel::Name) wanted[column] = std::min(wanted[column], 22 * character);
        const bool gives = at == BandEditorModel::Name || at >= BandEditorModel::Wavelength;
        // Numbers can be read in the tool tip; what tells the bands from each other stays whole.
        if (!gives && at != BandEditorModel::Colour)
            wanted[column] = std::max(wanted[column], header->sectionSizeHint(at));
        const int most = at == BandEditorModel::Name ? 12 : 7;
        least[column] = gives ? std::min(wanted[column], most * character) : wanted[column];
        titles[column] = std::max(0, header->sectionSizeHint(at) - wanted[column]);
        all += wanted[column];
        titleRoom += titles[column];
    }
    int spare = room - all; // of what is shown in the cells
    for (std::size_t column = 0; column < wanted.size() && spare > 0 && titleRoom > 0; ++column) {
        const int more = spare >= titleRoom ? titles[column] : titles[column] * spare / titleRoom;
        wanted[column] += more;
    }
    for (const int column : {BandEditorModel::Name, BandEditorModel::Omega, BandEditorModel::Wavelength}) {
        if (spare >= 0) break;
        const auto at = static_cast<std::size_t>(column);
        const int less = std::min(-spare, wanted[at] - least[at]);
        wanted[at] -= less;
        spare += less;
    }
    // The last one takes what is left by itself; telling it another width would draw the table twice.
    const std::size_t told = spare > 0 ? wanted.size() - 1 : wanted.size();
    for (std::size_t column = 0; column < told; ++column)
        header->resizeSection(static_cast<int>(column), wanted[column]);
}

void BandEditor::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    fitColumns();
}

bool BandEditor::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::Resize && watched == table_->viewport()) fitColumns();
    return QWidget::eventFilter(watched, event);
}

void BandEditor::buildColourMenu() {
    colours_ = new QMenu(this);
    colours_->setObjectName(QStringLiteral("bandColours"));
    for (const NamedColour& one : okabeIto) {
        const QColor colour(one.colour);
        colours_->addAction(swatch(colour), tr(one.name), this,
                            [this, colour] { setColour(band(), colour); });
    }
    colours_->addSeparator();
    colours_->addAction(tr("Other colour..."), this, [this] {
        const int chosen = band();
        const QColor now = bandColour(model_->layout().styles, chosen, PlotTheme::fromPalette(palette()));
        if (const QColor colour = QColorDialog::getColor(now, this, tr("Colour of the band"));
            colour.isValid())
            setColour(chosen, colour);
    });
    colours_->addAction(tr("Default colour"), this, [this] { setColour(band(), {}); });
}

QWidget* BandEditor::buildButtons() {
    auto* row = new QWidget(this);
    auto* layout = new QHBoxLayout(row);
    layout->setContentsMargins(0, 0, 0, 0);
    const auto add = [&](const QString& text, const QString& tip, const char* name) {
        auto* button = new QPushButton(text, row);
        button->setToolTip(tip);
        button->setObjectName(QLatin1String(name));
        button->setAutoDefault(false);
        layout->addWidget(button);
        return button;
    };
    splitButton_ =
        add(tr("&Split"), tr("Cuts the band in front of the selected pair, or in its middle"), "splitBand");
    mergeButton_ =
        add(tr("&Merge"), tr("Joins the band with the one after it (the last one with the one before)"),
            "mergeBand");
    auto* renameButton =
        add(tr("Re&name"), tr("Names the band; an empty name is that of its index"), "renameBand");
    colourButton_ = add(tr("&Colour"), tr("Colour of the band in all views"), "colourBand");
    colourButton_->setMenu(colours_);
    layout->addStretch(1);
    connect(splitButton_, &QPushButton::clicked, this, &BandEditor::split);
    connect(mergeButton_, &QPushButton::clicked, this, &BandEditor::merge);
    connect(renameButton, &QPushButton::clicked, this, [this] { rename(band()); });
    return row;
}

QWidget* BandEditor::buildPresets() {
    auto* box = new QGroupBox(tr("Presets"), this);
    auto* grid = new QGridLayout(box);
    count_ = new QSpinBox(box);
    count_->setRange(1, 1);
    auto* equal = new QPushButton(tr("E&qual bands"), box);
    equal->setObjectName(QStringLiteral("equalBands"));
    equal->setToolTip(tr("As many pairs in each as possible: equal parts of log ω"));
    count_->setAccessibleName(tr("Number of equal bands"));
    yarnButton_ = new QPushButton(tr("&YaRN zones"), box);
    yarnButton_->setObjectName(QStringLiteral("yarnZones"));
    thirdsButton_ = new QPushButton(tr("&Wavelength thirds"), box);
    thirdsButton_->setObjectName(QStringLiteral("wavelengthThirds"));
    thirdsButton_->setToolTip(tr("Three equal parts in log wavelength up to the trained length L0, and the "
                                 "pairs beyond, which never completed a cycle in training"));
    edges_ = new QLineEdit(box);
    edges_->setObjectName(QStringLiteral("bandEdges"));
    edges_->setAccessibleName(tr("Edges of the bands"));
    edges_->setToolTip(tr("First pair of each band, separated by commas, as --band-edges takes them"));
    auto* apply = new QPushButton(tr("Apply edges"), box);
    apply->setObjectName(QStringLiteral("applyEdges"));
    problem_ = new QLabel(box);
    problem_->setWordWrap(true);
    problem_->hide();
    for (QPushButton* button : {equal, yarnButton_, thirdsButton_, apply}) button->setAutoDefault(false);
    grid->addWidget(count_, 0, 0);
    grid->addWidget(equal, 0, 1);
    grid->addWidget(yarnButton_, 1, 0);
    grid->addWidget(thirdsButton_, 1, 1);
    grid->addWidget(edges_, 2, 0);
    grid->addWidget(apply, 2, 1);
    grid->addWidget(problem_, 3, 0, 1, 2);
    grid->setColumnStretch(0, 1);
    grid->setColumnStretch(1, 1);
    connect(equal, &QPushButton::clicked, this, [this] { makeEqual(count_->value()); });
    connect(yarnButton_, &QPushButton::clicked, this, &BandEditor::makeYarnZones);
    connect(thirdsButton_, &QPushButton::clicked, this, &BandEditor::makeWavelengthThirds);
    connect(apply, &QPushButton::clicked, this, [this] { setEdges(edges_->text()); });
    connect(edges_, &QLineEdit::returnPressed, this, [this] { setEdges(edges_->text()); });
    return box;
}

void BandEditor::setSession(const std::shared_ptr<const Session>& session) {
    session_ = session;
    widest_.clear();
    empty_->setVisible(!session);
    body_->setVisible(session != nullptr);
    update(session ? BandLayout{session->bands, session->bandStyles} : BandLayout{});
    if (session) {
        const FrequencyTable table = frequencies();
        model_->setFrequencies(table.plain);
        fitColumns();
        count_->setMaximum(std::max(1, session->bands.pairs()));
        count_->setValue(session->bands.count());
    }
    updateButtons();
}

void BandEditor::setBands(const BandPartition& bands) {
    if (session_) update({bands, model_->layout().styles});
}

void BandEditor::setStyles(const BandStyles& styles) {
    if (session_) update({model_->layout().bands, styles});
}

void BandEditor::update(const BandLayout& layout) {
    if (layout.styles != model_->layout().styles || layout.bands.count() != model_->layout().bands.count())
        widest_.clear();
    following_ = true;
    model_->setLayout(layout);
    following_ = false;
    fitColumns();
    const QString text = QString::fromStdString(layout.bands.text());
    if (!edges_->hasFocus() || !problem_->isVisible()) edges_->setText(text);
    problem_->hide();
    followSelection();
}

void BandEditor::followSelection() {
    const int now = band();
    following_ = true;
    if (now >= 0 && table_->currentIndex().row() != now)
        table_->setCurrentIndex(model_->index(now, std::max(0, table_->currentIndex().column())));
    following_ = false;
    updateButtons();
}

int BandEditor::band() const {
    const int count = model_->layout().bands.count();
    return count < 1 ? -1 : std::clamp(selection_->selection().band, 0, count - 1);
}

void BandEditor::updateButtons() {
    const BandPartition& bands = model_->layout().bands;
    splitButton_->setEnabled(splitPlace(bands, band()) > 0);
    mergeButton_->setEnabled(bands.count() > 1);
    if (!session_) return;
    const bool ramp = yarnZones(frequencies()).bands.count() > 0;
    yarnButton_->setEnabled(ramp);
    yarnButton_->setToolTip(ramp ? tr("Below the ramp (kept), on it (blended), beyond it (interpolated)")
                                 : tr("Select a condition with YaRN: the zones are those of its ramp"));
}

FrequencyTable BandEditor::frequencies() const {
    const auto count = static_cast<int>(session_->conditions.size());
    const int selected = selection_->selection().condition;
    const int index = selected >= 0 && selected < count ? selected : mostTellingCondition(*session_);
    if (index >= 0 && index < count) return session_->conditions[static_cast<std::size_t>(index)]->table;
    RopeSpec stored;
    stored.kind = RopeKind::Model;
    auto built = buildFrequencyTable(stored, session_->model.ropeModel(), session_->model.maxPositions);
    return built ? *built : FrequencyTable{};
}

void BandEditor::rename(int band) {
    const QModelIndex name = model_->index(band, BandEditorModel::Name);
    if (!name.isValid()) return;
    table_->setFocus(Qt::ShortcutFocusReason);
    table_->setCurrentIndex(name);
    table_->scrollTo(name);
    static_cast<BandTable*>(table_)->begin(name);
}

void BandEditor::setColour(int band, const QColor& colour) {
    BandLayout after = model_->layout();
    BandStyle style = after.style(band);
    style.colour = colour.isValid() ? colour.name().toStdString() : std::string();
    after.setStyle(band, std::move(style));
    if (after != model_->layout()) emit edited(after, tr("colour band"), {});
}

void BandEditor::split() {
    const BandLayout& now = model_->layout();
    const int place = splitPlace(now.bands, band(), selection_->selection().pair);
    if (place > 0) emit edited(now.withEdgeAdded(place), tr("split band"), {});
}

void BandEditor::merge() {
    const BandLayout& now = model_->layout();
    const int edge = std::min(band() + 1, now.bands.count() - 1);
    if (edge > 0) emit edited(now.withEdgeRemoved(edge), tr("merge bands"), {});
}

void BandEditor::makeEqual(int count) {
    const BandLayout& now = model_->layout();
    const BandLayout after = now.withEdges(BandPartition::equal(count, now.bands.pairs()));
    if (after != now) emit edited(after, tr("equal bands"), {});
}

void BandEditor::applyZones(const ZoneLayout& zones, const QStringList& names, const QString& text) {
    if (zones.bands.count() < 1) return;
    BandLayout after{zones.bands, {}};
    for (int band = 0; band < after.bands.count(); ++band)
        after.setStyle(band, {names.value(zones.zones[static_cast<std::size_t>(band)]).toStdString(), {}});
    if (after != model_->layout()) emit edited(after, text, {});
}

void BandEditor::makeYarnZones() {
    if (session_)
        applyZones(yarnZones(frequencies()), {tr("kept"), tr("blended"), tr("interpolated")},
                   tr("YaRN zones"));
}

void BandEditor::makeWavelengthThirds() {
    if (session_)
        applyZones(wavelengthThirds(frequencies()), {tr("short"), tr("middle"), tr("long"), tr("beyond L0")},
                   tr("wavelength thirds"));
}

void BandEditor::setEdges(const QString& text) {
    const BandLayout& now = model_->layout();
    const auto bands = BandPartition::parseEdges(text.toStdString(), now.bands.pairs());
    problem_->setVisible(!bands);
    if (!bands) {
        problem_->setText(QString::fromStdString(bands.error().message));
        return;
    }
    const BandLayout after = now.withEdges(*bands);
    if (after != now) emit edited(after, tr("set band edges"), {});
}

void BandEditor::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange) model_->setTheme(PlotTheme::fromPalette(palette()));
    if (event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange) {
        widths_.clear();
        widest_.clear();
        fitColumns();
    }
}

} // namespace qroar
