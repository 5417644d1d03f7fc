// HDF5 identifiers that close themselves, and silence for HDF5's own error printing. Private to this room:
// nobody else includes hdf5.h. Not here: reading and writing (hdf5_reader.h, hdf5_writer.h).
#pragma once

#include <hdf5.h>

#include <bit>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace qroar::h5 {

static_assert(std::endian::native == std::endian::little, "chunks are decoded as little-endian");

/// Owns one identifier; `close` is the H5?close function of its kind.
class Handle {
  public:
    Handle() = default;
    Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
    Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
    Handle& operator=(Handle&& other) noexcept {
        std::swap(id_, other.id_);
        std::swap(close_, other.close_);
        return *this;
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() { (void)reset(); }

    [[nodiscard]] hid_t get() const { return id_; }
    explicit operator bool() const { return id_ >= 0; }
    /// Closes now; false when that failed (a file whose last bytes cannot be written).
    bool reset() {
        if (id_ < 0) return true;
        return close_(std::exchange(id_, -1)) >= 0;
    }

  private:
    hid_t id_ = -1;
    herr_t (*close_)(hid_t) = nullptr;
};

inline Handle file(hid_t id) {
    return {id, H5Fclose};
}
inline Handle group(hid_t id) {
    return {id, H5Gclose};
}
inline Handle dataset(hid_t id) {
    return {id, H5Dclose};
}
inline Handle attribute(hid_t id) {
    return {id, H5Aclose};
}
inline Handle space(hid_t id) {
    return {id, H5Sclose};
}
inline Handle type(hid_t id) {
    return {id, H5Tclose};
}
inline Handle properties(hid_t id) {
    return {id, H5Pclose};
}

/// While it lives, HDF5 prints nothing: our own messages say what went wrong. To be made before anything else
/// of HDF5 is used: the first one also switches off the clean-up that HDF5 1.10 runs at exit, which prints
/// "infinite loop closing library" when an object with damaged metadata was refused (it leaks a few bytes
/// then; files and their descriptors are closed all the same, and everything written is closed by us).
class QuietErrors {
  public:
    QuietErrors() {
        static const herr_t once = H5dont_atexit();
        (void)once;
        H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    }
    ~QuietErrors() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }
    QuietErrors(const QuietErrors&) = delete;
    QuietErrors& operator=(const QuietErrors&) = delete;

  private:
    H5E_auto2_t function_ = nullptr;
    void* data_ = nullptr;
};

/// The type a number has in the file: always little-endian, so that files do not depend on the machine.
template<class T>
hid_t storedType() {
    if constexpr (std::is_same_v<T, double>)
        return H5T_IEEE_F64LE;
    else if constexpr (std::is_same_v<T, float>)
        return H5T_IEEE_F32LE;
    else if constexpr (std::is_same_v<T, std::int64_t>)
        return H5T_STD_I64LE;
    else if constexpr (std::is_same_v<T, std::uint32_t>)
        return H5T_STD_U32LE;
    else {
        static_assert(std::is_same_v<T, std::int32_t>, "no stored type for this");
        return H5T_STD_I32LE;
    }
}

} // namespace qroar::h5
