// Two conditions of a synthetic session, or of two sessions, in all panels: what tests of A, B and A - B
// begin with, and how they read numbers out of tables and plots.
#pragma once

#include "tests/support/synthetic_session.h"
#include "tests/widgets/panel_set.h"
#include "widgets/models/result_table_model.h"
#include "widgets/plot/line_plot.h"

#include "core/diagnostics/tails.h"

#include <algorithm>
#include <cmath>

namespace qroar::test {

inline std::shared_ptr<const Session> session(std::uint64_t seed = 1) {
    SyntheticOptions options;
    options.seed = seed;
    options.divergence = true;
    options.contexts = {256, 1024};
    options.documents = 7;
    options.groups = 2;
    return makeSyntheticSession(options);
}

/// "yarn:4 . 1024 . none"
inline int indexOf(const Session& in, const std::string& words) {
    const std::string text = QString::fromStdString(words).replace(" . ", " · ").toStdString();
    for (std::size_t index = 0; index < in.conditions.size(); ++index)
        if (in.conditions[index]->key.text() == text) return static_cast<int>(index);
    return -1;
}

inline double number(QAbstractItemModel* model, int row, const QString& key) {
    const int column = static_cast<ResultTableModel*>(model)->columnOf(key);
    return column < 0 ? std::nan("") : model->index(row, column).data(ResultTableModel::valueRole).toDouble();
}

inline bool close(double a, double b) {
    return std::abs(a - b) <= 1e-9 * std::max(1.0, std::abs(b));
}

/// Two conditions of a session, or of two.
struct Sides {
    PanelSet panels;
    std::shared_ptr<const Session> a = session(), b = a;
    int indexA = indexOf(*a, "yarn:4 . 1024 . rtn:4:g64"), indexB = indexOf(*a, "linear:4 . 1024 . none");

    explicit Sides(bool two = false) {
        if (two) b = session(8);
        panels.setSession(a);
        for (const auto& [name, panel] : panels.all()) panel->setOther(two ? b : nullptr);
    }
    void look(CompareMode mode, int layer = 2, int band = 4) {
        Selection selection;
        selection.layer = layer;
        selection.band = band;
        selection.condition = indexA;
        selection.conditionB = indexB;
        selection.compare = mode;
        panels.selection.setSelection(selection);
    }
    [[nodiscard]] const ConditionResult& ofA() const {
        return *a->conditions[static_cast<std::size_t>(indexA)];
    }
    [[nodiscard]] const ConditionResult& ofB() const {
        return *b->conditions[static_cast<std::size_t>(indexB)];
    }
    [[nodiscard]] LogHistogram pooled(const ConditionResult& one, int layer = 2) const {
        return pooledHistogram(one.statistics, layer, QkTensor::K, RopeStage::Post, a->bands.begin(4),
                               a->bands.end(4));
    }
};

inline const LinePlot::Series* seriesNamed(const LinePlot& plot, const QString& part) {
    for (const LinePlot::Series& one : plot.series())
        if (one.name.contains(part)) return &one;
    return nullptr;
}

} // namespace qroar::test
