// DropOverlay: while files are dragged over the window, says over all of it what a drop would do, or why it
// would do nothing.
#pragma once

#include <QWidget>

namespace qroar {

struct DroppedPaths;

class DropOverlay : public QWidget {
    Q_OBJECT

  public:
    explicit DropOverlay(QWidget* window);
    /// Covers the window. `welcome`: something would happen.
    void show(const QString& text, bool welcome);
    [[nodiscard]] QString text() const { return text_; }

  protected:
    void paintEvent(QPaintEvent* event) override;

  private:
    QString text_;
    bool welcome_ = true;
};

/// "Open the session run.h5", "Open the model tiny; add 3 documents".
QString describeDrop(const DroppedPaths& paths);
/// What of a drop is not taken, and why; empty when all is.
QString describeRefused(const DroppedPaths& paths);

} // namespace qroar
