#include "core/scales/gain_edit.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace qroar {

namespace {

/// exp of the mean logarithm; exactly the value itself when all are equal.
double geometricMean(std::span<const double> values) {
    if (values.empty()) return 1;
    if (std::all_of(values.begin(), values.end(), [&](double one) { return one == values.front(); }))
        return values.front();
    double sum = 0;
    for (const double value : values) sum += std::log(value);
    return std::exp(sum / static_cast<double>(values.size()));
}

/// Whether every head of every layer has the same gains.
bool headsAgree(const QkGains& gains) {
    const auto same = [](std::span<const double> a, std::span<const double> b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end());
    };
    for (int layer = 0; layer < gains.layers; ++layer) {
        for (int head = 1; head < gains.heads; ++head)
            if (!same(gains.queryGains(layer, head), gains.queryGains(layer, 0))) return false;
        for (int head = 1; head < gains.kvHeads; ++head)
            if (!same(gains.keyGains(layer, head), gains.keyGains(layer, 0))) return false;
    }
    return true;
}

/// gQ and gK of a pair that most layers have; the lowest layer decides between equals.
std::pair<double, double> mostCommon(const QkGains& gains, std::size_t pair) {
    std::map<std::pair<double, double>, int> count;
    std::pair<double, double> best{1, 1};
    int most = 0;
    for (int layer = 0; layer < gains.layers; ++layer)
        ++count[{gains.queryGains(layer, 0)[pair], gains.keyGains(layer, 0)[pair]}];
    for (int layer = 0; layer < gains.layers; ++layer) {
        const std::pair value{gains.queryGains(layer, 0)[pair], gains.keyGains(layer, 0)[pair]};
        if (count[value] > most) {
            most = count[value];
            best = value;
        }
    }
    return best;
}

/// The factor closest to `wanted` (in the logarithm) that keeps `value` inside the range.
double limited(double wanted, double value, const GainMove& move) {
    const double low = std::min(1.0, move.least / value), high = std::max(1.0, move.most / value);
    return std::clamp(wanted, low, high);
}

} // namespace

GainEdit::GainEdit(int layers, int pairs) : layers_(layers), pairs_(pairs) {
    const std::size_t cells = static_cast<std::size_t>(layers + 1) * static_cast<std::size_t>(pairs);
    q_.assign(cells, 1.0);
    k_.assign(cells, 1.0);
    own_.assign(cells, 0);
}

std::size_t GainEdit::row(int layer) const {
    return static_cast<std::size_t>(layer + 1) * static_cast<std::size_t>(pairs_);
}

GainEdit GainEdit::from(const QkGains& gains, const std::string& name) {
    GainEdit edit(gains.layers, gains.pairs);
    const auto onTop = [&] {
        GainEdit ones(gains.layers, gains.pairs);
        ones.base_ = std::make_shared<const QkGains>(gains);
        ones.baseName_ = name;
        return ones;
    };
    if (!headsAgree(gains)) return onTop();
    for (std::size_t pair = 0; pair < static_cast<std::size_t>(gains.pairs); ++pair) {
        std::tie(edit.q_[pair], edit.k_[pair]) = mostCommon(gains, pair);
        for (int layer = 0; layer < gains.layers; ++layer) {
            const std::size_t cell = edit.row(layer) + pair;
            edit.q_[cell] = gains.queryGains(layer, 0)[pair];
            edit.k_[cell] = gains.keyGains(layer, 0)[pair];
            edit.own_[cell] = edit.q_[cell] != edit.q_[pair] || edit.k_[cell] != edit.k_[pair];
        }
    }
    int different = 0;
    for (int layer = 0; layer < gains.layers; ++layer) different += edit.differs(layer) ? 1 : 0;
    return 2 * different > gains.layers ? onTop() : edit;
}

BandGain GainEdit::band(const BandPartition& bands, int layer, int band) const {
    const auto first = static_cast<std::ptrdiff_t>(row(layer)) + bands.begin(band);
    const auto count = static_cast<std::size_t>(bands.end(band) - bands.begin(band));
    return {geometricMean({q_.data() + first, count}), geometricMean({k_.data() + first, count})};
}

BandGain GainEdit::total(const BandPartition& bands, int layer, int band) const {
    if (layer < 0) {
        std::vector<double> q, k;
        for (int each = 0; each < layers_; ++each) {
            const BandGain one = total(bands, each, band);
            q.push_back(one.q);
            k.push_back(one.k);
        }
        return {geometricMean(q), geometricMean(k)};
    }
    const BandGain own = this->band(bands, layer, band);
    if (!base_) return own;
    const auto first = static_cast<std::size_t>(bands.begin(band));
    const auto count = static_cast<std::size_t>(bands.end(band)) - first;
    std::vector<double> q, k;
    for (int head = 0; head < base_->heads; ++head)
        q.push_back(geometricMean(base_->queryGains(layer, head).subspan(first, count)));
    for (int head = 0; head < base_->kvHeads; ++head)
        k.push_back(geometricMean(base_->keyGains(layer, head).subspan(first, count)));
    return {own.q * geometricMean(q), own.k * geometricMean(k)};
}

