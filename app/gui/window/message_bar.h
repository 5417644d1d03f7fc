// MessageBar: errors and offers at the top of the window, never a modal box. One message at a time; a new one
// takes the place of the old (the log keeps all).
#pragma once

#include <QFrame>

#include <functional>

class QHBoxLayout;
class QLabel;
class QToolButton;

namespace qroar {

class MessageBar : public QFrame {
    Q_OBJECT

  public:
    enum class Kind { Information, Warning, Error };
    explicit MessageBar(QWidget* parent = nullptr);

    void show(Kind kind, const QString& text);
    /// A button for the message on screen; a click also dismisses the bar.
    void addButton(const QString& text, const std::function<void()>& action);
    void dismiss();
    [[nodiscard]] QString text() const;
    [[nodiscard]] Kind kind() const { return kind_; }

  protected:
    void changeEvent(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

  private:
    void recolor();
    Kind kind_ = Kind::Information;
    QHBoxLayout* row_;
    QLabel* label_;
    QToolButton* close_;
    QList<QWidget*> buttons_;
};

} // namespace qroar
