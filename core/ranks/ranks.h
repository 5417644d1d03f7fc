// Ranks: one job on several processes that all run the same program on the same inputs, step by step
// together (SPMD). What is dear, passes over windows, is shared: each rank computes some of them and all of
// them see all results, in the order of the windows, so that every rank goes on with the same numbers and
// takes the same turns. Errors and cancellations are agreed on at the end of every share: all ranks end with
// the same one. Ranks that find that they are not at the same step have nothing more to say to each other:
// all of them get an error, the steps to come fail at once, and each goes to farewell(). A process that was
// started alone is the only rank: nothing is exchanged. Not here: the wire (rank_link.h), who prints and
// writes files (rank 0: app/cli).
//
// Why the numbers are those of one process, bit for bit: shares are runs of whole blocks of windows, and
// blocks depend on the windows alone (WindowBlocks); whatever is summed over windows is summed inside a block
// first, and blocks are added in their order, by one process as well as by many.
#pragma once

#include "core/base/outcome.h"
#include "core/base/progress.h"
#include "core/base/work_meter.h"
#include "core/ranks/rank_link.h"

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace qroar {

class Ranks {
  public:
    /// `link` null: this process alone; else it must outlive this.
    explicit Ranks(RankLink* link = nullptr) : link_(link && link->size() > 1 ? link : nullptr) {}
    Ranks(const Ranks&) = delete;
    Ranks& operator=(const Ranks&) = delete;

    [[nodiscard]] bool alone() const { return !link_; }
    [[nodiscard]] int size() const { return link_ ? link_->size() : 1; }
    [[nodiscard]] int rank() const { return link_ ? link_->rank() : 0; }
    [[nodiscard]] bool first() const { return rank() == 0; } ///< the one that prints and writes

    using Work = std::function<Outcome<std::string>()>;
    /// Collective: every rank does its part and packs it; all ranks get all parts, by rank. Where one of them
    /// fails, all get its error (that of the lowest rank, cancellations last), with its rank. Alone: the one
    /// part. `step` names the share in the message that says that ranks are not at the same one.
    Outcome<std::vector<std::string>> share(const std::string& step, WorkMeter& meter, const Work& work);
    /// The same for what only rank 0 needs: the others get no parts.
    Outcome<std::vector<std::string>> shareToFirst(const std::string& step, WorkMeter& meter,
                                                   const Work& work);
    /// Collective: what every rank does by itself and all must have done. `cancelled` of `sink` is heard
    /// inside.
    Status together(const std::string& step, ProgressSink& sink, const std::function<Status()>& work);
    Status together(const std::string& step, WorkMeter& meter, const std::function<Status()>& work);
    /// Collective: how each of them came out of something that only concerns itself; all get an error of any.
    Status agree(const std::string& step, const Status& mine);
    /// What a rank works on, each thing under a name of its own: a fingerprint, a word.
    using Inputs = std::vector<std::pair<std::string, std::string>>;
    /// Collective: all ranks have the same things; else an error that names the first that differs, what was
    /// found and where ("nothing": a rank has none of that name).
    Status agreeOn(const Inputs& mine);
    /// Collective, without errors: the texts of all ranks, by rank.
    std::vector<std::string> exchange(const std::string& mine);

    /// Collective: the last step of every rank; `mine` is the error it ends with. An error that rank 0 has
    /// not met itself (of a rank that ended by itself, or ranks out of step) is handed to `tell`; no rank
    /// leaves before all have told: the end of one can be the end of the job. An error where any rank has
    /// one; alone: none.
    Status farewell(const Status& mine, const std::function<void(const Error&)>& tell);
    /// Ends all ranks now, after something that must not happen.
    void abort(int exitCode);

    /// Ranks on this machine, this one included, as main() found.
    [[nodiscard]] int onThisMachine() const { return onThisMachine_; }
    void setOnThisMachine(int count) { onThisMachine_ = count; }

    /// While a share is computed, each rank hears its own user; between shares all of them act on what was
    /// agreed on.
    [[nodiscard]] bool inShare() const { return inShare_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool cancelAgreed() const { return cancelAgreed_.load(std::memory_order_relaxed); }

  private:
    struct Report; ///< how one rank's part went
    [[nodiscard]] Report run(const std::string& step, WorkMeter& meter, int parts, const Work& work);
    Outcome<std::vector<std::string>> settle(const std::string& step, WorkMeter* meter, Report mine,
                                             bool onlyFirst);

    RankLink* link_;
    std::atomic<bool> inShare_{false}, cancelAgreed_{false};
    int onThisMachine_ = 1;
    std::optional<Error> outOfStep_; ///< from then on nothing is exchanged but the farewell
};

/// What the engine of each rank sees of the user: progress is shown by rank 0, and a cancellation counts from
/// the moment on that all ranks know of it (inside a share: at once).
class RankProgress final : public ProgressSink {
  public:
    RankProgress(ProgressSink& inner, const Ranks& ranks) : inner_(inner), ranks_(ranks) {}
    void report(const Progress& progress) override {
        if (ranks_.first()) inner_.report(progress);
    }
    [[nodiscard]] bool cancelled() const override {
        if (ranks_.alone()) return inner_.cancelled();
        return ranks_.cancelAgreed() || (ranks_.inShare() && inner_.cancelled());
    }

  private:
    ProgressSink& inner_;
    const Ranks& ranks_;
};

/// Windows of a pass, cut into blocks of whole units (windows that must stay together: BatchCut): at most 32,
/// so that what is summed per block stays small. Depends on nothing else.
struct WindowBlocks {
    static constexpr std::size_t mostBlocks = 32;
    std::size_t windows = 0, perBlock = 1;
    WindowBlocks() = default;
    WindowBlocks(std::size_t windowCount, std::size_t unit);
    [[nodiscard]] std::size_t count() const { return (windows + perBlock - 1) / perBlock; }
    struct Range {
        std::size_t first = 0, count = 0;
    };
    /// The windows of a rank: a run of whole blocks.
    [[nodiscard]] Range of(int rank, int size) const;
    [[nodiscard]] Range of(const Ranks& ranks) const { return of(ranks.rank(), ranks.size()); }
    /// The part of all windows that the busiest of `size` ranks has: what a pass takes.
    [[nodiscard]] double largestShare(int size) const;
};

} // namespace qroar
