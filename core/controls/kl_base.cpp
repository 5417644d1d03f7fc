#include "core/controls/kl_base.h"

#include "core/base/strings.h"
#include "core/controls/row_divergence.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <system_error>
#include <vector>

namespace qroar {

namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr char magic[] = "_logits_";
constexpr std::size_t magicBytes = 8, headerBytes = 20;
constexpr double deepest = 16; ///< nats below the most probable token that the codes reach
constexpr double steps = 65535;

template<class T>
T readAt(const std::byte* from, std::size_t offset = 0) {
    T value;
    std::memcpy(&value, from + offset, sizeof value);
    return value;
}

/// The sizes of the header against the size of the file, without a product that could overflow.
Status checkSize(const std::string& name, const KlBaseShape& shape, std::uint64_t bytes) {
    if (shape.context < 2 || shape.vocab < 1 || shape.chunks < 1)
        return Error::bad(name + ": n_ctx " + std::to_string(shape.context) + ", n_vocab "
                          + std::to_string(shape.vocab) + ", n_chunk " + std::to_string(shape.chunks)
                          + ": expected n_ctx of at least 2, the others of at least 1");
    // Each factor is below 2^31, so chunks * context and chunks * records are below 2^62.
    const auto tokens = static_cast<std::uint64_t>(shape.chunks) * static_cast<std::uint64_t>(shape.context);
    const std::uint64_t records =
        static_cast<std::uint64_t>(shape.chunks) * static_cast<std::uint64_t>(shape.recordsPerChunk());
    const auto perRecord = static_cast<std::uint64_t>(shape.recordBytes());
    const bool fits = tokens <= bytes / 4 && records <= bytes / perRecord;
    if (fits && static_cast<std::uint64_t>(shape.fileBytes()) == bytes) return Done{};
    return Error::bad(
        name + ": " + std::to_string(shape.chunks) + " chunks of " + std::to_string(shape.context)
        + " tokens over a vocabulary of " + std::to_string(shape.vocab) + " need "
        + (fits ? formatCount(shape.fileBytes()) + " bytes" : std::string("more bytes than there are"))
        + ", found " + formatCount(static_cast<long long>(bytes)) + ": cut off, or not such a file");
}

struct Encoded {
    float scale = 0, least = 0;
};
/// llama-perplexity's encoding of one row; codes [vocab].
Encoded encodeRow(const float* logits, std::ptrdiff_t vocab, std::uint16_t* codes) {
    const RowNormalizer row = normalizerOf(logits, vocab);
    const float highest = logits[row.top];
    const float lowest =
        std::max(*std::min_element(logits, logits + vocab), highest - static_cast<float>(deepest));
    Encoded encoded;
    encoded.scale = (highest - lowest) / static_cast<float>(steps);
    encoded.least = static_cast<float>(lowest - row.logSumExp);
    const float inverse = encoded.scale > 0 ? 1 / encoded.scale : 0;
    for (std::ptrdiff_t token = 0; token < vocab; ++token) {
        const float code = std::nearbyint(std::max(0.0F, inverse * (logits[token] - lowest)));
        codes[token] = static_cast<std::uint16_t>(std::min(code, static_cast<float>(steps)));
    }
    return encoded;
}

} // namespace

Outcome<std::shared_ptr<const KlBase>> KlBase::open(const std::filesystem::path& path) {
    auto file = MappedFile::open(path);
    if (!file) return file.error();
    const std::span<const std::byte> bytes = (*file)->bytes();
    const std::string name = path.string();
    if (bytes.size() < headerBytes || std::memcmp(bytes.data(), magic, magicBytes) != 0)
        return Error::bad(name + ": expected a llama-perplexity logits file, which begins with \"" + magic
                          + "\"");
    std::shared_ptr<KlBase> base(new KlBase);
    base->file_ = *file;
    base->shape_ = {readAt<std::int32_t>(bytes.data(), 8), readAt<std::int32_t>(bytes.data(), 12),
                    readAt<std::int32_t>(bytes.data(), 16)};
    if (Status fine = checkSize(name, base->shape_, bytes.size()); !fine) return fine.error();
    if (Status fine = base->checkRecords(); !fine) return fine.error();
    return std::shared_ptr<const KlBase>(std::move(base));
}

