// HelpCenter: opens the handbook at what is asked about, the sheet of shortcuts and the command palette, and
// explains panels on hover. One for a window; makes its windows when they are first wanted.
#pragma once

#include <QObject>
#include <QPointer>

#include <memory>

class QMainWindow;

namespace qroar {

class DiagnosticPanel;
class Handbook;
class HandbookWindow;

class HelpCenter : public QObject {
    Q_OBJECT

  public:
    explicit HelpCenter(QMainWindow* window);
    ~HelpCenter() override;
    /// The section that explains what has the keyboard.
    void showForFocus();
    /// The section that explains `widget`.
    void showFor(const QWidget* widget);
    void showHandbook(const QString& page = QStringLiteral("index.md"), const QString& anchor = {});
    void showShortcuts();
    void showCommands();
    /// The "i" button of the panel tells its formula on hover and opens its section.
    void attach(DiagnosticPanel* panel);
    [[nodiscard]] HandbookWindow* handbookWindow() const;

    /// For tool tips, as rich text: formula, and where more is said.
    [[nodiscard]] static QString explanation(const DiagnosticPanel& panel, const Handbook& handbook);

  private:
    const Handbook& handbook();
    QMainWindow* window_;
    QPointer<HandbookWindow> handbookWindow_;
    QPointer<QWidget> shortcuts_, commands_;
    std::unique_ptr<Handbook> texts_;
};

} // namespace qroar
