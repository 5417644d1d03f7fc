// GainEdit: gains that somebody sets by hand, before they are a ScaleSet: one value of gQ and gK per rotary
// pair for the whole model, values of their own where a layer differs, and gains that all of this is on top
// of (a search's per-head gains, say). Bands are a view: a band's value is the geometric mean of its pairs,
// and setting it sets all of them, so moving band edges loses nothing. A value; the arithmetic of the modes
// (gang, shared, mirror) is here, so that it can be tested without a window. Not here: widgets, undo, what
// the gains do (core/diagnostics/gain_prediction.h, core/controls/gain_effect.h).
#pragma once

#include "core/rope/bands.h"
#include "core/scales/qk_gains.h"

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace qroar {

/// How gK follows gQ (or gQ follows gK) while one of them is moved.
enum class GainLink {
    Free,   ///< it does not
    Shared, ///< gK = gQ
    Mirror, ///< gK = 1/gQ: logits stay as they are (identity 2 of method.md section 7)
};

/// gQ and gK of a band; what its attention logits are multiplied with.
struct BandGain {
    double q = 1, k = 1;
    [[nodiscard]] double effective() const { return q * k; }
    bool operator==(const BandGain&) const = default;
};

/// One move of one control.
struct GainMove {
    int layer = -1;   ///< -1: the whole model
    int band = 0;     ///< the one that is moved
    bool key = false; ///< its gK; else its gQ
    double value = 1; ///< where to; positive
    GainLink link = GainLink::Free;
    std::vector<int> gang; ///< bands that move by the same factor, with or without `band`
    /// No value leaves this range; all bands of a gang stop with the first that would. A value that is
    /// outside already may only come nearer.
    double least = 0.5, most = 2;
};

class GainEdit {
  public:
    GainEdit() = default;
    GainEdit(int layers, int pairs); ///< all ones
    /// The given gains: as values of the model and of the layers that differ when heads agree and at most
    /// half of the layers differ from the most common value, else as what ones are on top of.
    static GainEdit from(const QkGains& gains, const std::string& name);

    [[nodiscard]] int layers() const { return layers_; }
    [[nodiscard]] int pairs() const { return pairs_; }
    [[nodiscard]] bool empty() const { return layers_ == 0; }
    /// What all values are on top of; null: nothing. Its name.
    [[nodiscard]] const std::shared_ptr<const QkGains>& base() const { return base_; }
    [[nodiscard]] const std::string& baseName() const { return baseName_; }

    /// Value of a band in a layer (-1: of the model), without the base.
    [[nodiscard]] BandGain band(const BandPartition& bands, int layer, int band) const;
    /// Geometric mean over layers (layer -1), heads and pairs of the gains themselves, base included.
    [[nodiscard]] BandGain total(const BandPartition& bands, int layer, int band) const;
    /// Least and largest effective gain among the pairs of a band in a layer (-1: of the model), without the
    /// base: bands may have been cut anew since their pairs were set.
    [[nodiscard]] std::pair<double, double> spread(const BandPartition& bands, int layer, int band) const;
    /// The layer has values of its own (in the band) that differ from the model's.
    [[nodiscard]] bool differs(int layer) const;
    [[nodiscard]] bool differs(const BandPartition& bands, int layer, int band) const;

    void set(const BandPartition& bands, int layer, int band, const BandGain& value);
    void move(const BandPartition& bands, const GainMove& move);
    /// Of a layer: back to the model's value. Of the model (-1): ones; layers that differ keep theirs.
    void reset(const BandPartition& bands, int layer, int band);
    void resetLayer(int layer); ///< all its bands
    void resetAll();            ///< ones everywhere, without a base

    [[nodiscard]] QkGains toGains(const ModelConfig& config) const;
    /// As [pairs] values; of a layer without values of its own those of the model.
    [[nodiscard]] std::span<const double> queryValues(int layer) const;
    [[nodiscard]] std::span<const double> keyValues(int layer) const;
    bool operator==(const GainEdit& other) const;

  private:
    [[nodiscard]] std::size_t row(int layer) const; ///< first index of a layer (-1: the model)

    int layers_ = 0, pairs_ = 0;
    std::vector<double> q_, k_; ///< [1 + layers, pairs]: the model's, then those in force in every layer
    std::vector<char> own_;     ///< [1 + layers, pairs]: the layer's own; the model's row is not used
    std::shared_ptr<const QkGains> base_;
    std::string baseName_;
};

} // namespace qroar
