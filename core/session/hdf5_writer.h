// Writes groups, attributes and described datasets of a new HDF5 file. The first failure sticks and the rest
// is skipped, so that the code that lays out a session reads like the layout. Not here: what a session
// holds (session_save.cpp), atomic replacement (core/base/files.h).
#pragma once

#include "core/session/hdf5_handles.h"

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace qroar::h5 {

/// What h5dump or h5py show beside a dataset.
struct About {
    const char* units; ///< "1" for plain numbers
    const char* axes;  ///< "layer, pair"
    const char* description;
    const char* bands = nullptr; ///< edges of the bands that its last axis stands for: "0,4,9,16"
};

/// Shared by all writers of one file: the first thing that failed.
struct WriteState {
    std::string failed; ///< "/conditions/003/nll/values"; empty while all is well
};

class GroupWriter {
  public:
    GroupWriter(Handle location, std::string path, WriteState& state)
        : location_(std::move(location)), path_(std::move(path)), state_(&state) {}

    GroupWriter group(const std::string& name);
    void text(const std::string& name, const std::string& value);
    void integer(const std::string& name, long long value);
    void number(const std::string& name, double value);

    /// values are row-major [dims...]; large arrays are chunked, shuffled and deflated.
    template<class T>
    void array(const std::string& name, std::span<const T> values, const std::vector<hsize_t>& dims,
               const About& about) {
        write(name, storedType<T>(), sizeof(T), values.data(), dims, about);
    }
    /// One-dimensional; an empty list is left out.
    template<class T>
    void list(const std::string& name, const std::vector<T>& values, const About& about) {
        if (!values.empty()) array<T>(name, values, {values.size()}, about);
    }
    /// Fixed-length UTF-8 strings, padded with NUL to the longest.
    void strings(const std::string& name, const std::vector<std::string>& values, const About& about);

  private:
    void write(const std::string& name, hid_t fileType, std::size_t elementBytes, const void* values,
               const std::vector<hsize_t>& dims, const About& about);
    void fail(const std::string& name);
    [[nodiscard]] bool failed() const { return !state_->failed.empty(); }

    Handle location_;
    std::string path_; ///< "" for the root, else "/conditions/003"
    WriteState* state_;
};

/// Creates the file; an invalid handle when that fails. No time stamps inside: the same content gives the
/// same bytes.
Handle createFile(const std::filesystem::path& path);
/// The root group of a file, for GroupWriter.
Handle openRoot(const Handle& file);

/// Elements of each axis in one chunk: {1, .., 1, k, full, .., full}, so that a chunk is one stretch of the
/// row-major array, of about 256 KiB.
std::vector<hsize_t> chunkShape(const std::vector<hsize_t>& dims, std::size_t elementBytes);
inline constexpr std::size_t chunkTargetBytes = 256 * 1024;

} // namespace qroar::h5
