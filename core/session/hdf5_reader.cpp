#include "core/session/hdf5_reader.h"

#include "core/base/strings.h"
#include "core/session/chunk_codec.h"
#include "core/session/file_seal.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <fstream>
#include <new>

namespace qroar::h5 {

namespace {

// Deflate never shrinks below 1/1032: what claims more than this was not written by us.
constexpr std::uint64_t mostInflation = 1100;
// All arrays together: real sessions expand about threefold.
constexpr std::uint64_t mostExpansion = 64, leastBudget = 1ULL << 30;
constexpr std::uint64_t mostDatasetBytes = 16ULL << 30;
constexpr std::uint64_t mostTextBytes = 64ULL << 20;
constexpr std::uint64_t leastChunkBytes = 64 * 1024, mostChunkBytes = 4 << 20;

std::string shapeText(const std::vector<hsize_t>& dims) {
    return formatShape(std::vector<long long>(dims.begin(), dims.end()));
}

/// One dataset on its way into memory. Functions return an empty text, or what is wrong.
class DatasetReader {
  public:
    DatasetReader(hid_t dataset, ReadState& state)
        : dataset_(dataset), fileBytes_(state.fileBytes), budget_(&state.budget) {}

    /// Compares the declared size with what is stored; afterwards bytes() may be allocated.
    std::string open(std::size_t elementBytes, const std::vector<hsize_t>& expected) {
        elementBytes_ = elementBytes;
        const Handle extent = space(H5Dget_space(dataset_));
        if (!extent || H5Sget_simple_extent_type(extent.get()) != H5S_SIMPLE) return "not an array";
        const int rank = H5Sget_simple_extent_ndims(extent.get());
        if (rank != static_cast<int>(expected.size()))
            return "expected " + std::to_string(expected.size()) + " axes, found " + std::to_string(rank);
        dims_.resize(expected.size());
        H5Sget_simple_extent_dims(extent.get(), dims_.data(), nullptr);
        bytes_ = elementBytes;
        for (std::size_t axis = 0; axis < dims_.size(); ++axis) {
            if (expected[axis] != 0 && dims_[axis] != expected[axis])
                return "expected shape " + shapeText(expected) + " (0: any), found " + shapeText(dims_);
            if (dims_[axis] == 0 || dims_[axis] > mostDatasetBytes / bytes_)
                return "shape " + shapeText(dims_) + " is empty or absurdly large";
            bytes_ *= dims_[axis];
        }
        creation_ = properties(H5Dget_create_plist(dataset_));
        if (!creation_ || H5Pget_external_count(creation_.get()) != 0)
            return "data outside the file is not accepted";
        if (bytes_ > *budget_)
            return "shape " + shapeText(dims_) + " claims more memory than a file of this size justifies";
        std::string wrong = checkStorage();
        if (wrong.empty()) *budget_ -= bytes_;
        return wrong;
    }

    std::string read(hid_t memoryType, void* target) {
        if (!chunked_) {
            const bool read = H5Dread(dataset_, memoryType, H5S_ALL, H5S_ALL, H5P_DEFAULT, target) >= 0;
            return read ? "" : "cannot be read";
        }
        return readChunks(static_cast<unsigned char*>(target));
    }

    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    [[nodiscard]] const std::vector<hsize_t>& dims() const { return dims_; }

  private:
    std::string checkStorage() {
        const std::uint64_t stored = H5Dget_storage_size(dataset_);
        if (stored > fileBytes_) return "claims more bytes than the file has";
        const H5D_layout_t layout = H5Pget_layout(creation_.get());
        chunked_ = layout == H5D_CHUNKED;
        if (layout == H5D_CONTIGUOUS || layout == H5D_COMPACT)
            return stored == bytes_ && H5Pget_nfilters(creation_.get()) == 0
                       ? ""
                       : "expected " + std::to_string(bytes_) + " bytes, found " + std::to_string(stored);
        if (!chunked_) return "stored in a layout that is not accepted";
        if (bytes_ / mostInflation > stored)
            return std::to_string(stored) + " stored bytes cannot hold shape " + shapeText(dims_);
        return checkChunks();
    }

