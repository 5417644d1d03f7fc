// Changing a session file behind the program's back.
#pragma once

#include <hdf5.h>

#include <vector>

namespace qroar::test {

/// Sets value `at` of a dataset, counted flat.
template<class T>
void overwrite(hid_t file, const char* name, hid_t memoryType, std::size_t at, T value) {
    const hid_t made = H5Dopen2(file, name, H5P_DEFAULT);
    const hid_t space = H5Dget_space(made);
    std::vector<T> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
    H5Dread(made, memoryType, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    values.at(at) = value;
    H5Dwrite(made, memoryType, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Sclose(space);
    H5Dclose(made);
}

inline hid_t spaceOf(const std::vector<hsize_t>& dims) {
    return H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr);
}

/// Replaces dataset `name` of `file` by one of another type and shape, filled with `fill` bytes.
inline void replace(hid_t file, const char* name, hid_t type, const std::vector<hsize_t>& dims,
                    unsigned char fill, hid_t creation = H5P_DEFAULT, bool write = true) {
    if (H5Lexists(file, name, H5P_DEFAULT) > 0) H5Ldelete(file, name, H5P_DEFAULT);
    const hid_t space = spaceOf(dims);
    const hid_t made = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    std::size_t bytes = H5Tget_size(type);
    for (const hsize_t dim : dims) bytes *= dim;
    if (write) {
        const std::vector<unsigned char> data(bytes, fill);
        H5Dwrite(made, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data.data());
    }
    H5Dclose(made);
    H5Sclose(space);
}

inline void setInteger(hid_t file, const char* object, const char* name, long long value) {
    const hid_t group = H5Gopen2(file, object, H5P_DEFAULT);
    const hid_t attribute = H5Aopen(group, name, H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_LLONG, &value);
    H5Aclose(attribute);
    H5Gclose(group);
}

} // namespace qroar::test
