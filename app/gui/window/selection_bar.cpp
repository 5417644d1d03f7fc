#include "app/gui/window/selection_bar.h"

#include "core/diagnostics/tails.h"
#include "widgets/common/elided.h"
#include "widgets/common/head_groups.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QSignalBlocker>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

/// Fills without telling anyone, and keeps the index where it can.
/// As many entries as before keep their place: nothing is laid out anew while an edge moves.
void refill(QComboBox* box, const QStringList& texts) {
    const QSignalBlocker quiet(box);
    if (box->count() == texts.size() && !texts.isEmpty()) {
        for (int entry = 0; entry < box->count(); ++entry)
            if (box->itemText(entry) != texts[entry]) box->setItemText(entry, texts[entry]);
        return;
    }
    const int index = box->currentIndex();
    box->clear();
    box->addItems(texts);
    box->setCurrentIndex(std::clamp(index, texts.isEmpty() ? -1 : 0, static_cast<int>(texts.size()) - 1));
    box->setEnabled(!texts.isEmpty());
}

void choose(QComboBox* box, int index) {
    const QSignalBlocker quiet(box);
    box->setCurrentIndex(std::min(index, box->count() - 1));
}

} // namespace

SelectionBar::SelectionBar(SelectionModel* selection, QWidget* parent)
    : QWidget(parent), selection_(selection), model_(new ElidedLabel(180, this)),
      condition_(new ElidedLabel(260, this)) {
    QFont bold = model_->font();
    bold.setBold(true);
    model_->setFont(bold);
    layer_ = step(tr("Layer"), tr("Layer (Alt+Up, Alt+Down)"), 7);
    tensor_ = step(tr("Query or key"), tr("Query or key (Alt+Q)"), 2);
    stage_ = step(tr("Before or after RoPE"), tr("Before or after rotation (Alt+R)"), 10);
    group_ = step(
        tr("Heads"),
        tr("All heads pooled, or those of one key head with its queries (Alt+Shift+Up, Alt+Shift+Down)"), 7);
    band_ = step(tr("Band"), tr("Frequency band (Alt+Left, Alt+Right)"), 14);
    pair_ = step(tr("Pair"), tr("Rotary pair, or the whole band (Alt+Shift+Left, Alt+Shift+Right)"), 9);
    epsilon_ = step(tr("Tail epsilon"), tr("Share of values that counts as tail"), 5);
    buildRow();
    tensor_->addItems({tr("Q"), tr("K")});
    stage_->addItems({tr("before RoPE"), tr("after RoPE")});
    for (const double epsilon : tailEpsilons)
        epsilon_->addItem(powerOfTen(static_cast<int>(std::lround(std::log10(epsilon)))), epsilon);
    connectBoxes();
    setSession(nullptr);
}

void SelectionBar::buildRow() {
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(6, 0, 6, 0);
    row->setSpacing(4);
    const auto divider = [this, row] {
        auto* label = new QLabel(QStringLiteral("\u203a"), this);
        label->setEnabled(false);
        row->addWidget(label);
        return label;
    };
    row->addWidget(model_);
    for (QWidget* one :
         std::initializer_list<QWidget*>{condition_, layer_, tensor_, stage_, group_, band_, pair_}) {
        QLabel* before = divider();
        if (one == group_) groupDivider_ = before;
        row->addWidget(one, one == condition_ ? 100 : 0); // it is no wider than its text
    }
    row->addStretch(1);
    auto* tail = new QLabel(tr("tail ε"), this);
    tail->setBuddy(epsilon_);
    row->addWidget(tail);
    row->addWidget(epsilon_);
}

void SelectionBar::connectBoxes() {
    connect(layer_, &QComboBox::currentIndexChanged, selection_, &SelectionModel::setLayer);
    connect(tensor_, &QComboBox::currentIndexChanged, this,
            [this](int index) { selection_->setTensor(index == 0 ? QkTensor::Q : QkTensor::K); });
    connect(stage_, &QComboBox::currentIndexChanged, this,
            [this](int index) { selection_->setStage(index == 0 ? RopeStage::Pre : RopeStage::Post); });
    connect(group_, &QComboBox::currentIndexChanged, this, [this](int index) {
        Selection next = selection_->selection();
        next.group = index - 1;
        selection_->setSelection(next);
    });
    connect(band_, &QComboBox::currentIndexChanged, selection_, &SelectionModel::setBand);
    connect(pair_, &QComboBox::currentIndexChanged, this,
            [this] { selection_->setPair(pair_->currentData().toInt()); });
    connect(epsilon_, &QComboBox::currentIndexChanged, this,
            [this] { selection_->setEpsilon(epsilon_->currentData().toDouble()); });
    connect(selection_, &SelectionModel::changed, this, &SelectionBar::follow);
}

