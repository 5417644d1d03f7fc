// When a long job writes what it has: after every unit of work, unless writing would take more than a tenth
// of the time. A job that is killed loses the unit in hand, and what was done in the last moments before it.
#pragma once

#include <chrono>

namespace qroar::cli {

class SavePace {
  public:
    [[nodiscard]] bool due() const { return Clock::now() - ended_ >= 9 * took_; }
    /// Runs `save`, which is what takes time, and returns what it returns.
    template<class Save>
    auto timed(const Save& save) {
        const auto start = Clock::now();
        auto result = save();
        ended_ = Clock::now();
        took_ = ended_ - start;
        return result;
    }

  private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point ended_{};
    Clock::duration took_{0};
};

} // namespace qroar::cli
