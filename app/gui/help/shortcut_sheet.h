// ShortcutSheet: every action that has keys, by menu, with a field that filters by name or keys. Not modal;
// read from the window each time it is opened.
#pragma once

#include <QDialog>

class QMainWindow;
class QTreeWidget;

namespace qroar {

class ShortcutSheet : public QDialog {
    Q_OBJECT

  public:
    explicit ShortcutSheet(const QMainWindow& window, QWidget* parent = nullptr);
    /// Hides what has none of these words.
    void filter(const QString& text);

  private:
    void fill(const QMainWindow& window);
    QTreeWidget* table_;
};

} // namespace qroar