QComboBox* SelectionBar::step(const QString& accessibleName, const QString& tip, int minimumCharacters) {
    auto* box = new QComboBox(this);
    box->setAccessibleName(accessibleName);
    box->setToolTip(tip);
    box->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    box->setMinimumContentsLength(minimumCharacters);
    // A narrow window squeezes the steps before the tool bar hides them.
    box->setMinimumWidth(
        std::min(box->fontMetrics().averageCharWidth() * minimumCharacters * 2 / 3 + 34, 110));
    box->setMaxVisibleItems(24);
    return box;
}

void SelectionBar::setSession(const std::shared_ptr<const Session>& session) {
    session_ = session;
    if (!session) shown_ = {};
    model_->setEnabled(session != nullptr);
    fillSteps();
    for (auto* step : findChildren<QWidget*>(QString(), Qt::FindDirectChildrenOnly))
        if (step != model_) step->setVisible(session != nullptr); // nothing that could be chosen
    group_->setVisible(groups_ > 1);
    groupDivider_->setVisible(groups_ > 1);
    for (QComboBox* box : {tensor_, stage_, epsilon_}) box->setEnabled(session != nullptr);
    styles_ = session ? session->bandStyles : BandStyles();
    setBands(session ? session->bands : BandPartition());
}

void SelectionBar::fillSteps() {
    const Session* shown = shown_.session ? shown_.session.get() : session_.get();
    if (!session_)
        model_->setFullText(tr("No session"));
    else
        model_->setFullText(shown_.models.isEmpty() ? modelName(*session_)
                                                    : shown_.models.join(QStringLiteral(" \u2212 ")));
    QStringList layers, groups;
    if (shown)
        for (int layer = 0; layer < shown->model.layers; ++layer) layers << tr("layer %1").arg(layer);
    groups_ = shown ? headGroups(*shown) : 1;
    if (groups_ > 1) {
        groups << tr("all heads");
        for (int group = 0; group < groups_; ++group) groups << tr("KV head %1").arg(group);
    }
    refill(layer_, layers);
    refill(group_, groups);
    group_->setVisible(groups_ > 1);
    groupDivider_->setVisible(groups_ > 1);
}

void SelectionBar::setShown(const Shown& shown) {
    const bool sameSteps = shown.session == shown_.session && shown.models == shown_.models;
    if (sameSteps && shown == shown_ && !condition_->fullText().isEmpty()) return;
    shown_ = shown;
    QList<ElidedLabel::Part> parts;
    const bool both = shown.conditions.size() > 1;
    for (qsizetype side = 0; side < shown.conditions.size(); ++side) {
        const QString& name = shown.conditions[side]; // the spec is what may be long
        const auto dot = name.indexOf(QStringLiteral(" · ")), spec = dot < 0 ? name.size() : dot;
        parts << ElidedLabel::Part{both ? (side == 0 ? tr("A: ") : tr("B: ")) : QString(), name.left(spec),
                                   name.mid(spec)};
    }
    if (parts.isEmpty()) parts << ElidedLabel::Part{{}, session_ ? tr("no condition") : QString()};
    condition_->setParts(parts, QStringLiteral(" \u2212 "));
    if (!sameSteps) {
        otherBands_ = shown.session ? shown.session->bands : BandPartition();
        fillSteps();
        fillBands();
    }
    setAccessibleName(tr("Selection: %1").arg(breadcrumb()));
}

/// As the views have it: bands of another session are its own where A's do not fit its pairs.
const BandPartition& SelectionBar::bands() const {
    const bool fits = !shown_.session || shown_.session->model.pairs() == ownBands_.pairs();
    return fits || otherBands_.count() < 1 ? ownBands_ : otherBands_;
}

void SelectionBar::setBandStyles(const BandStyles& styles) {
    styles_ = styles;
    fillBands();
}

void SelectionBar::setBands(const BandPartition& bands) {
    ownBands_ = bands;
    fillBands();
}

