// SearchSpace: which gains a search may set. A coordinate theta is the logarithm of the effective gain of one
// band (of one layer, of one head); the variant says how an effective gain becomes gQ and gK. Since attention
// logits see only the product (identity 5 of method.md section 7), this is all a search needs to know. Also
// what cannot matter for a model and weight variant, in sentences, before anybody spends time on it. Not
// here: the objective, engines.
#pragma once

#include "core/inference/reverse.h"
#include "core/quant/quant_spec.h"
#include "core/rope/bands.h"
#include "core/scales/qk_gains.h"
#include "core/session/search_record.h"

#include <span>
#include <string>
#include <vector>

namespace qroar {

class SearchSpace {
  public:
    /// Errors: bands that are not those of the model's pairs.
    static Outcome<SearchSpace> make(const ModelConfig& config, SearchVariant variant, SearchScope scope,
                                     BandPartition bands);

    /// Where a coordinate acts; -1: everywhere.
    struct Coordinate {
        int layer = -1;
        int group = -1; ///< query head (Query) or KV head (the others) in head scope
        int band = 0;
    };
    [[nodiscard]] int dimension() const { return layers_ * groups_ * bands_.count(); }
    [[nodiscard]] Coordinate coordinate(int index) const;
    [[nodiscard]] std::string coordinateName(int index) const; ///< "layer 2, head 3, band 1"
    [[nodiscard]] const BandPartition& bands() const { return bands_; }
    [[nodiscard]] SearchVariant variant() const { return variant_; }
    [[nodiscard]] SearchScope scope() const { return scope_; }

    /// ln gQ = a theta, ln gK = b theta with (a, b) = (1, 0), (0, 1), (1/2, 1/2), (1, -1) for query, key,
    /// shared, symmetric. theta [dimension]. A factor the variant does not set is exactly 1.
    [[nodiscard]] QkGains toGains(std::span<const double> theta) const;
    /// The chain rule of toGains: d/dtheta = sum over the coordinate's pairs and heads of
    /// a d/d ln gQ + b d/d ln gK. [dimension]
    [[nodiscard]] std::vector<double> gradient(const QkGradient& gradient) const;

  private:
    [[nodiscard]] std::size_t index(int layer, int group, int band) const;

    SearchVariant variant_ = SearchVariant::Query;
    SearchScope scope_ = SearchScope::Layer;
    BandPartition bands_;
    ModelConfig config_;
    int layers_ = 0, groups_ = 0; ///< that have coordinates of their own
    double queryExponent_ = 0, keyExponent_ = 0;
};

/// Whether the variant can change anything: an Error with the reason for `symmetric` on weights whose scales
/// belong to rows or groups inside a row, which are all weight variants of this version (identities 2 and 3).
Status checkVariantMatters(SearchVariant variant, const QuantSpec& quant);

/// What the choice between the variants cannot change for this model, and what head scope can express; one
/// sentence each, for the window and the command line.
std::vector<std::string> whatCannotMatter(const ModelConfig& config, const QuantSpec& quant,
                                          SearchVariant variant, SearchScope scope);

} // namespace qroar
