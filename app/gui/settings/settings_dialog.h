// SettingsDialog: the preferences of the window. Each change acts at once; "Reset all" goes back to what a
// fresh installation has. Not modal. Not here: where preferences are kept (app_settings.h), what follows from
// them (the window).
#pragma once

#include "app/gui/app_settings.h"

#include <QDialog>

class QComboBox;
class QFormLayout;
class QSpinBox;

namespace qroar {

class SettingsDialog : public QDialog {
    Q_OBJECT

  public:
    explicit SettingsDialog(const Preferences& now, QWidget* parent = nullptr);
    [[nodiscard]] Preferences preferences() const;
    /// Shows others; emits nothing.
    void show(const Preferences& preferences);
    using QDialog::show;

  signals:
    void changed(const qroar::Preferences& preferences);

  private:
    QComboBox* addChoice(QFormLayout* form, const QString& label, const QString& tip,
                         const QList<std::pair<QString, QString>>& choices);
    QSpinBox* addNumber(QFormLayout* form, const QString& label, const QString& tip, int low, int high,
                        const QString& lowText);
    void edited();

    QComboBox *appearance_, *colorMap_, *figureSize_, *figureFormat_;
    QSpinBox *figureFont_, *autosave_, *threads_, *recent_;
    bool showing_ = false;
};

} // namespace qroar