const std::byte* KlBase::record(int chunk, int position) const {
    const long long index = chunk * shape_.recordsPerChunk() + position - shape_.firstPosition();
    return file_->bytes().data() + shape_.recordsOffset() + index * shape_.recordBytes();
}

Status KlBase::checkRecords() const {
    for (int chunk = 0; chunk < shape_.chunks; ++chunk)
        for (int position = shape_.firstPosition(); position < shape_.context - 1; ++position) {
            const std::byte* at = record(chunk, position);
            const auto scale = readAt<float>(at), least = readAt<float>(at, 4);
            if (scale >= 0 && std::isfinite(scale) && std::isfinite(least)
                && static_cast<double>(scale) * steps + static_cast<double>(least) < 0.01)
                continue;
            return Error::bad(file_->path().string() + ": chunk " + std::to_string(chunk) + ", position "
                              + std::to_string(position)
                              + ": expected logarithms of probabilities, found codes of scale "
                              + formatNumber(scale) + " above " + formatNumber(least));
        }
    return Done{};
}

TokenId KlBase::token(int chunk, int position) const {
    const std::size_t index = static_cast<std::size_t>(chunk) * static_cast<std::size_t>(shape_.context)
                              + static_cast<std::size_t>(position);
    return readAt<std::int32_t>(file_->bytes().data(), headerBytes + 4 * index);
}

Status KlBase::checkFits(const ModelConfig& config, std::span<const Window> windows) const {
    const std::string name = file_->path().string();
    if (config.vocabSize != shape_.vocab)
        return Error::bad(name + ": made with a vocabulary of " + std::to_string(shape_.vocab)
                          + " tokens, the model has " + std::to_string(config.vocabSize));
    const int common = std::min(shape_.chunks, static_cast<int>(windows.size()));
    for (int chunk = 0; chunk < common; ++chunk) {
        const std::span<const TokenId> tokens = windows[static_cast<std::size_t>(chunk)].tokens;
        if (static_cast<long long>(tokens.size()) != shape_.context)
            return Error::bad(name + ": made with chunks of " + std::to_string(shape_.context)
                              + " tokens, the run has windows of " + std::to_string(tokens.size())
                              + ": use that context length");
        for (int position = 0; position < shape_.context; ++position)
            if (tokens[static_cast<std::size_t>(position)] != token(chunk, position))
                return Error::bad(name + ": chunk " + std::to_string(chunk) + ", position "
                                  + std::to_string(position) + ": token "
                                  + std::to_string(token(chunk, position)) + ", the documents have "
                                  + std::to_string(tokens[static_cast<std::size_t>(position)])
                                  + ": made from another text or with another tokenizer");
    }
    return Done{};
}

void KlBase::compare(int window, std::span<const TokenId> tokens, int firstPosition, ConstMatrixView logits,
                     WindowDivergence& into) const {
    if (window >= shape_.chunks) return;
    for (std::ptrdiff_t row = 0; row < logits.rows; ++row) {
        const int position = firstPosition + static_cast<int>(row);
        if (position < shape_.firstPosition() || position >= shape_.context - 1) continue;
        const std::byte* at = record(window, position);
        const double scale = readAt<float>(at), least = readAt<float>(at, 4);
        const std::byte* codes = at + 8;
        const float* own = logits.row(row);
        const RowNormalizer other = normalizerOf(own, logits.cols);
        double kl = 0;
        std::ptrdiff_t top = 0;
        std::uint16_t highest = 0;
        for (std::ptrdiff_t token = 0; token < logits.cols; ++token) {
            const auto code = readAt<std::uint16_t>(codes, 2 * static_cast<std::size_t>(token));
            if (code > highest) top = token; // the first of equals
            highest = std::max(highest, code);
            const double logP = scale * code + least;
            if (logP > -deepest) kl += std::exp(logP) * (logP - (own[token] - other.logSumExp));
        }
        const auto correct = static_cast<std::size_t>(tokens[static_cast<std::size_t>(position) + 1]);
        const double logP = scale * readAt<std::uint16_t>(codes, 2 * correct) + least;
        const auto entry = static_cast<std::size_t>(position);
        into.kl[entry] = static_cast<float>(kl);
        into.deltaP[entry] = static_cast<float>(std::exp(own[correct] - other.logSumExp) - std::exp(logP));
        into.sameTop[entry] = top == other.top ? 1 : 0;
    }
}

