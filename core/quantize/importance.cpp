#include "core/quantize/importance.h"

#include "core/base/files.h"
#include "core/base/hash.h"
#include "core/base/strings.h"
#include "core/model/gguf_file.h"
#include "core/model/json_text.h"
#include "core/model/projection_shape.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

namespace qroar {

namespace {

constexpr std::int32_t mostEntries = 100'000, longestName = 512;

bool isImportance(float value) {
    return std::isfinite(value) && value >= 0;
}

/// The entries that hold what a projection reads, its own first.
std::vector<const char*> namesOf(Projection projection) {
    switch (projection) {
    case Projection::Q:
        return {"attn_q", "attn_qkv", "attn_k", "attn_v"};
    case Projection::K:
        return {"attn_k", "attn_qkv", "attn_q", "attn_v"};
    case Projection::V:
        return {"attn_v", "attn_qkv", "attn_q", "attn_k"};
    case Projection::O:
        return {"attn_output"};
    case Projection::Gate:
        return {"ffn_gate", "ffn_up"};
    case Projection::Up:
        return {"ffn_up", "ffn_gate"};
    case Projection::Down:
        break;
    }
    return {"ffn_down"};
}

/// N of "blk.N.anything"; -1 for other names.
int layerOf(const std::string& name) {
    constexpr std::size_t prefix = 4;
    if (name.compare(0, prefix, "blk.") != 0) return -1;
    int layer = -1;
    const char* end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data() + prefix, end, layer);
    return error == std::errc() && stop != end && *stop == '.' ? layer : -1;
}

} // namespace

/// The binary layout: i32 n; n x {i32 length, name, i32 calls, i32 values, f32[values] = mean square *
/// calls}; then, in files that are not very old, i32 chunks, i32 length, name of the text.
class LegacyImportance {
  public:
    LegacyImportance(std::span<const std::byte> bytes, ImportanceMatrix& matrix)
        : bytes_(bytes), matrix_(matrix) {}

    Status read() {
        const auto count = integer();
        if (!count || *count < 1 || *count > mostEntries)
            return Error::bad("not an importance matrix: expected 1 to " + formatCount(mostEntries)
                              + " entries, found " + (count ? formatCount(*count) : "the end of the file"));
        for (std::int32_t entry = 0; entry < *count; ++entry)
            if (Status done = readEntry("entry " + std::to_string(entry)); !done) return done;
        if (const auto chunks = integer(); chunks && *chunks > 0) matrix_.chunks_ = *chunks;
        if (auto name = text(); name) matrix_.datasets_ = *name;
        return Done{};
    }

  private:
    Status readEntry(const std::string& where) {
        const auto name = text();
        if (!name || name->empty())
            return Error::bad(where + ": expected a name of 1 to " + std::to_string(longestName)
                              + " bytes, found none");
        const std::string named = "entry " + quotedText(*name);
        const auto calls = integer(), values = integer();
        const std::size_t left = (bytes_.size() - at_) / sizeof(float);
        if (!calls || *calls < 1)
            return Error::bad(named + ": expected 1 or more calls, found "
                              + (calls ? std::to_string(*calls) : "the end of the file"));
        if (!values || *values < 1 || static_cast<std::size_t>(*values) > left)
            return Error::bad(named + ": expected 1 to " + formatCount(static_cast<long long>(left))
                              + " values, found " + (values ? formatCount(*values) : "the end of the file"));
        std::vector<float> sums(static_cast<std::size_t>(*values));
        std::memcpy(sums.data(), bytes_.data() + at_, sums.size() * sizeof(float));
        at_ += sums.size() * sizeof(float);
        return matrix_.add(*name, std::move(sums), *calls);
    }

    std::optional<std::int32_t> integer() {
        std::int32_t value = 0;
        if (bytes_.size() - at_ < sizeof value) return std::nullopt;
        std::memcpy(&value, bytes_.data() + at_, sizeof value);
        at_ += sizeof value;
        return value;
    }
    std::optional<std::string> text() {
        const auto length = integer();
        if (!length || *length < 0 || *length > longestName
            || static_cast<std::size_t>(*length) > bytes_.size() - at_)
            return std::nullopt;
        std::string value(reinterpret_cast<const char*>(bytes_.data()) + at_,
                          static_cast<std::size_t>(*length));
        at_ += value.size();
        return value;
    }

    std::span<const std::byte> bytes_;
    std::size_t at_ = 0;
    ImportanceMatrix& matrix_;
};

Status ImportanceMatrix::add(const std::string& name, std::vector<float> sums, double count) {
    const std::string named = "entry " + quotedText(name);
    if (!std::isfinite(count) || count <= 0)
        return Error::bad(named + ": expected a positive count, found " + formatNumber(count));
    for (std::size_t at = 0; at < sums.size(); ++at) {
        if (!isImportance(sums[at]))
            return Error::bad(named + ": expected sums of squares, found " + formatNumber(sums[at]) + " at "
                              + std::to_string(at));
        sums[at] = static_cast<float>(static_cast<double>(sums[at]) / count);
    }
    if (!meanSquares_.emplace(name, std::move(sums)).second) return Error::bad(named + " is there twice");
    return Done{};
}

