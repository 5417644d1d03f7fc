// Model: a checkpoint that is open for reading. Weights stay where they are (memory-mapped); callers convert
// one tensor or a few rows at a time to float. Immutable after open; safe to share between threads. Not here:
// arithmetic on weights (core/quant), the forward pass (core/inference).
#pragma once

#include "core/base/matrix.h"
#include "core/base/outcome.h"
#include "core/model/config.h"
#include "core/model/stored_quant.h"
#include "core/model/tensor.h"

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace qroar {

/// The seven linear projections of a layer, each [out, in] row-major.
enum class Projection { Q, K, V, O, Gate, Up, Down };
inline constexpr Projection allProjections[] = {Projection::Q,   Projection::K,    Projection::V,
                                                Projection::O,   Projection::Gate, Projection::Up,
                                                Projection::Down};
/// "q_proj", "down_proj", ...
const char* projectionName(Projection projection);

/// The norms of a layer. Every model has the first two.
enum class Norm {
    Attention,        ///< before q, k and v
    FeedForward,      ///< before gate and up
    AfterAttention,   ///< of what o yields, before it joins the stream (Gemma)
    AfterFeedForward, ///< of what down yields (Gemma)
    Query,            ///< of every query head, before RoPE (Qwen3, Gemma 3)
    Key,              ///< of every key head
};
inline constexpr std::size_t normKinds = 6;

class Model {
  public:
    virtual ~Model() = default;
    [[nodiscard]] const ModelConfig& config() const { return config_; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    /// "HF safetensors" or "llama2.c v0" ...
    [[nodiscard]] const std::string& format() const { return format_; }
    /// XXH3-128 over the config, every tensor's name, type, shape, and its first and last 64 KiB.
    [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }
    /// Every tensor in the files, in file order, for listings.
    [[nodiscard]] const std::vector<TensorView>& tensors() const { return tensors_; }
    /// Things the user should know that are not errors ("lm_head.weight is stored and equals the embedding").
    [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
    /// Empty, or why the weights cannot be used: the first NaN or infinity among them. Only models that
    /// inspectModel() opened may have one.
    [[nodiscard]] const std::string& damage() const { return damage_; }

    /// [out, in]: q [heads*headDim, hidden], k and v [kvHeads*headDim, hidden], o [hidden, heads*headDim],
    /// gate and up [intermediate, hidden], down [hidden, intermediate]. The projection must be dense: one
    /// that stored() knows has no such tensor (std::logic_error: a bug of the caller).
    [[nodiscard]] const TensorView& weight(int layer, Projection projection) const;
    /// The codes of a projection that the checkpoint stores quantized; null when it is dense.
    [[nodiscard]] const StoredQuant* stored(int layer, Projection projection) const;
    /// Whether any projection is stored quantized. Such a model runs as `stored` and nothing else: its other
    /// projections may be dense.
    [[nodiscard]] bool isQuantized() const;
    /// The file a tensor lies in; its bytes begin at tensor.offset.
    [[nodiscard]] std::filesystem::path filePath(const TensorView& tensor) const;
    /// [out], or null when the projection has no bias.
    [[nodiscard]] const TensorView* bias(int layer, Projection projection) const;
    /// [hidden], or [headDim] for queries and keys; without data when the model has no such norm.
    [[nodiscard]] const TensorView& norm(int layer, Norm norm) const;
    /// The gains that a norm of this model multiplies with: its numbers, plus 1 where they are stored less 1.
    [[nodiscard]] std::vector<float> normGains(const TensorView& norm) const;
    [[nodiscard]] const TensorView& finalNorm() const { return finalNorm_; } ///< [hidden]
    [[nodiscard]] const TensorView& embedding() const { return embedding_; } ///< [vocab, hidden]
    [[nodiscard]] const TensorView& head() const {
        return head_;
    } ///< [vocab, hidden]; the embedding when tied

  protected:
    struct LayerTensors {
        TensorView projection[7];     ///< data null when stored as codes
        TensorView projectionBias[7]; ///< data null when absent
        std::array<std::optional<StoredQuant>, 7> stored;
        std::array<TensorView, normKinds> norms; ///< by Norm; data null when the model has none
        TensorView& norm(Norm norm) { return norms[static_cast<std::size_t>(norm)]; }
    };
    ModelConfig config_;
    std::filesystem::path path_;
    std::string format_, fingerprint_, damage_;
    std::vector<TensorView> tensors_;
    std::vector<std::string> warnings_;
    std::vector<LayerTensors> layers_;
    TensorView finalNorm_, embedding_, head_;
};

/// Opens a Hugging Face folder (config.json + model.safetensors or a sharded index), a single .safetensors
/// file with its config.json beside it, or a llama2.c .bin. Checks that every tensor is there with the shape
/// the config implies, and that no norm, bias, weight or scale of codes holds NaN or infinity (the first
/// offending tensor is named). Errors name file and tensor.
Outcome<std::shared_ptr<const Model>> openModel(const std::filesystem::path& path);
/// The same for a model that is only looked at: NaN and infinity among the weights are no error but its
/// damage().
Outcome<std::shared_ptr<const Model>> inspectModel(const std::filesystem::path& path);

/// How projections are stored that are neither dense nor codes, and how many each way: "ggml Q4_K", "F8_E4M3,
/// blocks of 128 x 128"; the most frequent first.
std::vector<std::pair<std::string, int>> blockKinds(const Model& model);
/// How many projections are stored in one way.
struct StoredKind {
    StoredQuant like; ///< the first of them
    int projections = 0;
};
/// The ways in which a model's projections are stored quantized, the most frequent first; empty for a dense
/// model.
std::vector<StoredKind> storedKinds(const Model& model);

} // namespace qroar
