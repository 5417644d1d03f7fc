// ChoiceButton: a large button with an icon, a title and a sentence of explanation, both of which break into
// lines: it asks for the height that they need at its width, whatever the language and the font. Not
// QCommandLinkButton, which gives its explanation up before it asks for room.
#pragma once

#include <QPushButton>

namespace qroar {

class ChoiceButton : public QPushButton {
    Q_OBJECT

  public:
    explicit ChoiceButton(const QString& title, QString description, QWidget* parent = nullptr);
    [[nodiscard]] QString description() const { return description_; }
    void setDescription(const QString& text);
    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override; ///< its longest word
    [[nodiscard]] int heightForWidth(int width) const override;

  protected:
    void paintEvent(QPaintEvent* event) override;
    void changeEvent(QEvent* event) override;

  private:
    [[nodiscard]] QFont titleFont() const;
    /// Of both texts, as high as they are at the width that a button this wide leaves them.
    struct Texts {
        QRect title, description;
    };
    [[nodiscard]] Texts place(int width) const;
    QString description_;
};

} // namespace qroar