void SelectionBar::fillBands() {
    const BandPartition& shown = bands();
    const BandStyles& styles = &shown == &otherBands_ ? shown_.session->bandStyles : styles_;
    QStringList texts;
    constexpr int longestName = 24; // characters
    for (int band = 0; band < shown.count(); ++band) {
        QString name = bandName(styles, band);
        if (name.size() > longestName) name = name.left(longestName - 1) + u'\u2026';
        texts << tr("%1: %2").arg(name, pairsText(shown.begin(band), shown.end(band) - 1));
    }
    refill(band_, texts);
    follow();
}

/// The pairs of the selected band.
void SelectionBar::fillPairs() {
    const int band = band_->currentIndex();
    const std::pair<int, int> pairs =
        band < 0 ? std::pair(0, 0) : std::pair(bands().begin(band), bands().end(band));
    if (pairs == pairsShown_) return;
    const QSignalBlocker quiet(pair_);
    pairsShown_ = pairs;
    pair_->clear();
    pair_->setEnabled(band >= 0);
    if (band < 0) return;
    pair_->addItem(tr("all its pairs"), -1);
    for (int pair = bands().begin(band); pair < bands().end(band); ++pair)
        pair_->addItem(tr("pair %1").arg(pair), pair);
}

void SelectionBar::follow() {
    const Selection& now = selection_->selection();
    choose(layer_, std::max(0, now.layer));
    choose(tensor_, now.tensor == QkTensor::Q ? 0 : 1);
    choose(stage_, now.stage == RopeStage::Pre ? 0 : 1);
    choose(group_, std::max(0, now.group + 1));
    choose(band_, std::max(0, now.band));
    fillPairs();
    if (pair_->count() > 0) choose(pair_, std::max(0, pair_->findData(now.pair)));
    for (int index = 0; index < epsilon_->count(); ++index)
        if (std::abs(epsilon_->itemData(index).toDouble() / now.epsilon - 1) < 1e-9) choose(epsilon_, index);
    setAccessibleName(tr("Selection: %1").arg(breadcrumb()));
}

QString SelectionBar::breadcrumb() const {
    if (!session_) return tr("no session");
    QStringList steps{model_->fullText(), condition_->fullText(), layer_->currentText(),
                      tensor_->currentText(), stage_->currentText()};
    if (groups_ > 1) steps << group_->currentText();
    steps << band_->currentText();
    if (pair_->currentIndex() > 0) steps << pair_->currentText();
    return steps.join(QStringLiteral(" \u203a "));
}

void SelectionBar::stepLayer(int by) {
    if (layer_->count() > 0)
        selection_->setLayer(std::clamp(selection_->selection().layer + by, 0, layer_->count() - 1));
}

void SelectionBar::stepBand(int by) {
    if (band_->count() > 0)
        selection_->setBand(std::clamp(selection_->selection().band + by, 0, band_->count() - 1));
}

void SelectionBar::stepPair(int by) {
    const int band = band_->currentIndex();
    if (band < 0 || by == 0) return;
    Selection next = selection_->selection();
    const bool inside = next.pair >= bands().begin(band) && next.pair < bands().end(band);
    const int pair = inside ? next.pair + by : by > 0 ? bands().begin(band) : bands().end(band) - 1;
    next.pair = std::clamp(pair, 0, bands().pairs() - 1);
    for (int one = 0; one < bands().count(); ++one)
        if (next.pair >= bands().begin(one) && next.pair < bands().end(one)) next.band = one;
    selection_->setSelection(next);
}

void SelectionBar::wholeBand() {
    selection_->setPair(-1);
}

void SelectionBar::stepGroup(int by) {
    if (groups_ < 2) return;
    Selection next = selection_->selection();
    next.group = std::clamp(next.group + by, -1, groups_ - 1);
    selection_->setSelection(next);
}

void SelectionBar::stepCondition(int by) {
    const int count = session_ ? static_cast<int>(session_->conditions.size()) : 0;
    if (count > 0) selection_->setCondition(std::clamp(selection_->selection().condition + by, 0, count - 1));
}

void SelectionBar::toggleTensor() {
    selection_->setTensor(selection_->selection().tensor == QkTensor::Q ? QkTensor::K : QkTensor::Q);
}

void SelectionBar::toggleStage() {
    selection_->setStage(selection_->selection().stage == RopeStage::Pre ? RopeStage::Post : RopeStage::Pre);
}

} // namespace qroar
