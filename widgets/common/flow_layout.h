// FlowLayout: items beside each other, broken into lines like words. Spacing as the style wants it.
#pragma once

#include <QLayout>
#include <QList>
#include <QWidget>

namespace qroar {

class FlowLayout : public QLayout {
    Q_OBJECT

  public:
    explicit FlowLayout(QWidget* parent = nullptr, int spacing = 4);
    ~FlowLayout() override;

    void addItem(QLayoutItem* item) override;
    /// The last of all, at the right end of its line.
    void addTrailing(QWidget* widget);
    [[nodiscard]] int count() const override { return static_cast<int>(items_.size()); }
    [[nodiscard]] QLayoutItem* itemAt(int index) const override;
    QLayoutItem* takeAt(int index) override;
    [[nodiscard]] bool hasHeightForWidth() const override { return false; } ///< see heightForWidth
    /// For owners that fit their own height; not part of the negotiation between layouts.
    [[nodiscard]] int heightForWidth(int width) const override;
    [[nodiscard]] QSize sizeHint() const override { return minimumSize(); }
    [[nodiscard]] QSize minimumSize() const override;
    void setGeometry(const QRect& rect) override;
    [[nodiscard]] Qt::Orientations expandingDirections() const override { return {}; }

  private:
    /// Places the items when `apply`; the height they need.
    int arrange(const QRect& rect, bool apply) const;
    QList<QLayoutItem*> items_;
    QWidget* trailing_ = nullptr;
};

/// As high as the lines of its FlowLayout at the width it is given; a parent that asked for height-for-width
/// would reserve too much.
class FlowArea : public QWidget {
    Q_OBJECT

  public:
    explicit FlowArea(QWidget* parent = nullptr, int spacing = 4);

  protected:
    void resizeEvent(QResizeEvent* event) override;
    bool event(QEvent* event) override;

  private:
    void fit();
};

} // namespace qroar
