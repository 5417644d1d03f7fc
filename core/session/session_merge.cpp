#include "core/session/session_merge.h"

#include "core/session/search_record.h"
#include "core/session/what_if.h"

#include <algorithm>

namespace qroar {

namespace {

Status checkSameRun(const Session& mine, const Session& theirs) {
    if (mine.modelFingerprint != theirs.modelFingerprint)
        return Error::bad("expected model " + mine.modelFingerprint + ", found " + theirs.modelFingerprint);
    const auto sameText = [](const SessionDocument& a, const SessionDocument& b) {
        return a.fingerprint == b.fingerprint;
    };
    if (!std::equal(mine.documents.begin(), mine.documents.end(), theirs.documents.begin(),
                    theirs.documents.end(), sameText))
        return Error::bad("expected the same " + std::to_string(mine.documents.size())
                          + " documents, found others");
    if (mine.maxWindows != theirs.maxWindows)
        return Error::bad("expected a window limit of " + std::to_string(mine.maxWindows) + ", found "
                          + std::to_string(theirs.maxWindows));
    return Done{};
}

/// The condition of both: mine, with what only the other one has.
std::shared_ptr<const ConditionResult> together(const std::shared_ptr<const ConditionResult>& mine,
                                                const ConditionResult& theirs) {
    const bool divergence = mine->divergence.empty() && !theirs.divergence.empty();
    const bool sensitivity = mine->sensitivity.empty() && !theirs.sensitivity.empty();
    const bool noise = mine->noise.empty() && !theirs.noise.empty();
    const bool damage = mine->damage.empty() && !theirs.damage.empty();
    if (!divergence && !sensitivity && !noise && !damage) return mine;
    auto both = std::make_shared<ConditionResult>(*mine);
    if (divergence) {
        both->divergence = theirs.divergence;
        both->reference = theirs.reference;
    }
    if (sensitivity) both->sensitivity = theirs.sensitivity;
    if (noise) both->noise = theirs.noise;
    if (damage) both->damage = theirs.damage;
    return both;
}

void mergeConditions(Session& merged, const Session* base, const Session& theirs) {
    for (const auto& other : theirs.conditions) {
        const auto own = merged.find(other->key);
        const auto before = base ? base->find(other->key) : nullptr;
        if (!own && before) continue; // taken out
        if (!own || own == before)
            merged.put(other);
        else
            merged.put(together(own, *other));
    }
}

const std::string& nameOf(const std::shared_ptr<const SearchRecord>& record) {
    return record->scales.name;
}
const std::string& nameOf(const std::shared_ptr<const WhatIf>& whatIf) {
    return whatIf->scales.name;
}

/// `later` is `earlier` gone on with, or the same.
bool continues(const SearchRecord& later, const SearchRecord& earlier) {
    if (!(later.settings == earlier.settings) || later.trials.size() < earlier.trials.size()) return false;
    return std::equal(earlier.trials.begin(), earlier.trials.end(), later.trials.begin(),
                      [](const SearchTrial& a, const SearchTrial& b) {
                          return a.kind == b.kind && a.theta == b.theta && a.objective == b.objective;
                      });
}
/// A what-if that is measured later keeps its gains.
bool continues(const WhatIf& later, const WhatIf& earlier) {
    return later.scales.gains == earlier.scales.gains && later.created == earlier.created;
}

template<class T>
using List = std::vector<std::shared_ptr<const T>>;

template<class T>
std::shared_ptr<const T> named(const List<T>& list, const std::string& name) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const auto& one) { return nameOf(one) == name; });
    return found == list.end() ? nullptr : *found;
}

template<class T>
void rename(List<T>& list, const std::string& from, const std::string& to) {
    for (auto& one : list)
        if (nameOf(one) == from) {
            auto copy = std::make_shared<T>(*one);
            copy->scales.name = to;
            one = std::move(copy);
        }
}

std::string freeName(const Session& mine, const Session& theirs, const std::string& wanted) {
    for (int number = 2;; ++number) {
        std::string name = wanted + "-" + std::to_string(number);
        if (!scalesNamed(mine, name).scales && !scalesNamed(theirs, name).scales) return name;
    }
}

/// What mine added under a name that means something else in `theirs` gets another one.
template<class T>
void renameClashes(Session& merged, List<T> Session::*list, const Session* base, const Session& theirs,
                   ScalesRenames& renames) {
    for (const auto& one : List<T>(merged.*list)) {
        const std::string name = nameOf(one);
        if (base && named((*base).*list, name)) continue; // theirs is of the same origin
        const auto same = named(theirs.*list, name);
        if (same ? continues(*one, *same) || continues(*same, *one) : !scalesNamed(theirs, name).scales)
            continue;
        renames[name] = freeName(merged, theirs, name);
        rename(merged.*list, name, renames[name]);
    }
}

template<class T>
void mergeLists(Session& merged, List<T> Session::*list, const Session* base, const Session& theirs) {
    for (const auto& other : theirs.*list) {
        const auto own = named(merged.*list, nameOf(other));
        const auto before = base ? named((*base).*list, nameOf(other)) : nullptr;
        if (!own && before) continue; // taken out
        if (!own) {
            (merged.*list).push_back(other);
        } else if (own == before || (!continues(*own, *other) && continues(*other, *own))) {
            std::replace((merged.*list).begin(), (merged.*list).end(), own, other); // they went on with it
        }
    }
}

} // namespace

Outcome<Session> mergeSessions(const Session& mine, const Session* base, const Session& theirs,
                               ScalesRenames& renames) {
    if (Status same = checkSameRun(mine, theirs); !same) return same.error();
    Session merged = mine;
    for (const auto& [from, to] : renames) {
        rename(merged.searches, from, to);
        rename(merged.whatIfs, from, to);
    }
    renameClashes(merged, &Session::searches, base, theirs, renames);
    renameClashes(merged, &Session::whatIfs, base, theirs, renames);
    mergeConditions(merged, base, theirs);
    mergeLists(merged, &Session::searches, base, theirs);
    mergeLists(merged, &Session::whatIfs, base, theirs);
    return merged;
}

} // namespace qroar
