// Compares every field of two sessions and names the first that differs. For tests of the session file.
#pragma once

#include "core/session/session.h"

#include <bit>
#include <string>

namespace qroar::test {

/// Bit for bit, so that NaN equals NaN.
inline bool sameBits(const std::vector<float>& a, const std::vector<float>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
        return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
    });
}

inline bool sameTable(const FrequencyTable& a, const FrequencyTable& b) {
    return a.omega == b.omega && a.plain == b.plain && a.attentionFactor == b.attentionFactor
           && a.factor == b.factor && a.trainedContext == b.trainedContext && a.spec == b.spec
           && a.rampLow == b.rampLow && a.rampHigh == b.rampHigh && a.ramp == b.ramp
           && a.unscaledLayers == b.unscaledLayers && a.warnings == b.warnings;
}

inline bool sameModel(const ModelConfig& a, const ModelConfig& b) {
    return a.architecture == b.architecture && a.hiddenSize == b.hiddenSize
           && a.intermediateSize == b.intermediateSize && a.layers == b.layers && a.heads == b.heads
           && a.kvHeads == b.kvHeads && a.headDim == b.headDim && a.rotaryDim == b.rotaryDim
           && a.vocabSize == b.vocabSize && a.maxPositions == b.maxPositions && a.rmsEps == b.rmsEps
           && a.ropeTheta == b.ropeTheta && a.slidingWindow == b.slidingWindow
           && a.tiedEmbeddings == b.tiedEmbeddings && a.attentionBias == b.attentionBias
           && a.mlpBias == b.mlpBias && a.bosId == b.bosId && a.eosId == b.eosId
           && a.pairLayout == b.pairLayout && a.storedRope == b.storedRope
           && a.originalMaxPositions == b.originalMaxPositions && a.windowedLayers == b.windowedLayers
           && a.unrotatedLayers == b.unrotatedLayers && a.localTheta == b.localTheta && a.qkNorms == b.qkNorms
           && a.outputNorms == b.outputNorms && a.offsetNorms == b.offsetNorms
           && a.fusedProjections == b.fusedProjections && a.activation == b.activation
           && a.embeddingScale == b.embeddingScale && a.residualScale == b.residualScale
           && a.logitScale == b.logitScale && a.attentionScale == b.attentionScale
           && a.attentionCap == b.attentionCap && a.logitCap == b.logitCap;
}

inline bool sameDistortions(const std::vector<LayerDistortion>& a, const std::vector<LayerDistortion>& b) {
    return std::equal(
        a.begin(), a.end(), b.begin(), b.end(), [](const LayerDistortion& x, const LayerDistortion& y) {
            const Distortion &p = x.distortion, &q = y.distortion;
            const Distortion o = x.output.value_or(Distortion{}), r = y.output.value_or(Distortion{});
            return x.layer == y.layer && x.projection == y.projection
                   && x.output.has_value() == y.output.has_value() && o.count == r.count
                   && o.sumSquaredError == r.sumSquaredError && o.sumSquaredWeight == r.sumSquaredWeight
                   && o.sumProduct == r.sumProduct && o.sumSquaredQuantized == r.sumSquaredQuantized
                   && p.sumSquaredError == q.sumSquaredError && p.sumSquaredWeight == q.sumSquaredWeight
                   && p.sumProduct == q.sumProduct && p.sumSquaredQuantized == q.sumSquaredQuantized
                   && p.maxError == q.maxError && p.count == q.count && p.clipped == q.clipped;
        });
}

inline std::string difference(const ConditionResult& a, const ConditionResult& b) {
    if (!(a.key == b.key)) return "key";
    if (!sameTable(a.table, b.table)) return "table";
    const bool windows =
        std::equal(a.windows.begin(), a.windows.end(), b.windows.begin(), b.windows.end(),
                   [](const WindowNll& x, const WindowNll& y) {
                       return x.document == y.document && x.index == y.index && sameBits(x.nll, y.nll);
                   });
    if (!windows) return "windows";
    const bool divergence =
        std::equal(a.divergence.begin(), a.divergence.end(), b.divergence.begin(), b.divergence.end(),
                   [](const WindowDivergence& x, const WindowDivergence& y) {
                       return x.document == y.document && x.index == y.index && sameBits(x.kl, y.kl)
                              && sameBits(x.deltaP, y.deltaP) && x.sameTop == y.sameTop;
                   });
    if (!divergence || a.reference != b.reference) return "divergence";
    if (!(a.statistics == b.statistics)) return "statistics";
    if (!(a.byDocument == b.byDocument)) return "byDocument";
    if (!sameDistortions(a.distortions, b.distortions)) return "distortions";
    if (a.calibration != b.calibration) return "calibration";
    if (!(a.sensitivity == b.sensitivity)) return "sensitivity";
    if (!(a.noise == b.noise)) return "noise";
    return a.seconds == b.seconds ? "" : "seconds";
}

/// "" when equal.
inline std::string difference(const Session& a, const Session& b) {
    if (a.modelPath != b.modelPath || a.modelFormat != b.modelFormat
        || a.modelFingerprint != b.modelFingerprint)
        return "model names";
    if (!sameModel(a.model, b.model)) return "model";
    if (a.documents != b.documents) return "documents";
    if (a.maxWindows != b.maxWindows) return "maxWindows";
    if (!(a.bands == b.bands)) return "bands";
    if (a.bandStyles != b.bandStyles) return "bandStyles";
    if (!(a.provenance == b.provenance)) return "provenance";
    if (a.viewState != b.viewState) return "viewState";
    if (a.conditions.size() != b.conditions.size()) return "number of conditions";
    for (std::size_t index = 0; index < a.conditions.size(); ++index) {
        const std::string found = difference(*a.conditions[index], *b.conditions[index]);
        if (!found.empty()) return a.conditions[index]->key.text() + ": " + found;
    }
    return "";
}

} // namespace qroar::test
