// Reads groups, attributes and datasets of an HDF5 file that nobody vouches for. The first failure sticks
// (Error that names file and dataset) and the rest returns empty values. Nothing is allocated before the
// declared size was compared with what the file really holds; only hard links, plain types and our own
// filters are accepted, and chunks are inflated here, into buffers of known size, not by HDF5's filter
// pipeline. Not here: what a session holds (session_load.cpp).
#pragma once

#include "core/base/outcome.h"
#include "core/session/hdf5_handles.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace qroar::h5 {

/// Shared by all readers of one file.
struct ReadState {
    std::filesystem::path file;
    std::uint64_t fileBytes = 0;
    std::uint64_t budget = 0; ///< bytes that all arrays together may still take in memory
    std::optional<Error> error;
    [[nodiscard]] bool failed() const { return error.has_value(); }
    /// Keeps the first: "run.h5: /conditions/003/nll/values: expected ..., found ...".
    void fail(const std::string& what, const std::string& why);
};

template<class T>
struct Array {
    std::vector<hsize_t> dims;
    std::vector<T> values; ///< row-major
};

class GroupReader {
  public:
    GroupReader(Handle location, std::string path, ReadState& state)
        : location_(std::move(location)), path_(std::move(path)), state_(&state) {}

    GroupReader group(const std::string& name) const;
    [[nodiscard]] bool hasChild(const std::string& name) const;
    [[nodiscard]] bool hasAttribute(const std::string& name) const;
    [[nodiscard]] std::string text(const std::string& name) const;
    /// Refuses values outside [least, most].
    [[nodiscard]] long long integer(const std::string& name, long long least, long long most) const;
    /// Refuses NaN and values outside [least, most].
    [[nodiscard]] double number(const std::string& name, double least, double most) const;
    [[nodiscard]] bool flag(const std::string& name) const { return integer(name, 0, 1) == 1; }

    /// T: int32, uint32, int64, float, double, stored as exactly that. `dims`: the expected shape; 0 stands
    /// for any length.
    template<class T>
    Array<T> array(const std::string& name, const std::vector<hsize_t>& dims) const;
    /// The same into memory of the caller's: `place` gets the shape, once it is known to be justified, and
    /// says where the elements go (null: nowhere, it has said what is wrong). False when that failed; what
    /// was written until then is of no use.
    template<class T>
    bool read(const std::string& name, const std::vector<hsize_t>& dims,
              const std::function<T*(const std::vector<hsize_t>&)>& place) const;
    /// One-dimensional; empty when the dataset is absent.
    template<class T>
    std::vector<T> list(const std::string& name) const {
        return hasChild(name) ? array<T>(name, {0}).values : std::vector<T>();
    }
    /// Fixed-length strings; empty when the dataset is absent.
    [[nodiscard]] std::vector<std::string> strings(const std::string& name) const;

    /// Says what is wrong with something in this group.
    void fail(const std::string& name, const std::string& why) const;
    [[nodiscard]] bool failed() const { return state_->failed(); }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    Handle openAttribute(const std::string& name) const;
    Handle openDataset(const std::string& name) const;

    Handle location_;
    std::string path_; ///< "" for the root
    ReadState* state_;
};

/// The root group of an existing file. Refuses what is not HDF5 with superblock version 2 or later (earlier
/// ones carry no checksums), and sealed files that changed. Fills `state`.
Outcome<Handle> openFile(const std::filesystem::path& path, ReadState& state);

} // namespace qroar::h5
