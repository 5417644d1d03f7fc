// RunStatus: the corner of the status bar that shows what is running: stage, progress, time left, Cancel.
#pragma once

#include "core/base/progress.h"

#include <QWidget>

class QLabel;
class QProgressBar;
class QPushButton;

namespace qroar {

class RunStatus : public QWidget {
    Q_OBJECT

  public:
    explicit RunStatus(QWidget* parent = nullptr);
    /// `cancelling`: what Cancel does to it, in words.
    void begin(const QString& cancelling);
    void show(const Progress& progress);
    /// The stop was asked for: say so at once, whenever the engine gets there.
    void stopping();
    void end();
    [[nodiscard]] int percent() const { return percent_; }
    /// Of the running job ("3 min"); empty while unknown.
    [[nodiscard]] QString timeLeft() const { return timeLeft_; }

  signals:
    void cancelRequested();

  private:
    QLabel* stage_;
    QLabel* left_;
    QProgressBar* bar_;
    QPushButton* cancel_;
    QString timeLeft_;
    int percent_ = 0;
    bool stopping_ = false;
};

} // namespace qroar
