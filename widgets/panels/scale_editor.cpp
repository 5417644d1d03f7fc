#include "widgets/panels/scale_editor.h"

#include "core/evaluate/gradient_blocks.h"
#include "core/search/gain_windows.h"
#include "core/search/search_space.h"
#include "core/session/search_record.h"
#include "core/session/what_if.h"
#include "widgets/common/default_condition.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/common/tab_order.h"
#include "widgets/common/theme.h"
#include "widgets/panels/scale_editor_row.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QEvent>
#include <QFormLayout>
#include <QLabel>
#include <QMenu>
#include <QProgressBar>
#include <QPushButton>
#include <QScrollArea>
#include <QSignalBlocker>
#include <QStackedWidget>
#include <QStyle>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <tuple>

namespace qroar {

namespace {

constexpr int gesturePause = 700; ///< milliseconds: keys on one control within it are one gesture

QLabel* words() {
    auto* label = new QLabel;
    label->setWordWrap(true);
    label->setTextFormat(Qt::PlainText);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    return label;
}

QDoubleSpinBox* bound(const QString& name, double least, double most, double value) {
    auto* box = new QDoubleSpinBox;
    box->setRange(least, most);
    box->setDecimals(3);
    box->setSingleStep(0.05);
    box->setValue(value);
    box->setAccessibleName(name);
    box->setToolTip(name);
    box->setKeyboardTracking(false);
    return box;
}

/// The gains a condition was run with, when the session still has them.
std::shared_ptr<const ConditionResult> withoutGains(const Session& session, int index) {
    const auto& condition = session.conditions[static_cast<std::size_t>(index)];
    if (condition->key.scales.empty()) return condition;
    ConditionKey plain = condition->key;
    plain.scales.clear();
    return session.find(plain);
}

} // namespace

QString nllChangeText(double change) {
    const double percent = 100 * std::expm1(change);
    return ScaleEditor::tr("%1 nats a token (perplexity %2 %)")
        .arg((change > 0 ? QStringLiteral("+") : QString()) + readableNumber(change, 3),
             (percent > 0 ? QStringLiteral("+") : QString()) + readableNumber(percent, 3));
}

ScaleEditor::ScaleEditor(SelectionModel* selection, QWidget* parent)
    : QWidget(parent), selection_(selection) {
    auto* content = new QWidget;
    auto* column = new QVBoxLayout(content);
    column->setContentsMargins(8, 8, 8, 6);
    column->setSpacing(4);
    buildHead(column);
    auto* bands = new QWidget;
    rowColumn_ = new QVBoxLayout(bands);
    rowColumn_->setContentsMargins(0, 0, 4, 0);
    rowColumn_->setSpacing(0);
    rowColumn_->addStretch(1);
    auto* scroll = scroll_ = new QScrollArea;
    scroll->setWidget(bands);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setMinimumHeight(110);
    column->addWidget(scroll, 1);
    buildFoot(column);
    empty_ = words();
    empty_->setAlignment(Qt::AlignCenter);
    empty_->setMargin(16);
    pages_ = new QStackedWidget;
    pages_->addWidget(empty_);
    pages_->addWidget(content);
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->addWidget(pages_);
    connect(selection, &SelectionModel::changed, this, [this] { refresh(); });
    refresh();
}

void ScaleEditor::buildChoices() {
    scope_ = new QComboBox;
    scope_->addItems({tr("Whole model"), tr("Selected layer")});
    scope_->setAccessibleName(tr("Scope of the gains"));
    scope_->setToolTip(
        tr("The whole model, or the selected layer alone: a layer that was set keeps its own value"));
    connect(scope_, &QComboBox::currentIndexChanged, this, [this] { refresh(); });
    link_ = new QComboBox;
    link_->addItems({tr("Free"), tr("Shared: gK = gQ"), tr("Mirror: gK = 1/gQ")});
    link_->setAccessibleName(tr("How gQ and gK go together"));
    link_->setToolTip(link_->accessibleName());
    connect(link_, &QComboBox::currentIndexChanged, this, [this] { showNotes(); });
    gang_ = new QCheckBox(tr("Gang: ticked bands move together"));
    gang_->setToolTip(tr("All ticked bands move by the same factor"));
    connect(gang_, &QCheckBox::toggled, this, [this] { refresh(); });
    startMenu_ = new QMenu(this);
    connect(startMenu_, &QMenu::aboutToShow, this, &ScaleEditor::fillStart);
    start_ = new QPushButton(tr("Start from"));
    start_->setToolTip(tr("Gains to begin with: ones, those of a search, those of a what-if"));
    start_->setMenu(startMenu_);
    start_->setMinimumWidth(start_->sizeHint().width() + 16); // the arrow apart from the words
    reset_ = new QPushButton(tr("Reset all"));
    reset_->setToolTip(tr("Ones in every band and layer"));
    connect(reset_, &QPushButton::clicked, this, [this] {
        GainEdit next = edit_;
        next.resetAll();
        ask(next, tr("reset all gains"));
    });
}

QLayout* ScaleEditor::buildRange() {
    least_ = bound(tr("Smallest gain"), 0.01, 0.99, 0.5);
    most_ = bound(tr("Largest gain"), 1.01, 100, 2);
    for (QDoubleSpinBox* box : {least_, most_})
        connect(box, &QDoubleSpinBox::valueChanged, this, [this] {
            rangeTouched_ = true;
            refresh();
        });
    windows_ = new QToolButton;
    windows_->setText(tr("Windows"));
    windows_->setToolTip(
        tr("The widest of the gain windows that a search would use: %1").arg(QLatin1String(windowFormula())));
    connect(windows_, &QToolButton::clicked, this, [this] {
        rangeFromWindows();
        refresh();
    });
    auto* range = new QHBoxLayout;
    range->addWidget(least_, 1);
    range->addWidget(new QLabel(tr("to")));
    range->addWidget(most_, 1);
    range->addWidget(windows_);
    return range;
}

void ScaleEditor::buildHead(QVBoxLayout* column) {
    buildChoices();
    auto* form = new QFormLayout;
    form->setSpacing(4);
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    form->addRow(tr("&Scope"), scope_);
    form->addRow(tr("gQ, g&K"), link_);
    auto* range = buildRange();
    auto* rangeLabel = new QLabel(tr("&Range"));
    rangeLabel->setBuddy(least_);
    form->addRow(rangeLabel, range);
    column->addLayout(form);
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(start_);
    buttons->addStretch(1);
    buttons->addWidget(reset_);
    column->addLayout(buttons);
    column->addWidget(gang_);
    note_ = words();
    differs_ = new QLabel;
    differs_->setWordWrap(true);
    differs_->setTextFormat(Qt::RichText);
    differs_->setTextInteractionFlags(Qt::LinksAccessibleByMouse | Qt::LinksAccessibleByKeyboard);
    connect(differs_, &QLabel::linkActivated, this, [this](const QString& link) {
        selection_->setLayer(link.toInt());
        setLayerScope(true);
    });
    column->addWidget(note_);
    column->addWidget(differs_);
}

void ScaleEditor::buildFoot(QVBoxLayout* column) {
    auto* line = new QFrame;
    line->setFrameShape(QFrame::HLine);
    line->setFrameShadow(QFrame::Sunken);
    column->addWidget(line);
    change_ = words();
    QFont strong = change_->font();
    strong.setBold(true);
    change_->setFont(strong);
    change_->setAccessibleName(tr("Predicted change of the loss"));
    detail_ = words();
    warning_ = words();
    warning_->setForegroundRole(noteRole(true));
    problemLabel_ = words();
    column->addWidget(change_);
    column->addWidget(detail_);
    column->addWidget(warning_);
    progress_ = new QProgressBar;
    progress_->setAccessibleName(tr("Progress of the evaluation"));
    progress_->setVisible(false);
    column->addWidget(progress_);
    evaluate_ = new QPushButton(tr("&Evaluate exactly"));
    evaluate_->setToolTip(
        tr("Runs FP, FP+g, Q and Q+g over the documents open in Setup, in the background, and "
           "pins the result to the list of what-ifs"));
    connect(evaluate_, &QPushButton::clicked, this, [this] {
        if (running_)
            emit cancelRequested();
        else
            emit evaluateRequested();
    });
    pin_ = new QPushButton(tr("&Pin"));
    pin_->setToolTip(tr("Keeps these gains and their prediction in the list of what-ifs"));
    connect(pin_, &QPushButton::clicked, this, &ScaleEditor::pinRequested);
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(evaluate_, 1);
    buttons->addWidget(pin_);
    column->addLayout(buttons);
    column->addWidget(problemLabel_);
}

void ScaleEditor::setSession(std::shared_ptr<const Session> session) {
    if (!session || !session_ || session->modelFingerprint != session_->modelFingerprint)
        rangeTouched_ = false;
    session_ = std::move(session);
    if (session_ && !(session_->bands == bands_)) {
        bands_ = session_->bands;
        makeRows();
    }
    refresh();
}

void ScaleEditor::setBands(const BandPartition& bands) {
    if (bands == bands_) return;
    const bool sameCount = bands.count() == bands_.count();
    bands_ = bands;
    if (!sameCount) makeRows();
    refresh();
}

void ScaleEditor::setEdit(const GainEdit& edit) {
    edit_ = edit;
    refresh();
}

void ScaleEditor::makeRows() {
    if (static_cast<int>(rows_.size()) == bands_.count()) return;
    for (ScaleEditorRow* row : rows_) delete row;
    rows_.clear();
    for (int band = 0; band < bands_.count(); ++band) {
        auto* row = new ScaleEditorRow(band);
        row->setInGang(true);
        connect(row, &ScaleEditorRow::moved, this, &ScaleEditor::moved);
        connect(row, &ScaleEditorRow::pressed, this, [this](int, bool) {
            ++gesture_;
            control_.clear();
        });
        connect(row, &ScaleEditorRow::released, this, [this] { control_.clear(); });
        connect(row, &ScaleEditorRow::resetRequested, this, [this](int which) {
            GainEdit next = edit_;
            next.reset(bands_, layer(), which);
            ask(next, tr("reset gains of %1").arg(bandName(which)));
        });
        rowColumn_->insertWidget(static_cast<int>(rows_.size()), row);
        rows_.push_back(row);
    }
    if (!rows_.empty()) // nothing is cut off when the scroll bar appears
        scroll_->setMinimumWidth(rows_.front()->minimumSizeHint().width() + 8
                                 + style()->pixelMetric(QStyle::PM_ScrollBarExtent));
    tabAsLaidOut(this); // new rows would come last
}

QSize ScaleEditor::sizeHint() const {
    return {fontMetrics().averageCharWidth() * 52, fontMetrics().height() * 40};
}

void ScaleEditor::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() != QEvent::PaletteChange || !pages_) return;
    differs_->clear(); // links take their colour when they are set
    if (pages_->currentIndex() == 1) showNotes();
}

