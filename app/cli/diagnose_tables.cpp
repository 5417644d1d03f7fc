// The diagnosis as tables for people: made from the rows of diagnose_rows.cpp, so that text and JSON cannot
// disagree. Numbers are rounded here and nowhere else.
#include "app/cli/diagnose_noise.h"
#include "app/cli/diagnose_rows.h"

#include "core/base/strings.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <numbers>

namespace qroar::cli {

namespace {

double valueOf(const Json& field) {
    return field.is_number() ? field.get<double>() : NAN;
}
std::string text(const Json& field) {
    return field.get<std::string>();
}
std::string whole(const Json& field) {
    return std::to_string(field.get<long long>());
}
std::string percent(double share, int digits = 2) {
    return fixed(100 * share, digits);
}

using Rows = std::vector<const Json*>;

/// Rows of one list for one condition, which the key "condition" or "long" names.
Rows rowsOf(const Json& document, const char* list, const std::string& id) {
    Rows rows;
    for (const Json& row : document[list])
        if (row[row.contains("long") ? "long" : "condition"] == id) rows.push_back(&row);
    return rows;
}

/// Finds a row of one condition by what tells it from the others.
class Lookup {
  public:
    explicit Lookup(const Rows& rows) {
        for (const Json* row : rows) rows_[keyOf(*row)] = row;
    }
    /// The field, NaN without such a row; `like` holds layer, band and whatever else the rows have.
    [[nodiscard]] double at(const Json& like, const char* field) const {
        const auto found = rows_.find(keyOf(like));
        return found == rows_.end() ? NAN : valueOf((*found->second)[field]);
    }

