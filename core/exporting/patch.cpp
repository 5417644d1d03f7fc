#include "core/exporting/patch.h"

#include "core/base/files.h"
#include "core/base/half.h"
#include "core/base/strings.h"
#include "core/exporting/fold.h"
#include "core/exporting/output_file.h"
#include "core/exporting/side_files.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace qroar {

namespace {

/// The tensor's bytes with every element multiplied; elements whose factor is 1 keep theirs.
std::vector<std::byte> scaledBytes(const PatchedTensor& patched, RoundingTally& rounding) {
    const TensorView& tensor = *patched.tensor;
    const std::size_t size = dtypeBits(tensor.type) / 8;
    const long long count = tensor.count();
    std::vector<float> values = tensor.toFloat();
    std::vector<std::byte> bytes(tensor.data, tensor.data + tensor.bytes), encoded;
    const auto rows = static_cast<long long>(patched.factors.size());
    for (long long element = 0; element < count; ++element) {
        const float factor = patched.factors[static_cast<std::size_t>((element / patched.perRow) % rows)];
        const auto at = static_cast<std::size_t>(element);
        ++rounding.values;
        if (factor == 1.0F) continue;
        --rounding.values; // counted with its rounding
        if (patched.offset != 0) {
            const double exact = (values[at] + patched.offset) * static_cast<double>(factor) - patched.offset;
            values[at] = roundToType(exact, tensor.type);
            rounding.count(exact, values[at], tensor.type);
        } else {
            scaleAndRound({&values[at], 1}, factor, tensor.type, rounding);
        }
        encoded.clear();
        appendFloats({&values[at], 1}, tensor.type, encoded);
        std::memcpy(bytes.data() + at * size, encoded.data(), size);
    }
    return bytes;
}

/// Blocks with their F16 factors multiplied; those of rows whose factor is 1 keep theirs.
std::vector<std::byte> scaledBlocks(const PatchedTensor& patched, RoundingTally& rounding) {
    const TensorView& tensor = *patched.tensor;
    std::vector<std::byte> bytes(tensor.data, tensor.data + tensor.bytes);
    const auto blockBytes = static_cast<std::size_t>(tensor.block->blockBytes);
    const std::size_t perRow =
        static_cast<std::size_t>(patched.perRow / tensor.block->blockElements) * blockBytes;
    const auto offsets = blockFactorOffsets(static_cast<GgmlType>(tensor.block->id));
    for (std::size_t row = 0; row < patched.factors.size(); ++row)
        for (std::size_t block = row * perRow; block < (row + 1) * perRow; block += blockBytes)
            for (const std::size_t offset : offsets) {
                std::uint16_t bits = 0;
                std::memcpy(&bits, bytes.data() + block + offset, sizeof bits);
                float value = f16ToFloat(bits);
                if (patched.factors[row] == 1.0F) {
                    ++rounding.values;
                    continue;
                }
                scaleAndRound({&value, 1}, patched.factors[row], DType::F16, rounding);
                bits = floatToF16(value);
                std::memcpy(bytes.data() + block + offset, &bits, sizeof bits);
            }
    return bytes;
}

/// Factors of `count` rows of a tensor that others share (fused layers), ones elsewhere.
std::vector<float> placed(const std::vector<float>& factors, std::ptrdiff_t first, std::ptrdiff_t count) {
    std::vector<float> all(static_cast<std::size_t>(count), 1.0F);
    std::copy(factors.begin(), factors.end(), all.begin() + first);
    return all;
}

/// Adds a tensor of scales, or its factors to those of another projection whose scales lie in the same
/// tensor.
void addScales(PatchedTensor scales, std::vector<PatchedTensor>& tensors) {
    const auto known = std::find_if(tensors.begin(), tensors.end(), [&scales](const PatchedTensor& other) {
        return other.tensor->data == scales.tensor->data;
    });
    if (known == tensors.end()) return tensors.push_back(std::move(scales));
    for (std::size_t row = 0; row < scales.factors.size(); ++row) known->factors[row] *= scales.factors[row];
}

/// A projection's tensors that carry its scale.
void addProjection(const Model& model, int layer, Projection p, const std::vector<float>& factors,
                   std::vector<PatchedTensor>& tensors) {
    if (std::all_of(factors.begin(), factors.end(), [](float factor) { return factor == 1.0F; })) return;
    if (const StoredQuant* stored = model.stored(layer, p)) {
        // compressed-tensors keeps the scales of a row together, the others those of a group.
        const long long perRow = stored->scalesByRow() ? static_cast<long long>(stored->groups()) : 1;
        addScales({&stored->scales, placed(factors, stored->firstRow, stored->shape.out), perRow, 0},
                  tensors);
    } else if (const TensorView& weight = model.weight(layer, p); weight.isScaled()) {
        const ScaleGrid& grid = *weight.scaleGrid;
        const auto rows = static_cast<std::ptrdiff_t>(grid.values.size()) / grid.gridCols;
        addScales({grid.stored.get(), placed(factors, weight.gridRow, rows), grid.gridCols, 0}, tensors);
    } else {
        tensors.push_back({&weight, factors, weight.shape.at(1), 0});
    }
    if (const TensorView* bias = model.bias(layer, p)) tensors.push_back({bias, factors, 1, 0});
}

/// The norm of queries or keys, which carries their gains in models that have one.
void addNorm(const Model& model, int layer, Norm norm, const QkGains& gains,
             std::vector<PatchedTensor>& tensors) {
    const auto factors = normFactors(gains, model.config(), layer, norm);
    if (std::all_of(factors.begin(), factors.end(), [](float factor) { return factor == 1.0F; })) return;
    tensors.push_back({&model.norm(layer, norm), factors, 1, model.config().offsetNorms ? 1.0 : 0.0});
}

} // namespace

