// A Hugging Face checkpoint: config.json and its safetensors, matched tensor by tensor.
#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/model/hf_config.h"
#include "core/model/json_text.h"
#include "core/model/model_assembly.h"
#include "core/model/tensor_set.h"

#include <cstring>
#include <optional>
#include <unordered_set>

namespace qroar {

namespace {

constexpr std::size_t maxConfigBytes = 4u * 1048576;

bool endsWith(std::string_view text, std::string_view suffix) {
    return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

/// Takes tensors out of a set by name, with or without the "model." prefix, and checks type and shape. The
/// first problem sticks.
class TensorPicker {
  public:
    TensorPicker(const TensorSet& set, std::string source) : set_(set), source_(std::move(source)) {}

    [[nodiscard]] const TensorView* find(const std::string& name) const {
        const TensorView* prefixed = set_.find("model." + name);
        return prefixed ? prefixed : set_.find(name);
    }
    TensorView need(const std::string& name, const std::vector<long long>& shape) {
        const TensorView* tensor = find(name);
        if (!tensor) {
            missing(name, shape);
            return {};
        }
        taken_.insert(tensor->name);
        if (tensor->shape != shape)
            fail("tensor " + quotedText(tensor->name) + " in " + tensor->file + ": expected shape "
                 + formatShape(shape) + " from config.json, found " + formatShape(tensor->shape));
        if (!tensor->isFloat())
            fail("tensor " + quotedText(tensor->name) + " in " + tensor->file
                 + ": expected F32, F16 or BF16, found " + dtypeName(tensor->type));
        return *tensor;
    }
    void fail(const std::string& text, ErrorCode code = ErrorCode::BadInput) {
        if (!error_) error_ = Error{code, source_ + ": " + text};
    }
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }
    /// Names of tensors that nobody asked for; rotary_emb.inv_freq is not one of them.
    [[nodiscard]] std::vector<std::string> leftOver() const {
        std::vector<std::string> names;
        for (const TensorView& tensor : set_.tensors())
            if (!taken_.count(tensor.name) && !endsWith(tensor.name, "rotary_emb.inv_freq"))
                names.push_back(tensor.name);
        return names;
    }
    void take(const TensorView& tensor) { taken_.insert(tensor.name); }

  private:
    void missing(const std::string& name, const std::vector<long long>& shape) {
        const std::string stem = endsWith(name, ".weight") ? name.substr(0, name.size() - 7) : name;
        for (const char* suffix : {".qweight", ".weight_packed", ".weight_quantized"})
            if (const TensorView* packed = find(stem + suffix))
                return fail("tensor " + quotedText(packed->name)
                                + " shows a quantized checkpoint; quantized checkpoints cannot be opened yet",
                            ErrorCode::Unsupported);
        fail("tensor " + quotedText("model." + name) + " is missing: expected shape " + formatShape(shape));
    }
    const TensorSet& set_;
    std::string source_;
    std::unordered_set<std::string> taken_;
    std::optional<Error> error_;
};

ModelDraft::LayerTensors takeLayer(TensorPicker& picker, const ModelConfig& config, int layer) {
    const std::string prefix = "layers." + std::to_string(layer) + ".";
    ModelDraft::LayerTensors tensors;
    for (const Projection projection : allProjections) {
        const bool attention = projection <= Projection::O;
        const std::string name = prefix + (attention ? "self_attn." : "mlp.") + projectionName(projection);
        const auto shape = projectionShape(config, projection);
        tensors.projection[static_cast<int>(projection)] = picker.need(name + ".weight", shape);
        if (attention ? config.attentionBias : config.mlpBias)
            tensors.projectionBias[static_cast<int>(projection)] = picker.need(name + ".bias", {shape[0]});
    }
    tensors.attentionNorm = picker.need(prefix + "input_layernorm.weight", {config.hiddenSize});
    tensors.feedForwardNorm = picker.need(prefix + "post_attention_layernorm.weight", {config.hiddenSize});
    return tensors;
}

/// Embedding and head under every spelling of "tied": true with either tensor or both, absent with one of
/// them missing, false with both.
void takeEmbeddings(TensorPicker& picker, std::optional<bool> tie, ModelDraft& draft) {
    const std::vector<long long> shape{draft.config_.vocabSize, draft.config_.hiddenSize};
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

/// Tensors that no Llama or Mistral has: those that change the arithmetic are an error, others a warning.
void judgeLeftOver(TensorPicker& picker, ModelDraft& draft) {
    const auto names = picker.leftOver();
    for (const std::string& name : names) {
        if (name.find(".q_norm.") != std::string::npos || name.find(".k_norm.") != std::string::npos)
            picker.fail("tensor " + quotedText(name) + " is not part of a " + draft.config_.architecture
                            + ": query and key norms are not supported",
                        ErrorCode::Unsupported);
        for (const char* suffix : {"weight_scale", ".scales", ".qzeros", ".absmax"})
            if (endsWith(name, suffix))
                picker.fail("tensor " + quotedText(name)
                                + " shows a quantized checkpoint; quantized checkpoints cannot be opened yet",
                            ErrorCode::Unsupported);
    }
    if (names.empty()) return;
    draft.warnings_.push_back(formatCount(static_cast<long long>(names.size()))
                              + " tensors are not used, the first is " + quotedText(names.front()));
}

} // namespace

Outcome<std::shared_ptr<const Model>> openHfModel(const std::filesystem::path& path) {
    std::error_code ignored;
    const bool isFolder = std::filesystem::is_directory(path, ignored);
    const auto configPath = (isFolder ? path : path.parent_path()) / "config.json";
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
    takeEmbeddings(picker, parsed->tie, *draft);
    draft->finalNorm_ = picker.need("norm.weight", {draft->config_.hiddenSize});
    for (int layer = 0; layer < draft->config_.layers && !picker.error(); ++layer)
        draft->layers_.push_back(takeLayer(picker, draft->config_, layer));
    judgeLeftOver(picker, *draft);
    if (picker.error()) return *picker.error();
    draft->tensors_ = set->tensors();
    return finishModel(std::move(draft));
}

} // namespace qroar
