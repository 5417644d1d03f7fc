// A Hugging Face checkpoint: config.json and its safetensors, matched tensor by tensor.
#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/model/hf_config.h"
#include "core/model/hf_fp8.h"
#include "core/model/hf_names.h"
#include "core/model/hf_stored.h"
#include "core/model/json_text.h"
#include "core/model/model_assembly.h"
#include "core/model/tensor_picker.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace qroar {

namespace {

constexpr std::size_t maxConfigBytes = 4u * 1048576;

/// The readers of layers that are not dense.
struct QuantReaders {
    QuantReaders(TensorPicker& picker, const HfQuantConfig& config)
        : codes(picker, config), fp8(picker, config) {}
    StoredReader codes;
    Fp8Reader fp8;
};

/// Codes of a linear layer, for each of its projections.
void takeCodes(const ModelConfig& config, const std::string& name, const StoredLinear& linear,
               const std::vector<long long>& shape, StoredReader& reader, ModelDraft::LayerTensors& tensors) {
    const StoredQuant whole = reader.take(name, shape[0], shape[1]);
    std::ptrdiff_t first = 0;
    for (const Projection part : linear.parts) {
        const auto rows = static_cast<std::ptrdiff_t>(projectionShape(config, part)[0]);
        tensors.stored[static_cast<std::size_t>(part)] = whole.part(first, rows);
        first += rows;
    }
}

/// One stored linear layer, whose rows may be those of several projections.
void takeLinear(TensorPicker& picker, const ModelConfig& config, const std::string& prefix,
                const StoredLinear& linear, QuantReaders* quantized, ModelDraft::LayerTensors& tensors) {
    const std::string name = prefix + linear.name;
    auto shape = projectionShape(config, linear.parts.front());
    for (std::size_t part = 1; part < linear.parts.size(); ++part)
        shape[0] += projectionShape(config, linear.parts[part])[0];
    const bool codes = quantized && quantized->codes.stores(name);
    if (quantized) quantized->codes.passOver(name);
    if (codes) takeCodes(config, name, linear, shape, quantized->codes, tensors);
    const bool biased = hasBias(config, linear.parts.front());
    const TensorView bias = biased ? picker.need(name + ".bias", {shape[0]}) : TensorView();
    const TensorView weight = codes ? TensorView()
                              : quantized && quantized->fp8.stores(name)
                                  ? quantized->fp8.take(name, shape)
                                  : picker.need(name + ".weight", shape);
    if (picker.error()) return;
    long long first = 0;
    for (const Projection part : linear.parts) {
        const long long rows = projectionShape(config, part)[0];
        if (!codes) tensors.projection[static_cast<int>(part)] = rowsOf(weight, first, rows);
        if (biased) tensors.projectionBias[static_cast<int>(part)] = rowsOf(bias, first, rows);
        first += rows;
    }
}

ModelDraft::LayerTensors takeLayer(TensorPicker& picker, const ModelConfig& config, int layer,
                                   QuantReaders* quantized) {
    const std::string prefix = "layers." + std::to_string(layer) + ".";
    ModelDraft::LayerTensors tensors;
    for (const StoredLinear& linear : storedLinears(config))
        takeLinear(picker, config, prefix, linear, quantized, tensors);
    if (quantized) quantized->codes.passOver(prefix + "self_attn");
    for (const Norm norm : normsOf(config))
        tensors.norm(norm) = picker.need(prefix + normName(config, norm), {normWidth(config, norm)});
    return tensors;
}

/// Embedding and head under every spelling of "tied": true with either tensor or both, absent with one of
/// them missing, false with both.
void takeEmbeddings(TensorPicker& picker, std::optional<bool> tie, ModelDraft& draft) {
    const std::vector<long long> shape{draft.config_.vocabSize, draft.config_.hiddenSize};
    for (const char* name : {"lm_head", "embed_tokens"})
        for (const char* suffix : {".qweight", ".weight_packed"})
            if (const TensorView* codes = picker.find(std::string(name) + suffix))
                picker.fail(*codes, "a quantized head or embedding cannot be read", ErrorCode::Unsupported);
    const std::string embedding = "embed_tokens.weight", head = "lm_head.weight";
    const bool stored = picker.find(embedding) != nullptr, headStored = picker.find(head) != nullptr;
    const bool mayTie = tie.value_or(true);
    draft.config_.tiedEmbeddings = tie.value_or(!(stored && headStored));
    if (!stored && headStored && mayTie) {
        draft.embedding_ = draft.head_ = picker.need(head, shape);
        draft.warnings_.push_back("only lm_head.weight is stored; it is used as the embedding too (tied)");
        return;
    }
    draft.embedding_ = picker.need(embedding, shape);
    if (!draft.config_.tiedEmbeddings) {
        if (!headStored)
            picker.fail("tensor \"lm_head.weight\" is missing: expected shape " + formatShape(shape)
                        + ", as config.json says \"tie_word_embeddings\": false");
        else
            draft.head_ = picker.need(head, shape);
        return;
    }
    draft.head_ = draft.embedding_;
    if (!headStored) return;
    const TensorView stray = picker.need(head, shape);
    const bool equal =
        stray.bytes == draft.embedding_.bytes && stray.type == draft.embedding_.type
        && (stray.bytes == 0 || std::memcmp(stray.data, draft.embedding_.data, stray.bytes) == 0);
    draft.warnings_.push_back(equal ? "lm_head.weight is stored and equals the embedding it is tied to"
                                    : "lm_head.weight is stored, differs from the embedding and is ignored: "
                                      "config.json says \"tie_word_embeddings\": true");
}

/// Tensors that the family does not have: those that change the arithmetic are an error, others a warning.
void judgeLeftOver(TensorPicker& picker, ModelDraft& draft) {
    const auto names = picker.leftOver();
    for (const std::string& name : names) {
        for (const char* part : {".q_norm.", ".k_norm.", "_layernorm.", "qkv_proj.", "gate_up_proj."})
            if (name.find(part) != std::string::npos)
                picker.fail("tensor " + quotedText(name) + " is not part of a " + draft.config_.architecture
                                + " as it is computed here",
                            ErrorCode::Unsupported);
        for (const char* suffix :
             {".weight_scale", ".weight_scale_inv", ".scales", ".qweight", ".weight_packed", ".absmax"})
            if (endsWith(name, suffix))
                picker.fail("tensor " + quotedText(name)
                                + " is quantized, but belongs to no linear layer of a "
                                + draft.config_.architecture + " whose codes can be read",
                            ErrorCode::Unsupported);
    }
    if (names.empty()) return;
    draft.warnings_.push_back(formatCount(static_cast<long long>(names.size()))
                              + " tensors are not used, the first is " + quotedText(names.front()));
}

/// The readers of quantized layers, when the config or the tensors say that there are any.
Outcome<std::optional<QuantReaders>> quantReaders(TensorPicker& picker, const TensorSet& set,
                                                  const HfConfig& parsed,
                                                  const std::filesystem::path& folder) {
    const auto isCodes = [](const TensorView& tensor) {
        return endsWith(tensor.name, ".qweight") || endsWith(tensor.name, ".weight_packed");
    };
    if (parsed.quantization.is_null() && std::none_of(set.tensors().begin(), set.tensors().end(), isCodes))
        return std::optional<QuantReaders>();
    auto config = readHfQuantConfig(parsed.quantization, folder);
    if (!config) return config.error();
    return std::optional<QuantReaders>(std::in_place, picker, *config);
}

} // namespace