std::shared_ptr<const ConditionResult> ScaleEditor::condition() const {
    if (!session_ || session_->conditions.empty() || !selection_) return nullptr;
    int index = selection_->selection().condition;
    if (index < 0 || index >= static_cast<int>(session_->conditions.size()))
        index = mostTellingCondition(*session_);
    return withoutGains(*session_, index);
}

int ScaleEditor::layer() const {
    if (scope_->currentIndex() == 0 || edit_.empty() || !selection_) return -1;
    return std::clamp(selection_->selection().layer, 0, edit_.layers() - 1);
}

GainLink ScaleEditor::link() const {
    return static_cast<GainLink>(link_->currentIndex());
}

QString ScaleEditor::bandName(int band) const {
    if (session_) {
        const BandStyle style = BandLayout{bands_, session_->bandStyles}.style(band);
        if (!style.name.empty()) return QString::fromStdString(style.name);
    }
    return tr("band %1").arg(band);
}

void ScaleEditor::ask(const GainEdit& next, const QString& text) {
    ++gesture_;
    control_.clear();
    if (!(next == edit_)) emit edited(next, text, QStringLiteral("gains %1").arg(gesture_));
}

void ScaleEditor::begin(const QString& control) {
    if (control_ != control || clock_.elapsed() > gesturePause) ++gesture_;
    control_ = control;
    clock_.start();
}

