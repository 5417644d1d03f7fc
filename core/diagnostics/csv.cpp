#include "core/diagnostics/csv.h"

#include "core/base/strings.h"

#include <cmath>

namespace qroar {

namespace {

std::string number(double value) {
    if (std::isnan(value)) return {};
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    return formatNumber(value);
}

} // namespace

std::string csvField(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"') quoted += '"';
        quoted += c;
    }
    return quoted + '"';
}

GridColumns bandColumns(const BandPartition& bands) {
    GridColumns columns;
    for (int band = 0; band < bands.count(); ++band)
        columns.ranges.push_back({bands.begin(band), bands.end(band)});
    return columns;
}

GridColumns bucketColumns(const std::vector<int>& bucketEdges) {
    GridColumns columns{"bucket", "position", {}};
    for (std::size_t edge = 1; edge < bucketEdges.size(); ++edge)
        columns.ranges.push_back({bucketEdges[edge - 1], bucketEdges[edge]});
    return columns;
}

std::string gridCsv(const BandGrid& grid, const std::string& valueName, const GridColumns& columns,
                    const std::vector<std::string>& comments) {
    std::string text;
    for (const std::string& comment : comments)
        for (const std::string& line : split(comment, '\n')) text += "# " + trim(line) + "\n";
    const bool ranges = columns.ranges.size() == static_cast<std::size_t>(grid.bands) && grid.bands > 0;
    text += "layer," + csvField(columns.name);
    if (ranges) text += "," + csvField("from_" + columns.unit) + "," + csvField("to_" + columns.unit);
    text += "," + csvField(valueName) + "\n";
    for (int layer = 0; layer < grid.layers; ++layer)
        for (int band = 0; band < grid.bands; ++band) {
            text += std::to_string(layer) + "," + std::to_string(band);
            if (ranges) {
                const auto& range = columns.ranges[static_cast<std::size_t>(band)];
                text += "," + std::to_string(range[0]) + "," + std::to_string(range[1]);
            }
            text += "," + number(grid.at(layer, band)) + "\n";
        }
    return text;
}

} // namespace qroar
