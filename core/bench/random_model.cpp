#include "core/bench/random_model.h"

#include "core/base/files.h"
#include "core/base/half.h"
#include "core/base/strings.h"
#include "core/base/work_meter.h"
#include "core/exporting/checkpoint_writer.h"
#include "core/exporting/staging_folder.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <span>
#include <stdexcept>

namespace qroar::bench {

namespace fs = std::filesystem;

namespace {

constexpr int mostWidth = 1 << 20, mostLayers = 4096;

struct TensorDraft {
    TensorSpec spec;
    double amplitude = 0; ///< values are uniform in [-amplitude, amplitude) around `center`
    double center = 0;
};

std::vector<TensorDraft> tensorsOf(const RandomModelOptions& options) {
    const ModelShape& s = options.shape;
    const long long hidden = s.hiddenSize, inner = s.intermediateSize, headDim = hidden / s.heads,
                    keys = headDim * s.kvHeads;
    std::vector<TensorDraft> all;
    // The variance of a uniform value is a third of its squared amplitude: 1 / fan-in, and for what joins the
    // stream as much less as there are additions.
    const auto matrix = [&](const std::string& name, long long rows, long long columns, double gain = 1) {
        all.push_back(
            {{name, options.type, {rows, columns}}, gain * std::sqrt(3.0 / static_cast<double>(columns)), 0});
    };
    const auto norm = [&](const std::string& name) {
        all.push_back({{name, options.type, {hidden}}, 0.1, 1});
    };
    const double joining = 1 / std::sqrt(2.0 * s.layers);
    matrix("model.embed_tokens.weight", s.vocabSize, hidden);
    for (int layer = 0; layer < s.layers; ++layer) {
        const std::string at = "model.layers." + std::to_string(layer) + ".";
        norm(at + "input_layernorm.weight");
        matrix(at + "self_attn.q_proj.weight", hidden, hidden);
        matrix(at + "self_attn.k_proj.weight", keys, hidden);
        matrix(at + "self_attn.v_proj.weight", keys, hidden);
        matrix(at + "self_attn.o_proj.weight", hidden, hidden, joining);
        norm(at + "post_attention_layernorm.weight");
        matrix(at + "mlp.gate_proj.weight", inner, hidden);
        matrix(at + "mlp.up_proj.weight", inner, hidden);
        matrix(at + "mlp.down_proj.weight", hidden, inner, joining);
    }
    norm("model.norm.weight");
    if (!s.tiedEmbeddings) matrix("lm_head.weight", s.vocabSize, hidden);
    return all;
}

std::uint64_t keyOf(std::uint64_t seed, const std::string& name) {
    std::uint64_t key = mixBits(seed);
    for (const char letter : name) key = mixBits(key ^ static_cast<unsigned char>(letter));
    return key;
}

/// Value `index` of a tensor: 32 of the bits of its hash.
float valueAt(std::uint64_t key, std::uint64_t index, const TensorDraft& draft) {
    const auto bits = static_cast<std::int32_t>(mixBits(key + index) >> 32);
    return static_cast<float>(draft.center + draft.amplitude * 0x1p-31 * bits);
}

template<class T, class Convert>
void fill(std::vector<std::byte>& target, std::uint64_t key, std::uint64_t first, std::size_t count,
          const TensorDraft& draft, Convert convert) {
    target.resize(count * sizeof(T));
#pragma omp parallel for schedule(static)
    for (std::size_t at = 0; at < count; ++at) {
        const T value = convert(valueAt(key, first + at, draft));
        std::memcpy(target.data() + at * sizeof(T), &value, sizeof(T));
    }
}

Status writeTensor(const TensorDraft& draft, std::uint64_t seed, CheckpointWriter& writer, WorkMeter& meter) {
    constexpr std::uint64_t piece = std::uint64_t{4} << 20; // values
    const std::uint64_t key = keyOf(seed, draft.spec.name),
                        count = draft.spec.bytes() / (dtypeBits(draft.spec.type) / 8);
    std::vector<std::byte> bytes;
    for (std::uint64_t first = 0; first < count; first += piece) {
        const auto size = static_cast<std::size_t>(std::min(piece, count - first));
        switch (draft.spec.type) {
        case DType::F16:
            fill<std::uint16_t>(bytes, key, first, size, draft, floatToF16);
            break;
        case DType::BF16:
            fill<std::uint16_t>(bytes, key, first, size, draft, floatToBf16);
            break;
        default:
            fill<float>(bytes, key, first, size, draft, [](float value) { return value; });
        }
        if (Status written = writer.append(draft.spec.name, bytes); !written) return written.error();
        if (!meter.add(static_cast<double>(size))) return Error::cancelled();
        meter.reportNow();
    }
    return Done{};
}

Status writeWeights(const RandomModelOptions& options, const fs::path& folder, ProgressSink& sink) {
    const std::vector<TensorDraft> drafts = tensorsOf(options);
    std::vector<TensorSpec> specs;
    for (const TensorDraft& draft : drafts) specs.push_back(draft.spec);
    auto writer = CheckpointWriter::create(
        folder, specs, {{"qroar", "random weights, seed " + std::to_string(options.seed)}},
        defaultShardBytes);
    if (!writer) return writer.error();
    WorkMeter meter(sink, static_cast<double>(weightBytes(options))
                              / (static_cast<double>(dtypeBits(options.type)) / 8.0));
    meter.setStage("writing random weights, " + options.shape.text());
    for (const TensorDraft& draft : drafts)
        if (Status written = writeTensor(draft, options.seed, *writer, meter); !written) return written;
    return writer->finish();
}

Status writeFiles(const RandomModelOptions& options, const fs::path& folder, ProgressSink& sink) {
    if (Status written = writeTextAtomically(folder / "config.json", configText(options)); !written)
        return written;
    const std::string tokenizer = options.tokenizer ? randomTokenizerText(options.shape.vocabSize) : "";
    if (!tokenizer.empty())
        if (Status written = writeTextAtomically(folder / "tokenizer.json", tokenizer); !written)
            return written;
    return writeWeights(options, folder, sink);
}

Status checkOptions(const RandomModelOptions& options) {
    if (Status fits = checkShape(options.shape); !fits) return fits;
    if (options.type != DType::F32 && options.type != DType::F16 && options.type != DType::BF16)
        return Error::unsupported(options.shape.text() + ": random weights are F32, F16 or BF16, not "
                                  + dtypeName(options.type));
    return Done{};
}

Status checkRoom(const RandomModelOptions& options, const fs::path& folder) {
    constexpr std::uint64_t besides = std::uint64_t{8} << 20; // tokenizer, config, headers
    return checkFreeSpace(folder, weightBytes(options) + besides,
                          options.shape.text() + " in " + dtypeName(options.type));
}

/// A folder of its own below another one, removed with all it holds.
class TemporaryFolder {
  public:
    explicit TemporaryFolder(const fs::path& below) {
        std::string name = (below / "qroar-bench-XXXXXX").string();
        if (::mkdtemp(name.data())) path_ = name;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        if (!path_.empty()) fs::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] const fs::path& path() const { return path_; } ///< empty: it could not be made

