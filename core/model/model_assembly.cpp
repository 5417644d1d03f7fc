#include "core/model/model_assembly.h"

#include "core/base/hash.h"
#include "core/base/strings.h"
#include "core/model/finite_scan.h"
#include "core/model/json_text.h"

#include <algorithm>

namespace qroar {

namespace {

/// "field=value;" for everything a result may depend on. Fields are only ever appended, so that fingerprints
/// stay.
std::string configText(const ModelConfig& config) {
    std::string text = config.architecture + ";";
    const auto add = [&text](const char* name, double value) {
        text += std::string(name) + "=" + formatNumber(value) + ";";
    };
    const auto addMaybe = [&add](const char* name, const auto& value) {
        if (value) add(name, static_cast<double>(*value));
    };
    add("hidden", config.hiddenSize);
    add("intermediate", config.intermediateSize);
    add("layers", config.layers);
    add("heads", config.heads);
    add("kv_heads", config.kvHeads);
    add("head_dim", config.headDim);
    add("rotary_dim", config.rotaryDim);
    add("vocab", config.vocabSize);
    add("max_positions", config.maxPositions);
    add("rms_eps", config.rmsEps);
    add("theta", config.ropeTheta);
    addMaybe("window", config.slidingWindow);
    add("tied", config.tiedEmbeddings);
    add("attention_bias", config.attentionBias);
    add("mlp_bias", config.mlpBias);
    add("bos", config.bosId);
    add("eos", config.eosId);
    add("interleaved", config.pairLayout == PairLayout::Interleaved);
    addMaybe("original", config.originalMaxPositions);
    const RopeSpec& rope = config.storedRope;
    add("rope", static_cast<int>(rope.kind));
    addMaybe("rope_factor", rope.factor);
    addMaybe("rope_original", rope.original);
    addMaybe("beta_fast", rope.betaFast);
    addMaybe("beta_slow", rope.betaSlow);
    addMaybe("attention_factor", rope.attentionFactor);
    addMaybe("mscale", rope.mscale);
    addMaybe("mscale_all_dim", rope.mscaleAllDim);
    addMaybe("truncate", rope.truncate);
    addMaybe("low", rope.lowFreqFactor);
    addMaybe("high", rope.highFreqFactor);
    for (const double factor : rope.shortFactors) add("short", factor);
    for (const double factor : rope.longFactors) add("long", factor);
    addMaybe("local_theta", config.localTheta);
    for (const bool windowed : config.windowedLayers) add("windowed", windowed);
    for (const bool unrotated : config.unrotatedLayers) add("unrotated", unrotated);
    addMaybe("attention_scale", config.attentionScale);
    addMaybe("attention_cap", config.attentionCap);
    addMaybe("logit_cap", config.logitCap);
    const auto addUnlessOne = [&add](const char* name, double value) {
        if (value != 1) add(name, value);
    };
    addUnlessOne("embedding_scale", config.embeddingScale);
    addUnlessOne("residual_scale", config.residualScale);
    addUnlessOne("logit_scale", config.logitScale);
    if (config.offsetNorms) add("offset_norms", 1);
    if (config.activation != Activation::Silu) add("activation", static_cast<int>(config.activation));
    return text;
}

/// How the codes of a projection are read: the same bytes mean other weights under another layout.
std::string storedText(const StoredQuant& stored) {
    return std::string("stored=") + stored.text() + ";zeros=" + std::to_string(static_cast<int>(stored.zeros))
           + ";";
}

std::string fingerprintOf(const Model& model) {
    constexpr std::size_t sample = 64u * 1024;
    Fingerprint fingerprint;
    fingerprint.add(configText(model.config()));
    for (const TensorView& tensor : model.tensors()) {
        fingerprint.add("\n" + std::to_string(tensor.name.size()) + ":" + tensor.name + ";"
                        + tensor.typeName() + formatShape(tensor.shape) + ";");
        const std::size_t edge = std::min(sample, tensor.bytes);
        fingerprint.add(tensor.data, edge);
        fingerprint.add(tensor.data + (tensor.bytes - edge), edge);
    }
    for (int layer = 0; layer < model.config().layers; ++layer)
        for (const Projection projection : allProjections)
            if (const StoredQuant* stored = model.stored(layer, projection))
                fingerprint.add(storedText(*stored));
            else if (const TensorView& weight = model.weight(layer, projection); weight.isScaled())
                fingerprint.add("scaled=" + weight.scaleGrid->text() + ";");
    return fingerprint.hex();
}

/// "[3, 17]" of a row-major element.
std::string position(const TensorView& tensor, long long element) {
    std::vector<long long> index(tensor.shape.size());
    for (std::size_t axis = index.size(); axis-- > 0;) {
        index[axis] = element % tensor.shape[axis];
        element /= tensor.shape[axis];
    }
    return formatShape(index);
}

} // namespace

std::vector<long long> projectionShape(const ModelConfig& config, Projection projection) {
    switch (projection) {
    case Projection::Q:
        return {config.queryDim(), config.hiddenSize};
    case Projection::K:
    case Projection::V:
        return {config.keyDim(), config.hiddenSize};
    case Projection::O:
        return {config.hiddenSize, config.queryDim()};
    case Projection::Gate:
    case Projection::Up:
        return {config.intermediateSize, config.hiddenSize};
    case Projection::Down:
        return {config.hiddenSize, config.intermediateSize};
    }
    return {};
}

Outcome<std::shared_ptr<const Model>> finishModel(std::shared_ptr<ModelDraft> draft) {
    std::vector<const TensorView*> used{&draft->embedding_, &draft->finalNorm_};
    if (draft->head_.data != draft->embedding_.data) used.push_back(&draft->head_);
    for (const ModelDraft::LayerTensors& layer : draft->layers_) {
        for (const TensorView& norm : layer.norms)
            if (norm) used.push_back(&norm);
        for (const TensorView& weight : layer.projection)
            if (weight) used.push_back(&weight);
        for (const auto& stored : layer.stored)
            if (stored) used.push_back(&stored->scales);
        for (const TensorView& bias : layer.projectionBias)
            if (bias) used.push_back(&bias);
    }
    const std::size_t tensors = used.size();
    for (std::size_t at = 0; at < tensors; ++at)
        if (used[at]->isScaled()) used.push_back(used[at]->scaleGrid->stored.get());
    if (const auto bad = findNonFinite(used)) {
        const TensorView& tensor = *used[bad->tensor];
        draft->damage_ = draft->path_.string() + ": tensor " + quotedText(tensor.name) + " in " + tensor.file
                         + ": expected finite values, found " + (bad->isNan ? "NaN" : "infinity") + " at "
                         + position(tensor, bad->element);
    }
    draft->fingerprint_ = fingerprintOf(*draft);
    return std::shared_ptr<const Model>(std::move(draft));
}

} // namespace qroar
