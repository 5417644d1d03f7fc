// CommandPalette: type a few letters, see the actions that fit, press Enter. Whatever the menus have, the
// palette has; what is disabled is shown greyed, so that one learns that it exists.
#pragma once

#include <QDialog>

class QLineEdit;
class QListWidget;
class QMainWindow;

namespace qroar {

class CommandPalette : public QDialog {
    Q_OBJECT

  public:
    explicit CommandPalette(const QMainWindow& window, QWidget* parent = nullptr);
    void find(const QString& text);
    /// Closes the palette and triggers what is selected.
    void run();
    [[nodiscard]] QListWidget* list() const { return list_; }

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    QLineEdit* field_;
    QListWidget* list_;
};

} // namespace qroar