void ScaleEditor::moved(int band, bool key, double value, bool held) {
    if (edit_.empty()) return;
    if (!held) begin(QStringLiteral("%1 %2 %3").arg(layer()).arg(band).arg(key));
    GainMove move;
    move.layer = layer();
    move.band = band;
    move.key = key;
    move.value = value;
    move.link = link();
    move.least = least_->value();
    move.most = most_->value();
    const bool gang = gang_->isChecked() && rows_[static_cast<std::size_t>(band)]->inGang();
    for (int other = 0; gang && other < bands_.count(); ++other)
        if (rows_[static_cast<std::size_t>(other)]->inGang()) move.gang.push_back(other);
    GainEdit next = edit_;
    next.move(bands_, move);
    if (next == edit_)
        refresh(); // what was not possible is not shown either
    else
        emit edited(next,
                    gang ? tr("move gains of a gang of bands") : tr("move gains of %1").arg(bandName(band)),
                    QStringLiteral("gains %1").arg(gesture_));
}

void ScaleEditor::rangeFromWindows() {
    const auto of = condition();
    if (!of) return;
    double most = GainWindowOptions().most;
    if (const auto windows =
            windowsFromSession(*session_, of->table, of->key.rope, of->key.quant, bands_, {}))
        most = *std::max_element(windows->tau.values.begin(), windows->tau.values.end());
    const QSignalBlocker quietLeast(least_), quietMost(most_);
    most_->setValue(std::max(1.01, most));
    least_->setValue(1 / std::max(1.01, most));
}

