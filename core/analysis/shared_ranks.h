// The ranks of a plan, and where its windows are among all of them. Private to this room.
#pragma once

#include "core/analysis/analysis.h"
#include "core/ranks/ranks.h"

namespace qroar {

/// Those of the plan, or this process alone.
class SharedRanks {
  public:
    explicit SharedRanks(const AnalysisPlan& plan) : ranks_(plan.ranks ? plan.ranks : &alone_) {}
    SharedRanks(const SharedRanks&) = delete;
    SharedRanks& operator=(const SharedRanks&) = delete;
    Ranks& operator*() const { return *ranks_; }
    Ranks* operator->() const { return ranks_; }

  private:
    Ranks alone_;
    Ranks* ranks_;
};

/// For every document the number of its first window among all (of the next one that has any, without).
std::vector<std::size_t> firstWindows(const std::vector<Document>& documents,
                                      const std::vector<Window>& windows);

} // namespace qroar
