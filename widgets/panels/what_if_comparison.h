// WhatIfComparison: two what-ifs side by side: what they did to the loss, and where their gains differ, as a
// table that can be copied. Not here: the list (what_if_list.h).
#pragma once

#include "core/session/what_if.h"
#include "widgets/models/result_table_model.h"

#include <QDialog>

namespace qroar {

class WhatIfComparison : public QDialog {
    Q_OBJECT
  public:
    WhatIfComparison(const WhatIf& a, const WhatIf& b, const BandPartition& bands, QWidget* parent = nullptr);
    [[nodiscard]] ResultTableModel& effects() { return *effects_; }
    [[nodiscard]] ResultTableModel& gains() { return *gains_; }

  private:
    ResultTableModel *effects_ = nullptr, *gains_ = nullptr;
};

/// A row per layer and band: layer (text "all" where every layer has the same gains in both), band, first and
/// last pair, effective gain of a and of b (geometric mean over heads and pairs) and a / b.
std::vector<ResultTableModel::Row> gainDifferences(const QkGains& a, const QkGains& b,
                                                   const BandPartition& bands);

} // namespace qroar