Outcome<ImportanceMatrix> ImportanceMatrix::openGguf(const std::filesystem::path& path) {
    const auto file = GgufFile::open(path);
    if (!file) return file.error();
    ImportanceMatrix matrix;
    const GgufValue* type = file->find("general.type");
    if (!type || type->text().value_or("") != "imatrix")
        return Error::bad(path.string() + ": key \"general.type\": expected \"imatrix\", found "
                          + (type ? quotedText(std::string(type->text().value_or("no text"))) : "none"));
    if (const GgufValue* chunks = file->find("imatrix.chunk_count"))
        matrix.chunks_ = static_cast<int>(std::clamp(chunks->integer().value_or(0), 0LL, 1LL << 30));
    if (const GgufValue* names = file->find("imatrix.datasets"))
        if (const auto texts = names->texts())
            for (const std::string_view one : *texts)
                matrix.datasets_ +=
                    (matrix.datasets_.empty() ? "" : ", ") + std::string(one.substr(0, longestName));
    const std::string suffix = ".in_sum2";
    for (const TensorView& sums : file->tensors()) {
        if (!sums.name.ends_with(suffix)) continue;
        const std::string name = sums.name.substr(0, sums.name.size() - suffix.size());
        const TensorView* counts = file->tensor(name + ".counts");
        if (!counts || counts->type != DType::F32 || sums.type != DType::F32)
            return Error::bad(path.string() + ": entry " + quotedText(name)
                              + ": expected F32 tensors .in_sum2 and .counts");
        if (counts->count() != 1)
            return Error::unsupported(path.string() + ": entry " + quotedText(name) + " counts "
                                      + formatCount(counts->count())
                                      + " experts: models of experts are not read");
        if (Status added = matrix.add(name, sums.toFloat(), static_cast<double>(counts->toFloat().front()));
            !added)
            return added.error().in(path.string());
    }
    if (matrix.meanSquares_.empty())
        return Error::bad(path.string() + ": not an importance matrix: no tensor ends in .in_sum2");
    return matrix;
}

Outcome<ImportanceMatrix> ImportanceMatrix::open(const std::filesystem::path& path) {
    const auto file = MappedFile::open(path);
    if (!file) return file.error();
    const auto bytes = (*file)->bytes();
    ImportanceMatrix matrix;
    if (bytes.size() >= 4 && std::memcmp(bytes.data(), "GGUF", 4) == 0) {
        auto read = openGguf(path);
        if (!read) return read;
        matrix = std::move(*read);
    } else if (Status read = LegacyImportance(bytes, matrix).read(); !read) {
        return read.error().in(path.string());
    }
    matrix.path_ = path;
    Fingerprint fingerprint;
    fingerprint.add(bytes.data(), bytes.size());
    matrix.fingerprint_ = fingerprint.hex();
    return matrix;
}

Outcome<std::vector<float>> ImportanceMatrix::of(const ModelConfig& config, int layer,
                                                 Projection projection) const {
    const std::string prefix = "blk." + std::to_string(layer) + ".";
    const auto names = namesOf(projection);
    const auto in = static_cast<std::size_t>(projectionShape(config, projection)[1]);
    for (const char* stem : names) {
        const std::string name = prefix + stem + ".weight";
        const auto found = meanSquares_.find(name);
        if (found == meanSquares_.end()) continue;
        if (found->second.size() != in)
            return Error::bad(path_.string() + ": entry " + quotedText(name) + ": expected "
                              + formatCount(static_cast<long long>(in)) + " values for the inputs of "
                              + projectionName(projection) + ", found "
                              + formatCount(static_cast<long long>(found->second.size())));
        return found->second;
    }
    return Error::bad(path_.string() + ": entry " + quotedText(prefix + names.front() + ".weight")
                      + " is missing: the file is of another model, or its text never reached the layer");
}

Status ImportanceMatrix::fits(const ModelConfig& config) const {
    for (const auto& [name, values] : meanSquares_) {
        if (name.find("_exps.") != std::string::npos)
            return Error::unsupported(path_.string() + ": entry " + quotedText(name)
                                      + " is of a mixture of experts, the model has none");
        if (layerOf(name) >= config.layers)
            return Error::bad(path_.string() + ": entry " + quotedText(name) + ": the model has "
                              + std::to_string(config.layers) + " layers");
    }
    for (int layer = 0; layer < config.layers; ++layer)
        for (const Projection projection : allProjections)
            if (const auto found = of(config, layer, projection); !found) return found.error();
    return Done{};
}

std::string ImportanceMatrix::text() const {
    return path_.filename().string() + " (" + formatCount(static_cast<long long>(entries())) + " entries"
           + (chunks_ > 0 ? ", " + formatCount(chunks_) + " chunks" : "")
           + (datasets_.empty() ? "" : " of " + datasets_) + ")";
}

std::string ImportanceMatrix::record() const {
    return path_.filename().string() + " " + fingerprint_;
}

} // namespace qroar
