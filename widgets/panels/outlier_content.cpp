// What the plots and tables of OutlierPanel hold, view by view.
#include "widgets/common/number_format.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/heat_map_options.h"
#include "widgets/panels/outlier_panel.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

const ScaleStyle shiftStyle{true, 1.0, 0.25};
const ScaleStyle shiftDifferenceStyle{false, 0.0, 0.05};

/// Colours end at 16 times more or less, or 4 times of difference: early positions hold a handful of values
/// or none, and would take all colours.
std::vector<double> withinReach(std::vector<double> values, bool difference) {
    constexpr double farthest = 16, farthestDifference = 4;
    for (double& value : values)
        if (std::isfinite(value))
            value = difference ? std::clamp(value, -farthestDifference, farthestDifference)
                               : std::clamp(value, 1 / farthest, farthest);
    return values;
}

/// Middle of a bucket on a logarithmic axis; position 0 counts as 1.
double middleOf(const std::vector<int>& edges, int bucket) {
    const auto edge = static_cast<std::size_t>(bucket);
    return std::sqrt(std::max(1.0, static_cast<double>(edges[edge])) * edges[edge + 1]);
}

void setPositionTicks(LinePlot& plot, const std::vector<int>& edges, int buckets) {
    std::vector<double> ticks;
    QStringList labels;
    const auto last = static_cast<std::size_t>(buckets);
    for (std::size_t edge = 1; edge <= last; edge += last > 7 ? 2 : 1) {
        ticks.push_back(edges[edge]);
        labels << groupedCount(edges[edge]);
    }
    plot.setXTicks(ticks, labels);
}

LinePlot::Series seriesOf(const QString& name, bool emphasised) {
    LinePlot::Series line;
    line.name = name;
    line.marker = QCPScatterStyle::ssCircle;
    line.emphasised = emphasised;
    line.dash = emphasised ? Qt::SolidLine : Qt::DashLine;
    return line;
}

std::vector<ResultTableModel::Column> positionColumns() {
    return {
        {"from_position", OutlierPanel::tr("From"), OutlierPanel::tr("First position of the bucket, tokens")},
        {"to_position", OutlierPanel::tr("To"), OutlierPanel::tr("One past the last position, tokens")}};
}

/// A column, or those of A, B and the difference.
void addColumns(std::vector<ResultTableModel::Column>& columns, bool subtracts, const QString& key,
                const QString& title, const QString& tip) {
    if (!subtracts) {
        columns.push_back({key, title, tip});
        return;
    }
    columns.push_back({key + QStringLiteral("_a"), OutlierPanel::tr("%1, A").arg(title), tip});
    columns.push_back({key + QStringLiteral("_b"), OutlierPanel::tr("%1, B").arg(title), tip});
    columns.push_back({key + QStringLiteral("_difference"), OutlierPanel::tr("Δ %1, A − B").arg(title), tip});
}

} // namespace

std::vector<double> OutlierPanel::withCounterpart(std::vector<double> values,
                                                  const BandGrid& ofCounterpart) const {
    values.insert(values.end(), ofCounterpart.values.begin(), ofCounterpart.values.end());
    return values;
}

void OutlierPanel::updateMap() {
    const bool positions = view() == View::Positions;
    HeatMapPlot::Content content;
    content.rows = a_.share.layers;
    content.columns = buckets_;
    content.rowTitle = content.rowName = tr("Layer");
    content.columnTitle = tr("First position (tokens)");
    content.rowsName = tr("layers");
    content.columnsName = tr("position buckets");
    content.valueTitle = positions ? tr("Share of top ε") : tr("Relative share of top ε (ratio)");
    content.difference = subtracts_;
    if (subtracts_) content.valueTitle = tr("Δ %1, A − B").arg(content.valueTitle);
    for (int layer = 0; layer < content.rows; ++layer) {
        content.rowLabels << QString::number(layer);
        for (int bucket = 0; bucket < buckets_; ++bucket)
            content.values.push_back(shiftCell(layer, bucket).mapped);
    }
    for (int bucket = 0; bucket < buckets_; ++bucket) {
        content.columnLabels << groupedCount(a_.edges[static_cast<std::size_t>(bucket)]);
        content.columnDetails << bucketText(bucket);
    }
    if (subtracts_)
        content.details = [this](int layer, int bucket) {
            if (layer >= a_.share.layers || bucket >= buckets_) return QString();
            const Cell cell = shiftCell(layer, bucket);
            return tr("A: %1 · B: %2").arg(readableNumber(cell.a, 4), readableNumber(cell.b, 4));
        };
    ScaleStyle style = subtracts_ ? shiftDifferenceStyle : positions ? ScaleStyle() : shiftStyle;
    if (subtracts_ && positions) style.smallest = 1e-3;
    std::vector<double> values =
        withCounterpart(content.values, positions ? counterpart_.share : counterpart_.relative);
    if (!positions) values = withinReach(std::move(values), subtracts_);
    map_->setContent(std::move(content));
    map_->setScale(options_->choose(style, values));
    map_->setSelectedCell(selectedLayer(a_.share.layers), bucket_);
}

