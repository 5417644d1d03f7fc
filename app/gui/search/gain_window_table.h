// GainWindowTable: how far each band's gain may move, layer by layer, shown and edited before a search
// starts. Holds what the user typed; where the other values come from is core's (gain_windows.h).
#pragma once

#include "core/search/gain_windows.h"

#include <QWidget>

#include <vector>

class QLabel;
class QTableWidget;
class QToolButton;

namespace qroar {

class GainWindowTable : public QWidget {
    Q_OBJECT

  public:
    struct Edit {
        int layer = 0, band = 0;
        double tau = 1;
    };

    explicit GainWindowTable(QWidget* parent = nullptr);
    /// The windows in force, edits included. Edits are forgotten when the number of layers or bands changes.
    void setWindows(const GainWindows& windows);
    [[nodiscard]] const std::vector<Edit>& edits() const { return edits_; }
    /// `windows` with the edits; those that do not fit it are left out.
    void apply(GainWindows& windows) const;

  signals:
    void edited();

  private:
    void take(int row, int column);

    std::vector<Edit> edits_;
    QTableWidget* table_ = nullptr;
    QLabel* source_ = nullptr;
    QToolButton* reset_ = nullptr;
};

} // namespace qroar
