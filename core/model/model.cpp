#include "core/model/model.h"

#include "core/base/files.h"
#include "core/model/model_assembly.h"

#include <cassert>
#include <cstring>

namespace qroar {

const char* projectionName(Projection projection) {
    static const char* const names[] = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                        "gate_proj", "up_proj", "down_proj"};
    return names[static_cast<int>(projection)];
}

const TensorView& Model::weight(int layer, Projection projection) const {
    assert(layer >= 0 && layer < config_.layers);
    return layers_[static_cast<std::size_t>(layer)].projection[static_cast<int>(projection)];
}

const TensorView* Model::bias(int layer, Projection projection) const {
    assert(layer >= 0 && layer < config_.layers);
    const auto& tensor =
        layers_[static_cast<std::size_t>(layer)].projectionBias[static_cast<int>(projection)];
    return tensor ? &tensor : nullptr;
}

const TensorView& Model::norm(int layer, Norm norm) const {
    assert(layer >= 0 && layer < config_.layers);
    const auto& tensors = layers_[static_cast<std::size_t>(layer)];
    return norm == Norm::Attention ? tensors.attentionNorm : tensors.feedForwardNorm;
}

namespace {

bool beginsWith(const std::filesystem::path& path, const char* magic) {
    const auto file = MappedFile::open(path);
    const std::size_t length = std::strlen(magic);
    return file && (*file)->bytes().size() >= length
           && std::memcmp((*file)->bytes().data(), magic, length) == 0;
}

} // namespace

Outcome<std::shared_ptr<const Model>> openModel(const std::filesystem::path& path) {
    auto model = inspectModel(path);
    if (model && !(*model)->damage().empty()) return Error::bad((*model)->damage());
    return model;
}

Outcome<std::shared_ptr<const Model>> inspectModel(const std::filesystem::path& path) {
    std::error_code ignored;
    const std::string source = path.string();
    if (!std::filesystem::exists(path, ignored)) return Error::notFound(source + ": no such file or folder");
    if (std::filesystem::is_directory(path, ignored)) return openHfModel(path);
    if (!std::filesystem::is_regular_file(path, ignored))
        return Error::bad(source + ": expected a folder or a file, found something else");
    if (path.extension() == ".safetensors") return openHfModel(path);
    if (path.extension() == ".json") // config.json or the index of a folder
        return openHfModel(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
    if (beginsWith(path, "GGUF")) return Error::unsupported(source + ": GGUF files cannot be opened yet");
    if (beginsWith(path, "PK\x03\x04") || beginsWith(path, "\x80\x02"))
        return Error::unsupported(source
                                  + ": PyTorch pickles are not read; convert the model to safetensors");
    return openLlama2c(path);
}

} // namespace qroar
