#include "core/rope/band_layout.h"

#include "core/base/strings.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numbers>

namespace qroar {

bool isBandColour(const std::string& text) {
    return text.size() == 7 && text[0] == '#'
           && std::all_of(text.begin() + 1, text.end(),
                          [](unsigned char c) { return std::isxdigit(c) != 0; });
}

BandStyle BandLayout::style(int band) const {
    return band >= 0 && band < static_cast<int>(styles.size()) ? styles[static_cast<std::size_t>(band)]
                                                               : BandStyle{};
}

void BandLayout::setStyle(int band, BandStyle style) {
    if (band < 0 || band >= bands.count()) return;
    styles.resize(static_cast<std::size_t>(bands.count()));
    styles[static_cast<std::size_t>(band)] = std::move(style);
    if (std::all_of(styles.begin(), styles.end(), [](const BandStyle& one) { return one.empty(); }))
        styles.clear();
}

BandLayout BandLayout::withEdges(const BandPartition& edges) const {
    BandLayout next{edges, {}};
    const bool sameCount = edges.count() == bands.count();
    for (int old = 0; old < bands.count(); ++old) {
        const int target = sameCount ? old : edges.bandOf(bands.begin(old));
        if (!style(old).empty() && next.style(target).empty()) next.setStyle(target, style(old));
    }
    return next;
}

BandLayout BandLayout::withEdgeAdded(int pair) const {
    if (pair <= 0 || pair >= bands.pairs() || bands.begin(bands.bandOf(pair)) == pair) return *this;
    std::vector<int> edges = bands.edges();
    edges.insert(std::upper_bound(edges.begin(), edges.end(), pair), pair);
    const auto next = BandPartition::fromEdges(std::move(edges), bands.pairs());
    return next ? withEdges(*next) : *this;
}

BandLayout BandLayout::withEdgeRemoved(int index) const {
    if (index < 1 || index >= bands.count()) return *this;
    std::vector<int> edges = bands.edges();
    edges.erase(edges.begin() + index);
    const auto next = BandPartition::fromEdges(std::move(edges), bands.pairs());
    return next ? withEdges(*next) : *this;
}

namespace {

constexpr std::string_view escaped = ",@%";

std::string escapedName(const std::string& name) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string text;
    for (const char c : name)
        if (escaped.find(c) == std::string_view::npos)
            text += c;
        else
            (((text += '%') += digits[static_cast<unsigned char>(c) >> 4]) += digits[c & 15]);
    return text;
}

/// False for one of the three that is written as it is.
bool readName(std::string_view text, std::string& name) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (escaped.find(text[at]) == std::string_view::npos) {
            name += text[at];
            continue;
        }
        const auto same = std::find_if(escaped.begin(), escaped.end(),
                                       [&](char c) { return escapedName({c}) == text.substr(at, 3); });
        if (same == escaped.end()) return false;
        name += *same;
        at += 2;
    }
    return true;
}

Outcome<BandStyle> parseBandStyle(std::string_view text) {
    BandStyle style;
    const auto at = text.rfind('@');
    if (at != std::string_view::npos) {
        style.colour = text.substr(at + 1);
        if (!isBandColour(style.colour))
            return Error::bad("colours of bands are written @#rrggbb; found '@" + style.colour.substr(0, 40)
                              + "'");
    }
    if (!readName(text.substr(0, at), style.name))
        return Error::bad("names of bands have , @ and % as %2C, %40 and %25; found '"
                          + std::string(text.substr(0, 40)) + "'");
    if (std::any_of(style.name.begin(), style.name.end(), [](unsigned char c) { return c < 32 || c == 127; }))
        return Error::bad("names of bands have no control characters; found one in '"
                          + std::string(text.substr(0, 40)) + "'");
    if (style.name.size() > longestBandName)
        return Error::bad("names of bands have at most " + std::to_string(longestBandName) + " bytes; found "
                          + std::to_string(style.name.size()));
    return style;
}

} // namespace