std::pair<double, double> GainEdit::spread(const BandPartition& bands, int layer, int band) const {
    const std::span<const double> q = queryValues(layer), k = keyValues(layer);
    double least = INFINITY, most = 0;
    for (int pair = bands.begin(band); pair < bands.end(band); ++pair) {
        const double effective = q[static_cast<std::size_t>(pair)] * k[static_cast<std::size_t>(pair)];
        least = std::min(least, effective);
        most = std::max(most, effective);
    }
    return {least, most};
}

bool GainEdit::differs(int layer) const {
    for (std::size_t pair = 0; pair < static_cast<std::size_t>(pairs_); ++pair) {
        const std::size_t cell = row(layer) + pair;
        if (q_[cell] != q_[pair] || k_[cell] != k_[pair]) return true;
    }
    return false;
}

bool GainEdit::differs(const BandPartition& bands, int layer, int band) const {
    for (auto pair = static_cast<std::size_t>(bands.begin(band));
         pair < static_cast<std::size_t>(bands.end(band)); ++pair) {
        const std::size_t cell = row(layer) + pair;
        if (q_[cell] != q_[pair] || k_[cell] != k_[pair]) return true;
    }
    return false;
}

void GainEdit::set(const BandPartition& bands, int layer, int band, const BandGain& value) {
    for (auto pair = static_cast<std::size_t>(bands.begin(band));
         pair < static_cast<std::size_t>(bands.end(band)); ++pair) {
        q_[row(layer) + pair] = value.q;
        k_[row(layer) + pair] = value.k;
        if (layer >= 0) own_[row(layer) + pair] = 1;
        for (int follower = 0; layer < 0 && follower < layers_; ++follower)
            if (!own_[row(follower) + pair]) {
                q_[row(follower) + pair] = value.q;
                k_[row(follower) + pair] = value.k;
            }
    }
}

void GainEdit::move(const BandPartition& bands, const GainMove& move) {
    std::vector<int> moved = move.gang;
    if (std::find(moved.begin(), moved.end(), move.band) == moved.end()) moved.push_back(move.band);
    const auto driven = [&](int band) {
        const BandGain now = this->band(bands, move.layer, band);
        return move.key ? now.k : now.q;
    };
    const double from = driven(move.band);
    double factor = move.value / from;
    for (const int band : moved) factor = limited(factor, driven(band), move);
    for (const int band : moved) {
        BandGain next = this->band(bands, move.layer, band);
        // The moved value itself arrives to the last digit.
        const double value =
            band == move.band && factor == move.value / from ? move.value : driven(band) * factor;
        (move.key ? next.k : next.q) = value;
        if (move.link == GainLink::Shared) next.q = next.k = value;
        if (move.link == GainLink::Mirror) (move.key ? next.q : next.k) = 1 / value;
        set(bands, move.layer, band, next);
    }
}

void GainEdit::reset(const BandPartition& bands, int layer, int band) {
    if (layer < 0) return set(bands, layer, band, {});
    for (auto pair = static_cast<std::size_t>(bands.begin(band));
         pair < static_cast<std::size_t>(bands.end(band)); ++pair) {
        q_[row(layer) + pair] = q_[pair];
        k_[row(layer) + pair] = k_[pair];
        own_[row(layer) + pair] = 0;
    }
}

void GainEdit::resetLayer(int layer) {
    if (layer >= 0 && pairs_ > 0) reset(BandPartition::equal(1, pairs_), layer, 0);
}

void GainEdit::resetAll() {
    *this = GainEdit(layers_, pairs_);
}

std::span<const double> GainEdit::queryValues(int layer) const {
    return {q_.data() + row(layer), static_cast<std::size_t>(pairs_)};
}
std::span<const double> GainEdit::keyValues(int layer) const {
    return {k_.data() + row(layer), static_cast<std::size_t>(pairs_)};
}

QkGains GainEdit::toGains(const ModelConfig& config) const {
    QkGains gains = base_ ? *base_ : QkGains::ones(config);
    for (int layer = 0; layer < layers_; ++layer) {
        const auto times = [](std::span<double> target, std::span<const double> factors) {
            for (std::size_t pair = 0; pair < target.size(); ++pair) target[pair] *= factors[pair];
        };
        for (int head = 0; head < gains.heads; ++head)
            times(gains.queryGains(layer, head), queryValues(layer));
        for (int head = 0; head < gains.kvHeads; ++head) times(gains.keyGains(layer, head), keyValues(layer));
    }
    return gains;
}

bool GainEdit::operator==(const GainEdit& other) const {
    const bool sameBase = base_ == other.base_ || (base_ && other.base_ && *base_ == *other.base_);
    return sameBase && layers_ == other.layers_ && pairs_ == other.pairs_ && q_ == other.q_ && k_ == other.k_
           && own_ == other.own_;
}

} // namespace qroar
