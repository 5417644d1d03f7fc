#include "app/gui/window/selection_bar.h"

#include "core/diagnostics/tails.h"
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
void refill(QComboBox* box, const QStringList& texts) {
    const QSignalBlocker quiet(box);
    const int index = box->currentIndex();
    box->clear();
    box->addItems(texts);
    box->setCurrentIndex(std::clamp(index, texts.isEmpty() ? -1 : 0, static_cast<int>(texts.size()) - 1));
    box->setEnabled(!texts.isEmpty());
}

void setShown(QComboBox* box, int index) {
    const QSignalBlocker quiet(box);
    box->setCurrentIndex(std::min(index, box->count() - 1));
}

} // namespace

SelectionBar::SelectionBar(SelectionModel* selection, QWidget* parent)
    : QWidget(parent), selection_(selection), model_(new QLabel(this)) {
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(6, 0, 6, 0);
    row->setSpacing(4);
    model_->setMinimumWidth(30);
    QFont bold = model_->font();
    bold.setBold(true);
    model_->setFont(bold);
    condition_ = step(tr("Condition"), tr("RoPE · context · weights (Ctrl+PgUp, Ctrl+PgDown)"), 20);
    layer_ = step(tr("Layer"), tr("Layer (Alt+Up, Alt+Down)"), 7);
    tensor_ = step(tr("Query or key"), tr("Query or key (Alt+Q)"), 2);
    stage_ = step(tr("Before or after RoPE"), tr("Before or after rotation (Alt+R)"), 10);
    band_ = step(tr("Band"), tr("Frequency band (Alt+Left, Alt+Right)"), 14);
    epsilon_ = step(tr("Tail epsilon"), tr("Share of values that counts as tail"), 5);
    auto divider = [this] {
        auto* label = new QLabel(QStringLiteral("\u203a"), this);
        label->setEnabled(false);
        return label;
    };
    row->addWidget(model_);
    for (QComboBox* box : {condition_, layer_, tensor_, stage_, band_}) {
        row->addWidget(divider());
        row->addWidget(box);
    }
    row->addStretch(1);
    auto* tail = new QLabel(tr("tail ε"), this);
    tail->setBuddy(epsilon_);
    row->addWidget(tail);
    row->addWidget(epsilon_);

    tensor_->addItems({tr("Q"), tr("K")});
    stage_->addItems({tr("before RoPE"), tr("after RoPE")});
    for (const double epsilon : tailEpsilons)
        epsilon_->addItem(powerOfTen(static_cast<int>(std::lround(std::log10(epsilon)))), epsilon);
    connect(condition_, &QComboBox::currentIndexChanged, selection_, &SelectionModel::setCondition);
    connect(layer_, &QComboBox::currentIndexChanged, selection_, &SelectionModel::setLayer);
    connect(tensor_, &QComboBox::currentIndexChanged, this,
            [this](int index) { selection_->setTensor(index == 0 ? QkTensor::Q : QkTensor::K); });
    connect(stage_, &QComboBox::currentIndexChanged, this,
            [this](int index) { selection_->setStage(index == 0 ? RopeStage::Pre : RopeStage::Post); });
    connect(band_, &QComboBox::currentIndexChanged, selection_, &SelectionModel::setBand);
    connect(epsilon_, &QComboBox::currentIndexChanged, this,
            [this] { selection_->setEpsilon(epsilon_->currentData().toDouble()); });
    connect(selection_, &SelectionModel::changed, this, &SelectionBar::follow);
    setSession(nullptr);
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
    model_->setText(session ? modelName(*session) : tr("No session"));
    model_->setEnabled(session != nullptr);
    QStringList conditions, layers;
    if (session) {
        for (const auto& condition : session->conditions) conditions << conditionName(condition->key);
        for (int layer = 0; layer < session->model.layers; ++layer) layers << tr("layer %1").arg(layer);
    }
    refill(condition_, conditions);
    refill(layer_, layers);
    for (QComboBox* box : {tensor_, stage_, epsilon_}) box->setEnabled(session != nullptr);
    setBands(session ? session->bands : BandPartition());
}

void SelectionBar::setBands(const BandPartition& bands) {
    bands_ = bands;
    QStringList texts;
    for (int band = 0; band < bands.count(); ++band)
        texts << (bands.end(band) - bands.begin(band) == 1
                      ? tr("band %1: pair %2").arg(band).arg(bands.begin(band))
                      : tr("band %1: pairs %2–%3").arg(band).arg(bands.begin(band)).arg(bands.end(band) - 1));
    refill(band_, texts);
    follow();
}

void SelectionBar::follow() {
    const Selection& now = selection_->selection();
    setShown(condition_, now.condition);
    setShown(layer_, std::max(0, now.layer));
    setShown(tensor_, now.tensor == QkTensor::Q ? 0 : 1);
    setShown(stage_, now.stage == RopeStage::Pre ? 0 : 1);
    setShown(band_, std::max(0, now.band));
    for (int index = 0; index < epsilon_->count(); ++index)
        if (std::abs(epsilon_->itemData(index).toDouble() / now.epsilon - 1) < 1e-9)
            setShown(epsilon_, index);
    setAccessibleName(tr("Selection: %1").arg(breadcrumb()));
}

QString SelectionBar::breadcrumb() const {
    if (!session_) return tr("no session");
    return QStringList{model_->text(),         condition_->currentText(), layer_->currentText(),
                       tensor_->currentText(), stage_->currentText(),     band_->currentText()}
        .join(QStringLiteral(" \u203a "));
}

void SelectionBar::stepLayer(int by) {
    if (layer_->count() > 0)
        selection_->setLayer(std::clamp(selection_->selection().layer + by, 0, layer_->count() - 1));
}

void SelectionBar::stepBand(int by) {
    if (band_->count() > 0)
        selection_->setBand(std::clamp(selection_->selection().band + by, 0, band_->count() - 1));
}

void SelectionBar::stepCondition(int by) {
    if (condition_->count() > 0)
        selection_->setCondition(
            std::clamp(selection_->selection().condition + by, 0, condition_->count() - 1));
}

void SelectionBar::toggleTensor() {
    selection_->setTensor(selection_->selection().tensor == QkTensor::Q ? QkTensor::K : QkTensor::Q);
}

void SelectionBar::toggleStage() {
    selection_->setStage(selection_->selection().stage == RopeStage::Pre ? RopeStage::Post : RopeStage::Pre);
}

} // namespace qroar