std::string bandText(const BandLayout& layout) {
    std::string text;
    for (int band = 0; band < layout.bands.count(); ++band) {
        const BandStyle style = layout.style(band);
        if (band > 0) text += ',';
        text += std::to_string(layout.bands.begin(band));
        if (band == 0 || !style.empty()) text += '=' + escapedName(style.name);
        if (!style.colour.empty()) text += '@' + style.colour;
    }
    return text + ',' + std::to_string(layout.bands.pairs());
}

Outcome<BandText> parseBandText(std::string_view text, int pairs) {
    std::string edges;
    std::vector<BandStyle> styles;
    bool styled = false;
    for (const std::string& part : split(text, ',')) {
        const auto equals = part.find('=');
        edges += (styles.empty() ? "" : ",") + part.substr(0, equals);
        styles.emplace_back();
        if (equals == std::string::npos) continue;
        styled = true;
        auto style = parseBandStyle(std::string_view(part).substr(equals + 1));
        if (!style) return style.error();
        styles.back() = std::move(*style);
    }
    auto bands = BandPartition::parseEdges(edges, pairs);
    if (!bands) return bands.error();
    long long first = 0;
    if (parseInt(trim(edges.substr(0, edges.find(','))), first) && first != 0)
        styles.emplace(styles.begin()); // of the band that begins at pair 0, which the text left out
    if (static_cast<int>(styles.size()) > bands->count() && !styles.back().empty())
        return Error::bad("the last edge is the end of the last band and has no name; found '"
                          + std::string(text.substr(text.rfind(',') + 1, 40)) + "'");
    BandText result{std::move(*bands), std::nullopt};
    if (!styled) return result;
    BandLayout layout{result.bands, {}};
    for (int band = 0; band < layout.bands.count(); ++band)
        layout.setStyle(band, std::move(styles[static_cast<std::size_t>(band)]));
    result.styles = std::move(layout.styles);
    return result;
}

int splitPlace(const BandPartition& bands, int band, int pair) {
    if (band < 0 || band >= bands.count()) return -1;
    const int begin = bands.begin(band), end = bands.end(band);
    if (end - begin < 2) return -1;
    return pair > begin && pair < end ? pair : begin + (end - begin) / 2;
}

namespace {

/// Zone z begins at pair begins[z] (rising); those without pairs are left out.
ZoneLayout fromBegins(const std::vector<int>& begins, int pairs) {
    ZoneLayout layout;
    std::vector<int> edges;
    for (std::size_t zone = 0; zone < begins.size(); ++zone) {
        const int begin = std::clamp(begins[zone], 0, pairs);
        const int end = zone + 1 < begins.size() ? std::clamp(begins[zone + 1], 0, pairs) : pairs;
        if (end <= begin) continue;
        edges.push_back(begin);
        layout.zones.push_back(static_cast<int>(zone));
    }
    if (auto bands = BandPartition::fromEdges(std::move(edges), pairs)) layout.bands = std::move(*bands);
    return layout;
}

} // namespace

ZoneLayout yarnZones(const FrequencyTable& table) {
    if (!table.rampLow || !table.rampHigh) return {};
    const auto pairs = static_cast<int>(table.plain.size());
    // As edges snap: the first edge with every pair below the point on its left.
    const auto edge = [&](double pair) {
        return static_cast<int>(std::ceil(std::clamp(pair, 0.0, static_cast<double>(pairs)) - 1e-9));
    };
    return fromBegins({0, edge(*table.rampLow), edge(*table.rampHigh)}, pairs);
}

ZoneLayout wavelengthThirds(const FrequencyTable& table) {
    constexpr double shortest = 2 * std::numbers::pi;
    const auto pairs = static_cast<int>(table.plain.size());
    if (pairs == 0 || !(table.trainedContext > shortest)) return {};
    std::vector<int> begins{0};
    for (int third = 1; third <= 3; ++third) {
        const double bound = shortest * std::pow(table.trainedContext / shortest, third / 3.0);
        int pair = begins.back();
        while (pair < pairs && shortest / table.plain[static_cast<std::size_t>(pair)] < bound * (1 - 1e-12))
            ++pair;
        begins.push_back(pair);
    }
    return fromBegins(begins, pairs);
}

} // namespace qroar
