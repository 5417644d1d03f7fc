#include "core/model/config.h"

#include "core/model/hf_config.h"

namespace qroar {

long long ModelConfig::parameterCount() const {
    const long long hidden = hiddenSize, query = queryDim(), key = keyDim(), inner = intermediateSize;
    long long layer = 2 * hidden * query + 2 * hidden * key + 3 * hidden * inner + 2 * hidden;
    if (hasQkvBias()) layer += query + 2 * key;
    if (attentionBias) layer += hidden;
    if (mlpBias) layer += 2 * inner + hidden;
    return layers * layer + hidden + (tiedEmbeddings ? 1 : 2) * static_cast<long long>(vocabSize) * hidden;
}

RopeModel ModelConfig::ropeModel() const {
    RopeModel model;
    model.headDim = headDim;
    model.rotaryDim = rotaryDim;
    model.theta = ropeTheta;
    model.maxPositions = maxPositions;
    model.originalMaxPositions = originalMaxPositions;
    model.stored = storedRope;
    return model;
}

Outcome<ModelConfig> parseHfConfig(const std::string& json, const std::filesystem::path& source) {
    auto parsed = readHfConfig(json, source);
    if (!parsed) return parsed.error();
    return std::move(parsed->config);
}

} // namespace qroar
