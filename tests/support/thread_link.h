// Ranks without MPI: threads of this process, each with a link to the others.
#pragma once

#include "core/ranks/ranks.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace qroar::test {

/// What the ranks write on, round by round.
class ThreadWire {
  public:
    explicit ThreadWire(int size) : slots_(static_cast<std::size_t>(size)) {}
    std::vector<std::string> exchange(int rank, const std::string& mine) {
        std::unique_lock lock(mutex_);
        if (aborted_) throw std::runtime_error("aborted");
        slots_[static_cast<std::size_t>(rank)] = mine;
        const int round = round_;
        if (++written_ == static_cast<int>(slots_.size())) {
            result_ = slots_;
            written_ = 0;
            ++round_;
            changed_.notify_all();
        }
        changed_.wait(lock, [&] { return round_ != round || aborted_; });
        if (round_ == round) throw std::runtime_error("aborted");
        return result_; // of this round: nobody can end the next one before all have left this one
    }
    void abort() {
        const std::lock_guard lock(mutex_);
        aborted_ = true;
        changed_.notify_all();
    }
    [[nodiscard]] bool aborted() const { return aborted_; }
    [[nodiscard]] int size() const { return static_cast<int>(slots_.size()); }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> slots_, result_;
    int written_ = 0, round_ = 0;
    bool aborted_ = false;
};

class ThreadLink final : public RankLink {
  public:
    ThreadLink(ThreadWire& wire, int rank) : wire_(wire), rank_(rank) {}
    [[nodiscard]] int rank() const override { return rank_; }
    [[nodiscard]] int size() const override { return wire_.size(); }
    std::vector<std::string> exchange(const std::string& mine) override {
        return wire_.exchange(rank_, mine);
    }
    std::vector<std::string> collect(const std::string& mine) override {
        auto all = wire_.exchange(rank_, mine);
        return rank_ == 0 ? all : std::vector<std::string>();
    }
    void abort(int) override { wire_.abort(); }

  private:
    ThreadWire& wire_;
    int rank_;
};

/// body(ranks) on `size` threads at once; true: nobody had to abort the others.
inline bool runRanks(int size, const std::function<void(Ranks&)>& body) {
    ThreadWire wire(size);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < size; ++rank)
        threads.emplace_back([&wire, &body, rank] {
            ThreadLink link(wire, rank);
            Ranks ranks(&link);
            try {
                body(ranks);
            } catch (const std::runtime_error&) { // aborted
            }
        });
    for (std::thread& thread : threads) thread.join();
    return !wire.aborted();
}

} // namespace qroar::test