  private:
    static std::string keyOf(const Json& row) {
        std::string key;
        for (const char* part : {"layer", "band", "tensor", "stage", "epsilon"})
            if (row.contains(part)) key += row[part].dump() + "|";
        return key;
    }
    std::map<std::string, const Json*> rows_;
};

/// What the tables of one condition draw on.
struct View {
    const Json& document;
    const Json& condition;
    std::string id;
    double epsilon = 1e-3;
    [[nodiscard]] Rows rows(const char* list) const { return rowsOf(document, list, id); }
    [[nodiscard]] double attentionFactor() const { return valueOf(condition["attention_factor"]); }
    void head(const std::string& title) const { std::cout << "\n" << id << ": " << title << "\n\n"; }
};

std::string pairsOf(const Json& band) {
    const int from = band["from_pair"], to = band["to_pair"];
    return from + 1 == to ? std::to_string(from) : std::to_string(from) + "-" + std::to_string(to - 1);
}

/// What is the same in every layer: the first layer's rows.
void printBandTable(const View& view) {
    const Rows rows = view.rows("interpolation_pressure");
    if (rows.empty()) return;
    if (std::all_of(rows.begin(), rows.end(),
                    [](const Json* row) { return valueOf((*row)["displacement"]) == 0; })) {
        std::cout << "\n"
                  << view.id
                  << ": no pair is scaled, so that pressure and displacement are 0 in every band\n";
        return;
    }
    view.head("per band, the same in every layer, at distance " + formatCount(view.condition["context"])
              + "; factor " + significant(valueOf(view.condition["factor"]), 5) + ", attention factor m "
              + significant(view.attentionFactor(), 5));
    Table table({"band", "pairs", "unscaled wavelengths", "IP raw", "IP saturated", "displacement (rad)",
                 "first aliasing (tokens)", "partial cycles"});
    for (const Json* row : rows) {
        if ((*row)["layer"] != 0) continue;
        const Json& band = view.document["bands"][(*row)["band"].get<std::size_t>()];
        const auto wavelength = [&](const char* end) {
            return significant(2 * std::numbers::pi / valueOf(band[end]), 4);
        };
        const Json& aliasing = (*row)["aliasing_distance"];
        table.add({whole((*row)["band"]), pairsOf(band),
                   wavelength("omega_high") + " - " + wavelength("omega_low"),
                   significant(valueOf((*row)["raw"]), 4), fixed(valueOf((*row)["saturated"]), 4),
                   significant(valueOf((*row)["displacement"]), 4),
                   aliasing.is_null() ? "never" : significant(valueOf(aliasing), 4),
                   whole((*row)["partial_cycle_pairs"])});
    }
    table.print();
}

void printPressure(const View& view) {
    printBandTable(view);
    const Rows rows = view.rows("interpolation_pressure");
    const bool any = std::any_of(rows.begin(), rows.end(), [](const Json* row) {
        return valueOf((*row)["weighted"]) != 0 || (*row)["measured"].is_number();
    });
    if (!any) return;
    view.head(
        "interpolation pressure per layer; energy-weighted 0 .. 1, measured |d NLL / d ln omega'| in nats");
    Table table({"layer", "band", "IP weighted", "IP measured"});
    for (const Json* row : rows)
        table.add({whole((*row)["layer"]), whole((*row)["band"]), fixed(valueOf((*row)["weighted"]), 4),
                   significant(valueOf((*row)["measured"]), 4)});
    table.print();
}

/// One row a layer and band: the most used figure of every metric.
void printOverview(const View& view) {
    printBandTable(view);
    const Rows rows = view.rows("interpolation_pressure");
    if (rows.empty()) return;
    const Rows tails = view.rows("tail_inflation");
    const Lookup tail(tails), dilation(view.rows("dilation")), top(view.rows("top_shares"));
    view.head("per layer and band, after RoPE, eps " + significant(view.epsilon, 2)
              + (tails.empty() ? ", without a short reference" : ", against " + text((*tails[0])["short"])));
    Table table({"layer", "band", "IP weighted", "TIR/m q", "TIR/m k", "excess q %", "excess k %", "dil/m q",
                 "dil/m k", "top q %", "top k %"});
    const double m = view.attentionFactor();
    for (const Json* row : rows) {
        std::vector<std::string> cells{whole((*row)["layer"]), whole((*row)["band"]),
                                       fixed(valueOf((*row)["weighted"]), 3)};
        Json like{{"layer", (*row)["layer"]}, {"band", (*row)["band"]}};
        Json deep = like;
        deep["stage"] = "post";
        deep["epsilon"] = view.epsilon;
        const auto both = [&](const Lookup& lookup, Json& key, const char* field, auto&& format) {
            for (const char* tensor : {"q", "k"}) {
                key["tensor"] = tensor;
                cells.push_back(format(lookup.at(key, field)));
            }
        };
        const auto withoutM = [m](double value) { return fixed(value / m, 3); };
        const auto share = [](double value) { return percent(value); };
        both(tail, deep, "value", withoutM);
        both(tail, deep, "excess_tail_mass_without_m", share);
        both(dilation, like, "value", withoutM);
        both(top, deep, "share", share);
        table.add(std::move(cells));
    }
    table.print();
}

constexpr double epsilons[]{1e-2, 1e-3, 1e-4};

/// Layers, bands, tensors and stages of the tails, each with cells made of its row for every eps; after RoPE
/// also without m when that is not 1.
template<class Cells>
void printByEpsilon(const View& view, std::vector<std::string> header, Cells&& cellsOf) {
    const Rows rows = view.rows("tail_inflation");
    std::map<std::vector<int>, std::map<double, const Json*>> sorted; // by layer, band, tensor, stage
    for (const Json* row : rows)
        sorted[{(*row)["layer"], (*row)["band"], (*row)["tensor"] == "k", (*row)["stage"] == "post"}]
              [valueOf((*row)["epsilon"])] = row;
    header.insert(header.begin(), {"layer", "band", "tensor", "RoPE"});
    Table table(header);
    for (const auto& [place, byEpsilon] : sorted) {
        const bool after = place[3] != 0;
        for (const bool divided : {false, true}) {
            if (divided && (!after || view.attentionFactor() == 1)) continue;
            std::vector<std::string> cells{std::to_string(place[0]), std::to_string(place[1]),
                                           place[2] ? "k" : "q",
                                           !after    ? "before"
                                           : divided ? "after, / m"
                                                     : "after"};
            for (const double epsilon : epsilons) cellsOf(*byEpsilon.at(epsilon), divided, cells);
            table.add(std::move(cells));
        }
    }
    table.print();
}

bool headOfTails(const View& view, const std::string& title) {
    const Rows rows = view.rows("tail_inflation");
    if (!rows.empty()) view.head(title + ", against " + text((*rows[0])["short"]));
    return !rows.empty();
}

void printTir(const View& view) {
    if (!headOfTails(view, "tail-inflation ratio with 95 % intervals")) return;
    printByEpsilon(view, {"eps 0.01", "interval", "eps 0.001", "interval", "eps 0.0001", "interval"},
                   [](const Json& row, bool divided, std::vector<std::string>& cells) {
                       const double by = divided ? valueOf(row["attention_factor"]) : 1;
                       cells.push_back(fixed(valueOf(row["value"]) / by, 3));
                       const Json& ci = row["ci95"];
                       cells.push_back(ci.is_null() ? "-"
                                                    : "[" + fixed(valueOf(ci[0]) / by, 3) + ", "
                                                          + fixed(valueOf(ci[1]) / by, 3) + "]");
                   });
}

void printExcess(const View& view) {
    if (!headOfTails(view, "excess tail mass, % of the values; 0: no inflation")) return;
    printByEpsilon(view, {"eps 0.01", "eps 0.001", "eps 0.0001"},
                   [](const Json& row, bool divided, std::vector<std::string>& cells) {
                       cells.push_back(percent(
                           valueOf(row[divided ? "excess_tail_mass_without_m" : "excess_tail_mass"]), 3));
                   });
}

void printDilation(const View& view) {
    const Lookup lookup(view.rows("dilation"));
    view.head(
        "dynamic-range dilation, max|after RoPE| / max|before RoPE|; / m: without the attention factor");
    Table table({"layer", "band", "q", "k", "q / m", "k / m"});
    for (const Json* row : view.rows("dilation")) {
        if ((*row)["tensor"] != "q") continue;
        Json key = *row;
        const double q = lookup.at(key, "value");
        key["tensor"] = "k";
        const double k = lookup.at(key, "value"), m = view.attentionFactor();
        table.add({whole(key["layer"]), whole(key["band"]), fixed(q, 3), fixed(k, 3), fixed(q / m, 3),
                   fixed(k / m, 3)});
    }
    table.print();
}

void printCalibration(const View& view) {
    const Rows rows = view.rows("calibration");
    if (rows.empty()) return;
    view.head("on a grid calibrated at " + text((*rows[0])["short"]));
    Table table({"layer", "band", "tensor", "RoPE", "clip rate %", "bits lost"});
    for (const Json* row : rows)
        table.add({whole((*row)["layer"]), whole((*row)["band"]), text((*row)["tensor"]),
                   (*row)["stage"] == "post" ? "after" : "before", percent(valueOf((*row)["clip_rate"]), 4),
                   fixed(valueOf((*row)["bits_lost"]), 3)});
    table.print();
}

void printTopShares(const View& view) {
    const Json& edges = view.condition["bucket_edges"];
    std::vector<std::string> header{"layer", "band", "tensor", "RoPE", "all", "x size"};
    for (std::size_t bucket = 0; bucket + 1 < edges.size(); ++bucket)
        header.push_back(whole(edges[bucket]) + "-" + std::to_string(edges[bucket + 1].get<int>() - 1));
    Table table(header);
    for (const Json* row : view.rows("top_shares")) {
        if (valueOf((*row)["epsilon"]) != view.epsilon) continue;
        std::vector<std::string> cells{whole((*row)["layer"]),
                                       whole((*row)["band"]),
                                       text((*row)["tensor"]),
                                       (*row)["stage"] == "post" ? "after" : "before",
                                       percent(valueOf((*row)["share"])),
                                       fixed(valueOf((*row)["relative"]), 2)};
        for (const Json& share : (*row)["share_by_bucket"]) cells.push_back(percent(valueOf(share)));
        table.add(std::move(cells));
    }
    view.head(
        "% of the layer's largest values (eps " + significant(view.epsilon, 2)
        + ") that lie in the band, in all and by position; x size: over the band's share of all values");
    table.print();
}

void printSensitivity(const View& view) {
    const Rows rows = view.rows("sensitivity");
    if (rows.empty()) return;
    view.head("derivatives of the mean NLL, nats");
    const bool byHead = rows[0]->contains("head");
    std::vector<std::string> header{"layer", "pair", "d ln gQ", "d ln gK", "d ln omega'"};
    if (byHead) header.insert(header.begin() + 1, "head");
    Table table(header);
    for (const Json* row : rows) {
        std::vector<std::string> cells{whole((*row)["layer"]), whole((*row)["pair"]),
                                       significant(valueOf((*row)["dnll_dln_gq"]), 4),
                                       significant(valueOf((*row)["dnll_dln_gk"]), 4),
                                       significant(valueOf((*row)["dnll_dln_omega"]), 4)};
        if (byHead) cells.insert(cells.begin() + 1, whole((*row)["head"]));
        table.add(std::move(cells));
    }
    table.print();
}

/// The largest tail inflations of all conditions.
void printLargest(const Json& document, double epsilon) {
    Rows rows;
    for (const Json& row : document["tail_inflation"])
        if (row["stage"] == "post" && row["epsilon"] == epsilon && row["value"].is_number())
            rows.push_back(&row);
    std::stable_sort(rows.begin(), rows.end(),
                     [](const Json* a, const Json* b) { return (*a)["value"] > (*b)["value"]; });
    std::cout << "\nLargest tail-inflation ratios (after RoPE, eps " << significant(epsilon, 2)
              << "; long / short):\n\n";
    if (rows.empty()) {
        std::cout << "(none: an analysis at or below the trained context with --rope none is needed as the "
                     "short reference)\n";
        return;
    }
    Table table({"long", "short", "layer", "band", "tensor", "TIR", "TIR/m", "95 % interval"});
    for (std::size_t at = 0; at < std::min<std::size_t>(rows.size(), 10); ++at) {
        const Json& r = *rows[at];
        const Json& ci = r["ci95"];
        table.add(
            {text(r["long"]), text(r["short"]), whole(r["layer"]), whole(r["band"]), text(r["tensor"]),
             fixed(valueOf(r["value"]), 3), fixed(valueOf(r["value"]) / valueOf(r["attention_factor"]), 3),
             ci.is_null() ? "-" : "[" + fixed(valueOf(ci[0]), 3) + ", " + fixed(valueOf(ci[1]), 3) + "]"});
    }
    table.print();
}

void printHead(const Json& document) {
    std::cout << document["conditions"].size() << " conditions, " << document["bands"].size() << " bands";
    for (const Json& band : document["bands"])
        std::cout << (band["index"] == 0 ? ": pairs " : ", ") << pairsOf(band);
    std::cout << '\n';
    const Json& nope = document["nope"];
    if (!nope.is_null())
        std::cout << "Rows " << whole(nope["from_row"]) << ".." << nope["to_row"].get<int>() - 1
                  << " of every head are not rotated (NoPE band): they have no frequency and no phase, "
                     "statistics of them are not recorded,\nand no row below is about them.\n";
    for (const Json& condition : document["conditions"])
        if (condition["bucket_edges"].empty())
            std::cout << text(condition["id"]) << ": holds no statistics of q and k, so it has no rows\n";
}

} // namespace

void printDiagnosis(const Json& document, const std::vector<std::string>& metrics, double epsilon) {
    using Printer = void (*)(const View&);
    const std::pair<const char*, Printer> printers[] = {
        {"overview", printOverview},
        {"pressure", printPressure},
        {"tir", printTir},
        {"excess", printExcess},
        {"dilation", printDilation},
        {"calibration", printCalibration},
        {"top-share", printTopShares},
        {"sensitivity", printSensitivity},
        {"anisotropy", [](const View& view) { printAnisotropy(view.document, view.id); }},
        {"noise", [](const View& view) { printLogitNoise(view.document, view.id); }},
        {"damage", [](const View& view) { printDamage(view.document, view.id); }}};
    const auto asked = [&](const std::string& name) {
        return std::find(metrics.begin(), metrics.end(), name) != metrics.end();
    };
    printHead(document);
    if (asked("overview") || asked("all")) printLargest(document, epsilon);
    for (const Json& condition : document["conditions"]) {
        const View view{document, condition, text(condition["id"]), epsilon};
        for (const auto& [name, print] : printers)
            if (asked(name) || (asked("all") && print != printOverview)) print(view);
    }
    if (asked("overview"))
        std::cout << "\nMore with --metric (pressure, tir, excess, dilation, calibration, top-share, "
                     "sensitivity, anisotropy, noise, damage, all); every number is in --json and --csv.\n";
}

} // namespace qroar::cli
