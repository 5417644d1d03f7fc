// TensorPicker: takes the tensors that a model needs out of a checkpoint by name, checks type and shape, and
// knows in the end which ones nobody asked for. Internal to core/model.
#pragma once

#include "core/base/outcome.h"
#include "core/model/tensor_set.h"

#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

namespace qroar {

class TensorPicker {
  public:
    /// `source` opens every message. The set must outlive the picker.
    TensorPicker(const TensorSet& set, std::string source) : set_(set), source_(std::move(source)) {}

    /// With the "model." prefix or without.
    [[nodiscard]] const TensorView* find(const std::string& name) const;
    /// A float tensor of this shape; empty after a failure.
    TensorView need(const std::string& name, const std::vector<long long>& shape);
    /// Marks a tensor as used and says whether it has this type and shape; the first problem sticks. `why`
    /// ends the message: where the expectation comes from.
    bool accept(const TensorView& tensor, DType type, const std::vector<long long>& shape,
                const std::string& why);
    void take(const TensorView& tensor) { taken_.insert(tensor.name); }

    /// The first error sticks.
    void fail(const std::string& text, ErrorCode code = ErrorCode::BadInput);
    /// The same, about a tensor.
    void fail(const TensorView& tensor, const std::string& text, ErrorCode code = ErrorCode::BadInput);
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }
    /// Names of tensors that nobody asked for; rotary_emb.inv_freq is not one of them.
    [[nodiscard]] std::vector<std::string> leftOver() const;

  private:
    const TensorSet& set_;
    std::string source_;
    std::unordered_set<std::string> taken_;
    std::optional<Error> error_;
};

/// `tensor "NAME" in FILE`, for messages.
std::string tensorText(const TensorView& tensor);
bool endsWith(std::string_view text, std::string_view suffix);

} // namespace qroar
