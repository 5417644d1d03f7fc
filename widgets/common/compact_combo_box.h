// CompactComboBox: a combo box that shows a short text while it is closed and the whole one in its list and
// tool tip, so that several fit above a narrow plot. Only looks; what is chosen works as in QComboBox.
#pragma once

#include <QComboBox>

namespace qroar {

class CompactComboBox : public QComboBox {
    Q_OBJECT
  public:
    explicit CompactComboBox(QWidget* parent = nullptr);
    /// `text` in the list, `shortText` in the closed box.
    void addEntry(const QString& text, const QString& shortText, const QVariant& value = {});
    [[nodiscard]] QString shownText() const;

    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override { return sizeHint(); }
    void showPopup() override;

  protected:
    void paintEvent(QPaintEvent* event) override;
};

} // namespace qroar
