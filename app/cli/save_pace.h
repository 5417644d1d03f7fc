// When a long job writes what it has: after every unit of work, unless writing would take more than a tenth
// of the time. A job that is killed loses the unit in hand, and what was done in the last moments before it.
#pragma once

#include <chrono>
#include <limits>
#include <vector>

namespace qroar::cli {

class SavePace {
  public:
    [[nodiscard]] bool due() const { return Clock::now() - ended_ >= rest * took_; }
    /// Runs `save`, which is what takes time, and returns what it returns.
    template<class Save>
    auto timed(const Save& save) {
        const auto start = Clock::now();
        auto result = save();
        ended_ = Clock::now();
        took_ = ended_ - start;
        return result;
    }

    /// Seconds that saving takes of a job whose units take these seconds, in the order they are done: after
    /// each one that it is due, and at the end. `added` is what writing all that they add takes, `held` what
    /// writing what is there before them does, every time. Without units nothing is written.
    static double expected(const std::vector<double>& units, double added, double held = 0) {
        if (units.empty()) return 0;
        double now = 0, ended = -std::numeric_limits<double>::infinity(), took = 0, all = held + added;
        for (std::size_t done = 0; done < units.size(); ++done) {
            now += units[done];
            if (now - ended < rest * took) continue;
            took = held + added * static_cast<double>(done + 1) / static_cast<double>(units.size());
            all += took;
            now += took;
            ended = now;
        }
        return all;
    }

  private:
    static constexpr int rest = 9; ///< times what writing took
    using Clock = std::chrono::steady_clock;
    Clock::time_point ended_{};
    Clock::duration took_{0};
};

} // namespace qroar::cli