void OutlierPanel::updateMagnitudeMap() {
    firstLevel_ = a_.magnitudes.firstLevel;
    lastLevel_ = a_.magnitudes.endLevel - 1;
    if (subtracts_) {
        firstLevel_ = std::min(firstLevel_, b_.magnitudes.firstLevel);
        lastLevel_ = std::max(lastLevel_, b_.magnitudes.endLevel - 1);
    }
    lastLevel_ = std::max(firstLevel_, lastLevel_);
    HeatMapPlot::Content content;
    content.rows = lastLevel_ - firstLevel_ + 1;
    content.columns = buckets_;
    content.rowTitle = tr("|x|, quarter octaves");
    content.rowName = tr("|x| from");
    content.columnTitle = tr("First position (tokens)");
    content.difference = subtracts_;
    content.valueTitle =
        subtracts_ ? tr("Δ share of the position's values, A − B") : tr("Share of the position's values");
    content.plainGaps = true;
    content.means = false; // a mean of shares of unequal sizes says nothing
    for (int level = lastLevel_; level >= firstLevel_; --level) {
        content.rowLabels << readableNumber(MagnitudeMap::lowerEdge(level), 2);
        for (int bucket = 0; bucket < buckets_; ++bucket)
            content.values.push_back(magnitudeCell(bucket, level).mapped);
    }
    for (int bucket = 0; bucket < buckets_; ++bucket) {
        content.columnLabels << groupedCount(a_.edges[static_cast<std::size_t>(bucket)]);
        content.columnDetails << bucketText(bucket);
    }
    content.details = [this](int row, int bucket) {
        const int level = lastLevel_ - row;
        if (level < firstLevel_ || bucket >= buckets_) return QString();
        const Cell cell = magnitudeCell(bucket, level);
        QString text = tr("|x| up to %1").arg(readableNumber(MagnitudeMap::upperEdge(level)));
        if (subtracts_)
            text += u'\n' + tr("A: %1 · B: %2").arg(readableNumber(cell.a, 4), readableNumber(cell.b, 4));
        return text;
    };
    const ScaleStyle style = subtracts_ ? ScaleStyle{false, 0.0, 1e-4} : ScaleStyle{true, std::nullopt, 0};
    std::vector<double> values = content.values;
    for (const double share : counterpart_.magnitudes.share)
        if (share > 0) values.push_back(share);
    map_->setContent(std::move(content));
    map_->setScale(options_->choose(style, values));
    const bool onMap = level_ >= firstLevel_ && level_ <= lastLevel_ && bucket_ >= 0;
    map_->setSelectedCell(onMap ? rowOfLevel(level_) : -1, bucket_);
}

void OutlierPanel::updateLine() {
    const int layer = selectedLayer(a_.relative.layers);
    const auto lineOf = [&](const Numbers& numbers, const QString& name, bool emphasised) {
        LinePlot::Series line = seriesOf(name, emphasised);
        for (int bucket = 0; bucket < numbers.relative.bands; ++bucket) {
            line.x.push_back(middleOf(numbers.edges, bucket));
            line.y.push_back(numbers.relative.at(layer, bucket));
        }
        return line;
    };
    std::vector<LinePlot::Series> series;
    if (subtracts_) series.push_back(lineOf(b_, tr("B"), false));
    series.push_back(lineOf(a_, subtracts_ ? tr("A") : tr("Layer %1").arg(layer), true));
    series.back().inLegend = subtracts_; // one line needs no name
    line_->setReadoutNames(tr("position"), tr("relative share"), tr("tokens"),
                           tr("× its share of all values"));
    line_->setReferenceLine(1.0);
    line_->setAxes(tr("Position in the context (tokens)"), LinePlot::Scale::Log2,
                   tr("Relative share, layer %1").arg(layer), LinePlot::Scale::Linear);
    line_->setShortTitles(tr("Position (tokens)"), {});
    const bool longerB = subtracts_ && b_.edges.size() > a_.edges.size();
    const Numbers& longer = longerB ? b_ : a_;
    setPositionTicks(*line_, longer.edges, longer.relative.bands);
    line_->setSeries(std::move(series));
    line_->fitRanges(true, 1.0);
}