bool liesIn(const PatchedTensor& patched, const PatchedFile& file) {
    return patched.tensor->file == file.source.filename().string();
}

std::vector<PatchedTensor> patchedTensors(const Model& model, const QkGains& gains) {
    std::vector<PatchedTensor> tensors;
    if (gains.isIdentity()) return tensors;
    for (int layer = 0; layer < model.config().layers; ++layer) {
        if (model.config().qkNorms) {
            addNorm(model, layer, Norm::Query, gains, tensors);
            addNorm(model, layer, Norm::Key, gains, tensors);
            continue;
        }
        addProjection(model, layer, Projection::Q, queryRowFactors(gains, model.config(), layer), tensors);
        addProjection(model, layer, Projection::K, keyRowFactors(gains, model.config(), layer), tensors);
    }
    return tensors;
}

Outcome<std::vector<PatchedFile>> weightFiles(const Model& model) {
    std::vector<PatchedFile> files;
    std::set<std::string> names;
    for (const TensorView& tensor : model.tensors())
        if (names.insert(tensor.file).second) files.push_back({model.filePath(tensor), tensor.file, 0});
    std::error_code ignored;
    if (!std::filesystem::is_directory(model.path(), ignored)) files.front().name = "model.safetensors";
    std::sort(files.begin(), files.end(),
              [](const PatchedFile& a, const PatchedFile& b) { return a.name < b.name; });
    for (PatchedFile& file : files) {
        std::error_code error;
        file.bytes = std::filesystem::file_size(file.source, error);
        if (error) return Error::io(file.source.string() + ": cannot be read: " + error.message());
    }
    return files;
}

Status writePatched(const PatchedFile& file, const std::vector<PatchedTensor>& tensors,
                    const std::filesystem::path& folder, RoundingTally& rounding, double workPerByte,
                    WorkMeter& meter) {
    auto target = OutputFile::create(folder / file.name, file.bytes);
    if (!target) return target.error();
    if (Status copied = copyBytes(file.source, *target, file.bytes, workPerByte, meter); !copied)
        return copied;
    for (const PatchedTensor& patched : tensors) {
        if (!liesIn(patched, file)) continue;
        RoundingTally tally;
        const auto bytes =
            patched.tensor->isBlocked() ? scaledBlocks(patched, tally) : scaledBytes(patched, tally);
        if (tally.overflowed > 0)
            return Error::unsupported(patched.tensor->name + ": " + formatCount(tally.overflowed)
                                      + " numbers become larger than " + patched.tensor->typeName()
                                      + " can hold; use smaller gains or write the model anew");
        rounding.add(tally);
        if (Status written = target->writeAt(patched.tensor->offset, bytes); !written) return written;
        if (meter.cancelled()) return Error::cancelled();
    }
    return target->finish();
}

Outcome<std::vector<ByteRange>> changedRanges(const std::filesystem::path& source,
                                              const std::filesystem::path& copy,
                                              const std::vector<ByteRange>& allowed) {
    const auto before = MappedFile::open(source), after = MappedFile::open(copy);
    if (!before) return before.error();
    if (!after) return after.error();
    const auto a = (*before)->bytes(), b = (*after)->bytes();
    if (a.size() != b.size())
        return Error::bad(copy.string() + ": expected " + formatCount(static_cast<long long>(a.size()))
                          + " bytes like its source, found " + formatCount(static_cast<long long>(b.size())));
    std::vector<ByteRange> changed;
    std::size_t position = 0;
    const auto same = [&](std::size_t end) {
        return std::equal(a.begin() + static_cast<std::ptrdiff_t>(position),
                          a.begin() + static_cast<std::ptrdiff_t>(end),
                          b.begin() + static_cast<std::ptrdiff_t>(position));
    };
    for (const ByteRange& range : allowed) {
        if (!same(range.first))
            return Error::bad(copy.string() + ": bytes before " + std::to_string(range.first)
                              + " changed that no scale lies in");
        std::size_t first = range.first, last = range.second;
        while (first < last && a[first] == b[first]) ++first;
        while (last > first && a[last - 1] == b[last - 1]) --last;
        if (first < last) changed.emplace_back(first, last);
        position = range.second;
    }
    if (!same(a.size()))
        return Error::bad(copy.string() + ": bytes after " + std::to_string(position)
                          + " changed that no scale lies in");
    return changed;
}

} // namespace qroar
