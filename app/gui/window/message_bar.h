// MessageBar: errors and offers at the top of the window, never a modal box. The newest message is on top;
// the ones below come back when it is dismissed, so that no reason is lost to a message that follows it. What
// begins something new dismisses all (the log keeps them).
#pragma once

#include <QFrame>

#include <functional>
#include <utility>
#include <vector>

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
    /// A button for the message on screen; a click also closes that message.
    void addButton(const QString& text, const std::function<void()>& action);
    void dismiss();     ///< all messages
    void closeNewest(); ///< the ones below it are seen again
    [[nodiscard]] int count() const { return static_cast<int>(stack_.size()); }
    [[nodiscard]] QString text() const;
    [[nodiscard]] Kind kind() const { return kind_; }
    /// Its own colours for a dark or light window, whose palette is `outer`.
    void follow(const QPalette& outer);

  protected:
    void keyPressEvent(QKeyEvent* event) override;

  private:
    struct Message {
        Kind kind = Kind::Information;
        QString text;
        std::vector<std::pair<QString, std::function<void()>>> actions;
    };
    void showNewest();
    void putButton(std::size_t action); ///< of the newest
    std::vector<Message> stack_;        ///< the newest is the last
    Kind kind_ = Kind::Information;
    QHBoxLayout* row_;
    QLabel *label_, *more_;
    QToolButton* close_;
    QList<QWidget*> buttons_;
};

} // namespace qroar
