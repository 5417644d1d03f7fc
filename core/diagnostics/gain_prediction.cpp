#include "core/diagnostics/gain_prediction.h"

#include "core/base/ratio_error.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

/// ln of gains, most of which equal the one before: pairs of a band, heads of a layer.
class LastLog {
  public:
    double of(double gain) {
        if (gain != gain_) {
            gain_ = gain;
            log_ = std::log(gain);
        }
        return log_;
    }

  private:
    double gain_ = 1, log_ = 0;
};

/// ln(gQ gK / g0) of every layer and pair, and whether all query heads agree on it.
struct LogGains {
    std::vector<double> values; ///< [layers, pairs], of the first head
    bool headsAgree = true;
    double largest = 0; ///< of all heads
};

LogGains logGains(const QkGains& gains, const QkGains& before) {
    LogGains logs;
    constexpr double rounding = 1e-12;
    LastLog after, at;
    for (int layer = 0; layer < gains.layers; ++layer)
        for (int pair = 0; pair < gains.pairs; ++pair) {
            const auto of = [&](int head) {
                const double now = after.of(gains.effective(layer, head, pair));
                return before.empty() ? now : now - at.of(before.effective(layer, head, pair));
            };
            const double first = of(0);
            logs.values.push_back(first);
            for (int head = 0; head < gains.heads; ++head) {
                const double one = head == 0 ? first : of(head);
                logs.largest = std::max(logs.largest, std::abs(one));
                if (std::abs(one - first) > rounding) logs.headsAgree = false;
            }
        }
    return logs;
}

/// sum of derivative * ln(after / before).
double firstOrder(const std::vector<double>& derivatives, const std::vector<double>& after,
                  const std::vector<double>& before) {
    double sum = 0;
    LastLog now, then;
    for (std::size_t at = 0; at < derivatives.size(); ++at)
        sum += derivatives[at] * (now.of(after[at]) - (before.empty() ? 0 : then.of(before[at])));
    return sum;
}

/// Of the ratio change = sum c_b / sum tokens_b: what a block is off its share of the text is no spread.
std::optional<double> errorOf(const Sensitivity& sensitivity, const LogGains& logs,
                              std::span<const double> blockShares) {
    const std::size_t cells = logs.values.size();
    if (sensitivity.blocks < 2 || !logs.headsAgree) return std::nullopt;
    if (static_cast<int>(blockShares.size()) != sensitivity.blocks) return std::nullopt;
    std::vector<double> parts;
    double change = 0;
    for (int block = 0; block < sensitivity.blocks; ++block) {
        const double* gradient = sensitivity.blockGain.data() + static_cast<std::size_t>(block) * cells;
        double part = 0;
        for (std::size_t cell = 0; cell < cells; ++cell) part += gradient[cell] * logs.values[cell];
        parts.push_back(part);
        change += part;
    }
    std::vector<double> residuals;
    for (std::size_t block = 0; block < parts.size(); ++block)
        residuals.push_back(ratioResidual(parts[block], blockShares[block], change));
    return ratioError(residuals);
}

} // namespace

std::optional<GainPrediction> predictGains(const Sensitivity& sensitivity, const QkGains& gains,
                                           const QkGains& measuredAt, std::span<const double> blockShares) {
    const auto fits = [&](const QkGains& one) {
        return one.layers == sensitivity.layers && one.heads == sensitivity.heads
               && one.kvHeads == sensitivity.kvHeads && one.pairs == sensitivity.pairs;
    };
    if (sensitivity.empty() || !fits(gains) || !(measuredAt.empty() || fits(measuredAt))) return std::nullopt;
    const LogGains logs = logGains(gains, measuredAt);
    GainPrediction prediction;
    prediction.change = firstOrder(sensitivity.lnGainQ, gains.q, measuredAt.q)
                        + firstOrder(sensitivity.lnGainK, gains.k, measuredAt.k);
    prediction.error = errorOf(sensitivity, logs, blockShares);
    prediction.blocks = sensitivity.blocks;
    prediction.largestLogGain = logs.largest;
    return prediction;
}

} // namespace qroar
