#include "core/ranks/ranks.h"

#include "core/ranks/bytes.h"

#include <algorithm>
#include <new>

namespace qroar {

struct Ranks::Report {
    std::string step;
    Status status = Done{};
    bool cancelAsked = false;
    double work = 0; ///< operations of this part
    std::string payload;
};

namespace {

constexpr const char* theEnd = "the end";

std::string of(int rank, int size) {
    return "rank " + std::to_string(rank) + " of " + std::to_string(size);
}

} // namespace

/// `parts`: in how many the work is cut.
Ranks::Report Ranks::run(const std::string& step, WorkMeter& meter, int parts, const Work& work) {
    Report mine{step, Done{}, false, 0, {}};
    if (alone()) {
        Outcome<std::string> part = work();
        if (!part)
            mine.status = part.error();
        else
            mine.payload = *std::move(part);
        return mine;
    }
    inShare_ = true;
    meter.beginShare(parts);
    try {
        Outcome<std::string> part = work();
        if (!part)
            mine.status = part.error();
        else
            mine.payload = *std::move(part);
    } catch (const std::bad_alloc&) { // the others wait
        mine.status =
            Error::outOfMemory("out of memory: use shorter contexts, fewer conditions or fewer documents");
    }
    mine.work = meter.shareWork();
    mine.cancelAsked = meter.cancelled();
    inShare_ = false;
    return mine;
}

/// Everybody's report to everybody: the parts, or the error that all of them get.
Outcome<std::vector<std::string>> Ranks::settle(const std::string& step, WorkMeter* meter, Report mine,
                                                bool onlyFirst) {
    if (alone()) {
        if (!mine.status) return mine.status.error();
        return std::vector<std::string>{std::move(mine.payload)};
    }
    if (outOfStep_) return *outOfStep_;
    Packer packer;
    packer.put(mine.step);
    packer.put(mine.cancelAsked);
    packer.put(mine.work);
    packer.put(mine.status.ok());
    packer.put(mine.status ? ErrorCode::BadInput : mine.status.error().code);
    packer.put(mine.status ? std::string() : mine.status.error().message);
    packer.put(onlyFirst ? std::string() : mine.payload);
    double work = 0;
    std::vector<std::string> parts;
    std::vector<std::pair<int, Error>> errors, strangers; ///< of ranks at this step; of those at another one
    for (const std::string& bytes : link_->exchange(packer.take())) {
        Unpacker unpacker(bytes);
        const int from = static_cast<int>(parts.size());
        const std::string theirs = unpacker.text();
        if (unpacker.get<bool>()) cancelAgreed_ = true;
        work += unpacker.get<double>();
        const bool fine = unpacker.get<bool>();
        const auto code = unpacker.get<ErrorCode>();
        const std::string message = unpacker.text();
        if (!fine) errors.emplace_back(from, Error{code, message});
        parts.push_back(unpacker.text());
        if (theirs != step || unpacker.bad())
            strangers.emplace_back(from,
                                   Error::bad("out of step: expected \"" + step + "\", found \"" + theirs
                                              + "\": the ranks do not run the same program and inputs"));
    }
    if (meter) meter->endShare(work);
    const bool apart = !strangers.empty();
    errors.insert(errors.end(), strangers.begin(), strangers.end()); // what a rank met says more
    if (errors.empty() && onlyFirst) return link_->collect(mine.payload);
    if (errors.empty()) return parts;
    const auto real = std::find_if(errors.begin(), errors.end(),
                                   [](const auto& one) { return one.second.code != ErrorCode::Cancelled; });
    if (real == errors.end()) {
        cancelAgreed_ = true;
        return Error::cancelled();
    }
    const bool everywhere = static_cast<int>(errors.size()) == size()
                            && std::all_of(errors.begin(), errors.end(), [&](const auto& one) {
                                   return one.second.message == real->second.message;
                               });
    const Error found = everywhere ? real->second : real->second.in(of(real->first, size()));
    if (apart) outOfStep_ = found;
    return found;
}

Outcome<std::vector<std::string>> Ranks::share(const std::string& step, WorkMeter& meter, const Work& work) {
    if (outOfStep_) return *outOfStep_;
    Report mine = run(step, meter, size(), work);
    return settle(step, &meter, std::move(mine), false);
}

Outcome<std::vector<std::string>> Ranks::shareToFirst(const std::string& step, WorkMeter& meter,
                                                      const Work& work) {
    if (outOfStep_) return *outOfStep_;
    Report mine = run(step, meter, size(), work);
    return settle(step, &meter, std::move(mine), true);
}

Status Ranks::together(const std::string& step, ProgressSink& sink, const std::function<Status()>& work) {
    WorkMeter meter(sink, 1);
    return together(step, meter, work);
}

Status Ranks::together(const std::string& step, WorkMeter& meter, const std::function<Status()>& work) {
    if (alone()) return work();
    if (outOfStep_) return *outOfStep_;
    Report mine = run(step, meter, 1, [&]() -> Outcome<std::string> {
        const Status done = work();
        return done ? Outcome<std::string>(std::string()) : Outcome<std::string>(done.error());
    });
    const double own = mine.work;
    const auto parts = settle(step, nullptr, std::move(mine), false);
    meter.endShare(own);
    if (!parts) return parts.error();
    return Done{};
}

Status Ranks::agree(const std::string& step, const Status& mine) {
    if (alone()) return mine;
    const auto parts = settle(step, nullptr, Report{step, mine, false, 0, {}}, false);
    if (!parts) return parts.error();
    return Done{};
}

namespace {

Ranks::Inputs unpacked(const std::string& bytes) {
    Unpacker from(bytes);
    Ranks::Inputs inputs;
    while (!from.atEnd()) {
        std::string what = from.text();
        inputs.emplace_back(std::move(what), from.text());
    }
    return inputs;
}

/// The value of that name in quotes; "nothing" where there is none.
std::string wordsOf(const Ranks::Inputs& inputs, const std::string& what) {
    const auto found =
        std::find_if(inputs.begin(), inputs.end(), [&](const auto& one) { return one.first == what; });
    return found == inputs.end() ? "nothing" : "\"" + found->second + "\"";
}

} // namespace

Status Ranks::agreeOn(const Inputs& mine) {
    if (alone()) return Done{};
    Packer packer;
    for (const auto& [what, value] : mine) {
        packer.put(what);
        packer.put(value);
    }
    const std::string step = "inputs";
    const auto all = settle(step, nullptr, Report{step, Done{}, false, 0, packer.take()}, false);
    if (!all) return all.error();
    const Inputs first = unpacked(all->front());
    for (std::size_t at = 1; at < all->size(); ++at) {
        const Inputs theirs = unpacked((*all)[at]);
        for (const Inputs* named : {&first, &theirs})
            for (const auto& [what, value] : *named) {
                const std::string expected = wordsOf(first, what), found = wordsOf(theirs, what);
                if (expected != found)
                    return Error::bad(what + ": expected the same on all ranks, found " + expected
                                      + " on rank 0 and " + found + " on "
                                      + of(static_cast<int>(at), size()));
            }
    }
    return Done{};
}

Status Ranks::farewell(const Status& mine, const std::function<void(const Error&)>& tell) {
    if (alone()) return Done{};
    Status all = outOfStep_ ? Status(*outOfStep_) : Status(Done{});
    if (!outOfStep_) {
        const auto parts = settle(theEnd, nullptr, Report{theEnd, mine, false, 0, {}}, false);
        if (parts) return Done{};
        all = parts.error();
    }
    if (mine && tell) tell(all.error()); // else it has told its own
    link_->exchange({});
    return all;
}

void Ranks::abort(int exitCode) {
    if (link_) link_->abort(exitCode);
}

std::vector<std::string> Ranks::exchange(const std::string& mine) {
    return alone() ? std::vector<std::string>{mine} : link_->exchange(mine);
}

WindowBlocks::WindowBlocks(std::size_t windowCount, std::size_t unit) : windows(windowCount) {
    const std::size_t most = std::max<std::size_t>(unit, 1) * mostBlocks;
    perBlock = std::max<std::size_t>(unit, 1) * std::max<std::size_t>(1, (windows + most - 1) / most);
}

WindowBlocks::Range WindowBlocks::of(int rank, int size) const {
    const auto edge = [&](int at) {
        return std::min(windows,
                        count() * static_cast<std::size_t>(at) / static_cast<std::size_t>(size) * perBlock);
    };
    const std::size_t begin = edge(rank), end = rank + 1 == size ? windows : edge(rank + 1);
    return {begin, end - begin};
}

double WindowBlocks::largestShare(int size) const {
    std::size_t most = 0;
    for (int rank = 0; rank < size; ++rank) most = std::max(most, of(rank, size).count);
    return windows == 0 ? 1 : static_cast<double>(most) / static_cast<double>(windows);
}

} // namespace qroar
