// llama2.c .bin files: the legacy layout (a bare header of seven integers), version 1 ("ak42", F32) and
// version 2 (the same header; norms F32, everything else int8 in groups with F32 scales behind each tensor's
// codes). Rotary pairs are interleaved.
#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/model/hf_config.h"
#include "core/model/model_assembly.h"
#include "core/model/projection_shape.h"

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

/// Hands out consecutive tensors of the mapped file.
class Cursor {
  public:
    Cursor(std::shared_ptr<const MappedFile> file, std::size_t start)
        : file_(std::move(file)), position_(start) {}

    TensorView next(std::string name, std::vector<long long> shape, DType type = DType::F32) {
        TensorView tensor;
        tensor.name = std::move(name);
        tensor.type = type;
        tensor.shape = std::move(shape);
        tensor.bytes = static_cast<std::size_t>(tensor.count()) * (dtypeBits(type) / 8);
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

/// What the header says beside the config.
struct Layout {
    int version = 0;
    int groupSize = 0; ///< of version 2
};

/// Bytes of a file with this header. The limits of the header's fields keep it below 2^63.
long long expectedBytes(const ModelConfig& config, const Layout& layout) {
    const long long header = layout.version == 0 ? legacyHeaderBytes : versionedHeaderBytes;
    const long long tables = layout.version == 0 ? 2LL * config.maxPositions * config.pairs() : 0;
    const long long parameters = config.parameterCount();
    if (layout.version < 2) return header + 4 * (parameters + tables);
    const long long norms = (2LL * config.layers + 1) * config.hiddenSize, codes = parameters - norms;
    return header + 4 * norms + codes + 4 * (codes / layout.groupSize);
}

/// Groups run through the rows of every tensor one after the other. Where a row is not whole groups, a group
/// has weights of two rows, and the program that runs such files (runq.c) leaves out what is beyond the last
/// whole group of a row.
Status checkGroups(const ModelConfig& config, int groupSize) {
    if (groupSize < 1)
        return Error::bad("header: group size: expected 1 or more, found " + std::to_string(groupSize));
    for (const Projection projection : {Projection::Q, Projection::O, Projection::Down}) {
        const long long in = projectionShape(config, projection)[1];
        if (in % groupSize != 0)
            return Error::unsupported(
                "version 2 with groups of " + std::to_string(groupSize) + ": the rows of w"
                + (projection == Projection::Down ? "2" : "q") + " have " + std::to_string(in)
                + " weights, so that groups run across rows: such a file has no meaning that "
                  "programs agree on");
    }
    return Done{};
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
    Lists(ModelDraft& draft, Cursor& cursor, const Layout& layout)
        : draft_(draft), cursor_(cursor), layout_(layout) {
        draft.layers_.resize(static_cast<std::size_t>(draft.config_.layers));
    }
    void projections(std::initializer_list<Projection> order) {
        for (const Projection projection : order)
            for (std::size_t layer = 0; layer < draft_.layers_.size(); ++layer) {
                auto& tensors = draft_.layers_[layer];
                const std::string name = layerName(layer) + metaName(projection) + ".weight";
                const auto shape = projectionShape(draft_.config_, projection);
                const auto at = static_cast<std::size_t>(projection);
                if (layout_.version < 2)
                    tensors.projection[at] = take(name, shape);
                else
                    tensors.stored[at] = codes(name, shape);
            }
    }
    /// Embedding or head: readable, whatever it is stored as.
    TensorView table(const std::string& name, const std::vector<long long>& shape) {
        if (layout_.version < 2) return take(name, shape);
        const StoredQuant stored = codes(name, shape);
        auto grid = std::make_shared<ScaleGrid>();
        grid->values = stored.scales.toFloat();
        grid->gridCols = stored.scales.shape[1];
        grid->blockCols = layout_.groupSize;
        grid->stored = std::make_shared<const TensorView>(stored.scales);
        TensorView readable = stored.codes;
        readable.scaleGrid = std::move(grid);
        return readable;
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
    StoredQuant codes(const std::string& name, const std::vector<long long>& shape) {
        draft_.tensors_.push_back(cursor_.next(name, shape, DType::I8));
        StoredQuant stored;
        stored.format = StoredFormat::Q80;
        stored.shape.out = stored.rows = static_cast<std::ptrdiff_t>(shape[0]);
        stored.shape.in = static_cast<std::ptrdiff_t>(shape[1]);
        stored.shape.bits = 8;
        stored.shape.groupSize = layout_.groupSize;
        stored.shape.scaleType = ScaleType::F32;
        stored.symmetric = true;
        stored.codes = draft_.tensors_.back();
        stored.scales = take(name + ".scales", {shape[0], shape[1] / layout_.groupSize});
        return stored;
    }

    static std::string layerName(std::size_t layer) { return "layers." + std::to_string(layer) + "."; }
    ModelDraft& draft_;
    Cursor& cursor_;
    const Layout& layout_;
};

void takeLegacy(ModelDraft& draft, Lists& lists) {
    const ModelConfig& config = draft.config_;
    draft.embedding_ = lists.table("tok_embeddings.weight", {config.vocabSize, config.hiddenSize});
    lists.norms(Norm::Attention);
    lists.projections({Projection::Q, Projection::K, Projection::V, Projection::O});
    lists.norms(Norm::FeedForward);
    lists.projections({Projection::Gate, Projection::Down, Projection::Up});
    draft.finalNorm_ = lists.take("norm.weight", {config.hiddenSize});
    lists.take("freq_cis_real",
               {config.maxPositions, config.pairs()}); // tables nobody reads: run.c skips them too
    lists.take("freq_cis_imag", {config.maxPositions, config.pairs()});
}

void takeVersioned(ModelDraft& draft, Lists& lists) {
    const ModelConfig& config = draft.config_;
    lists.norms(Norm::Attention);
    lists.norms(Norm::FeedForward);
    draft.finalNorm_ = lists.take("norm.weight", {config.hiddenSize});
    draft.embedding_ = lists.table("tok_embeddings.weight", {config.vocabSize, config.hiddenSize});
    lists.projections({Projection::Q, Projection::K, Projection::V, Projection::O, Projection::Gate,
                       Projection::Down, Projection::Up});
}

/// Header of any layout, which comes back.
Outcome<ModelConfig> readAnyHeader(std::span<const std::byte> bytes, Layout& layout) {
    const std::string tooSmall =
        "not a llama2.c model: too small for its header (" + std::to_string(bytes.size()) + " bytes)";
    if (bytes.size() < legacyHeaderBytes) return Error::bad(tooSmall);
    if (readAt<std::uint32_t>(bytes, 0) != magicNumber) {
        auto config = readHeader(bytes, 0, true);
        return config ? config : config.error().in("not a llama2.c model");
    }
    layout.version = readAt<std::int32_t>(bytes, 4);
    if (layout.version != 1 && layout.version != 2)
        return Error::unsupported("llama2.c version " + std::to_string(layout.version)
                                  + " is not supported (supported: 0, 1 and 2)");
    if (bytes.size() < versionedHeaderBytes) return Error::bad(tooSmall);
    auto config = readHeader(bytes, 8, false);
    const auto shared = readAt<std::uint8_t>(bytes, 36);
    if (config && shared > 1)
        return Error::bad("header: shared classifier: expected 0 or 1, found " + std::to_string(shared));
    if (!config) return config;
    config->tiedEmbeddings = shared == 1;
    if (layout.version < 2) return config;
    layout.groupSize = readAt<std::int32_t>(bytes, 37); // not aligned
    if (Status whole = checkGroups(*config, layout.groupSize); !whole) return whole.error();
    return config;
}

} // namespace

Outcome<std::shared_ptr<const Model>> openLlama2c(const std::filesystem::path& path) {
    auto file = MappedFile::open(path);
    if (!file) return file.error();
    Layout layout;
    const auto config = readAnyHeader((*file)->bytes(), layout);
    if (!config) return config.error().in(path.string());
    const long long expected = expectedBytes(*config, layout);
    if (expected != static_cast<long long>((*file)->bytes().size()))
        return Error::bad(path.string() + ": not a whole llama2.c model: its header (dim "
                          + std::to_string(config->hiddenSize) + ", " + std::to_string(config->layers)
                          + " layers, vocabulary " + std::to_string(config->vocabSize) + ") means "
                          + formatCount(expected) + " bytes, the file has "
                          + formatCount(static_cast<long long>((*file)->bytes().size())));

    auto draft = std::make_shared<ModelDraft>();
    draft->path_ = path;
    draft->format_ = "llama2.c v" + std::to_string(layout.version);
    draft->config_ = *config;
    Cursor cursor(*file, layout.version == 0 ? legacyHeaderBytes : versionedHeaderBytes);
    Lists lists(*draft, cursor, layout);
    layout.version == 0 ? takeLegacy(*draft, lists) : takeVersioned(*draft, lists);
    draft->head_ = config->tiedEmbeddings
                       ? draft->embedding_
                       : lists.table("output.weight", {config->vocabSize, config->hiddenSize});
    return finishModel(std::move(draft));
}

} // namespace qroar
