#include "core/session/hdf5_writer.h"

#include "core/session/chunk_codec.h"

#include <algorithm>
#include <cstring>

namespace qroar::h5 {

namespace {

constexpr std::size_t smallBytes = 4096; // below this, chunks and filters cost more than they save

Handle textType(std::size_t bytes) {
    Handle made = type(H5Tcopy(H5T_C_S1));
    H5Tset_size(made.get(), std::max<std::size_t>(bytes, 1));
    H5Tset_cset(made.get(), H5T_CSET_UTF8);
    H5Tset_strpad(made.get(), H5T_STR_NULLPAD);
    return made;
}

bool writeAttribute(hid_t location, const std::string& name, hid_t valueType, const void* value) {
    const Handle scalar = space(H5Screate(H5S_SCALAR));
    const Handle made =
        attribute(H5Acreate2(location, name.c_str(), valueType, scalar.get(), H5P_DEFAULT, H5P_DEFAULT));
    return made && H5Awrite(made.get(), valueType, value) >= 0;
}

bool writeText(hid_t location, const std::string& name, const std::string& value) {
    const Handle stored = textType(value.size());
    return writeAttribute(location, name, stored.get(), value.c_str()); // "" is one NUL
}

Handle creationProperties(hid_t kind) {
    Handle made = properties(H5Pcreate(kind));
    H5Pset_obj_track_times(made.get(), false);
    return made;
}

} // namespace

std::vector<hsize_t> chunkShape(const std::vector<hsize_t>& dims, std::size_t elementBytes) {
    std::vector<hsize_t> shape(dims.size(), 1);
    hsize_t bytes = elementBytes;
    for (std::size_t axis = dims.size(); axis-- > 0;) {
        shape[axis] = std::clamp<hsize_t>(chunkTargetBytes / bytes, 1, dims[axis]);
        if (shape[axis] < dims[axis]) break;
        bytes *= dims[axis];
    }
    return shape;
}

Handle createFile(const std::filesystem::path& path) {
    const Handle access = properties(H5Pcreate(H5P_FILE_ACCESS));
    // The 1.10 format: its metadata carries checksums.
    H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110);
    const Handle creation = creationProperties(H5P_FILE_CREATE);
    return file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()));
}

Handle openRoot(const Handle& opened) {
    return group(H5Gopen2(opened.get(), "/", H5P_DEFAULT));
}

void GroupWriter::fail(const std::string& name) {
    if (!failed()) state_->failed = path_ + "/" + name;
}

GroupWriter GroupWriter::group(const std::string& name) {
    Handle made;
    if (!failed()) {
        const Handle creation = creationProperties(H5P_GROUP_CREATE);
        made = h5::group(H5Gcreate2(location_.get(), name.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT));
        if (!made) fail(name);
    }
    return {std::move(made), path_ + "/" + name, *state_};
}

void GroupWriter::text(const std::string& name, const std::string& value) {
    if (!failed() && !writeText(location_.get(), name, value)) fail(name);
}

void GroupWriter::integer(const std::string& name, long long value) {
    const std::int64_t stored = value;
    if (!failed() && !writeAttribute(location_.get(), name, storedType<std::int64_t>(), &stored)) fail(name);
}

void GroupWriter::number(const std::string& name, double value) {
    if (!failed() && !writeAttribute(location_.get(), name, storedType<double>(), &value)) fail(name);
}

void GroupWriter::strings(const std::string& name, const std::vector<std::string>& values,
                          const About& about) {
    if (values.empty() || failed()) return;
    std::size_t longest = 1;
    for (const std::string& value : values) longest = std::max(longest, value.size());
    std::vector<char> padded(longest * values.size(), '\0');
    for (std::size_t at = 0; at < values.size(); ++at)
        std::copy(values[at].begin(), values[at].end(), padded.begin() + static_cast<long>(at * longest));
    const Handle stored = textType(longest);
    write(name, stored.get(), longest, padded.data(), {values.size()}, about);
}

void GroupWriter::write(const std::string& name, hid_t fileType, std::size_t elementBytes, const void* values,
                        const std::vector<hsize_t>& dims, const About& about) {
    if (failed()) return;
    std::size_t bytes = elementBytes;
    for (const hsize_t dim : dims) bytes *= dim;
    const Handle extent = space(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr));
    const Handle creation = creationProperties(H5P_DATASET_CREATE);
    if (bytes > smallBytes) {
        const auto chunk = chunkShape(dims, elementBytes);
        H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data());
        H5Pset_shuffle(creation.get());
        H5Pset_deflate(creation.get(), deflateLevel);
    }
    const Handle made = dataset(H5Dcreate2(location_.get(), name.c_str(), fileType, extent.get(), H5P_DEFAULT,
                                           creation.get(), H5P_DEFAULT));
    const bool written =
        made && (bytes == 0 || H5Dwrite(made.get(), fileType, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    if (!written || !writeText(made.get(), "units", about.units) || !writeText(made.get(), "axes", about.axes)
        || !writeText(made.get(), "description", about.description)
        || (about.bands && !writeText(made.get(), "bands", about.bands)))
        fail(name);
}

} // namespace qroar::h5
