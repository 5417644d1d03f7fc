#include "app/gui/window/run_status.h"

#include "core/base/strings.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>

namespace qroar {

RunStatus::RunStatus(QWidget* parent)
    : QWidget(parent), stage_(new QLabel(this)), left_(new QLabel(this)), bar_(new QProgressBar(this)),
      cancel_(new QPushButton(tr("Cancel"), this)) {
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(0, 0, 4, 0);
    row->addWidget(stage_);
    row->addWidget(bar_);
    row->addWidget(left_);
    row->addWidget(cancel_);
    bar_->setRange(0, 1000);
    bar_->setFixedWidth(bar_->fontMetrics().averageCharWidth() * 24);
    bar_->setFormat(QStringLiteral("%p %"));
    bar_->setAccessibleName(tr("Progress of what is running"));
    cancel_->setObjectName(QStringLiteral("cancelButton"));
    connect(cancel_, &QPushButton::clicked, this, &RunStatus::cancelRequested);
    hide();
}

void RunStatus::begin(const QString& cancelling) {
    cancel_->setToolTip(tr("%1 (Ctrl+.)").arg(cancelling));
    stopping_ = false;
    percent_ = 0;
    timeLeft_.clear();
    bar_->setValue(0);
    stage_->setText(tr("Starting..."));
    left_->clear();
    cancel_->setEnabled(true);
    setVisible(true);
}

void RunStatus::show(const Progress& progress) {
    percent_ = static_cast<int>(progress.fraction * 100);
    bar_->setValue(static_cast<int>(progress.fraction * 1000));
    bar_->setFormat(QStringLiteral("%1 %").arg(percent_));
    if (stopping_) return;
    stage_->setText(QString::fromStdString(progress.stage));
    const QString elapsed = QString::fromStdString(formatDuration(progress.secondsElapsed));
    timeLeft_ =
        progress.secondsLeft >= 0 ? QString::fromStdString(formatDuration(progress.secondsLeft)) : QString();
    left_->setText(progress.secondsLeft >= 0 ? tr("%1 so far, %2 left").arg(elapsed, timeLeft_)
                                             : tr("%1 so far").arg(elapsed));
}

void RunStatus::stopping() {
    stopping_ = true;
    timeLeft_.clear();
    stage_->setText(tr("Stopping..."));
    left_->clear();
    cancel_->setEnabled(false);
}

void RunStatus::end() {
    setVisible(false);
}

} // namespace qroar
