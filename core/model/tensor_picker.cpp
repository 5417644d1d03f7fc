#include "core/model/tensor_picker.h"

#include "core/base/strings.h"
#include "core/model/json_text.h"

namespace qroar {

bool endsWith(std::string_view text, std::string_view suffix) {
    return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

std::string tensorText(const TensorView& tensor) {
    return "tensor " + quotedText(tensor.name) + " in " + tensor.file;
}

const TensorView* TensorPicker::find(const std::string& name) const {
    const TensorView* prefixed = set_.find("model." + name);
    return prefixed ? prefixed : set_.find(name);
}

TensorView TensorPicker::need(const std::string& name, const std::vector<long long>& shape) {
    const TensorView* tensor = find(name);
    if (!tensor) {
        fail("tensor " + quotedText("model." + name) + " is missing: expected shape " + formatShape(shape));
        return {};
    }
    taken_.insert(tensor->name);
    if (tensor->shape != shape)
        fail(*tensor, "expected shape " + formatShape(shape) + " from config.json, found "
                          + formatShape(tensor->shape));
    if (!tensor->isFloat())
        fail(*tensor, std::string("expected F32, F16 or BF16, found ") + dtypeName(tensor->type));
    return *tensor;
}

bool TensorPicker::accept(const TensorView& tensor, DType type, const std::vector<long long>& shape,
                          const std::string& why) {
    taken_.insert(tensor.name);
    if (tensor.type == type && tensor.shape == shape) return true;
    fail(tensor, std::string("expected ") + dtypeName(type) + " " + formatShape(shape) + " " + why
                     + ", found " + dtypeName(tensor.type) + " " + formatShape(tensor.shape));
    return false;
}

void TensorPicker::fail(const std::string& text, ErrorCode code) {
    if (!error_) error_ = Error{code, source_ + ": " + text};
}

void TensorPicker::fail(const TensorView& tensor, const std::string& text, ErrorCode code) {
    fail(tensorText(tensor) + ": " + text, code);
}

std::vector<std::string> TensorPicker::leftOver() const {
    std::vector<std::string> names;
    for (const TensorView& tensor : set_.tensors())
        if (!taken_.count(tensor.name) && !endsWith(tensor.name, "rotary_emb.inv_freq"))
            names.push_back(tensor.name);
    return names;
}

} // namespace qroar