    /// Exactly shuffle and deflate, and chunks that are stretches of the row-major array.
    std::string checkChunks() {
        for (unsigned filter = 0; filter < 2; ++filter) {
            unsigned flags = 0;
            std::size_t values = 0;
            const int wanted = filter == 0 ? H5Z_FILTER_SHUFFLE : H5Z_FILTER_DEFLATE;
            if (H5Pget_nfilters(creation_.get()) != 2
                || H5Pget_filter2(creation_.get(), filter, &flags, &values, nullptr, 0, nullptr, nullptr)
                       != wanted)
                return "expected the filters shuffle and deflate";
        }
        chunk_.resize(dims_.size());
        if (H5Pget_chunk(creation_.get(), static_cast<int>(chunk_.size()), chunk_.data())
            != static_cast<int>(chunk_.size()))
            return "chunks have a wrong number of axes";
        chunkBytes_ = elementBytes_;
        bool partial = false; // an axis further in is not whole: the outer ones must be 1
        for (std::size_t axis = chunk_.size(); axis-- > 0;) {
            if (chunk_[axis] == 0 || chunk_[axis] > dims_[axis] || (partial && chunk_[axis] != 1))
                return "chunk shape " + shapeText(chunk_) + " is not accepted";
            partial = partial || chunk_[axis] < dims_[axis];
            chunkBytes_ *= chunk_[axis]; // at most bytes_
        }
        if (chunkBytes_ > std::max<std::uint64_t>(mostChunkBytes, elementBytes_)
            || chunkBytes_ < std::min(leastChunkBytes, bytes_))
            return "chunk shape " + shapeText(chunk_) + " is too small or too large";
        return "";
    }

    /// A chunk as the file has it, and where its elements go.
    struct Piece {
        std::vector<hsize_t> at;
        std::vector<unsigned char> packed;
        std::uint64_t offset = 0; ///< in elements, of the chunk's first
        std::uint64_t count = 1;  ///< of the chunk's elements inside the array
    };

    /// HDF5 is asked from the calling thread only (`master`: QuietErrors covers no other one's error stack);
    /// what it gives is inflated by the others, which wait for tasks at the end of the region, while the next
    /// is read.
    std::string readChunks(unsigned char* target) {
        std::vector<Piece> pieces = cutPieces();
        const auto count = static_cast<std::ptrdiff_t>(pieces.size());
        std::string wrong;
        std::ptrdiff_t unreadable = count;
        std::atomic<std::ptrdiff_t> damaged = count; // the first, whatever the number of threads
        std::atomic<bool> enough = true;
#pragma omp parallel if (count > 1)
#pragma omp master
        for (std::ptrdiff_t index = 0; index < count && unreadable == count && damaged == count; ++index) {
            Piece& piece = pieces[static_cast<std::size_t>(index)];
            if (!noThrow(enough, [&] { wrong = readChunk(piece); }) || !wrong.empty()) {
                unreadable = index;
                continue;
            }
#pragma omp task firstprivate(index) shared(pieces, damaged, enough)
            {
                bool fine = true;
                noThrow(enough, [&] { fine = inflate(pieces[static_cast<std::size_t>(index)], target); });
                for (std::ptrdiff_t first = damaged; !fine && index < first;)
                    if (damaged.compare_exchange_weak(first, index)) break;
            }
        }
        if (!enough) throw std::bad_alloc();
        if (damaged < unreadable)
            return "the chunk at " + shapeText(pieces[static_cast<std::size_t>(damaged)].at) + " is damaged";
        return wrong;
    }

    /// Nothing may be thrown out of a parallel region: notes that memory was not enough.
    template<class Work>
    static bool noThrow(std::atomic<bool>& enough, Work&& work) {
        try {
            work();
            return true;
        } catch (const std::bad_alloc&) {
            enough = false;
            return false;
        }
    }

