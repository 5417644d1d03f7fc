// TextLine: one line of text that takes what room it is given, shortens its text to it and has the whole of
// it in its tool tip. A new text lays nothing out, as it would in a QLabel: for what changes while a mouse
// moves. Not here: names that must still be told apart when they are short (elided.h).
#pragma once

#include <QWidget>

class QLabel;

namespace qroar {

class TextLine : public QWidget {
    Q_OBJECT
  public:
    explicit TextLine(QWidget* parent = nullptr);
    /// `tip`: instead of the text; what assistive technology reads is the text.
    void setFullText(const QString& text, const QString& tip = {});
    [[nodiscard]] const QString& fullText() const { return full_; }
    [[nodiscard]] int textWidth(const QString& text) const; ///< pixels, in its font
    /// Of the text: a share of the font around it, bold or not.
    void setTextFont(double scale, bool bold);
    /// With the mouse, once it is there: such a label is a document, which is painted twice at every change.
    void setSelectable();
    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override;

  protected:
    void resizeEvent(QResizeEvent* event) override;
    void enterEvent(QEnterEvent* event) override;
    void changeEvent(QEvent* event) override;

  private:
    void elide();
    void styleText();
    QLabel* label_; ///< in no layout
    QString full_;
    double scale_ = 1;
    bool bold_ = false, selectable_ = false;
};

} // namespace qroar
