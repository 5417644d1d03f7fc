// PhasePanel's A - B: how far apart two RoPE specs turn a pair at a distance. What they have in common with
// one spec by itself is in phase_panel.cpp.
#include "widgets/common/compact_combo_box.h"
#include "widgets/common/number_format.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/phase_panel.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace qroar {

namespace {
constexpr double pi = std::numbers::pi;
} // namespace

QString PhasePanel::whyNoDifference() const {
    const Side a = sideA(), b = sideB();
    if (!a.condition || !b.condition) return tr("Choose the conditions A and B to compare.");
    const int pairsA = a.session->model.pairs(), pairsB = b.session->model.pairs();
    if (pairsA != pairsB)
        return tr("A has %1 rotary pairs, B has %2: their angles cannot be subtracted.")
            .arg(pairsA)
            .arg(pairsB);
    return {};
}

bool PhasePanel::differs() const {
    return selection().compare == CompareMode::Difference && whyNoDifference().isEmpty();
}

double PhasePanel::differenceOf(int pair, double distance) const {
    const auto at = static_cast<std::size_t>(pair);
    const double a = specs_[0].table.omega[at] * distance, b = specs_[1].table.omega[at] * distance;
    return value() == Wrapped ? wrappedAngle(a - b) : value() == Cosine ? std::cos(a) - std::cos(b) : a - b;
}

QString PhasePanel::differenceTitle() const {
    return value() == Wrapped  ? tr("Δ ω′·D mod 2π, A − B (rad)")
           : value() == Cosine ? tr("Δ cos(ω′·D), A − B")
                               : tr("Δ ω′·D, A − B (rad)");
}

void PhasePanel::drawDifferenceMap() {
    HeatMapPlot::Content content;
    content.rows = model().pairs();
    content.columns = static_cast<int>(distances_.size());
    for (int pair = 0; pair < content.rows; ++pair) {
        content.rowLabels << QString::number(pair);
        for (const int distance : distances_) content.values.push_back(differenceOf(pair, distance));
    }
    for (const int distance : distances_) {
        content.columnLabels << groupedCount(distance);
        content.columnDetails << tr("%1 tokens").arg(groupedCount(distance));
    }
    content.rowTitle = content.rowName = tr("Pair");
    content.columnTitle = tr("Distance D (tokens)");
    content.columnName = tr("Distance");
    content.valueTitle = differenceTitle();
    content.means = false;
    const FrequencyTable &a = specs_[0].table, &b = specs_[1].table;
    content.details = [a, b, distances = distances_](int pair, int column) {
        const auto at = static_cast<std::size_t>(pair);
        const double distance = distances[static_cast<std::size_t>(column)];
        return tr("A: ω′ %1, angle %2 rad · B: ω′ %3, angle %4 rad · A − B %5 rad")
            .arg(readableNumber(a.omega[at], 4), readableNumber(a.omega[at] * distance, 4),
                 readableNumber(b.omega[at], 4), readableNumber(b.omega[at] * distance, 4),
                 readableNumber((a.omega[at] - b.omega[at]) * distance, 4));
    };
    ColorScale scale = ColorScale::around(0, content.values, false, 1e-3);
    if (value() != Unwrapped) scale.high = value() == Wrapped ? pi : 2;
    scale.low = -scale.high;
    HeatMapPlot& map = *maps_[0];
    map.setHeading(tr("A − B"));
    map.setContent(std::move(content));
    map.setScale(scale);
    map.setSelectedCell(selectedPair(), -1);
}

void PhasePanel::drawDifferenceCurve() {
    const auto pair = static_cast<std::size_t>(selectedPair());
    LinePlot::Series line;
    line.name = tr("A − B");
    line.inLegend = false; // one line: the axis says what it is
    for (const double distance : tableDistances()) {
        line.x.push_back(distance);
        line.y.push_back(differenceOf(selectedPair(), distance));
    }
    const auto [low, high] = std::minmax_element(line.y.begin(), line.y.end());
    const bool same = *low == 0 && *high == 0; // any range: nothing lies off the middle
    const double bottom = same ? -1 : std::min(*low, 0.0), top = same ? 1 : std::max(*high, 0.0);
    std::vector<LinePlot::Series> series{std::move(line)};
    const QCPRange range(bottom, top);
    addMark(series, specs_.front().table.trainedContext, range, tr("L₀"), false);
    const double apart = std::abs(specs_[0].table.omega[pair] - specs_[1].table.omega[pair]);
    if (apart > 0) addMark(series, pi / apart, range, tr("π/|ω′ of A − ω′ of B|"), true);
    curves_->setAxes(tr("Distance D (tokens)"), LinePlot::Scale::Log2, differenceTitle(),
                     LinePlot::Scale::Linear);
    setDistanceTicks();
    curves_->setReadoutNames(tr("distance"), value() == Cosine ? tr("Δ cosine") : tr("Δ angle"), tr("tokens"),
                             value() == Cosine ? QString() : tr("rad"));
    curves_->setReferenceLine(0.0);
    curves_->setSeries(std::move(series));
    curves_->fitRanges(true, aboveCurves(range, nameRoom));
}

void PhasePanel::fillDifferenceTable() {
    std::vector<ResultTableModel::Row> rows;
    rowPairs_.clear();
    for (const int pair : tablePairs())
        for (const double distance : tableDistances()) {
            const auto at = static_cast<std::size_t>(pair);
            const double omegaA = specs_[0].table.omega[at], omegaB = specs_[1].table.omega[at];
            const double a = omegaA * distance, b = omegaB * distance;
            rows.push_back({pair, cellOf(distance), omegaA, omegaB, a, b, a - b, wrappedAngle(a - b),
                            std::cos(a) - std::cos(b)});
            rowPairs_.push_back(pair);
        }
    table().setTable({{"pair", tr("Pair"), tr("Rotary pair, from 0")},
                      {"distance", tr("Distance"), tr("Tokens between query and key")},
                      {"omega_a", tr("ω′, A"), tr("Frequency after scaling, rad/token")},
                      {"omega_b", tr("ω′, B"), tr("Frequency after scaling, rad/token")},
                      {"angle_a", tr("ω′·D, A"), tr("Unwrapped angle, rad")},
                      {"angle_b", tr("ω′·D, B"), tr("Unwrapped angle, rad")},
                      {"angle_difference", tr("A − B"), tr("Phase error, unwrapped, rad")},
                      {"wrapped_difference", tr("A − B mod 2π"), tr("Phase error between −π and π, rad")},
                      {"cosine_difference", tr("Δ cos"), tr("cos(ω′·D) of A minus that of B")}},
                     std::move(rows));
}

QString PhasePanel::differenceSummary() const {
    const std::vector<double>&a = specs_[0].table.omega, &b = specs_[1].table.omega;
    if (a == b) return tr("A and B turn every pair equally: there is no phase error.");
    const int pair = selectedPair(), longest = distances_.back();
    const auto at = static_cast<std::size_t>(pair);
    const double angle = (a[at] - b[at]) * longest;
    QString text = tr("Pair %1 at D = %2 tokens: A − B %3 rad = %4 turns, wrapped %5 rad")
                       .arg(pair)
                       .arg(groupedCount(longest), readableNumber(angle, 4),
                            readableNumber(angle / (2 * pi), 3), readableNumber(wrappedAngle(angle), 3));
    if (angle != 0)
        text += tr(" · opposite (π) at D = %1")
                    .arg(groupedCount(std::llround(std::min(1e15, pi / std::abs(a[at] - b[at])))));
    return text;
}

} // namespace qroar
