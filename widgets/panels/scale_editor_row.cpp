#include "widgets/panels/scale_editor_row.h"

#include "widgets/common/number_format.h"
#include "widgets/common/theme.h"

#include <QCheckBox>
#include <QDoubleSpinBox>
#include <QGridLayout>
#include <QLabel>
#include <QPainter>
#include <QSignalBlocker>
#include <QStyleOptionSlider>
#include <QToolButton>
#include <QWheelEvent>

#include <cmath>

namespace qroar {

namespace {

constexpr int steps = 2000;

/// 0..1 on a logarithmic scale.
double share(double gain, double least, double most) {
    return std::clamp(std::log(gain / least) / std::log(most / least), 0.0, 1.0);
}

} // namespace

LogSlider::LogSlider(QWidget* parent) : QSlider(Qt::Horizontal, parent) {
    setRange(0, steps);
    setFocusPolicy(Qt::StrongFocus);
    setMinimumWidth(60);
    connect(this, &QSlider::valueChanged, this, [this] { emit gainChosen(gain()); });
    setLogRange(least_, most_);
}

void LogSlider::setLogRange(double least, double most) {
    least_ = least;
    most_ = most;
    const auto stepsOf = [&](double factor) {
        return std::max(1, static_cast<int>(std::lround(steps * std::log(factor) / std::log(most / least))));
    };
    setSingleStep(stepsOf(1.01));
    setPageStep(stepsOf(1.1));
}

void LogSlider::showGain(double gain) {
    const QSignalBlocker quiet(this);
    setValue(static_cast<int>(std::lround(steps * share(gain, least_, most_))));
}

double LogSlider::gain() const {
    // 1 is met exactly: a position within half a step of it means it.
    const double at = static_cast<double>(value()) / steps;
    if (least_ < 1 && most_ > 1 && std::abs(at - share(1, least_, most_)) * steps <= 0.5) return 1;
    return least_ * std::exp(at * std::log(most_ / least_));
}

void LogSlider::wheelEvent(QWheelEvent* event) {
    if (hasFocus())
        QSlider::wheelEvent(event);
    else
        event->ignore();
}

void LogSlider::paintEvent(QPaintEvent* event) {
    if (least_ < 1 && most_ > 1) {
        QStyleOptionSlider option;
        initStyleOption(&option);
        const QRect handle =
            style()->subControlRect(QStyle::CC_Slider, &option, QStyle::SC_SliderHandle, this);
        const double room = width() - handle.width();
        const double x = handle.width() / 2.0 + room * share(1, least_, most_);
        QPainter painter(this);
        painter.setPen(QPen(palette().color(QPalette::Mid), 1));
        painter.drawLine(QPointF(x, 1), QPointF(x, height() - 1));
    }
    QSlider::paintEvent(event);
}

void GainBar::show(double gain, double least, double most) {
    gain_ = gain;
    least_ = least;
    most_ = most;
    update();
}

void GainBar::paintEvent(QPaintEvent*) {
    const PlotTheme theme = PlotTheme::fromPalette(palette());
    QPainter painter(this);
    const double one = share(1, least_, most_) * (width() - 1),
                 end = share(gain_, least_, most_) * (width() - 1);
    painter.fillRect(QRectF(0, height() / 2.0 - 0.5, width(), 1), palette().color(QPalette::Mid));
    QColor color = theme.category(gain_ < 1 ? 0 : 1);
    if (!isEnabled()) color = palette().color(QPalette::Mid);
    painter.fillRect(QRectF(std::min(one, end), 1, std::abs(end - one), height() - 2), color);
    painter.fillRect(QRectF(one - 0.5, 0, 1, height()), palette().color(QPalette::WindowText));
}

ScaleEditorRow::ScaleEditorRow(int band, QWidget* parent) : QWidget(parent), band_(band) {
    gang_ = new QCheckBox;
    gang_->setAccessibleName(tr("Moves with the gang")); // until there is a band
    name_ = new QLabel;
    name_->setTextFormat(Qt::PlainText);
    effective_ = new QLabel;
    effective_->setTextFormat(Qt::PlainText);
    bar_ = new GainBar;
    q_ = makeSide(false);
    k_ = makeSide(true);
    reset_ = new QToolButton;
    reset_->setText(QStringLiteral("↺"));
    reset_->setAutoRaise(true);
    connect(reset_, &QToolButton::clicked, this, [this] { emit resetRequested(band_); });
    auto* head = new QHBoxLayout;
    head->setSpacing(3);
    head->addWidget(gang_);
    head->addWidget(name_, 1);
    head->addWidget(reset_);
    auto* foot = new QHBoxLayout;
    foot->setSpacing(4);
    foot->addWidget(bar_, 1);
    foot->addWidget(effective_);
    auto* grid = new QGridLayout(this);
    grid->setContentsMargins(0, 2, 0, 4);
    grid->setHorizontalSpacing(5);
    grid->setVerticalSpacing(1);
    grid->addLayout(head, 0, 0);
    grid->addLayout(foot, 1, 0);
    for (const bool key : {false, true}) {
        const Side& side = key ? k_ : q_;
        auto* label = new QLabel(key ? QStringLiteral("gK") : QStringLiteral("gQ"));
        label->setBuddy(side.box);
        grid->addWidget(label, key ? 1 : 0, 1);
        grid->addWidget(side.slider, key ? 1 : 0, 2);
        side.slider->setAccessibleName(key ? tr("Gain of K") : tr("Gain of Q"));
        grid->addWidget(side.box, key ? 1 : 0, 3);
    }
    spread_ = new QLabel;
    spread_->setTextFormat(Qt::PlainText);
    spread_->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    spread_->hide();
    grid->addWidget(spread_, 2, 0, 1, 4);
    grid->setColumnMinimumWidth(0, fontMetrics().averageCharWidth() * 19);
    grid->setColumnStretch(2, 1);
}

ScaleEditorRow::Side ScaleEditorRow::makeSide(bool key) {
    Side side{new LogSlider, new QDoubleSpinBox};
    side.box->setDecimals(4);
    side.box->setSingleStep(0.01);
    side.box->setKeyboardTracking(false); // a gain half typed is none
    side.box->setFocusPolicy(Qt::StrongFocus);
    connect(side.slider, &QSlider::sliderPressed, this, [this, key] { emit pressed(band_, key); });
    connect(side.slider, &QSlider::sliderReleased, this, &ScaleEditorRow::released);
    connect(side.slider, &LogSlider::gainChosen, this, [this, key, slider = side.slider](double gain) {
        emit moved(band_, key, gain, slider->isSliderDown());
    });
    connect(side.box, &QDoubleSpinBox::valueChanged, this,
            [this, key](double gain) { emit moved(band_, key, gain, false); });
    return side;
}

/// Sliders and boxes, which may show what was asked for and is not possible.
void ScaleEditorRow::showValues(const Content& content) {
    for (const bool key : {false, true}) {
        const Side& side = key ? k_ : q_;
        const double value = key ? content.value.k : content.value.q;
        side.slider->setLogRange(content.least, content.most);
        side.slider->showGain(value);
        const QSignalBlocker quiet(side.box);
        side.box->setRange(std::min(content.least, value), std::max(content.most, value));
        side.box->setValue(value);
    }
}

void ScaleEditorRow::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange) shown_.reset();
}

