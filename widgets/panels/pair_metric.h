// PairMetric: what the spectrum shows of every rotary pair beside its frequency, from stored numbers, for one
// layer. Pure; the same functions of core that maps of bands call, for bands of one pair. Not here: drawing.
#pragma once

#include "core/session/session.h"

#include <QString>

#include <array>
#include <vector>

namespace qroar {

enum class PairMetric {
    Saturated,
    Raw,
    Displacement,
    Wavelength,
    Energy,
    Measured,
    GainSensitivity,
    TailInflation,
    Gain,
};
inline constexpr std::array<PairMetric, 9> pairMetrics{
    PairMetric::Saturated,       PairMetric::Raw,           PairMetric::Displacement,
    PairMetric::Wavelength,      PairMetric::Energy,        PairMetric::Measured,
    PairMetric::GainSensitivity, PairMetric::TailInflation, PairMetric::Gain};

struct PairMetricText {
    QString key;     ///< for files and commands: "ip_saturated"
    QString name;    ///< "IP saturated"
    QString unit;    ///< empty: none
    QString formula; ///< with its source
    bool logarithmic = false;
    bool ofLayer = false; ///< differs between layers
};
PairMetricText pairMetricText(PairMetric metric);

/// What of a condition is looked at.
struct PairQuestion {
    int layer = 0, group = -1; ///< group: of heads, for gains; -1: all
    QkTensor tensor = QkTensor::K;
    RopeStage stage = RopeStage::Post;
    double epsilon = 1e-3;
};
/// [pairs]; empty without data.
std::vector<double> pairValues(PairMetric metric, const Session& session, const ConditionResult& condition,
                               const PairQuestion& question);
/// What has to be run to see it; only asked when pairValues() is empty.
QString whyNoPairValues(PairMetric metric, const Session& session, const ConditionResult& condition);

} // namespace qroar
