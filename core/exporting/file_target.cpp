#include "core/exporting/file_target.h"

namespace qroar {

Outcome<std::filesystem::path> checkFileTarget(const ExportRequest& request, const char* suffix) {
    std::error_code ignored;
    const auto target = std::filesystem::absolute(request.target, ignored).lexically_normal();
    if (target.extension() != suffix)
        return Error::bad(target.string() + ": expected a file name that ends in " + suffix);
    if (std::filesystem::is_directory(target, ignored))
        return Error::bad(target.string() + ": expected a file name, found a folder");
    if (std::filesystem::exists(target, ignored)) {
        if (!request.replace) return Error::bad(target.string() + " exists; --force replaces it");
        if (std::filesystem::equivalent(target, request.model->path(), ignored))
            return Error::bad(target.string() + " is the model itself: export into another file");
    }
    if (!std::filesystem::is_directory(target.parent_path(), ignored))
        return Error::notFound(target.parent_path().string() + ": no such folder");
    return target;
}

ExportedFile fileOf(const std::filesystem::path& target) {
    std::error_code ignored;
    return {target.filename().string(), std::filesystem::file_size(target, ignored), {}};
}

} // namespace qroar