void ScaleEditorRow::show(const Content& content) {
    showValues(content);
    if (shown_ == content) return;
    shown_ = content;
    name_->setText(
        fontMetrics().elidedText(content.name, Qt::ElideMiddle, fontMetrics().averageCharWidth() * 15));
    QFont font = name_->font();
    font.setBold(content.differs);
    name_->setFont(font);
    const QString tip =
        content.differs ? tr("%1, %2: differs from the value of the model").arg(content.name, content.place)
                        : tr("%1, %2").arg(content.name, content.place);
    name_->setToolTip(tip);
    gang_->setAccessibleName(tr("%1 moves with the gang").arg(content.name));
    gang_->setToolTip(gang_->accessibleName());
    reset_->setToolTip(tr("Reset %1").arg(content.name));
    reset_->setAccessibleName(reset_->toolTip());
    for (const bool key : {false, true}) {
        const Side& side = key ? k_ : q_;
        const double value = key ? content.value.k : content.value.q;
        const QString name =
            tr("%1 of %2").arg(key ? QStringLiteral("gK") : QStringLiteral("gQ"), content.name);
        side.slider->setAccessibleName(name);
        side.slider->setAccessibleDescription(readableNumber(value, 4));
        side.slider->setToolTip(tr("%1, logarithmic: arrow keys 1 %, page keys 10 %").arg(name));
        side.box->setAccessibleName(name);
    }
    const double effective = content.total.effective();
    effective_->setText(QStringLiteral("×%1").arg(QString::number(effective, 'f', 3)));
    effective_->setToolTip(
        content.onTop
            ? tr("Effective gain gQ gK: what the attention logits of the band are multiplied with; "
                 "geometric mean, with the gains below it")
            : tr("Effective gain gQ gK: what the attention logits of the band are multiplied with"));
    effective_->setAccessibleName(tr("Effective gain of %1: %2").arg(content.name, effective_->text()));
    const bool mixed = content.highest > content.lowest * (1 + 1e-9);
    spread_->setVisible(mixed);
    spread_->setText(
        mixed ? tr("differs within the band (×%1 to ×%2)")
                    .arg(QString::number(content.lowest, 'f', 2), QString::number(content.highest, 'f', 2))
              : QString());
    spread_->setToolTip(tr("The pairs of the band have gains of their own, set when the bands were others. "
                           "What is shown is their geometric mean; moving it sets all of them."));
    bar_->setToolTip(effective_->toolTip());
    bar_->show(effective, content.least * content.least, content.most * content.most);
}

QString ScaleEditorRow::effectiveText() const {
    return effective_->text();
}
QString ScaleEditorRow::spreadText() const {
    return spread_->text();
}
bool ScaleEditorRow::inGang() const {
    return gang_->isChecked();
}
void ScaleEditorRow::setInGang(bool on) {
    gang_->setChecked(on);
}
void ScaleEditorRow::setGangShown(bool on) {
    gang_->setVisible(on);
}

} // namespace qroar
