#include "core/model/model.h"

#include "core/base/files.h"
#include "core/model/model_assembly.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <stdexcept>

namespace qroar {

const char* projectionName(Projection projection) {
    static const char* const names[] = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                        "gate_proj", "up_proj", "down_proj"};
    return names[static_cast<int>(projection)];
}

const TensorView& Model::weight(int layer, Projection projection) const {
    assert(layer >= 0 && layer < config_.layers);
    const auto& tensor = layers_[static_cast<std::size_t>(layer)].projection[static_cast<int>(projection)];
    if (!tensor) throw std::logic_error("Model::weight: the projection is stored as codes");
    return tensor;
}

const StoredQuant* Model::stored(int layer, Projection projection) const {
    assert(layer >= 0 && layer < config_.layers);
    const auto& stored =
        layers_[static_cast<std::size_t>(layer)].stored[static_cast<std::size_t>(projection)];
    return stored ? &*stored : nullptr;
}

bool Model::isQuantized() const {
    return std::any_of(layers_.begin(), layers_.end(), [](const LayerTensors& layer) {
        return std::any_of(layer.stored.begin(), layer.stored.end(),
                           [](const auto& stored) { return stored.has_value(); })
               || std::any_of(
                   std::begin(layer.projection), std::end(layer.projection),
                   [](const TensorView& weight) { return weight.isBlocked() || weight.isScaled(); });
    });
}

std::filesystem::path Model::filePath(const TensorView& tensor) const {
    std::error_code ignored;
    if (std::filesystem::is_directory(path_, ignored)) return path_ / tensor.file;
    return tensor.file.empty() ? path_ : path_.parent_path() / tensor.file; // parts of a split lie beside it
}

const TensorView* Model::bias(int layer, Projection projection) const {
    assert(layer >= 0 && layer < config_.layers);
    const auto& tensor =
        layers_[static_cast<std::size_t>(layer)].projectionBias[static_cast<int>(projection)];
    return tensor ? &tensor : nullptr;
}

const TensorView& Model::norm(int layer, Norm norm) const {
    assert(layer >= 0 && layer < config_.layers);
    return layers_[static_cast<std::size_t>(layer)].norms[static_cast<std::size_t>(norm)];
}

std::vector<float> Model::normGains(const TensorView& norm) const {
    std::vector<float> gains = norm.toFloat();
    if (config_.offsetNorms)
        for (float& gain : gains) gain += 1.0F;
    return gains;
}

std::vector<StoredKind> storedKinds(const Model& model) {
    std::vector<StoredKind> kinds;
    if (!model.isQuantized()) return kinds;
    for (int layer = 0; layer < model.config().layers; ++layer)
        for (const Projection projection : allProjections) {
            const StoredQuant* stored = model.stored(layer, projection);
            if (!stored) continue;
            const auto known = std::find_if(kinds.begin(), kinds.end(), [stored](const StoredKind& kind) {
                return kind.like.text() == stored->text();
            });
            if (known != kinds.end())
                ++known->projections;
            else
                kinds.push_back({*stored, 1});
        }
    std::stable_sort(kinds.begin(), kinds.end(),
                     [](const StoredKind& a, const StoredKind& b) { return a.projections > b.projections; });
    return kinds;
}

std::vector<std::pair<std::string, int>> blockKinds(const Model& model) {
    std::vector<std::pair<std::string, int>> kinds;
    for (int layer = 0; layer < model.config().layers; ++layer)
        for (const Projection projection : allProjections) {
            if (model.stored(layer, projection)) continue;
            const TensorView& weight = model.weight(layer, projection);
            if (!weight.isBlocked() && !weight.isScaled()) continue;
            const std::string name = weight.isScaled()
                                         ? std::string(weight.typeName()) + ", " + weight.scaleGrid->text()
                                         : "ggml " + std::string(weight.typeName());
            const auto known = std::find_if(kinds.begin(), kinds.end(),
                                            [&name](const auto& kind) { return kind.first == name; });
            if (known != kinds.end())
                ++known->second;
            else
                kinds.emplace_back(name, 1);
        }
    std::stable_sort(kinds.begin(), kinds.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    return kinds;
}

namespace {

bool beginsWith(const std::filesystem::path& path, const char* magic) {
    const auto file = MappedFile::open(path);
    const std::size_t length = std::strlen(magic);
    return file && (*file)->bytes().size() >= length
           && std::memcmp((*file)->bytes().data(), magic, length) == 0;
}

/// Names in a folder for a message: sorted, the first few, folders with a slash.
std::string entriesOf(const std::filesystem::path& folder) {
    constexpr std::size_t mostNames = 6, mostEntries = 10000;
    std::error_code failed;
    std::vector<std::string> names;
    for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end;
         at.increment(failed)) {
        std::error_code ignored;
        names.push_back(at->path().filename().string() + (at->is_directory(ignored) ? "/" : ""));
        if (names.size() == mostEntries) break;
    }
    if (names.empty()) return failed ? "a folder that cannot be read" : "an empty folder";
    std::sort(names.begin(), names.end());
    std::string text;
    for (std::size_t at = 0; at < std::min(names.size(), mostNames); ++at)
        text += (at > 0 ? ", " : "") + names[at];
    if (names.size() > mostNames) text += " and " + std::to_string(names.size() - mostNames) + " more";
    return text;
}

/// What a Hugging Face checkpoint needs beside its weights.
Status checkConfigIsThere(const std::filesystem::path& path) {
    std::error_code ignored;
    const bool isFolder = std::filesystem::is_directory(path, ignored);
    auto folder = isFolder ? path : path.parent_path();
    if (folder.empty()) folder = ".";
    if (std::filesystem::exists(folder / "config.json", ignored)) return Done{};
    return Error::notFound(path.string() + ": expected "
                           + (isFolder ? "a model folder with config.json and model.safetensors (or its "
                                         "shards and their index)"
                                       : "config.json beside the file")
                           + ", found no config.json, but " + entriesOf(folder));
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
    const bool isFolder = std::filesystem::is_directory(path, ignored);
    if (!isFolder && !std::filesystem::is_regular_file(path, ignored))
        return Error::bad(source + ": expected a folder or a file, found something else");
    if (isFolder || path.extension() == ".safetensors") {
        if (Status there = checkConfigIsThere(path); !there) return there.error();
        return openHfModel(path);
    }
    if (path.extension() == ".json") // config.json or the index of a folder
        return openHfModel(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
    if (beginsWith(path, "GGUF")) return openGgufModel(path);
    if (beginsWith(path, "PK\x03\x04") || beginsWith(path, "\x80\x02"))
        return Error::unsupported(source
                                  + ": PyTorch pickles are not read; convert the model to safetensors");
    return openLlama2c(path);
}

} // namespace qroar
