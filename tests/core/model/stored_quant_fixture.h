// What the tests of quantized checkpoints share: a checkpoint is written, changed, and opened.
#pragma once

#include "core/model/model.h"
#include "tests/core/model/model_test.h"
#include "tests/support/quantized_checkpoint.h"

#include <functional>

namespace qroar::test {

using Tensors = std::vector<StoredTensor>;
using Change = std::function<void(Tensors&)>;

inline QuantSpec rtn(const char* text) {
    return *QuantSpec::parse(text);
}

inline StoredTensor* named(Tensors& tensors, const std::string& name) {
    for (StoredTensor& tensor : tensors)
        if (tensor.name == name) return &tensor;
    qFatal("no tensor %s", name.c_str());
}

inline bool warns(const Model& model, const std::string& part) {
    for (const std::string& warning : model.warnings())
        if (warning.find(part) != std::string::npos) return true;
    return false;
}

inline bool sameCodes(const QuantizedMatrix& a, const QuantizedMatrix& b) {
    return a.bits == b.bits && a.groupSize == b.groupSize && a.symmetric == b.symmetric
           && a.scaleType == b.scaleType && a.rows == b.rows && a.cols == b.cols && a.groups == b.groups
           && a.codes == b.codes && a.zeros == b.zeros && a.scales == b.scales && a.groupOf == b.groupOf;
}

inline std::string layerName(int layer, Projection p) {
    return "layers." + std::to_string(layer) + (p <= Projection::O ? ".self_attn." : ".mlp.")
           + projectionName(p);
}

/// A folder to write checkpoints into.
struct StoredQuantFixture {
    Scratch scratch_;

    Outcome<std::shared_ptr<const Model>> opened(const QuantizedCheckpoint& checkpoint,
                                                 const Change& change = {}) {
        return opened(checkpoint, quantizedTensors(checkpoint), change);
    }
    Outcome<std::shared_ptr<const Model>> opened(const QuantizedCheckpoint& checkpoint, Tensors tensors,
                                                 const Change& change) {
        if (change) change(tensors);
        std::filesystem::remove_all(scratch_.path("m"));
        writeHfFolder(scratch_.path("m"), configOf(checkpoint), tensors, checkpoint.model.shards);
        return openModel(scratch_.path("m"));
    }
    /// Empty when every projection of the model holds the codes of the checkpoint (or its dense weights).
    static std::string difference(const Model& model, const QuantizedCheckpoint& checkpoint) {
        for (const StoredTensor& tensor : randomModelTensors(checkpoint.model, 1))
            for (int layer = 0; layer < model.config().layers; ++layer)
                for (const Projection p : allProjections) {
                    if (projectionOf(tensor) != layerName(layer, p)) continue;
                    const StoredQuant* stored = model.stored(layer, p);
                    if (checkpoint.dense.count(layerName(layer, p)) != (stored ? 0U : 1U))
                        return tensor.name + " is dense or not against the plan";
                    if (!stored) continue;
                    const auto codes = stored->read();
                    if (!codes) return codes.error().message;
                    if (!sameCodes(*codes, codesOf(checkpoint, tensor))) return tensor.name + " differs";
                    if (stored->symmetric != checkpoint.spec.symmetric
                        || stored->actOrder != checkpoint.actOrder)
                        return tensor.name + " is described wrongly: " + stored->text();
                }
        return {};
    }
};

} // namespace qroar::test