Outcome<std::unique_ptr<KlBaseWriter>> KlBaseWriter::create(const std::filesystem::path& path, int vocab,
                                                            std::span<const Window> windows) {
    const std::string name = path.string();
    constexpr std::size_t most = std::numeric_limits<std::int32_t>::max();
    if (windows.empty() || windows.size() > most || windows.front().tokens.size() * windows.size() > most)
        return Error::bad(name + ": a logits file holds 1 to " + std::to_string(most) + " tokens");
    std::unique_ptr<KlBaseWriter> writer(new KlBaseWriter);
    writer->path_ = path;
    writer->shape_ = {static_cast<std::int32_t>(windows.front().tokens.size()), vocab,
                      static_cast<std::int32_t>(windows.size())};
    const auto bytes = static_cast<double>(writer->shape_.fileBytes());
    std::error_code unknown;
    const auto space = std::filesystem::space(std::filesystem::absolute(path).parent_path(), unknown);
    if (!unknown && static_cast<double>(space.available) < bytes)
        return Error::io(name + ": needs " + formatBytes(bytes) + ", "
                         + formatBytes(static_cast<double>(space.available)) + " are free");
    std::vector<std::byte> head(static_cast<std::size_t>(writer->shape_.recordsOffset()));
    std::memcpy(head.data(), magic, magicBytes);
    const std::int32_t sizes[] = {writer->shape_.context, writer->shape_.vocab, writer->shape_.chunks};
    std::memcpy(head.data() + magicBytes, sizes, sizeof sizes);
    std::size_t at = headerBytes;
    for (const Window& window : windows) {
        std::memcpy(head.data() + at, window.tokens.data(), 4 * window.tokens.size());
        at += 4 * window.tokens.size();
    }
    writer->file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (writer->file_ < 0 || ::ftruncate(writer->file_, writer->shape_.fileBytes()) != 0
        || ::pwrite(writer->file_, head.data(), head.size(), 0) != static_cast<ssize_t>(head.size()))
        return Error::io(name + ": cannot be written: is its folder there and writable?");
    return writer;
}

KlBaseWriter::~KlBaseWriter() {
    if (file_ >= 0) ::close(file_);
}

void KlBaseWriter::deliver(int window, int firstPosition, ConstMatrixView logits) {
    std::vector<std::byte> record(static_cast<std::size_t>(shape_.recordBytes()));
    std::vector<std::uint16_t> codes(static_cast<std::size_t>(shape_.vocab));
    for (std::ptrdiff_t row = 0; row < logits.rows; ++row) {
        const int position = firstPosition + static_cast<int>(row);
        if (position < shape_.firstPosition() || position >= shape_.context - 1) continue;
        const Encoded encoded = encodeRow(logits.row(row), logits.cols, codes.data());
        std::memcpy(record.data(), &encoded, sizeof encoded);
        std::memcpy(record.data() + sizeof encoded, codes.data(), 2 * codes.size());
        const long long index = window * shape_.recordsPerChunk() + position - shape_.firstPosition();
        const long long offset = shape_.recordsOffset() + index * shape_.recordBytes();
        if (::pwrite(file_, record.data(), record.size(), offset) != static_cast<ssize_t>(record.size()))
            failed_.store(true, std::memory_order_relaxed);
        written_.fetch_add(1, std::memory_order_relaxed);
    }
}

Status KlBaseWriter::finish() {
    const bool closed = ::close(std::exchange(file_, -1)) == 0;
    if (failed_ || !closed) return Error::io(path_.string() + ": cannot be written: is the disk full?");
    if (written_ != shape_.chunks * shape_.recordsPerChunk())
        return Error::io(path_.string() + ": incomplete: " + std::to_string(written_) + " of "
                         + std::to_string(shape_.chunks * shape_.recordsPerChunk()) + " records");
    return Done{};
}

} // namespace qroar