  private:
    fs::path path_;
};

} // namespace

std::string ModelShape::text() const {
    return wholeLayers == 0
               ? name
               : name + " (" + std::to_string(layers) + " of " + std::to_string(wholeLayers) + " layers)";
}

const std::vector<ModelShape>& namedShapes() {
    static const std::vector<ModelShape> shapes{
        {"260k", 64, 172, 5, 8, 4, 512, 512, true},
        {"15m", 288, 768, 6, 6, 6, 32000, 256, true},
        {"135m", 576, 1536, 30, 9, 3, 49152, 2048, true},
        {"1.1b", 2048, 5632, 22, 32, 4, 32000, 2048, false},
        {"7b", 4096, 11008, 32, 32, 32, 32000, 4096, false},
    };
    return shapes;
}

Outcome<ModelShape> findShape(std::string_view name, int layers) {
    std::string names;
    for (const ModelShape& known : namedShapes()) {
        names += (names.empty() ? "" : ", ") + known.name;
        if (known.name != name) continue;
        ModelShape shape = known;
        if (layers < 0 || layers > shape.layers)
            return Error::bad("shape " + shape.name + ": has " + std::to_string(shape.layers)
                              + " layers and cannot be cut to " + std::to_string(layers));
        if (layers > 0 && layers < shape.layers) {
            shape.wholeLayers = shape.layers;
            shape.layers = layers;
        }
        return shape;
    }
    return Error::notFound("unknown shape '" + std::string(name) + "': expected one of " + names);
}

Status checkShape(const ModelShape& shape) {
    const auto bad = [&](const char* field, int found, const std::string& expected) -> Status {
        return Error::bad("shape " + shape.name + ": " + field + ": expected " + expected + ", found "
                          + std::to_string(found));
    };
    const struct {
        const char* name;
        int value, most;
    } fields[] = {{"hidden size", shape.hiddenSize, mostWidth},
                  {"intermediate size", shape.intermediateSize, mostWidth},
                  {"layers", shape.layers, mostLayers},
                  {"heads", shape.heads, mostWidth},
                  {"key/value heads", shape.kvHeads, mostWidth},
                  {"vocabulary", shape.vocabSize, mostWidth},
                  {"positions", shape.maxPositions, 1 << 26}};
    for (const auto& field : fields)
        if (field.value < 1 || field.value > field.most)
            return bad(field.name, field.value, "1 to " + formatCount(field.most));
    if (shape.hiddenSize % shape.heads != 0 || shape.hiddenSize / shape.heads % 2 != 0)
        return bad("hidden size", shape.hiddenSize,
                   "an even number for each of " + std::to_string(shape.heads) + " heads");
    if (shape.heads % shape.kvHeads != 0)
        return bad("key/value heads", shape.kvHeads, "a divisor of " + std::to_string(shape.heads));
    return Done{};
}

std::uint64_t weightBytes(const RandomModelOptions& options) {
    std::uint64_t sum = 0;
    for (const TensorDraft& draft : tensorsOf(options)) sum += draft.spec.bytes();
    return sum;
}

std::string configText(const RandomModelOptions& options) {
    const ModelShape& s = options.shape;
    const char* type = options.type == DType::F32   ? "float32"
                       : options.type == DType::F16 ? "float16"
                                                    : "bfloat16";
    const nlohmann::ordered_json config{{"architectures", {"LlamaForCausalLM"}},
                                        {"model_type", "llama"},
                                        {"hidden_size", s.hiddenSize},
                                        {"intermediate_size", s.intermediateSize},
                                        {"num_hidden_layers", s.layers},
                                        {"num_attention_heads", s.heads},
                                        {"num_key_value_heads", s.kvHeads},
                                        {"head_dim", s.hiddenSize / s.heads},
                                        {"vocab_size", s.vocabSize},
                                        {"max_position_embeddings", s.maxPositions},
                                        {"rope_theta", 10000.0},
                                        {"rope_scaling", nullptr},
                                        {"rms_norm_eps", 1e-5},
                                        {"hidden_act", "silu"},
                                        {"tie_word_embeddings", s.tiedEmbeddings},
                                        {"attention_bias", false},
                                        {"bos_token_id", nullptr},
                                        {"eos_token_id", nullptr},
                                        {"torch_dtype", type}};
    return config.dump(1) + "\n";
}

ModelConfig configOf(const ModelShape& shape) {
    auto config = parseHfConfig(configText({shape, DType::BF16, 1, false}), "shape " + shape.name);
    if (!config) throw std::logic_error(config.error().message); // shapes are checked
    return std::move(*config);
}

Status writeRandomModel(const RandomModelOptions& options, const fs::path& folder, bool replace,
                        ProgressSink& sink) {
    if (Status fits = checkOptions(options); !fits) return fits;
    auto staging = StagingFolder::create(folder, {}, replace);
    if (!staging) return staging.error();
    if (Status room = checkRoom(options, staging->path()); !room) return room;
    if (Status written = writeFiles(options, staging->path(), sink); !written) return written;
    return staging->commit();
}

Outcome<OpenRandomModel> openRandomModel(const RandomModelOptions& options, const fs::path& scratch,
                                         ProgressSink& sink) {
    if (Status fits = checkOptions(options); !fits) return fits.error();
    const TemporaryFolder folder(scratch);
    if (folder.path().empty())
        return Error::io(scratch.string()
                         + ": no folder for a random model can be made there: " + std::strerror(errno));
    if (Status room = checkRoom(options, folder.path()); !room) return room.error();
    if (Status written = writeFiles(options, folder.path(), sink); !written) return written.error();
    auto model = openModel(folder.path());
    if (!model) return model.error();
    OpenRandomModel open{std::move(*model), nullptr};
    if (std::error_code none; fs::exists(folder.path() / "tokenizer.json", none)) {
        auto tokenizer = loadHfTokenizer(folder.path() / "tokenizer.json");
        if (!tokenizer) return tokenizer.error();
        open.tokenizer = std::move(*tokenizer);
    }
    return open;
}

} // namespace qroar::bench
