// DerivedMetrics: tables that were computed from a session and travel with it into the file (group /metrics),
// so that whoever opens it without this program finds the results beside the data. A copy for others: loading
// ignores it. Not here: the computation (core/analysis/session_metrics.h), the file (session_save.cpp).
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace qroar {

struct MetricTable {
    using Values = std::variant<std::vector<double>, std::vector<std::int64_t>, std::vector<std::string>>;
    std::string name;
    std::vector<std::size_t> dims; ///< row-major; texts are one-dimensional
    Values values;                 ///< NaN = no data
    std::string units, axes, description;
    bool perBand = false; ///< the last axis is the session's bands: their edges are written beside it
};

struct MetricGroup {
    std::string name;    ///< "tail_inflation"
    std::string formula; ///< with its source: paper, standard or ours
    std::vector<MetricTable> tables;
};

struct DerivedMetrics {
    std::string program;             ///< that computed them: "qroar 0.1.0"
    std::vector<MetricGroup> groups; ///< empty: no group /metrics is written
};

} // namespace qroar