    std::vector<Piece> cutPieces() const {
        std::vector<Piece> pieces;
        std::vector<hsize_t> at(dims_.size(), 0);
        do {
            Piece piece;
            piece.at = at;
            for (std::size_t axis = 0; axis < dims_.size(); ++axis) {
                piece.offset = piece.offset * dims_[axis] + at[axis];
                piece.count *= std::min(chunk_[axis], dims_[axis] - at[axis]);
            }
            pieces.push_back(std::move(piece));
        } while (advance(at));
        return pieces;
    }

    /// Into its place; false when it is damaged.
    bool inflate(Piece& piece, unsigned char* target) const {
        std::vector<unsigned char> shuffled(chunkBytes_);
        const bool fine = inflateExactly(piece.packed, shuffled);
        if (fine) unshuffle(shuffled, elementBytes_, piece.count, target + piece.offset * elementBytes_);
        piece.packed = {};
        return fine;
    }

    bool advance(std::vector<hsize_t>& at) const {
        for (std::size_t axis = at.size(); axis-- > 0;) {
            at[axis] += chunk_[axis];
            if (at[axis] < dims_[axis]) return true;
            at[axis] = 0;
        }
        return false;
    }

    std::string readChunk(Piece& piece) const {
        hsize_t stored = 0;
        if (H5Dget_chunk_storage_size(dataset_, piece.at.data(), &stored) < 0 || stored == 0)
            return "the chunk at " + shapeText(piece.at) + " is missing";
        if (stored > compressBound(static_cast<uLong>(chunkBytes_)) + 64 || stored > fileBytes_)
            return "the chunk at " + shapeText(piece.at) + " has an impossible size";
        piece.packed.resize(stored);
        std::uint32_t skipped = 0;
        if (H5Dread_chunk(dataset_, H5P_DEFAULT, piece.at.data(), &skipped, piece.packed.data()) < 0
            || skipped != 0)
            return "the chunk at " + shapeText(piece.at) + " cannot be read";
        return "";
    }

