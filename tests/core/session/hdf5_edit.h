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

} // namespace qroar::test
