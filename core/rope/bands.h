// BandPartition: contiguous blocks of rotary pairs. Bands are a view: statistics are stored per pair, so
// changing a partition never runs a model.
#pragma once

#include "core/base/outcome.h"
#include "core/rope/rope_spec.h"

#include <string>
#include <string_view>
#include <vector>

namespace qroar {

class BandPartition {
  public:
    BandPartition() = default;
    /// `bands` blocks as equal as possible in pair index (= log-spaced in omega); 1 <= bands <= pairs
    /// (clamped).
    static BandPartition equal(int bands, int pairs);
    /// Edges e_0 = 0 < e_1 < ... < e_B = pairs; the leading 0 and the trailing `pairs` may be left out.
    static Outcome<BandPartition> fromEdges(std::vector<int> edges, int pairs);
    /// "0,4,9" as written on a command line.
    static Outcome<BandPartition> parseEdges(std::string_view text, int pairs);

    [[nodiscard]] int count() const { return static_cast<int>(edges_.size()) - 1; }
    [[nodiscard]] int pairs() const { return edges_.empty() ? 0 : edges_.back(); }
    [[nodiscard]] int begin(int band) const { return edges_[band]; }
    [[nodiscard]] int end(int band) const { return edges_[band + 1]; } ///< one past the last pair
    [[nodiscard]] int bandOf(int pair) const;                          ///< -1 for a pair outside 0..pairs()-1
    [[nodiscard]] const std::vector<int>& edges() const { return edges_; }
    [[nodiscard]] std::string text() const; ///< "0,4,9,16"
    /// Moves inner edge `index` (1..count()-1) to `pair`, clamped so that no band becomes empty.
    [[nodiscard]] BandPartition withEdgeMoved(int index, int pair) const;
    bool operator==(const BandPartition&) const = default;

  private:
    std::vector<int> edges_{0};
};

/// A pair index a band edge may snap to, and why.
struct SnapPoint {
    double pair = 0;    ///< fractional pair index
    std::string reason; ///< "yarn ramp low", "unscaled wavelength = 256 (trained)", "... = 4,096 (target)"
};
/// yarn low / high, and where the unscaled wavelength 2 pi theta^(2i/d) equals L0 and the target context L
/// (method.md section 6); in rising order, without those outside 0..d/2.
std::vector<SnapPoint> snapPoints(const FrequencyTable& table, double theta, double targetContext);

} // namespace qroar
