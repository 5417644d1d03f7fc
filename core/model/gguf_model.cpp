// A GGUF file as a Model: its tensors matched by name, in whatever mixture of types they are stored. Query
// and key rows stay in the order of the file (PairLayout says which one it is). RoPE factors that are tensors
// become part of the stored scaling.
#include "core/base/strings.h"
#include "core/model/gguf_config.h"
#include "core/model/hf_names.h"
#include "core/model/json_text.h"
#include "core/model/model_assembly.h"

#include <cmath>
#include <optional>
#include <unordered_set>

namespace qroar {

namespace {

const char* ggufName(Projection projection) {
    static const char* const names[] = {"attn_q",   "attn_k", "attn_v",  "attn_output",
                                        "ffn_gate", "ffn_up", "ffn_down"};
    return names[static_cast<int>(projection)];
}

const char* ggufName(Norm norm) {
    static const char* const names[normKinds] = {"attn_norm",     "ffn_norm",    "post_attention_norm",
                                                 "post_ffw_norm", "attn_q_norm", "attn_k_norm"};
    return names[static_cast<int>(norm)];
}

class Picker {
  public:
    explicit Picker(const GgufFile& file) : file_(file) {}

    TensorView need(const std::string& name, const std::vector<long long>& shape) {
        const TensorView* tensor = file_.tensor(name);
        if (!tensor) {
            fail(Error::bad(file_.path().string() + ": tensor " + quotedText(name)
                            + " is missing: expected shape " + formatShape(shape)));
            return {};
        }
        taken_.insert(name);
        const std::string where = file_.path().string() + ": tensor " + quotedText(name) + ": expected ";
        if (tensor->shape != shape)
            fail(Error::bad(where + "shape " + formatShape(shape) + ", found " + formatShape(tensor->shape)));
        else if (!tensor->isReadable())
            fail(Error::unsupported(where
                                    + "a type that can be read (F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, "
                                      "Q5_1, Q2_K to Q6_K, IQ4_NL, IQ4_XS), found "
                                    + tensor->typeName()));
        return *tensor;
    }
    TensorView optional(const std::string& name, const std::vector<long long>& shape) {
        return file_.tensor(name) ? need(name, shape) : TensorView();
    }
    void fail(Error error) {
        if (!error_) error_ = std::move(error);
    }
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }
    [[nodiscard]] std::vector<std::string> leftOver() const {
        std::vector<std::string> names;
        for (const TensorView& tensor : file_.tensors())
            if (!taken_.contains(tensor.name)) names.push_back(tensor.name);
        return names;
    }

