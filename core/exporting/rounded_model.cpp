#include "core/exporting/rounded_model.h"

#include "core/exporting/encode.h"

namespace qroar {

namespace {

/// A tensor of its own memory with the values of another, rounded to `type`.
TensorView rounded(const TensorView& tensor, DType type) {
    if (tensor.type == type) return tensor;
    std::vector<float> values = tensor.toFloat();
    RoundingTally unused;
    scaleAndRound(values, 1.0F, type, unused);
    auto bytes = std::make_shared<std::vector<std::byte>>();
    appendFloats(values, type, *bytes);
    TensorView result = tensor;
    result.type = type;
    result.scaleGrid = nullptr; // the numbers are multiplied already
    result.data = bytes->data();
    result.bytes = bytes->size();
    result.owner = std::move(bytes);
    return result;
}

} // namespace

RoundedModel::RoundedModel(const Model& source, DType type) : Model(source) {
    finalNorm_ = rounded(finalNorm_, type);
    const bool shared = head_.data == embedding_.data;
    embedding_ = rounded(embedding_, type);
    head_ = shared ? embedding_ : rounded(head_, type);
}

} // namespace qroar
