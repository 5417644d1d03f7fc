#include "core/session/scales_file.h"

#include "core/base/strings.h"
#include "core/session/document_storage.h"
#include "core/session/search_storage.h"
#include "core/session/session_checks.h"
#include "core/session/session_layout.h"

#include <algorithm>
#include <limits>
#include <new>

namespace qroar {

namespace {

/// The shape of the session's model: all that gains need.
ModelConfig readShape(const h5::GroupReader& from) {
    ModelConfig model;
    for (const auto& field : layout::modelIntegers)
        model.*field.member =
            static_cast<int>(from.integer(field.name, field.least, std::numeric_limits<int>::max()));
    if (Status fine = checkModel(model); !from.failed() && !fine) from.fail("", fine.error().message);
    return model;
}

/// Those of a search, or of a what-if: its gains were set by somebody who saw what they did to its documents.
StoredScales readStored(const h5::GroupReader& from, const ModelConfig& model) {
    const bool search = from.hasChild("trials");
    return {readScales(from, model), readDocuments(from.group("documents")),
            search ? from.list<std::int32_t>("contexts")
                   : std::vector<int>{static_cast<int>(from.integer("context", 2, mostContext))},
            search ? from.flag("finished") : true};
}

StoredScales findScales(const h5::GroupReader& root, const std::string& name) {
    const ModelConfig model = readShape(root.group("model"));
    std::string known;
    for (const char* kind : {"searches", "what_ifs"}) {
        if (root.failed() || !root.hasChild(kind)) continue;
        const h5::GroupReader all = root.group(kind);
        const long long count = all.integer("count", 1, 1 << 16);
        std::string names;
        for (long long index = count - 1; index >= 0 && !root.failed(); --index) {
            const h5::GroupReader one = all.group(layout::numbered(static_cast<std::size_t>(index)));
            const std::string found = one.text("name");
            if (name.empty() || found == name) return readStored(one, model);
            names = found + (names.empty() ? "" : ", " + names);
        }
        known += (known.empty() ? "" : ", ") + names;
    }
    if (root.failed()) return {};
    if (known.empty())
        root.fail("searches", "expected the scales of a search or a what-if, found none");
    else
        root.fail("searches", "expected scales named '" + name + "', found " + known);
    return {};
}

} // namespace

Outcome<StoredScales> loadScales(const std::filesystem::path& path, const std::string& name) {
    const h5::QuietErrors quiet;
    h5::ReadState state;
    auto file = h5::openFile(path, state);
    if (!file) return file.error();
    try {
        const h5::GroupReader root(h5::group(H5Gopen2(file->get(), "/", H5P_DEFAULT)), "", state);
        StoredScales found = findScales(root, name);
        if (state.error) return *state.error;
        const ScaleSet& scales = found.scales;
        for (const std::vector<double>* gains : {&scales.gains.q, &scales.gains.k})
            for (const double gain : *gains)
                if (!(gain > 0 && gain <= std::numeric_limits<double>::max()))
                    return Error::bad(path.string() + ": scales '" + scales.name
                                      + "': expected positive finite gains");
        return found;
    } catch (const std::bad_alloc&) {
        return Error::outOfMemory(path.string() + ": not enough memory to read its scales");
    }
}

Outcome<StoredScales> loadScalesFrom(const std::string& text) {
    std::error_code ignored;
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0 || std::filesystem::exists(text, ignored))
        return loadScales(text);
    return loadScales(text.substr(0, colon), text.substr(colon + 1));
}

Status checkScalesName(const std::string& name) {
    const auto bad = [](char c) { return c == ':' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (trim(name).empty() || std::any_of(name.begin(), name.end(), bad))
        return Error::bad("name of scales '" + name
                          + "': expected a name that is not blank and has neither colons nor control "
                            "characters, so that --scales run.h5:NAME can say it");
    return Done{};
}

} // namespace qroar
