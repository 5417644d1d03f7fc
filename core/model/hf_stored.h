// StoredReader: finds the tensors of quantized linear layers in a Hugging Face checkpoint and checks them
// like a stranger's file: types, shapes against config.json, group indices in range. Bits and group sizes
// come from the shapes (`dynamic` overrides need no parsing); which layers are quantized is what the tensors
// show (so do modules_to_not_convert and ignore lists). Internal to core/model.
#pragma once

#include "core/model/hf_quant_config.h"
#include "core/model/tensor_picker.h"

#include <optional>
#include <string>
#include <vector>

namespace qroar {

class StoredReader {
  public:
    /// The picker must outlive the reader.
    StoredReader(TensorPicker& picker, HfQuantConfig config) : picker_(picker), config_(std::move(config)) {}

    /// Whether the layer `name` ("layers.0.self_attn.q_proj") is stored as codes.
    [[nodiscard]] bool stores(const std::string& name) const;
    /// Takes scales of quantized activations and caches, which are not used here; call once a layer.
    void passOver(const std::string& name);
    /// Its tensors; after a failure, which the picker remembers, whatever was found.
    StoredQuant take(const std::string& name, long long out, long long in);
    /// What the user should know, each once; call after the last take().
    [[nodiscard]] std::vector<std::string> warnings() const;

  private:
    void takeAwq(const std::string& name, StoredQuant& stored);
    void takeGptq(const std::string& name, StoredQuant& stored);
    void takePacked(const std::string& name, StoredQuant& stored);
    void takeInt8(const std::string& name, StoredQuant& stored);
    void takeDeclaredShape(const std::string& name, const StoredQuant& stored);
    long long takeRowScales(const std::string& name, StoredQuant& stored);
    void takeInt8Zeros(const std::string& name, StoredQuant& stored);
    bool acceptScaleType(const TensorView& scales, StoredQuant& stored);
    TensorView needWords(const std::string& name, const std::vector<long long>& shape,
                         const std::string& why);
    const TensorView* needRank2(const std::string& name);
    long long takeScales(const std::string& name, bool groupsFirst, StoredQuant& stored);
    void takeGroupIndex(const std::string& name, long long groups, StoredQuant& stored);
    void settleGroups(long long groups, StoredQuant& stored);
    void judgeZeros(StoredQuant& stored);

    TensorPicker& picker_;
    HfQuantConfig config_;
    /// Layers that deviate from the config, for warnings.
    int otherBits_ = 0, otherGroups_ = 0, relabelled_ = 0, notSymmetric_ = 0, emptyIndex_ = 0, layers_ = 0,
        passedOver_ = 0;
    long long doubtfulZeros_ = 0;
};

} // namespace qroar