void OutlierPanel::updateQuantiles() {
    std::vector<LinePlot::Series> series;
    const auto add = [&](const Numbers& numbers, const std::vector<double>& values, const QString& name,
                         bool emphasised, int category) {
        LinePlot::Series line = seriesOf(name, emphasised);
        line.category = category;
        for (std::size_t bucket = 0; bucket < values.size(); ++bucket) {
            line.x.push_back(middleOf(numbers.edges, static_cast<int>(bucket)));
            line.y.push_back(values[bucket] > 0 ? values[bucket] : std::nan(""));
        }
        series.push_back(std::move(line));
    };
    const QString tail = tr("1 − ε quantile"), median = tr("median");
    if (subtracts_) {
        add(b_, b_.magnitudes.tail, tr("%1, B").arg(tail), false, 0);
        add(b_, b_.magnitudes.median, tr("%1, B").arg(median), false, 1);
    }
    add(a_, a_.magnitudes.tail, subtracts_ ? tr("%1, A").arg(tail) : tail, true, 0);
    add(a_, a_.magnitudes.median, subtracts_ ? tr("%1, A").arg(median) : median, true, 1);
    line_->setReadoutNames(tr("position"), tr("|x|"), tr("tokens"), {});
    line_->setReferenceLine(std::nullopt);
    line_->setAxes(tr("Position in the context (tokens)"), LinePlot::Scale::Log2,
                   tr("|x|, layer %1").arg(selectedLayer(a_.share.layers)), LinePlot::Scale::Log);
    line_->setShortTitles(tr("Position (tokens)"), {});
    setPositionTicks(*line_, a_.edges, a_.share.bands);
    line_->setSeries(std::move(series));
    line_->fitRanges(true);
}

void OutlierPanel::updateDocuments() {
    HeatMapPlot::Content content;
    content.rows = a_.documents.layers;
    content.columns = a_.documents.bands;
    content.rowTitle = content.rowName = tr("Document");
    content.columnTitle = tr("First position (tokens)");
    content.valueTitle = tr("Relative share, layer %1").arg(selectedLayer(a_.share.layers));
    content.difference = subtracts_;
    if (subtracts_) content.valueTitle = tr("Δ %1, A − B").arg(content.valueTitle);
    const auto& names = a_.side.session->documents;
    for (int document = 0; document < content.rows; ++document) {
        const auto at = static_cast<std::size_t>(document);
        content.rowLabels << (at < names.size() ? QString::fromStdString(names[at].name)
                                                : QString::number(document));
        for (int zone = 0; zone < content.columns; ++zone)
            content.values.push_back(documentCell(document, zone, true).mapped);
    }
    for (std::size_t zone = 0; zone + 1 < a_.zones.size(); ++zone) {
        content.columnLabels << groupedCount(a_.zones[zone]);
        content.columnDetails
            << tr("positions %1–%2").arg(groupedCount(a_.zones[zone]), groupedCount(a_.zones[zone + 1] - 1));
    }
    const std::vector<double> values =
        withinReach(withCounterpart(content.values, counterpart_.documentsRelative), subtracts_);
    documents_->setContent(std::move(content));
    documents_->setScale(ColorScale::of(subtracts_ ? shiftDifferenceStyle : shiftStyle, values));
}

void OutlierPanel::fillTable() {
    std::vector<ResultTableModel::Row> rows;
    for (int layer = 0; layer < a_.share.layers; ++layer)
        for (int bucket = 0; bucket < buckets_; ++bucket) {
            const auto edge = static_cast<std::size_t>(bucket);
            ResultTableModel::Row row{layer, a_.edges[edge], a_.edges[edge + 1]};
            const auto add = [&](const BandGrid& a, const BandGrid& b) {
                row.emplace_back(a.at(layer, bucket));
                if (!subtracts_) return;
                row.emplace_back(b.at(layer, bucket));
                row.emplace_back(a.at(layer, bucket) - b.at(layer, bucket));
            };
            add(a_.share, b_.share);
            add(a_.relative, b_.relative);
            rows.push_back(std::move(row));
        }
    std::vector<ResultTableModel::Column> columns = positionColumns();
    columns.insert(columns.begin(), {"layer", tr("Layer"), tr("Decoder layer, from 0")});
    addColumns(columns, subtracts_, "top_share", tr("Share of top ε"),
               tr("Share of the layer's largest values in the bucket. [ours]"));
    addColumns(columns, subtracts_, "relative_share", tr("Relative"),
               tr("Divided by the bucket's share of all values. [ours]"));
    table().setTable(std::move(columns), std::move(rows));
}