Outcome<std::shared_ptr<const Model>> openHfModel(const std::filesystem::path& path) {
    std::error_code ignored;
    const bool isFolder = std::filesystem::is_directory(path, ignored);
    const auto folder = isFolder ? path : path.parent_path();
    const auto configPath = folder / "config.json";
    const auto text = readFile(configPath, maxConfigBytes);
    if (!text) return text.error();
    auto parsed = readHfConfig(*text, configPath);
    if (!parsed) return parsed.error();
    auto set = isFolder ? TensorSet::openFolder(path) : TensorSet::openFile(path);
    if (!set) return set.error();

    auto draft = std::make_shared<ModelDraft>();
    draft->path_ = path;
    draft->format_ = "HF safetensors";
    draft->config_ = std::move(parsed->config);
    draft->warnings_ = std::move(parsed->warnings);
    draft->warnings_.insert(draft->warnings_.end(), set->warnings().begin(), set->warnings().end());
    TensorPicker picker(*set, path.string());
    auto quantized = quantReaders(picker, *set, *parsed, folder);
    if (!quantized) return quantized.error();
    takeEmbeddings(picker, parsed->tie, *draft);
    draft->finalNorm_ = picker.need("norm.weight", {draft->config_.hiddenSize});
    for (int layer = 0; layer < draft->config_.layers && !picker.error(); ++layer)
        draft->layers_.push_back(
            takeLayer(picker, draft->config_, layer, *quantized ? &**quantized : nullptr));
    if (*quantized) {
        const auto notes = (*quantized)->codes.warnings();
        draft->warnings_.insert(draft->warnings_.end(), notes.begin(), notes.end());
        if (!draft->isQuantized())
            draft->warnings_.push_back("config.json has a quantization_config, but every layer is dense");
    }
    judgeLeftOver(picker, *draft);
    if (picker.error()) return *picker.error();
    draft->tensors_ = set->tensors();
    return finishModel(std::move(draft));
}

} // namespace qroar
