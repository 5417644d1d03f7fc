#include "core/exporting/model_writer.h"

#include "core/model/hf_names.h"
#include "core/quant/packing.h"

#include <algorithm>
#include <cstring>

namespace qroar {

namespace {

/// One export in progress.
class CheckpointWriting {
  public:
    CheckpointWriting(const FoldTask& task, const ExportLayout& layout, CheckpointWriter& writer,
                      double workPerByte, WorkMeter& meter)
        : task_(task), layout_(layout), writer_(writer), workPerByte_(workPerByte), meter_(meter) {}

    /// A large tensor of the checkpoint, some rows at a time.
    Status table(const std::string& name, const TensorView& tensor, ModelRounding& rounding);
    Status layer(const FoldedLayer& folded, int layer);

  private:
    Status put(const std::string& name, std::span<const std::byte> bytes);
    Status floats(const std::string& name, std::span<const float> values);
    Status linear(const FoldedLayer& folded, int layer, const StoredLinear& linear);
    Status weights(const std::string& stem, ConstMatrixView values, const std::vector<std::ptrdiff_t>& rows);
    Status codes(const std::string& stem, const QuantizedMatrix& matrix);
    Status compressed(const std::string& stem, const QuantizedMatrix& matrix);
    /// Order of the rows of a projection; empty: as they are.
    [[nodiscard]] std::vector<std::ptrdiff_t> rowOrder(Projection p) const;

