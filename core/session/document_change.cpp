#include "core/session/document_change.h"

#include "core/base/strings.h"

#include <algorithm>

namespace qroar {

namespace {

const SessionDocument* named(const std::vector<SessionDocument>& documents, const std::string& name) {
    const auto found = std::find_if(documents.begin(), documents.end(),
                                    [&name](const SessionDocument& one) { return one.name == name; });
    return found == documents.end() ? nullptr : &*found;
}

bool holds(const std::vector<SessionDocument>& documents, const SessionDocument& wanted) {
    return std::any_of(documents.begin(), documents.end(), [&wanted](const SessionDocument& one) {
        return one.fingerprint == wanted.fingerprint;
    });
}

} // namespace

std::string documentChange(const std::vector<SessionDocument>& earlier,
                           const std::vector<SessionDocument>& now) {
    for (const SessionDocument& was : earlier) {
        if (holds(now, was)) continue;
        const SessionDocument* is = named(now, was.name);
        if (!is) return was.name + " is not among them now";
        return was.name + " has changed since: " + formatCount(was.tokens) + " tokens then, "
               + formatCount(is->tokens) + " now" + (was.tokens == is->tokens ? ", not the same ones" : "");
    }
    for (const SessionDocument& is : now)
        if (!holds(earlier, is)) return is.name + " was not among them";
    const bool same = std::equal(earlier.begin(), earlier.end(), now.begin(), now.end(),
                                 [](const SessionDocument& was, const SessionDocument& is) {
                                     return was.fingerprint == is.fingerprint;
                                 });
    return same ? "" : "the same ones in another order";
}

} // namespace qroar
