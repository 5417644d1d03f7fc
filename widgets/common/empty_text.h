// EmptyText: the sentence of a view that has nothing to show, in the middle of it. Where the view is too
// small for all of it, as many lines as there is room for, the last one with an ellipsis; the tool tip and
// assistive technology have the whole.
#pragma once

#include <QLabel>

namespace qroar {

/// For labels that wrap words: names ("--gradients", "rtn:4:g64") stay in one line, those wider than `room`
/// break behind what separates their parts only. Invisible characters say so.
QString withNamesWhole(const QString& text, const QFontMetrics& metrics, int room);

class EmptyText : public QLabel {
    Q_OBJECT
  public:
    explicit EmptyText(QWidget* parent = nullptr);
    void setFullText(const QString& text);
    [[nodiscard]] const QString& fullText() const { return full_; }
    [[nodiscard]] QSize minimumSizeHint() const override; ///< one line

  protected:
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;

  private:
    void fit();
    QString full_;
};

} // namespace qroar