  private:
    const GgufFile& file_;
    std::unordered_set<std::string> taken_;
    std::optional<Error> error_;
};

ModelDraft::LayerTensors takeLayer(Picker& picker, const ModelConfig& config, int layer) {
    const std::string prefix = "blk." + std::to_string(layer) + ".";
    ModelDraft::LayerTensors tensors;
    for (const StoredLinear& linear : storedLinears(config)) {
        const bool fused = linear.parts.size() > 1;
        const Projection front = linear.parts.front();
        const std::string name = prefix
                                 + (!fused                   ? ggufName(front)
                                    : front == Projection::Q ? "attn_qkv"
                                                             : "ffn_up");
        auto shape = projectionShape(config, front);
        for (std::size_t part = 1; part < linear.parts.size(); ++part)
            shape[0] += projectionShape(config, linear.parts[part])[0];
        const TensorView weight = picker.need(name + ".weight", shape);
        const TensorView bias = picker.optional(name + ".bias", {shape[0]});
        if (picker.error()) return tensors;
        long long first = 0;
        for (const Projection part : linear.parts) {
            const long long rows = projectionShape(config, part)[0];
            const auto index = static_cast<std::size_t>(part);
            tensors.projection[index] = fused ? rowsOf(weight, first, rows) : weight;
            if (bias) tensors.projectionBias[index] = fused ? rowsOf(bias, first, rows) : bias;
            first += rows;
        }
    }
    for (const Norm norm : normsOf(config))
        tensors.norm(norm) = picker.need(prefix + ggufName(norm) + ".weight", {normWidth(config, norm)});
    return tensors;
}

/// Divisors of the frequencies that are those of llama3 scaling, as the converter writes them.
std::optional<RopeSpec> asLlama3(const std::vector<double>& divisors, const ModelConfig& config) {
    if (divisors.empty()) return std::nullopt;
    RopeSpec spec;
    spec.kind = RopeKind::Llama3;
    for (const double value : divisors) spec.factor = std::max(spec.factor.value_or(1), value);
    spec.original = 8192;
    auto model = config.ropeModel();
    model.stored = {};
    const auto table = buildFrequencyTable(spec, model, config.maxPositions);
    if (!table) return std::nullopt;
    for (std::size_t pair = 0; pair < divisors.size(); ++pair)
        if (std::abs(table->plain[pair] / table->omega[pair] / divisors[pair] - 1) > 1e-5)
            return std::nullopt;
    return spec;
}

std::vector<double> takeFactors(Picker& picker, const std::string& name, const ModelConfig& config) {
    const TensorView tensor = picker.optional(name, {config.pairs()});
    if (!tensor || !tensor.isReadable() || picker.error()) return {};
    std::vector<double> factors;
    for (const float factor : tensor.toFloat()) {
        if (!(factor > 0) || !std::isfinite(factor))
            picker.fail(Error::bad("tensor " + quotedText(name) + " in " + tensor.file
                                   + ": expected positive numbers, found " + formatNumber(factor)));
        factors.push_back(factor);
    }
    return factors;
}

/// rope_freqs.weight (divisors for every context length) and the long and short factors of longrope.
void takeRopeTensors(Picker& picker, ModelDraft& draft) {
    ModelConfig& config = draft.config_;
    RopeSpec& stored = config.storedRope;
    const auto divisors = takeFactors(picker, "rope_freqs.weight", config);
    const auto longFactors = takeFactors(picker, "rope_factors_long.weight", config);
    const auto shortFactors = takeFactors(picker, "rope_factors_short.weight", config);
    if (picker.error()) return;
    if (stored.kind == RopeKind::LongRope || !longFactors.empty()) {
        if (longFactors.empty() || shortFactors.empty())
            picker.fail(Error::bad(draft.path_.string()
                                   + ": longrope scaling needs the tensors "
                                     "\"rope_factors_long.weight\" and \"rope_factors_short.weight\""));
        stored.kind = RopeKind::LongRope;
        if (!stored.attentionFactor) stored.attentionFactor = 1; // llama.cpp derives none from the lengths
        stored.longFactors = longFactors;
        stored.shortFactors = shortFactors;
        return;
    }
    const double attention = stored.attentionFactor.value_or(1);
    bool changes = stored.kind == RopeKind::None && attention != 1;
    for (const double divisor : divisors) changes = changes || divisor != 1;
    if (!changes) return;
    if (stored.kind != RopeKind::None) {
        picker.fail(Error::unsupported(draft.path_.string() + ": both rope_freqs.weight and a "
                                       + stored.text() + " scaling: not supported together"));
        return;
    }
    const auto llama3 = attention == 1 ? asLlama3(divisors, config) : std::nullopt;
    if (llama3) {
        stored = *llama3;
        draft.warnings_.push_back("rope_freqs.weight holds the divisors of " + stored.text()
                                  + "; llama.cpp's converter always writes them for 8,192 trained positions");
        return;
    }
    stored.kind = RopeKind::LongRope; // the same divisors at every context length
    stored.longFactors = stored.shortFactors =
        divisors.empty() ? std::vector<double>(static_cast<std::size_t>(config.pairs()), 1.0) : divisors;
    stored.attentionFactor = attention;
    if (divisors.empty()) {
        draft.warnings_.push_back("rope.scaling.attn_factor " + formatNumber(attention)
                                  + " without another scaling: shown as longrope with factors of 1");
        return;
    }
    draft.warnings_.push_back("rope_freqs.weight divides the frequencies (from "
                              + formatNumber(*std::min_element(divisors.begin(), divisors.end())) + " to "
                              + formatNumber(*std::max_element(divisors.begin(), divisors.end()))
                              + "): shown as longrope with these factors");
}

void judgeLeftOver(Picker& picker, ModelDraft& draft) {
    const auto names = picker.leftOver();
    for (const std::string& name : names)
        if (name.starts_with("blk."))
            picker.fail(Error::unsupported(draft.path_.string() + ": tensor " + quotedText(name)
                                           + " is not part of a " + draft.config_.architecture
                                           + " as it is computed here"));
    if (!names.empty())
        draft.warnings_.push_back(formatCount(static_cast<long long>(names.size()))
                                  + " tensors are not used, the first is " + quotedText(names.front()));
}

} // namespace

Outcome<std::shared_ptr<const Model>> openGgufModel(const std::filesystem::path& path) {
    auto file = GgufFile::open(path);
    if (!file) return file.error();
    auto parsed = readGgufConfig(*file);
    if (!parsed) return parsed.error();
    auto draft = std::make_shared<ModelDraft>();
    draft->path_ = path;
    draft->format_ = "GGUF v" + std::to_string(file->version());
    draft->config_ = std::move(parsed->config);
    draft->warnings_ = std::move(parsed->warnings);
    const ModelConfig& config = draft->config_;
    Picker picker(*file);
    draft->embedding_ = picker.need("token_embd.weight", {config.vocabSize, config.hiddenSize});
    draft->head_ = config.tiedEmbeddings
                       ? draft->embedding_
                       : picker.need("output.weight", {config.vocabSize, config.hiddenSize});
    draft->finalNorm_ = picker.need("output_norm.weight", {config.hiddenSize});
    for (int layer = 0; layer < config.layers && !picker.error(); ++layer)
        draft->layers_.push_back(takeLayer(picker, config, layer));
    if (!picker.error()) takeRopeTensors(picker, *draft);
    judgeLeftOver(picker, *draft);
    if (picker.error()) return *picker.error();
    for (const auto& layer : draft->layers_)
        if (config.architecture != "Qwen2ForCausalLM" && layer.projectionBias[0])
            draft->config_.attentionBias = true;
    draft->tensors_ = file->tensors();
    return finishModel(std::move(draft));
}

} // namespace qroar