void OutlierPanel::fillMagnitudeTable() {
    std::vector<ResultTableModel::Row> rows;
    for (int bucket = 0; bucket < buckets_; ++bucket)
        for (int level = firstLevel_; level <= lastLevel_; ++level) {
            const auto edge = static_cast<std::size_t>(bucket);
            const Cell cell = magnitudeCell(bucket, level);
            rows.push_back({a_.edges[edge], a_.edges[edge + 1], MagnitudeMap::lowerEdge(level),
                            MagnitudeMap::upperEdge(level), cell.a});
            if (subtracts_) rows.back().insert(rows.back().end(), {cell.b, cell.a - cell.b});
        }
    std::vector<ResultTableModel::Column> columns = positionColumns();
    columns.push_back({"from_magnitude", tr("|x| from"), tr("Lower edge of the quarter octave")});
    columns.push_back({"to_magnitude", tr("|x| to"), tr("Upper edge; of the last level a lower bound")});
    addColumns(columns, subtracts_, "share", tr("Share"),
               tr("Of the values of the layer in the bucket of positions. [ours]"));
    table().setTable(std::move(columns), std::move(rows));
}

void OutlierPanel::fillQuantileTable() {
    std::vector<ResultTableModel::Row> rows;
    for (int bucket = 0; bucket < buckets_; ++bucket) {
        const auto edge = static_cast<std::size_t>(bucket);
        ResultTableModel::Row row{a_.edges[edge], a_.edges[edge + 1]};
        const auto add = [&](const std::vector<double>& a, const std::vector<double>& b) {
            const auto at = [edge](const std::vector<double>& values) {
                return edge < values.size() ? values[edge] : std::nan("");
            };
            row.emplace_back(at(a));
            if (subtracts_) row.insert(row.end(), {at(b), at(a) - at(b)});
        };
        add(a_.magnitudes.median, b_.magnitudes.median);
        add(a_.magnitudes.tail, b_.magnitudes.tail);
        rows.push_back(std::move(row));
    }
    std::vector<ResultTableModel::Column> columns = positionColumns();
    addColumns(columns, subtracts_, "median", tr("Median |x|"), tr("Of the layer's values in the bucket"));
    addColumns(columns, subtracts_, "tail_quantile", tr("1 − ε quantile"),
               tr("Of |x| of the layer's values in the bucket"));
    quantileModel_->setTable(std::move(columns), std::move(rows));
}

void OutlierPanel::fillDocumentTable() {
    std::vector<ResultTableModel::Row> rows;
    const auto& names = a_.side.session->documents;
    for (int document = 0; document < a_.documents.layers; ++document)
        for (int zone = 0; zone < a_.documents.bands; ++zone) {
            const auto at = static_cast<std::size_t>(document), edge = static_cast<std::size_t>(zone);
            ResultTableModel::Row row{document,
                                      at < names.size() ? QString::fromStdString(names[at].name) : QString(),
                                      a_.zones[edge], a_.zones[edge + 1]};
            for (const bool relative : {false, true}) {
                const Cell cell = documentCell(document, zone, relative);
                row.emplace_back(cell.a);
                if (subtracts_) row.insert(row.end(), {cell.b, cell.mapped});
            }
            rows.push_back(std::move(row));
        }
    std::vector<ResultTableModel::Column> columns = positionColumns();
    columns.insert(columns.begin(), {{"document", tr("Document"), tr("Index in the session, from 0")},
                                     {"name", tr("Name"), tr("Of the document")}});
    addColumns(columns, subtracts_, "top_share", tr("Share of top ε"),
               tr("Share of the document's own largest values in the zone, selected layer. [ours]"));
    addColumns(columns, subtracts_, "relative_share", tr("Relative"),
               tr("Divided by the zone's share of all values of the document. [ours]"));
    documentModel_->setTable(std::move(columns), std::move(rows));
}

} // namespace qroar
