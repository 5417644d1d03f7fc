// BandLayout: bands together with what people call them and paint them in. The edges alone are what metrics
// depend on (bands.h); names and colours ride along when edges move, split and merge. Also the presets that
// follow the frequencies. Not here: default names and colours (widgets/common/names.h), undo.
#pragma once

#include "core/rope/bands.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qroar {

/// Both empty for a band that nobody named or coloured.
struct BandStyle {
    std::string name;   ///< UTF-8, at most longestBandName bytes
    std::string colour; ///< "#rrggbb"
    [[nodiscard]] bool empty() const { return name.empty() && colour.empty(); }
    bool operator==(const BandStyle&) const = default;
};
inline constexpr std::size_t longestBandName = 256; ///< bytes

/// [bands], or without elements when no band has a style.
using BandStyles = std::vector<BandStyle>;

/// "#rrggbb" in lower or upper case.
bool isBandColour(const std::string& text);

struct BandLayout {
    BandPartition bands;
    BandStyles styles{};
    [[nodiscard]] BandStyle style(int band) const; ///< empty outside
    /// Sets one; the list stays without elements while no band has a style.
    void setStyle(int band, BandStyle style);

    /// Other edges, with the styles that still fit: with the same number of bands those of the same index;
    /// else a band takes the first style among the old bands that begin in it. So the left part of a split
    /// keeps it, and a merge keeps the left one's, or the right one's where the left has none.
    [[nodiscard]] BandLayout withEdges(const BandPartition& edges) const;
    /// A new edge in front of `pair`; the same layout when there is one already or pair is
    /// outside 1..pairs-1.
    [[nodiscard]] BandLayout withEdgeAdded(int pair) const;
    /// Without inner edge `index` (1..count-1); the same layout for others.
    [[nodiscard]] BandLayout withEdgeRemoved(int index) const;
    bool operator==(const BandLayout&) const = default;
};

/// Bands in one word, as `qroar plot --bands` takes them: the edges, each with the style of the band that
/// begins there, "0=low,5=mid@#ff8800,9,16". Of a name , @ and % are written %2C, %40 and %25.
std::string bandText(const BandLayout& layout);
struct BandText {
    BandPartition bands;
    /// Absent where no edge has a '=': "0,5,9,16" says nothing of styles. "0=,5,9,16" says that no band has
    /// one.
    std::optional<BandStyles> styles;
};
Outcome<BandText> parseBandText(std::string_view text, int pairs);

/// Where band `band` is cut in two: in front of `pair` where that lies inside it, else in the middle; -1 for
/// a band of one pair.
int splitPlace(const BandPartition& bands, int band, int pair = -1);

/// Bands that stand for something: which of the preset's zones each band is (a zone without pairs is left
/// out).
struct ZoneLayout {
    BandPartition bands;
    std::vector<int> zones; ///< [bands]
};

/// The three zones of yarn's ramp: 0 kept (below the ramp's low end), 1 blended, 2 interpolated (from its
/// high end on). Without bands when the table has no ramp.
ZoneLayout yarnZones(const FrequencyTable& table);

/// Zones 0 to 2: the pairs whose trained wavelength 2 pi / omega is below L0 (the table's trained context),
/// in three equal parts in log wavelength between 2 pi and L0; zone 3: those of L0 and more, which never
/// completed a cycle in training (ours).
ZoneLayout wavelengthThirds(const FrequencyTable& table);

} // namespace qroar
