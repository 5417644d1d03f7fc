// RopeAuditContent: the plot of the audit and what was found, below it, or beside it where the view is too
// low for both. The findings are as high as they are: the view scrolls, never they alone. Not here: what is
// found.
#pragma once

#include <QListWidget>
#include <QWidget>

class QBoxLayout;

namespace qroar {

/// A list of wrapped lines that asks for the height of all of them.
class FindingList : public QListWidget {
    Q_OBJECT
  public:
    explicit FindingList(QWidget* parent = nullptr);
    [[nodiscard]] int heightAt(int width); ///< of all lines

  protected:
    void resizeEvent(QResizeEvent* event) override;
};

class RopeAuditContent : public QWidget {
    Q_OBJECT
  public:
    RopeAuditContent(QWidget* plot, FindingList* findings, QWidget* parent = nullptr);
    /// The findings are others.
    void fit();
    [[nodiscard]] bool isBeside() const;

  protected:
    bool event(QEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override; ///< of the view that it scrolls in

  private:
    QWidget* plot_;
    FindingList* findings_;
    QBoxLayout* layout_;
};

} // namespace qroar
