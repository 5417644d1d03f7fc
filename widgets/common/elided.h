// Names cut to a width that can still be told apart; a label and a combo box that shorten what does not fit
// with an ellipsis and say the whole of it in their tool tip. Only looks. A combo box with short texts of its
// own: compact_combo_box.h.
#pragma once

#include <QComboBox>
#include <QLabel>
#include <QList>

namespace qroar {

/// Names that have `room` pixels each: whole, or with an ellipsis in the middle; where that took what two of
/// them differ in, they begin with it (after an ellipsis), and where that is not enough, with their numbers,
/// from 0.
QStringList elidedApart(const QStringList& names, const QFontMetrics& metrics, int room);

class ElidedLabel : public QLabel {
    Q_OBJECT
  public:
    /// Wants what it needs up to `widest` pixels; takes any less, and more where a layout has it.
    explicit ElidedLabel(int widest, QWidget* parent = nullptr);
    void setFullText(const QString& text);
    /// One of several names in a line: what stands before it is never shortened, what stands behind it only
    /// where there is hardly room for anything else.
    struct Part {
        QString prefix, name, suffix{};
        [[nodiscard]] QString whole() const { return prefix + name + suffix; }
        bool operator==(const Part&) const = default;
    };
    /// With `joint` between them; every name keeps its share of the room, and what tells it apart.
    void setParts(const QList<Part>& parts, const QString& joint);
    [[nodiscard]] QString fullText() const { return full_; }
    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override;

  protected:
    void resizeEvent(QResizeEvent* event) override;

  private:
    void elide();
    [[nodiscard]] QString elidedTo(int room) const;
    [[nodiscard]] QStringList namesIn(int room, const QStringList& names) const;
    QList<Part> parts_;
    QString full_, joint_;
    int widest_;
};

class ElidedComboBox : public QComboBox {
    Q_OBJECT
  public:
    /// Between `least` and `most` average characters wide.
    ElidedComboBox(int least, int most, QWidget* parent = nullptr);
    /// Said before the text of the chosen entry, in the closed box only.
    void setPrefix(int index, const QString& prefix);
    /// Of the chosen entry, with its prefix: what the closed box says when there is room.
    [[nodiscard]] QString shownText() const;
    /// What the box is for; the tool tip says the chosen entry below it.
    void setPurpose(const QString& text);
    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override;
    void showPopup() override;

  protected:
    void paintEvent(QPaintEvent* event) override;
    bool event(QEvent* event) override;

  private:
    [[nodiscard]] QSize sizeOf(int characters) const;
    int least_, most_;
    QString purpose_;
};

} // namespace qroar