void ScaleEditor::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    if (stale_) refresh();
}

void ScaleEditor::refresh() {
    const bool something = session_ && !edit_.empty() && edit_.pairs() == bands_.pairs();
    empty_->setText(tr("No session. Run an analysis (with gradients, to see predictions) or open a session; "
                       "then set the gains of its bands here."));
    pages_->setCurrentIndex(something ? 1 : 0);
    stale_ = !isVisible();
    if (!something || stale_) return; // catches up when it is shown
    if (!rangeTouched_ && isVisible() && condition()) {
        rangeFromWindows();
        rangeTouched_ = true; // once for a session
    }
    const int of = layer();
    for (int band = 0; band < bands_.count(); ++band) {
        ScaleEditorRow* row = rows_[static_cast<std::size_t>(band)];
        ScaleEditorRow::Content content;
        content.name = bandName(band);
        content.place = bands_.end(band) - bands_.begin(band) == 1
                            ? tr("pair %1").arg(bands_.begin(band))
                            : tr("pairs %1 to %2").arg(bands_.begin(band)).arg(bands_.end(band) - 1);
        content.value = edit_.band(bands_, of, band);
        content.total = edit_.total(bands_, of, band);
        content.differs = of >= 0 && edit_.differs(bands_, of, band);
        std::tie(content.lowest, content.highest) = edit_.spread(bands_, of, band);
        content.onTop = edit_.base() != nullptr;
        content.least = least_->value();
        content.most = most_->value();
        row->show(content);
        row->setGangShown(gang_->isChecked());
    }
    scope_->setItemText(1, tr("Layer %1 (the selected one)")
                               .arg(std::clamp(selection_->selection().layer, 0, edit_.layers() - 1)));
    showNotes();
    showPrediction();
}

void ScaleEditor::showNotes() {
    QStringList notes;
    if (edit_.base())
        notes
            << tr("On top of the gains %1, which differ between heads or layers: 1 leaves them as they are.")
                   .arg(QString::fromStdString(edit_.baseName()));
    if (const auto of = condition(); of && link() == GainLink::Mirror)
        if (const Status matters = checkVariantMatters(SearchVariant::Symmetric, of->key.quant); !matters)
            notes << tr("Mirror leaves every attention logit as it is, and %1 is scaled row by row: nothing "
                        "but "
                        "rounding changes here (identities 2 and 3 of the handbook).")
                         .arg(weightsName(of->key));
    note_->setText(notes.join(QStringLiteral("\n")));
    note_->setVisible(!notes.isEmpty());
    QStringList layers;
    for (int layer = 0; layer < edit_.layers(); ++layer)
        if (edit_.differs(layer)) layers << QStringLiteral("<a href=\"%1\">%1</a>").arg(layer);
    differs_->setText(tr("Layers that differ: %1").arg(layers.join(QStringLiteral(", "))));
    differs_->setVisible(!layers.isEmpty());
}

QString ScaleEditor::whyNoPrediction() const {
    const auto of = condition();
    if (!of)
        return tr("No prediction: the selected condition has no twin without gains. Select one that was run "
                  "without gains.");
    if (of->sensitivity.empty())
        return tr("No prediction: %1 has no gradients. Tick \"Gradients\" in Setup and run again; only the "
                  "gradients are added.")
            .arg(conditionName(of->key));
    return {};
}

