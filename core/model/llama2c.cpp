// llama2.c .bin files: the legacy layout (a bare header of seven integers) and version 1 ("ak42"). Weights
// are F32, rotary pairs interleaved. Version 2 (int8) is refused by name.
#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/model/hf_config.h"
#include "core/model/model_assembly.h"

#include <cstdint>
#include <cstring>
#include <optional>

namespace qroar {

namespace {

constexpr std::uint32_t magicNumber = 0x616b3432; // "ak42"
constexpr std::size_t legacyHeaderBytes = 28, versionedHeaderBytes = 256;

template<class T>
T readAt(std::span<const std::byte> bytes, std::size_t offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

/// dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len at `offset`; vocab_size may be
/// negative in the legacy layout: then the classifier is stored. Errors name the first number that cannot be.
Outcome<ModelConfig> readHeader(std::span<const std::byte> bytes, std::size_t offset, bool legacy) {
    struct Field {
        const char* name;
        int ModelConfig::*member;
        int high;
    };
    const Field fields[] = {{"dim", &ModelConfig::hiddenSize, ConfigLimits::width},
                            {"hidden_dim", &ModelConfig::intermediateSize, ConfigLimits::intermediate},
                            {"n_layers", &ModelConfig::layers, ConfigLimits::layers},
                            {"n_heads", &ModelConfig::heads, ConfigLimits::heads},
                            {"n_kv_heads", &ModelConfig::kvHeads, ConfigLimits::heads},
                            {"vocab_size", &ModelConfig::vocabSize, ConfigLimits::vocabulary},
                            {"seq_len", &ModelConfig::maxPositions, ConfigLimits::positions}};
    ModelConfig config;
    config.architecture = "llama2.c";
    config.tiedEmbeddings = true;
    for (const Field& field : fields) {
        long long value = readAt<std::int32_t>(bytes, offset);
        offset += 4;
        if (legacy && field.member == &ModelConfig::vocabSize && value < 0) {
            config.tiedEmbeddings = false;
            value = -value;
        }
        if (value < 1 || value > field.high)
            return Error::bad(std::string("header: ") + field.name + ": expected 1 to "
                              + formatCount(field.high) + ", found " + formatCount(value));
        config.*field.member = static_cast<int>(value);
    }
    if (config.hiddenSize % (2 * config.heads) != 0)
        return Error::bad("header: dim " + std::to_string(config.hiddenSize)
                          + ": expected an even number of dims for each of n_heads = "
                          + std::to_string(config.heads));
    if (config.heads % config.kvHeads != 0)
        return Error::bad("header: n_kv_heads " + std::to_string(config.kvHeads)
                          + ": expected a divisor of n_heads = " + std::to_string(config.heads));
    config.headDim = config.rotaryDim = config.hiddenSize / config.heads;
    config.rmsEps = 1e-5;
    config.ropeTheta = 10000.0;
    config.bosId = 1;
    config.eosId = 2;
    config.pairLayout = PairLayout::Interleaved;
    return config;
}

/// Hands out consecutive F32 tensors of the mapped file. First pass without a file: only adds up the size.
class Cursor {
  public:
    Cursor(std::shared_ptr<const MappedFile> file, std::size_t start)
        : file_(std::move(file)), position_(start) {}

    TensorView next(std::string name, std::vector<long long> shape) {
        TensorView tensor;
        tensor.name = std::move(name);
        tensor.type = DType::F32;
        tensor.shape = std::move(shape);
        tensor.bytes = static_cast<std::size_t>(tensor.count()) * sizeof(float);
        tensor.data = file_->bytes().data() + position_;
        tensor.file = file_->path().filename().string();
        tensor.owner = file_;
        tensor.offset = position_;
        position_ += tensor.bytes;
        return tensor;
    }

  private:
    std::shared_ptr<const MappedFile> file_;
    std::size_t position_;
};

/// Bytes of a file with this header. The limits of the header's fields keep it below 2^63.
long long expectedBytes(const ModelConfig& config, bool legacy) {
    const long long header = legacy ? legacyHeaderBytes : versionedHeaderBytes;
    const long long tables = legacy ? 2LL * config.maxPositions * config.pairs() : 0;
    return header + 4 * (config.parameterCount() + tables);
}

/// Meta's name of a projection.
const char* metaName(Projection projection) {
    static const char* const names[] = {"attention.wq",   "attention.wk",    "attention.wv",
                                        "attention.wo",   "feed_forward.w1", "feed_forward.w3",
                                        "feed_forward.w2"};
    return names[static_cast<int>(projection)];
}

/// Every list of the format holds one kind of tensor for all layers.
class Lists {
  public:
    Lists(ModelDraft& draft, Cursor& cursor) : draft_(draft), cursor_(cursor) {
        draft.layers_.resize(static_cast<std::size_t>(draft.config_.layers));
    }
    void projections(std::initializer_list<Projection> order) {
        for (const Projection projection : order)
            for (std::size_t layer = 0; layer < draft_.layers_.size(); ++layer)
                draft_.layers_[layer].projection[static_cast<int>(projection)] =
                    take(layerName(layer) + metaName(projection) + ".weight",
                         projectionShape(draft_.config_, projection));
    }
    void norms(Norm norm) {
        const bool attention = norm == Norm::Attention;
        for (std::size_t layer = 0; layer < draft_.layers_.size(); ++layer)
            draft_.layers_[layer].norm(norm) =
                take(layerName(layer) + (attention ? "attention_norm.weight" : "ffn_norm.weight"),
                     {draft_.config_.hiddenSize});
    }
    TensorView take(std::string name, std::vector<long long> shape) {
        draft_.tensors_.push_back(cursor_.next(std::move(name), std::move(shape)));
        return draft_.tensors_.back();
    }

  private:
    static std::string layerName(std::size_t layer) { return "layers." + std::to_string(layer) + "."; }
    ModelDraft& draft_;
    Cursor& cursor_;
};

void takeLegacy(ModelDraft& draft, Lists& lists) {
    const ModelConfig& config = draft.config_;
    draft.embedding_ = lists.take("tok_embeddings.weight", {config.vocabSize, config.hiddenSize});
    lists.norms(Norm::Attention);
    lists.projections({Projection::Q, Projection::K, Projection::V, Projection::O});
    lists.norms(Norm::FeedForward);
    lists.projections({Projection::Gate, Projection::Down, Projection::Up});
    draft.finalNorm_ = lists.take("norm.weight", {config.hiddenSize});
    lists.take("freq_cis_real",
               {config.maxPositions, config.pairs()}); // tables nobody reads: run.c skips them too
    lists.take("freq_cis_imag", {config.maxPositions, config.pairs()});
}

void takeVersion1(ModelDraft& draft, Lists& lists) {
    const ModelConfig& config = draft.config_;
    lists.norms(Norm::Attention);
    lists.norms(Norm::FeedForward);
    draft.finalNorm_ = lists.take("norm.weight", {config.hiddenSize});
    draft.embedding_ = lists.take("tok_embeddings.weight", {config.vocabSize, config.hiddenSize});
    lists.projections({Projection::Q, Projection::K, Projection::V, Projection::O, Projection::Gate,
                       Projection::Down, Projection::Up});
}

/// Header of either layout; `legacy` comes back.
Outcome<ModelConfig> readAnyHeader(std::span<const std::byte> bytes, bool& legacy) {
    const std::string tooSmall =
        "not a llama2.c model: too small for its header (" + std::to_string(bytes.size()) + " bytes)";
    if (bytes.size() < legacyHeaderBytes) return Error::bad(tooSmall);
    legacy = readAt<std::uint32_t>(bytes, 0) != magicNumber;
    if (legacy) {
        auto config = readHeader(bytes, 0, true);
        return config ? config : config.error().in("not a llama2.c model");
    }
    const auto version = readAt<std::int32_t>(bytes, 4);
    if (version == 2)
        return Error::unsupported(
            "llama2.c version 2 (int8) files cannot be opened yet; export version 0 or 1");
    if (version != 1)
        return Error::unsupported("llama2.c version " + std::to_string(version)
                                  + " is not supported (supported: 0 and 1)");
    if (bytes.size() < versionedHeaderBytes) return Error::bad(tooSmall);
    auto config = readHeader(bytes, 8, false);
    const auto shared = readAt<std::uint8_t>(bytes, 36);
    if (config && shared > 1)
        return Error::bad("header: shared classifier: expected 0 or 1, found " + std::to_string(shared));
    if (config) config->tiedEmbeddings = shared == 1;
    return config;
}

} // namespace

Outcome<std::shared_ptr<const Model>> openLlama2c(const std::filesystem::path& path) {
    auto file = MappedFile::open(path);
    if (!file) return file.error();
    bool legacy = false;
    const auto config = readAnyHeader((*file)->bytes(), legacy);
    if (!config) return config.error().in(path.string());
    const long long expected = expectedBytes(*config, legacy);
    if (expected != static_cast<long long>((*file)->bytes().size()))
        return Error::bad(path.string() + ": not a whole llama2.c model: its header (dim "
                          + std::to_string(config->hiddenSize) + ", " + std::to_string(config->layers)
                          + " layers, vocabulary " + std::to_string(config->vocabSize) + ") means "
                          + formatCount(expected) + " bytes, the file has "
                          + formatCount(static_cast<long long>((*file)->bytes().size())));

    auto draft = std::make_shared<ModelDraft>();
    draft->path_ = path;
    draft->format_ = legacy ? "llama2.c v0" : "llama2.c v1";
    draft->config_ = *config;
    Cursor cursor(*file, legacy ? legacyHeaderBytes : versionedHeaderBytes);
    Lists lists(*draft, cursor);
    legacy ? takeLegacy(*draft, lists) : takeVersion1(*draft, lists);
    draft->head_ = config->tiedEmbeddings
                       ? draft->embedding_
                       : lists.take("output.weight", {config->vocabSize, config->hiddenSize});
    return finishModel(std::move(draft));
}

} // namespace qroar
