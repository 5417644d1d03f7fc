// What the readers of core/model share when they put a Model together: writable members, the checks on
// tensors, the fingerprint. Internal to core/model.
#pragma once

#include "core/base/outcome.h"
#include "core/model/model.h"
#include "core/model/projection_shape.h"

#include <memory>
#include <string>
#include <vector>

namespace qroar {

/// A Model whose members a reader may fill; it leaves the reader as shared_ptr<const Model>.
class ModelDraft final : public Model {
  public:
    using Model::config_;
    using Model::damage_;
    using Model::embedding_;
    using Model::finalNorm_;
    using Model::fingerprint_;
    using Model::format_;
    using Model::head_;
    using Model::layers_;
    using Model::LayerTensors;
    using Model::path_;
    using Model::tensors_;
    using Model::warnings_;
};

/// The last steps of every reader: the search for NaN and infinity in the float tensors that the model uses
/// (its damage, if there are any), then the fingerprint.
Outcome<std::shared_ptr<const Model>> finishModel(std::shared_ptr<ModelDraft> draft);

/// Readers, by format. A folder or one .safetensors file:
Outcome<std::shared_ptr<const Model>> openHfModel(const std::filesystem::path& path);
/// GGUF, version 2 or 3, whole or split.
Outcome<std::shared_ptr<const Model>> openGgufModel(const std::filesystem::path& path);
/// llama2.c .bin, legacy or version 1.
Outcome<std::shared_ptr<const Model>> openLlama2c(const std::filesystem::path& path);

} // namespace qroar