    const FoldTask& task_;
    const ExportLayout& layout_;
    CheckpointWriter& writer_;
    double workPerByte_;
    WorkMeter& meter_;
    std::vector<std::byte> buffer_;
};

template<class Value>
void permuteRows(std::vector<Value>& values, std::ptrdiff_t width, const std::vector<std::ptrdiff_t>& rows) {
    const std::vector<Value> before = values;
    for (std::size_t row = 0; row < rows.size(); ++row)
        std::copy_n(before.begin() + rows[row] * width, width,
                    values.begin() + static_cast<std::ptrdiff_t>(row) * width);
}

QuantizedMatrix permuted(QuantizedMatrix matrix, const std::vector<std::ptrdiff_t>& rows) {
    permuteRows(matrix.codes, matrix.cols, rows);
    permuteRows(matrix.zeros, matrix.groups, rows);
    permuteRows(matrix.scales, matrix.groups, rows);
    return matrix;
}

Status CheckpointWriting::put(const std::string& name, std::span<const std::byte> bytes) {
    if (Status written = writer_.append(name, bytes); !written) return written;
    if (!meter_.add(workPerByte_ * static_cast<double>(bytes.size()))) return Error::cancelled();
    meter_.reportNow();
    return Done{};
}

Status CheckpointWriting::floats(const std::string& name, std::span<const float> values) {
    buffer_.clear();
    appendFloats(values, layout_.dense, buffer_);
    return put(name, buffer_);
}

Status CheckpointWriting::weights(const std::string& stem, ConstMatrixView values,
                                  const std::vector<std::ptrdiff_t>& rows) {
    constexpr std::ptrdiff_t block = 256;
    for (std::ptrdiff_t first = 0; first < values.rows; first += block) {
        buffer_.clear();
        for (std::ptrdiff_t row = first; row < std::min(values.rows, first + block); ++row) {
            const std::ptrdiff_t from = rows.empty() ? row : rows[static_cast<std::size_t>(row)];
            appendFloats({values.row(from), static_cast<std::size_t>(values.cols)}, layout_.dense, buffer_);
        }
        if (Status written = put(stem + ".weight", buffer_); !written) return written;
    }
    return Done{};
}

Status CheckpointWriting::compressed(const std::string& stem, const QuantizedMatrix& matrix) {
    const auto tensors = packCompressed(matrix);
    if (!tensors) return tensors.error().in(stem);
    if (Status done = put(stem + ".weight_packed", bytesOf(tensors->weightPacked)); !done) return done;
    if (Status done = floats(stem + ".weight_scale", tensors->weightScale); !done) return done;
    const std::vector<std::int64_t> shape{matrix.rows, matrix.cols};
    if (Status done = put(stem + ".weight_shape", bytesOf(shape)); !done) return done;
    if (!layout_.grid.symmetric)
        if (Status done = put(stem + ".weight_zero_point", bytesOf(tensors->zeroPoint)); !done) return done;
    if (!layout_.grid.actOrder) return Done{};
    std::vector<std::int32_t> order(static_cast<std::size_t>(matrix.cols));
    for (std::ptrdiff_t input = 0; input < matrix.cols; ++input)
        order[static_cast<std::size_t>(input)] = static_cast<std::int32_t>(matrix.groupIndex(input));
    return put(stem + ".weight_g_idx", bytesOf(order));
}

Status CheckpointWriting::codes(const std::string& stem, const QuantizedMatrix& matrix) {
    if (layout_.format == ExportFormat::CompressedTensors) return compressed(stem, matrix);
    const auto scales = [&](const std::vector<float>& values) {
        buffer_.clear();
        appendFloats(values, DType::F16, buffer_);
        return put(stem + ".scales", buffer_);
    };
    if (layout_.format == ExportFormat::Awq) {
        const auto tensors = packAwq(matrix);
        if (!tensors) return tensors.error().in(stem);
        if (Status done = put(stem + ".qweight", bytesOf(tensors->qweight)); !done) return done;
        if (Status done = put(stem + ".qzeros", bytesOf(tensors->qzeros)); !done) return done;
        return scales(tensors->scales);
    }
    const auto tensors =
        packGptq(matrix, layout_.format == ExportFormat::Gptq ? GptqZeros::V1 : GptqZeros::V2);
    if (!tensors) return tensors.error().in(stem);
    if (Status done = put(stem + ".qweight", bytesOf(tensors->qweight)); !done) return done;
    if (Status done = put(stem + ".qzeros", bytesOf(tensors->qzeros)); !done) return done;
    if (Status done = put(stem + ".g_idx", bytesOf(tensors->groupIndex)); !done) return done;
    return scales(tensors->scales);
}

std::vector<std::ptrdiff_t> CheckpointWriting::rowOrder(Projection p) const {
    const ModelConfig& config = task_.model->config();
    if (config.pairLayout == PairLayout::HalfSplit || (p != Projection::Q && p != Projection::K)) return {};
    return halfSplitRows(config, p == Projection::Q ? config.heads : config.kvHeads);
}

/// The rows of its projections one after the other; codes only of a single one (foldability.h).
Status CheckpointWriting::linear(const FoldedLayer& folded, int layer, const StoredLinear& linear) {
    const std::string stem = layerPrefix(layer) + linear.name;
    for (const Projection p : linear.parts) {
        const auto at = static_cast<std::size_t>(p);
        if (meter_.cancelled()) return Error::cancelled();
        const auto rows = rowOrder(p);
        if (!isPacked(layout_.format)) {
            if (Status done = weights(stem, folded.weights->matrix(p), rows); !done) return done;
        } else {
            const QuantizedMatrix& matrix = folded.codes->projection[at];
            if (Status done = rows.empty() ? codes(stem, matrix) : codes(stem, permuted(matrix, rows)); !done)
                return done;
        }
        std::vector<float> bias = folded.weights->bias[at];
        if (bias.empty()) continue;
        permuteRows(bias, 1, rows);
        if (Status done = floats(stem + ".bias", bias); !done) return done;
    }
    return Done{};
}

Status CheckpointWriting::layer(const FoldedLayer& folded, int layer) {
    const ModelConfig& config = task_.model->config();
    for (const StoredLinear& one : storedLinears(config))
        if (Status done = linear(folded, layer, one); !done) return done;
    for (const Norm norm : normsOf(config)) {
        const std::vector<float> values = storedNorm(*task_.model, *folded.weights, norm, layout_.dense);
        if (Status done = floats(layerPrefix(layer) + normName(config, norm), values); !done) return done;
    }
    return Done{};
}

Status CheckpointWriting::table(const std::string& name, const TensorView& tensor, ModelRounding& rounding) {
    constexpr long long block = 1 << 20; // elements
    const long long count = tensor.count();
    std::vector<float> values;
    for (long long first = 0; first < count; first += block) {
        values.resize(static_cast<std::size_t>(std::min(block, count - first)));
        tensor.toFloat(values.data(), first, static_cast<long long>(values.size()));
        RoundingTally tally;
        scaleAndRound(values, 1.0F, layout_.dense, tally);
        if (tally.overflowed > 0)
            return Error::unsupported(name + ": a number is larger than " + dtypeName(layout_.dense)
                                      + " can hold; export with a wider --dtype");
        rounding.narrowed.add(tally);
        if (Status done = floats(name, values); !done) return done;
    }
    return Done{};
}

} // namespace

std::vector<std::ptrdiff_t> halfSplitRows(const ModelConfig& config, int heads) {
    return rowsInLayout(config, heads, PairLayout::HalfSplit);
}

std::vector<std::ptrdiff_t> rowsInLayout(const ModelConfig& config, int heads, PairLayout layout) {
    std::vector<std::ptrdiff_t> rows(static_cast<std::size_t>(heads)
                                     * static_cast<std::size_t>(config.headDim));
    ModelConfig target = config;
    target.pairLayout = layout;
    for (int head = 0; head < heads; ++head) {
        const std::ptrdiff_t base = static_cast<std::ptrdiff_t>(head) * config.headDim;
        std::ptrdiff_t* row = rows.data() + base;
        for (int at = 0; at < config.headDim; ++at) row[at] = base + at; // rows without a pair stay
        for (int pair = 0; pair < config.pairs(); ++pair) {
            const PairRows from = pairRows(config, pair), to = pairRows(target, pair);
            row[to.x] = base + from.x;
            row[to.y] = base + from.y;
        }
    }
    return rows;
}

Outcome<ModelRounding> writeModel(const FoldTask& task, const ExportLayout& layout, CheckpointWriter& writer,
                                  double workPerByte, WorkMeter& meter) {
    ModelRounding rounding;
    CheckpointWriting writing(task, layout, writer, workPerByte, meter);
    const Model& model = *task.model;
    if (Status done = writing.table(embeddingName, model.embedding(), rounding); !done) return done.error();
    for (int layer = 0; layer < model.config().layers; ++layer) {
        const auto folded = foldLayer(task, layer, &meter);
        if (!folded) return folded.error();
        rounding.scaled.add(folded->scaled);
        rounding.narrowed.add(folded->narrowed);
        if (Status done = writing.layer(*folded, layer); !done) return done.error();
    }
    if (Status done = writing.table(finalNormName, model.finalNorm(), rounding); !done) return done.error();
    if (!model.config().tiedEmbeddings)
        if (Status done = writing.table(headName, model.head(), rounding); !done) return done.error();
    return rounding;
}

} // namespace qroar
