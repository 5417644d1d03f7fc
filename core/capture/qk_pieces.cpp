// QkCapture::packPieces, join: one capture made of several that saw different windows. Sums go over piece by
// piece and are added in the order in which one capture would have added them; counts are integers and are
// simply added.
#include "core/capture/qk_statistics.h"
#include "core/ranks/bytes.h"

#include <algorithm>
#include <cassert>

namespace qroar {

namespace {

void packHistograms(Packer& to, const QkStatistics& statistics) {
    std::vector<std::int32_t> first;
    std::vector<std::uint32_t> length, counts;
    for (std::size_t cell = 0; cell < statistics.cells(); ++cell) {
        const LogHistogram& histogram = statistics.histogram(cell);
        first.push_back(histogram.firstBin());
        length.push_back(static_cast<std::uint32_t>(histogram.counts().size()));
        counts.insert(counts.end(), histogram.counts().begin(), histogram.counts().end());
    }
    to.put(first);
    to.put(length);
    to.put(counts);
}

bool addHistograms(Unpacker& from, QkStatistics& statistics) {
    const auto first = from.list<std::int32_t>();
    const auto length = from.list<std::uint32_t>(), counts = from.list<std::uint32_t>();
    if (first.size() != statistics.cells() || length.size() != first.size()) return false;
    std::size_t at = 0;
    for (std::size_t cell = 0; cell < first.size(); at += length[cell++]) {
        if (length[cell] > counts.size() - at || first[cell] < 0
            || static_cast<std::size_t>(first[cell]) + length[cell] > LogHistogram::binCount)
            return false;
        statistics.histogram(cell).addStretch(first[cell], std::span(counts).subspan(at, length[cell]));
    }
    return at == counts.size();
}

} // namespace

std::string QkCapture::packPieces() {
    finish();
    Packer packer;
    packer.put(static_cast<std::uint64_t>(kept_.size()));
    for (const KeptPiece& one : kept_) {
        packer.put(one.piece);
        packer.put(one.moments);
    }
    packHistograms(packer, merged_);
    std::vector<std::int32_t> seen; // documents
    for (const KeptPiece& one : kept_)
        if (seen.empty() || seen.back() != one.piece.document) seen.push_back(one.piece.document);
    packer.put(seen);
    for (const std::int32_t document : seen)
        packHistograms(packer, byDocument_[static_cast<std::size_t>(document)]);
    kept_.clear();
    merged_ = QkStatistics(merged_.shape());
    for (QkStatistics& document : byDocument_) document = QkStatistics(document.shape());
    return packer.take();
}

bool QkCapture::join(const std::vector<std::string>& parts) {
    keepsPieces_ = false;
    for (const std::string& part : parts) {
        Unpacker from(part);
        const auto pieces = from.get<std::uint64_t>();
        for (std::uint64_t at = 0; at < pieces && !from.bad(); ++at) {
            const auto piece = from.get<Piece>();
            openMoments_ = from.list<PairMoments>();
            if (openMoments_.size() != merged_.cells() || piece.document < 0
                || piece.document >= options_.documents)
                return false;
            std::fill(open_.begin(), open_.end(), piece);
            finish();
        }
        if (!addHistograms(from, merged_)) return false;
        for (const std::int32_t document : from.list<std::int32_t>())
            if (document < 0 || document >= options_.documents
                || !addHistograms(from, byDocument_[static_cast<std::size_t>(document)]))
                return false;
        if (from.bad() || !from.atEnd()) return false;
    }
    return true;
}

} // namespace qroar
