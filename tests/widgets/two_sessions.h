// Two sessions with other numbers and a condition of each, A and B, on one set of panels: what tests of
// comparing views need.
#pragma once

#include "tests/support/synthetic_session.h"
#include "tests/widgets/panel_set.h"
#include "widgets/models/result_table_model.h"

#include <QApplication>
#include <QPalette>
#include <QTest>

#include <cmath>

namespace qroar::test {

inline bool same(double a, double b) {
    return a == b || (std::isnan(a) && std::isnan(b));
}

inline double number(QAbstractItemModel* model, int row, const QString& key) {
    const int column = static_cast<ResultTableModel*>(model)->columnOf(key);
    return column < 0 ? -12345 : model->index(row, column).data(ResultTableModel::valueRole).toDouble();
}

inline int indexOf(const Session& session, const std::string& key) {
    for (std::size_t index = 0; index < session.conditions.size(); ++index)
        if (session.conditions[index]->key.text() == key) return static_cast<int>(index);
    return -1;
}

struct TwoSessions {
    std::shared_ptr<const Session> session_ = makeSyntheticSession(), other_ = otherSession();
    int a_ = indexOf(*session_, "yarn:4 · 1024 · rtn:4:g64");
    int b_ = indexOf(*other_, "linear:4 · 1024 · rtn:4:g64");

    static std::shared_ptr<const Session> otherSession() {
        SyntheticOptions options;
        options.seed = 7;
        auto session = std::make_shared<Session>(*makeSyntheticSession(options));
        for (auto& condition : session->conditions) { // weights of another quantizer, in effect
            auto copy = std::make_shared<ConditionResult>(*condition);
            for (LayerDistortion& one : copy->distortions) one.distortion.sumSquaredError *= 1.5 + one.layer;
            condition = copy;
        }
        return session;
    }
    [[nodiscard]] Selection selected(CompareMode mode) const {
        Selection selection;
        selection.layer = 2;
        selection.band = 5;
        selection.condition = a_;
        selection.conditionB = b_;
        selection.compare = mode;
        return selection;
    }
    /// Both sessions, as the window hands them out.
    void show(PanelSet& panels, CompareMode mode) const {
        panels.setSession(session_);
        for (const auto& one : panels.all()) one.panel->setOther(other_);
        panels.selection.setSelection(selected(mode));
    }
    [[nodiscard]] const ConditionResult& a() const {
        return *session_->conditions[static_cast<std::size_t>(a_)];
    }
    [[nodiscard]] const ConditionResult& b() const {
        return *other_->conditions[static_cast<std::size_t>(b_)];
    }
};

} // namespace qroar::test