void ScaleEditor::showPrediction() {
    const auto of = condition();
    const bool fits =
        session_ && edit_.layers() == session_->model.layers && edit_.pairs() == session_->model.pairs();
    if (!of || !fits || of->sensitivity.empty()) {
        prediction_.reset();
    } else if (!prediction_ || of != predictedFor_ || !(edit_ == predictedOf_)) { // not when bands move
        prediction_ =
            predictGains(of->sensitivity, edit_.toGains(session_->model), {}, gradientBlockShares(*of));
        predictedFor_ = of;
        predictedOf_ = edit_;
    }
    const QString why = prediction_ ? QString() : whyNoPrediction();
    change_->setVisible(prediction_.has_value());
    warning_->setVisible(prediction_ && !prediction_->trusted());
    if (!prediction_) {
        detail_->setText(why);
    } else {
        change_->setText(tr("ΔNLL %1").arg(nllChangeText(prediction_->change)));
        QString detail = tr("Prediction, first order, for %1").arg(conditionName(of->key));
        if (prediction_->error)
            detail += tr("; standard error %1 from %2")
                          .arg(readableNumber(*prediction_->error, 2),
                               counted(static_cast<std::size_t>(prediction_->blocks), tr("block of text"),
                                       tr("blocks of text")));
        detail_->setText(detail);
        warning_->setText(
            tr("|ln g| reaches %1: beyond %2 a first-order prediction is not to be trusted. "
               "Evaluate exactly.")
                .arg(readableNumber(prediction_->largestLogGain, 2), readableNumber(trustedLogGain, 1)));
    }
    const bool can = of && problem_.isEmpty();
    evaluate_->setEnabled(running_ || can);
    evaluate_->setText(running_ ? tr("&Cancel") : tr("&Evaluate exactly"));
    pin_->setEnabled(of != nullptr);
    problemLabel_->setText(problem_);
    problemLabel_->setVisible(!problem_.isEmpty() && !running_);
}

void ScaleEditor::showPredictionInSight() {
    stale_ = stale_ || !isVisible();
    if (!stale_) showPrediction(); // else when it is shown, or asked for
}

const std::optional<GainPrediction>& ScaleEditor::prediction() {
    if (stale_) showPrediction();
    return prediction_;
}

QString ScaleEditor::predictionText() {
    if (stale_) showPrediction();
    return prediction_ ? change_->text() + QStringLiteral("\n") + detail_->text() : detail_->text();
}

void ScaleEditor::setProblem(const QString& problem) {
    problem_ = problem;
    showPredictionInSight();
}

void ScaleEditor::setProgress(int percent, const QString& text) {
    running_ = percent >= 0;
    progress_->setVisible(running_);
    if (running_) {
        progress_->setValue(percent);
        progress_->setFormat(text.isEmpty() ? QStringLiteral("%p %") : text);
    }
    showPredictionInSight();
}

void ScaleEditor::fillStart() {
    startMenu_->clear();
    const auto add = [this](const QString& text, const GainEdit& edit) {
        connect(startMenu_->addAction(text), &QAction::triggered, this,
                [this, text, edit] { ask(edit, tr("start from %1").arg(text)); });
    };
    if (!session_ || edit_.empty()) return;
    add(tr("ones"), GainEdit(edit_.layers(), edit_.pairs()));
    for (const auto& search : session_->searches)
        add(tr("%1 (search)").arg(QString::fromStdString(search->scales.name)),
            GainEdit::from(search->scales.gains, search->scales.name));
    for (const auto& whatIf : session_->whatIfs)
        add(tr("%1 (what-if)").arg(QString::fromStdString(whatIf->scales.name)),
            GainEdit::from(whatIf->scales.gains, whatIf->scales.name));
}

void ScaleEditor::setLayerScope(bool selectedLayer) {
    scope_->setCurrentIndex(selectedLayer ? 1 : 0);
}
void ScaleEditor::setLink(GainLink link) {
    link_->setCurrentIndex(static_cast<int>(link));
}
void ScaleEditor::setGang(bool on) {
    gang_->setChecked(on);
}
void ScaleEditor::setRange(double least, double most) {
    least_->setValue(least);
    most_->setValue(most);
}

} // namespace qroar