    hid_t dataset_;
    std::uint64_t fileBytes_;
    std::uint64_t* budget_;
    std::size_t elementBytes_ = 0;
    std::uint64_t bytes_ = 0, chunkBytes_ = 0;
    std::vector<hsize_t> dims_, chunk_;
    Handle creation_;
    bool chunked_ = false;
};

/// Size of a fixed-length string type; 0 when the type is anything else.
std::size_t textBytes(hid_t stored) {
    if (H5Tget_class(stored) != H5T_STRING || H5Tis_variable_str(stored) != 0) return 0;
    return H5Tget_size(stored);
}

std::string withoutPadding(const char* text, std::size_t bytes) {
    while (bytes > 0 && text[bytes - 1] == '\0') --bytes;
    return {text, bytes};
}

} // namespace

void ReadState::fail(const std::string& what, const std::string& why) {
    if (!error) error = Error::bad(file.string() + ": " + what + ": " + why);
}

Outcome<Handle> openFile(const std::filesystem::path& path, ReadState& state) {
    state.file = path;
    const std::string name = path.string();
    std::error_code problem;
    if (!std::filesystem::exists(path, problem)) return Error::notFound(name + ": there is no such file");
    if (!std::filesystem::is_regular_file(path, problem))
        return Error::bad(name + ": expected a session file, found something that is not a file");
    std::array<char, 9> head{};
    std::ifstream in(path, std::ios::binary);
    if (!in) return Error::io(name + ": cannot be opened");
    in.read(head.data(), head.size());
    if (!in || std::memcmp(head.data(), "\x89HDF\r\n\x1a\n", 8) != 0)
        return Error::bad(name + ": expected a session (an HDF5 file), found something else");
    if (head[8] < 2 || head[8] > 3)
        return Error::bad(name + ": expected HDF5 superblock version 2 or 3, found "
                          + std::to_string(static_cast<unsigned char>(head[8])));
    in.close();
    if (Status whole = checkSeal(path); !whole) return whole.error();
    state.fileBytes = std::filesystem::file_size(path, problem);
    if (problem) return Error::io(name + ": " + problem.message());
    state.budget = std::max(leastBudget, state.fileBytes * mostExpansion);
    Handle opened = file(H5Fopen(name.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT));
    if (!opened)
        return Error::bad(name
                          + ": HDF5 cannot open it: it is damaged, cut off, or being written by another "
                            "program");
    return opened;
}

void GroupReader::fail(const std::string& name, const std::string& why) const {
    state_->fail(path_ + "/" + name, why);
}

bool GroupReader::hasChild(const std::string& name) const {
    return !failed() && H5Lexists(location_.get(), name.c_str(), H5P_DEFAULT) > 0;
}

bool GroupReader::hasAttribute(const std::string& name) const {
    return !failed() && H5Aexists(location_.get(), name.c_str()) > 0;
}

namespace {
bool isHardLink(hid_t location, const std::string& name) {
    H5L_info_t info{};
    return H5Lget_info(location, name.c_str(), &info, H5P_DEFAULT) >= 0 && info.type == H5L_TYPE_HARD;
}
} // namespace

GroupReader GroupReader::group(const std::string& name) const {
    Handle opened;
    if (!failed()) {
        if (isHardLink(location_.get(), name))
            opened = h5::group(H5Gopen2(location_.get(), name.c_str(), H5P_DEFAULT));
        if (!opened) fail(name, "expected a group, found none that can be read");
    }
    return {std::move(opened), path_ + "/" + name, *state_};
}

Handle GroupReader::openAttribute(const std::string& name) const {
    if (failed()) return {};
    Handle opened;
    if (H5Aexists(location_.get(), name.c_str()) > 0)
        opened = attribute(H5Aopen(location_.get(), name.c_str(), H5P_DEFAULT));
    if (!opened) {
        fail(name, "expected an attribute of this name, found none");
        return {};
    }
    const Handle extent = space(H5Aget_space(opened.get()));
    if (!extent || H5Sget_simple_extent_type(extent.get()) != H5S_SCALAR) {
        fail(name, "expected a single value");
        return {};
    }
    return opened;
}

std::string GroupReader::text(const std::string& name) const {
    const Handle opened = openAttribute(name);
    if (!opened) return {};
    const Handle stored = type(H5Aget_type(opened.get()));
    const std::size_t bytes = textBytes(stored.get());
    if (bytes == 0 || bytes > mostTextBytes || bytes > state_->fileBytes) {
        fail(name, "expected a fixed-length text of sensible size");
        return {};
    }
    std::vector<char> value(bytes);
    if (H5Aread(opened.get(), stored.get(), value.data()) < 0) {
        fail(name, "cannot be read");
        return {};
    }
    return withoutPadding(value.data(), bytes);
}

long long GroupReader::integer(const std::string& name, long long least, long long most) const {
    std::int64_t value = 0;
    const Handle opened = openAttribute(name);
    if (!opened) return least;
    const Handle stored = type(H5Aget_type(opened.get()));
    if (H5Tequal(stored.get(), storedType<std::int64_t>()) <= 0)
        fail(name, "expected a 64-bit integer");
    else if (H5Aread(opened.get(), H5T_NATIVE_INT64, &value) < 0)
        fail(name, "cannot be read");
    else if (value < least || value > most)
        fail(name, "expected " + std::to_string(least) + " to " + std::to_string(most) + ", found "
                       + std::to_string(value));
    return failed() ? least : value;
}

double GroupReader::number(const std::string& name, double least, double most) const {
    double value = 0;
    const Handle opened = openAttribute(name);
    if (!opened) return least;
    const Handle stored = type(H5Aget_type(opened.get()));
    if (H5Tequal(stored.get(), storedType<double>()) <= 0)
        fail(name, "expected a 64-bit float");
    else if (H5Aread(opened.get(), H5T_NATIVE_DOUBLE, &value) < 0)
        fail(name, "cannot be read");
    else if (!(value >= least && value <= most))
        fail(name, "expected " + formatNumber(least) + " to " + formatNumber(most) + ", found "
                       + formatNumber(value));
    return failed() ? least : value;
}

Handle GroupReader::openDataset(const std::string& name) const {
    if (failed()) return {};
    Handle opened;
    if (isHardLink(location_.get(), name))
        opened = dataset(H5Dopen2(location_.get(), name.c_str(), H5P_DEFAULT));
    if (!opened) fail(name, "expected a dataset of this name, found none that can be read");
    return opened;
}

template<class T>
bool GroupReader::read(const std::string& name, const std::vector<hsize_t>& dims,
                       const std::function<T*(const std::vector<hsize_t>&)>& place) const {
    const Handle opened = openDataset(name);
    if (!opened) return false;
    const Handle stored = type(H5Dget_type(opened.get()));
    if (!stored || H5Tequal(stored.get(), storedType<T>()) <= 0) {
        fail(name, "holds another type of number than expected");
        return false;
    }
    DatasetReader reader(opened.get(), *state_);
    std::string wrong = reader.open(sizeof(T), dims);
    if (wrong.empty()) {
        T* const target = place(reader.dims());
        if (!target || failed()) return false;
        wrong = reader.read(stored.get(), target);
    }
    if (wrong.empty()) return true;
    fail(name, wrong);
    return false;
}

template<class T>
Array<T> GroupReader::array(const std::string& name, const std::vector<hsize_t>& dims) const {
    Array<T> result;
    const bool whole = read<T>(name, dims, [&](const std::vector<hsize_t>& found) {
        result.dims = found;
        std::size_t count = 1;
        for (const hsize_t dim : found) count *= dim;
        result.values.resize(count);
        return result.values.data();
    });
    return whole ? std::move(result) : Array<T>();
}
template bool GroupReader::read(const std::string&, const std::vector<hsize_t>&,
                                const std::function<std::uint32_t*(const std::vector<hsize_t>&)>&) const;
template bool GroupReader::read(const std::string&, const std::vector<hsize_t>&,
                                const std::function<double*(const std::vector<hsize_t>&)>&) const;
template Array<std::int32_t> GroupReader::array(const std::string&, const std::vector<hsize_t>&) const;
template Array<std::uint32_t> GroupReader::array(const std::string&, const std::vector<hsize_t>&) const;
template Array<std::int64_t> GroupReader::array(const std::string&, const std::vector<hsize_t>&) const;
template Array<float> GroupReader::array(const std::string&, const std::vector<hsize_t>&) const;
template Array<double> GroupReader::array(const std::string&, const std::vector<hsize_t>&) const;

std::vector<std::string> GroupReader::strings(const std::string& name) const {
    if (!hasChild(name)) return {};
    const Handle opened = openDataset(name);
    if (!opened) return {};
    const Handle stored = type(H5Dget_type(opened.get()));
    const std::size_t bytes = textBytes(stored.get());
    if (bytes == 0 || bytes > mostTextBytes) {
        fail(name, "expected fixed-length texts of sensible size");
        return {};
    }
    DatasetReader reader(opened.get(), *state_);
    std::string wrong = reader.open(bytes, {0});
    std::vector<char> padded;
    if (wrong.empty()) {
        padded.resize(reader.bytes());
        wrong = reader.read(stored.get(), padded.data());
    }
    std::vector<std::string> values;
    if (!wrong.empty()) {
        fail(name, wrong);
        return values;
    }
    for (std::size_t at = 0; at < padded.size(); at += bytes)
        values.push_back(withoutPadding(padded.data() + at, bytes));
    return values;
}

} // namespace qroar::h5
