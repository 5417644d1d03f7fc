#include "core/model/config.h"

#include "core/model/hf_config.h"

#include <cmath>

namespace qroar {

long long ModelConfig::parameterCount() const {
    const long long hidden = hiddenSize, query = queryDim(), key = keyDim(), inner = intermediateSize;
    long long layer = 2 * hidden * query + 2 * hidden * key + 3 * hidden * inner + 2 * hidden;
    if (hasQkvBias()) layer += query + 2 * key;
    if (attentionBias) layer += hidden;
    if (mlpBias) layer += 2 * inner + hidden;
    if (outputNorms) layer += 2 * hidden;
    if (qkNorms) layer += 2LL * headDim;
    return layers * layer + hidden + (tiedEmbeddings ? 1 : 2) * static_cast<long long>(vocabSize) * hidden;
}

int ModelConfig::windowOf(int layer) const {
    const bool windowed = windowedLayers.empty() || windowedLayers[static_cast<std::size_t>(layer)];
    return windowed ? slidingWindow.value_or(0) : 0;
}

LayerRope ModelConfig::ropeOf(int layer) const {
    if (!unrotatedLayers.empty() && unrotatedLayers[static_cast<std::size_t>(layer)]) return LayerRope::None;
    return localTheta && windowOf(layer) > 0 ? LayerRope::Local : LayerRope::Scaled;
}

double ModelConfig::attentionFactor() const {
    return attentionScale.value_or(1.0 / std::sqrt(static_cast<double>(headDim)));
}

RopeModel ModelConfig::ropeModel() const {
    RopeModel model;
    model.headDim = headDim;
    model.rotaryDim = rotaryDim;
    model.theta = ropeTheta;
    model.maxPositions = maxPositions;
    model.originalMaxPositions = originalMaxPositions;
    model.stored = storedRope;
    model.source = ropeSource;
    if (model.source.architecture.empty()) model.source.architecture = architecture;
    for (int layer = 0; layer < layers; ++layer)
        if (ropeOf(layer) != LayerRope::Scaled) model.unscaledLayers.push_back(layer);
    return model;
}

Outcome<ModelConfig> parseHfConfig(const std::string& json, const std::filesystem::path& source) {
    auto parsed = readHfConfig(json, source);
    if (!parsed) return parsed.error();
    return std::move(parsed->config);
}

} // namespace qroar
